"""What a score gives to separation: combs, networks with and without it, and wrong scores.

    DIVISI_DATA=... python -m experiments.score_informed
    python -m experiments.score_informed --steps 1500 --seeds 0 1 --only "score as prior"

Results/08_score_informed.csv has the combs of the notes alone, and times the masks of the blind
model `chamber`; the model `guided`, also with its whole correction; `chamber` alone, told who
plays; and the ablation of the guided network: without the score, with the score as its input, as
the prior of its masks, and as both, each trained for the same number of steps; the last one also
with scores without errors, and with a blind network that has a say, beside which it may do without
the instruments of the parts.
Results/08_robustness.csv has `guided` with scores that are late, wrong or incomplete. Rows in the
tables are not measured again and stopped trainings continue, so the same command resumes.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np
import torch
from torch import nn

from experiments.jobs import Job, report, run
from experiments.realism import budget
from experiments.scored_pieces import BACH10, QUARTETS, TESTS, TRIOS, ScoredTrack
from helpers import runtime
from helpers.audio.track import Track
from helpers.evaluation import results
from helpers.evaluation.evaluate import evaluate, evaluate_baselines, match_stems, model_separator
from helpers.evaluation.rows import Provenance, Row
from helpers.inference.score_following import ScoreFollower, part_names
from helpers.inference.separation import separate
from helpers.music.score_errors import ScoreErrors
from helpers.music.scores import Note, Score
from helpers.recipes.schema import Recipe, architecture, read_recipe
from helpers.recipes.train import train
from helpers.training.checkpoints import available_models, card_of, load_model
from helpers.training.conditioning import OTHER, with_config

TABLE, ROBUSTNESS, NOTEBOOK = "08_score_informed", "08_robustness", "08_with_the_score"
GUIDED, BLIND = "guided", "chamber"
NO_ERRORS = ScoreErrors(*[0.0] * len(vars(ScoreErrors())))
WITH_BLIND = "both, and a blind network"
WHOLE = f"{GUIDED}, whole correction"
ONLY_BLIND = "both, only the blind network knows instruments"
#: The networks of the ablation: entries of the model's configuration, and errors of the scores.
VARIANTS: dict[str, tuple[dict[str, Any], ScoreErrors | None]] = {
    "no score": ({"prior": False, "pictures": False}, None),
    "score as input": ({"prior": False, "pictures": True}, None),
    "score as prior": ({"prior": True, "pictures": False}, None),
    "both": ({"prior": True, "pictures": True}, None),
    "both, trained without errors": ({"prior": True, "pictures": True}, NO_ERRORS),
    WITH_BLIND: ({"prior": True, "pictures": True}, None),
    ONLY_BLIND: ({"prior": True, "pictures": True, "instruments": False}, None),
}
ABLATION_TESTS = (BACH10, TRIOS)
#: What is wrong with the scores of the second table.
FAULTS = {
    "as aligned": NO_ERRORS,
    **{f"onsets {ms} ms": replace(NO_ERRORS, timing=ms / 1000) for ms in (50, 100, 200)},
    **{f"wrong notes {share:.0%}": replace(NO_ERRORS, wrong=share) for share in (0.05, 0.1)},
}
MISSING = "a part missing"
ROBUSTNESS_TESTS = (BACH10, TRIOS, QUARTETS)


@dataclass(frozen=True)
class Ablation:
    """The trainings of the ablation. steps: of each."""

    base: Recipe
    steps: int

    def recipe(self, variant: str, seed: int) -> Recipe:
        model, errors = VARIANTS[variant]
        return replace(
            self.base, name="08-score-informed",
            model={**self.base.model, "instruments": True, **model},
            blind=self.base.blind if variant in (WITH_BLIND, ONLY_BLIND) else "",
            training=budget(self.base.training, self.steps, seed),
            score_errors=errors or self.base.score_errors,
        )  # fmt: skip

    def measure(self, variant: str, seed: int, test: str) -> list[Row]:
        """Train a network, or finish its training, and measure it on a test."""
        runs = runtime.runs_root() / TABLE
        folder = runs / f"{variant.replace(' ', '-').replace(',', '')}-{self.steps}-seed{seed}"
        model = load_model(train(self.recipe(variant, seed), folder))
        where = replace(
            Provenance.of_model(model.card, test, notebook=NOTEBOOK),
            seed=seed, config=self.config,
        )  # fmt: skip
        return scored_rows(variant, model, pieces(test), where)

    @property
    def config(self) -> str:
        return f"{self.steps} steps"

    def jobs(self, variants: Sequence[str], seeds: Sequence[int]) -> Iterator[Job]:
        for variant in variants:
            for seed in seeds:
                for test in ABLATION_TESTS:
                    columns = {
                        "system": variant, "seed": seed, "config": self.config,
                        "test_data": test,
                    }  # fmt: skip
                    measure = partial(self.measure, variant, seed, test)
                    yield Job(columns, [piece.name for piece in pieces(test)], measure)


@cache
def pieces(test: str) -> tuple[ScoredTrack, ...]:
    return tuple(TESTS[test]())


def scored_rows(
    system: str,
    model: nn.Module,
    tracks: Sequence[ScoredTrack],
    where: Provenance,
    museval: bool = False,
) -> list[Row]:
    """A model that takes a score, on tracks with theirs; museval: see `evaluate`."""
    rows = []
    for each in tracks:
        follower = ScoreFollower(model, each.score)
        separator = partial(follow, follower)
        rows += evaluate(
            system, separator, [each.track], where, sources=follower.sources, museval=museval
        )
    return rows


def follow(follower: ScoreFollower, track: Track) -> dict[str, np.ndarray]:
    estimates = separate(follower, track.mixture, track.sample_rate)
    return dict(zip(follower.sources, estimates, strict=True))


def combs(recipe: Recipe, blind: str = "") -> nn.Module:
    """The guided network before its training: the combs of the notes as a ratio mask.

    blind: a checkpoint that has a say in it.
    """
    kind, config = architecture(replace(recipe, blind=blind), recipe.name)
    model = kind(config)
    if blind:
        model.blind.load_state_dict(load_model(blind).state_dict())
    return with_config(model, **recipe.export).eval()


def references(recipe: Recipe, test: str) -> Iterator[Job]:
    """Floor and ceilings, combs, and the shipped models."""
    names = [piece.name for piece in pieces(test)]
    where = Provenance(NOTEBOOK, test)

    def job(system: str, measure: Callable[[], list[Row]], model: str = "") -> Job:
        columns = {"system": system, "test_data": test, **weights(model)}
        return Job(columns, names, measure)

    yield job("mixture", lambda: evaluate_baselines([piece.track for piece in pieces(test)], where))
    yield job("combs", lambda: scored_rows("combs", combs(recipe), pieces(test), where))
    product = f"combs and {BLIND}"
    yield job(product, lambda: scored_rows(product, combs(recipe, BLIND), pieces(test), where))
    if GUIDED in models():
        yield job(GUIDED, lambda: scored_rows(GUIDED, *loaded(GUIDED, test)), GUIDED)
        yield job(WHOLE, partial(whole_rows, test), GUIDED)
    if test != QUARTETS and "violins" not in test:  # it has one stem for both violins
        yield job(BLIND, partial(blind_rows, test), BLIND)


def blind_rows(test: str) -> list[Row]:
    model, tracks, where = loaded(BLIND, test)
    separator = model_separator(model, conditioned=True)
    return evaluate(BLIND, separator, [each.track for each in tracks], where, sources=model.sources)


def whole_rows(test: str) -> list[Row]:
    """The guided network with all that it has learned."""
    model, tracks, where = loaded(GUIDED, test)
    return scored_rows(WHOLE, with_config(model, correction=1.0).eval(), tracks, where)


def weights(model: str) -> dict[str, str]:
    """The column that tells rows of other weights of a shipped model; none for no model."""
    return {"checkpoint_sha256": card_of(model)["sha256"]} if model else {}


def models() -> set[str]:
    return set(available_models())


def loaded(name: str, test: str) -> tuple[nn.Module, Sequence[ScoredTrack], Provenance]:
    model = load_model(name)
    return model, pieces(test), Provenance.of_model(model.card, test, notebook=NOTEBOOK)


def with_fault(score: Score, errors: ScoreErrors, seed: int = 0) -> Score:
    """A score with errors, the same for the same seed."""
    rng = np.random.default_rng(seed)
    parts = []
    for part in score.parts:
        table = np.array([(n.onset, n.onset + n.duration, n.pitch) for n in part.notes])
        changed = errors.apply(table.reshape(-1, 3), rng)
        notes = tuple(Note(on, end - on, pitch) for on, end, pitch in changed.tolist())
        parts.append(replace(part, notes=notes))
    return replace(score, parts=tuple(parts))


def robustness(test: str) -> Iterator[Job]:
    """The shipped model with each fault; without a part, the others are measured."""
    names = [piece.name for piece in pieces(test)]

    def measure(fault: str) -> list[Row]:
        model, tracks, where = loaded(GUIDED, test)
        where = replace(where, config=fault)
        if fault != MISSING:
            changed = [replace(t, score=with_fault(t.score, FAULTS[fault])) for t in tracks]
            return scored_rows(GUIDED, model, changed, where)
        return [row for each in tracks for row in without_each(model, each, where)]

    for fault in (*FAULTS, MISSING):
        columns = {"system": GUIDED, "test_data": test, "config": fault, **weights(GUIDED)}
        yield Job(columns, names, partial(measure, fault))


def without_each(model: nn.Module, each: ScoredTrack, where: Provenance) -> Iterator[Row]:
    """Mean over the parts left out, for every stem that a score without one of them has.

    The stems keep the names that they have with all parts; the player whose part is left out, which
    has no estimate, is not measured.
    """
    found: dict[tuple[str, str], list[Row]] = {}
    names, parts = part_names(each.score), each.score.parts
    track = match_stems(each.track, names)
    for left_out in range(len(parts) if len(parts) > 2 else 0):
        kept = [place for place in range(len(parts)) if place != left_out]
        score = replace(each.score, parts=tuple(parts[place] for place in kept))
        follower = ScoreFollower(model, score)
        follower.sources = (*(names[place] for place in kept), OTHER)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the player without a part
            measured = evaluate(GUIDED, partial(follow, follower), [track], where)
        for row in measured:
            found.setdefault((row.instrument, row.metric), []).append(row)
    for rows in found.values():
        yield replace(rows[0], value=float(np.mean([row.value for row in rows])))


def base_recipe() -> Recipe:
    return read_recipe(runtime.repository_root() / "recipes" / "guided.toml")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--steps", type=int, default=1200, help="of each training (1200)")
    parser.add_argument("--no-ablation", action="store_true", help="train nothing")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    recipe = base_recipe()
    table = results.results_path(TABLE)
    try:
        for test in TESTS:
            run(list(references(recipe, test)), table, title=test)
        if GUIDED in models():
            for test in ROBUSTNESS_TESTS:
                run(list(robustness(test)), results.results_path(ROBUSTNESS), title="robustness")
        if not arguments.no_ablation:
            ablation = Ablation(recipe, arguments.steps)
            run(list(ablation.jobs(arguments.only, arguments.seeds)), table, title="ablation")
    except KeyboardInterrupt:
        raise SystemExit("Stopped; the same command resumes.") from None
    report(table)


if __name__ == "__main__":
    main()
