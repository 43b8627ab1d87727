"""Fit a model to recordings without stems, from `divisi adapt`.

The first half of every recording teaches, the second half decides: by the quality that is expected
there without a reference (`evaluation/quality_estimate.py`). Where that does not rise, nothing is
written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from torch import nn

from .. import runtime
from ..audio.recordings import Recording, mono
from ..audio.track import AudioError
from ..evaluation.no_reference import WINDOW, Measures, by_score
from ..evaluation.quality_estimate import LEAST, SOUNDS, measured_window, predictors
from ..inference.detection import can_detect, detect_instruments
from ..inference.players import chosen_sources, interchangeable
from ..inference.score_following import takes_score
from ..inference.separation import separate
from ..music.scores import Score
from ..training.checkpoints import load_model, save_model
from ..training.conditioning import OTHER, condition_on
from ..training.config import TrainingConfig
from ..training.losses import Loss
from ..training.objectives import PlayersObjective
from ..training.runs import RunFolder
from ..training.self_training import Estimated, RemixDataset, self_training_loss
from ..training.trainer import fit
from .entries import RecipeError
from .settings import keep_settings

SEGMENT = 4.0  # seconds of an example
SHORTEST = 8.0  # seconds of all recordings together
ROUNDS = 2  # after each one the student becomes the teacher
DECIDING = 6  # windows of the second halves, at most
MARGIN = 0.2  # dB by which the expected quality must rise
SETTINGS = "adapt.json"  # in the folder of the run


@dataclass(frozen=True)
class Half:
    """Half of a recording, (C, T), and its score in seconds from its beginning where there is one,
    one part for each active source in their order."""

    mixture: np.ndarray
    score: Score | None = None

    def windows(self, sample_rate: int) -> list[Half]:
        """Windows of equal length, `WINDOW` seconds or little less."""
        count = max(1, int(self.mixture.shape[1] / (WINDOW * sample_rate)))
        edges = np.linspace(0, self.mixture.shape[1], count + 1).astype(int)
        return [
            self.part(first, last, sample_rate)
            for first, last in zip(edges, edges[1:], strict=False)
        ]

    def part(self, first: int, last: int, sample_rate: int) -> Half:
        """From one sample to another."""
        score = self.score and later(self.score, -first / sample_rate)
        return Half(self.mixture[:, first:last], score)


@dataclass(frozen=True)
class Adapted:
    """What became of an adaptation. weights: None where it would not have helped.

    before, after: the expected SI-SDR in dB of the second halves, by the first model and by the
    best of the adapted ones.
    """

    weights: Path | None
    sources: tuple[str, ...]
    before: float
    after: float


def adapt(
    recordings: Sequence[Recording],
    model: str,
    *,
    name: str = "adapted",
    instruments: Sequence[str] | str | None = None,
    score: Score | None = None,
    steps: int = 100,
    learning_rate: float = 2e-4,
    seed: int = 0,
    folder: Path | None = None,
    restart: bool = False,
    command: str = "helpers.recipes.adapt.adapt",
    progress: bool = True,
) -> Adapted:
    """Fit `model` (a name or a file) to recordings, or resume that.

    instruments: as for `separate_recording`, of all recordings; by default detected in each.
    score: of the only recording, in its time and at its pitch, one part for each instrument; the
    estimates that teach are then drawn towards its notes. steps: of all rounds. folder: of the run,
    `runs/NAME` by default, with the checkpoint NAME.
    Raises RecipeError for a model that cannot be adapted and a folder that holds another run,
    AudioError for recordings that are too short, TrainingError as `fit` does, KeyboardInterrupt
    after Ctrl-C, when the state to resume from has been saved.
    """
    start, folder = load_model(model), folder or Path("runs") / name
    if takes_score(start):
        raise RecipeError(f"{model}: takes a score, which adapts it already; choose another model.")
    start.to(runtime.pick_device())
    rate = start.sample_rate
    if sum(recording.seconds for recording in recordings) < SHORTEST:
        raise AudioError(
            f"{recordings[0].path.name}: there are less than {SHORTEST:g} s to learn from; add"
            " recordings of the same players."
        )
    whole = [np.repeat(mono(each, rate), start.channels, axis=0) for each in recordings]
    sources = chosen_sources(start, instruments) or active_sources(start, whole)
    if not sources:
        raise RecipeError(
            f"{recordings[0].path.name}: no instrument that {model} knows was found; name those"
            " that play with --instruments."
        )
    score = score and ordered(score, sources)
    halves = [Half(mixture, score) for mixture in whole]
    teaching = [
        window
        for half in halves
        for window in half.part(0, half.mixture.shape[1] // 2, rate).windows(rate)
    ]
    deciding = [
        window
        for half in halves
        for window in half.part(half.mixture.shape[1] // 2, half.mixture.shape[1], rate).windows(
            rate
        )
    ]
    deciding = deciding[:: -(-len(deciding) // DECIDING)]
    settings = {
        "start": start.card["sha256"],
        "recordings": [recording.sha256 for recording in recordings],
        "sources": list(sources), "score": bool(score), "seed": seed,
    }  # fmt: skip
    files = RunFolder(folder)
    with files.locked():
        if restart:
            for number in range(ROUNDS):
                RunFolder(folder / f"round-{number}").forget()
        begun = RunFolder(folder / "round-0")
        begun.folder.mkdir(exist_ok=True)
        keep_settings(begun, SETTINGS, settings, "other recordings or another model", "--name")
        first = [expectation(start, sources, window) for window in deciding]
        counted = [measured["level"] > SOUNDS for measured, _ in first]

        def quality(model: nn.Module) -> float:
            return mean_expected([expectation(model, sources, w) for w in deciding], counted)

        before = best = mean_expected(first, counted)
        teacher = start
        for number in range(ROUNDS):
            student = load_model(model)
            student.load_state_dict(teacher.state_dict())
            windows = [estimated(teacher, sources, window) for window in teaching]
            dataset = RemixDataset(windows, round(SEGMENT * rate), seed + 1000 * number)
            config = training_config(start, max(1, steps // ROUNDS), learning_rate, seed)
            history = fit(
                student, objective(start), dataset, quality, config=config,
                folder=folder / f"round-{number}", progress=progress,
            )  # fmt: skip
            if not history.finished:
                raise KeyboardInterrupt
            reached = quality(student)
            if reached <= best:
                break
            teacher, best = student, reached
        if best < before + MARGIN:
            return Adapted(None, sources, before, best)
        provenance = {
            "command": command,
            "learned_from": start.card.get("learned_from", []),
            "recordings": [recording.path.name for recording in recordings],
            "start_sha256": start.card["sha256"],
            "expected_si_sdr": {"before": round(before, 3), "after": round(best, 3)},
            "steps": steps, "seed": seed, "commit": runtime.commit(),
        }  # fmt: skip
        weights, _ = save_model(teacher, folder, name, provenance, half=True)
    return Adapted(weights, sources, before, best)


def objective(model: nn.Module) -> Loss | PlayersObjective:
    """The loss of a round. Of two players of an instrument the order does not matter: a teacher may
    exchange them from one window to the next; and `other`, where a model has it, is always active.
    """
    if not (OTHER in model.sources or interchangeable(model)):
        return self_training_loss()
    return PlayersObjective(self_training_loss(), model.sources, conditioned_share=1.0)


def training_config(model: nn.Module, steps: int, rate: float, seed: int) -> TrainingConfig:
    """Of one round: small batches, since a recording is short; conditioned on the active sources
    where the model can be."""
    every = max(1, steps // 3)
    return TrainingConfig(
        steps, batch_size=4, learning_rate=rate, warmup_steps=5, weight_decay=0.01,
        ema_decay=0.95, validate_every=every, checkpoint_every=25, log_every=5,
        conditioned_share=1.0 if can_detect(model) else 0.0, precision="auto", seed=seed,
    )  # fmt: skip


def active_sources(model: nn.Module, mixtures: Sequence[np.ndarray]) -> tuple[str, ...]:
    """Those that a model detects in any of the recordings, all where it cannot detect."""
    if not can_detect(model):
        return tuple(model.sources)
    heard = {
        name
        for mixture in mixtures
        for name in detect_instruments(model, [mixture], model.sample_rate, len(mixture))
    }
    return tuple(name for name in model.sources if name in heard and name != OTHER)


def mean_expected(
    found: Sequence[tuple[Measures, np.ndarray]], counted: Sequence[np.ndarray]
) -> float:
    """The mean expected SI-SDR in dB, of what `expectation` says of each window.

    counted: which sources count in each window, bool (S,): those that sound by the first model. One
    that a model silences gets the least value, so that leaving out what is bad is no gain.
    """
    values = []
    for (measured, expected), kept in zip(found, counted, strict=True):
        values += np.where(measured["level"] > SOUNDS, expected, LEAST)[kept].tolist()
    return float(np.mean(values)) if values else float("-inf")


def expectation(
    model: nn.Module, sources: Sequence[str], window: Half
) -> tuple[Measures, np.ndarray]:
    """The measures of the active sources in a window, and their expected SI-SDR in dB, (S,)."""
    conditioned = condition_on(model, sources)
    measured = measured_window(conditioned, window.mixture, model.sample_rate, score=window.score)
    values = predictors()["score" if window.score else "recording"].values(measured)
    places = [list(conditioned.sources).index(name) for name in sources]
    return {name: each[places] for name, each in measured.items()}, values[places]


def estimated(model: nn.Module, sources: Sequence[str], window: Half) -> Estimated:
    """The stems of a window as targets, of all sources of a model, drawn towards its score."""
    conditioned = condition_on(model, sources)
    found = separate(conditioned, window.mixture, model.sample_rate)
    found = np.stack([found[list(conditioned.sources).index(name)] for name in sources])
    if window.score:
        found = by_score(found, model.sample_rate, window.score)
    measured, values = expectation(model, sources, window)
    stems = np.zeros((len(model.sources), *window.mixture.shape), np.float32)
    expected = np.full(len(model.sources), np.nan)
    for k, name in enumerate(sources):
        place = list(model.sources).index(name)
        stems[place] = found[k]
        expected[place] = values[k] if measured["level"][k] > SOUNDS else np.nan
    return Estimated(stems, expected)


def ordered(score: Score, sources: Sequence[str]) -> Score:
    """The parts in the order of the sources; RecipeError where a source has none or several."""
    names = [part.instrument for part in score.parts]
    if sorted(names) != sorted(sources):
        raise RecipeError(
            f"The score has parts for {', '.join(names)}, and the instruments are"
            f" {', '.join(sources)}; name those of the score with --instruments."
        )
    return replace(score, parts=tuple(score.parts[names.index(name)] for name in sources))


def later(score: Score, seconds: float) -> Score:
    """The score moved in time; notes that then end before the beginning are left out."""
    parts = []
    for part in score.parts:
        notes = (replace(note, onset=note.onset + seconds) for note in part.notes)
        parts.append(replace(part, notes=tuple(n for n in notes if n.onset + n.duration > 0)))
    return replace(score, parts=tuple(parts), bars=())
