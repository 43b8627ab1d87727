"""How players correct their timing towards each other: linear phase correction.

Player i begins event n + 1 at

    t[i, n+1] = t[i, n] + T[n] + Z[i, n] - sum_j a[i, j] (t[i, n] - t[j, n]) + M[i, n+1] - M[i, n]

with the interval T that all mean to play, the noise Z of the player's inner clock, the noise M of
hands and breath, and a[i, j], the share of an asynchrony with player j that player i corrects by
the next event. 0 is no correction. Errors of measured onsets act as M does, but the players do not
hear them: a large `a` is found too small, and comes closer to that of the other player.

Wing, Endo, Bradbury and Vorberg, "Optimal feedback correction in string quartet synchronization",
J. R. Soc. Interface 11, 2014. Jacoby, Tishby, Repp, Ahissar and Keller, "Parameter estimation of
linear sensorimotor synchronization models", Timing & Time Perception 3, 2015: the bounded
generalised least squares (bGLS).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag, solveh_banded

from .timing import Chords, smoothed

ROUNDS = 20  # of alternating between the corrections and the noise


@dataclass(frozen=True, eq=False)
class Coupling:
    """correction: (players, players), the share of the asynchrony with player j that player i
    corrects; NaN on the diagonal. error: its standard errors. timekeeper, motor: (players,)
    standard deviations of Z and M in seconds. count: of intervals that it was fitted to.
    """

    names: tuple[str, ...]
    correction: np.ndarray
    error: np.ndarray
    timekeeper: np.ndarray
    motor: np.ndarray
    count: int

    def following(self) -> np.ndarray:
        """How much each corrects to the others, less how much they correct to it, (players,).

        The lowest value is that of a leader.
        """
        return np.nansum(self.correction, axis=1) - np.nansum(self.correction, axis=0)


def simulate(
    correction: np.ndarray,
    timekeeper: np.ndarray,
    motor: np.ndarray,
    intervals: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Onsets (events, players) in seconds of players with known parameters, who begin together.

    correction: (players, players). timekeeper, motor: (players,) in seconds. intervals:
    (events - 1,) in seconds.
    """
    correction = np.nan_to_num(correction)
    players = len(correction)
    late = rng.normal(0.0, motor, (len(intervals) + 1, players))
    clock = np.zeros(players)  # the onsets without motor noise
    onsets = [clock + late[0]]
    for interval, delay in zip(intervals, late[1:], strict=True):
        heard = onsets[-1][:, None] - onsets[-1]
        meant = interval + rng.normal(0.0, timekeeper) - (correction * heard).sum(axis=1)
        clock = clock + meant
        onsets.append(clock + delay)
    return np.array(onsets)


def fit_coupling(passages: Sequence[Chords], width: float | None = None) -> Coupling:
    """The coupling of players from one passage or several, each of chords of all of them.

    width: the tempo may change over so many written seconds; it is then the smooth line through the
    mean onsets. By default it is steady. The smooth line takes a part of what the players do: the
    same accuracy needs several times as many chords. ValueError with fewer than three intervals a
    coefficient.
    """
    passages = [passage.complete() for passage in passages]
    names = passages[0].names
    if any(passage.names != names for passage in passages):
        raise ValueError("The passages have different players; give those of one ensemble.")
    passages = [passage for passage in passages if len(passage.written) > 2]
    counts = [len(passage.written) - 1 for passage in passages]
    if sum(counts) < 3 * len(names):
        raise ValueError(
            f"{', '.join(names)}: {sum(counts)} intervals between chords of all are too few; give a"
            f" longer passage, with {3 * len(names)} at least."
        )
    players = len(names)
    correction, error = np.full((2, players, players), np.nan)
    timekeeper, motor = np.zeros((2, players))
    for player in range(players):
        others = [other for other in range(players) if other != player]
        design, intervals = _regression(passages, player, others, width)
        values, errors, timekeeper[player], motor[player] = _bounded_gls(design, intervals, counts)
        correction[player, others] = values[: len(others)]
        error[player, others] = errors[: len(others)]
    return Coupling(names, correction, error, timekeeper, motor, sum(counts))


def _regression(
    passages: Sequence[Chords], player: int, others: Sequence[int], width: float | None
) -> tuple[np.ndarray, np.ndarray]:
    """Asynchronies and tempo (intervals, columns), and the intervals of the player (intervals,)."""
    asynchronies, tempi, intervals = [], [], []
    for passage in passages:
        onsets, gaps = passage.onsets, np.diff(passage.written)
        asynchronies.append(onsets[:-1, others] - onsets[:-1, [player]])
        interval = np.diff(onsets[:, player])
        if width is None:
            tempi.append(gaps[:, None])
        else:
            line, _ = smoothed(passage.written, onsets.mean(axis=1), width)
            interval = interval - np.diff(line)
            tempi.append(np.ones((len(gaps), 1)))
        intervals.append(interval)
    # A steady passage has a tempo of its own; beside a smooth tempo, a player has one offset.
    tempo = block_diag(*tempi) if width is None else np.concatenate(tempi)
    return np.hstack([np.concatenate(asynchronies), tempo]), np.concatenate(intervals)


def _bounded_gls(
    design: np.ndarray, target: np.ndarray, counts: Sequence[int]
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Coefficients, their standard errors, and the standard deviations of timekeeper and motor.

    The noise Z[n] + M[n+1] - M[n] has the variance z + 2 m and, one interval apart, the covariance
    -m. Jacoby et al. bound 0 <= m <= z, without which the fit is not unique.
    """
    edges = np.cumsum([0, *counts])
    together = np.ones(len(target))  # with the next interval in one passage
    together[edges[1:] - 1] = 0.0
    variance, neighbours = 1.0, 0.0
    for _ in range(ROUNDS):
        diagonals = np.stack([np.full(len(target), variance), neighbours * together])
        weighted = solveh_banded(diagonals, design, lower=True)
        inverse = np.linalg.pinv(design.T @ weighted)
        values = inverse @ (weighted.T @ target)
        rest = target - design @ values
        freedom = max(len(target) - design.shape[1], 1)
        variance = max(float(rest @ rest) / freedom, 1e-12)
        pairs = [rest[a : b - 1] @ rest[a + 1 : b] for a, b in zip(edges, edges[1:], strict=False)]
        shared = sum(pairs) / max(len(target) - len(counts) - design.shape[1], 1)
        neighbours = float(np.clip(shared, -variance / 3, 0.0))
    errors = np.sqrt(np.diag(inverse))
    motor = -neighbours
    return values, errors, float(np.sqrt(max(variance - 2 * motor, 0.0))), float(np.sqrt(motor))
