"""The six configurations of MusicSourceSep, and its tables in the layout that it published.

https://github.com/andrezg98/MusicSourceSep: one file for each configuration with a row for every
instrument, and one for each instrument with a row for every model. Here they are computed from
results rows, so that two runs can be compared with `diff`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from helpers.audio.track import Track
from helpers.evaluation.rows import Row

INSTRUMENTS = ("violin", "bassoon", "clarinet", "saxophone")  # in the order of its tables
METRICS = ("SI-SAR", "SI-SDR", "SI-SIR", "SNR")
SPELLING = {"saxophone": "saxphone"}  # in its tables and file names


@dataclass(frozen=True)
class Configuration:
    """One of its models: `epochs` times `epoch_length` steps on `mixes` different mixtures."""

    letter: str
    mixes: int
    hidden: int
    layers: int
    dropout: float
    epoch_length: int
    epochs: int

    @property
    def system(self) -> str:
        return f"Model {self.letter}"

    @property
    def steps(self) -> int:
        return self.epoch_length * self.epochs

    @property
    def file_name(self) -> str:
        return (
            f"SepModel_MaxMix={self.mixes}_HSize={self.hidden}_NLayers={self.layers}"
            f"_Dropout={self.dropout:g}_EpcLen={self.epoch_length}_MaxEpc={self.epochs}"
            "_FULL_EVAL_RESULTS.csv"
        )


CONFIGURATIONS = (
    Configuration("A", mixes=10, hidden=50, layers=1, dropout=0.0, epoch_length=10, epochs=1),
    Configuration("B", mixes=10, hidden=50, layers=2, dropout=0.2, epoch_length=10, epochs=1),
    Configuration("C", mixes=10, hidden=100, layers=2, dropout=0.2, epoch_length=10, epochs=1),
    Configuration("D", mixes=10, hidden=100, layers=2, dropout=0.2, epoch_length=25, epochs=3),
    Configuration("E", mixes=10, hidden=200, layers=2, dropout=0.2, epoch_length=25, epochs=3),
    Configuration("F", mixes=1, hidden=200, layers=2, dropout=0.2, epoch_length=25, epochs=3),
)

#: Published mean SI-SDR in dB over the ten complete pieces of Bach10: all models for the violin,
#: Model E for the others. Each network was trained further from piece to piece.
PUBLISHED = {
    ("Model A", "violin"): -3.9426,
    ("Model B", "violin"): -4.1932,
    ("Model C", "violin"): -3.085,
    ("Model D", "violin"): 0.2325,
    ("Model E", "violin"): 0.581,
    ("Model F", "violin"): -4.4473,
    ("Model E", "clarinet"): -1.2837,
    ("Model E", "saxophone"): -2.179,
    ("Model E", "bassoon"): -6.0057,
}


def target_and_rest(track: Track, target: str) -> Track:
    """The track as two stems, `target` and `rest`, the sum of all others."""
    others = [stem for name, stem in track.stems.items() if name != target]
    rest = np.sum(others, axis=0, dtype=np.float32)
    return replace(track, stems={target: track.stems[target], "rest": rest})


def write_tables(rows: Iterable[Row], folder: Path) -> list[Path]:
    """Write both kinds of files into `folder`; returns them.

    rows: of one experiment; a system has one value for each recording, instrument and metric.
    The tables of instruments list the models first, sorted by name, and then all other systems,
    such as `mixture` and `oracle-irm`.
    """
    rows = [row for row in rows if row.metric in METRICS]
    systems = sorted({row.system for row in rows}, key=lambda name: (name[:5] != "Model", name))
    instruments = [name for name in INSTRUMENTS if any(row.instrument == name for row in rows)]
    files = {}
    for configuration in CONFIGURATIONS:
        lines = [
            (_spelling(name), cells)
            for name in instruments
            if (cells := _cells(rows, configuration.system, name))
        ]
        if lines:
            files[configuration.file_name] = _table("Target_instrument", lines)
    for name in instruments:
        lines = [(system, cells) for system in systems if (cells := _cells(rows, system, name))]
        files[f"SepModel_{_spelling(name)}_FULL_EVAL_RESULTS.csv"] = _table("Models", lines)
    folder.mkdir(parents=True, exist_ok=True)
    for file, text in files.items():
        (folder / file).write_text(text, encoding="utf-8")
    return [folder / file for file in files]


def _table(first: str, lines: Sequence[tuple[str, list[str]]]) -> str:
    header = ["", first, *(f"Avg+-Std {metric}" for metric in METRICS)]
    return "".join(",".join(cells) + "\n" for cells in [header, *(["0", n, *c] for n, c in lines)])


def _cells(rows: Sequence[Row], system: str, instrument: str) -> list[str]:
    """`mean ± standard deviation` (of the sample) of each metric; empty where there is no row."""
    values = {
        metric: [
            row.value
            for row in rows
            if (row.system, row.instrument, row.metric) == (system, instrument, metric)
        ]
        for metric in METRICS
    }
    if not any(values.values()):
        return []
    return [_mean_and_deviation(np.array(values[metric])) for metric in METRICS]


def _mean_and_deviation(values: np.ndarray) -> str:
    with np.errstate(invalid="ignore"):
        deviation = values.std(ddof=1) if len(values) > 1 else np.nan
    return f"{round(float(values.mean()), 4)} ± {round(float(deviation), 4)}"


def _spelling(instrument: str) -> str:
    return SPELLING.get(instrument, instrument)
