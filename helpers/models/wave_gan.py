"""WaveGAN, made conditional on a waveform: a separator, a mixture generator, and critics.

Donahue, McAuley, Puckette, "Adversarial audio synthesis", ICLR 2019 (arXiv 1802.04208): strided
convolutions of 25 samples in the critic, transposed ones in the generator, phase shuffle. There a
generator starts from noise. Here it starts from a waveform, which an encoder of the critic's layers
reads; skip connections lead from each level to the decoder, as in SEGAN (Pascual, Bonafonte,
Serrà, Interspeech 2017). The generators keep the level of their input, in place of WaveGAN's tanh.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LEVELS = 5
STRIDE = 4
HOP = STRIDE**LEVELS  # samples of the waveform for one frame of the lowest level
SLOPE = 0.2  # of the critic's and the encoder's rectifiers below zero, as in the paper
NOMINAL_RMS = 0.05  # about that of a training stem; critics see it as one
SILENCE = 1e-5  # RMS below which the input is not amplified
LIMITS = {
    "sample_rate": (1000, 384_000), "segment_seconds": (0.01, 3600.0), "width": (1, 1024),
    "kernel": (STRIDE + 1, 255), "phase_shuffle": (0, 64),
}  # fmt: skip


@dataclass(frozen=True)
class WaveGANConfig:
    """Sizes of the generators and critics of one training; the defaults are the paper's.

    segment_seconds: of what a critic judges, a multiple of 1024 samples. width: channels of the
    first level (the paper's d); each further level has twice as many. phase_shuffle: largest shift
    in samples (the paper's n) between the layers of a critic.
    """

    sources: tuple[str, ...]
    sample_rate: int = 16_000
    segment_seconds: float = 1.024
    width: int = 64
    kernel: int = 25
    phase_shuffle: int = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", tuple(self.sources))
        for name, (least, most) in LIMITS.items():
            value = getattr(self, name)
            if type(value) not in (int, type(least)) or not least <= value <= most:
                kind = "a whole number" if type(least) is int else "a number"
                raise ValueError(f"{name} is {value!r}; it must be {kind} from {least} to {most}.")
        if self.kernel % 2 == 0:
            raise ValueError("kernel must be odd, so that no sample is shifted.")
        if self.samples % HOP:
            raise ValueError(
                f"segment_seconds is {self.segment_seconds:g}, which is {self.samples} samples; it "
                f"must be a multiple of {HOP} samples, such as {16 * HOP / self.sample_rate:g}."
            )
        shortest = self.samples // STRIDE ** (LEVELS - 1)  # frames that a critic shuffles
        if self.phase_shuffle >= shortest:
            raise ValueError(
                f"phase_shuffle is {self.phase_shuffle}; it must be below {shortest} with segments "
                f"of {self.samples} samples."
            )

    @property
    def samples(self) -> int:
        """Of one segment."""
        return round(self.segment_seconds * self.sample_rate)


class WaveGANSeparator(nn.Module):
    """(B, 1, T) mixture -> (B, S, 1, T) estimates, for any T. Chapter: 07."""

    Config = WaveGANConfig

    def __init__(self, config: WaveGANConfig) -> None:
        super().__init__()
        self.config = config
        self.sources = config.sources
        self.sample_rate = config.sample_rate
        self.channels = 1
        self.segment_seconds = config.segment_seconds
        self.generator = _Generator(1, len(config.sources), config)

    @property
    def source_channels(self) -> dict[str, tuple[int, list[str | None]]]:
        """Parameters with an axis of sources: the axis, and the source of each index on it."""
        sources = list(self.sources)
        output = f"generator.up.{LEVELS - 1}"
        return {
            f"{output}.weight": (1, sources),
            f"{output}.bias": (0, sources),
            "generator.bypass.weight": (0, sources),
        }

    def forward(self, mixture: Tensor) -> Tensor:
        return self.generator(mixture).unsqueeze(2)


class WaveGANMixer(nn.Module):
    """(B, S, 1, T) stems -> (B, 1, T) mixture: the way back of the cycle. Chapter: 07."""

    def __init__(self, config: WaveGANConfig) -> None:
        super().__init__()
        self.generator = _Generator(len(config.sources), 1, config)

    def forward(self, stems: Tensor) -> Tensor:
        return self.generator(stems.squeeze(2))


class WaveGANCritic(nn.Module):
    """(B, 1, T) waveforms -> (B,) scores, higher for those that it takes for real; T is fixed.

    In training mode each layer but the last shuffles the phase (Donahue et al., section 3.3).
    Chapter: 07.
    """

    def __init__(self, config: WaveGANConfig) -> None:
        super().__init__()
        self.shuffle = config.phase_shuffle
        widths = _widths(config)
        self.layers = nn.ModuleList(
            _down(i, o, config.kernel) for i, o in zip([1, *widths], widths, strict=False)
        )
        self.score = nn.Linear(widths[-1] * config.samples // HOP, 1)

    def forward(self, waveforms: Tensor) -> Tensor:
        features = waveforms / NOMINAL_RMS  # a constant: the critics judge levels too
        for layer in self.layers:
            features = F.leaky_relu(layer(features), SLOPE)
            if self.training and self.shuffle and layer is not self.layers[-1]:
                features = phase_shuffle(features, self.shuffle)
        return self.score(features.flatten(1)).squeeze(1)


class _Generator(nn.Module):
    """(B, inputs, T) -> (B, outputs, T) for any T, at the level of the input.

    `bypass` adds the inputs, weighted, to the output of the last layer. It starts so that each
    estimate of a separator is an equal share of the mixture, and a mixture the sum of its stems.
    """

    def __init__(self, inputs: int, outputs: int, config: WaveGANConfig) -> None:
        super().__init__()
        widths = _widths(config)
        self.down = nn.ModuleList(
            _down(i, o, config.kernel) for i, o in zip([inputs, *widths], widths, strict=False)
        )
        above = [*reversed(widths[:-1]), outputs]
        below = [widths[-1], *(2 * width for width in above[:-1])]
        self.up = nn.ModuleList(_up(i, o, config.kernel) for i, o in zip(below, above, strict=True))
        self.bypass = nn.Conv1d(inputs, outputs, 1, bias=False)
        nn.init.constant_(self.bypass.weight, 1.0 / outputs)
        nn.init.zeros_(self.up[-1].weight)
        nn.init.zeros_(self.up[-1].bias)

    def forward(self, waveforms: Tensor) -> Tensor:
        samples = waveforms.shape[-1]
        level = waveforms.square().mean((1, 2), keepdim=True).add(SILENCE**2).sqrt()
        signal = F.pad(waveforms / level, (0, -samples % HOP))
        features, skips = signal, []
        for layer in self.down:
            features = F.leaky_relu(layer(features), SLOPE)
            skips.append(features)
        for layer, skip in zip(self.up[:-1], reversed(skips[:-1]), strict=True):
            features = torch.cat([F.relu(layer(features)), skip], dim=1)
        output = self.up[-1](features) + self.bypass(signal)
        return level * output[..., :samples]


def phase_shuffle(features: Tensor, most: int) -> Tensor:
    """Shift (B, C, T) by -most to most samples, drawn for the batch; reflection fills the gap.

    Donahue et al., section 3.3. A critic then cannot rely on the exact phase of the periodic
    artefacts that transposed convolutions leave.
    """
    shift = int(torch.randint(-most, most + 1, ()))
    length = features.shape[-1]
    padded = F.pad(features, (max(shift, 0), max(-shift, 0)), mode="reflect")
    return padded[..., max(-shift, 0) :][..., :length]


def _widths(config: WaveGANConfig) -> list[int]:
    return [config.width * 2**level for level in range(LEVELS)]


def _down(inputs: int, outputs: int, kernel: int) -> nn.Conv1d:
    return nn.Conv1d(inputs, outputs, kernel, STRIDE, padding=(kernel - STRIDE + 1) // 2)


def _up(inputs: int, outputs: int, kernel: int) -> nn.ConvTranspose1d:
    padding = (kernel - STRIDE + 1) // 2
    extra = STRIDE - kernel + 2 * padding
    return nn.ConvTranspose1d(inputs, outputs, kernel, STRIDE, padding, output_padding=extra)
