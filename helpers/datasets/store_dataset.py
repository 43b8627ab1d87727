"""A store of stems as a torch dataset, for training."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from .lmdb_store import Store, StoredTrack
from .registry import CORPORA
from .stem_folders import instrument_name
from .store_records import StoreError


class StoreDataset(Dataset):
    """Random windows of a store: item i is (mixture (C, T), stems (S, C, T)).

    Item i depends only on the seed and i; every window is equally likely. The mixture is the sum of
    these stems. A source that a track lacks is silent; several players of it are summed.
    StoreError where no track has any of the sources, and for recordings kept for evaluation.

    Chapter: 07.
    """

    def __init__(
        self,
        path: str | Path,
        sources: tuple[str, ...],
        seconds: float,
        seed: int = 0,
        length: int = 2**31,
    ):
        self.store, self.sources = Store(path), tuple(sources)
        self.seed, self.length = seed, length
        self.samples = round(seconds * self.store.sample_rate)
        held_out = {corpus.name for corpus in CORPORA if corpus.held_out}
        for track in self.store.tracks:
            if track.corpus in held_out:
                raise StoreError(
                    f"{self.store.path.name}: '{track.name}' is from {track.corpus}, which is kept "
                    "for evaluation; train on other recordings."
                )
        self.players = {
            track.name: [_players(track, source) for source in self.sources]
            for track in self.store.tracks
        }
        self.used = [track for track in self.store.tracks if any(self.players[track.name])]
        if not self.used:
            raise StoreError(
                f"{self.store.path.name}: no track has any of {', '.join(self.sources)}; there are"
                f" {', '.join(sorted({name for t in self.store.tracks for name in t.stems}))}."
            )
        self.ends = list(accumulate(self._starts(track) for track in self.used))

    def _starts(self, track: StoredTrack) -> int:
        """The number of windows in a track."""
        return max(track.samples - self.samples, 0) + 1

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        position = int(np.random.default_rng([self.seed, index]).integers(self.ends[-1]))
        number = bisect_right(self.ends, position)
        track = self.used[number]
        start = position - (self.ends[number] - self._starts(track))
        window = self.store.window(track, start, self.samples)
        stems = torch.zeros(len(self.sources), self.store.channels, self.samples)
        for source, players in zip(stems, self.players[track.name], strict=True):
            for name in players:
                source += torch.from_numpy(window.stems[name])
        return stems.sum(0), stems


def _players(track: StoredTrack, source: str) -> list[str]:
    """The stems of a track that are this source, such as both violins of a quartet."""
    return [name for name in track.stems if source in (name, instrument_name(name))]
