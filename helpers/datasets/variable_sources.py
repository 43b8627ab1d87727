"""One target against the rest, out of pieces with any number of stems. Chapter: 05.

A piece may lack the target or have it several times: all of them together are the target.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ..audio.levels import rms
from ..audio.track import AudioError
from ..augmentation.rooms import room_positions
from .mixing import QUIETEST, SILENCE, Mixer, MixingConfig, StemSegment
from .multitracks import refuse_held_out
from .stem_bank import StemBank, StemVariant
from .stem_folders import StemFolder, find_tracks, source_name, unique_names

REST = "rest"
TRIES = 1000  # draws until one has the target
HELD_OUT = 5  # one of so many pieces with the target validates


class VariableMixer(Mixer):
    """Draws mixtures of all stems of a piece, with replacement, whatever their number and names.

    The share `coherent` of the mixtures are chunks of one piece. In the others the target comes
    from one piece and the rest from another. Effects as in `MixingConfig`; with `players` at most
    so many stems of the rest sound. ValueError where no piece has the target.
    """

    def __init__(self, bank: StemBank, target: str, config: MixingConfig, seconds: float):
        self.bank, self.target, self.config = bank, target, config
        self.samples = round(seconds * bank.sample_rate)
        pieces: dict[str, list[StemVariant]] = defaultdict(list)
        for variant in bank.variants:
            pieces[variant.piece].append(variant)
        self.pieces = [pieces[name] for name in sorted(pieces)]
        self.targets = [piece for piece in self.pieces if self._split(piece)[0]]
        if not self.targets:
            raise ValueError(f"There is no stem of {target}.")

    def draw(self, rng: np.random.Generator) -> list[StemSegment | None]:
        """One segment for each stem of the mixture, those of the target first."""
        config = self.config
        room = int(rng.integers(config.rooms))
        positions = room_positions(room) if rng.random() < config.reverb else ()
        among = self.targets if rng.random() < 0.5 else self.pieces  # the target may be rare
        piece = among[rng.integers(len(among))]
        own, rest = self._split(piece)
        offset = other_offset = self._chunk(rng, piece)
        if rng.random() >= config.coherent:
            other = self.pieces[rng.integers(len(self.pieces))]
            rest, other_offset = self._split(other)[1], self._chunk(rng, other)
        if config.players and len(rest) >= config.players[1]:
            chosen = rng.choice(len(rest), config.players[1] - 1, replace=False)
            rest = [rest[place] for place in sorted(chosen)]
        offsets = [offset] * len(own) + [other_offset] * len(rest)
        return self.segments(rng, [*own, *rest], offsets, positions)

    def _chunk(self, rng: np.random.Generator, piece: Sequence[StemVariant]) -> int:
        """The first sample of a chunk anywhere in a piece."""
        return self._offset(rng, max(stem.length for stem in piece))

    def _split(self, piece: Sequence[StemVariant]) -> tuple[list[StemVariant], list[StemVariant]]:
        """(stems of the target, all others)."""
        own = [stem for stem in piece if stem.instrument == self.target]
        return own, [stem for stem in piece if stem.instrument != self.target]


class TargetDataset(Dataset):
    """Endless mixtures of a mixer as target and rest: item i is (mixture (C, T), stems (2, C, T)).

    The target sounds in a `share` of the examples; from the others it is removed. ValueError where
    the mixer's bank has no stem of it.
    """

    def __init__(self, mixer: Mixer, target: str, share: float, seed: int = 0, length: int = 2**31):
        if target not in {variant.instrument for variant in mixer.bank.variants}:
            raise ValueError(f"The stem bank has no stem of {target}.")
        self.mixer, self.target, self.share = mixer, target, share
        self.seed, self.length = seed, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        drawn = self.draw(np.random.default_rng([self.seed, index]))
        made = self.mixer.make(drawn)
        own = np.array([self._is_target(segment) for segment in drawn])
        stems = torch.from_numpy(np.stack([made[own].sum(axis=0), made[~own].sum(axis=0)]))
        return stems.sum(0), stems

    def draw(self, rng: np.random.Generator) -> list[StemSegment | None]:
        """The segments of one example; ValueError where TRIES draws do not give it."""
        wanted = rng.random() < self.share
        for _ in range(TRIES):
            drawn = self.mixer.draw(rng)
            if not wanted:
                drawn = [None if self._is_target(segment) else segment for segment in drawn]
            heard = [s for s in drawn if s and self._sounds(s)]
            if any(map(self._is_target, heard)) if wanted else heard:
                return drawn
        raise ValueError(
            f"No mixture of the stem bank {'has' if wanted else 'is without'} the {self.target}."
        )

    def _is_target(self, segment: StemSegment | None) -> bool:
        return segment is not None and segment.variant.instrument == self.target

    def _sounds(self, segment: StemSegment) -> bool:
        """Whether a segment is no rest: 30 dB below the whole stem, or less."""
        window = self.mixer.bank.read(segment.variant, segment.offset, self.mixer.samples)
        return rms(window) > max(SILENCE, QUIETEST * segment.variant.rms)


def target_pieces(
    root: str | Path, target: str, bleed: bool = True
) -> tuple[dict[str, StemFolder], dict[str, StemFolder]]:
    """(pieces to train on, pieces that validate) in or below `root`, by unique names.

    A piece is a folder with any number of stems of any names, or a track of a published layout.
    One in HELD_OUT of the pieces that have the target validates, at least one. bleed: see
    `find_tracks`. AudioError for a held-out corpus, and where fewer than two have the target.
    """
    found = find_tracks(root, bleed=bleed, any_names=True)
    for piece in found:
        refuse_held_out(piece)
    pieces = unique_names(found)
    having = [
        name for name, piece in pieces.items() if target in set(map(source_name, piece.stems))
    ]
    if len(having) < 2:
        names = sorted({source_name(stem) for piece in found for stem in piece.stems})
        raise AudioError(
            f"{root}: {len(having) or 'none'} of its {len(pieces)} pieces has a stem of {target}, "
            f"and it takes two, because one validates; it has {', '.join(names)}."
        )
    validating = set(having[HELD_OUT - 1 :: HELD_OUT] or having[-1:])
    return (
        {name: piece for name, piece in pieces.items() if name not in validating},
        {name: pieces[name] for name in having if name in validating},
    )
