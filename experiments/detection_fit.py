"""The thresholds of detection, fitted on recordings whose players are known."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from torch import nn

from experiments.detection_pieces import Piece, players
from helpers import runtime
from helpers.audio.levels import rms
from helpers.audio.track import Track
from helpers.evaluation.evaluate import match_stems
from helpers.files import replaced_atomically
from helpers.inference.detection import FITTED, detect, thresholds
from helpers.inference.hearing import can_hear
from helpers.inference.players import conditioned_on, first_players
from helpers.inference.separation import separate
from helpers.training.conditioning import OTHER

GRID = np.round(np.arange(0.02, 1.0, 0.02), 2)
LEVELS = np.arange(-40.0, -3.0)  # dB
RIGHT = 0.95  # share of the players who are not doubtful that play
Heard = tuple[frozenset[str], dict[str, float]]  # who plays, and the confidence in each source


def fit_thresholds(model: nn.Module, pieces: Sequence[Piece], file: Path = FITTED) -> None:
    """Write the thresholds for a model, see `Thresholds`.

    Two that are equally good have a range of such thresholds between them; its middle is taken.
    From then on this process detects with them. ValueError for a model that does not say what
    sounds, and for a profile other than `full`, whose thresholds nobody may ship.
    """
    if not can_hear(model):
        raise ValueError("This model detects by levels; only one with `activity` has thresholds.")
    if runtime.profile() != "full":
        raise ValueError(f"{file.name}: only the profile `full` writes it (DIVISI_PROFILE=full).")
    tracks = [piece.make() for piece in pieces]
    heard: list[Heard] = []
    for piece, track in zip(pieces, tracks, strict=True):
        true = frozenset(piece.players or players(track.instruments))
        mixture = track.mixture
        heard.append((true, detect(model, [mixture], track.sample_rate, len(mixture)).heard))
    fitted = player_thresholds(heard)
    if OTHER in model.sources:
        levels = [pair for track in tracks for pair in levels_of_other(model, track)]
        fitted["other_db"] = best(LEVELS, lambda limit: sorted_right(levels, limit))
    fitted |= {
        "fitted_on": f"{len(pieces)} pieces of {pieces[0].test_data}",
        "checkpoint_sha256": (getattr(model, "card", None) or {}).get("sha256", "none"),
        "commit": runtime.commit(),
    }
    kept = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    text = json.dumps(kept | fitted, indent=2) + "\n"
    with replaced_atomically(file) as draft:
        draft.write_text(text, encoding="utf-8")
    thresholds.cache_clear()


def player_thresholds(heard: Sequence[Heard]) -> dict[str, float]:
    """`detected` by the F1 of first players, `second` by that of second ones, `doubtful`."""
    firsts = {name: first for _, confidence in heard
              for name, first in first_players(list(confidence)).items()}  # fmt: skip
    alone = [
        (name in true, value)
        for true, confidence in heard
        for name, value in confidence.items()
        if name not in firsts and name != OTHER
    ]
    detected = best(GRID, lambda limit: f1(alone, limit))
    seconds = [
        (name in true, confidence[name])
        for true, confidence in heard
        for name, first in firsts.items()
        if confidence[first] >= detected
    ]
    second = best(GRID, lambda limit: f1(seconds, limit))
    found = [(right, value) for right, value in alone if value >= detected]
    found += [(right, value) for right, value in seconds if value >= second]
    sure = (limit for limit in GRID if _share_right(found, limit) >= RIGHT)
    return {"detected": detected, "second": second, "doubtful": float(next(sure, GRID[-1]))}


def levels_of_other(model: nn.Module, track: Track) -> list[tuple[bool, float]]:
    """(whether a player is missing, level of `other` in dB) with all players named, and without
    each of them in turn; of two players of an instrument one is left out."""
    track = match_stems(track, model.sources)
    own = [name for name in track.stems if name in model.sources]
    firsts = first_players(own)
    found = []
    for missing in ("", *(name for name in own if name not in firsts.values())):
        system = conditioned_on(model, [name for name in own if name != missing])
        stems = separate(system, track.mixture, track.sample_rate)
        other = rms(stems[system.sources.index(OTHER)])
        level = 20 * np.log10(max(other / rms(track.mixture), 1e-6))
        found.append((bool(missing), float(level)))
    return found


def best(grid: np.ndarray, score: Callable[[float], float]) -> float:
    """The middle of the first stretch of a grid in which the score is the highest."""
    scores = np.array([score(float(limit)) for limit in grid])
    first = int(scores.argmax())
    end = first
    while end + 1 < len(grid) and scores[end + 1] == scores[first]:
        end += 1
    return round(float(grid[first] + grid[end]) / 2, 3)


def f1(cases: Sequence[tuple[bool, float]], limit: float) -> float:
    """cases: (whether it is there, confidence)."""
    hits = sum(there and value >= limit for there, value in cases)
    there, found = sum(there for there, _ in cases), sum(value >= limit for _, value in cases)
    return 2 * hits / (there + found) if there + found else 1.0


def sorted_right(cases: Sequence[tuple[bool, float]], limit: float) -> float:
    """The mean of the shares of both kinds of cases on their side of the limit."""
    shares = [
        np.mean([(level >= limit) == kind for there, level in cases if there == kind] or [1.0])
        for kind in (True, False)
    ]
    return float(np.mean(shares))


def _share_right(cases: Sequence[tuple[bool, float]], limit: float) -> float:
    values = [right for right, value in cases if value >= limit]
    return float(np.mean(values)) if values else 1.0
