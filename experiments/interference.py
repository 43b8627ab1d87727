"""What reaches a model in practice and not in training: noise, drums, speech, narrow bands.

A `Condition` changes a track: its stems and its mixture pass through a channel, and a further sound
is added to the mixture alone. The stems remain what a model should return. Chapter: 06.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pretty_midi

from helpers.audio.audio import load
from helpers.audio.levels import rms
from helpers.audio.track import Track
from helpers.augmentation.recording_chain import OLD_RECORD, TELEPHONE, Microphone
from helpers.synthesis.soundfonts import find_soundfont

ESPEAK = "espeak-ng"  # Debian's package and its program
WORDS = (
    "Good evening, and welcome to our concert. Before we begin, please switch off your phones. "
    "Tonight you will hear three pieces, and after the second one there is an interval of twenty "
    "minutes. The doors will then be closed, so please come back in time."
)
BEAT = 0.5  # seconds, of the drum kit
KICK, SNARE, HAT = 36, 38, 42  # General MIDI's keys of the percussion channel

Sound = Callable[[int, int], np.ndarray]  # (samples, sample rate) -> (1, samples) at any level


@dataclass(frozen=True)
class Condition:
    """A channel, and a sound that is added, `decibels` relative to the mixture in RMS."""

    name: str
    channel: Microphone | None = None
    added: Sound | None = None
    decibels: float = 0.0

    def apply(self, track: Track) -> Track:
        """The track under this condition; its recording is the mixture with the added sound."""
        stems, mixture = np.stack(list(track.stems.values())), track.mixture
        if self.channel:
            stems = self.channel.apply(stems, track.sample_rate)
            mixture = self.channel.apply(mixture[None], track.sample_rate)[0]
        if self.added:
            sound = self.added(track.samples, track.sample_rate)
            gain = rms(mixture) / rms(sound) * 10 ** (self.decibels / 20)
            mixture = (mixture + gain * sound).astype(np.float32)
        return Track(
            track.name, track.sample_rate, dict(zip(track.stems, stems, strict=True)), mixture
        )


def white_noise(samples: int, sample_rate: int) -> np.ndarray:
    """(1, samples), always the same; equally loud at all frequencies."""
    return np.random.default_rng(0).normal(size=(1, samples)).astype(np.float32)


def drum_kit(samples: int, sample_rate: int) -> np.ndarray:
    """(1, samples) of a drum kit in eighths, by FluidSynth and FluidR3_GM."""
    kit = pretty_midi.Instrument(program=0, is_drum=True)
    for eighth in range(int(2 * samples / sample_rate / BEAT) + 1):
        struck = {0: (KICK, HAT), 2: (SNARE, HAT)}.get(eighth % 4, (HAT,))
        start = eighth * BEAT / 2
        kit.notes += [pretty_midi.Note(100, key, start, start + 0.1) for key in struck]
    midi = pretty_midi.PrettyMIDI()
    midi.instruments.append(kit)
    played = midi.fluidsynth(sample_rate, str(find_soundfont("FluidR3_GM")))
    return played[None, :samples].astype(np.float32)


def speech(samples: int, sample_rate: int) -> np.ndarray:
    """(1, samples) of an announcement, spoken by eSpeak NG and repeated."""
    spoken = _announcement(sample_rate)
    return np.tile(spoken, -(-samples // spoken.shape[1]))[:, :samples]


@cache
def _announcement(sample_rate: int) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "speech.wav"
        subprocess.run([ESPEAK, "-w", str(path), WORDS], check=True)
        return load(path, sample_rate=sample_rate, channels=1)[0]


def conditions() -> list[Condition]:
    """All conditions; speech is left out with a message where eSpeak NG is missing."""
    found = [
        Condition(f"noise {decibels} dB", added=white_noise, decibels=decibels)
        for decibels in (-30, -20, -10, 0)
    ]
    found.append(Condition("drum kit", added=drum_kit, decibels=-6.0))
    if shutil.which(ESPEAK):
        found.append(Condition("speech", added=speech))
    else:
        print(f"Speech is left out: {ESPEAK} is missing; `apt install {ESPEAK}` brings it.")
    found.append(Condition("telephone", TELEPHONE))
    found.append(Condition("old record", OLD_RECORD, white_noise, -20.0))
    return found
