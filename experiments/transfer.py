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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import cycle

import pandas as pd
import torch

from experiments.charts import FLOOR, add_legend
from experiments.comparison import Piece, jobs
from experiments.interference import Condition, conditions
from experiments.jobs import report, run
from experiments.pieces import rendered
from experiments.systems import SYSTEMS as ALL_SYSTEMS
from helpers import runtime
from helpers.audio.track import Track
from helpers.datasets.stem_folders import find_tracks
from helpers.display.figures import MUTED, Figure, publish, style
from helpers.display.palette import SERIES
from helpers.evaluation import results
from helpers.music.arrangements import arrangement, excerpts
from helpers.music.scores import corpus_score
from helpers.music.splits import TEST, names
from helpers.synthesis.soundfonts import SoundfontError, find_soundfont
from helpers.training.checkpoints import available_models

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


def rendered_tests(
    found: Iterable[Condition], count: int, seconds: float
) -> dict[str, list[Piece]]:
    """Chorales and excerpts of quartets of the test split; missing soundfonts are left out.

    Those of a test are named `rendered: what is different`.
    """

    def chorales(soundfont: str = "FluidR3_GM") -> list[Piece]:
        return [
            Piece(work, QUARTET, partial(_chorale, work, seconds, soundfont))
            for work in TEST[:count]
        ]

    tests = under_conditions(BASELINE_TEST, chorales(), found)
    for soundfont in OTHER_SOUNDFONTS:
        try:
            find_soundfont(soundfont)
        except SoundfontError as error:
            print(f"Left out: {error}")
            continue
        tests[f"{BASELINE_TEST}: {SOUNDFONT}{soundfont}"] = chorales(soundfont)
    for name, ensembles in OTHER_ENSEMBLES.items():
        tests[f"{BASELINE_TEST}: {name}"] = [
            Piece(work, ensemble, partial(_arranged, work, ensemble, seconds))
            for work, ensemble in zip(names("quartet", "test")[:count], cycle(ensembles))
        ]
    return tests


def _chorale(work: str, seconds: float, soundfont: str) -> Track:
    return rendered(corpus_score(work, QUARTET), seconds, work, soundfont)


def _arranged(work: str, ensemble: tuple[str, ...], seconds: float) -> Track:
    """The second excerpt of a work."""
    return rendered(arrangement(excerpts(work, seconds + 2)[1], ensemble), seconds, work)


def real_tests(found: Iterable[Condition]) -> dict[str, list[Piece]]:
    """The excerpts of Bach10 as they are and under each condition; none without recordings."""
    root = runtime.data_root()
    if root is None:
        print("Real recordings are left out; set DIVISI_DATA to their folder.")
        return {}
    folders = find_tracks(root / REAL)
    pieces = [Piece(f.name, f.instruments, partial(f.load, channels=1)) for f in folders]
    return under_conditions(REAL, pieces, found)


def under_conditions(
    base: str, pieces: Sequence[Piece], found: Iterable[Condition]
) -> dict[str, list[Piece]]:
    """The test `base`, and one of the same pieces under each condition."""
    return {base: list(pieces)} | {
        f"{base}: {condition.name}": [
            replace(piece, load=partial(_changed, piece, condition)) for piece in pieces
        ]
        for condition in found
    }


def _changed(piece: Piece, condition: Condition) -> Track:
    return condition.apply(piece.load())


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
            ax.use_sticky_edges = False  # dots at zero would be cut by the frame
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
    cards = available_models()
    here = [name for name in SYSTEMS if name in cards]
    parser.add_argument("--systems", nargs="+", choices=here, default=here)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    smoke, found = runtime.profile() == "smoke", conditions()
    tests = rendered_tests(found, 1 if smoke else 6, 3.0 if smoke else SECONDS)
    tests |= {} if smoke else real_tests(found)
    systems = [each for each in ALL_SYSTEMS if each.name in arguments.systems]
    table = results.results_path(TABLE)
    try:
        run(jobs(tests, systems, cards, NOTEBOOK, museval=False), table)
    except KeyboardInterrupt:
        raise SystemExit("Stopped; the same command resumes.") from None
    bases = {BASELINE_TEST: "rendered chorales", REAL: "Bach10"}
    publish(plot_changes(results.read_table(table), bases), TABLE)
    report(table)


if __name__ == "__main__":
    main()
