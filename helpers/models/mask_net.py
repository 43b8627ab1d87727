"""Mask network: a mask for every source over the mixture's STFT, from its log-frequency spectrum.

Chapter: 04.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

INPUT_SHIFTS = (1 / 3, 1 / 2, 1, 2, 3, 4, 5, 6)  # multiples of a bin's frequency that it sees
OUTPUT_SHIFTS = (1, 2, 3, 4, 5, 6, 7, 8)  # partials to which the features of a pitch are copied
PHASE_LIMIT = 5500.0  # Hz; above it, partials are too weak for complex masks to pay
HINT_CHANNELS = 8  # feature channels that the complex masks are computed from
NORMALISATIONS = ("none", "batch", "group", "layer")
OTHER = "other"  # the source of everything that no other active source explains
LIMITS = {
    "sample_rate": (1000, 384_000), "channels": (1, 64), "segment_seconds": (0.01, 3600.0),
    "window": (16, 131_072), "hop": (1, 65_536), "lowest": (1.0, 20_000.0),
    "highest": (1.0, 192_000.0), "resolution": (1, 480), "width": (1, 4096),
    "pitch_channels": (1, 4096), "hidden": (2, 16_384), "layers": (1, 32),
    "chunk_frames": (4, 65_536), "complex_mask_channels": (0, 4096), "dropout": (0.0, 1.0),
    "attack_window": (0, 131_072),
}  # fmt: skip


@dataclass(frozen=True)
class MaskNetConfig:
    """`window` and `hop` in samples, `lowest` and `highest` in Hz, `resolution` in bins an octave.

    The network sees frequencies from `lowest` to `highest` only, so a model trained at half the
    sample rate, with half the window and hop, runs at the full rate with the same weights.
    chunk_frames: frames that the LSTM processes at once, by default three seconds: as many as the
        training examples have.
    attack_window: samples; of a second spectrum that shows when notes begin. 0 leaves it out.
    complex_mask_channels: width of the layers that make the masks complex; 0 keeps them real.
    active_sources: where they are known, the model returns these only, and `other` where it has
        this source. conditioned: the network is given the active sources, in training too.
    fundamentals: whether it also says which source sounds at which pitches, which is an auxiliary
        target of the training.
    counted_as: the sources of instruments that have another name, such as an alto saxophone.
    normalisation: of the convolutions' outputs, `none`, `batch`, `group` (eight groups) or `layer`
        (over channels, bins and frames of one example). dropout: of whole channels.
    """

    sources: tuple[str, ...]
    sample_rate: int = 22050
    channels: int = 1
    segment_seconds: float = 24.0
    window: int = 4096
    hop: int = 1024
    lowest: float = 50.0
    highest: float = 8000.0
    resolution: int = 36
    width: int = 32
    pitch_channels: int = 16
    hidden: int = 384
    layers: int = 2
    chunk_frames: int = 64
    attack_window: int = 0
    complex_mask_channels: int = 0
    active_sources: tuple[str, ...] = ()
    conditioned: bool = False
    normalisation: str = "none"
    dropout: float = 0.0
    fundamentals: bool = False
    counted_as: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, (least, most) in LIMITS.items():
            value = getattr(self, name)
            if type(value) not in (int, type(least)) or not least <= value <= most:
                kind = "a whole number" if type(least) is int else "a number"
                raise ValueError(f"{name} is {value!r}; it must be {kind} from {least} to {most}.")
        if self.hop > self.window // 2:
            raise ValueError(f"hop is {self.hop}; it must be at most half the window.")
        if self.attack_window > self.window:
            raise ValueError(
                f"attack_window is {self.attack_window}; it must be at most the window."
            )
        if not self.lowest < self.highest <= self.sample_rate / 2:
            raise ValueError(
                f"highest is {self.highest}; it must be above lowest and at most half the rate."
            )
        if self.normalisation not in NORMALISATIONS:
            raise ValueError(
                f"There is no normalisation '{self.normalisation}'; "
                f"choose {', '.join(NORMALISATIONS)}."
            )
        counted = self.counted_as
        if type(counted) is not dict or not all(type(name) is str for name in counted.values()):
            raise ValueError(f"counted_as is {counted!r}; it must be a table of names of sources.")
        if unknown := [name for name in self.active_sources if name not in self.sources]:
            raise ValueError(
                f"'{unknown[0]}' is no source of this model; choose {', '.join(self.sources)}."
            )


class Details(NamedTuple):
    """All that the network says of a mixture.

    estimates (B, all sources, C, T). fundamentals: logits (B, all sources, log bins, N), or None.
    """

    estimates: Tensor
    fundamentals: Tensor | None = None


class MaskNet(nn.Module):
    """Log-frequency spectrogram -> convolutions -> bidirectional LSTM -> softmax over sources.

    On a logarithmic axis a harmonic series has the same shape at every pitch, and partial k lies a
    fixed distance above its fundamental. The network shifts the partials onto their fundamental
    (Bittner et al., "Deep salience representations for F0 estimation in polyphonic music", ISMIR
    2017), assigns pitches to sources over time (LSTM as in Uhlich et al., ICASSP 2017), and copies
    the result back to the partials.

    The masks sum to one in every bin, so the estimates sum to the mixture. They are real, so the
    estimates keep its phase, unless `complex_mask_channels` makes them complex.
    """

    Config = MaskNetConfig

    def __init__(self, config: MaskNetConfig):
        super().__init__()
        self.config = config
        named = config.active_sources or config.sources
        rest = (OTHER,) if OTHER in config.sources and OTHER not in named else ()
        self.sources = (*named, *rest)
        self.sample_rate = config.sample_rate
        self.channels = config.channels
        self.segment_seconds = config.segment_seconds
        active = torch.tensor([name in self.sources for name in config.sources])
        order = torch.tensor([config.sources.index(name) for name in self.sources])
        self.register_buffer("active", active, persistent=False)  # (all sources,)
        self.register_buffer("order", order, persistent=False)  # indices of `self.sources` in all
        analysis, synthesis = log_frequency(config)
        self.register_buffer("window", torch.hann_window(config.window), persistent=False)
        self.register_buffer("analysis", analysis, persistent=False)  # (log bins, linear bins)
        self.register_buffer("synthesis", synthesis, persistent=False)  # (linear bins, log bins)
        bins, width, hidden = len(analysis), config.width, config.hidden
        pitch_channels = config.pitch_channels
        self.partials = nn.Sequential(
            nn.Conv2d(len(INPUT_SHIFTS), width, (5, 3), padding=(2, 1)),
            Activation(width, config),
            nn.Conv2d(width, width, (7, 1), padding=(3, 0)),
            Activation(width, config),
        )
        if config.attack_window:
            brief = torch.hann_window(config.attack_window)
            self.register_buffer("brief_window", brief, persistent=False)
            size = {"kernel_size": (5, 3), "padding": (2, 1), "bias": False}
            self.attacks = nn.Conv2d(len(INPUT_SHIFTS), width, **size)
            nn.init.zeros_(self.attacks.weight)
        self.narrow = nn.Conv2d(width, 4, 1)
        self.frame = nn.Sequential(nn.Linear(4 * bins, hidden), nn.LayerNorm(hidden), nn.GELU())
        self.recur = nn.LSTM(
            hidden, hidden // 2, config.layers, batch_first=True, bidirectional=True
        )
        if config.conditioned:
            self.conditioning = nn.Linear(len(config.sources), hidden, bias=False)
            nn.init.zeros_(self.conditioning.weight)
        self.pitches = nn.Linear(2 * hidden, pitch_channels * bins)
        self.combine = nn.Sequential(
            nn.Conv2d(pitch_channels + width, width, 3, padding=1),
            Activation(width, config),
            nn.Conv2d(width, pitch_channels, 1),
        )
        self.gather = nn.Conv2d(len(OUTPUT_SHIFTS) * pitch_channels + width, width, 1)
        self.refine = nn.Conv2d(width, width, (5, 3), padding=(2, 1))
        self.decide = nn.Conv2d(width, len(config.sources), (3, 1), padding=(1, 0))
        if config.fundamentals:
            self.played = nn.Conv2d(pitch_channels, len(config.sources), 1)
        if config.complex_mask_channels:
            self.hint = nn.Conv2d(width, HINT_CHANNELS, 1)
            self.interference = Interference(config)

    @property
    def source_channels(self) -> dict[str, tuple[int, list[str | None]]]:
        """Parameters with an axis of sources: the axis, and the source of each index on it."""
        sources = list(self.config.sources)
        channels = {"decide.weight": (0, sources), "decide.bias": (0, sources)}
        if self.config.conditioned:
            channels["conditioning.weight"] = (1, sources)
        if self.config.fundamentals:
            channels |= {"played.weight": (0, sources), "played.bias": (0, sources)}
        if self.config.complex_mask_channels:
            look = [None] * 6 + sources + [None] * HINT_CHANNELS
            channels["interference.look.weight"] = (1, look)
            for name in ("weight", "bias"):
                channels[f"interference.change.{name}"] = (0, 3 * sources)
        return channels

    def forward(
        self, mixture: Tensor, active: Tensor | None = None, details: bool = False
    ) -> Tensor | Details:
        """mixture (B, C, T) -> estimates (B, S, C, T).

        active: the active sources of each example, bool (B, all sources of the config). Then all
        sources are returned, inactive ones silent. details: return these, and all sources too.
        """
        batch, channels, length = mixture.shape
        whole = details or active is not None
        active = self.active.expand(batch, -1) if active is None else active
        active = active.repeat_interleave(channels, dim=0)  # (B * C, all sources)
        spectrum = self.stft(mixture.flatten(0, 1))  # (B * C, F, N)
        brief = self.brief(mixture.flatten(0, 1)) if self.config.attack_window else None
        partials, frames, context, level = self.listen(spectrum.abs(), active, brief)
        pitches = self.assign(partials, frames, context)
        features = self.spread_partials(partials, pitches)
        if self.config.complex_mask_channels:
            masks = self.masks(features, active, spectrum.shape[1])
            hints = self.to_linear(self.hint(features))
            masks = self.interference(spectrum / level, masks, hints, active)
            masks = (each[own] for each, own in zip(masks, active, strict=True))
        else:
            masks = self.active_masks(features, active, spectrum.shape[1])
        order = torch.arange(len(self.active), device=mixture.device) if whole else self.order
        estimates = []
        for each, own, of_active in zip(spectrum, active, masks, strict=True):
            # One source at a time: the frames of all of them would be most of the memory.
            waveforms = torch.stack([self.istft((each * mask)[None], length) for mask in of_active])
            estimates.append(spread(waveforms[:, 0], own)[order])
        estimates = torch.stack(estimates).unflatten(0, (batch, channels)).transpose(1, 2)
        if not details:
            return estimates
        if not self.config.fundamentals:
            return Details(estimates)
        played = self.played(pitches).unflatten(0, (batch, channels)).mean(1)
        return Details(estimates, played)

    def features(self, magnitude: Tensor, active: Tensor) -> tuple[Tensor, Tensor]:
        """magnitude (B, F, N) -> features (B, width, log bins, N) and level (B, 1, N).

        ValueError for a model that also listens to a brief spectrum.
        """
        partials, frames, context, level = self.listen(magnitude, active)
        pitches = self.assign(partials, frames, context)
        return self.spread_partials(partials, pitches), level

    def listen(
        self, magnitude: Tensor, active: Tensor, brief: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """magnitude (B, F, N) -> partials (B, width, log bins, N), what is seen in each frame and
        the LSTM's output for it (B, N, hidden), and level (B, 1, N).

        brief: the magnitude with `attack_window`; ValueError where a model with one gets none.
        """
        if self.config.attack_window and brief is None:
            raise ValueError("This model also listens to a brief spectrum; give it the waveform.")
        visible = magnitude[:, : len(self.synthesis)].transpose(1, 2)  # (B, N, linear bins)
        level = self.level(visible)
        seen = self.at_partials(visible, level)
        if self.config.attack_window:
            brief = brief[:, : len(self.synthesis)].transpose(1, 2)
            first = self.partials[0](seen) + self.attacks(self.at_partials(brief, level))
            partials = self.partials[1:](first)
        else:
            partials = self.partials(seen)

        frames = self.frame(self.narrow(partials).flatten(1, 2).transpose(1, 2))  # (B, N, hidden)
        if self.config.conditioned:
            frames = frames + self.conditioning(active.to(frames.dtype))[:, None]
        return partials, frames, self.recur_in_chunks(frames), level.transpose(1, 2)

    def at_partials(self, visible: Tensor, level: Tensor) -> Tensor:
        """Magnitude (B, N, linear bins), level (B, N, 1) -> at each pitch, the logarithm at its
        partials (B, INPUT_SHIFTS, log bins, N)."""
        spectrum = torch.log((visible @ self.analysis.T) / level + 0.01)
        spectrum = (spectrum.transpose(1, 2)[:, None] + 1.5) / 2  # (B, 1, log bins, N)
        return torch.cat([self.shift(spectrum, k) for k in INPUT_SHIFTS], dim=1)

    def assign(self, partials: Tensor, frames: Tensor, context: Tensor) -> Tensor:
        """What `listen` returns -> features of pitches (B, pitch channels, log bins, N)."""
        pitches = self.pitches(torch.cat([frames, context], dim=-1)).transpose(1, 2)
        pitches = pitches.unflatten(1, (self.config.pitch_channels, -1))  # (B, P, log bins, N)
        return self.combine(torch.cat([pitches, partials], dim=1))

    def spread_partials(self, partials: Tensor, pitches: Tensor) -> Tensor:
        """What is at the fundamentals, also at their partials: features (B, width, log bins, N)."""
        features = [self.shift(pitches, 1 / k) for k in OUTPUT_SHIFTS]
        features = F.gelu(self.gather(torch.cat([*features, partials], dim=1)))
        return features + F.gelu(self.refine(features))

    def masks(self, features: Tensor, active: Tensor, bins: int) -> Tensor:
        """features (B, width, log bins, N) -> (B, all sources, F, N), zero for inactive sources."""
        masks = self.active_masks(features, active, bins)
        return torch.stack([spread(each, own) for each, own in zip(masks, active, strict=True)])

    def active_masks(self, features: Tensor, active: Tensor, bins: int) -> Iterator[Tensor]:
        """features (B, width, log bins, N) -> for each of B its active sources (K, F, N)."""
        for logits, own in zip(self.decide(features), active, strict=True):
            logits = self.to_linear(logits[own][None].float())[0]
            above = bins - logits.shape[1]
            logits = torch.cat([logits, logits[:, -1:].expand(-1, above, -1)], dim=1)
            yield logits.softmax(dim=0)

    def to_linear(self, features: Tensor) -> Tensor:
        """(B, W, log bins, N) -> (B, W, linear bins, N)."""
        return torch.einsum("bwin,hi->bwhn", features, self.synthesis.to(features.dtype))

    def recur_in_chunks(self, frames: Tensor) -> Tensor:
        """frames (B, N, hidden) -> output of the LSTM (B, N, hidden).

        Chunks of `chunk_frames` overlap by half; the middle half of each is kept.
        """
        count, chunk_frames = frames.shape[1], self.config.chunk_frames
        if count <= chunk_frames:
            return self.recur(frames)[0]
        hop, edge = chunk_frames // 2, chunk_frames // 4
        chunks = -(-(count - chunk_frames) // hop) + 1
        frames = F.pad(frames, (0, 0, 0, (chunks - 1) * hop + chunk_frames - count))
        cut = frames.unfold(1, chunk_frames, hop).transpose(2, 3)  # (B, chunks, frames, hidden)
        output = self.recur(cut.flatten(0, 1))[0].unflatten(0, cut.shape[:2])
        first, last = output[:, 0, :edge], output[:, -1, edge + hop :]
        middle = output[:, :, edge : edge + hop].flatten(1, 2)
        return torch.cat([first, middle, last], dim=1)[:, :count]

    def shift(self, features: Tensor, multiple: float) -> Tensor:
        """(B, W, log bins, N) -> at each bin, what was at `multiple` times its frequency."""
        steps = round(self.config.resolution * math.log2(multiple))
        if steps > 0:
            return F.pad(features[:, :, steps:], (0, 0, 0, steps))
        return F.pad(features[:, :, : features.shape[2] + steps], (0, 0, -steps, 0))

    def level(self, visible: Tensor) -> Tensor:
        """magnitude (B, N, linear bins) -> RMS over about a second around each frame (B, N, 1)."""
        reach = max(1, int(self.sample_rate / self.config.hop / 2))
        power = F.avg_pool1d(
            visible.square().mean(-1)[:, None], 2 * reach + 1, stride=1, padding=reach,
            count_include_pad=False,
        )  # fmt: skip
        return power.transpose(1, 2).sqrt() + 1e-5

    def stft(self, waveform: Tensor) -> Tensor:
        """waveform (B, T) -> complex (B, F, N); a full-scale sine has magnitude one half."""
        size, window = self.config.window, self.window / self.window.sum()
        return torch.stft(
            F.pad(waveform, (0, size)), size, self.config.hop, window=window,
            pad_mode="constant", return_complex=True,
        )  # fmt: skip

    def brief(self, waveform: Tensor) -> Tensor:
        """waveform (B, T) -> magnitude (B, F, N) with `attack_window`, in the bins of `stft`."""
        window = self.brief_window / self.brief_window.sum()
        return torch.stft(
            F.pad(waveform, (0, self.config.window)), self.config.window, self.config.hop,
            win_length=len(window), window=window, pad_mode="constant", return_complex=True,
        ).abs()  # fmt: skip

    def istft(self, spectrum: Tensor, length: int) -> Tensor:
        """complex (B, F, N) -> waveforms (B, length)."""
        window = self.window / self.window.sum()
        return torch.istft(
            spectrum, self.config.window, self.config.hop, window=window, length=length
        )


def spread(values: Tensor, places: Tensor) -> Tensor:
    """values (K, ...) -> (S, ...): zero but where `places` (S,) is true."""
    return values.new_zeros(len(places), *values.shape[1:]).index_put((places,), values)


class Activation(nn.Module):
    """Normalisation, GELU, dropout of whole channels."""

    def __init__(self, width: int, config: MaskNetConfig):
        super().__init__()
        self.normalise = {
            "none": nn.Identity(),
            "batch": nn.BatchNorm2d(width),
            "group": nn.GroupNorm(math.gcd(8, width), width),
            "layer": nn.GroupNorm(1, width),
        }[config.normalisation]
        self.drop = nn.Dropout2d(config.dropout)

    def forward(self, features: Tensor) -> Tensor:
        return self.drop(F.gelu(self.normalise(features)))


class Interference(nn.Module):
    """Makes real masks complex, for bins in which the partials of two sources interfere.

    Two partials in one bin beat: its level and phase change with their difference. Convolutions see
    levels, masks, and the change of phase from frame to frame (relative to the bin's centre
    frequency) and from bin to bin, never absolute phase. The corrections sum to zero over sources.

    Williamson et al., "Complex ratio masking for monaural speech separation", TASLP 2016.
    """

    def __init__(self, config: MaskNetConfig):
        super().__init__()
        sources, width = len(config.sources), config.complex_mask_channels
        limit = min(PHASE_LIMIT, config.highest)
        self.bins = int(limit * config.window / config.sample_rate)
        turns = torch.arange(self.bins) * config.hop % config.window / config.window
        advance = torch.polar(torch.ones(self.bins), -2 * math.pi * turns)[:, None]
        self.register_buffer("advance", advance, persistent=False)
        self.look = nn.Conv2d(6 + sources + HINT_CHANNELS, width, (5, 3), padding=(2, 1))
        self.reach = nn.ModuleList(
            nn.Conv2d(width, width, 3, padding=(1, frames), dilation=(1, frames))
            for frames in (1, 2, 4)
        )
        self.change = nn.Conv2d(width, 3 * sources, 1)
        nn.init.zeros_(self.change.weight)
        nn.init.zeros_(self.change.bias)

    def forward(self, spectrum: Tensor, masks: Tensor, hints: Tensor, active: Tensor) -> Tensor:
        """spectrum (B, F, N), masks (B, S, F, N), hints (B, HINT_CHANNELS, linear bins, N),
        active (B, S) -> complex masks (B, S, F, N).
        """
        visible = spectrum[:, : self.bins]
        level = torch.log(visible.abs() + 1e-3)
        phase = visible / (visible.abs() + 1e-9)
        onward = F.pad(phase[:, :, 1:] * phase[:, :, :-1].conj() * self.advance, (1, 0))
        upward = F.pad(phase[:, 1:] * phase[:, :-1].conj(), (0, 0, 0, 1))
        rise = F.pad(level[:, :, 1:] - level[:, :, :-1], (1, 0))
        seen = [level, rise, onward.real, onward.imag, upward.real, upward.imag]
        logits = torch.log(masks[:, :, : self.bins] + 1e-3)
        seen = torch.cat([torch.stack(seen, dim=1), logits, hints[:, :, : self.bins]], dim=1)
        features = F.relu(self.look(seen))
        for layer in self.reach:
            features = features + F.relu(layer(features))
        change = self.change(features).float().unflatten(1, (3, -1))  # (B, 3, S, bins, N)
        active = active[:, :, None, None]
        mean = (change * active[:, None]).sum(2, keepdim=True) / active.sum(1)[:, None, None]
        change = (change - mean) * active[:, None]
        real = (logits + change[:, 0]).masked_fill(~active, -torch.inf).softmax(1)
        complex_masks = real + torch.complex(change[:, 1], change[:, 2])
        return torch.cat([complex_masks, masks[:, :, self.bins :].to(complex_masks.dtype)], dim=2)


def log_frequency(config: MaskNetConfig) -> tuple[Tensor, Tensor]:
    """Filterbanks from linear to log-spaced bins (log bins, linear bins) and back, transposed.

    Each log-spaced bin averages a triangle as wide as its spacing, at least one linear bin; the
    inverse interpolates between the two neighbours in log-frequency.
    """
    spacing = config.sample_rate / config.window
    bins = int(math.log2(config.highest / config.lowest) * config.resolution)
    centres = config.lowest * 2 ** (torch.arange(bins) / config.resolution)
    linear = torch.arange(int(config.highest / spacing)) * spacing
    reach = (centres * (2 ** (1 / config.resolution) - 1)).clamp_min(spacing)
    analysis = (1 - (linear - centres[:, None]).abs() / reach[:, None]).clamp_min(0)
    octaves = torch.log2(linear.clamp_min(config.lowest) / config.lowest)
    position = (octaves * config.resolution).clamp(0, bins - 1)
    synthesis = (1 - (position[:, None] - torch.arange(bins)).abs()).clamp_min(0)
    return analysis / analysis.sum(1, keepdim=True), synthesis
