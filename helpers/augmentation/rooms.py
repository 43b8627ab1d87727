"""Reverberation: rooms and positions in them, drawn and then applied like the effects."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyroomacoustics
from scipy import fft, signal

POSITIONS = 4  # of players, in each room


@dataclass(frozen=True)
class Room:
    """A shoe-box room in metres with one microphone; `absorption` is a share of energy."""

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
    """The impulse response of a room between `source` and its microphone.

    Image-source method (Allen & Berkley 1979) of pyroomacoustics. Time and level of the direct
    sound are unchanged, so that stems stay synchronous and balanced.

    Chapter: 04.
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


def room_positions(number: int) -> tuple[Reverb, ...]:
    """The positions in room `number`; only a few, because responses are slow to compute."""
    room = Room.draw(np.random.default_rng(number))
    # numpy treats the seed [number, 0] like number, so positions count from 1
    rngs = (np.random.default_rng([number, place]) for place in range(1, POSITIONS + 1))
    return tuple(Reverb.draw(rng, room) for rng in rngs)


def _direction(rng: np.random.Generator) -> np.ndarray:
    vector = rng.normal(size=3) * [1.0, 1.0, 0.3]
    return vector / np.linalg.norm(vector)


@lru_cache(maxsize=512)
def _response(reverb: Reverb, sample_rate: int) -> np.ndarray:
    """(samples,), from the direct sound on, which is 1.

    The direct sound arrives between two samples, as a sinc; the response is shifted by its exact
    delay, which turns the sinc into a single sample.
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
    cycles = fft.rfftfreq(len(response)) * delay
    shifted = fft.irfft(fft.rfft(response) * np.exp(2j * np.pi * cycles), len(response))
    return (shifted[: len(response) - int(np.ceil(delay))] / shifted[0]).astype(np.float32)
