"""Decoding with the ffmpeg that is installed, for what libsndfile cannot read.

The demuxer is chosen here by the first bytes of the file, so that no playlist, script or network
address is ever followed. The samples are streamed; ffmpeg ends with the pass, whatever ends it.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from .tags import after_tags
from .track import Unreadable

INSTALL = (
    "install it (Debian and Ubuntu: apt install ffmpeg; macOS: brew install ffmpeg; Windows: "
    "winget install ffmpeg), or save the recording as WAV"
)
TIME_LIMIT = 60  # seconds without a single block, after which ffmpeg is stopped
LONGEST = 24  # hours
SAFE = ("-v", "error", "-protocol_whitelist", "file,pipe", "-max_alloc", str(1 << 28))
PRIMING = {"aac": 1024, "ac3": 256, "eac3": 256}  # samples that every encoder puts in front
PADDING = 4096  # samples, the most that an encoder adds at the end
LAYOUT = re.compile(r"(?!unknown)[\w.()]+")  # of channels, such as 5.1(side)
PROTECTED = ("drms", "enca", "drmi")
CUT = re.compile("partial file|ended prematurely|Packet mismatch|truncat", re.IGNORECASE)


@dataclass(frozen=True)
class Container:
    """name: for people. demuxer: ffmpeg's. magic: how such a file begins."""

    name: str
    demuxer: str
    magic: re.Pattern[bytes]


CONTAINERS = tuple(
    Container(name, demuxer, re.compile(magic, re.DOTALL))
    for name, demuxer, magic in (
        ("MPEG-4 or QuickTime", "mov", rb".{4}(ftyp|moov|mdat|wide|free|skip|pnot)"),
        ("Matroska or WebM", "matroska", rb"\x1a\x45\xdf\xa3"),
        ("Windows Media", "asf", rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),
        ("AAC", "aac", rb"\xff[\xf0\xf1\xf8\xf9]"),
        ("AC-3", "ac3", rb"\x0b\x77...[\x00-\x57]"),
        ("Enhanced AC-3", "eac3", rb"\x0b\x77...[\x58-\x87]"),
        ("AMR", "amr", rb"#!AMR"),
        ("AVI", "avi", rb"RIFF....AVI "),
        ("Flash video", "flv", rb"FLV\x01"),
        ("MPEG transport stream", "mpegts", rb"G.{187}G.{187}G"),
        ("MPEG program stream", "mpeg", rb"\x00\x00\x01\xba"),
        ("WavPack", "wv", rb"wvpk"),
        ("Monkey's Audio", "ape", rb"MAC "),
        ("True Audio", "tta", rb"TTA[12]"),
        # What libsndfile reads too, but not with every codec.
        ("WAV", "wav", rb"(RIFF|RF64|BW64)....WAVE"),
        ("AIFF", "aiff", rb"FORM....AIF[FC]"),
        ("Core Audio", "caf", rb"caff"),
        ("Ogg", "ogg", rb"OggS"),
    )
)
READ_BY_SOUNDFILE = ("wav", "aiff", "caf", "ogg")


def container_of(path: Path) -> Container | None:
    """What a file is by its first bytes behind ID3 tags; None where ffmpeg is not asked."""
    with open(path, "rb") as file:
        file.seek(after_tags(file))
        beginning = file.read(512)
    return next((each for each in CONTAINERS if each.magic.match(beginning)), None)


def is_installed() -> bool:
    return all(map(shutil.which, ("ffmpeg", "ffprobe")))


class FfmpegSource:
    """The audio of a file by ffmpeg, with the delay of its encoder taken off.

    sample_rate (Hz), channels, subtype (such as `AAC`); frames, where the file states them for its
    audio. flaws: what there is to tell; is_cut: whether the file ends before its audio does; both
    are complete at the end of `blocks`.
    Raises Unreadable where ffmpeg is missing and where it finds no audio.
    """

    def __init__(self, path: Path, container: Container) -> None:
        if not is_installed():
            raise Unreadable(f"it is {container.name}, which is read through ffmpeg; {INSTALL}")
        self.path, self.container = path, container
        self.flaws: list[str] = []
        self.is_cut = False
        streams = [each for each in self._probe() if each.get("codec_type") == "audio"]
        if not streams:
            raise Unreadable(f"this {container.name} file has no audio; name one with sound")
        stream = max(streams, key=lambda each: each.get("disposition", {}).get("default", 0))
        if len(streams) > 1:
            number = streams.index(stream) + 1
            self.flaws.append(f"it has {len(streams)} audio tracks; number {number} was read")
        codec = stream.get("codec_name", "unknown")
        if stream.get("codec_tag_string") in PROTECTED or codec in ("none", "unknown"):
            raise Unreadable("its audio is protected or of an unknown kind; save it as WAV")
        self.sample_rate = int(stream.get("sample_rate", 0))
        self.channels = int(stream.get("channels", 0))
        self.subtype = "FLOAT" if codec.startswith("pcm_f") else codec.upper()
        self._index, self._layout = stream["index"], stream.get("channel_layout", "unknown")
        self._skip, self._options = self._priming(codec)
        self.frames = self._stated(stream)

    def _probe(self) -> list[dict[str, Any]]:
        """The streams of the file, by ffprobe."""
        command = ["ffprobe", *SAFE, "-f", self.container.demuxer, "-of", "json", "-show_streams"]
        command += ["-show_format", "-show_packets", "-read_intervals", "%+#20"]
        command.append(f"file:{self.path}")
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=TIME_LIMIT
            )
            answer = json.loads(done.stdout or b"{}")
        except (subprocess.TimeoutExpired, ValueError) as error:
            raise Unreadable("ffmpeg finds no end in it; save it as WAV") from error
        if done.returncode or not answer.get("streams"):
            reason = _reason(done.stderr.splitlines())
            raise Unreadable(
                f"this {self.container.name} file is incomplete or damaged{reason}; export it again"
            )
        self._packets = answer.get("packets", [])
        self._encoder = answer.get("format", {}).get("tags", {}).get("encoder", "")
        return answer["streams"]

    def _priming(self, codec: str) -> tuple[int, list[str]]:
        """Samples to leave out in front where ffmpeg does not do it, and options of the decoder."""
        if codec in ("wmav1", "wmav2") and self._encoder.startswith("Lavf"):
            # ffmpeg leaves out the two windows of Microsoft's encoder; its own adds only one.
            window = next(n for hz, n in ((16000, 512), (22050, 1024), (1 << 30, 2048))
                          if self.sample_rate <= hz)  # fmt: skip
            return window, ["-flags2", "+skip_manual"]
        starts = (
            each.get("pts", 0) for each in self._packets if each["stream_index"] == self._index
        )
        # A container that states the delay begins before zero, and ffmpeg leaves that out.
        return 0 if next(starts, -1) < 0 else PRIMING.get(codec, 0), []

    def _stated(self, stream: dict[str, Any]) -> int | None:
        """The frames of this stream where it states its own duration, exactly."""
        if self.container.demuxer != "mov" or "duration_ts" not in stream:
            return None
        seconds = int(stream["duration_ts"]) * Fraction(stream["time_base"])
        return round(seconds * self.sample_rate)

    def blocks(self, frames: int) -> Iterator[np.ndarray]:
        """All audio as float32 (channels, n) with n of at most `frames`."""
        yield from self._without_padding(_without_priming(self._decoded(frames), self._skip))

    def _decoded(self, frames: int) -> Iterator[np.ndarray]:
        form = f"aformat=sample_fmts=flt:sample_rates={self.sample_rate}"
        if LAYOUT.fullmatch(self._layout):
            form += f":channel_layouts={self._layout}"
        command = ["ffmpeg", "-nostdin", *SAFE, "-threads", "1", *self._options]
        command += ["-f", self.container.demuxer, "-i", f"file:{self.path}"]
        command += ["-map", f"0:{self._index}", "-af", form, "-c:a", "pcm_f32le", "-f", "f32le"]
        process = subprocess.Popen(
            [*command, "pipe:1"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        complaints: deque[bytes] = deque(maxlen=100)
        listener = threading.Thread(target=complaints.extend, args=(process.stderr,), daemon=True)
        listener.start()
        total = 0
        try:
            while data := self._read(process, frames * self.channels * 4):
                block = np.frombuffer(data[: len(data) // 4 * 4], dtype="<f4")
                block = block[: len(block) // self.channels * self.channels]
                total += len(block) // self.channels
                if total > LONGEST * 3600 * self.sample_rate:
                    raise Unreadable(f"it lasts longer than {LONGEST} hours; cut it into pieces")
                yield block.reshape(-1, self.channels).T
            with _watched(process):
                process.wait()
        finally:
            process.kill()
            process.wait()
            process.stdout.close()
            listener.join()
            process.stderr.close()
        self._judge(process.returncode, total, list(complaints))

    def _read(self, process: subprocess.Popen[bytes], size: int) -> bytes:
        with _watched(process):
            return process.stdout.read(size)

    def _judge(self, code: int, total: int, complaints: list[bytes]) -> None:
        """Tell what ffmpeg complained of."""
        if not total:
            raise Unreadable(f"ffmpeg cannot decode its audio{_reason(complaints)}; save it as WAV")
        text = b"\n".join(complaints).decode(errors="replace")
        if CUT.search(text) or code:
            self.is_cut = True
        elif text:
            end = total / self.sample_rate
            self.flaws.append(
                f"it is damaged; what ffmpeg could decode of it, {end // 60:.0f}:{end % 60:04.1f}, "
                "was read"
            )

    def _without_padding(self, blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        """Leave out what goes on for no more than `PADDING` samples behind the stated length.

        What is shorter by more than that was cut.
        """
        done, behind = 0, []
        for block in blocks:
            left = block.shape[1] if self.frames is None else max(self.frames - done, 0)
            done += block.shape[1]
            behind.append(block[:, left:])
            yield block[:, :left]
            if self.frames is not None and done > self.frames + PADDING:
                yield from behind
                behind = []
        if self.frames is not None and done < self.frames - PADDING:
            self.is_cut = True


def _without_priming(blocks: Iterator[np.ndarray], skip: int) -> Iterator[np.ndarray]:
    for block in blocks:
        yield block[:, skip:]
        skip = max(skip - block.shape[1], 0)


@contextmanager
def _watched(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Stop a process that takes longer than `TIME_LIMIT` for the step in the `with` block."""
    timer = threading.Timer(TIME_LIMIT, process.kill)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _reason(complaints: list[bytes]) -> str:
    """The first of ffmpeg's complaints, in brackets, without the address of its author."""
    words = complaints[0].decode(errors="replace") if complaints else ""
    words = re.sub(r"^\[[^]]*\] *|file:.*: ", "", words).strip(" .\r\n")
    return f" ({words[:80]})" if words else ""
