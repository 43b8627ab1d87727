"""Training mixtures, drawn and then made: which takes, from where, through which effects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..augmentation.chains import common_effects, seats, stem_effects, transposition
from ..augmentation.rooms import Reverb
from .stem_bank import StemBank, StemVariant

NOMINAL_RMS = 0.05  # root mean square of a levelled stem before its gain, -26 dBFS
SILENCE = 1e-5  # root mean square under which nothing is made louder


@dataclass(frozen=True)
class MixingConfig:
    """How mixtures are drawn: shares are probabilities, spreads standard deviations in dB.

    `coherent`: the voices of one piece in time, against unrelated takes. `recorded`: from real
    recordings. `absent`: an instrument is silent. `players`: how many of the sources play at
    least and at most, where that is not all of them. `kinds`: how likely each kind of take is,
    relative to the others that are at hand. `levelled`: every stem is brought to LOUDNESS before
    its gain; otherwise the mixture as a whole is, and the balance of the takes stays.
    `transposed`: the most semitones by which a mixture is moved as a whole, like a tape that runs
    faster or slower. `reverb` to `compression` and `vibrato` to `codec` are shares; the last three
    befall a mixture as a whole.
    """

    coherent: float = 0.8
    real_share: float = 0.0
    inactive: float = 0.05
    players: tuple[int, int] | None = None
    variant_weights: dict[str, float] = field(
        default_factory=lambda: {
            "soundfont": 1.5,
            "notes": 1.0,
            "solo": 1.0,
            "tones": 0.4,
            "timbre_substitution": 0.6,
            "real": 1.0,
        }  # fmt: skip
    )
    normalise_stems: bool = True
    gain: float = 3.0
    tilt: tuple[float, float] = (-9.0, 3.0)
    equaliser: float = 4.0
    detune: float = 8.0
    transpose_range: float = 0.0
    reverb: float = 0.5
    compression: float = 0.3
    rooms: int = 64
    vibrato: float = 0.0
    microphone: float = 0.0
    noise: float = 0.0
    codec: float = 0.0


@dataclass(frozen=True)
class StemSegment:
    """A window of a take in samples, and the effects that it goes through, in order.

    `heard`: what then happens to all stems alike, the same for every excerpt of a mixture.
    """

    variant: StemVariant
    offset: int
    effects: tuple
    common: tuple = ()


class Pool:
    """Takes by how a mixture asks for them: of one piece, or of any; always by instrument.

    The instrument of a take is its voice's, whoever plays it, so that the bank of a quartet serves
    each of its duos. Of `sources`, from `players[0]` to `players[1]` play; pieces that have not so
    many of them are left out.
    """

    def __init__(
        self,
        variants: Iterable[StemVariant],
        sources: Sequence[str],
        variant_weights: dict[str, float],
        players: tuple[int, int],
    ):
        self.sources, self.variant_weights, self.players = sources, variant_weights, players
        voices: dict[str, list[list[StemVariant]]] = defaultdict(lambda: [[] for _ in sources])
        self.own: list[list[StemVariant]] = [[] for _ in sources]
        for variant in variants:
            if variant_weights.get(variant.kind, 0.0) > 0 and variant.instrument in sources:
                source = sources.index(variant.instrument)
                if variant.voice is not None:
                    voices[variant.piece][source].append(variant)
                if variant.kind != "timbre_substitution":
                    self.own[source].append(variant)
        pieces = (voices[piece] for piece in sorted(voices))
        self.pieces = [piece for piece in pieces if sum(map(bool, piece)) >= players[0]]

    def check(self, coherent: float) -> None:
        """ValueError where the mixtures of such a share cannot be drawn from the takes."""
        least = self.players[0]
        lacking = [name for name, own in zip(self.sources, self.own, strict=True) if not own]
        wanted = "all" if least == len(self.sources) else f"{least}"
        if coherent > 0.0 and not self.pieces:
            names = ", ".join(self.sources)
            raise ValueError(f"No piece of the stem bank has takes of {wanted} of {names} to mix.")
        if coherent < 1.0 and len(self.sources) - len(lacking) < least:
            raise ValueError(f"The stem bank has no take of {lacking[0]} to mix.")

    def coherent_mix(self, rng: np.random.Generator) -> list[StemVariant | None]:
        """Takes from one piece, one for each instrument that plays."""
        voices = self.pieces[rng.integers(len(self.pieces))]
        return self._choose_players(rng, voices, self.players[1])

    def random_mix(self, rng: np.random.Generator) -> list[StemVariant | None]:
        """Takes from any piece, one for each instrument that plays."""
        least, most = self.players
        count = int(rng.integers(least, most + 1)) if least < most else most
        return self._choose_players(rng, self.own, count)

    def _choose_players(
        self, rng: np.random.Generator, variants: Sequence[Sequence[StemVariant]], most: int
    ) -> list[StemVariant | None]:
        """A take of every source that has some, but of `most` of them at the most."""
        there = [source for source, own in enumerate(variants) if own]
        if len(there) > most:
            count = rng.integers(self.players[0], most + 1) if most > self.players[0] else most
            there = rng.choice(there, count, replace=False)
        return [
            self._choose(rng, own) if source in there else None
            for source, own in enumerate(variants)
        ]

    def _choose(self, rng: np.random.Generator, variants: Sequence[StemVariant]) -> StemVariant:
        """First a kind by its weight, then any take of that kind."""
        variant_weights = sorted({variant.kind for variant in variants})
        weights = np.array([self.variant_weights[kind] for kind in variant_weights])
        kind = variant_weights[rng.choice(len(variant_weights), p=weights / weights.sum())]
        alike = [variant for variant in variants if variant.kind == kind]
        return alike[rng.integers(len(alike))]


class Mixer:
    """Draws and makes mixtures of `sources` from a bank.

    A coherent mixture takes the voices that the sources have in one piece. An incoherent one takes,
    for every source that plays, any take of that instrument itself, never a foreign one. A share
    `recorded` of both comes from the takes of kind `real`, the rest from all others. ValueError
    where the bank lacks takes for what the config asks for.
    """

    def __init__(
        self, bank: StemBank, sources: Sequence[str], config: MixingConfig, seconds: float
    ):
        self.bank, self.sources, self.config = bank, tuple(sources), config
        self.samples = round(seconds * bank.sample_rate)
        rendered_pool = [variant for variant in bank.variants if variant.kind != "real"]
        real = [variant for variant in bank.variants if variant.kind == "real"]
        players = config.players or (len(self.sources), len(self.sources))
        self.rendered_pool = Pool(rendered_pool, self.sources, config.variant_weights, players)
        self.real = Pool(real, self.sources, config.variant_weights, players)
        for pool, share in (
            (self.rendered_pool, 1.0 - config.real_share),
            (self.real, config.real_share),
        ):
            if share > 0.0:
                pool.check(config.coherent)

    def draw(self, rng: np.random.Generator) -> list[StemSegment | None]:
        """One excerpt a source, None where the instrument is absent."""
        room = int(rng.integers(self.config.rooms))
        places = seats(room) if rng.random() < self.config.reverb else ()
        real_share = self.config.real_share and rng.random() < self.config.real_share
        pool = self.real if real_share else self.rendered_pool
        if rng.random() < self.config.coherent:
            variants = pool.coherent_mix(rng)
            offsets = [
                self._offset(rng, max(variant.length for variant in variants if variant))
            ] * len(variants)
        else:
            variants = pool.random_mix(rng)
            offsets = [self._offset(rng, variant.length) if variant else 0 for variant in variants]
        absent = rng.random(len(variants)) < self.config.inactive
        config = self.config
        moved = transposition(rng, config.transpose_range)
        common = common_effects(
            rng, microphone=config.microphone, noise=config.noise, codec=config.codec
        )
        return [
            None
            if gone or not variant
            else StemSegment(variant, offset, (*moved, *self._effects(rng, places)), common)
            for variant, offset, gone in zip(variants, offsets, absent, strict=True)
        ]

    def make(self, mixture: Sequence[StemSegment | None]) -> np.ndarray:
        """The stems of a drawn mixture, (sources, 1, samples); the mixture is their sum."""
        variants = np.zeros((len(mixture), 1, self.samples), np.float32)
        stems = np.zeros_like(variants)
        for index, segment in enumerate(mixture):
            if segment is not None:
                stem = self.bank.read(segment.variant, segment.offset, self.samples)
                variants[index] = stem
                for effect in segment.effects:
                    stem = effect.apply(normalise_rms(stem), self.bank.sample_rate)
                stems[index] = stem
        whole = rms(variants.sum(axis=0))
        if not self.config.normalise_stems and whole > SILENCE:
            stems *= np.array([rms(variant) / whole for variant in variants])[:, None, None]
        for effect in next((segment.common for segment in mixture if segment), ()):
            stems = effect.apply(stems, self.bank.sample_rate)
        return stems

    def _effects(self, rng: np.random.Generator, places: Sequence[Reverb]) -> tuple:
        config = self.config
        return stem_effects(
            rng, places,
            detune=config.detune, tilt=config.tilt, equaliser=config.equaliser,
            compression=config.compression, vibrato=config.vibrato, gain=config.gain,
        )  # fmt: skip

    def _offset(self, rng: np.random.Generator, length: int) -> int:
        return int(rng.integers(max(1, length - self.samples + 1)))


def normalise_rms(stem: np.ndarray) -> np.ndarray:
    """The stem at the common loudness; one that is silent stays so."""
    now = rms(stem)
    return stem * np.float32(NOMINAL_RMS / now) if now > SILENCE else stem


def rms(sound: np.ndarray) -> float:
    """The root mean square, of full scale."""
    return float(np.sqrt(np.mean(sound**2)))
