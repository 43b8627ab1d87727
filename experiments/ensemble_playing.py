"""How do players play together, and may it be measured on separated stems? Results/10_ensemble.csv.

    DIVISI_DATA=... python -m experiments.ensemble_playing

Onsets, pitch and level of each player are measured in the true stems (`true stems`) and in those
that `chamber` separates from their mixture; of simulated players the truth is known as well
(`truth`, and `parameters` for what they were simulated with). Rows of the track `all` pool all
tracks of a test. The first test has no sound: see `ensemble_timing.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations, product
from pathlib import Path

import numpy as np

from experiments.ensemble_charts import OURS, PARAMETERS, TRUE, TRUTH, draw, read_tempo
from experiments.ensemble_players import (
    BACH10,
    CORRECTION,
    MOTOR,
    RENDERED,
    TIMEKEEPER,
    TRIOS,
    Ensemble,
    ensembles,
)
from experiments.ensemble_timing import TIMING, WIDTH, measure_timing, timing_track
from experiments.jobs import Job, run
from helpers.audio.track import Track
from helpers.evaluation import results
from helpers.evaluation.evaluate import model_separator
from helpers.evaluation.rows import Provenance, Row
from helpers.files import replaced_atomically
from helpers.music.alignment import Alignment, align
from helpers.music.instruments import instrument
from helpers.playing.dynamics import dynamics_coupling, level_curve, note_levels, sounding
from helpers.playing.onsets import PlayedPart, played_parts
from helpers.playing.phase_correction import Coupling, fit_coupling
from helpers.playing.pitch import (
    FRAME,
    LEAST_SECONDS,
    TEMPERAMENTS,
    Interval,
    NotePitch,
    intervals,
    note_pitches,
    vibrato,
)
from helpers.playing.timing import SAME, Chords, asynchrony, chords, tempo_curve
from helpers.training.checkpoints import load_model

TABLE = "10_ensemble"
APART = 1000.0  # written seconds between the chords of two tracks that are pooled
#: Written seconds within which onsets are one, in TRIOS: its score was played into a computer.
PLAYED_IN = 0.05
STEADY = 0.35  # seconds that a note must last for its pitch to count
Value = tuple[str, str, float]  # instrument, metric, value


@dataclass(frozen=True)
class Heard:
    """What was measured in the stems of one track."""

    parts: list[PlayedPart]
    chords: Chords
    pitches: dict[str, list[NotePitch]]
    intervals: list[Interval]
    levels: dict[str, np.ndarray]


def heard(stems: Mapping[str, np.ndarray], rate: int, found: Alignment, same: float) -> Heard:
    parts = played_parts(stems, rate, found)
    lines = [part for part in parts if instrument(part.instrument).family != "keyboard"]
    pitches = {part.name: note_pitches(stems[part.name], rate, part) for part in lines}
    sizes = intervals(lines, list(pitches.values()))
    levels = {part.name: level_curve(stems[part.name], rate) for part in parts}
    return Heard(parts, chords(parts, same), pitches, sizes, levels)


def timing_values(found: Chords) -> Iterator[Value]:
    """Asynchrony in milliseconds."""
    result = asynchrony(found)
    yield "all", "asynchrony within chords (ms)", 1000 * result.within
    for number, name in enumerate(result.names):
        yield name, "asynchrony, mean (ms)", 1000 * result.mean[number]
        yield name, "asynchrony, standard error (ms)", 1000 * result.error[number]
        yield name, "asynchrony, spread (ms)", 1000 * result.spread[number]
        yield name, "leads", float(result.leader() == name)


def coupling_values(found: Coupling) -> Iterator[Value]:
    for one, name in enumerate(found.names):
        yield name, "timekeeper (ms)", 1000 * found.timekeeper[one]
        yield name, "motor (ms)", 1000 * found.motor[one]
        yield name, "following", found.following()[one]
        for two, other in enumerate(found.names):
            if one != two:
                yield f"{name} to {other}", "correction", found.correction[one, two]
                yield f"{name} to {other}", "correction, standard error", found.error[one, two]


def couplings(passages: Sequence[Chords]) -> Iterator[Value]:
    """Of all players, where they have enough chords together, else of each two of them."""
    players = range(len(passages[0].names))
    try:
        yield from coupling_values(fit_coupling(passages, WIDTH))
    except ValueError:
        for two in combinations(players, 2):
            names = tuple(passages[0].names[player] for player in two)
            both = [Chords(names, p.written, p.onsets[:, list(two)]) for p in passages]
            found = coupling_values(fit_coupling(both, WIDTH))
            yield from (each for each in found if " to " in each[0])


def vibrato_values(pitches: Mapping[str, Sequence[NotePitch]]) -> Iterator[Value]:
    for name, notes in pitches.items():
        long = [note for note in notes if FRAME * np.isfinite(note.cents).sum() >= LEAST_SECONDS]
        found = [each for each in map(vibrato, long) if each]
        if long:
            yield name, "vibrato, share of long notes", len(found) / len(long)
        if found:
            yield name, "vibrato, rate (Hz)", np.median([each.rate for each in found])
            yield name, "vibrato, extent (cents)", np.median([each.extent for each in found])


def interval_values(found: Sequence[Interval]) -> Iterator[Value]:
    for name in TEMPERAMENTS if found else ():
        off = np.abs([each.deviation(name) for each in found])
        yield "all", f"intervals, away from {name} (cents)", np.median(off)
    for semitones in sorted({each.semitones % 12 for each in found}):
        off = [each.deviation("equal") for each in found if each.semitones % 12 == semitones]
        if len(off) > 2:
            name = f"interval of {semitones} semitones"
            yield "all", f"{name}, wider than equal (cents)", np.median(off)
            yield "all", f"{name}, count", len(off)


def dynamics_values(found: Heard) -> Iterator[Value]:
    plays = {part.name: sounding(part, len(found.levels[part.name])) for part in found.parts}
    for one, other in combinations(plays, 2):
        both = [found.levels[one], found.levels[other]], [plays[one], plays[other]]
        if coupling := dynamics_coupling(*both):
            yield f"{one} and {other}", "dynamics, correlation", coupling.correlation
    for part in found.parts:
        values = note_levels(part, found.levels[part.name])
        yield part.name, "dynamics, range of notes (dB)", np.nanstd(values)


def pooled(passages: Sequence[Chords]) -> Chords:
    """The chords of several passages of the same players, far apart in the score."""
    written = [each.written + APART * number for number, each in enumerate(passages)]
    onsets = [each.onsets for each in passages]
    return Chords(passages[0].names, np.concatenate(written), np.concatenate(onsets))


def error_values(found: Heard, truth: Heard, against: str) -> Iterator[Value]:
    """Onset by onset and note by note: how far measurements in two kinds of stems differ."""
    for part, other in zip(found.parts, truth.parts, strict=True):
        off = 1000 * np.abs(part.onsets - other.onsets)
        yield part.name, f"onsets, from those in the {against}, median (ms)", np.median(off)
        yield part.name, f"onsets, from those in the {against}, 90 % (ms)", np.percentile(off, 90)
    for name, notes in found.pitches.items():
        pairs = [(_steady(a), _steady(b)) for a, b in zip(notes, truth.pitches[name], strict=True)]
        off = np.abs([a - b for a, b in pairs if np.isfinite(a) and np.isfinite(b)])
        if len(off):
            yield name, f"pitch, from that in the {against}, median (cents)", np.median(off)


def _steady(note: NotePitch) -> float:
    """The pitch of a note in cents, without its ends; NaN for a short one."""
    start, seconds = note.seconds[0], np.ptp(note.seconds)
    if seconds < STEADY:
        return float("nan")
    return note.between(start + 0.15 * seconds, start + 0.85 * seconds)


def truth_values(ensemble: Ensemble, found: Heard) -> Iterator[Value]:
    """The errors in the true stems of simulated players, whose pitch is known note by note."""
    truth = ensemble.truth
    for part in found.parts:
        known = truth.cents[part.name]
        notes = zip(part.written, found.pitches[part.name], strict=True)
        off = [abs(_steady(note) - known[round(w, 3)]) for w, note in notes if round(w, 3) in known]
        yield part.name, "pitch, from the truth, median (cents)", float(np.nanmedian(off))


def known_values(ensemble: Ensemble) -> Iterator[Value]:
    """What is known of simulated players."""
    truth = ensemble.truth
    yield from timing_values(truth.chords)
    for name, each in truth.vibrato.items():
        yield name, "vibrato, rate (Hz)", each.rate
        yield name, "vibrato, extent (cents)", each.extent
    for one, other in combinations(truth.gain, 2):
        levels = [truth.gain[name][1] for name in (one, other)]
        value = np.corrcoef(*levels)[0, 1]
        yield f"{one} and {other}", "dynamics, correlation", value


def measure(test: str) -> list[Row]:
    """All rows of a test: each of its tracks, and all together."""
    model = load_model(OURS, "cpu")
    separator = model_separator(model, "cpu", conditioned=True)
    of_model, plain = Provenance.of_model(model.card, test), Provenance("none", test)
    where = {TRUTH: plain, PARAMETERS: plain, TRUE: plain, OURS: of_model}
    rows: list[Row] = []
    passages: dict[str, list[Chords]] = {}
    sizes: dict[str, list[Interval]] = {}
    seconds, same = 0.0, PLAYED_IN if test == TRIOS else SAME

    def add(system: str, track: str, length: float, values: Iterator[Value]) -> None:
        rows.extend(
            Row(system=system, track=track, instrument=name, metric=metric, value=float(value),
                n_seconds=length, **asdict(where[system]))
            for name, metric, value in values
        )  # fmt: skip

    for ensemble in ensembles(test):
        track = ensemble.track
        found = align(track.mixture, track.sample_rate, list(ensemble.scores))
        own = {TRUE: track.stems, OURS: separator(track)}
        both = {
            system: heard(stems, track.sample_rate, found, same) for system, stems in own.items()
        }
        seconds += track.seconds
        for system, each in both.items():
            for values in (
                timing_values(each.chords), vibrato_values(each.pitches),
                interval_values(each.intervals), dynamics_values(each),
            ):  # fmt: skip
                add(system, track.name, track.seconds, values)
            passages.setdefault(system, []).append(each.chords)
            sizes.setdefault(system, []).extend(each.intervals)
            keep_tempo(test, track, system, each)
        add(OURS, track.name, track.seconds, error_values(both[OURS], both[TRUE], TRUE))
        if ensemble.truth:
            add(TRUE, track.name, track.seconds, truth_values(ensemble, both[TRUE]))
            add(TRUTH, track.name, track.seconds, known_values(ensemble))
            passages.setdefault(TRUTH, []).append(ensemble.truth.chords)
    for system, several in passages.items():
        add(system, "all", seconds, timing_values(pooled(several)))
        add(system, "all", seconds, couplings(several))
        add(system, "all", seconds, interval_values(sizes.get(system, [])))
    if test == RENDERED:
        known = Coupling(several[0].names, CORRECTION, 0 * CORRECTION, TIMEKEEPER, MOTOR, 0)
        drawn = (v for v in coupling_values(known) if v[1] != "correction, standard error")
        add(PARAMETERS, "all", seconds, drawn)
    return rows


def keep_tempo(test: str, track: Track, system: str, found: Heard) -> None:
    """The tempo curves, for the picture: they are not in the table."""
    curves = {part.name: [c.tolist() for c in tempo_curve(part, WIDTH / 2)] for part in found.parts}
    path = tempo_file(test, track.name, system)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced_atomically(path) as draft:
        draft.write_text(json.dumps(curves))


def tempo_file(test: str, track: str, system: str) -> Path:
    return results.output_folder("runs") / TABLE / f"{test}-{track}-{system}.json"


def jobs() -> Iterator[Job]:
    for width, events, noise in product((None, WIDTH), (30, 100, 300), (0.0, 5.0, 10.0, 20.0)):
        columns = {"system": "bGLS", "test_data": TIMING}
        case = events, noise, width
        yield Job(columns, [timing_track(*case)], lambda case=case: measure_timing(*case))
    for test in (RENDERED, BACH10, TRIOS):
        columns = {"system": OURS, "test_data": test}
        yield Job(columns, ["all"], lambda t=test: measure(t))


def main() -> None:
    table = results.results_path(TABLE)
    run(list(jobs()), table, title="ensemble")
    files = {system: tempo_file(TRIOS, "brahms", system) for system in (TRUE, OURS)}
    draw(table, read_tempo(files))


if __name__ == "__main__":
    main()
