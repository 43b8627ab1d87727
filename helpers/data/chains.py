"""Chains of effects: what each stem of a mixture goes through, and then all of them alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from helpers.sound.capture import Codec, Microphone, Noise
from helpers.sound.effects import Compression, Detune, Equaliser, Gain, Tilt, Vibrato
from helpers.sound.rooms import Reverb, Room

if TYPE_CHECKING:
    from helpers.data.mixing import MixingConfig

PLACES = 4  # where players may sit, in each room


def stem_effects(rng: np.random.Generator, config: MixingConfig, places: Sequence[Reverb]) -> tuple:
    """From the player to the microphone, one after the other; no room where there is no place."""
    effects = [
        Detune.draw(rng, config.detune),
        Tilt.draw(rng, *config.tilt),
        Equaliser.draw(rng, config.equaliser),
    ]
    if rng.random() < config.compression:
        effects.append(Compression.draw(rng))
    if places:
        effects.append(places[rng.integers(len(places))])
    (own,) = rng.spawn(1)  # so that what is drawn from `rng` stays what it was
    if own.random() < config.vibrato:
        effects.insert(0, Vibrato.draw(own))
    return (*effects, Gain.draw(rng, config.gain))


def common_effects(rng: np.random.Generator, config: MixingConfig) -> tuple:
    """The microphone, its noise and the file; drawn beside `rng`, which stays where it was."""
    shares = ((Microphone, config.microphone), (Noise, config.noise), (Codec, config.codec))
    own = rng.spawn(len(shares))
    return tuple(
        effect.draw(rng)
        for (effect, share), rng in zip(shares, own, strict=True)
        if rng.random() < share
    )


def transposition(rng: np.random.Generator, config: MixingConfig) -> tuple:
    """What moves all stems of a mixture alike, to another concert pitch; drawn beside `rng`."""
    most = config.transposed
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
