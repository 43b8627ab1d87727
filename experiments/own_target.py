"""A folder of stems as a reader would have it, for chapter 05: a theremin and its band."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from experiments.pieces import RMS, SAMPLE_RATE
from helpers.audio.track import Track
from helpers.music.random_pieces import RandomPiece
from helpers.synthesis.fluidsynth import FluidSynth
from helpers.synthesis.renderer import render_score
from helpers.synthesis.soundfonts import find_soundfont

BANDS = (("guitar", "cello"), ("piano",), ("guitar", "flute", "cello"))  # in turn
GLIDE = 0.08  # seconds in which the theremin reaches a new pitch


def theremin(seconds: float, seed: int) -> np.ndarray:
    """A sine that glides from note to note with vibrato, (1, samples); no soundfont has it."""
    rng = np.random.default_rng(seed)
    samples = round(seconds * SAMPLE_RATE)
    pitches = rng.choice([69, 71, 72, 74, 76, 79, 81], size=int(2 * seconds) + 1)
    stepped = np.repeat(pitches, SAMPLE_RATE // 2)[:samples].astype(float)
    width = int(GLIDE * SAMPLE_RATE)
    pitch = np.convolve(np.pad(stepped, (width - 1, 0), "edge"), np.ones(width) / width, "valid")
    pitch += 0.3 * np.sin(2 * np.pi * 6.0 * np.arange(samples) / SAMPLE_RATE)
    phase = 2 * np.pi * np.cumsum(440.0 * 2 ** ((pitch - 69) / 12)) / SAMPLE_RATE
    return (np.sqrt(2) * RMS * np.sin(phase))[None].astype(np.float32)


def song(number: int, seconds: float) -> Track:
    """A piece for theremin and a band of one to three, all with the same RMS."""
    band = BANDS[number % len(BANDS)]
    score = RandomPiece(number).score(band, seconds=seconds)
    track = render_score(score, FluidSynth(find_soundfont("FluidR3_GM")), SAMPLE_RATE)
    samples = round(seconds * SAMPLE_RATE)
    stems = {"theremin": theremin(seconds, number)}
    for name, stem in track.stems.items():
        stem = np.pad(stem, ((0, 0), (0, max(0, samples - stem.shape[1]))))[:, :samples]
        stems[name] = RMS * stem / stem.std()
    return Track(f"song-{number}", SAMPLE_RATE, stems)


def write_songs(folder: Path, count: int, seconds: float) -> Path:
    """A folder for each song with a file for each stem; every third song lacks the theremin."""
    for number in range(count):
        track = song(number, seconds)
        place = folder / track.name
        place.mkdir(parents=True, exist_ok=True)
        for name, stem in track.stems.items():
            if name != "theremin" or number % 3 != 2:
                soundfile.write(place / f"{name}.wav", stem.T, SAMPLE_RATE, "PCM_24")
    return folder
