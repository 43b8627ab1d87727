"""Long audio as overlapping windows, and their estimates joined without a trace.

Where two neighbours meet, each has heard about an eighth of a window beyond the seam. That context
is thrown away, but for a short cross-fade: the result is what the middle of each window says. It is
what the model says of the whole file wherever that depends on no more than the context; a model
that normalises over all the audio it is given (Conv-TasNet's global layer norm) differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

FADE_SECONDS = 0.05


@dataclass(frozen=True)
class Windows:
    """Where the windows lie, in samples: window k starts at k * hop and is `length` long.

    Its estimate counts from k * hop + margin, after a cross-fade of `fade` with its predecessor.
    Length and hop are multiples of a power of two, a large one, so that the frames of an STFT and
    whatever else a model cuts its input into start at the same places in every window.
    """

    length: int
    hop: int
    margin: int
    fade: int

    @classmethod
    def of(cls, seconds: float, sample_rate: int) -> Windows:
        """Windows of at most `seconds` that share a quarter of their length, or a little more."""
        length = max(round(seconds * sample_rate), 16)
        unit = cls.unit(length)
        length = length // unit * unit
        hop = length * 3 // 4 // unit * unit
        fade = min(round(FADE_SECONDS * sample_rate), (length - hop) // 2)
        return cls(length, hop, margin=(length - hop - fade) // 2, fade=fade)

    @staticmethod
    def unit(length: int) -> int:
        """The largest power of two of which a window holds at least eight."""
        return 1 << (length.bit_length() - 4)

    def cut(self, blocks: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, int, bool]]:
        """Blocks (C, n) -> (window (C, <= length), offset, last).

        offset: how many samples the window begins before its place. The last window is moved back
        so that it hears music, not padding, up to its full length; other offsets are zero.
        """
        past, ahead = None, None
        for block in blocks:
            ahead = block if ahead is None else np.concatenate([ahead, block], axis=1)
            while ahead.shape[1] > self.length:
                yield ahead[:, : self.length], 0, False
                past, ahead = ahead[:, : self.hop], ahead[:, self.hop :]
        if ahead is None:
            return
        unit = self.unit(self.length)
        offset = 0 if past is None else (self.length - ahead.shape[1]) // unit * unit
        if offset:
            ahead = np.concatenate([past[:, -offset:], ahead], axis=1)
        yield ahead, offset, True

    def join(self, windows: Iterable[tuple[np.ndarray, int, bool]]) -> Iterator[np.ndarray]:
        """(estimates (S, C, n), offset, last) of each window in turn -> blocks (S, C, n)."""
        rise = (0.5 - 0.5 * np.cos(np.pi * (np.arange(self.fade) + 0.5) / self.fade)).astype("f4")
        tail = None
        start, stop = self.margin + self.fade, self.hop + self.margin
        for estimates, offset, last in windows:
            estimates = estimates[..., offset:]
            end = estimates.shape[-1] if last else stop
            if tail is None:
                yield estimates[..., :end]
            else:
                head = estimates[..., self.margin : start]
                yield np.concatenate(
                    [tail + rise * (head - tail), estimates[..., start:end]], axis=-1
                )
            tail = estimates[..., stop : stop + self.fade]
