"""ResUNetDecouple+: a residual U-Net that estimates magnitude and phase of complex masks apart.

Kong, Cao, Liu, Choi, Wang, "Decoupling magnitude and phase estimation with deep ResUNet for music
source separation", ISMIR 2021 (arXiv 2109.05418). The subbands: Liu, Xie, Wu, Yang, "Channel-wise
subband input for better voice and accompaniment separation on high resolution music", Interspeech
2020 (arXiv 2008.05216). Chapter: 06.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.01  # of the leaky rectifier below zero
TAPS = 16  # of the filters of the subbands, for each subband
KAISER = 9.0  # the shape of their window
LIMITS = {
    "sample_rate": (1000, 384_000), "channels": (1, 64), "segment_seconds": (0.01, 3600.0),
    "window": (16, 131_072), "hop": (1, 65_536), "units": (1, 64), "bottlenecks": (0, 64),
    "subbands": (1, 64), "compression": (0.05, 1.0),
}  # fmt: skip
WIDTHS = (1, 8192)


@dataclass(frozen=True)
class ResUNetConfig:
    """Sizes and parts of a ResUNetDecouple+; the defaults are the published ones, for one channel.

    window, hop: of the STFT in samples.
    widths: channels of the encoder blocks, and in reverse order of the decoder blocks. Every block
        has `units` residual units of two convolutions; `bottlenecks` blocks lie between.
    magnitude, phase, residual: the parts of the complex mask; an ablation leaves some out. Without
        magnitude the residual is the whole magnitude of a source.
    subbands: into which a filterbank divides the waveform; their spectrograms are the channels of a
        network that is as many times smaller in frequency. 1: no filterbank.
    compression: exponent of the magnitudes that the network sees; the paper has 1. Smaller ones
        bring soft partials nearer to loud ones.
    """

    sources: tuple[str, ...]
    sample_rate: int = 44100
    channels: int = 1
    segment_seconds: float = 3.0
    window: int = 2048
    hop: int = 441
    widths: tuple[int, ...] = (32, 64, 128, 256, 384, 384)
    units: int = 4
    bottlenecks: int = 4
    magnitude: bool = True
    phase: bool = True
    residual: bool = True
    subbands: int = 1
    compression: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", tuple(self.sources))
        object.__setattr__(self, "widths", tuple(self.widths))
        for name, (least, most) in LIMITS.items():
            value = getattr(self, name)
            if type(value) not in (int, type(least)) or not least <= value <= most:
                kind = "a whole number" if type(least) is int else "a number"
                raise ValueError(f"{name} is {value!r}; it must be {kind} from {least} to {most}.")
        least, most = WIDTHS
        if not self.widths or any(
            type(width) is not int or not least <= width <= most for width in self.widths
        ):
            raise ValueError(
                f"widths is {list(self.widths)}; it must be whole numbers from {least} to {most}."
            )
        if self.hop > self.window // 2:
            raise ValueError(f"hop is {self.hop}; it must be at most half the window.")
        if self.window % (2 * self.subbands) or self.hop % self.subbands:
            raise ValueError(
                f"window is {self.window} and hop {self.hop}; with {self.subbands} subbands they "
                f"must be multiples of {2 * self.subbands} and {self.subbands}."
            )
        if not self.magnitude and not self.residual:
            raise ValueError("magnitude and residual are both false; one of them must be true.")

    @property
    def outputs_per_bin(self) -> int:
        """Numbers that the network estimates for each source and bin."""
        return self.magnitude + 2 * self.phase + self.residual


class ResUNet(nn.Module):
    """(B, C, T) mixture -> (B, S, C, T) estimates, for any T; all sources from one network.

    For each source and bin the network estimates three things: the magnitude of the mask between 0
    and 1, its phase as a point on the unit circle, and a residual magnitude that is added, because
    the magnitude of an ideal mask may exceed 1. The level of the mixture is divided out, over about
    a second around each frame, so the estimates scale with the mixture.
    """

    Config = ResUNetConfig

    def __init__(self, config: ResUNetConfig) -> None:
        super().__init__()
        self.config = config
        self.sources = config.sources
        self.sample_rate = config.sample_rate
        self.channels = config.channels
        self.segment_seconds = config.segment_seconds
        inputs = config.channels * config.subbands
        window = torch.hann_window(config.window // config.subbands)
        self.register_buffer("window", window / window.sum(), persistent=False)
        self.register_buffer("filters", filterbank(config.subbands), persistent=False)
        bins = inputs * len(window) // 2
        self.normalise = nn.BatchNorm1d(bins)  # each bin of each subband on its own
        widths, units = config.widths, config.units
        self.enter = nn.Conv2d(inputs, widths[0], 1)
        before = (widths[0], *widths[:-1])
        self.encoder = nn.ModuleList(
            block(i, o, units) for i, o in zip(before, widths, strict=True)
        )
        self.bottleneck = nn.Sequential(
            *(block(widths[-1], widths[-1], units) for _ in range(config.bottlenecks))
        )
        below = (*widths[1:], widths[-1])
        self.decoder = nn.ModuleList(
            Decoder(i, o, units, self.pooling(level))
            for level, (i, o) in enumerate(zip(below, widths, strict=True))
        )
        self.after = block(widths[0], widths[0], units)
        self.output = nn.Conv2d(widths[0], len(config.sources) * config.outputs_per_bin * inputs, 1)
        self._begin_with_the_mixture()

    @property
    def source_channels(self) -> dict[str, tuple[int, list[str | None]]]:
        """Parameters with an axis of sources: the axis, and the source of each index on it."""
        each = self.config.outputs_per_bin * self.channels * self.config.subbands
        labels = [name for name in self.sources for _ in range(each)]
        return {f"output.{name}": (0, labels) for name in ("weight", "bias")}

    def forward(self, mixture: Tensor) -> Tensor:
        spectrum = self.stft(mixture)  # (B, C * subbands, F, N)
        level = self.level(spectrum)
        features = (spectrum.abs() / (level + 1e-5)) ** self.config.compression
        parts = self.parts(features)  # (B, S, parts, C * subbands, F, N)
        return self.istft(self.decoupled(spectrum, parts, level), mixture.shape[-1])

    def parts(self, features: Tensor) -> Tensor:
        """Magnitudes (B, C * subbands, F, N) -> (B, S, parts, C * subbands, F, N), unbounded.

        The highest bin is not seen, and has the parts of its neighbour; zeros fill both axes up to
        a multiple of what is pooled.
        """
        channels, bins, frames = features.shape[1:]
        features = self.normalise(features[:, :, :-1].flatten(1, 2)).unflatten(1, (channels, -1))
        levels = len(self.encoder)
        features = F.pad(features, (0, -frames % 2 ** (levels - 1), 0, -(bins - 1) % 2**levels))
        features = self.enter(features.contiguous(memory_format=torch.channels_last))
        skips = []
        for level, encode in enumerate(self.encoder):
            features = encode(features)
            skips.append(features)
            features = F.avg_pool2d(features, self.pooling(level))
        features = self.bottleneck(features)
        for decode, skip in zip(reversed(self.decoder), reversed(skips), strict=True):
            features = decode(features, skip)
        output = self.output(self.after(features))[:, :, : bins - 1, :frames].float()
        output = F.pad(output, (0, 0, 0, 1), mode="replicate")
        return output.unflatten(1, (len(self.sources), self.config.outputs_per_bin, channels))

    def decoupled(self, spectrum: Tensor, parts: Tensor, level: Tensor) -> Tensor:
        """The complex spectra of the sources, (B, S, C * subbands, F, N); section 3 of the paper.

        spectrum (B, C * subbands, F, N); parts as in `parts`, in the order magnitude, phase (real,
        imaginary), residual; level (B, 1, 1, N), the unit of the residual.
        """
        config, spectrum = self.config, spectrum[:, None]
        mixed = spectrum.abs()
        phase = spectrum / mixed.clamp_min(1e-12)
        parts = list(parts.unbind(2))
        magnitude = mixed * parts.pop(0).sigmoid() if config.magnitude else torch.zeros_like(mixed)
        if config.phase:
            rotation = torch.complex(parts.pop(0).tanh(), parts.pop(0).tanh())
            phase = phase * rotation / rotation.abs().clamp_min(1e-6)
        if config.residual:
            magnitude = F.relu(magnitude + level[:, None] * parts.pop(0))
        return magnitude * phase

    def level(self, spectrum: Tensor) -> Tensor:
        """(B, C * subbands, F, N) -> RMS over about a second around each frame, (B, 1, 1, N)."""
        reach = max(1, int(self.sample_rate / self.config.hop / 2))
        power = spectrum.abs().square().mean((1, 2))[:, None]
        power = F.avg_pool1d(power, 2 * reach + 1, stride=1, padding=reach, count_include_pad=False)
        return power.sqrt()[:, None]

    def stft(self, waveform: Tensor) -> Tensor:
        """(B, C, T) -> (B, C * subbands, F, N) complex; a full-scale sine has one half."""
        size, hop = self._frames
        bands = self.to_subbands(waveform).flatten(0, 1)
        spectrum = torch.stft(
            F.pad(bands, (0, size)), size, hop, window=self.window, pad_mode="constant",
            return_complex=True,
        )  # fmt: skip
        return spectrum.unflatten(0, (len(waveform), -1))

    def istft(self, spectrum: Tensor, length: int) -> Tensor:
        """(B, S, C * subbands, F, N) complex -> (B, S, C, length)."""
        size, hop = self._frames
        samples = self._padding(length)[2] // self.config.subbands
        bands = torch.istft(
            spectrum.flatten(0, 2), size, hop, window=self.window, length=samples
        ).unflatten(0, spectrum.shape[:3])  # (B, S, C * subbands, samples)
        return self.from_subbands(bands, length)

    def to_subbands(self, waveform: Tensor) -> Tensor:
        """(B, C, T) -> (B, C * subbands, samples), with a margin on either side."""
        if self.config.subbands == 1:
            return waveform
        before, after, _ = self._padding(waveform.shape[-1])
        padded = F.pad(waveform, (before, after)).flatten(0, 1)[:, None]
        reach = self.filters.shape[-1] // 2
        with torch.autocast(
            waveform.device.type, enabled=False
        ):  # 16 bits of a float are 8 of sound
            bands = F.conv1d(padded, self.filters, stride=self.config.subbands, padding=reach)
        return bands.unflatten(0, waveform.shape[:2]).flatten(1, 2)

    def from_subbands(self, bands: Tensor, length: int) -> Tensor:
        """(B, S, C * subbands, samples) -> (B, S, C, length)."""
        count = self.config.subbands
        if count == 1:
            return bands
        before, _, total = self._padding(length)
        bands = bands.unflatten(2, (-1, count))  # (B, S, C, subbands, samples)
        with torch.autocast(bands.device.type, enabled=False):
            padded = count * F.conv_transpose1d(
                bands.flatten(0, 2), self.filters, stride=count,
                padding=self.filters.shape[-1] // 2, output_padding=count - 1,
            )  # fmt: skip
        return padded[:, 0, before : before + length].unflatten(0, bands.shape[:3])

    def pooling(self, level: int) -> tuple[int, int]:
        """By how much the output of an encoder block shrinks in frequency and in time."""
        return (2, 2) if level < len(self.config.widths) - 1 else (2, 1)

    @property
    def _frames(self) -> tuple[int, int]:
        """Window and hop in samples of a subband."""
        return self.config.window // self.config.subbands, self.config.hop // self.config.subbands

    def _padding(self, length: int) -> tuple[int, int, int]:
        """Zeros before and after a waveform for the filterbank, and its length with them."""
        count = self.config.subbands
        margin = 0 if count == 1 else TAPS * count // 2
        after = margin + -length % count
        return margin, after, margin + length + after

    def _begin_with_the_mixture(self) -> None:
        """An untrained network answers half of the mixture, with its phase."""
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)
        bias = self.output.bias.data.view(len(self.sources), self.config.outputs_per_bin, -1)
        if self.config.phase:
            bias[:, int(self.config.magnitude)] = 1.0
        if not self.config.magnitude:  # the residual is all: a rectified zero would never learn
            bias[:, -1] = 0.5


class ResidualUnit(nn.Module):
    """Twice normalisation, rectifier and convolution, plus the input; (B, C, F, N)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = _convolution(inputs, outputs)
        self.second = _convolution(outputs, outputs)
        same = inputs == outputs
        self.shortcut = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1)

    def forward(self, features: Tensor) -> Tensor:
        return self.shortcut(features) + self.second(self.first(features))


class Decoder(nn.Module):
    """A transposed convolution, the skip connection, and residual units."""

    def __init__(self, inputs: int, outputs: int, units: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.up = nn.Sequential(
            nn.BatchNorm2d(inputs),
            nn.LeakyReLU(SLOPE),
            nn.ConvTranspose2d(inputs, outputs, stride, stride, bias=False),
        )
        self.units = block(2 * outputs, outputs, units)

    def forward(self, features: Tensor, skip: Tensor) -> Tensor:
        return self.units(torch.cat([self.up(features), skip], dim=1))


def block(inputs: int, outputs: int, units: int) -> nn.Sequential:
    """Residual units one after the other; the first changes the number of channels."""
    widths = (inputs, *[outputs] * units)
    return nn.Sequential(*map(ResidualUnit, widths[:-1], widths[1:]))


def _convolution(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.BatchNorm2d(inputs),
        nn.LeakyReLU(SLOPE),
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
    )


def filterbank(subbands: int) -> Tensor:
    """Filters (subbands, 1, taps) of a cosine-modulated filterbank, for analysis and synthesis.

    A pseudo-quadrature mirror filterbank: the bands have as many samples as the waveform together,
    and give it back with an error about 60 dB below it. Its prototype is a low-pass with a Kaiser
    window, whose cutoff makes that error smallest: Lin, Vaidyanathan, "A Kaiser window approach for
    the design of prototype filters of cosine modulated filterbanks", IEEE Signal Processing Letters
    1998.
    """
    if subbands == 1:
        return torch.ones(1, 1, 1)
    order = TAPS * subbands
    places = np.arange(order + 1) - order / 2
    window = np.kaiser(order + 1, KAISER)

    def low_pass(cutoff: float) -> np.ndarray:
        return cutoff * np.sinc(cutoff * places) * window

    def error(cutoff: float) -> float:
        squared = np.convolve(low_pass(cutoff), low_pass(cutoff))[:: 2 * subbands]
        return np.abs(np.delete(squared, len(squared) // 2)).max()

    edge = 1 / (2 * subbands)
    best = minimize_scalar(error, bounds=(edge, 1.5 * edge), method="bounded")
    numbers = np.arange(subbands)[:, None]
    centres, turns = (numbers + 0.5) * np.pi / subbands, (-1.0) ** numbers * np.pi / 4
    return torch.from_numpy(2 * low_pass(best.x) * np.cos(centres * places + turns)).float()[
        :, None
    ]
