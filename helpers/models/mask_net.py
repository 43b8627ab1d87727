"""A network that shares out the mixture's spectrogram, hearing pitch as position."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

INPUT_SHIFTS = (1 / 3, 1 / 2, 1, 2, 3, 4, 5, 6)  # a fundamental looks at these multiples of itself
OUTPUT_SHIFTS = (1, 2, 3, 4, 5, 6, 7, 8)  # a voice hands its claim to these multiples of its pitch
PHASE_LIMIT = 5500.0  # Hz: above, partials are too weak to be worth the work
HINT_CHANNELS = 8  # channels that tell of the voices where phases are looked at
NORMALISATIONS = ("none", "batch", "group", "layer")


@dataclass(frozen=True)
class MaskNetConfig:
    """`window` and `hop` in samples, `lowest` and `highest` in Hz, `resolution` in bins an octave.

    The network sees the spectrum from `lowest` to `highest` only, so that a model trained at half
    the sample rate, with half the window and hop, runs at the full rate with the same weights.
    `memory` is the number of frames that the recurrent part hears at once, by default three seconds
    of them: no more than the examples it learns from hold, and an end to how far a moment reaches.
    `refined` is the number of channels that look at phases (see `Interference`), 0 for none.
    `named` are the sources that play, where that is known: the model has these alone. `told` lets
    the network learn from such names while it is trained (see `MaskNet.forward`).
    `normalisation` of the convolutions' outputs is `none`, `batch`, `group` (eight groups) or
    `layer` (over channels, bins and frames of one example); `dropout` silences whole channels.
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
    complex_mask_channels: int = 0
    active_sources: tuple[str, ...] = ()
    conditioned: bool = False
    normalisation: str = "none"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.normalisation not in NORMALISATIONS:
            raise ValueError(
                f"There is no normalisation '{self.normalisation}'; "
                f"choose {', '.join(NORMALISATIONS)}."
            )
        if strange := [name for name in self.active_sources if name not in self.sources]:
            raise ValueError(
                f"'{strange[0]}' is no source of this model; choose {', '.join(self.sources)}."
            )


class MaskNet(nn.Module):
    """Spectrogram -> log-frequency -> convolutions and a BLSTM -> one softmax over the sources.

    On a logarithmic axis a harmonic series has the same shape at every pitch, so a convolution
    learns it once, and partial k lies a fixed distance above its fundamental: the network gathers
    partials onto their fundamental (Bittner et al., "Deep salience representations for F0
    estimation in polyphonic music", ISMIR 2017), decides over time which voice sings there (a
    BLSTM, as in Uhlich et al., ICASSP 2017), and hands that decision back to the partials.

    The masks sum to one in every bin, so the estimates sum to the mixture. They are real, so the
    estimates keep its phase, unless `refined` makes them complex.
    """

    Config = MaskNetConfig

    def __init__(self, config: MaskNetConfig):
        super().__init__()
        self.config = config
        self.sources = config.active_sources or config.sources
        self.sample_rate = config.sample_rate
        self.channels = config.channels
        self.segment_seconds = config.segment_seconds
        active = torch.tensor([name in self.sources for name in config.sources])
        order = torch.tensor([config.sources.index(name) for name in self.sources])
        self.register_buffer("active", active, persistent=False)  # (all sources,)
        self.register_buffer("order", order, persistent=False)  # of the model's sources in them
        analysis, synthesis = log_frequency(config)
        self.register_buffer("window", torch.hann_window(config.window), persistent=False)
        self.register_buffer("analysis", analysis, persistent=False)  # (bins, heard)
        self.register_buffer("synthesis", synthesis, persistent=False)  # (heard, bins)
        bins, width, hidden = len(analysis), config.width, config.hidden
        pitch_channels = config.pitch_channels
        self.partials = nn.Sequential(
            nn.Conv2d(len(INPUT_SHIFTS), width, (5, 3), padding=(2, 1)),
            Activation(width, config),
            nn.Conv2d(width, width, (7, 1), padding=(3, 0)),
            Activation(width, config),
        )
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
        if config.complex_mask_channels:
            self.hint = nn.Conv2d(width, HINT_CHANNELS, 1)
            self.interference = Interference(config)

    def forward(self, mixture: Tensor, active: Tensor | None = None) -> Tensor:
        """mixture (B, C, T) -> estimates (B, S, C, T).

        present: which sources may play in each example, bool (B, all sources of the config); then
        there is an estimate of each of those sources, silent where it may not play.
        """
        batch, channels, length = mixture.shape
        order = self.order if active is None else torch.arange(len(self.active))
        active = self.active.expand(batch, -1) if active is None else active
        active = active.repeat_interleave(channels, dim=0)  # (B * C, all sources)
        spectrum = self.stft(mixture.flatten(0, 1))  # (B * C, F, N)
        features, level = self.features(spectrum.abs(), active)
        masks = self.shares(features, active, spectrum.shape[1])
        if self.config.complex_mask_channels:
            hints = self.linear(self.hint(features))
            masks = self.interference(spectrum / level, masks, hints, active)
        # One source at a time: the frames of all of them would be most of the memory.
        estimates = [self.istft(spectrum * masks[:, source], length) for source in order.tolist()]
        return torch.stack(estimates, dim=1).unflatten(0, (batch, channels)).transpose(1, 2)

    def masks(self, magnitude: Tensor) -> Tensor:
        """magnitude (B, F, N) -> real masks (B, S, F, N) in 0..1, summing to one over S."""
        active = self.active.expand(len(magnitude), -1)
        features, _ = self.features(magnitude, active)
        return self.shares(features, active, magnitude.shape[1])[:, self.order]

    def features(self, magnitude: Tensor, active: Tensor) -> tuple[Tensor, Tensor]:
        """magnitude (B, F, N) -> who sings where (B, width, bins, N), and the level (B, 1, N)."""
        visible = magnitude[:, : len(self.synthesis)].transpose(1, 2)  # (B, N, heard)
        level = self.level(visible)
        rms = torch.log((visible @ self.analysis.T) / level + 0.01)
        picture = (rms.transpose(1, 2)[:, None] + 1.5) / 2  # (B, 1, bins, N)
        partials = self.partials(torch.cat([self.shift(picture, k) for k in INPUT_SHIFTS], dim=1))

        frames = self.frame(self.narrow(partials).flatten(1, 2).transpose(1, 2))  # (B, N, hidden)
        if self.config.conditioned:
            frames = frames + self.conditioning(active.to(frames.dtype))[:, None]
        context = self.recur_in_chunks(frames)
        pitches = self.pitches(torch.cat([frames, context], dim=-1)).transpose(1, 2)
        pitches = pitches.unflatten(1, (self.config.pitch_channels, -1))  # (B, voices, bins, N)
        combined = self.combine(torch.cat([pitches, partials], dim=1))

        features = [self.shift(combined, 1 / k) for k in OUTPUT_SHIFTS]
        features = F.gelu(self.gather(torch.cat([*features, partials], dim=1)))
        return features + F.gelu(self.refine(features)), level.transpose(1, 2)

    def shares(self, features: Tensor, active: Tensor, bins: int) -> Tensor:
        """claims (B, width, log bins, N) -> masks (B, all sources, F, N), zero for the absent."""
        logits = self.linear(self.decide(features).float())
        logits = logits.masked_fill(~active[:, :, None, None], -torch.inf)
        above = bins - logits.shape[2]
        logits = torch.cat([logits, logits[:, :, -1:].expand(-1, -1, above, -1)], dim=2)
        return logits.softmax(dim=1)

    def linear(self, picture: Tensor) -> Tensor:
        """picture (B, W, bins, N) -> (B, W, heard, N), from log-spaced bins to linear ones."""
        return torch.einsum("bwin,hi->bwhn", picture, self.synthesis.to(picture.dtype))

    def recur_in_chunks(self, frames: Tensor) -> Tensor:
        """frames (B, N, hidden) -> what the recurrent part says of each, (B, N, hidden).

        Stretches of `memory` frames start every half of it, and each speaks for its middle half.
        """
        count, chunk_frames = frames.shape[1], self.config.chunk_frames
        if count <= chunk_frames:
            return self.recur(frames)[0]
        hop, edge = chunk_frames // 2, chunk_frames // 4
        stretches = -(-(count - chunk_frames) // hop) + 1
        frames = F.pad(frames, (0, 0, 0, (stretches - 1) * hop + chunk_frames - count))
        cut = frames.unfold(1, chunk_frames, hop).transpose(2, 3)  # (B, stretches, memory, hidden)
        said = self.recur(cut.flatten(0, 1))[0].unflatten(0, cut.shape[:2])
        first, last = said[:, 0, :edge], said[:, -1, edge + hop :]
        middle = said[:, :, edge : edge + hop].flatten(1, 2)
        return torch.cat([first, middle, last], dim=1)[:, :count]

    def shift(self, picture: Tensor, multiple: float) -> Tensor:
        """picture (B, W, bins, N) -> each bin shows what was at `multiple` times its frequency."""
        steps = round(self.config.resolution * math.log2(multiple))
        if steps > 0:
            return F.pad(picture[:, :, steps:], (0, 0, 0, steps))
        return F.pad(picture[:, :, : picture.shape[2] + steps], (0, 0, -steps, 0))

    def level(self, visible: Tensor) -> Tensor:
        """heard (B, N, heard) -> the loudness around each frame (B, N, 1), over about a second."""
        reach = max(1, int(self.sample_rate / self.config.hop / 2))
        power = F.avg_pool1d(
            visible.square().mean(-1)[:, None],
            2 * reach + 1,
            stride=1,
            padding=reach,
            count_include_pad=False,
        )
        return power.transpose(1, 2).sqrt() + 1e-5

    def stft(self, waveform: Tensor) -> Tensor:
        """waveform (B, T) -> complex (B, F, N); a full-scale sine has magnitude one half."""
        return torch.stft(
            F.pad(waveform, (0, self.config.window)),
            self.config.window,
            self.config.hop,
            window=self.window / self.window.sum(),
            pad_mode="constant",
            return_complex=True,
        )

    def istft(self, spectrum: Tensor, length: int) -> Tensor:
        """complex (B, F, N) -> waveforms (B, length)."""
        return torch.istft(
            spectrum,
            self.config.window,
            self.config.hop,
            window=self.window / self.window.sum(),
            length=length,
        )


class Activation(nn.Module):
    """GELU of the normalised input, then dropout of whole channels, as far as the config says."""

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
    """Makes real masks complex, for bins that the partials of two voices share.

    Two partials in a bin beat: its level and phase swing with their difference. Convolutions see
    levels, masks, and how phases move from frame to frame (beyond the advance of the bin's centre)
    and from bin to bin; no absolute phase matters. What they add sums to zero over the sources.

    Williamson et al., "Complex ratio masking for monaural speech separation", TASLP 2016.
    """

    def __init__(self, config: MaskNetConfig):
        super().__init__()
        sources, width = len(config.sources), config.complex_mask_channels
        self.bins = int(PHASE_LIMIT * config.window / config.sample_rate)
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
        """spectrum (B, F, N), masks (B, S, F, N), hints (B, HINTS, heard, N), present (B, S)
        -> complex masks.
        """
        visible, shares = spectrum[:, : self.bins], masks[:, :, : self.bins]
        rms = torch.log(visible.abs() + 1e-3)
        phase = visible / (visible.abs() + 1e-9)
        onward = F.pad(phase[:, :, 1:] * phase[:, :, :-1].conj() * self.advance, (1, 0))
        upward = F.pad(phase[:, 1:] * phase[:, :-1].conj(), (0, 0, 0, 1))
        rise = F.pad(rms[:, :, 1:] - rms[:, :, :-1], (1, 0))
        seen = [rms, rise, onward.real, onward.imag, upward.real, upward.imag]
        shares = torch.log(shares + 1e-3)
        seen = torch.cat([torch.stack(seen, dim=1), shares, hints[:, :, : self.bins]], dim=1)
        features = F.relu(self.look(seen))
        for layer in self.reach:
            features = features + F.relu(layer(features))
        change = self.change(features).float().unflatten(1, (3, -1))  # (B, 3, S, bins, N)
        playing = active[:, :, None, None]
        mean = (change * playing[:, None]).sum(2, keepdim=True) / playing.sum(1)[:, None, None]
        change = (change - mean) * playing[:, None]
        complex_mask_channels = (shares + change[:, 0]).masked_fill(~playing, -torch.inf).softmax(1)
        complex_mask_channels = complex_mask_channels + torch.complex(change[:, 1], change[:, 2])
        return torch.cat(
            [complex_mask_channels, masks[:, :, self.bins :].to(complex_mask_channels.dtype)], dim=2
        )


def log_frequency(config: MaskNetConfig) -> tuple[Tensor, Tensor]:
    """(bins, heard) to average linear bins around each log-spaced one, (heard, bins) to go back.

    Each log-spaced bin averages a triangle as wide as its spacing, at least one linear bin; the
    way back interpolates between its two neighbours in log-frequency.
    """
    spacing = config.sample_rate / config.window
    bins = int(math.log2(config.highest / config.lowest) * config.resolution)
    centres = config.lowest * 2 ** (torch.arange(bins) / config.resolution)
    linear = torch.arange(int(config.highest / spacing)) * spacing
    reach = (centres * (2 ** (1 / config.resolution) - 1)).clamp_min(spacing)
    analysis = (1 - (linear - centres[:, None]).abs() / reach[:, None]).clamp_min(0)
    octaves = torch.log2(linear.clamp_min(config.lowest) / config.lowest)
    place = (octaves * config.resolution).clamp(0, bins - 1)
    synthesis = (1 - (place[:, None] - torch.arange(bins)).abs()).clamp_min(0)
    return analysis / analysis.sum(1, keepdim=True), synthesis
