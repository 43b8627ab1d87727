"""What the table of all systems says: means, paired differences, costs, advice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass

import numpy as np
import pandas as pd

from experiments.costs import FACTOR
from experiments.nussl.musicsourcesep import PUBLISHED as MUSICSOURCESEP
from experiments.systems import SYSTEMS, work
from helpers import runtime
from helpers.evaluation.baselines import BASELINES
from helpers.evaluation.significance import Ranks, holm, paired_bootstrap, ranks

ENSEMBLES = {
    "duo": ("violin", "piano"),
    "quartet": ("violin", "clarinet", "saxophone", "bassoon"),
    "mixed": ("flute", "violin", "cello", "piano"),
}
#: Most systems were trained with the first. The second is new to some of them: `train_data` says.
SOUNDFONTS = ("FluidR3_GM", "TimGM6mb")
#: The test of recorded players of an ensemble.
REAL = {"duo": "trios-duo", "quartet": "bach10_excerpts"}
#: The tests of chapter 8, which have scores, by ensemble.
SCORED = {
    "quartet": "bach10_excerpts",
    "string quartet": "rendered string quartets",
    "violin, horn, piano": "trios",
    "two violins": "two real violins",
}
COSTS = "costs"  # the test data of rows that hold costs
LONG = 300.0  # seconds of the recording in the table of advice


@dataclass(frozen=True)
class Published:
    """A figure of others, as they report it; `test` is ours that measures the same, or empty."""

    system: str
    decibels: float
    metric: str
    data: str
    source: str
    test: str = ""


PUBLISHED = (
    Published(
        "MusicSourceSep (Model E)",
        float(np.mean([MUSICSOURCESEP["Model E", name] for name in ENSEMBLES["quartet"]])),
        "SI-SDR", "Bach10, ten complete pieces, leave-one-out",
        "https://github.com/andrezg98/MusicSourceSep", "bach10_excerpts",
    ),
    Published(
        "Conv-TasNet of the Cadenza challenge", 0.4, "SDR", "Bach10 and URMP",
        "https://arxiv.org/abs/2505.17823",
    ),
    *(
        Published(name, value, "SDR", "MUSDB18 (popular music)", source)
        for name, value, source in (
            ("Wave-U-Net", 3.2, "https://github.com/facebookresearch/demucs"),
            ("Open-Unmix", 5.3, "https://github.com/facebookresearch/demucs"),
            ("Conv-TasNet", 5.7, "https://github.com/facebookresearch/demucs"),
            ("ResUNetDecouple+", 6.7, "https://github.com/facebookresearch/demucs"),
            ("HT-Demucs (fine-tuned, 800 extra songs)", 9.0, "https://github.com/facebookresearch/demucs"),
        )
    ),
    Published(
        "cycle GAN", 6.51, "SDR (BSS Eval v3, mean of target and rest)", "MUSDB18 (popular music)",
        "https://github.com/mostafaelaraby/cyclic-gan-music-source-separation",
    ),
)  # fmt: skip


def rendered(test: str) -> bool:
    """Whether a test is one of rendered pieces."""
    return test.endswith(SOUNDFONTS)


def kinds(rows: pd.DataFrame) -> dict[str, list[str]]:
    """The tests of a table: `rendered` and `real`, as far as there are any."""
    tests = sorted(set(rows["test_data"]) - {COSTS})
    found = {kind: [] for kind in ("rendered", "real")}
    for test in tests:
        found["rendered" if rendered(test) else "real"].append(test)
    return {kind: names for kind, names in found.items() if names}


def by_stem(rows: pd.DataFrame, tests: Iterable[str], metric: str = "SI-SDR") -> pd.DataFrame:
    """A row for each stem of the tests, a column for each system; NaN where it has no value, also
    where it did not detect the instrument."""
    rows = rows[rows["value"] > -np.inf]
    chosen = rows[rows["test_data"].isin(list(tests)) & (rows["metric"] == metric)]
    place = ["test_data", "track", "instrument"]
    return chosen.pivot_table("value", place, "system", sort=False)


def by_metric(rows: pd.DataFrame, test: str) -> pd.DataFrame:
    """Mean of every metric of one test in dB: of systems with values for all stems, floor first.

    A system that missed a stem is not among them, although silence has an SNR of 0 dB.
    """
    metrics = sorted(set(rows.loc[rows["test_data"] == test, "metric"]) - {"leak"})
    means = {metric: by_stem(rows, [test], metric).dropna(how="all") for metric in metrics}
    table = pd.DataFrame({name: stems.dropna(axis=1).mean() for name, stems in means.items()})
    table = table.dropna(subset="SI-SDR")
    return table.loc[["mixture", *trained(table.index), "oracle-irm"]]


def trained(columns: Iterable[str]) -> list[str]:
    """The systems in the order of the course, without floor and ceilings."""
    order = [system.name for system in SYSTEMS]
    names = [name for name in columns if name not in BASELINES]
    return sorted(names, key=lambda name: order.index(name) if name in order else len(order))


def by_work(stems: pd.DataFrame | pd.Series) -> pd.DataFrame | pd.Series:
    """Means over all stems of a work; these are independent of each other."""
    works = [work(track) for track in stems.index.get_level_values("track")]
    return stems.groupby(works).mean()


def differences(
    rows: pd.DataFrame, reference: str, tests: Iterable[str], metric: str = "SI-SDR"
) -> pd.DataFrame:
    """Every system against a reference, on the stems that both separate.

    Columns: the mean difference in dB (more: the system is better), its 95 % interval, the number
    of works that it is drawn from, whether it is significant among all of them (Holm), and how many
    stems the system missed, which are left out. Works, not trainings, are drawn: every system was
    trained once.
    """
    tests = list(tests)
    stems = by_stem(rows, tests, metric)
    others = [name for name in trained(stems.columns) if name != reference and reference in stems]
    pairs = {name: _finite(stems[name] - stems[reference]) for name in others}
    found = {name: paired_bootstrap(by_work(own)) for name, own in pairs.items() if len(own)}
    columns = ["difference", "low", "high", "works", "p"]
    table = pd.DataFrame.from_dict(
        {name: astuple(interval) for name, interval in found.items()}, "index", columns=columns
    )
    table["significant"] = holm(table.pop("p")) < 0.05
    table["missed"] = [missed(rows, name, tests, metric) for name in table.index]
    return table.round(1)


def missed(rows: pd.DataFrame, system: str, tests: Iterable[str], metric: str = "SI-SDR") -> int:
    """How many stems of the tests a system did not detect, so that its estimate is silence."""
    own = rows[(rows["system"] == system) & (rows["metric"] == metric)]
    return int((own["test_data"].isin(list(tests)) & (own["value"] == -np.inf)).sum())


def least_p(found: pd.DataFrame) -> float:
    """The least p-value, after Holm, that the numbers of works in a table of differences allow.

    N differences of the same sign have p = 2 / 2^N; the least of k p-values is multiplied by k.
    """
    return min(1.0, len(found) * 2.0 ** (1 - found["works"].max()))


def _finite(values: pd.Series) -> pd.Series:
    return values.replace([np.inf, -np.inf], np.nan).dropna()


def ranked(rows: pd.DataFrame, test: str, metric: str = "SI-SDR") -> Ranks | None:
    """Ranks of the systems that have values for all stems; None for fewer than three systems.

    Behind the name of a system stands whether the soundfont of the test is new to it.
    """
    stems = by_stem(rows, [test], metric)
    stems = stems[trained(stems.columns)].dropna(axis="index", how="all")
    works = by_work(stems.dropna(axis="columns"))
    works = works.rename(columns=lambda name: name + " (new)" * is_new(rows, test, name))
    return ranks(works) if works.shape[1] >= 3 and len(works) >= 2 else None


def is_new(rows: pd.DataFrame, test: str, system: str) -> bool:
    """Whether a system learned from none of what a rendered test was rendered with."""
    own = rows[(rows["test_data"] == test) & (rows["system"] == system)]["train_data"]
    return rendered(test) and test.partition("-")[2] not in own.iloc[0].split(", ")


def by_soundfont(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean SI-SDR in dB by system and ensemble: with each soundfont, `new` where none of its
    training data had it; empty where the system missed a stem."""
    chosen = rows[(rows["metric"] == "SI-SDR") & ~rows["system"].isin(list(BASELINES))]
    cells = {}
    for (test, system), own in chosen.groupby(["test_data", "system"]):
        if rendered(test) and (own["value"] > -np.inf).all():
            ensemble, _, font = test.partition("-")
            value = f"{own['value'].mean():.1f}{' new' * is_new(rows, test, system)}"
            cells.setdefault((ensemble, system), {})[font] = value
    order = trained({system for _, system in cells})
    index = [(e, s) for e in ENSEMBLES for s in order if (e, s) in cells]
    names = pd.MultiIndex.from_tuples(index, names=["ensemble", "system"])
    return pd.DataFrame([cells[place] for place in index], index=names, columns=list(SOUNDFONTS))


def costs_of(rows: pd.DataFrame, ensemble: str) -> pd.DataFrame:
    """A row for each system that knows the ensemble, a column for each cost."""
    chosen = rows[(rows["test_data"] == COSTS) & (rows["track"] == ensemble)]
    costs = chosen.pivot_table("value", "system", "metric", sort=False)
    return costs.loc[trained(costs.index)]


def test_of(ensemble: str, rows: pd.DataFrame) -> str:
    """The test that comes nearest to a recording of an ensemble: a real one, else one with the
    soundfont that is new to most systems."""
    real = REAL.get(ensemble, "")
    return real if real in set(rows["test_data"]) else f"{ensemble}-{SOUNDFONTS[1]}"


def ensemble_of(test: str) -> str:
    """The ensemble of a test; empty where its pieces have several."""
    played = {test: ensemble for ensemble, test in REAL.items()}
    return test.partition("-")[0] if rendered(test) else played.get(test, "")


def advice(
    rows: pd.DataFrame,
    scored: pd.DataFrame | None = None,
    reference: str = runtime.DEFAULT_MODEL,
) -> pd.DataFrame:
    """For each ensemble the best system and, where another one is, the fastest that is worth it.

    Worth it: at least half of the best one's improvement over the mixture. There is no advice where
    no system improves it. Only systems are compared that have values for all stems of the test.
    scored: rows of chapter 8, for what the score gives to the ensembles of its tests.
    Columns: the command, mean SI-SDR in dB and the mixture's, the test, and the minutes that five
    minutes of music take on two cores; NaN with the score, where they were not measured.
    """
    lines = []
    for ensemble, instruments in ENSEMBLES.items():
        factors = costs_of(rows, ensemble).get(FACTOR, {})
        test = test_of(ensemble, rows)
        stems = by_stem(rows, [test]).dropna(axis="columns")
        means = stems[[name for name in trained(stems.columns) if name in factors]].mean()
        if means.empty or means.max() <= (floor := stems["mixture"].mean()):
            continue
        best = means.idxmax()
        worth = means[means - floor >= (means[best] - floor) / 2]
        fastest = factors[worth.index].idxmin() if len(worth) else best
        for wait, system in {"best": best, "fastest": fastest}.items():
            if wait == "best" or system != best:
                minutes = factors[system] * LONG / 60
                line = (ensemble, wait, command(system, instruments, reference), means[system])
                lines.append((*line, floor, test, minutes))
    if scored is not None:
        lines += with_the_score(scored)
    columns = ["ensemble", "you want", "command", "SI-SDR", "mixture", "test", "minutes"]
    return pd.DataFrame(lines, columns=columns).round({"SI-SDR": 1, "mixture": 1, "minutes": 1})


def with_the_score(rows: pd.DataFrame) -> list[tuple[str, str, str, float, float, str, float]]:
    """Lines of the table of advice: one for each ensemble that `guided` was measured on."""
    lines = []
    for ensemble, test in SCORED.items():
        stems = by_stem(rows, [test])
        if runtime.SCORE_MODEL in stems:
            means, typed = stems.mean().round(1) + 0.0, "divisi separate my.wav --score my.mid"
            values = means[runtime.SCORE_MODEL], means["mixture"], test, np.nan
            lines.append((ensemble, "with the score", typed, *values))
    return lines


def command(system: str, instruments: Sequence[str], reference: str = runtime.DEFAULT_MODEL) -> str:
    """What to type; a system of several models has one command for each."""
    (found,) = (each for each in SYSTEMS if each.name == system)
    named = f" --instruments {','.join(instruments)}" if system == reference else ""
    return "; ".join(
        f"divisi separate my.wav{'' if model == reference else f' --model {model}'}{named}"
        for model in found.needed(instruments)
    )
