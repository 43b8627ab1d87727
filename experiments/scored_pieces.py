"""Recordings and renderings with their scores in time, for the study of separation with a score."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from experiments.alignment import performed
from experiments.jobs import corpus_folder
from helpers.audio.audio import load
from helpers.audio.levels import rms
from helpers.audio.resampling import resample
from helpers.audio.track import Track
from helpers.datasets.stem_folders import find_tracks
from helpers.music.alignment import align
from helpers.music.arrangements import arrangement, excerpts
from helpers.music.pitch_features import RATE as FEATURE_RATE
from helpers.music.pitch_features import agreement, estimate_tuning, sound_features
from helpers.music.score_files import read_unfoldings
from helpers.music.scores import Note, Part, Score, transpose
from helpers.music.splits import names
from helpers.synthesis.fluidsynth import FluidSynth
from helpers.synthesis.renderer import render_score
from helpers.synthesis.soundfonts import find_soundfont

BACH10, TRIOS, URMP = "bach10_excerpts", "trios", "urmp_excerpts"
VIOLINS, QUARTETS = "two real violins", "rendered string quartets"
UNSEEN = "TimGM6mb"  # the soundfont of the quartets, from which the guided network did not learn
QUARTET = ("violin", "violin", "viola", "cello")
RATE, SECONDS, LEVEL = 44_100, 12.0, 0.05
#: First seconds of passages of BWV 1002 and 1003, each pair played by two violinists.
PASSAGES = ((20.0, 30.0), (45.0, 60.0), (70.0, 90.0), (95.0, 120.0))
#: The two violinists, and by how many seconds their sound is later than the published alignment:
#: so late the pitches of nearly all notes are heard in it, and without it of fewer than half.
PLAYERS = {"john-garner_bwv1002_mov6": 1.0, "minji-kim_bwv1003_mov4": 1.0}


@dataclass(frozen=True)
class ScoredTrack:
    """A track and its score, in the time and at the pitch of its sound, one part for each stem."""

    track: Track
    score: Score

    @property
    def name(self) -> str:
        return self.track.name


def in_time(track: Track, score: Score | list[Score]) -> Score:
    """A score aligned to a track, at its pitch; the parts in the order of the score."""
    found = align(track.mixture, track.sample_rate, score)
    return transpose(found.score, found.tuning / 100)


def real(corpus: str) -> Iterator[ScoredTrack]:
    """The tracks of a corpus that have a score beside them."""
    for folder in find_tracks(corpus_folder(corpus)):
        scores = sorted(folder.folder.glob("score.*"))
        if scores:
            track = folder.load(channels=1)
            yield ScoredTrack(track, in_time(track, list(read_unfoldings(scores[0]))))


def tracked(corpus: str = URMP) -> Iterator[ScoredTrack]:
    """The tracks of a corpus without scores: the lines are written down from the stems."""
    for folder in find_tracks(corpus_folder(corpus)):
        track = folder.load(channels=1)
        parts = tuple(
            Part(name, written_down(stem[0], track.sample_rate))
            for name, stem in track.stems.items()
        )
        yield ScoredTrack(track, Score(track.name, parts))


def written_down(sound: np.ndarray, sample_rate: int, shortest: float = 0.08) -> tuple[Note, ...]:
    """The notes of a line (samples,), by pyin: stretches of one semitone of at least `shortest`
    seconds."""
    import librosa

    hop = 512
    low, high = librosa.note_to_hz("A1"), librosa.note_to_hz("E7")
    hertz, voiced, _ = librosa.pyin(sound, fmin=low, fmax=high, sr=sample_rate, hop_length=hop)
    keys = np.where(voiced, np.rint(librosa.hz_to_midi(np.where(voiced, hertz, 440.0))), -1)
    bounds = [0, *(np.flatnonzero(np.diff(keys)) + 1), len(keys)]
    notes = []
    for first, last in zip(bounds[:-1], bounds[1:], strict=True):
        seconds = (last - first) * hop / sample_rate
        if keys[first] >= 0 and seconds >= shortest:
            pitch = float(np.median(librosa.hz_to_midi(hertz[first:last])))
            notes.append(Note(first * hop / sample_rate, seconds, pitch))
    return tuple(notes)


def notes_heard(piece: ScoredTrack) -> float:
    """The share of the time of the notes in which the mixture has their pitch; see `agreement`."""
    sound = resample(piece.track.mixture.mean(axis=0), piece.track.sample_rate, FEATURE_RATE)
    tuning = estimate_tuning(sound)
    notes = [
        (note.onset, note.onset + note.duration, note.pitch - tuning / 100)
        for part in piece.score.parts
        for note in part.notes
    ]
    features = sound_features(sound, tuning)
    return agreement(features, tuple(np.array(notes).T), 0.0, piece.track.seconds)[0]


def two_violins() -> Iterator[ScoredTrack]:
    """Passages of two violinists at equal level; the published alignments of their notes."""
    folder = corpus_folder("solo_violin")
    for number, starts in enumerate(PASSAGES, 1):
        stems, parts = {}, []
        for place, (player, start) in enumerate(zip(PLAYERS, starts, strict=True), 1):
            sound, notes = passage(folder, player, start, PLAYERS[player])
            stems[f"violin-{place}"] = sound * np.float32(LEVEL / rms(sound))
            parts.append(Part("violin", notes, place))
        name = f"violins-{number}"
        yield ScoredTrack(Track(name, RATE, stems), Score(name, tuple(parts)))


def passage(
    folder: Path, player: str, start: float, late: float = 0.0
) -> tuple[np.ndarray, tuple[Note, ...]]:
    """SECONDS of a solo from `start` on, (1, samples), and its notes at the pitch of its sound.

    late: seconds by which the sound is later than the published alignment.
    """
    (file,) = (path for path in folder.glob(f"{player}.*") if path.suffix in (".mp3", ".opus"))
    sound = load(file, sample_rate=RATE, channels=1)[0]
    sound = sound[:, round(start * RATE) : round((start + SECONDS) * RATE)]
    tuning = estimate_tuning(resample(sound[0], RATE, FEATURE_RATE)) / 100
    spans = read_columns(folder / f"{player}_alignment.csv", "start", "end")
    pitches = read_columns(folder / f"{player}_notes.csv", "pitch")
    notes = (
        Note(begin + late - start, end - begin, pitch + tuning)
        for (begin, end), (pitch,) in zip(spans, pitches, strict=True)
        if end > begin and start < end + late and begin + late < start + SECONDS
    )
    return sound, tuple(sorted(notes, key=lambda note: (note.onset, note.pitch)))


def read_columns(path: Path, *columns: str) -> list[tuple[float, ...]]:
    with path.open(newline="") as file:
        return [tuple(float(row[name]) for name in columns) for row in csv.DictReader(file)]


def string_quartets(count: int = 6) -> Iterator[ScoredTrack]:
    """Validation works as two violins, viola and cello, with rubato, by an unseen soundfont."""
    for number, work in enumerate(names("quartet", "validation")[:count]):
        score = arrangement(excerpts(work, 25.0)[1], QUARTET)
        played = performed(score, np.random.default_rng(number), 0.06, 0.02, 0.02)
        track = render_score(played, FluidSynth(find_soundfont(UNSEEN)), RATE)
        stems = {name: stem[:, : round(25.0 * RATE)] for name, stem in track.stems.items()}
        track = Track(work, RATE, {n: LEVEL * s / (np.std(s) or 1.0) for n, s in stems.items()})
        yield ScoredTrack(track, in_time(track, score))


TESTS = {
    BACH10: lambda: real(BACH10),
    TRIOS: lambda: real(TRIOS),
    URMP: tracked,
    VIOLINS: two_violins,
    QUARTETS: string_quartets,
}
