"""Resampling, whole or in blocks, to an exact length."""

from __future__ import annotations

import numpy as np
import soxr


def resampled_length(samples: int, rate_in: int, rate_out: int) -> int:
    """`samples * rate_out / rate_in`, rounded half up, and at least 1 unless `samples` is 0."""
    exact = (2 * samples * rate_out + rate_in) // (2 * rate_in)
    return max(exact, min(samples, 1))


def resample(audio: np.ndarray, rate_in: int, rate_out: int) -> np.ndarray:
    """(channels, samples) or (samples,) at `rate_out`, float32, `resampled_length` long."""
    audio = np.asarray(audio, dtype=np.float32)
    if rate_in == rate_out:
        return audio
    resampled = soxr.resample(np.ascontiguousarray(audio.T), rate_in, rate_out).T
    return _fit(resampled, resampled_length(audio.shape[-1], rate_in, rate_out))


class ResampleStream:
    """`resample` for audio in blocks: the same numbers, in constant memory.

    stream = ResampleStream(44100, 22050, channels=2)
    for block in blocks: write(stream.push(block))
    write(stream.flush())
    """

    def __init__(self, rate_in: int, rate_out: int, channels: int) -> None:
        self.rate_in, self.rate_out = rate_in, rate_out
        self._soxr = soxr.ResampleStream(rate_in, rate_out, channels, dtype="float32")
        self._channels = channels
        self._pushed = self._returned = 0

    def push(self, block: np.ndarray) -> np.ndarray:
        """(channels, n) in, (channels, m) out; m varies, and is often 0 at the start."""
        self._pushed += block.shape[1]
        if self.rate_in == self.rate_out:
            return block
        frames = np.ascontiguousarray(block.T, dtype=np.float32)
        return self._count(self._soxr.resample_chunk(frames).T)

    def flush(self) -> np.ndarray:
        """The rest, (channels, m). All blocks have `resampled_length` samples in total."""
        if self.rate_in == self.rate_out:
            return np.zeros((self._channels, 0), dtype=np.float32)
        nothing = np.zeros((0, self._channels), dtype=np.float32)
        rest = self._soxr.resample_chunk(nothing, last=True).T
        total = resampled_length(self._pushed, self.rate_in, self.rate_out)
        return self._count(_fit(rest, max(total - self._returned, 0)))

    def _count(self, block: np.ndarray) -> np.ndarray:
        self._returned += block.shape[1]
        return np.ascontiguousarray(block)


def _fit(audio: np.ndarray, length: int) -> np.ndarray:
    """Cut or zero-pad the last axis to `length`; soxr's own rounding can differ by a sample."""
    missing = max(length - audio.shape[-1], 0)
    if missing:
        audio = np.pad(audio, [(0, 0)] * (audio.ndim - 1) + [(0, missing)])
    return np.ascontiguousarray(audio[..., :length])
