"""How many notes of each player are found in a recording? Results/10_transcription.csv.

    DIVISI_DATA=... python -m experiments.transcription

Notes count where their onset is within 50 ms and their pitch within 50 cents of a note of the same
part; with offsets, also their end within a fifth of their length, at least 50 ms (mir_eval). The
ceiling reads the true stems, `chamber` its own stems, and the floor the mixture, whose notes it
gives to the parts by their register. The settings of the readers were chosen by the Bach10 excerpts
alone, where three pitch trackers are compared as well; pyin is favoured there, see `note_truth.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from experiments.alignment import performed
from experiments.charts import plot_comparison
from experiments.jobs import Job, corpus_folder, run
from experiments.note_truth import corrected, heard_pitch
from experiments.scored_pieces import BACH10, LEVEL, RATE, TRIOS, UNSEEN, in_time
from helpers.audio.resampling import resample
from helpers.audio.track import Track
from helpers.datasets.stem_folders import find_tracks
from helpers.display.figures import Figure, publish
from helpers.evaluation import results
from helpers.evaluation.evaluate import model_separator
from helpers.evaluation.rows import Provenance, Row
from helpers.music.arrangements import arrangement, excerpts
from helpers.music.instruments import instrument
from helpers.music.midi import read_midi
from helpers.music.pitch_features import RATE as FEATURE_RATE
from helpers.music.score_files import read_unfoldings
from helpers.music.scores import Note
from helpers.music.splits import names
from helpers.synthesis.fluidsynth import FluidSynth
from helpers.synthesis.renderer import render_score, stem_names
from helpers.synthesis.soundfonts import find_soundfont
from helpers.training.checkpoints import load_model
from helpers.transcription.lines import read_line
from helpers.transcription.pitch import PitchCurve, pitch_curve
from helpers.transcription.players import transcribed, tuning_of
from helpers.transcription.polyphony import read_chords

TABLE = "10_transcription"
MODEL = "chamber"
CEILING, FLOOR = "true stems", "mixture by register"
RENDERED = "rendered ensembles"
ENSEMBLES = (
    ("violin", "viola", "cello"),
    ("flute", "clarinet", "bassoon"),
    ("violin", "cello", "piano"),
    ("oboe", "horn", "piano"),
)
SECONDS = 20.0  # of a rendering
CHORD = 0.05  # seconds within which notes begin together

Parts = Mapping[str, Sequence[Note]]


def by_register(notes: Sequence[Note], players: Sequence[str]) -> dict[str, list[Note]]:
    """The notes of a mixture, given to players: of those that sound together, the higher ones to
    the players of the higher registers."""
    middle = {name: instrument(name).low + instrument(name).high for name in players}
    order = sorted(players, key=middle.get, reverse=True)
    given: dict[str, list[Note]] = {name: [] for name in players}
    for note in notes:
        at = note.onset + CHORD
        sounding = [n.pitch for n in notes if n.onset <= at < n.onset + max(n.duration, 2 * CHORD)]
        rank = sum(pitch > note.pitch for pitch in sounding)
        if len(sounding) >= len(order):
            name = order[rank * len(order) // len(sounding)]
        else:
            name = min(order, key=lambda each: abs(middle[each] / 2 - note.pitch))
        given[name].append(note)
    return given


def scores(found: Sequence[Note], truth: Sequence[Note]) -> dict[str, float]:
    """Precision, recall and F-measure of notes, and the F-measure with their ends."""
    from mir_eval.transcription import precision_recall_f1_overlap

    if not found:
        return dict.fromkeys(("note precision", "note recall", "note F1", "note F1, ends"), 0.0)
    both = [*arrays(truth), *arrays(found)]
    precision, recall, f1, _ = precision_recall_f1_overlap(*both, offset_ratio=None)
    with_ends = precision_recall_f1_overlap(*both, offset_ratio=0.2)[2]
    values = precision, recall, f1, with_ends
    return dict(
        zip(("note precision", "note recall", "note F1", "note F1, ends"), values, strict=True)
    )


def arrays(notes: Sequence[Note]) -> tuple[np.ndarray, np.ndarray]:
    """Intervals in seconds (notes, 2), and pitches in Hz."""
    spans = [(max(n.onset, 0.0), max(n.onset, 0.0) + max(n.duration, 0.01)) for n in notes]
    return np.array(spans), 440.0 * 2.0 ** ((np.array([n.pitch for n in notes]) - 69) / 12)


def ceiling(track: Track) -> Parts:
    return read(track.stems, track)


def separated(track: Track) -> Parts:
    return read(model_separator(_model(), conditioned=True)(track), track)


def floor(track: Track) -> Parts:
    rows = [instrument(name) for name in track.stems]
    low, high = min(row.low for row in rows), max(row.high for row in rows)
    notes = read_chords(track.mixture.mean(axis=0), track.sample_rate, low, high)
    return by_register(notes, list(track.stems))


def read(stems: Mapping[str, np.ndarray], track: Track) -> Parts:
    tuning = tuning_of(track.mixture.mean(axis=0), track.sample_rate)
    return {
        name: transcribed(name, stem.mean(axis=0), track.sample_rate, tuning).notes
        for name, stem in stems.items()
    }


@cache
def _model():
    return load_model(MODEL)


def with_tracker(track_pitch: Callable[..., PitchCurve]) -> Callable[[Track], Parts]:
    """The lines of the true stems by a pitch tracker."""

    def lines(track: Track) -> Parts:
        tuning = tuning_of(track.mixture.mean(axis=0), track.sample_rate)
        rows = {name: instrument(name) for name in track.stems}
        return {
            name: read_line(
                stem.mean(axis=0), track.sample_rate, rows[name].low, rows[name].high, tuning,
                track_pitch,
            )
            for name, stem in track.stems.items()
        }  # fmt: skip

    return lines


def by_pyin(sound: np.ndarray, sample_rate: int, low: float, high: float) -> PitchCurve:
    seconds, pitch = heard_pitch(resample(sound, sample_rate, FEATURE_RATE))
    return PitchCurve(seconds, np.nan_to_num(pitch), np.where(np.isnan(pitch), 0.1, 0.9))


def by_crepe(sound: np.ndarray, sample_rate: int, low: float, high: float) -> PitchCurve:
    """By torchcrepe's small network, every 10 ms; it is no dependency: `pip install torchcrepe`."""
    import torch
    import torchcrepe

    heard = torch.from_numpy(resample(sound, sample_rate, torchcrepe.SAMPLE_RATE))[None]
    hertz, periodicity = torchcrepe.predict(
        heard, torchcrepe.SAMPLE_RATE, 160, 50.0, 1975.0, "tiny", return_periodicity=True,
        decoder=torchcrepe.decode.weighted_argmax, batch_size=512, device="cpu",
    )  # fmt: skip
    pitch = 69 + 12 * np.log2(np.maximum(hertz[0].numpy(), 1.0) / 440.0)
    return PitchCurve(np.arange(len(pitch)) * 0.01, pitch, periodicity[0].numpy())


SYSTEMS = {CEILING: ceiling, MODEL: separated, FLOOR: floor}
TRACKERS = {
    f"{CEILING}, SwiftF0": with_tracker(pitch_curve),
    f"{CEILING}, pyin": with_tracker(by_pyin),
    f"{CEILING}, torchcrepe": with_tracker(by_crepe),
}


def trios(folder: Path) -> tuple[Track, Parts]:
    """A trio, whose MIDI was aligned to it by others."""
    track = find_tracks(folder.parent)[0].load(channels=1)
    truth = {name: read_midi(folder / f"{name}.mid").parts[0].notes for name in track.stems}
    return track, truth


@cache
def chorale(name: str) -> tuple[Track, Parts]:
    """An excerpt of Bach10; its score, aligned to it and corrected by its stems."""
    (piece,) = (each for each in find_tracks(corpus_folder(BACH10)) if each.name == name)
    track = piece.load(channels=1)
    score = in_time(track, list(read_unfoldings(piece.folder / "score.musicxml")))
    truth = {
        name: corrected(track.stems[name][0], track.sample_rate, part.notes)
        for name, part in zip(stem_names(score), score.parts, strict=True)
    }
    return track, truth


def rendering(number: int) -> tuple[Track, Parts]:
    """A validation work played by an ensemble with rubato, by a soundfont that no model heard."""
    work = names("quartet", "validation")[number]
    score = arrangement(excerpts(work, SECONDS)[1], ENSEMBLES[number])
    played = performed(score, np.random.default_rng(number), 0.06, 0.02, 0.02)
    track = render_score(played, FluidSynth(find_soundfont(UNSEEN)), RATE)
    stems = {n: LEVEL * stem / (np.std(stem) or 1.0) for n, stem in track.stems.items()}
    truth = {name: part.notes for name, part in zip(stem_names(played), played.parts, strict=True)}
    return Track("-".join(ENSEMBLES[number]), RATE, stems), truth


def measure(
    make: Callable[[], tuple[Track, Parts]], system: str, test: str, method: Callable
) -> list[Row]:
    """Rows of one system on one track."""
    track, truth = make()
    found = method(track)
    where = Provenance("none", test)
    if system == MODEL:
        where = Provenance.of_model(_model().card, test)
    rows = []
    for name, notes in truth.items():
        for metric, value in scores(found[name], notes).items():
            rows.append(
                Row(
                    where.notebook, system, where.train_data, test, track.name, name, metric,
                    float(value), track.samples / track.sample_rate, where.seed, where.config,
                    where.checkpoint_sha256, where.commit, where.device, where.profile,
                )
            )  # fmt: skip
    return rows


def jobs() -> Iterator[Job]:
    def job(test: str, name: str, system: str, method: Callable, make: Callable) -> Job:
        columns = {"system": system, "test_data": test}
        return Job(columns, [name], lambda: measure(make, system, test, method))

    for system, method in SYSTEMS.items():
        yield job(TRIOS, "brahms", system, method, lambda: trios(corpus_folder(TRIOS) / "brahms"))
        for number, ensemble in enumerate(ENSEMBLES):
            make = lambda number=number: rendering(number)  # noqa: E731
            yield job(RENDERED, "-".join(ensemble), system, method, make)
    for system, method in {**SYSTEMS, **TRACKERS}.items():
        for piece in find_tracks(corpus_folder(BACH10)):
            make = lambda name=piece.name: chorale(name)  # noqa: E731
            yield job(BACH10, piece.name, system, method, make)


def means(rows: Sequence[Row], metric: str = "note F1") -> dict[tuple[str, str], float]:
    """The mean of a metric over the parts of all tracks, by test and system."""
    found: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        if row.metric == metric:
            found.setdefault((row.test_data, row.system), []).append(row.value)
    return {key: float(np.mean(values)) for key, values in found.items()}


def picture(table: Path) -> Figure:
    """Ceiling, separated stems and floor on each test."""
    rows = results.read_table(table)
    rows = rows[rows["system"].isin(SYSTEMS)]
    figure = plot_comparison(rows, metric="note F1", by="test_data")
    figure.axes[0].set_ylabel("F-measure of the notes of a player")
    figure.axes[0].set_ylim(0, 1)
    return figure


def main() -> None:
    import torch

    torch.set_num_threads(1)
    table = results.results_path(TABLE)
    try:
        run(list(jobs()), table, title="transcription")
    except KeyboardInterrupt:
        raise SystemExit("Stopped; the same command resumes.") from None
    publish(picture(table), TABLE)
    for (test, system), value in sorted(means(results.read(table)).items()):
        print(f"{test:20} {system:24} {value:.2f}")


if __name__ == "__main__":
    main()
