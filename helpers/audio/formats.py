"""The formats in which sound is written, and what each of them can hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .broadcast import Broadcast
from .track import AudioError
from .wav import BYTES, AtomicSound, AtomicWav

#: Sample rates of MP3 in Hz (ISO 11172-3, 13818-3 and the extension to 2.5).
MP3_RATES = (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
BITS = {"16": "PCM_16", "24": "PCM_24", "float": "FLOAT"}
CODECS = {"mp3": "MPEG_LAYER_III", "ogg": "VORBIS"}
KINDS = ("wav", "flac", *CODECS)


@dataclass(frozen=True)
class SoundFormat:
    """kind: one of `KINDS`, which is also the suffix. subtype: libsndfile's name of the samples."""

    kind: str = "wav"
    subtype: str = "PCM_24"

    @classmethod
    def chosen(
        cls, kind: str = "wav", bits: str | None = None, is_float: bool = False
    ) -> SoundFormat:
        """The format that a user names. bits: `16`, `24`, `float`, or None: `float` in a WAV file
        where the recording `is_float`, else `24`. ValueError for what the format cannot hold.
        """
        if kind not in KINDS:
            raise ValueError(f"There is no format '{kind}'; choose {', '.join(KINDS)}.")
        if kind in CODECS:
            if bits is not None:
                raise ValueError(
                    f"{kind.upper()} has no subtype, as it does not store samples; leave it out,"
                    " or choose wav or flac."
                )
            return cls(kind, CODECS[kind])
        if bits is not None and bits not in BITS:
            raise ValueError(f"There is no subtype '{bits}'; choose {', '.join(BITS)}.")
        if kind == "flac" and bits == "float":
            raise ValueError("FLAC has no float samples; choose the subtype 16 or 24, or wav.")
        return cls(kind, BITS[bits or ("float" if is_float and kind == "wav" else "24")])

    @property
    def is_float(self) -> bool:
        """Whether samples beyond +-1 are kept."""
        return self.subtype == "FLOAT"

    @property
    def bytes_a_sample(self) -> int:
        """The most that a sample takes."""
        return BYTES.get(self.subtype, 2)

    def name(self, stem: str) -> str:
        """The file of a stem, such as `violin.wav`."""
        return f"{stem}.{self.kind}"

    def check(self, recording: str, sample_rate: int, channels: int) -> None:
        """AudioError where the format lacks the sample rate or the channels of a recording."""
        if self.kind != "mp3":
            return
        if sample_rate not in MP3_RATES:
            *rates, last = (f"{rate / 1000:g}" for rate in MP3_RATES)
            raise AudioError(
                f"{recording}: MP3 has no sample rate of {sample_rate / 1000:g} kHz but"
                f" {', '.join(rates)} and {last}; choose the format wav, flac or ogg."
            )
        if channels > 2:
            raise AudioError(
                f"{recording}: MP3 has at most 2 channels and not {channels}; choose the format"
                " wav, flac or ogg."
            )

    def open(
        self,
        path: str | Path,
        sample_rate: int,
        channels: int,
        frames: int | None = None,
        broadcast: Broadcast | None = None,
    ) -> AtomicSound:
        """A file to write, see `AtomicSound`. broadcast: only kept in WAV."""
        if self.kind == "wav":
            return AtomicWav(path, sample_rate, channels, self.subtype, frames, broadcast)
        return AtomicSound(path, sample_rate, channels, self.subtype, self.kind.upper())
