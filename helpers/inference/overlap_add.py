"""Overlap-add: long audio as overlapping segments, and their estimates joined again.

At a seam each of the two segments extends about an eighth of its length further. That context is
discarded, except for a short cross-fade: the result is what the model estimates in the middle of
each segment. It equals the estimate from the whole file for every model whose receptive field is
no longer than the context; a model that normalises over its whole input (Conv-TasNet's global
layer norm) differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

FADE_SECONDS = 0.05


@dataclass(frozen=True)
class Segments:
    """Positions in samples: segment k starts at k * hop and has `length` samples.

    Its estimate is used from k * hop + margin on, after a cross-fade of `fade` samples with the
    segment before. Length and hop are multiples of a large power of two, so that STFT frames, and
    whatever else a model divides its input into, start at the same places in every segment.
    """

    length: int
    hop: int
    margin: int
    fade: int

    @classmethod
    def of(cls, seconds: float, sample_rate: int) -> Segments:
        """Segments of at most `seconds` that overlap by a quarter or slightly more."""
        length = max(round(seconds * sample_rate), 16)
        unit = cls.unit(length)
        length = length // unit * unit
        hop = length * 3 // 4 // unit * unit
        fade = min(round(FADE_SECONDS * sample_rate), (length - hop) // 2)
        return cls(length, hop, margin=(length - hop - fade) // 2, fade=fade)

    @staticmethod
    def unit(length: int) -> int:
        """The largest power of two that fits into a segment at least eight times."""
        return 1 << (length.bit_length() - 4)

    def cut(self, blocks: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, int, bool]]:
        """Blocks (C, n) -> (segment (C, <= length), offset, is_last).

        offset: how many samples the segment starts before its position. The last segment is moved
        back to hold music instead of padding, up to its full length; other offsets are zero.
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

    def join(self, segments: Iterable[tuple[np.ndarray, int, bool]]) -> Iterator[np.ndarray]:
        """(estimates (S, C, n), offset, is_last) of each segment in turn -> blocks (S, C, n)."""
        rise = (0.5 - 0.5 * np.cos(np.pi * (np.arange(self.fade) + 0.5) / self.fade)).astype("f4")
        tail = None
        start, stop = self.margin + self.fade, self.hop + self.margin
        for estimates, offset, is_last in segments:
            estimates = estimates[..., offset:]
            end = estimates.shape[-1] if is_last else stop
            if tail is None:
                yield estimates[..., :end]
            else:
                head = estimates[..., self.margin : start]
                yield np.concatenate(
                    [tail + rise * (head - tail), estimates[..., start:end]], axis=-1
                )
            tail = estimates[..., stop : stop + self.fade]
