"""A player of files: the page that `divisi separate` writes beside the stems."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from ..audio.audio import AudioFile
from ..audio.recordings import Recording
from ..audio.resampling import ResampleStream
from ..audio.track import AudioError
from ..files import replaced_atomically
from .embedding import LOUDEST, encode_blocks
from .player_page import PEAKS, ScoreView, levels, page, percent, row

LOSSLESS = 1 << 25  # bytes of 16-bit samples; a recording with more becomes Opus
COMPRESSED_RATE = 24_000  # Hz
KILOBITS = 88.0  # per second, of all stems and the recording together; base64 adds a third
LEAST_KILOBITS = 6.0  # of one stem

Blocks = Callable[[], Iterable[np.ndarray]]


def write_player(
    path: Path,
    recording: Recording,
    stems: Mapping[str, Path],
    *,
    gain: float = 1.0,
    title: str | None = None,
    remark: str = "",
    details: Mapping[str, str] | None = None,
    score: ScoreView | None = None,
) -> Path:
    """Write a page that plays the stems of a recording, atomically; only its text is in memory.

    stems: files of the recording's rate, channels and length, by name. gain: what the stems were
    multiplied by; the recording is played with it too. title: by default the recording's name.
    remark, details, score: as for `StemPlayer`.

    The sound is 16-bit FLAC up to `LOSSLESS`. A longer recording becomes mono Opus at 24 kHz, less
    than 1 MB of page a minute for up to ten stems, and the page says so. A browser decodes all of
    it: 6 MB of memory a minute for each stem and the recording.
    Raises AudioError for a stem that cannot be read or has another length.
    """
    score, details = score or ScoreView(), details or {}
    parts: dict[str, Blocks] = {"mixture": partial(_louder, recording.blocks, gain)}
    parts.update({name: partial(_file_blocks, file) for name, file in stems.items()})
    peaks = {name: _peaks(name, blocks(), recording.frames) for name, blocks in parts.items()}
    loudest = max(float(np.abs(ends).max(initial=0.0)) for ends in peaks.values())
    lower = min(1.0, LOUDEST / loudest) if loudest else 1.0
    size = 2 * len(parts) * min(recording.channels, 2) * recording.frames
    encode = _compressed if size > LOSSLESS else _lossless
    rows = [
        row(
            name,
            encode(blocks(), recording, lower, len(parts)),
            percent(*peaks[name], loudest),
            mixture=name == "mixture",
            detail=details.get(name, ""),
            notes=score.notes.get(name, ()),
        )
        for name, blocks in parts.items()
    ]
    piece = {
        "sampleRate": COMPRESSED_RATE if size > LOSSLESS else recording.sample_rate,
        "seconds": recording.seconds,
        "rows": rows,
        **score.piece(),
    }
    text = page(title or recording.path.stem, _note(recording, size, gain * lower, remark), piece)
    with replaced_atomically(path) as draft:
        draft.write_text(text, encoding="utf-8", errors="replace")  # names that are not UTF-8
    return path


def page_bytes(seconds: float, samples: int, stems: int) -> float:
    """The most that sound and waveforms take in a page. samples: of all channels.

    base64 makes four bytes of three; each pair of peaks takes ten bytes at most.
    """
    size = 2 * (stems + 1) * samples
    kilobits = max(KILOBITS, LEAST_KILOBITS * (stems + 1))
    sound = size if size <= LOSSLESS else 125 * kilobits * seconds
    return 4 / 3 * sound + 10 * PEAKS * (stems + 1)


def _lossless(blocks: Iterable[np.ndarray], recording: Recording, gain: float, _: int) -> str:
    return encode_blocks(blocks, recording.sample_rate, recording.channels, gain)


def _compressed(blocks: Iterable[np.ndarray], recording: Recording, gain: float, rows: int) -> str:
    kilobits = max(LEAST_KILOBITS, KILOBITS / rows)
    mono = _resampled(blocks, recording.sample_rate)
    return encode_blocks(mono, COMPRESSED_RATE, 1, gain, "Opus", kilobits)


def _resampled(blocks: Iterable[np.ndarray], sample_rate: int) -> Iterator[np.ndarray]:
    """Mono blocks at COMPRESSED_RATE."""
    stream = ResampleStream(sample_rate, COMPRESSED_RATE, 1)
    for block in blocks:
        yield stream.push(block.mean(axis=0, keepdims=True))
    yield stream.flush()


def _note(recording: Recording, size: int, gain: float, remark: str) -> str:
    """Format and gain of the sound in the page, and the remark, as HTML."""
    if size > LOSSLESS:
        sound = "compressed, because it is long: Opus, mono, 24 kHz; the files beside it are not"
    else:
        sound = f"{recording.sample_rate / 1000:g} kHz, 16 bits"
    mean = f"mean of {recording.channels} channels" if recording.channels > 2 else ""
    return " · ".join(filter(None, [sound, mean, levels(gain), html.escape(remark)]))


def _file_blocks(path: Path) -> Iterator[np.ndarray]:
    with AudioFile(path) as audio:
        yield from audio.blocks()


def _louder(blocks: Blocks, gain: float) -> Iterator[np.ndarray]:
    for block in blocks():
        yield gain * block


def _peaks(name: str, blocks: Iterable[np.ndarray], frames: int) -> np.ndarray:
    """(2, PEAKS or fewer): lowest and highest sample of equal segments of `frames` samples."""
    ends = np.zeros((2, min(PEAKS, frames)))
    at = 0
    for block in blocks:
        if at + block.shape[1] > frames:
            break
        segment = (at + np.arange(block.shape[1])) * ends.shape[1] // frames
        np.minimum.at(ends[0], segment, block.min(axis=0))
        np.maximum.at(ends[1], segment, block.max(axis=0))
        at += block.shape[1]
    if at != frames:
        raise AudioError(
            f"{name}: the stem and the recording have different lengths; separate it again."
        )
    return ends
