"""Wave-U-Net: separation in the time domain by a one-dimensional U-Net.

Stoller, Ewert, Dixon, "Wave-U-Net: a multi-scale neural network for end-to-end audio source
separation", ISMIR 2018 (arXiv 1806.03185).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

NORMALISATIONS = ("none", "batch", "group", "layer")
INITIALISATIONS = ("default", "xavier", "he", "orthogonal")
LIMITS = {
    "sample_rate": (1000, 384_000), "channels": (1, 64), "segment_seconds": (0.01, 3600.0),
    "levels": (1, 16), "width": (1, 1024), "down_kernel": (1, 255), "up_kernel": (1, 255),
    "groups": (1, 1024),
}  # fmt: skip
SLOPE = 0.2  # of the leaky rectifier below zero, as in the paper


@dataclass(frozen=True)
class WaveUNetConfig:
    """Sizes and choices of a Wave-U-Net; the defaults suit synthetic tones on a CPU.

    width: channels of the first level; level k has (k + 1) * width.
    learned_upsampling: interpolate with one learned weight a channel instead of the mean (the
        paper's section 3.2.3).
    difference_output: the last source is the mixture minus the others, so that the sources add
        up to the mixture exactly (section 3.2.1).
    normalisation: after each convolution, `none`, `batch`, `group` (statistics over time and the
        channels of one of `groups` groups) or `layer` (over time and all channels, one example).
    initialisation: of the convolution weights, `default` is PyTorch's.
    """

    sources: tuple[str, ...]
    sample_rate: int = 8000
    channels: int = 1
    segment_seconds: float = 2.0
    levels: int = 6
    width: int = 16
    down_kernel: int = 15
    up_kernel: int = 5
    learned_upsampling: bool = True
    difference_output: bool = True
    normalisation: str = "none"
    groups: int = 4
    initialisation: str = "default"

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", tuple(self.sources))
        for name, (least, most) in LIMITS.items():
            value = getattr(self, name)
            if type(value) not in (int, type(least)) or not least <= value <= most:
                kind = "a whole number" if type(least) is int else "a number"
                raise ValueError(f"{name} is {value!r}; it must be {kind} from {least} to {most}.")
        for name, choices in (
            ("normalisation", NORMALISATIONS),
            ("initialisation", INITIALISATIONS),
        ):
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"There is no {name} '{getattr(self, name)}'; choose {', '.join(choices)}."
                )
        if self.down_kernel % 2 == 0 or self.up_kernel % 2 == 0:
            raise ValueError("down_kernel and up_kernel must be odd, so that no sample is shifted.")


class WaveUNet(nn.Module):
    """(B, C, T) mixture -> (B, S, C, T) estimates, for any T.

    The input is padded with zeros to a multiple of 2^levels and every convolution keeps its
    length, so skip connections need no cropping.
    """

    Config = WaveUNetConfig

    def __init__(self, config: WaveUNetConfig) -> None:
        super().__init__()
        self.config = config
        self.sources = config.sources
        self.sample_rate = config.sample_rate
        self.channels = config.channels
        self.segment_seconds = config.segment_seconds
        widths = [config.width * (level + 1) for level in range(config.levels)]
        bottom = config.width * (config.levels + 1)
        inputs = [config.channels, *widths[:-1]]
        self.down = nn.ModuleList(
            _block(i, o, config.down_kernel, config) for i, o in zip(inputs, widths, strict=True)
        )
        self.bottleneck = _block(widths[-1], bottom, config.down_kernel, config)
        deeper = [*widths[1:], bottom]
        self.interpolate = nn.ModuleList(
            Interpolation(width, config.learned_upsampling) for width in deeper
        )
        self.up = nn.ModuleList(
            _block(below + skip, skip, config.up_kernel, config)
            for below, skip in zip(deeper, widths, strict=True)
        )
        predicted = len(config.sources) - config.difference_output
        self.output = nn.Conv1d(widths[0] + config.channels, predicted * config.channels, 1)
        _initialise(self, config.initialisation)

    @property
    def source_channels(self) -> dict[str, tuple[int, list[str | None]]]:
        """Parameters with an axis of sources: the axis, and the source of each index on it."""
        predicted = self.sources[: len(self.sources) - self.config.difference_output]
        channels = [name for name in predicted for _ in range(self.channels)]
        return {f"output.{name}": (0, channels) for name in ("weight", "bias")}

    def forward(self, mixture: Tensor) -> Tensor:
        samples = mixture.shape[-1]
        padded = F.pad(mixture, (0, -samples % 2**self.config.levels))
        features, skips = padded, []
        for block in self.down:
            features = block(features)
            skips.append(features)
            features = features[..., ::2]  # decimation: every other sample is dropped
        features = self.bottleneck(features)
        for block, interpolate, skip in zip(
            reversed(self.up), reversed(self.interpolate), reversed(skips), strict=True
        ):
            features = block(torch.cat([interpolate(features), skip], dim=1))
        estimates = self.output(torch.cat([features, padded], dim=1))[..., :samples]
        # (B, S * C, T) -> (B, S, C, T)
        estimates = estimates.unflatten(1, (-1, self.config.channels))
        if self.config.difference_output:
            rest = mixture.unsqueeze(1) - estimates.sum(dim=1, keepdim=True)
            estimates = torch.cat([estimates, rest], dim=1)
        return estimates


class Interpolation(nn.Module):
    """Twice as many samples: between each two neighbours a weighted mean of both.

    (B, C, T) -> (B, C, 2 T); the last sample is repeated. The weight is 1/2 (linear
    interpolation) or, where learned, one number between 0 and 1 for each channel.
    """

    def __init__(self, channels: int, learned: bool) -> None:
        super().__init__()
        self.logit = nn.Parameter(torch.zeros(channels, 1), requires_grad=learned)

    def forward(self, features: Tensor) -> Tensor:
        following = torch.cat([features[..., 1:], features[..., -1:]], dim=-1)
        between = torch.lerp(features, following, torch.sigmoid(self.logit))
        return torch.stack([features, between], dim=-1).flatten(-2)


def _block(inputs: int, outputs: int, kernel: int, config: WaveUNetConfig) -> nn.Sequential:
    """A convolution that keeps the length, the chosen normalisation, a leaky rectifier."""
    return nn.Sequential(
        nn.Conv1d(inputs, outputs, kernel, padding=kernel // 2),
        _normalisation(config.normalisation, outputs, config.groups),
        nn.LeakyReLU(SLOPE),
    )


def _normalisation(kind: str, channels: int, groups: int) -> nn.Module:
    if kind == "batch":
        return nn.BatchNorm1d(channels)
    if kind == "group":
        return nn.GroupNorm(groups, channels)
    if kind == "layer":
        return nn.GroupNorm(1, channels)
    return nn.Identity()


def _initialise(model: nn.Module, kind: str) -> None:
    """Draw all convolution weights again and set their biases to zero; `default` leaves them.

    Xavier: Glorot and Bengio, AISTATS 2010. He: He et al., ICCV 2015. Orthogonal: Saxe et al.,
    ICLR 2014. The gain is the leaky rectifier's, except for Xavier's, which has none.
    """
    if kind == "default":
        return
    gain = nn.init.calculate_gain("leaky_relu", SLOPE)
    for module in model.modules():
        if not isinstance(module, nn.Conv1d):
            continue
        if kind == "xavier":
            nn.init.xavier_uniform_(module.weight)
        elif kind == "he":
            nn.init.kaiming_normal_(module.weight, a=SLOPE)
        else:
            nn.init.orthogonal_(module.weight, gain)
        nn.init.zeros_(module.bias)
