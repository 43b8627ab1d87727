"""How exactly are scores aligned to recordings? Results/08_alignment.csv.

    DIVISI_DATA=... python -m experiments.alignment
    DIVISI_DATA=... python -m experiments.alignment --synctoolbox sync/bin/python

Onset errors where the truth is known: TRIOS, whose MIDI was aligned by hand, and rendered trios
with a drawn tempo, players who are not together, and wrong notes. For Bach10, whose excerpts lie
anywhere in their chorale, each stem tells whether the place is right: how much of the time of its
aligned notes their pitch is heard in it, and how much if they came a second later. And which scores
are refused: every recording with every score at hand, its own and all others.

The second command measures Sync Toolbox where the truth is known. It needs a Python that has it;
`experiments/with_synctoolbox.py` says how to make one.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from experiments import synctoolbox
from experiments.jobs import Job, corpus_folder, run
from helpers.audio.audio import load
from helpers.audio.resampling import resample
from helpers.datasets.stem_folders import StemFolder, find_tracks
from helpers.evaluation import results
from helpers.evaluation.rows import Provenance, Row
from helpers.music.alignment import AlignmentError, align
from helpers.music.arrangements import arrangement, excerpts
from helpers.music.midi import read_midi
from helpers.music.pitch_features import RATE, agreement, sound_features
from helpers.music.random_pieces import RandomPiece
from helpers.music.score_files import read_unfoldings
from helpers.music.scores import Part, Score
from helpers.music.splits import names
from helpers.synthesis.fluidsynth import FluidSynth
from helpers.synthesis.renderer import render_score, stem_names
from helpers.synthesis.soundfonts import find_soundfont

TABLE = "08_alignment"
SYSTEM = "align"
TRIO = ("violin", "horn", "piano")
RANDOM = RandomPiece(99)
RENDERED = {name: place for place, name in enumerate(("quiet", "usual", "free"))}
#: Tempo (standard deviation of its logarithm in a quarter of a second), players apart (seconds),
#: share of wrong notes.
LIBERTIES = {"quiet": (0.02, 0.01, 0.0), "usual": (0.06, 0.02, 0.03), "free": (0.1, 0.03, 0.08)}


@dataclass(frozen=True, eq=False)
class Case:
    """A recording, (channels, samples), its score, and the notes of the score when they sound."""

    recording: np.ndarray
    sample_rate: int
    score: Score
    truth: Score

    @property
    def seconds(self) -> float:
        return self.recording.shape[1] / self.sample_rate


def performed(
    score: Score, rng: np.random.Generator, tempo: float, apart: float, wrong: float
) -> Score:
    """The score under a drawn tempo curve; see `LIBERTIES`. It has the same notes in each part."""
    grid = np.arange(0, score.seconds + 1, 0.25)
    walk = np.cumsum(rng.normal(0, tempo, len(grid)))
    speed = np.exp(walk - np.linspace(walk[0], walk[-1], len(walk)) + rng.uniform(-0.35, 0.35))
    times = 0.5 + np.concatenate([[0], np.cumsum(0.25 / speed[:-1])])
    parts = []
    for part in score.parts:
        late: dict[float, float] = defaultdict(lambda: float(rng.normal(0, apart)))
        notes = []
        for note in part.notes:
            onset, end = np.interp([note.onset, note.onset + note.duration], grid, times)
            onset = max(float(onset) + late[note.onset], 0.0)
            step = float(rng.choice((-2, -1, 1, 2))) if rng.random() < wrong else 0.0
            duration = max(float(end) - onset, 0.05)
            notes.append(replace(note, onset=onset, duration=duration, pitch=note.pitch + step))
        parts.append(replace(part, notes=tuple(notes)))
    return replace(score, parts=tuple(parts))


def onset_errors(found: Part, truth: Part) -> np.ndarray:
    """In milliseconds, for the notes of each pitch in their order; of a pitch with another number
    of notes, of which some were left out, none."""
    onsets = []
    for part in (found, truth):
        by_pitch = defaultdict(list)
        for note in part.notes:
            by_pitch[round(note.pitch)].append(note.onset)
        onsets.append({pitch: np.sort(times) for pitch, times in by_pitch.items()})
    same = [p for p in onsets[1] if len(onsets[0].get(p, ())) == len(onsets[1][p])]
    return 1000 * np.concatenate([np.abs(onsets[0][p] - onsets[1][p]) for p in same])


def real_trio(piece: str) -> Case:
    """A trio of TRIOS, with the MIDI files that were aligned by hand."""
    folder = corpus_folder("trios") / piece
    score = read_midi(folder / "score.mid")
    truth = tuple(read_midi(folder / f"{name}.mid").parts[0] for name in stem_names(score))
    return Case(*load(folder / "mix.flac"), score, replace(score, parts=truth))


def rendered_trio(kind: str) -> Case:
    """A trio of the validation works, rendered with the `LIBERTIES` of this kind."""
    work = names("quartet", "validation")[RENDERED[kind]]
    score = arrangement(excerpts(work, 35.0)[1], TRIO)
    played = performed(score, np.random.default_rng(RENDERED[kind]), *LIBERTIES[kind])
    track = render_score(played, FluidSynth(find_soundfont("FluidR3_GM")), RATE)
    return Case(track.mixture, RATE, score, as_written(played, score))


#: Where the truth is known: by test and track.
KNOWN = {
    ("trios", "brahms"): real_trio,
    **{("rendered-rubato", kind): rendered_trio for kind in RENDERED},
}


def as_written(played: Score, score: Score) -> Score:
    """The notes as they were played, wrong ones at the pitch of the score."""
    parts = (
        replace(
            part,
            notes=tuple(
                replace(note, pitch=meant.pitch)
                for note, meant in zip(part.notes, written.notes, strict=True)
            ),
        )
        for part, written in zip(played.parts, score.parts, strict=True)
    )
    return replace(played, parts=tuple(parts))


def error_rows(
    found: Score, case: Case, where: Provenance, track: str, system: str = SYSTEM
) -> Iterator[Row]:
    """Median and 95 % of the errors of each part and of all."""
    errors = [onset_errors(*both) for both in zip(found.parts, case.truth.parts, strict=True)]
    by_name = dict(zip(stem_names(found), errors, strict=True)) | {"all": np.concatenate(errors)}
    for name, values in by_name.items():
        for metric, value in (
            ("onset error, median (ms)", np.median(values)),
            ("onset error, 95 % (ms)", np.percentile(values, 95)),
        ):
            yield row(where, track, name, metric, value, case.seconds, system)


def row(
    where: Provenance,
    track: str,
    instrument: str,
    metric: str,
    value: float,
    seconds: float,
    system: str = SYSTEM,
) -> Row:
    return Row(
        where.notebook, system, where.train_data, where.test_data, track, instrument, metric,
        float(value), seconds, where.seed, where.config, where.checkpoint_sha256, where.commit,
        where.device, where.profile,
    )  # fmt: skip


def measure_known(test: str, track: str) -> list[Row]:
    case = KNOWN[test, track](track)
    found, where = align(case.recording, case.sample_rate, case.score), Provenance("none", test)
    fit = row(where, track, "all", "fit", found.fit, case.seconds)
    return [*error_rows(found.score, case, where, track), fit]


def measure_synctoolbox(test: str, track: str, python: str) -> list[Row]:
    case = KNOWN[test, track](track)
    found, version = synctoolbox.align(case.recording, case.sample_rate, case.score, python)
    where = Provenance("none", test, config=f"{synctoolbox.SYSTEM} {version}")
    return list(error_rows(found, case, where, track, synctoolbox.SYSTEM))


def measure_excerpt(piece: StemFolder) -> list[Row]:
    track = piece.load()
    scores = list(read_unfoldings(piece.folder / "score.musicxml"))
    found = align(track.mixture, track.sample_rate, scores)
    where, seconds = Provenance("none", "bach10"), track.mixture.shape[1] / track.sample_rate
    rows = [row(where, piece.name, "all", "fit", found.fit, seconds)]
    for name, part in zip(stem_names(found.score), found.score.parts, strict=True):
        stem = resample(track.stems[name].mean(axis=0), track.sample_rate, RATE)
        features = sound_features(stem, found.tuning)
        table = np.array([(n.onset, n.onset + n.duration, n.pitch) for n in part.notes]).T
        for metric, late in (("notes heard", 0.0), ("notes heard a second later", 1.0)):
            notes = table[0] + late, table[1] + late, table[2]
            heard, _ = agreement(features, notes, 0.0, seconds)
            rows.append(row(where, piece.name, name, metric, heard, seconds))
    return rows


def scores_at_hand() -> dict[str, list[Score]]:
    """The unfoldings of all scores by name: those of the recordings, solos, and a random piece."""
    folders = [piece.folder for piece in find_tracks(corpus_folder("bach10_excerpts"))]
    paths = {folder.name[:2]: folder / "score.musicxml" for folder in folders}  # one of each piece
    paths["brahms"] = corpus_folder("trios") / "brahms" / "score.mid"
    paths |= {path.stem: path for path in sorted(corpus_folder("solo_violin").glob("*.mxl"))}
    scores = {name: list(read_unfoldings(path)) for name, path in paths.items()}
    return scores | {"random": [RANDOM.score(TRIO, seconds=60.0)]}


def recordings_at_hand() -> dict[str, Path]:
    """All real recordings by name; that of a piece begins with the name of its score."""
    mixtures = ("bach10_excerpts/*/mix.flac", "trios/*/mix.flac", "urmp_excerpts/*/mix.*")
    found = {path.parent.name: path for each in mixtures for path in corpus_folder().glob(each)}
    found |= {path.parent.name: path for path in corpus_folder("live_quintet").glob("left.flac")}
    for pattern in ("*.mp3", "*.opus"):
        for path in corpus_folder("solo_violin").glob(pattern):
            found[path.stem.split("_", 1)[1]] = path
    return dict(sorted(found.items()))


def measure_refusals(recording: Path, name: str) -> list[Row]:
    """The fit of every score to one recording, and whether it is accepted (1 or 0)."""
    mixture, rate = load(recording)
    seconds, rows = mixture.shape[1] / rate, []
    for title, scores in scores_at_hand().items():
        own = name.startswith(title)
        where = Provenance("none", "own score" if own else "other scores", config=title)
        try:
            fit, accepted = align(mixture, rate, scores).fit, 1.0
        except AlignmentError as error:
            fit, accepted = error.fit, 0.0
        rows.append(row(where, name, "all", "fit", fit, seconds))
        rows.append(row(where, name, "all", "accepted", accepted, seconds))
    return rows


def jobs() -> Iterator[Job]:
    for test, track in KNOWN:
        yield job(SYSTEM, test, track, measure_known, test, track)
    for piece in find_tracks(corpus_folder("bach10_excerpts")):
        yield job(SYSTEM, "bach10", piece.name, measure_excerpt, piece)
    for name, recording in recordings_at_hand().items():
        yield job(SYSTEM, "other scores", name, measure_refusals, recording, name)


def synctoolbox_jobs(python: str) -> Iterator[Job]:
    for test, track in KNOWN:
        yield job(synctoolbox.SYSTEM, test, track, measure_synctoolbox, test, track, python)


def job(system: str, test: str, track: str, measure: Callable, *arguments: Any) -> Job:
    columns = {"system": system, "test_data": test}
    return Job(columns, [track], lambda: measure(*arguments))


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how exactly scores are aligned.")
    parser.add_argument(
        "--synctoolbox", metavar="PYTHON", help="measure Sync Toolbox, which this Python has"
    )
    python, table = parser.parse_args().synctoolbox, results.results_path(TABLE)
    run(list(synctoolbox_jobs(python) if python else jobs()), table, title="alignment")
    for each in results.read(table):
        print(
            each.system, each.test_data, each.track, each.instrument, each.metric,
            round(each.value, 2),
        )  # fmt: skip


if __name__ == "__main__":
    main()
