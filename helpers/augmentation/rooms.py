"""Rooms: what the walls add between a player and the microphone.

As the effects are, a room and a place in it are drawn and then applied.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyroomacoustics
from scipy import fft, signal


@dataclass(frozen=True)
class Room:
    """A shoe-box room in metres with one microphone; `absorption` is the share of energy lost."""

    size: tuple[float, float, float]
    absorption: float
    microphone: tuple[float, float, float]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Room:
        size = rng.uniform([5.0, 4.0, 2.6], [18.0, 12.0, 7.0])
        microphone = size * rng.uniform(0.3, 0.7, 3)
        return cls(tuple(size.tolist()), rng.uniform(0.15, 0.6), tuple(microphone.tolist()))


@dataclass(frozen=True)
class Reverb:
    """The response of a room between a player at `source` and its microphone.

    Image-source method (Allen & Berkley 1979) through pyroomacoustics. The direct sound stays
    where it was and keeps its level, so that stems stay in time and in balance.
    """

    room: Room
    source: tuple[float, float, float]

    @classmethod
    def draw(cls, rng: np.random.Generator, room: Room | None = None) -> Reverb:
        room = room or Room.draw(rng)
        reach = rng.uniform(0.8, 3.0) * _direction(rng)
        source = np.clip(np.array(room.microphone) + reach, 0.3, np.array(room.size) - 0.3)
        return cls(room, tuple(source.tolist()))

    def apply(self, stem: np.ndarray, sample_rate: int) -> np.ndarray:
        response = _response(self, sample_rate)
        return signal.oaconvolve(stem, response[None], axes=-1)[:, : stem.shape[-1]].astype(
            np.float32
        )


def _direction(rng: np.random.Generator) -> np.ndarray:
    vector = rng.normal(size=3) * [1.0, 1.0, 0.3]
    return vector / np.linalg.norm(vector)


@lru_cache(maxsize=512)
def _response(reverb: Reverb, sample_rate: int) -> np.ndarray:
    """Room impulse response from the direct sound on, (samples,), direct sound = 1.

    The direct sound arrives between two samples, as a sinc; the response is moved by all of its
    delay, so that the sinc becomes a single sample and nothing of it is cut off.
    """
    room = pyroomacoustics.ShoeBox(
        reverb.room.size,
        fs=sample_rate,
        materials=pyroomacoustics.Material(reverb.room.absorption),
        max_order=12,
    )
    room.add_source(reverb.source)
    room.add_microphone(reverb.room.microphone)
    room.compute_rir()
    response = room.rir[0][0]
    distance = np.linalg.norm(np.subtract(reverb.source, reverb.room.microphone))
    centre = pyroomacoustics.constants.get("frac_delay_length") // 2  # of the sinc
    delay = distance / room.c * sample_rate + centre
    turns = fft.rfftfreq(len(response)) * delay
    moved = fft.irfft(fft.rfft(response) * np.exp(2j * np.pi * turns), len(response))
    return (moved[: len(response) - int(np.ceil(delay))] / moved[0]).astype(np.float32)
