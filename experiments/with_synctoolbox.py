"""Sync Toolbox aligns a score to a recording. A program of its own, for a Python that has it:

    python -m venv sync && sync/bin/pip install synctoolbox
    sync/bin/python -I experiments/with_synctoolbox.py RECORDING SCORE.mid PATH.json

PATH.json holds the version, and the alignment as increasing times in seconds: `score` and
`recording`. The recipe is that of the notebook `sync_audio_score_full` of the toolbox: its tuning,
its features (quantized chroma and decaying onsets, 50 a second), its transposition and its dynamic
time warping from coarse to fine.

Müller, Özer, Krause, Prätzlich and Driedger, "Sync Toolbox: a Python package for efficient, robust,
and accurate music synchronization", Journal of Open Source Software 6(64), 2021.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from pathlib import Path

import librosa
import numpy as np
import pandas as pd
from pretty_midi import PrettyMIDI
from synctoolbox.dtw.mrmsdtw import sync_via_mrmsdtw
from synctoolbox.dtw.utils import (
    compute_optimal_chroma_shift,
    make_path_strictly_monotonic,
    shift_chroma_vectors,
)
from synctoolbox.feature.chroma import pitch_to_chroma, quantize_chroma, quantized_chroma_to_CENS
from synctoolbox.feature.csv_tools import df_to_pitch_features, df_to_pitch_onset_features
from synctoolbox.feature.dlnco import pitch_onset_features_to_DLNCO
from synctoolbox.feature.pitch import audio_to_pitch_features
from synctoolbox.feature.pitch_onset import audio_to_pitch_onset_features
from synctoolbox.feature.utils import estimate_tuning

SAMPLE_RATE, FEATURE_RATE = 22_050, 50
STEP_WEIGHTS = np.array([1.5, 1.5, 2.0])
LARGEST = 10**6  # cells of a cost matrix


def features(pitches: np.ndarray, onsets: dict) -> tuple[np.ndarray, np.ndarray]:
    """Quantized chroma and decaying onsets, both (12, frames)."""
    chroma = quantize_chroma(pitch_to_chroma(pitches))
    decaying = pitch_onset_features_to_DLNCO(onsets, chroma.shape[1], FEATURE_RATE)
    return chroma, decaying


def features_of_sound(path: str) -> tuple[np.ndarray, np.ndarray]:
    sound, _ = librosa.load(path, sr=SAMPLE_RATE)
    tuning = estimate_tuning(sound, SAMPLE_RATE)
    return features(
        audio_to_pitch_features(sound, SAMPLE_RATE, FEATURE_RATE, tuning_offset=tuning),
        audio_to_pitch_onset_features(sound, SAMPLE_RATE, tuning_offset=tuning),
    )


def features_of_score(path: str) -> tuple[np.ndarray, np.ndarray]:
    parts = PrettyMIDI(path).instruments
    notes = pd.DataFrame([
        {"start": note.start, "duration": note.duration, "pitch": note.pitch,
         "velocity": note.velocity, "instrument": part.name}
        for part in parts for note in part.notes
    ])  # fmt: skip
    return features(
        df_to_pitch_features(notes, feature_rate=FEATURE_RATE), df_to_pitch_onset_features(notes)
    )


def warping_path(recording: str, score: str) -> np.ndarray:
    """(2, n): increasing seconds in the recording and in the score."""
    sound, written = features_of_sound(recording), features_of_score(score)
    slow = [
        quantized_chroma_to_CENS(each[0], 201, 50, FEATURE_RATE)[0] for each in (sound, written)
    ]
    shift = compute_optimal_chroma_shift(*slow)
    written = [shift_chroma_vectors(each, shift) for each in written]
    path = sync_via_mrmsdtw(
        f_chroma1=sound[0], f_onset1=sound[1], f_chroma2=written[0], f_onset2=written[1],
        input_feature_rate=FEATURE_RATE, step_weights=STEP_WEIGHTS, threshold_rec=LARGEST,
    )  # fmt: skip
    return make_path_strictly_monotonic(path) / FEATURE_RATE


def main(recording: str, score: str, found: str) -> None:
    seconds = warping_path(recording, score)
    report = {
        "version": version("synctoolbox"),
        "score": seconds[1].tolist(),
        "recording": seconds[0].tolist(),
    }
    Path(found).write_text(json.dumps(report), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
