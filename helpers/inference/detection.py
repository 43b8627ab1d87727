"""Instrument detection: which of a model's sources a recording contains, and when they play."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from torch import nn

from ..training.conditioning import OTHER
from .activity import Activity, joined_spans
from .players import first_players, stem_names
from .separation import separate_stream
from .windows import Windows

#: The level of a stem, in dB relative to the recording, below which its instrument counts as
#: absent, for a model whose card has no `detection_threshold`. A lower threshold misses fewer
#: instruments and detects more that are absent, whose stems then contain a part of the others.
#: `experiments.detection_threshold` compares.
DETECTION_THRESHOLD = -13.0
SUSTAINED = 10.0  # seconds over which a level is a mean: who rests for most of a movement plays too
SMALLEST = 0.05  # share of a recording in which this level is reached
SOFT = 0.1  # of the mean power of a recording: where all are softer, its level counts as this
#: How many dB a detected stem must be below an equal share of the recording to be doubtful. Of
#: the 70 duos and trios of `bach10_excerpts`, 27 come with a player too many by `chamber`; 26 of
#: them have a doubtful stem, and so have 14 of the 42 whose players are right.
DOUBT = 4.0
SLOPE = 2.0  # dB in which the confidence goes from 0.5 to 0.73


@dataclass(frozen=True)
class Curves:
    """How likely each source sounds, from 0 to 1, in windows of `seconds`; (windows,) each.

    A logistic function of its level there, 0.5 at the threshold of the model.
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

    sources: those detected; where nothing is, `other`, or all. levels: of all stems, see
    `sustained_levels`. curves: of all sources over time.
    """

    sources: tuple[str, ...]
    levels: dict[str, float]
    curves: Curves | None = None

    @property
    def present(self) -> tuple[str, ...]:
        """Those that count as present; none where `sources` is `other`, or all of silence."""
        return tuple(
            name for name in self.sources if name != OTHER and self.levels[name] > -math.inf
        )

    @property
    def doubtful(self) -> tuple[str, ...]:
        """The detected sources whose confidence is low, see `DOUBT`.

        Either their instruments are absent or they play little.
        """
        found = self.confidence
        return tuple(name for name in self.present if found[name] < 0.5)

    @property
    def confidence(self) -> dict[str, float]:
        """From 0 to 1, that each source plays."""
        players = max(len(self.present), 1)
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


def detection_threshold(model: nn.Module) -> float:
    """The threshold of a model in dB, from its card; see `DETECTION_THRESHOLD`."""
    card = getattr(model, "card", None) or {}
    return float(card.get("detection_threshold", DETECTION_THRESHOLD))


def detect(
    model: nn.Module,
    blocks: Iterable[np.ndarray],
    sample_rate: int,
    channels: int,
    *,
    progress: Callable[[float], object] | None = None,
) -> Detection:
    """The sources that a model hears in a recording, in the order of the model.

    Those whose stems, by the unconditioned model, have a level above `detection_threshold`, see
    `sustained_levels`; where none has, the loudest, or nothing where that is `other`. Of two
    players of an instrument the louder one in each window is the first: who of them a stem is has
    no meaning there.
    blocks, sample_rate, channels: as for `separate_stream`, in the same constant memory. progress:
    called with the seconds that each step adds.
    """
    names, threshold = tuple(model.sources), detection_threshold(model)
    stem_powers, powers = Windows(len(names), sample_rate), Windows(1, sample_rate)

    def measured() -> Iterator[np.ndarray]:
        for block in blocks:
            powers.update(np.square(block, dtype=np.float64).sum(axis=0, keepdims=True))
            yield block

    for stems in separate_stream(model, measured(), sample_rate, channels):
        stem_powers.update(np.square(stems, dtype=np.float64).sum(axis=1))
        if progress is not None:
            progress(stems.shape[-1] / sample_rate)
    own, mixture = stem_powers.means(), powers.means()[0]
    for second, first in first_players(names).items():  # how many play, not who
        pair = [names.index(second), names.index(first)]
        own[pair] = np.sort(own[pair], axis=0)
    found = sustained_levels(own, mixture, powers.seconds)
    levels = dict(zip(names, found.tolist(), strict=True))
    with np.errstate(divide="ignore", invalid="ignore"):
        over_time = 10 * np.log10(own / mixture.mean())
    likely = np.nan_to_num(_logistic(over_time - threshold))
    curves = Curves(powers.seconds, powers.whole, dict(zip(names, likely, strict=True)))
    return Detection(detected(levels, threshold), levels, curves)


def detect_instruments(
    model: nn.Module, blocks: Iterable[np.ndarray], sample_rate: int, channels: int
) -> tuple[str, ...]:
    """The sources that `detect` finds. Chapter: 04."""
    return detect(model, blocks, sample_rate, channels).sources


def sustained_levels(powers: np.ndarray, mixture: np.ndarray, seconds: float) -> np.ndarray:
    """The levels of stems, dB relative to the recording, in the mean over `SUSTAINED` seconds.

    Of each the level that is reached in `SMALLEST` of the recording, whose beginning counts as what
    follows its end. Of a shorter recording it is the level in the whole. powers (sources, windows)
    and mixture (windows,): mean squares in windows of so many seconds. -> (sources,); NaN where the
    recording is silent.
    """
    count = min(len(mixture), math.ceil(SUSTAINED / seconds))
    powers, mixture = _moving_means(powers, count), _moving_means(mixture[None], count)[0]
    mixture = np.maximum(mixture, SOFT * mixture.mean())
    with np.errstate(divide="ignore", invalid="ignore"):
        levels = 10 * np.log10(powers / mixture)
    return np.sort(levels, axis=1)[:, -math.ceil(SMALLEST * levels.shape[1])]


def _moving_means(values: np.ndarray, count: int) -> np.ndarray:
    """(rows, n) -> the mean from each on over `count`, across the end; (rows, n)."""
    around = np.pad(values, ((0, 0), (0, count - 1)), mode="wrap")
    return np.lib.stride_tricks.sliding_window_view(around, count, axis=1).mean(axis=2)


def detected(
    levels: Mapping[str, float], threshold: float = DETECTION_THRESHOLD
) -> tuple[str, ...]:
    """The sources that count as present by their levels, as `detect` finds them; `other`, or all,
    where none is. levels, threshold: in dB relative to the recording.
    """
    if all(map(math.isnan, levels.values())):
        return (OTHER,) if OTHER in levels else tuple(levels)
    loud = {name for name, level in levels.items() if level > threshold} - {OTHER}
    loud = loud or {max(levels, key=levels.__getitem__)}  # if that is `other`, nothing is present
    return tuple(name for name in levels if name in loud)


def following(detection: Detection, activity: Mapping[str, Activity]) -> Detection:
    """The detection with two players of an instrument as their stems are.

    Who of two is heard has no meaning, only how many. In each window the one who more likely sounds
    is therefore the one whose stem is louder, and of the whole recording the one who plays more is
    the surer one. activity: of the stems, by their names.
    """
    if detection.curves is None:
        return detection
    curves = detection.curves
    values, levels = dict(curves.values), dict(detection.levels)
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
        levels[first], levels[second] = sorted((levels[first], levels[second]), reverse=bool(surer))
    return replace(detection, levels=levels, curves=replace(curves, values=values))


def _in_windows(activity: Activity, seconds: float, count: int) -> np.ndarray:
    """The mean power of a stem in `count` windows of so many seconds."""
    powers = activity.powers()
    edges = np.round(np.arange(count) * seconds / activity.seconds).astype(int)
    edges = np.minimum(edges, len(powers) - 1)
    sums = np.add.reduceat(powers, edges)
    return sums / np.maximum(np.diff([*edges, len(powers)]), 1)


def _logistic(margin: float | np.ndarray) -> np.ndarray:
    """1/2 at a margin of 0 dB."""
    return 1.0 / (1.0 + np.exp(-np.clip(np.asarray(margin, dtype=float) / SLOPE, -30.0, 30.0)))
