"""A separator with known answers: each source is a band of frequencies, `other` is the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

RATE = 8000
#: Lowest and highest frequency of each source in Hz; the second violin has the higher one, so that
#: the order of the model is not that of the pitch.
BANDS = {
    "violin": (450, 550), "violin-2": (900, 1100), "viola": (280, 340), "cello": (180, 220),
    "piano": (1400, 1600),
}  # fmt: skip
TONES = {name: sum(edges) / 2 for name, edges in BANDS.items()}


@dataclass(frozen=True)
class BandConfig:
    sources: tuple[str, ...] = (*BANDS, "other")
    segment_seconds: float = 2.0
    hop: int = 256
    active_sources: tuple[str, ...] = ()
    conditioned: bool = True
    flips: bool = False  # the violins are exchanged in every second segment


class BandModel(nn.Module):
    """As `MaskNet`: conditioned on some sources, it returns these."""

    sample_rate, channels = RATE, 1

    def __init__(self, config: BandConfig = BandConfig()):  # noqa: B008
        super().__init__()
        self.config, self.segments = config, 0
        self.sources = config.active_sources or config.sources
        self.segment_seconds = config.segment_seconds
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, mixture: Tensor) -> Tensor:
        named = [name for name in self.sources if name != "other"]
        stems = [self.band(mixture, name) for name in named]
        rest = mixture - sum(stems, torch.zeros_like(mixture))
        if "other" in self.sources:
            stems.append(rest)
        else:
            stems = [stem + rest / len(stems) for stem in stems]
        estimates = torch.stack(stems, dim=1)
        if self.config.flips and "violin-2" in self.sources:
            pair = [self.sources.index("violin"), self.sources.index("violin-2")]
            for example in estimates:
                self.segments += 1
                if self.segments % 2:
                    example[pair] = example[pair[::-1]]
        return estimates

    def band(self, mixture: Tensor, name: str) -> Tensor:
        spectrum = torch.fft.rfft(mixture)
        hertz = torch.fft.rfftfreq(mixture.shape[-1], 1 / RATE)
        low, high = BANDS[name]
        return torch.fft.irfft(spectrum * ((low <= hertz) & (hertz <= high)), mixture.shape[-1])


def tone(name: str, seconds: float, start: float = 0.0, end: float = 1e9, level: float = 0.1):
    """(1, samples): the tone of a source, from `start` to `end` seconds with soft edges."""
    time = np.arange(round(seconds * RATE)) / RATE
    edges = np.clip(np.minimum(time - start, end - time) / 0.1, 0, 1)
    return (level * edges * np.sin(2 * np.pi * TONES[name] * time))[None].astype(np.float32)
