"""Separation of audio of any length, sample rate and channel count, in constant memory.

The model is any module with the separator contract. The audio passes through it in the overlapping
segments of `overlap_add`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor, nn

from ..audio.offset import without_offset
from ..audio.resampling import ResampleStream
from .continuity import Segment, continuous
from .overlap_add import Segments
from .players import interchangeable

BLOCK = 1 << 18  # samples, for reading and resampling
SHORTEST = 4096  # samples; shorter segments are padded with zeros for the model


def follows_score(model: nn.Module) -> bool:
    """Whether a separator has the notes of its recording, and must know where a segment begins."""
    return getattr(model, "follows_score", False)


def separate(
    model: nn.Module,
    mixture: np.ndarray,
    sample_rate: int,
    *,
    device: torch.device | str | None = None,
) -> np.ndarray:
    """mixture (C, T) at `sample_rate` -> estimates (S, C, T), float32, at the same rate.

    The same numbers as `separate_stream`, of the mixture without its DC offset. device: move the
    model there; by default it stays.
    """
    if device is not None:
        model.to(device)
    mixture = without_offset(mixture, sample_rate)
    channels, samples = mixture.shape
    estimates = np.empty((len(model.sources), channels, samples), dtype=np.float32)
    start = 0
    for block in separate_stream(model, [mixture], sample_rate, channels):
        estimates[..., start : start + block.shape[-1]] = block
        start += block.shape[-1]
    return estimates


def separate_stream(
    model: nn.Module, blocks: Iterable[np.ndarray], sample_rate: int, channels: int
) -> Iterator[np.ndarray]:
    """Blocks (C, n) of a mixture, of any n -> blocks (S, C, m), with as many samples in all.

    The block sizes do not change a bit of the result, and memory does not grow with the length.
    Audio at another sample rate than the model's is resampled there and back; with another number
    of channels, each channel is separated on its own. Digital silence gives digital silence. Two
    players of one instrument keep their stems throughout; which one is the first is open. The
    models expect audio without a DC offset; the blocks of a `Recording` have none.
    Raises ValueError for a block with another number of channels, and for a model that breaks the
    separator contract.
    """
    mixture = EvenBlocks(blocks, channels)
    segments = Segments.of(model.segment_seconds, model.sample_rate)
    shape = (len(model.sources), channels)
    resampled = resampled_blocks(mixture, sample_rate, model.sample_rate, (channels,))
    estimates = _separated(model, resampled, segments, channels)
    done = 0
    for block in resampled_blocks(estimates, model.sample_rate, sample_rate, shape):
        block = block[..., : mixture.samples - done]
        done += block.shape[-1]
        if block.shape[-1]:
            yield block
    if done < mixture.samples:  # resampling can round down at either end
        yield np.zeros((*shape, mixture.samples - done), dtype=np.float32)


def _separated(
    model: nn.Module, blocks: Iterable[np.ndarray], segments: Segments, channels: int
) -> Iterator[np.ndarray]:
    """Blocks (C, n) at the model's rate -> blocks (S, C, n)."""

    def estimated() -> Iterator[Segment]:
        for place, (segment, offset, is_last) in enumerate(segments.cut(blocks)):
            start = (place * segments.hop - offset) / model.sample_rate
            yield _estimate(model, segment, start), offset, is_last

    pairs, whole = interchangeable(model), estimated()
    if pairs:
        whole = continuous(
            whole, segments.hop, pairs, model.sample_rate, each_channel=channels != model.channels
        )
    return segments.join(whole)


def _estimate(model: nn.Module, segment: np.ndarray, start: float) -> np.ndarray:
    """segment (C, L) that starts at this second -> estimates (S, C, L)."""
    length = segment.shape[1]
    mixture = torch.from_numpy(np.ascontiguousarray(segment, dtype=np.float32))
    mixture = nn.functional.pad(mixture, (0, max(0, SHORTEST - length)))
    if len(mixture) == model.channels:
        return _run(model, mixture, start)[..., :length].numpy()
    answers = [
        _run(model, channel.expand(model.channels, -1), start).mean(dim=1)
        for channel in mixture.split(1)
    ]
    return torch.stack(answers, dim=1)[..., :length].numpy()


@torch.inference_mode()
def _run(model: nn.Module, mixture: Tensor, start: float) -> Tensor:
    """mixture (C, T) -> estimates (S, C, T) on the CPU; zeros for a silent mixture.

    start: when it begins in the recording, in seconds; for a model that follows a score.
    """
    expected = (1, len(model.sources), *mixture.shape)
    if not mixture.any():
        return torch.zeros(expected[1:])
    weight = next(model.parameters(), None)
    device = torch.device("cpu") if weight is None else weight.device
    was_training = model.training
    model.eval()
    try:
        place = [torch.tensor([start])] if follows_score(model) else []
        answer = model(mixture[None].to(device), *place)
    finally:
        model.train(was_training)
    if answer.shape != expected:
        raise ValueError(
            f"{type(model).__name__} made {tuple(answer.shape)} of {(1, *mixture.shape)}; a "
            f"separator returns (batch, {len(model.sources)} sources, channels, samples)."
        )
    return answer[0].float().cpu()


def resampled_blocks(
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


class EvenBlocks:
    """The same audio in blocks of one size, and a count of its samples."""

    def __init__(self, blocks: Iterable[np.ndarray], channels: int) -> None:
        self.blocks, self.channels = blocks, channels
        self.samples = 0

    def __iter__(self) -> Iterator[np.ndarray]:
        waiting: list[np.ndarray] = []
        missing = BLOCK
        for block in self.blocks:
            if block.ndim != 2 or block.shape[0] != self.channels:
                raise ValueError(
                    f"A block has the shape {block.shape}; it must be ({self.channels}, samples)."
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
