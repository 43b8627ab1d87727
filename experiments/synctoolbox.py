"""Sync Toolbox, in another Python, aligns a score to a recording; see `with_synctoolbox.py`."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile

from helpers.music.midi import write_midi
from helpers.music.scores import Score

SYSTEM = "synctoolbox"
PROGRAM = Path(__file__).with_name("with_synctoolbox.py")


def align(recording: np.ndarray, sample_rate: int, score: Score, python: str) -> tuple[Score, str]:
    """The score in the time of a recording, (channels, samples), and the version of the toolbox.

    python: an interpreter that has the toolbox. Ends the program where it fails there.
    """
    with TemporaryDirectory() as folder:
        sound, notes, found = (Path(folder) / name for name in ("r.wav", "s.mid", "found.json"))
        soundfile.write(sound, recording.T, sample_rate, subtype="FLOAT")
        write_midi(score, notes)
        words = [python, "-I", PROGRAM, sound, notes, found]
        try:
            subprocess.run(words, check=True, capture_output=True, text=True)
        except OSError as error:
            raise SystemExit(f"{python}: {error.strerror}; name a Python.") from None
        except subprocess.CalledProcessError as error:
            last = (error.stderr.strip().splitlines() or ["it says nothing"])[-1]
            raise SystemExit(f"{python}: Sync Toolbox fails there: {last}") from None
        report = json.loads(found.read_text(encoding="utf-8"))
    return moved(score, report["score"], report["recording"]), report["version"]


def moved(score: Score, before: list[float], after: list[float]) -> Score:
    """The score with its notes moved from increasing times, in seconds, to others."""
    parts = []
    for part in score.parts:
        onsets = np.array([note.onset for note in part.notes])
        ends = onsets + [note.duration for note in part.notes]
        times = zip(np.interp(onsets, before, after), np.interp(ends, before, after), strict=True)
        notes = (
            replace(note, onset=float(onset), duration=float(end - onset))
            for note, (onset, end) in zip(part.notes, times, strict=True)
        )
        parts.append(replace(part, notes=tuple(notes)))
    return replace(score, parts=tuple(parts))
