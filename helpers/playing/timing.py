"""How exactly players are together, who plays early, and how their tempo moves.

Rasch, "Synchronization in performed ensemble music", Acustica 43, 1979.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .onsets import PlayedPart

SAME = 0.002  # seconds: written onsets that are one
CERTAIN = 2.0  # standard errors between the first player and the second


@dataclass(frozen=True, eq=False)
class Chords:
    """Onsets that the score gives to several players at once.

    names: of the players. written: (n,) seconds in the score. onsets: (n, players) seconds in the
    recording, NaN where a player has none; each row has at least two.
    """

    names: tuple[str, ...]
    written: np.ndarray
    onsets: np.ndarray

    def complete(self) -> Chords:
        """Only the chords of all players."""
        kept = ~np.isnan(self.onsets).any(axis=1)
        return Chords(self.names, self.written[kept], self.onsets[kept])


def chords(parts: Sequence[PlayedPart], same: float = SAME) -> Chords:
    """The nominally simultaneous onsets of players.

    same: seconds; onsets of different players that are written no further apart are one. More than
    the default is for scores that were played into a computer.
    """
    events = sorted(
        (float(w), number, float(onset))
        for number, part in enumerate(parts)
        for w, onset in zip(part.written, part.onsets, strict=True)
    )
    groups: list[dict[int, tuple[float, float]]] = []
    start = -np.inf
    for written, number, onset in events:
        if written - start > same or number in groups[-1]:
            groups.append({})
            start = written
        groups[-1][number] = written, onset
    groups = [group for group in groups if len(group) > 1]
    onsets = np.full((len(groups), len(parts)), np.nan)
    for row, group in zip(onsets, groups, strict=True):
        row[list(group)] = [onset for _, onset in group.values()]
    written = np.array([np.mean([w for w, _ in group.values()]) for group in groups])
    return Chords(tuple(part.name for part in parts), written, onsets)


@dataclass(frozen=True, eq=False)
class Asynchrony:
    """In seconds, for each player (players,). mean: negative for one who is early. spread: the
    standard deviation of the player's own timing around that. error: the spread over the square
    root of the count; the difference of two means has the errors of both. counts: of the onsets.
    A player without a chord has a count of 0 and NaN else.

    within: the standard deviation of the onsets of one chord, root mean square over all chords
    (Rasch's asynchronization).
    """

    names: tuple[str, ...]
    mean: np.ndarray
    spread: np.ndarray
    error: np.ndarray
    counts: np.ndarray
    within: float

    def leader(self) -> str | None:
        """The player who is early by more than chance explains, None where no one is."""
        first, second = np.argsort(self.mean)[:2]  # NaN comes last
        gap = self.mean[second] - self.mean[first]
        is_clear = gap > CERTAIN * np.hypot(self.error[first], self.error[second])
        return self.names[first] if is_clear else None


def asynchrony(found: Chords) -> Asynchrony:
    """Each player against the others; ValueError with fewer than two chords, and for groups of
    players who never begin together.

    The onsets are a time of each chord plus a deviation of each player, by least squares, so that
    players may be missing in a chord; the mean deviation of the players is 0.
    """
    count, players = found.onsets.shape
    if count < 2:
        raise ValueError(f"{', '.join(found.names)}: fewer than two chords; give a longer passage.")
    rows, columns = np.nonzero(~np.isnan(found.onsets))
    times = found.onsets[rows, columns]
    counts = np.bincount(columns, minlength=players)
    plays = counts > 0
    design = np.zeros((len(rows) + 1, count + players))
    design[np.arange(len(rows)), rows] = 1.0
    design[np.arange(len(rows)), count + columns] = 1.0
    design[-1, count:] = 1.0  # the deviations sum to 0
    design = design[:, np.concatenate([np.full(count, True), plays])]
    solution, _, rank, _ = np.linalg.lstsq(design, np.append(times, 0.0), rcond=None)
    if rank < design.shape[1]:
        raise ValueError(
            f"{', '.join(found.names)}: some never begin a note together with the others, neither "
            "directly nor through a third player; measure each group alone."
        )
    residuals = times - design[:-1] @ solution
    # The time of a chord of P players is the mean of theirs: it takes 1 / P of the variance.
    kept = 1.0 - 1.0 / np.bincount(rows)[rows]
    mean, spread, error = np.full((3, players), np.nan)
    mean[plays] = solution[count:]
    squares, kept = (np.bincount(columns, x, players)[plays] for x in (residuals**2, kept))
    own = counts[plays]
    spread[plays] = np.sqrt(squares / kept * own / np.maximum(own - 1, 1))
    error[plays] = spread[plays] / np.sqrt(own)
    variances = np.nanvar(found.onsets, axis=1, ddof=1)
    within = float(np.sqrt(variances.mean()))
    return Asynchrony(found.names, mean, spread, error, counts, within)


def smoothed(written: np.ndarray, onsets: np.ndarray, width: float) -> tuple[np.ndarray, ...]:
    """Onsets (n,) without what changes from note to note, and seconds per written second, (n,).

    A straight line through the onsets around each, weighted by a Gaussian of `width` written
    seconds.
    """
    lags = written - written[:, None]
    weights = np.exp(-0.5 * (lags / width) ** 2)
    total, mean_lag = weights.sum(1), (weights * lags).sum(1)
    squares, mean_time = (weights * lags**2).sum(1), weights @ onsets
    both = (weights * lags) @ onsets
    spread = total * squares - mean_lag**2
    slope = (total * both - mean_lag * mean_time) / np.maximum(spread, 1e-9)
    return (mean_time - slope * mean_lag) / total, slope


def tempo_curve(part: PlayedPart | Chords, width: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Seconds in the recording and the tempo there, (n,) each; 1 is the tempo of the score.

    Of chords: the tempo that all players share. width: written seconds; shorter changes vanish.
    """
    onsets = part.onsets if part.onsets.ndim == 1 else np.nanmean(part.onsets, axis=1)
    times, slope = smoothed(part.written, onsets, width)
    return times, 1.0 / np.maximum(slope, 1e-3)
