"""Generalisation to other sounds, ensembles and conditions than those of rendered chorales.

    python -m experiments.transfer
    python -m experiments.transfer --systems chamber

Every trained model that is here is measured on rendered chorales; then on the same chorales played
by other soundfonts, on other music and other ensembles, and under each condition of
`experiments/interference.py`. Where `DIVISI_DATA` is set, the conditions are also put on the real
excerpts of Bach10. What the table holds is not measured again. Some of the other soundfonts have
trained some of the models: `train_data` lists what a model learned from, and the chart marks them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd
import torch

from experiments.charts import FLOOR, add_legend
from experiments.interference import Condition, conditions
from experiments.jobs import Job, report, run
from experiments.pieces import rendered
from helpers import runtime
from helpers.audio.track import Track
from helpers.datasets.stem_folders import find_tracks
from helpers.display.figures import MUTED, Figure, publish, style
from helpers.display.palette import SERIES
from helpers.evaluation import results
from helpers.evaluation.evaluate import evaluate, evaluate_baselines, model_separator
from helpers.evaluation.rows import Provenance, Row
from helpers.music.arrangements import arrangement, excerpts
from helpers.music.scores import corpus_score
from helpers.music.splits import TEST, names
from helpers.synthesis.soundfonts import SoundfontError, find_soundfont
from helpers.training.checkpoints import available_models, load_model

TABLE = "06_transfer"
NOTEBOOK = "06_resunet"
SYSTEMS = ("bach-quartet", "chamber", "resunet-quartet", "resunet-chamber")
QUARTET = ("violin", "clarinet", "saxophone", "bassoon")
BASELINE_TEST, REAL = "rendered", "bach10_excerpts"  # the tracks to which all others are compared
SECONDS = 10.0
SOUNDFONT = "soundfont "
OTHER_SOUNDFONTS = ("TimGM6mb", "GeneralUser", "Merlin")
OTHER_ENSEMBLES = {
    "quartets by Haydn and Mozart": (QUARTET,),
    "duos": (("violin", "bassoon"), ("clarinet", "saxophone")),
    "strings, winds and piano": (
        ("flute", "horn", "piano"),
        ("violin", "viola", "cello"),
        ("flute", "oboe", "clarinet", "bassoon"),
    ),
}


@dataclass(frozen=True)
class TrackSet:
    """Tracks that are made when they are needed.

    name: BASE, or `BASE: what is different`. instruments: of all its tracks.
    """

    name: str
    tracks: Sequence[str]
    instruments: frozenset[str]
    make: Callable[[], list[Track]]


def rendered_sets(found: Iterable[Condition], count: int, seconds: float) -> list[TrackSet]:
    """Chorales and excerpts of quartets of the test split; missing soundfonts are left out."""
    works, quartet = TEST[:count], frozenset(QUARTET)

    def chorales(soundfont: str = "FluidR3_GM", condition: Condition | None = None) -> list[Track]:
        tracks = [rendered(corpus_score(work, QUARTET), seconds, work, soundfont) for work in works]
        return [condition.apply(track) for track in tracks] if condition else tracks

    sets = [TrackSet(BASELINE_TEST, works, quartet, chorales)]
    for condition in found:
        make = partial(chorales, condition=condition)
        sets.append(TrackSet(f"{BASELINE_TEST}: {condition.name}", works, quartet, make))
    for soundfont in OTHER_SOUNDFONTS:
        try:
            find_soundfont(soundfont)
        except SoundfontError as error:
            print(f"Left out: {error}")
            continue
        make = partial(chorales, soundfont)
        sets.append(TrackSet(f"{BASELINE_TEST}: {SOUNDFONT}{soundfont}", works, quartet, make))
    for name, ensembles in OTHER_ENSEMBLES.items():
        pieces = [
            (work, ensembles[place % len(ensembles)])
            for place, work in enumerate(names("quartet", "test")[:count])
        ]
        players = frozenset(player for ensemble in ensembles for player in ensemble)
        make = partial(arranged, pieces, seconds)
        sets.append(
            TrackSet(f"{BASELINE_TEST}: {name}", [work for work, _ in pieces], players, make)
        )
    return sets


def arranged(pieces: Iterable[tuple[str, tuple[str, ...]]], seconds: float) -> list[Track]:
    """The second excerpt of each work, for its ensemble."""
    return [
        rendered(arrangement(excerpts(work, seconds + 2)[1], ensemble), seconds, work)
        for work, ensemble in pieces
    ]


def real_sets(found: Iterable[Condition]) -> list[TrackSet]:
    """The excerpts of Bach10 as they are and under each condition; none without recordings."""
    root = runtime.data_root()
    folders = find_tracks(root / REAL) if root else []
    if not folders:
        print("Real recordings are left out; set DIVISI_DATA to their folder.")
        return []
    tracks = [folder.name for folder in folders]

    def make(condition: Condition | None = None) -> list[Track]:
        loaded = [folder.load(channels=1) for folder in folders]
        return [condition.apply(track) for track in loaded] if condition else loaded

    quartet = frozenset(QUARTET)
    return [TrackSet(REAL, tracks, quartet, make)] + [
        TrackSet(f"{REAL}: {each.name}", tracks, quartet, partial(make, each)) for each in found
    ]


def jobs(sets: Iterable[TrackSet], systems: Iterable[str]) -> list[Job]:
    """Floor and ceiling of every set, and every model on those whose instruments it knows."""
    models = {name: load_model(name) for name in systems}
    made = []
    for test in sets:
        made.append(
            Job({"system": FLOOR, "test_data": test.name}, test.tracks, partial(baselines, test))
        )
        for name, model in models.items():
            if test.instruments <= set(model.sources):
                columns = {"system": name, "test_data": test.name}
                columns["checkpoint_sha256"] = model.card["sha256"]
                made.append(Job(columns, test.tracks, partial(measure, name, model, test)))
    return made


def measure(system: str, model: torch.nn.Module, test: TrackSet) -> list[Row]:
    """A model on a test set; conditioned on the instruments where it can be."""
    where = Provenance.of_model(model.card, test.name, notebook=NOTEBOOK)
    separator = model_separator(model, conditioned=True)
    learned = ", ".join(model.card.get("learned_from", [])) or "none"
    where = replace(where, train_data=learned)
    return evaluate(system, separator, test.make(), where, sources=model.sources)


def baselines(test: TrackSet) -> list[Row]:
    return evaluate_baselines(test.make(), Provenance(NOTEBOOK, test.name))


def si_sdr_changes(table: pd.DataFrame, base: str = BASELINE_TEST) -> pd.DataFrame:
    """The change of the mean SI-SDR in dB against the base: what is different by systems."""
    rows = table[table["metric"] == "SI-SDR"]
    means = rows.groupby(["test_data", "system"], sort=False)["value"].mean().unstack()
    if base not in means.index:
        return pd.DataFrame(columns=means.columns)
    changes = means[means.index.str.startswith(f"{base}: ")] - means.loc[base]
    return changes.rename(lambda name: name.removeprefix(f"{base}: "))


def knows(table: pd.DataFrame, system: str, condition: str) -> bool:
    """Whether a condition is a soundfont that a system learned from."""
    learned = table.loc[table["system"] == system, "train_data"].iloc[0]
    return condition.removeprefix(SOUNDFONT) in learned.split(", ")


def plot_changes(table: pd.DataFrame, bases: Mapping[str, str]) -> Figure:
    """A panel for each base that the table has, with its title: changes of SI-SDR in dB.

    A dot is a system, hollow where it learned from that soundfont; the bar is the mixture: how much
    harder the task itself became.
    """
    panels = {title: si_sdr_changes(table, base) for base, title in bases.items()}
    panels = {title: changes for title, changes in panels.items() if len(changes)}
    order = [condition for changes in panels.values() for condition in changes.index]
    order = list(dict.fromkeys(order))
    systems = [name for name in SYSTEMS if any(name in each for each in panels.values())]
    figure = Figure(8.0, 1.2 + 0.27 * len(order))
    with style():
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for ax, (title, changes) in zip(axes, panels.items(), strict=True):
            shown = changes.reindex(order)
            ax.barh(range(len(order)), shown[FLOOR], color=MUTED, alpha=0.25, label=FLOOR)
            for name, shade in zip(systems, SERIES, strict=False):
                if name in shown:
                    ax.plot(shown[name], range(len(order)), "o", color=shade, label=name)
                    known = [place for place, each in enumerate(order) if knows(table, name, each)]
                    ax.plot(shown[name].iloc[known], known, "o", color="white", markersize=3)
            ax.axvline(0.0, color=MUTED, linewidth=0.8)
            ax.set(title=title, xlabel="change of SI-SDR (dB)")
            ax.set_yticks(range(len(order)), order)
            ax.grid(axis="x")
        axes[0].invert_yaxis()
        add_legend(figure, axes[0])
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    here = [name for name in SYSTEMS if name in available_models()]
    parser.add_argument("--systems", nargs="+", choices=here, default=here)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    smoke, found = runtime.profile() == "smoke", conditions()
    sets = rendered_sets(found, 1 if smoke else 6, 3.0 if smoke else SECONDS)
    sets += [] if smoke else real_sets(found)
    table = results.results_path(TABLE)
    try:
        run(jobs(sets, arguments.systems), table)
    except KeyboardInterrupt:
        raise SystemExit("Stopped; the same command resumes.") from None
    bases = {BASELINE_TEST: "rendered chorales", REAL: "Bach10"}
    publish(plot_changes(results.read_table(table), bases), TABLE)
    report(table)


if __name__ == "__main__":
    main()
