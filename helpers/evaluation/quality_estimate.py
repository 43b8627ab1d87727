"""The SI-SDR that is expected of stems, without a reference: measures, coefficients, words."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from .. import runtime
from ..audio.audio import AudioFile
from ..audio.recordings import Recording
from ..inference.continuity import are_exchanged
from ..inference.players import interchangeable
from ..inference.separation import follows_score, separate
from ..inference.written_stems import StemFiles
from ..music.scores import Score
from ..training.conditioning import OTHER
from .no_reference import WINDOW, Measures, measures

FILE = Path(__file__).with_suffix(".json")  # written by `python -m experiments.no_reference --fit`
SPACING = 10.0  # seconds of the recording for each window, at least
SHORTEST = 1.0  # seconds
SEPARATIONS = 4  # of each window
INTERVAL = 0.8  # share of the windows of the fit whose SI-SDR lies in their interval
FARTHEST = 2.0  # standard deviations of a measure: beyond them the fit knows nothing
LEAST, MOST = -10.0, 20.0  # dB; at -10 nothing of the instrument is right
SOUNDS = -25.0  # dB relative to the recording; a stem below it does not play in a window
DO_NOT_TRUST = "do not trust"
UNHEARD = "does not sound in the windows heard"
#: From so many dB on the words hold.
WORDS = (
    (8.0, "likely good"),
    (4.0, "likely fair"),
    (0.0, "likely poor"),
    (-np.inf, DO_NOT_TRUST),
)


@dataclass(frozen=True)
class Estimate:
    """Expected SI-SDR of a stem in dB, and an interval that holds it in `INTERVAL` of the cases."""

    value: float
    low: float
    high: float

    @property
    def words(self) -> str:
        """From `likely good` to `do not trust`, for the value in whole dB."""
        return next(words for least, words in WORDS if round(self.value) >= least)

    def sentence(self) -> str:
        """Such as `likely good: 8 dB (6 to 11)`."""
        return f"{self.words}: {round(self.value)} dB ({round(self.low)} to {round(self.high)})"

    def describe(self) -> dict[str, float]:
        """The entry of separation.json."""
        return {name: round(number, 1) for name, number in asdict(self).items()}


def described(estimates: Mapping[str, Estimate]) -> dict[str, dict[str, float]]:
    """The entry of separation.json, in dB."""
    return {name: estimate.describe() for name, estimate in estimates.items()}


def details(estimates: Mapping[str, Estimate], names: Iterable[str]) -> dict[str, str]:
    """What a player says beside each of these stems; nothing where none was estimated."""
    return {
        name: estimates[name].sentence() if name in estimates else UNHEARD
        for name in (names if estimates else ())
        if name != OTHER
    }


def reported(report: Mapping[str, Any]) -> dict[str, Estimate]:
    """The estimates in the content of separation.json."""
    return {name: Estimate(**each) for name, each in report.get("estimated_si_sdr", {}).items()}


@dataclass(frozen=True)
class Predictor:
    """A linear function of measures, each centred, scaled, and limited to two standard deviations;
    a missing one counts as its mean.

    names: of the measures. low, high: quantiles of what the fit
    left over, in dB.
    """

    names: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[float, ...]
    intercept: float
    low: float
    high: float

    def values(self, measured: Measures) -> np.ndarray:
        """The expected SI-SDR of each stem in dB, (S,)."""
        columns = np.stack([measured[name] for name in self.names], axis=-1)
        scaled = np.nan_to_num((columns - self.means) / self.scales, nan=0.0)
        scaled = np.clip(scaled, -FARTHEST, FARTHEST)
        return np.clip(scaled @ np.array(self.weights) + self.intercept, LEAST, MOST)

    def estimate(self, values: Sequence[float]) -> Estimate:
        """Of a stem, from its values in several windows: their mean, with the interval of one.

        The windows of one recording err alike, so that the interval does not shrink.
        """
        value = float(np.mean(values))
        low, high = (float(np.clip(value + x, LEAST, MOST)) for x in (self.low, self.high))
        return Estimate(value, low, high)


@cache
def predictors() -> Mapping[str, Predictor]:
    """`recording`, and `score` where the score is known."""
    table = json.loads(FILE.read_text(encoding="utf-8"))["predictors"]
    return {name: predictor_of(each) for name, each in table.items()}


def predictor_of(table: Mapping[str, Any]) -> Predictor:
    return Predictor(**{k: tuple(v) if isinstance(v, list) else v for k, v in table.items()})


def estimate_quality(
    done: StemFiles, windows: int = runtime.QUALITY_WINDOWS
) -> dict[str, Estimate]:
    """Of each stem of a recording that sounds in some of its windows.

    Each window is separated `SEPARATIONS` times: 20 s of audio. There is at most one for each
    `SPACING` seconds of the recording. Two players of an instrument are those of the files. Memory
    holds one window.
    """
    recording, model = done.recording, done.model
    predictor = predictors()["score" if follows_score(model) else "recording"]
    values: dict[str, list[float]] = {name: [] for name in model.sources}
    files = done.files()
    pairs = [
        pair for pair in interchangeable(model) if {model.sources[k] for k in pair} <= {*files}
    ]
    with ExitStack() as stack:
        written = {}
        for place in chain(*pairs):
            file = stack.enter_context(AudioFile(files[model.sources[place]]))
            written[place] = cut(file.blocks(), *places(recording, windows))
        for start, mixture in cut(recording.blocks(), *places(recording, windows)):
            found = {place: next(each, None) for place, each in written.items()}
            stems = {place: window[1] for place, window in found.items() if window}
            if not np.any(mixture):
                continue
            measured = measured_window(
                model, mixture, recording.sample_rate, start / recording.sample_rate, stems=stems
            )
            expected = predictor.values(measured)
            for name, value, level in zip(values, expected, measured["level"], strict=True):
                if level > SOUNDS:
                    values[name].append(float(value))
    players = (name for name in done.sources if name != OTHER)
    return {name: predictor.estimate(values[name]) for name in players if values[name]}


def measured_window(
    model: nn.Module,
    mixture: np.ndarray,
    sample_rate: int,
    start: float = 0.0,
    score: Score | None = None,
    stems: Mapping[int, np.ndarray] | None = None,
) -> Measures:
    """All measures of the stems that a model makes of a window (C, T).

    start: seconds from the beginning of the recording, for a model that follows a score. score:
    that of the window for another model, one part for each of its sources, in their order. stems:
    what was separated before, (C, T) by the place of the source; its order of two players is kept.
    """
    seconds = mixture.shape[-1] / sample_rate

    def again(changed: np.ndarray, delays: Sequence[float] = (), speed: float = 1.0) -> np.ndarray:
        own = model
        if follows_score(model):
            own = model.excerpt(start, seconds, delays, speed)
        return separate(own, changed, sample_rate)

    if follows_score(model):
        score = model.excerpt(start, seconds).score()
    pairs, found = interchangeable(model), again(mixture)
    for pair in map(list, pairs):
        before = [stems[place] for place in pair if place in stems] if stems else []
        if len(before) == 2 and are_exchanged(np.stack(before), found[pair]):
            found[pair] = found[pair[::-1]]
    return measures(again, mixture, found, sample_rate, score, pairs)


def window_count(seconds: float, windows: int) -> int:
    """How many windows a recording has, where `windows` are asked for."""
    return min(windows, max(1, int(seconds / SPACING))) if seconds >= SHORTEST else 0


def seconds_separated(seconds: float, windows: int) -> float:
    """The seconds of audio that are separated for the estimate of a recording, at most."""
    return SEPARATIONS * window_count(seconds, windows) * min(seconds, WINDOW)


def places(recording: Recording, windows: int) -> tuple[list[int], int]:
    """Where windows in equal distances begin, and how long they are, in samples.

    A recording shorter than a window is one, one shorter than `SHORTEST` none.
    """
    count = window_count(recording.seconds, windows)
    length = min(round(WINDOW * recording.sample_rate), recording.frames)
    firsts = (recording.frames - length) * (np.arange(count) + 0.5) / max(count, 1)
    return firsts.astype(int).tolist(), length


def cut(
    blocks: Iterable[np.ndarray], firsts: Sequence[int], length: int
) -> Iterator[tuple[int, np.ndarray]]:
    """The first sample, and all samples (C, length), of the windows of blocks (C, n)."""
    waiting, kept, at = deque(firsts), None, 0
    for block in blocks if firsts else ():
        kept = block if kept is None else np.concatenate([kept, block], axis=1)
        while waiting and at + kept.shape[1] >= waiting[0] + length:
            first = waiting.popleft()
            yield first, kept[:, first - at : first - at + length]
        needless = min((waiting[0] if waiting else at + kept.shape[1]) - at, kept.shape[1])
        kept, at = kept[:, max(needless, 0) :], at + max(needless, 0)
