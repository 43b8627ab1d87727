"""Two players of one instrument, kept apart from one segment of a recording to the next.

A model that tells them apart within a segment may exchange them in the next one. Where two segments
overlap both have an estimate of the same music, and the order in which these agree is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

FRAME = 2048  # samples of a spectrum that is compared

Segment = tuple[np.ndarray, int, bool]  # see `Segments.join`


def continuous(
    segments: Iterable[Segment], hop: int, pairs: Sequence[tuple[int, int]], each_channel: bool
) -> Iterator[Segment]:
    """(estimates (S, C, n), offset, is_last) of each segment, with the stems of pairs in one order.

    hop: samples between the beginnings of segments. each_channel: the channels were separated on
    their own; each follows the first.
    """
    past = None
    for estimates, offset, is_last in segments:
        estimates = estimates.copy()
        for pair in pairs:
            if each_channel:
                _follow_first_channel(estimates, pair)
            if past is not None:
                before = past[list(pair), :, hop - offset :]
                now = estimates[list(pair), :, : before.shape[-1]]
                if _are_exchanged(before[..., : now.shape[-1]], now):
                    _exchange(estimates, pair)
        past = estimates
        yield estimates, offset, is_last


def _follow_first_channel(estimates: np.ndarray, pair: tuple[int, int]) -> None:
    both = estimates[list(pair)]  # (2, C, n)
    for channel in range(1, both.shape[1]):
        if _are_exchanged(both[:, :1], both[:, channel : channel + 1]):
            _exchange(estimates[:, channel], pair)


def _exchange(estimates: np.ndarray, pair: tuple[int, int]) -> None:
    one, two = pair
    estimates[[one, two]] = estimates[[two, one]]


def _are_exchanged(first: np.ndarray, second: np.ndarray) -> bool:
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
