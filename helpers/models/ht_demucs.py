"""HT-Demucs: two U-Nets, one hears the wave and one the spectrogram, and a transformer between.

Rouard, Massa, Défossez, "Hybrid transformers for music source separation", ICASSP 2023 (arXiv
2211.08553), on Défossez, "Hybrid spectrogram and waveform source separation", MDX workshop 2021
(arXiv 2111.03600). The network itself is that of the package `demucs`.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from demucs.htdemucs import HTDemucs as DemucsHTDemucs
from torch import Tensor, nn

SHORTEST = 4  # windows of the spectrogram; a shorter mixture is followed by silence


@dataclass(frozen=True)
class HTDemucsConfig:
    """Sizes of an HT-Demucs; the defaults are its published ones, but for the segment.

    `width` channels after the first layer, `growth` times as many after each of `depth`; `window`
    of the spectrogram in samples; `bottleneck` channels in the transformer (0 leaves them as the
    last layer has them), of which `layers` alternate between listening within a branch and to the
    other, with `heads` each.
    """

    sources: tuple[str, ...]
    sample_rate: int = 44100
    channels: int = 1
    segment_seconds: float = 7.8
    width: int = 48
    growth: int = 2
    depth: int = 4
    window: int = 4096
    bottleneck: int = 512
    layers: int = 5
    heads: int = 8

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", tuple(self.sources))
        inner = self.bottleneck or self.width * self.growth ** (self.depth - 1)
        if self.layers and inner % self.heads:
            raise ValueError(
                f"{inner} channels of the transformer cannot be shared by {self.heads} heads; "
                "choose a bottleneck that is a multiple of heads."
            )


class HTDemucs(nn.Module):
    """(B, C, T) mixture -> (B, S, C, T) estimates, for any T; all channels together.

    Mixtures are brought to one level inside, each by itself, so that estimates follow the volume.
    """

    Config = HTDemucsConfig

    def __init__(self, config: HTDemucsConfig) -> None:
        super().__init__()
        self.config = config
        self.sources = config.sources
        self.sample_rate = config.sample_rate
        self.channels = config.channels
        self.segment_seconds = config.segment_seconds
        self.network = DemucsHTDemucs(
            sources=list(config.sources),
            audio_channels=config.channels,
            channels=config.width,
            growth=config.growth,
            depth=config.depth,
            nfft=config.window,
            bottom_channels=config.bottleneck,
            t_layers=config.layers,
            t_heads=config.heads,
            samplerate=config.sample_rate,
            segment=config.segment_seconds,
            use_train_segment=False,  # otherwise a pass would change the network, and pad
        )

    def forward(self, mixture: Tensor) -> Tensor:
        length = mixture.shape[-1]
        missing = max(0, SHORTEST * self.config.window - length)
        return self.network(F.pad(mixture, (0, missing)))[..., :length]
