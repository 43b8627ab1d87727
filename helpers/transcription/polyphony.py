"""The notes of an instrument that plays several at once, by the network Basic Pitch.

Bittner et al., "A lightweight instrument-agnostic model for polyphonic note transcription and
multipitch estimation", ICASSP 2022. Its package pins libraries that newer Pythons lack, so only its
ONNX file is fetched, out of the wheel, once. Licence: Apache 2.0, Spotify AB.
"""

from __future__ import annotations

import os
import zipfile
from functools import cache
from pathlib import Path

import numpy as np

from .. import runtime
from ..audio.resampling import resample
from ..datasets.download import RemoteFile, fetch
from ..music.scores import Note
from .decoding import Costs, decode_keys
from .levels import RATE as LEVEL_RATE
from .levels import levels, with_velocities

WHEEL = RemoteFile(
    "basic_pitch-0.4.0-py2.py3-none-any.whl",
    "https://files.pythonhosted.org/packages/99/0e/"
    "3a36d22562daeb0ae3c78ac78da3f8dba96543c5576ed57d4acb8ddbab5b/"
    "basic_pitch-0.4.0-py2.py3-none-any.whl",
    size=758_279,
    checksum="sha256:738adb503aae7fdfc7d1e1511aa0ce35052315f260a19531ef4c356708425db0",
)
MEMBER = "basic_pitch/saved_models/icassp_2022/nmp.onnx"
RATE, HOP, WINDOW = 22_050, 256, 43_844  # Hz, samples
EDGE = 15  # frames at each end of a window whose answers are not used
STEP = 141  # frames
LOWEST, KEYS = 21, 88  # MIDI pitch
SOUNDS, STRUCK = 0.3, 0.5  # probabilities above which a key rather sounds, and is struck
WEIGHTS = 0.2, 4.0  # of a frame that sounds, of a frame that is struck: frames are not independent
COSTS = Costs(begin=3.0, end=1.0, again=3.0)
SHORTEST = 0.06  # seconds


def read_chords(sound: np.ndarray, sample_rate: int, low: int, high: int) -> list[Note]:
    """The notes of a sound (samples,) in whole MIDI pitches from `low` to `high`."""
    sounding, struck = key_probabilities(sound, sample_rate)
    keys = slice(max(low - LOWEST, 0), max(high - LOWEST + 1, 0))
    spans = decode_keys(
        WEIGHTS[0] * _odds(sounding[:, keys], SOUNDS),
        WEIGHTS[1] * _odds(struck[:, keys], STRUCK).clip(min=-2.0),
        COSTS,
    )
    seconds = HOP / RATE
    notes = [
        (first * seconds, last * seconds, keys.start + key + LOWEST) for first, last, key in spans
    ]
    notes = [each for each in notes if each[1] - each[0] >= SHORTEST]
    return with_velocities(notes, levels(resample(sound, sample_rate, LEVEL_RATE)))


def _odds(probability: np.ndarray, even: float) -> np.ndarray:
    """The log-odds of probabilities, 0 at `even`."""
    probability = np.clip(probability.astype(np.float64), 0.01, 0.99)
    return np.log(probability / (1 - probability)) - np.log(even / (1 - even))


def weights() -> Path:
    """The ONNX file of Basic Pitch, fetched into the cache where it is missing.

    DownloadError where that fails.
    """
    target = runtime.cache_root() / "basic-pitch" / Path(MEMBER).name
    if not target.is_file():
        wheel = fetch(WHEEL, target.parent)
        draft = target.with_suffix(f".{os.getpid()}")
        with zipfile.ZipFile(wheel) as archive:
            draft.write_bytes(archive.read(MEMBER))
        os.replace(draft, target)
        wheel.unlink(missing_ok=True)
    return target


def key_probabilities(sound: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Of each piano key in frames of 256 / 22,050 seconds: that it sounds, and that it is struck.

    sound: (samples,). Returns two arrays (frames, 88) between 0 and 1.
    """
    heard = resample(sound, sample_rate, RATE)
    frames = -(-len(heard) // HOP)
    windows = -(-frames // STEP)
    heard = np.pad(heard, (EDGE * HOP, windows * STEP * HOP + WINDOW - len(heard)))
    notes, onsets = np.zeros((2, windows * STEP, KEYS), np.float32)
    for first in range(0, windows * STEP, STEP):
        piece = heard[first * HOP : first * HOP + WINDOW].astype(np.float32)
        session = _session()
        _, note, onset = session.run(
            ["StatefulPartitionedCall:0", "StatefulPartitionedCall:1", "StatefulPartitionedCall:2"],
            {session.get_inputs()[0].name: piece[None, :, None]},
        )
        notes[first : first + STEP] = note[0, EDGE : EDGE + STEP]
        onsets[first : first + STEP] = onset[0, EDGE : EDGE + STEP]
    return notes[:frames], onsets[:frames]


@cache
def _session():
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return InferenceSession(str(weights()), options, providers=["CPUExecutionProvider"])
