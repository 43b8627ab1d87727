"""Any separator model on audio of any length, rate and channel count, in constant memory.

The audio passes through the model in the overlapping windows of `windows.py`, so that a model with
a finite receptive field gives what it would give for the whole file at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from ..audio.resampling import ResampleStream
from .overlap_add import Windows

BATCH = 2  # windows, or channels of windows, in one call of the model
BLOCK = 1 << 18  # samples, for reading and resampling
SHORTEST = 4096  # samples; what is shorter is padded with zeros for the model


def separate(
    model: nn.Module,
    mixture: np.ndarray,
    sample_rate: int,
    *,
    progress: Callable[[float], None] | None = None,
    device: torch.device | str | None = None,
) -> np.ndarray:
    """mixture (C, T) at `sample_rate` -> estimates (S, C, T), float32, at the same rate.

    The same numbers as `separate_stream`, which tells the rest.
    """
    channels, samples = mixture.shape
    estimates = np.empty((len(model.sources), channels, samples), dtype=np.float32)
    stream = separate_stream(
        model, [mixture], sample_rate, channels, progress=progress, device=device
    )
    start = 0
    for block in stream:
        estimates[..., start : start + block.shape[-1]] = block
        start += block.shape[-1]
    return estimates


def separate_stream(
    model: nn.Module,
    blocks: Iterable[np.ndarray],
    sample_rate: int,
    channels: int,
    *,
    progress: Callable[[float], None] | None = None,
    device: torch.device | str | None = None,
) -> Iterator[np.ndarray]:
    """Blocks (C, n) of a mixture, of any n -> blocks (S, C, m), as many samples in all.

    How the mixture is cut into blocks does not change a bit of the result. Memory does not grow
    with the length. Where the model has another rate, the audio is resampled there and back; where
    it has another number of channels, each channel is separated by itself. Digital silence gives
    digital silence. progress: called with the seconds that are done. device: where the model is
    moved to; by default it stays where it is.

    Raises ValueError for a block with another number of channels, and for a model that breaks the
    separator contract.
    """
    if device is not None:
        model.to(device)
    mixture = _EvenBlocks(blocks, channels)
    windows = Windows.of(model.segment_seconds, model.sample_rate)
    shape = (len(model.sources), channels)
    there = _resampled(mixture, sample_rate, model.sample_rate, (channels,))
    estimates = _separated(model, there, windows, channels)
    back = _resampled(estimates, model.sample_rate, sample_rate, shape)
    done = 0
    for block in back:
        block = block[..., : mixture.samples - done]
        done += block.shape[-1]
        if block.shape[-1]:
            yield block
            if progress is not None:
                progress(done / sample_rate)
    if done < mixture.samples:  # a fraction of a sample of the model, lost on the way back
        yield np.zeros((*shape, mixture.samples - done), dtype=np.float32)


def _separated(
    model: nn.Module, blocks: Iterable[np.ndarray], windows: Windows, channels: int
) -> Iterator[np.ndarray]:
    """Blocks (C, n) at the model's rate -> blocks (S, C, n)."""
    size = BATCH if channels == model.channels else max(1, BATCH // channels)

    def estimated() -> Iterator[tuple[np.ndarray, int, bool]]:
        for batch in _batches(windows.cut(blocks), size):
            estimates = _estimate(model, np.stack([window for window, _, _ in batch]))
            for estimate, (_, offset, last) in zip(estimates, batch, strict=True):
                yield estimate, offset, last

    return windows.join(estimated())


def _batches(windows: Iterable[tuple], size: int) -> Iterator[list[tuple]]:
    """Groups of up to `size` neighbours whose windows have the same shape."""
    batch: list[tuple] = []
    for window in windows:
        if batch and (len(batch) == size or window[0].shape != batch[0][0].shape):
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


def _estimate(model: nn.Module, windows: np.ndarray) -> np.ndarray:
    """windows (N, C, L) -> estimates (N, S, C, L)."""
    count, channels, length = windows.shape
    mixture = torch.from_numpy(np.ascontiguousarray(windows, dtype=np.float32))
    mixture = nn.functional.pad(mixture, (0, max(0, SHORTEST - length)))
    if channels == model.channels:
        return _run(model, mixture)[..., :length].numpy()
    single = mixture.reshape(count * channels, 1, -1)  # (N, C, L) -> (N * C, 1, L)
    answers = [_run(model, rows.expand(-1, model.channels, -1)) for rows in single.split(BATCH)]
    estimates = torch.cat(answers).mean(dim=2)  # (N * C, S, L)
    return estimates.unflatten(0, (count, channels)).transpose(1, 2)[..., :length].numpy()


@torch.inference_mode()
def _run(model: nn.Module, mixture: Tensor) -> Tensor:
    """mixture (B, C, T) -> estimates (B, S, C, T) on the CPU; a silent mixture gives silence."""
    weight = next(model.parameters(), None)
    device = torch.device("cpu") if weight is None else weight.device
    batch, channels, length = mixture.shape
    estimates = torch.zeros(batch, len(model.sources), channels, length)
    sounding = mixture.abs().amax(dim=(1, 2)) > 0
    if not sounding.any():
        return estimates
    was_training = model.training
    model.eval()
    try:
        answer = model(mixture[sounding].to(device))
    finally:
        model.train(was_training)
    if answer.shape[1:] != estimates.shape[1:]:
        raise ValueError(
            f"{type(model).__name__} made {tuple(answer.shape)} of {tuple(mixture.shape)}; a "
            f"separator returns (batch, {len(model.sources)} sources, channels, samples)."
        )
    estimates[sounding] = answer.float().cpu()
    return estimates


def _resampled(
    blocks: Iterable[np.ndarray], rate_in: int, rate_out: int, lead: tuple[int, ...]
) -> Iterator[np.ndarray]:
    """Blocks (*lead, n) at one rate -> blocks (*lead, m) at the other."""
    rows = math.prod(lead)
    stream = ResampleStream(rate_in, rate_out, rows)
    for block in blocks:
        pushed = stream.push(block.reshape(rows, block.shape[-1]))
        yield pushed.reshape(*lead, pushed.shape[-1])
    rest = stream.flush()
    yield rest.reshape(*lead, rest.shape[-1])


class _EvenBlocks:
    """The same audio in blocks of one size, whatever size they come in; counts the samples."""

    def __init__(self, blocks: Iterable[np.ndarray], channels: int) -> None:
        self.blocks, self.channels = blocks, channels
        self.samples = 0

    def __iter__(self) -> Iterator[np.ndarray]:
        waiting: list[np.ndarray] = []
        missing = BLOCK
        for block in self.blocks:
            if block.ndim != 2 or block.shape[0] != self.channels:
                raise ValueError(
                    f"A block of shape {block.shape} came where ({self.channels}, samples) was due."
                )
            self.samples += block.shape[1]
            while block.shape[1] >= missing:
                yield _joined([*waiting, block[:, :missing]])
                block, waiting, missing = block[:, missing:], [], BLOCK
            if block.shape[1]:
                waiting.append(block)
                missing -= block.shape[1]
        if waiting:
            yield _joined(waiting)


def _joined(blocks: list[np.ndarray]) -> np.ndarray:
    return blocks[0] if len(blocks) == 1 else np.concatenate(blocks, axis=1)
