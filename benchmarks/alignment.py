"""Memory, time and accuracy of `divisi align` for short and long recordings."""

from __future__ import annotations

import tempfile
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.memory import command
from benchmarks.tables import table
from experiments.alignment import onset_errors
from helpers.audio.wav import AtomicWav
from helpers.music.midi import read_midi, write_midi
from helpers.music.random_pieces import RandomPiece
from helpers.music.scores import Score
from helpers.synthesis.fluidsynth import FluidSynth
from helpers.synthesis.renderer import rendered_stems
from helpers.synthesis.soundfonts import find_soundfont

RATE = 44100
QUARTET = ("violin", "clarinet", "saxophone", "bassoon")
TEMPO = 0.05  # standard deviation of the logarithm of the tempo, of 10 seconds


def measure(arguments: Namespace) -> str:
    """A Markdown table with a row for each length."""
    rows = []
    for minutes in tqdm(arguments.minutes, desc="alignment"):
        peak, elapsed, errors = align(minutes)
        errors = f"{np.median(errors):.0f} ms, {np.percentile(errors, 95):.0f} ms"
        rows.append((f"{minutes} min", f"{peak:.2f} GiB", f"{elapsed:.0f} s", errors))
    caption = (
        "`divisi align` of random quartets, rendered with a drawn tempo, in a process of its own."
    )
    header = ("recording", "peak memory", "processor time", "onset error, median and 95 %")
    return caption + "\n\n" + table(header, rows)


def align(minutes: int) -> tuple[float, float, np.ndarray]:
    """Peak memory in GiB, processor time in seconds, and the onset errors of all notes in ms."""
    score = RandomPiece(minutes).score(QUARTET, seconds=60.0 * minutes)
    played = performed(score)
    with tempfile.TemporaryDirectory() as folder:
        recording, notes = Path(folder) / "long.wav", Path(folder) / "score.mid"
        aligned = Path(folder) / "aligned.mid"
        with AtomicWav(recording, RATE, 1, "PCM_16") as writer:
            writer.write(rendered(played))
        write_midi(score, notes)
        peak, elapsed = command("align", str(recording), str(notes), "-o", str(aligned))
        found = read_midi(aligned)
    parts = zip(found.parts, played.parts, strict=True)
    return peak, elapsed, np.concatenate([onset_errors(*both) for both in parts])


def rendered(score: Score) -> np.ndarray:
    """The mixture (1, samples), in the memory of two stems."""
    mixture = np.zeros((1, 0), np.float32)
    for _, stem in rendered_stems(score, FluidSynth(find_soundfont("FluidR3_GM")), RATE):
        if stem.shape[1] > mixture.shape[1]:
            mixture, stem = stem, mixture
        mixture[:, : stem.shape[1]] += stem
    return mixture


def performed(score: Score) -> Score:
    """The score with a tempo that changes every ten seconds."""
    rng = np.random.default_rng(0)
    grid = np.arange(0.0, score.seconds + 20.0, 10.0)
    lengths = 10.0 * np.exp(rng.normal(0.0, TEMPO, len(grid) - 1))
    times = np.concatenate([[0.0], np.cumsum(lengths)])
    parts = []
    for part in score.parts:
        starts = np.interp([note.onset for note in part.notes], grid, times)
        ends = np.interp([note.onset + note.duration for note in part.notes], grid, times)
        notes = tuple(
            replace(note, onset=float(start), duration=float(end - start))
            for note, start, end in zip(part.notes, starts, ends, strict=True)
        )
        parts.append(replace(part, notes=notes))
    return replace(score, parts=tuple(parts))
