"""Score network: a mask for every part of a score, from the mixture and the notes of each part.

Chapter: 08.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .mask_net import MaskNet, MaskNetConfig

INPUT_SHIFTS = (1 / 3, 1 / 2, 1, 2, 3, 4, 5, 6)  # multiples of a bin's frequency that it sees
OUTPUT_SHIFTS = (1, 2, 3, 4, 5, 6, 7, 8)  # partials to which the features of a pitch are copied
PARTIALS = 40  # of a note, in the pictures of a score
ROLL_OFF = 0.8  # partial k has the amplitude k ** -ROLL_OFF there
SPREAD = 25.0  # cents: standard deviation of a partial, for vibrato and tuning
RISE, ONSET = 0.06, 0.06  # seconds before an onset at which a note begins; width of an onset
RELEASE, TAIL = 0.1, 0.6  # seconds in which a note decays after its end by a factor e
STEPS = 32  # of a profile's table, for each log-spaced bin
UNKNOWN = 0  # the number of an instrument that is not known
FAINT = 1e-3  # of the mixture: the least that a part may have by the blind network
UNHEARD = 1 / 3  # share of the examples that train without it
LIMITS = {
    "sample_rate": (1000, 384_000), "channels": (1, 1), "segment_seconds": (0.01, 3600.0),
    "window": (16, 131_072), "hop": (1, 65_536), "lowest": (1.0, 20_000.0),
    "highest": (1.0, 192_000.0), "resolution": (1, 480), "width": (1, 4096),
    "part_width": (1, 4096), "pitch_channels": (1, 4096), "trust": (0.0, 8.0),
    "correction": (0.0, 8.0),
}  # fmt: skip


@dataclass(frozen=True)
class ScoreNetConfig:
    """`window` and `hop` in samples, `lowest` and `highest` in Hz, `resolution` in bins an octave.

    sources: the instruments that it knows; the parts of a score may have others.
    prior: whether the masks start from the combs of the notes. pictures: whether the network sees
    the notes. Without both it separates by the instruments alone.
    instruments: whether the correction is given the instrument of a part; otherwise only the blind
    network is.
    correction: a factor of what the network adds to the logits of the combs: 1 in training; a
    smaller one stays nearer to what needs no training. Between parts that the blind network cannot
    tell apart it is 1.
    blind: the configuration of a `MaskNet`, which knows the instruments but not the score, and
    whose masks are taken to the power `trust`; empty for none.
    """

    sources: tuple[str, ...]
    sample_rate: int = 22050
    channels: int = 1
    segment_seconds: float = 12.0
    window: int = 4096
    hop: int = 1024
    lowest: float = 32.7
    highest: float = 8000.0
    resolution: int = 36
    width: int = 32
    part_width: int = 24
    pitch_channels: int = 12
    prior: bool = True
    pictures: bool = True
    instruments: bool = True
    correction: float = 1.0
    blind: Mapping[str, Any] = field(default_factory=dict)
    trust: float = 0.5

    def __post_init__(self) -> None:
        for name, (least, most) in LIMITS.items():
            value = getattr(self, name)
            if type(value) not in (int, type(least)) or not least <= value <= most:
                kind = "a whole number" if type(least) is int else "a number"
                raise ValueError(f"{name} is {value!r}; it must be {kind} from {least} to {most}.")
        if self.hop > self.window // 2:
            raise ValueError(f"hop is {self.hop}; it must be at most half the window.")
        if not self.lowest < self.highest <= self.sample_rate / 2:
            raise ValueError(
                f"highest is {self.highest}; it must be above lowest and at most half the rate."
            )
        if self.blind:
            try:
                self.blind_config()
            except (KeyError, TypeError, ValueError) as error:
                raise ValueError(f"blind is no network of this rate: {error.args[0]}") from error

    def blind_config(self) -> MaskNetConfig:
        """Of the blind network, which sees the same spectra."""
        entries = {**self.blind, "sources": tuple(self.blind["sources"]), "active_sources": ()}
        shared = {name: getattr(self, name) for name in ("sample_rate", "window", "hop")}
        return MaskNetConfig(**{**entries, **shared})


class ScoreNet(nn.Module):
    """The notes of a part give a comb of partials; a network corrects it by what it hears.

    The mixture passes a shared trunk once. Each part adds a picture of its own notes and one of all
    others, and its instrument; the same weights then give each part its logit in every bin. What no
    part explains, `rest`, is one more part without notes. A softmax over the parts gives masks that
    sum to one. Parts in another order give the same estimates in that order.

    A network that separates without the score may have a say: the logarithm of its mask for a
    part's instrument is added to the part's logit, as in a product of experts (Hinton, "Training
    products of experts by minimizing contrastive divergence", 2002). Two parts of one instrument
    get the same, so that between them the score decides. Its weights are not trained here.

    As in `MaskNet`, the spectrum has a logarithmic axis, on which partials are moved onto their
    fundamental and back. Score-informed masks: Ewert and Müller, "Score-informed source
    separation", 2012; Ewert et al., IEEE Signal Processing Magazine 31(3), 2014.
    """

    Config = ScoreNetConfig
    takes_score = True

    def __init__(self, config: ScoreNetConfig):
        super().__init__()
        self.config = config
        self.sources = config.sources
        self.sample_rate = config.sample_rate
        self.channels = config.channels
        self.segment_seconds = config.segment_seconds
        analysis, synthesis, lobes = log_frequency(config)
        self.register_buffer("window", torch.hann_window(config.window), persistent=False)
        self.register_buffer("analysis", analysis, persistent=False)  # (log bins, linear bins)
        self.register_buffer("synthesis", synthesis, persistent=False)  # (linear bins, log bins)
        self.register_buffer("lobes", lobes, persistent=False)  # (linear bins, log bins)
        self.register_buffer("profiles", profiles(config), persistent=False)  # (2, offsets)
        width, part_width = config.width, config.part_width
        self.partials = nn.Sequential(
            nn.Conv2d(len(INPUT_SHIFTS), width, (5, 3), padding=(2, 1)),
            nn.GELU(),
            nn.Conv2d(width, width, (7, 1), padding=(3, 0)),
            nn.GELU(),
        )
        self.hear = nn.Conv2d(width, part_width, 1)
        self.see = nn.Conv2d(4 + len(INPUT_SHIFTS), part_width, 1, bias=False)
        self.instruments = nn.Embedding(len(config.sources) + 2, part_width)  # unknown, ..., rest
        self.follow = nn.ModuleList(
            nn.Conv2d(part_width, part_width, 3, padding=(1, step), dilation=(1, step))
            for step in (1, 3)
        )
        self.pitches = nn.Conv2d(part_width, config.pitch_channels, 1)
        self.gather = nn.Conv2d(len(OUTPUT_SHIFTS) * config.pitch_channels, part_width, 1)
        self.beside = nn.Conv2d(width, part_width, 1)
        self.look = nn.Conv2d(4, part_width, 1, bias=False)
        self.refine = nn.Conv2d(part_width, part_width, (5, 3), padding=(2, 1))
        self.decide = nn.Conv2d(part_width, 1, (3, 1), padding=(1, 0))
        nn.init.zeros_(self.decide.weight)
        nn.init.zeros_(self.decide.bias)
        if config.blind:
            self.blind = MaskNet(config.blind_config()).requires_grad_(False)
            known = list(self.blind.config.sources)
            places = [known.index(name) if name in known else -1 for name in config.sources]
            # Of the blind network's sources, by the number of a player: unknown, ..., the rest.
            places = torch.tensor([-1, *places, -1])
            self.register_buffer("places", places, persistent=False)
        self.sharpness = nn.Parameter(torch.tensor(1.0))
        self.floors = nn.Parameter(torch.tensor([0.003, 0.01]).log())  # of parts, and of the rest
        self.tail = nn.Parameter(torch.tensor(0.05).log())

    def forward(
        self, mixture: Tensor, notes: Tensor | None = None, players: Tensor | None = None
    ) -> Tensor:
        """mixture (B, 1, T) -> estimates (B, P + 1, 1, T) of the parts and, last, of the rest.

        notes: (B, P, M, 3), onset and end in seconds from the mixture's start and MIDI pitch; those
        that end before they begin do not count. players: (B, P), for each part the number of its
        instrument (1 for the first of `sources`, UNKNOWN for others), negative for no part, whose
        estimate is silent.
        """
        if notes is None or players is None:
            raise ValueError("ScoreNet separates with a score; pass the notes of each part.")
        length = mixture.shape[-1]
        spectrum = self.stft(mixture[:, 0])  # (B, F, N)
        heard = self.hear_mixture(spectrum.abs())  # (B, width, log bins, N)
        notes = F.pad(notes, (0, 0, 0, 0, 0, 1), value=-1.0)  # the rest has no note
        players = torch.where(players > len(self.sources), UNKNOWN, players)
        players = F.pad(players, (0, 1), value=len(self.sources) + 1)
        with torch.autocast(mixture.device.type, enabled=False):
            combs, fundamentals, onsets = self.paint(notes.float(), spectrum.shape[-1])
        logits = self.correct(heard, combs, fundamentals, onsets, players)
        logits = self.to_linear(logits, self.synthesis)  # (B, P + 1, linear bins, N)
        logits = self.cautious(logits, players)
        if self.config.prior:
            logits = logits + self.sharpness * self.expect(combs)
        if self.config.blind:
            logits = logits + self.config.trust * self.ask(spectrum.abs(), players, logits.shape[2])
        logits = logits.float().masked_fill((players < 0)[:, :, None, None], -torch.inf)
        above = spectrum.shape[1] - logits.shape[2]
        masks = torch.cat([logits, logits[:, :, -1:].expand(-1, -1, above, -1)], 2).softmax(1)
        estimates = [self.istft(spectrum * mask, length) for mask in masks.unbind(1)]
        return torch.stack(estimates, dim=1)[:, :, None]

    def hear_mixture(self, magnitude: Tensor) -> Tensor:
        """magnitude (B, F, N) -> features of each pitch (B, width, log bins, N)."""
        visible = magnitude[:, : len(self.synthesis)].transpose(1, 2)  # (B, N, linear bins)
        spectrum = torch.log((visible @ self.analysis.T) / self.level(visible) + 0.01)
        spectrum = (spectrum.transpose(1, 2)[:, None] + 1.5) / 2  # (B, 1, log bins, N)
        return self.partials(torch.cat([self.shift(spectrum, k) for k in INPUT_SHIFTS], dim=1))

    def paint(self, notes: Tensor, frames: int) -> tuple[Tensor, Tensor, Tensor]:
        """notes (B, P, M, 3) -> pictures of all partials, with tails (B, P, 2, log bins, N), of the
        fundamentals and of their onsets (B, P, log bins, N).
        """
        onset, end, pitch = notes.unsqueeze(-2).unbind(-1)  # (B, P, M, 1)
        valid = (end > onset).float()
        times = torch.arange(frames, device=notes.device) * (self.config.hop / self.sample_rate)
        rise = ((times - onset) / RISE + 1).clamp(0, 1) * valid
        late = (times - end).clamp_min(0)
        held, tail = rise * torch.exp(-late / RELEASE), rise * torch.exp(-late / TAIL)
        begun = torch.exp(-(((times - onset) / ONSET) ** 2)) * valid  # each (B, P, M, N)
        hertz = 440 * 2 ** ((pitch - 69) / 12)
        bins = torch.arange(len(self.analysis), device=notes.device)
        offset = bins - torch.log2(hertz / self.config.lowest) * self.config.resolution
        place = (offset * STEPS).round().long() + self.profiles.shape[1] // 2
        place = place.clamp(0, self.profiles.shape[1] - 1)  # (B, P, M, log bins)
        comb, fundamental = self.profiles[0][place].mT, self.profiles[1][place].mT
        combs = torch.stack([comb @ held, comb @ tail], dim=2)
        return combs, fundamental @ held, fundamental @ begun

    def correct(
        self, heard: Tensor, combs: Tensor, fundamentals: Tensor, onsets: Tensor, players: Tensor
    ) -> Tensor:
        """Logits of every part (B, P, log bins, N)."""
        if not self.config.instruments:
            named = (players > 0) & (players <= len(self.sources))
            players = players.masked_fill(named, UNKNOWN)
        is_part = players >= 0
        example = is_part.nonzero()[:, 0]  # of each part, (all parts of the batch,)
        own = compress(combs)[is_part]  # (all parts, 2, log bins, N), as all that follows
        others = compress(combs[:, :, 0].sum(1, keepdim=True) - combs[:, :, 0])[is_part]
        fundamentals, onsets = fundamentals[is_part], onsets[is_part]
        features = self.hear(heard)[example] + self.instruments(players[is_part])[..., None, None]
        if self.config.pictures:
            shifted = [self.shift(others, k) for k in INPUT_SHIFTS]
            features = features + self.see(
                torch.stack([own[:, 0], own[:, 1], fundamentals, onsets, *shifted], dim=1)
            )
        features = F.gelu(features)
        for layer in self.follow:
            features = features + F.gelu(layer(features))
        pitches = self.pitches(features)
        features = self.gather(torch.cat([self.shift(pitches, 1 / k) for k in OUTPUT_SHIFTS], 1))
        features = features + self.beside(heard)[example]
        if self.config.pictures:
            features = features + self.look(torch.stack([own[:, 0], own[:, 1], others, onsets], 1))
        features = F.gelu(features)
        features = features + F.gelu(self.refine(features))
        decided = self.decide(features)[:, 0]
        logits = decided.new_zeros((*players.shape, *decided.shape[1:]))
        return logits.masked_scatter(is_part[..., None, None], decided)

    def cautious(self, logits: Tensor, players: Tensor) -> Tensor:
        """The correction (B, P, bins, N) times `correction`; what it says between parts that are
        alike for the blind network stays whole. players (B, P).
        """
        if not self.config.blind or self.config.correction == 1.0:
            return self.config.correction * logits
        places = self.places[players.clamp_min(0)].masked_fill(players < 0, -2)
        places[:, -1] = -3  # the rest
        alike = (places[:, :, None] == places[:, None]).to(logits.dtype)
        shared = (alike / alike.sum(-1, keepdim=True)) @ logits.flatten(2)  # means of those alike
        return logits - (1 - self.config.correction) * shared.view_as(logits)

    def expect(self, combs: Tensor) -> Tensor:
        """Log magnitudes that the notes lead to expect (B, P, linear bins, N)."""
        combs = combs[:, :, 0] + self.tail.exp() * combs[:, :, 1]
        floors = self.floors.exp()
        floors = torch.cat([floors[:1].expand(combs.shape[1] - 1), floors[1:]])
        return torch.log(self.to_linear(combs, self.lobes) + floors[:, None, None])

    @torch.no_grad()
    def ask(self, magnitude: Tensor, players: Tensor, bins: int) -> Tensor:
        """Log masks of the blind network for the instruments of the parts (B, P, bins, N).

        magnitude (B, F, N), players (B, P). It is told who plays where it knows all instruments. A
        part that it does not know gets what it gives to no other part, and the rest the largest
        mask of a part, which is no opinion.
        """
        places = torch.where(players < 0, -1, self.places[players.clamp_min(0)])[:, :-1]
        count = len(self.blind.config.sources)
        named = F.one_hot(places + 1, count + 1).amax(1)[:, 1:].bool()  # (B, sources)
        told = ((places >= 0) | (players[:, :-1] < 0)).all(1, keepdim=True)
        active = named | ~told
        features, _ = self.blind.features(magnitude, active)
        masks = self.blind.masks(features, active, magnitude.shape[1])[:, :, :bins].float()
        left = (1 - (masks * named[:, :, None, None]).sum(1, keepdim=True)).clamp_min(0)
        each = torch.cat([left, masks], 1)  # (B, 1 + sources, bins, N)
        index = (places + 1)[:, :, None, None].expand(-1, -1, *each.shape[2:])
        given = each.gather(1, index) * (players[:, :-1] >= 0)[:, :, None, None]
        opinions = torch.log(given + FAINT)
        opinions = torch.cat([opinions, opinions.amax(1, keepdim=True)], 1)
        if self.training:
            heard = torch.rand(len(opinions), 1, 1, 1, device=opinions.device) >= UNHEARD
            opinions = opinions * heard
        return opinions

    def to_linear(self, features: Tensor, bank: Tensor) -> Tensor:
        """(B, P, log bins, N) -> (B, P, linear bins, N)."""
        return bank.to(features.dtype) @ features

    def shift(self, features: Tensor, multiple: float) -> Tensor:
        """(..., log bins, N) -> at each bin, what was at `multiple` times its frequency."""
        steps = round(self.config.resolution * math.log2(multiple))
        if steps > 0:
            return F.pad(features[..., steps:, :], (0, 0, 0, steps))
        return F.pad(features[..., : features.shape[-2] + steps, :], (0, 0, -steps, 0))

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

    def istft(self, spectrum: Tensor, length: int) -> Tensor:
        """complex (B, F, N) -> waveforms (B, length)."""
        window = self.window / self.window.sum()
        return torch.istft(
            spectrum, self.config.window, self.config.hop, window=window, length=length
        )


def compress(pictures: Tensor) -> Tensor:
    """Amplitudes from 0 to about 1 as 0 to 1, on a logarithmic scale from -40 dB on."""
    return torch.log1p(100 * pictures) / math.log(101)


def profiles(config: ScoreNetConfig) -> Tensor:
    """Amplitudes of all partials of a note, and of its first one, by the distance to its pitch.

    (2, offsets): STEPS to each log-spaced bin, the pitch itself in the middle.
    """
    reach = int(math.log2(config.highest / config.lowest) * config.resolution + 1) * 2
    offsets = torch.arange(-reach * STEPS, reach * STEPS + 1) / STEPS  # in bins
    spread = SPREAD / 1200 * config.resolution
    order = torch.arange(1, PARTIALS + 1)[:, None]
    distances = (offsets - config.resolution * torch.log2(order)) / spread
    bumps = torch.exp(-0.5 * distances**2)
    return torch.stack([(order**-ROLL_OFF * bumps).sum(0), bumps[0]])


def log_frequency(config: ScoreNetConfig) -> tuple[Tensor, Tensor, Tensor]:
    """Filterbanks from linear to log-spaced bins (log bins, linear bins) and back, transposed.

    Each log-spaced bin averages a triangle as wide as its spacing, at least one linear bin; the
    inverse interpolates between the two neighbours in log-frequency. The third one, for pictures of
    partials, sums those that the main lobe of the Hann window covers, where it is wider.
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
    apart = ((linear[:, None] - centres) / spacing).clamp(-2, 2)
    lobe = torch.cos(apart * (math.pi / 4)) ** 2 / (SPREAD / 1200 * config.resolution * 2.5)
    narrow = linear < spacing / (2 ** (1 / config.resolution) - 1)
    lobes = torch.where(narrow[:, None], lobe, synthesis)
    return analysis / analysis.sum(1, keepdim=True), synthesis, lobes
