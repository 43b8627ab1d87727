"""Mixtures of any players with the notes of each, for separation with a score. Chapter: 08."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..audio.levels import rms
from ..augmentation.ambience import Ambience
from ..augmentation.rooms import room_positions
from ..music.score_errors import ScoreErrors
from .mixing import Mixer, MixingConfig, StemSegment, by_kind, choose_variant
from .stem_bank import StemBank, StemVariant

NOTES = 128  # of a part in one example, at most
UNLISTED = 0.25  # share of mixtures of three or more with a player whose part the score lacks
UNKNOWN = 0.15  # share of the parts whose instrument is not given


class PartMixer(Mixer):
    """Draws mixtures of parts whose notes are known; two may have the same instrument.

    The share `coherent` of the mixtures are voices of one piece, the others stems of any pieces;
    of these the share `doubles` has two players of one instrument. ValueError where the bank has
    too few parts.
    """

    def __init__(self, bank: StemBank, config: MixingConfig, seconds: float, doubles: float = 0.0):
        self.bank, self.config, self.doubles = bank, config, doubles
        self.samples = round(seconds * bank.sample_rate)
        self.players = config.players or (2, 4)
        pieces: dict[str, dict[int, list[StemVariant]]] = defaultdict(lambda: defaultdict(list))
        self.instruments: dict[str, list[StemVariant]] = defaultdict(list)
        for variant in bank.variants:
            if variant.notes and config.variant_weights.get(variant.kind, 0.0) > 0:
                pieces[variant.piece][variant.voice].append(variant)
                if variant.kind != "timbre_substitution":
                    self.instruments[variant.instrument].append(variant)
        self.pieces = [
            list(pieces[name].values())
            for name in sorted(pieces)
            if len(pieces[name]) >= self.players[0]
        ]
        if not self.pieces or len(self.instruments) < self.players[0]:
            raise ValueError(f"The stem bank has no piece with {self.players[0]} parts.")

    def draw(self, rng: np.random.Generator) -> list[StemSegment]:
        """One segment for each part."""
        config = self.config
        room = int(rng.integers(config.rooms))
        positions = room_positions(room) if rng.random() < config.reverb else ()
        if rng.random() < config.coherent:
            voices = self.pieces[rng.integers(len(self.pieces))]
            some = self._some(rng, voices)
            variants = [
                choose_variant(rng, by_kind(voice), config.variant_weights) for voice in some
            ]
            longest = max(variant.length for variant in variants)
            offsets = [self._offset(rng, longest)] * len(variants)
        else:
            names = self._some(rng, sorted(self.instruments))
            if rng.random() < self.doubles:
                names[1] = names[0]
            weights, found = config.variant_weights, self.instruments
            variants = [choose_variant(rng, by_kind(found[name]), weights) for name in names]
            offsets = [self._offset(rng, variant.length) for variant in variants]
        segments = self.segments(rng, variants, offsets, positions)
        return [segment for segment in segments if segment]

    def _some(self, rng: np.random.Generator, choices: Sequence) -> list:
        """As many of them as there are players, in any order."""
        least, most = self.players
        count = int(rng.integers(least, min(most, len(choices)) + 1))
        return [choices[place] for place in rng.permutation(len(choices))[:count]]


class ScoredDataset(Dataset):
    """Endless mixtures with notes: item i is (mixture (1, T), stems (P + 1, 1, T), notes (P, M, 3),
    players (P,)), as `ScoreNet` takes them; the last stem, the rest, holds players that the score
    lacks, and noise or applause in the share `ambience` of the mixtures.

    sources: the instruments that the model knows. errors: of the score, None for the notes as they
    are played.
    """

    def __init__(
        self,
        mixer: PartMixer,
        sources: Sequence[str],
        errors: ScoreErrors | None = None,
        seed: int = 0,
        length: int = 2**31,
    ):
        self.mixer, self.sources, self.errors = mixer, tuple(sources), errors
        self.seed, self.length = seed, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        rng = np.random.default_rng([self.seed, index])
        segments = self.mixer.draw(rng)
        made = torch.from_numpy(self.mixer.make(segments))  # (parts, 1, T)
        most = self.mixer.players[1]
        stems = torch.zeros(most + 1, 1, made.shape[-1])
        notes, players = torch.full((most, NOTES, 3), -1.0), torch.full((most,), -1)
        unlisted = len(segments) - 1 if len(segments) > 2 and rng.random() < UNLISTED else None
        errors = self.errors.draw(rng) if self.errors else None
        for part, segment in enumerate(segments):
            if part == unlisted:
                stems[-1] += made[part]
                continue
            played = self.mixer.notes(segment)
            if errors:
                played = errors.apply(played, rng)
            played = torch.from_numpy(played[:NOTES]).float()
            stems[part] = made[part]
            notes[part, : len(played)] = played
            name = segment.variant.instrument
            known = name in self.sources and rng.random() >= UNKNOWN
            players[part] = self.sources.index(name) + 1 if known else 0
        if rng.random() < self.mixer.config.ambience:
            ambience = Ambience.draw(rng)
            sound = ambience.sound(stems.shape[-1], self.mixer.bank.sample_rate)
            level = rms(stems.sum(0).numpy()) * 10 ** (ambience.level / 20)
            stems[-1] += torch.from_numpy(np.float32(level) * sound)
        return stems.sum(0), stems, notes, players
