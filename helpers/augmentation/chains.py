"""Chains of effects: what each stem of a mixture goes through, and then all of them alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .effects import Compression, Detune, Equaliser, Gain, Tilt, Vibrato
from .recording_chain import Codec, Microphone, Noise
from .rooms import Reverb, Room

PLACES = 4  # where players may sit, in each room


def stem_effects(
    rng: np.random.Generator,
    places: Sequence[Reverb],
    *,
    detune: float,
    tilt: tuple[float, float],
    equaliser: float,
    compression: float,
    vibrato: float,
    gain: float,
) -> tuple:
    """From the player to the microphone, one after the other; no room where there is no place.

    detune in cents, equaliser and gain in dB: standard deviations. tilt in dB per octave: its
    range. compression, vibrato: probabilities.
    """
    effects = [
        Detune.draw(rng, detune),
        Tilt.draw(rng, *tilt),
        Equaliser.draw(rng, equaliser),
    ]
    if rng.random() < compression:
        effects.append(Compression.draw(rng))
    if places:
        effects.append(places[rng.integers(len(places))])
    (own,) = rng.spawn(1)  # so that what is drawn from `rng` stays what it was
    if own.random() < vibrato:
        effects.insert(0, Vibrato.draw(own))
    return (*effects, Gain.draw(rng, gain))


def common_effects(
    rng: np.random.Generator, *, microphone: float, noise: float, codec: float
) -> tuple:
    """The microphone, its noise and the file, with these probabilities.

    Drawn beside `rng`, which stays where it was.
    """
    shares = ((Microphone, microphone), (Noise, noise), (Codec, codec))
    own = rng.spawn(len(shares))
    return tuple(
        effect.draw(rng)
        for (effect, share), rng in zip(shares, own, strict=True)
        if rng.random() < share
    )


def transposition(rng: np.random.Generator, most: float) -> tuple:
    """Moves all stems of a mixture alike, by `most` semitones at most; drawn beside `rng`."""
    if not most:
        return ()
    (own,) = rng.spawn(1)
    return (Detune(100.0 * float(own.uniform(-most, most))),)


def seats(number: int) -> tuple[Reverb, ...]:
    """The places of the players in room `number`; few, because a response is slow to compute."""
    room = Room.draw(np.random.default_rng(number))
    # numpy takes the seed [number, 0] for number itself, so places count from 1
    places = [np.random.default_rng([number, place]) for place in range(1, PLACES + 1)]
    return tuple(Reverb.draw(rng, room) for rng in places)
