"""Instrument detection: which of a model's sources a recording contains, and when they play."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np
from torch import nn

from ..training.conditioning import OTHER
from .activity import Activity, joined_spans
from .hearing import Windows, can_hear, heard
from .players import first_players, stem_names
from .separation import separate_stream

#: For models that do not say what sounds: the level of a stem, in dB relative to the recording,
#: below which its instrument counts as absent. A lower threshold misses fewer instruments and
#: detects more that are absent, whose stems then contain a part of the others.
DETECTION_THRESHOLD = -16.0
#: How many dB such a detected stem must be below an equal share of the recording to be doubtful. Of
#: the duos and trios of `bach10_excerpts`, 51 come with a player too many; 50 of them have a
#: doubtful stem, and so have 2 of the 19 whose players are right.
DOUBT = 4.0
SLOPE = 2.0  # dB in which the confidence goes from 0.5 to 0.73
FITTED = Path(__file__).with_name("detection_thresholds.json")
SUSTAINED = 1.5  # seconds over which a confidence is averaged: a blip is no player
SMALLEST = 0.02  # share of a recording in which a player sounds at least


@dataclass(frozen=True)
class Thresholds:
    """Of models that say what sounds; `python -m experiments.detection --fit` writes the file.

    detected, second: the confidence from which an instrument, and its second player, counts as
    present; below `doubtful` it is in doubt. other_db: the level of `other`, relative to the
    recording, from which it is a stem of its own.
    """

    detected: float
    second: float
    doubtful: float
    other_db: float


@cache
def thresholds() -> Thresholds:
    """Those of the shipped model that `FITTED` names by the hash of its weights."""
    fitted = json.loads(FITTED.read_text(encoding="utf-8"))
    return Thresholds(*(fitted[name] for name in ("detected", "second", "doubtful", "other_db")))


@dataclass(frozen=True)
class Curves:
    """How likely each source sounds, from 0 to 1, in windows of `seconds`; (windows,) each.

    whole: seconds of the recording, in which the last window ends early.
    """

    seconds: float
    whole: float
    values: dict[str, np.ndarray]

    def spans(self, name: str) -> list[tuple[float, float]]:
        """Start and end in seconds of where a source sounds more likely than not."""
        return joined_spans(self.values[name] > 0.5, self.seconds, self.whole)

    def share(self, name: str) -> float:
        """The share of the time in which a source sounds more likely than not."""
        return float((self.values[name] > 0.5).mean())


@dataclass(frozen=True)
class Detection:
    """What a model hears in a recording.

    sources: those detected. levels: of all stems, in dB relative to the recording, for a model that
    separates to detect; such a model detects all sources where it detects fewer than two. heard:
    for a model that says what sounds, how likely each source is present, from 0 to 1; where none
    is, `sources` is `other`, or all. curves: of all sources over time.
    """

    sources: tuple[str, ...]
    levels: dict[str, float] = field(default_factory=dict)
    heard: dict[str, float] = field(default_factory=dict)
    curves: Curves | None = None

    @property
    def present(self) -> tuple[str, ...]:
        """Those that count as present, none where `sources` is `other`, or all."""
        if not self.heard:
            return self.sources
        return present(self.heard, tuple(self.heard), thresholds())

    @property
    def doubtful(self) -> tuple[str, ...]:
        """The detected sources whose confidence is low.

        Either their instruments are absent or they play little; see `DOUBT` and `Thresholds`.
        """
        least = thresholds().doubtful if self.heard else 0.5
        found = self.confidence
        return tuple(name for name in self.sources if name != OTHER and found[name] < least)

    @property
    def confidence(self) -> dict[str, float]:
        """From 0 to 1, that each source plays."""
        if self.heard:
            return self.heard
        players = len(self.sources)
        return {name: level_confidence(level, players) for name, level in self.levels.items()}

    def describe(self, names: dict[str, str]) -> dict[str, dict[str, object]]:
        """The entry of separation.json; names: of the stems of the detected sources."""
        if self.curves is None:
            return {}
        return {
            stem: {
                "confidence": round(self.confidence[name], 3),
                "share_of_time": round(self.curves.share(name), 3),
                "spans": [
                    [round(start, 2), round(end, 2)] for start, end in self.curves.spans(name)
                ],
            }
            for name, stem in names.items()
            if name in self.curves.values
        }


def level_confidence(level: float, players: int) -> float:
    """From 0 to 1, that an instrument plays whose stem has a level in dB relative to the recording.

    A logistic function, 0.5 where `Detection` begins to doubt. It orders the stems; it is no
    probability.
    """
    return round(float(_logistic(level + 10 * math.log10(players) + DOUBT)), 4)


def can_detect(model: nn.Module) -> bool:
    """Whether a model separates better when it is conditioned on the active sources."""
    return bool(getattr(getattr(model, "config", None), "conditioned", False))


def detect(
    model: nn.Module,
    blocks: Iterable[np.ndarray],
    sample_rate: int,
    channels: int,
    *,
    progress: Callable[[float], object] | None = None,
) -> Detection:
    """The sources that a model hears in a recording, in the order of the model.

    By their activity where the model estimates it, else those whose stems, by the unconditioned
    model, are above `DETECTION_THRESHOLD`.
    blocks, sample_rate, channels: as for `separate_stream`, in the same constant memory. progress:
    called with the seconds that each step adds.
    """
    if can_hear(model):
        return _by_activity(model, heard(model, blocks, sample_rate, channels, progress))
    return _by_level(model, blocks, sample_rate, channels, progress)


def detect_instruments(
    model: nn.Module, blocks: Iterable[np.ndarray], sample_rate: int, channels: int
) -> tuple[str, ...]:
    """The sources that `detect` finds. Chapter: 04."""
    return detect(model, blocks, sample_rate, channels).sources


def present(
    confidence: Mapping[str, float], sources: Sequence[str], limits: Thresholds
) -> tuple[str, ...]:
    """The sources that count as present. Of two players, the one who is more sure is the first.

    confidence: of each source; `other` is none that could be present.
    """
    firsts, sure = first_players(sources), dict(confidence)
    for second, first in firsts.items():
        sure[second], sure[first] = sorted((confidence[second], confidence[first]))
    return tuple(
        name
        for name in sources
        if name != OTHER
        and sure[firsts.get(name, name)] >= limits.detected
        and (name not in firsts or sure[name] >= limits.second)
    )


def sustained(curve: np.ndarray, seconds: float) -> float:
    """What a curve reaches, in the mean over `SUSTAINED` seconds, in `SMALLEST` of a recording.

    A quantile: it does not grow with the length of a recording, whose beginning counts as what
    follows its end. curve: (windows,) of so many seconds each.
    """
    count = min(len(curve), math.ceil(SUSTAINED / seconds))
    around = np.pad(curve, (0, count - 1), mode="wrap")
    means = np.convolve(around, np.ones(count) / count, "valid")
    return float(np.sort(means)[-math.ceil(SMALLEST * len(means))])


def following(detection: Detection, activity: Mapping[str, Activity]) -> Detection:
    """The detection with two players of an instrument as their stems are.

    Who of two is heard has no meaning, only how many. In each window the one who more likely sounds
    is therefore the one whose stem is louder, and of the whole recording the one who plays more is
    the surer one. activity: of the stems, by their names.
    """
    if detection.curves is None:
        return detection
    curves = detection.curves
    values, heard, levels = dict(curves.values), dict(detection.heard), dict(detection.levels)
    names = dict(zip(detection.sources, stem_names(detection.sources), strict=True))
    for second, first in first_players(detection.sources).items():
        both = np.stack([values[first], values[second]])
        powers = np.stack([
            _in_windows(activity[names[name]], curves.seconds, both.shape[1])
            for name in (first, second)
        ])  # fmt: skip
        low, high = np.sort(both, axis=0)
        is_first = powers[0] >= powers[1]
        values[first], values[second] = np.where(is_first, (high, low), (low, high))
        surer = values[first].sum() >= values[second].sum()
        for numbers in filter(None, (heard, levels)):
            pair = sorted((numbers[first], numbers[second]), reverse=bool(surer))
            numbers[first], numbers[second] = pair
    return replace(detection, levels=levels, heard=heard, curves=replace(curves, values=values))


def _in_windows(activity: Activity, seconds: float, count: int) -> np.ndarray:
    """The mean power of a stem in `count` windows of so many seconds."""
    powers = activity.powers()
    edges = np.round(np.arange(count) * seconds / activity.seconds).astype(int)
    edges = np.minimum(edges, len(powers) - 1)
    sums = np.add.reduceat(powers, edges)
    return sums / np.maximum(np.diff([*edges, len(powers)]), 1)


def _by_activity(model: nn.Module, windows: Windows) -> Detection:
    named = zip(model.config.sources, windows.means(), strict=True)
    values = {name: curve for name, curve in named if name in model.sources}
    for second, first in first_players(tuple(values)).items():  # how many sound, not who
        values[second], values[first] = np.sort([values[second], values[first]], axis=0)
    confidence = {name: sustained(curve, windows.seconds) for name, curve in values.items()}
    found = present(confidence, tuple(values), thresholds())
    nothing = (OTHER,) if OTHER in model.sources else tuple(model.sources)
    return Detection(
        found or nothing, {}, confidence, Curves(windows.seconds, windows.whole, values)
    )


def _by_level(
    model: nn.Module,
    blocks: Iterable[np.ndarray],
    sample_rate: int,
    channels: int,
    progress: Callable[[float], object] | None,
) -> Detection:
    energy, frames = 0.0, 0

    def measured() -> Iterator[np.ndarray]:
        nonlocal energy, frames
        for block in blocks:
            energy += float(np.square(block, dtype=np.float64).sum())
            frames += block.shape[1]
            yield block

    stem_energies, powers = np.zeros(len(model.sources)), Windows(len(model.sources), sample_rate)
    for stems in separate_stream(model, measured(), sample_rate, channels):
        squares = np.square(stems, dtype=np.float64)
        stem_energies += squares.sum(axis=(1, 2))
        powers.update(squares.sum(axis=1))
        if progress is not None:
            progress(stems.shape[-1] / sample_rate)
    with np.errstate(divide="ignore", invalid="ignore"):
        levels = 10 * np.log10(stem_energies / energy)
        over_time = 10 * np.log10(powers.means() * frames / energy)
    firsts = first_players(model.sources)
    known = tuple(name for name in model.sources if name != OTHER)
    loud = {
        n for n, level in zip(model.sources, levels, strict=True) if level > DETECTION_THRESHOLD
    }
    loud |= {first for second, first in firsts.items() if second in loud}
    names = tuple(name for name in known if name in loud)
    sources = names if len(names) > 1 else known
    likely = np.nan_to_num(_logistic(over_time - DETECTION_THRESHOLD))
    named = dict(zip(model.sources, likely, strict=True))
    curves = Curves(powers.seconds, powers.whole, named)
    return Detection(sources, dict(zip(model.sources, levels.tolist(), strict=True)), {}, curves)


def _logistic(margin: float | np.ndarray) -> np.ndarray:
    """1/2 at a margin of 0 dB."""
    return 1.0 / (1.0 + np.exp(-np.clip(np.asarray(margin, dtype=float) / SLOPE, -30.0, 30.0)))
