"""A project of the audio workstation Reaper that opens with every stem on a track.

The format is text: blocks between `<` and `>` with a word and its values a line. Reaper adds what a
project leaves out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..inference.written_stems import StemFiles
from .palette import colour, label

#: Reaper's name of a decoder by the suffix of a file; it reads all others as video.
DECODERS = {
    ".wav": "WAVE", ".aif": "WAVE", ".aiff": "WAVE", ".w64": "WAVE", ".rf64": "WAVE",
    ".flac": "FLAC", ".mp3": "MP3", ".ogg": "VORBIS", ".opus": "OPUS",
}  # fmt: skip
CUSTOM = 1 << 24  # marks a colour as chosen


@dataclass(frozen=True)
class Lane:
    """A track with one file from its start to its end. file: a path relative to the project."""

    name: str
    file: str
    colour: str
    gain: float = 1.0
    muted: bool = False


def write_project(done: StemFiles, target: Path, bars: Sequence[tuple[str, float]] = ()) -> Path:
    """Write `NAME.rpp` beside stems. target: their folder in the end, from which paths lead.

    bars: (number, start in seconds of the recording) of each bar, which becomes a marker.

    The recording is not copied: its track names it by a relative path, has the gain of the stems,
    and is muted. It is left out where no relative path leads to it (another drive of Windows), and
    where its path cannot be written in one line. The items begin at the time reference of the
    recording, which Broadcast Wave files have, else at zero.
    """
    recording = done.recording
    lanes = [Lane(label(name), file.name, colour(name)) for name, file in done.files().items()]
    if file := relative_path(recording.path, target):
        lanes.append(Lane("Mixture", file, colour("mixture"), done.gain, muted=True))
    start = recording.broadcast.time_reference if recording.broadcast else 0
    text = project(
        lanes, recording.sample_rate, start / recording.sample_rate, recording.seconds,
        recording.channels, bars,
    )  # fmt: skip
    path = done.folder / f"{target.name}.rpp"
    path.write_text(text, encoding="utf-8", newline="\n")
    return path


def relative_path(file: Path, folder: Path) -> str | None:
    """The way from a folder to a file, with slashes; None where there is none to write down."""
    try:
        way = os.path.relpath(os.path.realpath(file), os.path.realpath(folder))
    except ValueError:  # another drive
        return None
    way = Path(way).as_posix()
    return way if way.isprintable() and quoted(way) else None


def project(
    lanes: Sequence[Lane],
    sample_rate: int,
    start: float,
    seconds: float,
    channels: int,
    bars: Sequence[tuple[str, float]] = (),
) -> str:
    """The text of a project. start: of all items, in seconds. bars: in seconds from there."""
    lines = [
        '<REAPER_PROJECT 0.1 "6.0/win64" 0',  # in whose colours red comes first
        f"  CURSOR {start:.9f}",
        f"  SAMPLERATE {sample_rate} 1 0",
    ]
    for place, (number, second) in enumerate(bars, 1):
        lines.append(f"  MARKER {place} {start + second:.9f} {quoted(f'bar {number}')} 0")
    for lane in lanes:
        lines += ["  " + line for line in _track(lane, start, seconds, channels)]
    return "\n".join([*lines, ">"]) + "\n"


def _track(lane: Lane, start: float, seconds: float, channels: int) -> Iterator[str]:
    decoder = DECODERS.get(Path(lane.file).suffix.lower(), "VIDEO")
    yield "<TRACK"
    yield f"  NAME {quoted(lane.name)}"
    yield f"  PEAKCOL {_native(lane.colour)}"
    yield f"  VOLPAN {lane.gain:.9f} 0 -1 -1 1"
    yield f"  MUTESOLO {int(lane.muted)} 0 0"
    yield f"  NCHAN {max(2, channels + channels % 2)}"
    yield "  <ITEM"
    yield f"    POSITION {start:.9f}"
    yield f"    LENGTH {seconds:.9f}"
    yield "    LOOP 0"
    yield f"    NAME {quoted(Path(lane.file).name)}"
    yield f"    <SOURCE {decoder}"
    yield f"      FILE {quoted(lane.file)}"
    yield "    >"
    yield "  >"
    yield ">"


def quoted(text: str) -> str | None:
    """A value between the first of the three quotes that it does not contain; None with all."""
    return next((f"{mark}{text}{mark}" for mark in "\"'`" if mark not in text), None)


def _native(shade: str) -> int:
    """`#RRGGBB` as Reaper writes it: red in the lowest byte."""
    red, green, blue = (int(shade[place : place + 2], 16) for place in (1, 3, 5))
    return CUSTOM | blue << 16 | green << 8 | red
