"""The recordings that are still to be separated, shared with other runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from .claims import Claims
from .listing import Entry


class Queue:
    """Hands out recordings that no other process works on.

    taken: those that are not given back yet. claims: None where other processes cannot be seen, in
    a store without exclusive files.
    """

    def __init__(self, entries: Iterable[Entry], claims: Claims | None) -> None:
        self._left = deque(entries)
        self._claims = claims
        self.taken: set[Entry] = set()

    def __len__(self) -> int:
        return len(self._left)

    def take(self) -> Entry | None:
        """The next recording that is free; None where there is none at the moment."""
        for _ in range(len(self._left)):
            entry = self._left.popleft()
            if self._claims is None or self._claims.take(entry.folder):
                self.taken.add(entry)
                return entry
            self._left.append(entry)
        return None

    def give_back(self, entry: Entry, again: bool = False) -> None:
        """End the work on a recording. again: it is not done, and comes once more."""
        self.taken.remove(entry)
        if self._claims is not None:
            self._claims.release(entry.folder)
        if again:
            self._left.append(entry)
