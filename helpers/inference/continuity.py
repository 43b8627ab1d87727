"""Two players of one instrument, kept apart from one segment of a recording to the next.

A model that tells them apart within a segment may exchange them in the next one. Where two segments
overlap both have an estimate of the same music, and the order in which these agree is kept. After a
rest of both there is no such music, and the order in which their registers agree is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from .mean_pitch import MeanPitch

FRAME = 2048  # samples of a spectrum that is compared
SILENT = 1e-4  # of the mean power of two players in a segment: in an overlap below it both rest

Segment = tuple[np.ndarray, int, bool]  # see `Segments.join`


def continuous(
    segments: Iterable[Segment],
    hop: int,
    pairs: Sequence[tuple[int, int]],
    sample_rate: int,
    each_channel: bool,
) -> Iterator[Segment]:
    """(estimates (S, C, n), offset, is_last) of each segment, with the stems of pairs in one order.

    hop: samples between the beginnings of segments. each_channel: the channels were separated on
    their own; each follows the first.
    """
    past = None
    registers = {pair: Register(sample_rate) for pair in pairs}
    for estimates, offset, is_last in segments:
        estimates = estimates.copy()
        for pair, register in registers.items():
            if each_channel:
                _follow_first_channel(estimates, pair)
            both = estimates[list(pair)]
            if past is not None:
                before = past[list(pair), :, hop - offset :]
                now = both[..., : before.shape[-1]]
                before = before[..., : now.shape[-1]]
                rests = _power(before) <= SILENT * _power(past[list(pair)])
                rests |= _power(now) <= SILENT * _power(both)
                if register.are_exchanged(both) if rests else are_exchanged(before, now):
                    _exchange(estimates, pair)
            register.update(estimates[list(pair), :, offset:][..., :hop])
        past = estimates
        yield estimates, offset, is_last


class Register:
    """The mean pitches of two players so far."""

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self.pitches = [MeanPitch(sample_rate), MeanPitch(sample_rate)]

    def update(self, both: np.ndarray) -> None:
        """both: (2, C, n), without what was there before."""
        for pitch, sound in zip(self.pitches, both, strict=True):
            pitch.update(sound)

    def are_exchanged(self, both: np.ndarray) -> bool:
        """Whether two stems (2, C, n) are nearer to the mean pitches after an exchange.

        One that is silent is near to both.
        """
        new = Register(self.sample_rate)
        new.update(both)
        old, new = (np.array([p.value() for p in each.pitches]) for each in (self, new))
        distance = np.abs(old - new[:, None]) * (old > 0) * (new > 0)[:, None]
        return bool(distance[0, 1] + distance[1, 0] < distance[0, 0] + distance[1, 1])


def _power(sound: np.ndarray) -> float:
    return float(np.square(sound).mean()) if sound.size else 0.0


def _follow_first_channel(estimates: np.ndarray, pair: tuple[int, int]) -> None:
    both = estimates[list(pair)]  # (2, C, n)
    for channel in range(1, both.shape[1]):
        if are_exchanged(both[:, :1], both[:, channel : channel + 1]):
            _exchange(estimates[:, channel], pair)


def _exchange(estimates: np.ndarray, pair: tuple[int, int]) -> None:
    one, two = pair
    estimates[[one, two]] = estimates[[two, one]]


def are_exchanged(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two estimates (2, C, n) of one pair agree better after an exchange."""
    a, b = _magnitudes(first), _magnitudes(second)
    return bool((a * b[::-1]).sum() > (a * b).sum())


def _magnitudes(sound: np.ndarray) -> np.ndarray:
    """(2, C, n) -> magnitudes of the spectra of successive frames (2, C, frames, bins).

    Magnitudes, because two microphones hear one player with a delay.
    """
    missing = -sound.shape[-1] % FRAME
    padded = np.pad(sound, ((0, 0), (0, 0), (0, missing)))
    frames = padded.reshape(*sound.shape[:2], -1, FRAME)
    return np.abs(np.fft.rfft(frames * np.hanning(FRAME).astype(np.float32)))
