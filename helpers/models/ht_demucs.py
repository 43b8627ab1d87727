"""HT-Demucs: a U-Net over the waveform, one over the spectrogram, a transformer between them.

Rouard, Massa, Défossez, "Hybrid transformers for music source separation", ICASSP 2023 (arXiv
2211.08553), on Défossez, "Hybrid spectrogram and waveform source separation", MDX workshop 2021
(arXiv 2111.03600). The network itself is that of the package `demucs`. Chapter: 04.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from demucs.htdemucs import HTDemucs as DemucsHTDemucs
from torch import Tensor, nn

COMPRESSION = 0.3  # exponent of the magnitudes that a branch with masks sees
TINY = 1e-8
SHORTEST = 4  # windows of the spectrogram; shorter mixtures are padded with zeros
LIMITS = {
    "sample_rate": (1000, 384_000), "channels": (1, 64), "segment_seconds": (0.01, 3600.0),
    "width": (1, 1024), "growth": (1, 8), "depth": (1, 8), "window": (64, 131_072),
    "bottleneck": (0, 8192), "layers": (0, 64), "heads": (1, 256),
}  # fmt: skip


@dataclass(frozen=True)
class HTDemucsConfig:
    """Sizes of an HT-Demucs; the defaults are the published ones, except for the channels.

    width: channels after the first layer, `growth` times as many after each further one.
    window: of the spectrogram in samples.
    bottleneck: channels in the transformer; 0 keeps those of the last convolution.
    layers: of the transformer, self-attention and cross-attention in turn, with `heads` each.
    masks: the spectral branch returns complex masks instead of spectra, see `MaskingDemucs`.
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
    masks: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", tuple(self.sources))
        for name, (least, most) in LIMITS.items():
            value = getattr(self, name)
            if type(value) not in (int, type(least)) or not least <= value <= most:
                kind = "a whole number" if type(least) is int else "a number"
                raise ValueError(f"{name} is {value!r}; it must be {kind} from {least} to {most}.")
        if type(self.masks) is not bool:
            raise ValueError(f"masks is {self.masks!r}; it must be true or false.")
        inner = self.bottleneck or self.width * self.growth ** (self.depth - 1)
        if self.layers and inner % self.heads:
            raise ValueError(
                f"The transformer has {inner} channels and {self.heads} heads; "
                "choose a bottleneck that is a multiple of heads."
            )


class MaskingDemucs(DemucsHTDemucs):
    """HT-Demucs whose spectral branch multiplies the spectrum of the mixture by complex masks.

    As published, the branch computes the spectra of the estimates from nothing. With masks, phase
    and fine structure come from the mixture, and training needs less data. The branch sees
    magnitudes raised to the power `COMPRESSION`: of a tone, partials 40 dB below the fundamental
    are then 12 dB below it.

    Williamson et al., "Complex ratio masking for monaural speech separation", TASLP 2016.
    """

    def _magnitude(self, z: Tensor) -> Tensor:
        """Complex (B, C, F, N) -> real and imaginary parts, compressed, (B, 2 * C, F, N)."""
        level = z.abs().square().mean((1, 2, 3), keepdim=True).sqrt()
        z = z / (level + TINY)
        return super()._magnitude(z * (z.abs() + 1e-4) ** (COMPRESSION - 1))

    def _mask(self, z: Tensor, m: Tensor) -> Tensor:
        """z (B, C, F, N), m (B, S, 2 * C, F, N) -> spectra of the estimates (B, S, C, F, N)."""
        seen = self._magnitude(z)  # the package scales what the branch returns like what it saw
        mean = seen.mean((1, 2, 3), keepdim=True)[:, None]
        deviation = seen.std((1, 2, 3), keepdim=True)[:, None]
        return z[:, None] * super()._mask(z, (m.float() - mean) / (deviation + TINY))


class HTDemucs(nn.Module):
    """(B, C, T) mixture -> (B, S, C, T) estimates, for any T; all channels at once.

    Each mixture is normalised inside, so the estimates scale with it.
    """

    Config = HTDemucsConfig

    def __init__(self, config: HTDemucsConfig) -> None:
        super().__init__()
        self.config = config
        self.sources = config.sources
        self.sample_rate = config.sample_rate
        self.channels = config.channels
        self.segment_seconds = config.segment_seconds
        self.network = (MaskingDemucs if config.masks else DemucsHTDemucs)(
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
            use_train_segment=False,  # otherwise a forward pass changes the network, and pads
        )

    @property
    def source_channels(self) -> dict[str, tuple[int, list[str | None]]]:
        """Parameters with an axis of sources: the axis, and the source of each index on it."""
        channels = {}
        for branch, each in (("decoder", 2 * self.channels), ("tdecoder", self.channels)):
            output = f"network.{branch}.{self.config.depth - 1}.conv_tr"
            labels = [name for name in self.sources for _ in range(each)]  # real and imaginary
            channels |= {f"{output}.weight": (1, labels), f"{output}.bias": (0, labels)}
        return channels

    def forward(self, mixture: Tensor) -> Tensor:
        length = mixture.shape[-1]
        missing = max(0, SHORTEST * self.config.window - length)
        return self.network(F.pad(mixture, (0, missing)))[..., :length]
