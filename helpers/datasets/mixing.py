"""Training mixtures: which stems, from where and through which effects is drawn, then applied."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..audio.levels import rms
from ..augmentation.effects import Compression, Detune, Effect, Equaliser, Gain, Tilt
from ..augmentation.rooms import Reverb, room_positions
from .stem_bank import StemBank, StemVariant

NOMINAL_RMS = 0.05  # of a normalised stem before its gain: -26 dBFS
SILENCE = 1e-5  # RMS below which nothing is amplified: -100 dBFS
#: -30 dB, relative to the RMS of the whole stem: a segment of this level is raised to NOMINAL_RMS,
#: a quieter one, such as the end of a release, stays as much quieter.
QUIETEST = 10 ** (-30 / 20)

VARIANT_WEIGHTS = {
    "soundfont": 1.5, "notes": 1.0, "solo": 1.0, "real": 1.0, "tones": 0.4,
    "timbre_substitution": 0.6,
}  # fmt: skip


@dataclass(frozen=True)
class MixingConfig:
    """How mixtures are drawn. Shares are probabilities.

    coherent: share of mixtures of synchronous stems of one piece; the others are random mixes.
    real_share: share of mixtures from real recordings. inactive: probability that a source is
    silent. players: the least and the most active sources, if not all. variant_weights: relative
    probabilities of the kinds of variants. normalise_stems: whether each stem is normalised before
    its gain; otherwise the mixture is, and the balance of the stems is kept.
    gain and equaliser (dB), detune (cents): standard deviations. tilt: range in dB per octave.
    transpose_range: largest pitch shift of a whole mixture in semitones, by resampling.
    reverb, compression: shares of the mixtures and of the stems. rooms: number of different rooms.
    For `PlayerMixer`: solos: share of the mixtures in which one player is alone. subsets: share of
    the pieces in which only some of the players play, at least two. featured: sources, and the
    share of the mixtures in which each plays for certain, but for solos. ambience: share of the
    mixtures with noise or applause; drums: share of these with drums instead.

    A subclass may override `stem_effects` and `common_effects` to add effects of its own.
    """

    coherent: float = 0.8
    real_share: float = 0.0
    inactive: float = 0.05
    players: tuple[int, int] | None = None
    variant_weights: dict[str, float] = field(default_factory=VARIANT_WEIGHTS.copy)
    normalise_stems: bool = True
    gain: float = 3.0
    tilt: tuple[float, float] = (-9.0, 3.0)
    equaliser: float = 4.0
    detune: float = 8.0
    transpose_range: float = 0.0
    reverb: float = 0.5
    compression: float = 0.3
    rooms: int = 64
    solos: float = 0.0
    subsets: float = 0.0
    featured: dict[str, float] = field(default_factory=dict)
    ambience: float = 0.0
    drums: float = 0.0

    def __post_init__(self) -> None:
        for name in ("players", "tilt"):
            limits = getattr(self, name)
            if limits and limits[0] > limits[1]:
                raise ValueError(
                    f"{name} is {list(limits)}; the first value must not exceed the second."
                )
        if sum(self.featured.values()) > 1.0:
            raise ValueError("the shares of featured are more than 1 together; lower one of them.")

    def transposition(self, rng: np.random.Generator) -> tuple[Effect, ...]:
        """The same for all stems of a mixture; drawn from a child of `rng`."""
        if not self.transpose_range:
            return ()
        (child,), most = rng.spawn(1), self.transpose_range
        return (Detune(100.0 * float(child.uniform(-most, most))),)

    def stem_effects(
        self, rng: np.random.Generator, positions: Sequence[Reverb]
    ) -> tuple[Effect, ...]:
        """Of one stem, in order. positions: of the players in the room; none without reverb."""
        effects: list[Effect] = [
            Detune.draw(rng, self.detune),
            Tilt.draw(rng, *self.tilt),
            Equaliser.draw(rng, self.equaliser),
        ]
        if rng.random() < self.compression:
            effects.append(Compression.draw(rng))
        if positions:
            effects.append(positions[rng.integers(len(positions))])
        return (*effects, Gain.draw(rng, self.gain))

    def common_effects(self, rng: np.random.Generator) -> tuple[Effect, ...]:
        """Of all stems at once, (sources, channels, samples), after those of each stem.

        The stems must still sum to the mixture. By default none; see `experiments/ingredients.py`.
        """
        return ()


Kinds = dict[str, list[StemVariant]]  # variants of one source, by kind


@dataclass(frozen=True)
class StemSegment:
    """A segment of a variant from `offset` (samples) on, and its effects in order.

    common: the effects of all stems, the same for each segment of a mixture. following: the
    variants that follow a short one.
    """

    variant: StemVariant
    offset: int
    effects: tuple[Effect, ...]
    common: tuple[Effect, ...] = ()
    following: tuple[StemVariant, ...] = ()


class Pool:
    """Variants by source, of single pieces (for coherent mixes) and of all (for random mixes).

    `players[0]` to `players[1]` of the sources are active. Pieces with fewer sources are skipped;
    they may have more instruments, so that the bank of a quartet serves its duos.
    """

    def __init__(
        self,
        variants: Iterable[StemVariant],
        sources: Sequence[str],
        weights: dict[str, float],
        players: tuple[int, int],
    ):
        self.sources, self.weights, self.players = sources, weights, players
        pieces: dict[str, list[list[StemVariant]]] = defaultdict(lambda: [[] for _ in sources])
        every: list[list[StemVariant]] = [[] for _ in sources]
        for variant in variants:
            if weights.get(variant.kind, 0.0) > 0 and variant.instrument in sources:
                source = sources.index(variant.instrument)
                if variant.voice is not None:
                    pieces[variant.piece][source].append(variant)
                if variant.kind != "timbre_substitution":
                    every[source].append(variant)
        in_order = ([by_kind(some) for some in pieces[name]] for name in sorted(pieces))
        self.pieces = [piece for piece in in_order if sum(map(bool, piece)) >= players[0]]
        self.all = [by_kind(some) for some in every]

    def check(self, coherent: float) -> None:
        """ValueError if the variants are not enough for mixtures with this coherent share."""
        least = self.players[0]
        missing = [name for name, some in zip(self.sources, self.all, strict=True) if not some]
        if coherent > 0.0 and not self.pieces:
            count = "all" if least == len(self.sources) else f"{least}"
            names = ", ".join(self.sources)
            raise ValueError(f"The stem bank has no piece with {count} of {names}.")
        if coherent < 1.0 and len(self.sources) - len(missing) < least:
            raise ValueError(f"The stem bank has no stem of {missing[0]}.")

    def coherent_mix(self, rng: np.random.Generator) -> list[StemVariant | None]:
        """Variants of one piece, one for each active source."""
        piece = self.pieces[rng.integers(len(self.pieces))]
        return self._choose_active(rng, piece, self.players[1])

    def random_mix(self, rng: np.random.Generator) -> list[StemVariant | None]:
        """Variants of any pieces, one for each active source; no substituted timbres."""
        least, most = self.players
        count = int(rng.integers(least, most + 1)) if least < most else most
        return self._choose_active(rng, self.all, count)

    def _choose_active(
        self, rng: np.random.Generator, variants: Sequence[Kinds], most: int
    ) -> list[StemVariant | None]:
        """One variant for each source that has any, for at most `most` sources."""
        active = [source for source, some in enumerate(variants) if some]
        if len(active) > most:
            count = rng.integers(self.players[0], most + 1) if most > self.players[0] else most
            active = rng.choice(active, count, replace=False)
        return [
            choose_variant(rng, some, self.weights) if source in active else None
            for source, some in enumerate(variants)
        ]


class Mixer:
    """Draws and makes mixtures of `sources` from a bank.

    The `real_share` of the mixtures has variants of kind `real` only, the others all other kinds.
    ValueError if the bank lacks stems that the config asks for.
    """

    def __init__(
        self, bank: StemBank, sources: Sequence[str], config: MixingConfig, seconds: float
    ):
        self.bank, self.sources, self.config = bank, tuple(sources), config
        self.samples = round(seconds * bank.sample_rate)
        players = config.players or (len(self.sources),) * 2
        real = [variant for variant in bank.variants if variant.kind == "real"]
        rest = [variant for variant in bank.variants if variant.kind != "real"]
        self.real, self.rendered = (
            Pool(some, self.sources, config.variant_weights, players) for some in (real, rest)
        )
        if config.real_share > 0.0:
            self.real.check(config.coherent)
        if config.real_share < 1.0:
            self.rendered.check(config.coherent)

    def draw(self, rng: np.random.Generator) -> list[StemSegment | None]:
        """One segment for each source, None for an inactive one."""
        config = self.config
        room = int(rng.integers(config.rooms))
        positions = room_positions(room) if rng.random() < config.reverb else ()
        real = config.real_share and rng.random() < config.real_share
        pool = self.real if real else self.rendered
        if rng.random() < config.coherent:
            variants = pool.coherent_mix(rng)
            longest = max(variant.length for variant in variants if variant)
            offsets = [self._offset(rng, longest)] * len(variants)
        else:
            variants = pool.random_mix(rng)
            offsets = [self._offset(rng, variant.length) if variant else 0 for variant in variants]
        return self.segments(rng, variants, offsets, positions)

    def segments(
        self,
        rng: np.random.Generator,
        variants: Sequence[StemVariant | None],
        offsets: Sequence[int],
        positions: Sequence[Reverb],
    ) -> list[StemSegment | None]:
        """The variants from their offsets on, with effects drawn for each; some are inactive."""
        config = self.config
        inactive = rng.random(len(variants)) < config.inactive
        transposition, common = config.transposition(rng), config.common_effects(rng)
        return [
            None
            if silent or not variant
            else StemSegment(
                variant, offset, (*transposition, *config.stem_effects(rng, positions)), common
            )
            for variant, offset, silent in zip(variants, offsets, inactive, strict=True)
        ]

    def make(self, mixture: Sequence[StemSegment | None]) -> np.ndarray:
        """The stems of a drawn mixture, (sources, 1, samples); the mixture is their sum."""
        windows = np.zeros((len(mixture), 1, self.samples), np.float32)
        stems, whole = np.zeros_like(windows), np.zeros(len(mixture))
        for index, segment in enumerate(mixture):
            if segment is not None:
                windows[index] = self._window(segment)
                whole[index] = segment.variant.rms
                stems[index] = self._apply(segment, windows[index])
        if not self.config.normalise_stems:
            level = max(rms(windows.sum(axis=0)), QUIETEST * float(np.sqrt(np.sum(whole**2))))
            if level > SILENCE:
                stems *= np.array([rms(window) / level for window in windows])[:, None, None]
        for effect in next((segment.common for segment in mixture if segment), ()):
            stems = effect.apply(stems, self.bank.sample_rate)
        return stems

    def notes(self, segment: StemSegment) -> np.ndarray:
        """(n, 3): onset and end in seconds from the beginning of the segment, MIDI pitch."""
        notes = np.array(segment.variant.notes, float).reshape(-1, 3)
        notes[:, :2] -= segment.offset / self.bank.sample_rate
        for effect in segment.effects:
            if isinstance(effect, Detune):
                notes[:, :2] /= 2 ** (effect.cents / 1200)
                notes[:, 2] += effect.cents / 100
        seconds = self.samples / self.bank.sample_rate
        return notes[(notes[:, 1] > 0) & (notes[:, 0] < seconds)]

    def _window(self, segment: StemSegment) -> np.ndarray:
        """The samples of a segment, (1, samples)."""
        return self.bank.read(segment.variant, segment.offset, self.samples)

    def _apply(self, segment: StemSegment, stem: np.ndarray) -> np.ndarray:
        """A window through the effects of its segment, normalised before each of them."""
        target, quietest = NOMINAL_RMS, QUIETEST * segment.variant.rms
        if self.config.normalise_stems and (level := rms(stem)) < quietest:
            target *= level / quietest
        for effect in segment.effects:
            stem = effect.apply(normalise_rms(stem, target), self.bank.sample_rate)
        return stem

    def _offset(self, rng: np.random.Generator, length: int) -> int:
        return int(rng.integers(max(1, length - self.samples + 1)))


def by_kind(variants: Iterable[StemVariant]) -> Kinds:
    """Variants by their kind, the kinds in alphabetical order."""
    kinds: Kinds = {}
    for variant in sorted(variants, key=lambda variant: variant.kind):
        kinds.setdefault(variant.kind, []).append(variant)
    return kinds


def choose_variant(
    rng: np.random.Generator, variants: Kinds, weights: Mapping[str, float]
) -> StemVariant:
    """A kind by its weight, then any variant of that kind."""
    kinds = list(variants)
    shares = np.array([weights[kind] for kind in kinds])
    of_kind = variants[kinds[rng.choice(len(kinds), p=shares / shares.sum())]]
    return of_kind[rng.integers(len(of_kind))]


def normalise_rms(stem: np.ndarray, target: float = NOMINAL_RMS) -> np.ndarray:
    """The stem with a given RMS; one below SILENCE is unchanged."""
    level = rms(stem)
    return stem * np.float32(target / level) if level > SILENCE else stem
