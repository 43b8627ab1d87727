"""Separation of any length: stub models whose output for the whole file is known."""

from __future__ import annotations

import math
import tracemalloc

import numpy as np
import pytest
import torch
from torch import nn

from helpers.audio.resampling import resample
from helpers.inference.separation import separate, separate_stream


class Filters(nn.Module):
    """Two FIR filters that sum to the identity: the stems of any mixture, known exactly."""

    def __init__(self, sample_rate=8000, channels=1, segment_seconds=1.0, taps=201):
        super().__init__()
        self.sources = ("low", "high")
        self.sample_rate, self.channels = sample_rate, channels
        self.segment_seconds = segment_seconds
        low = torch.hann_window(taps, periodic=False)
        low = low / low.sum()
        identity = torch.zeros(taps)
        identity[taps // 2] = 1.0
        self.taps = nn.Parameter(torch.stack([low, identity - low])[:, None])

    def forward(self, mixture):
        batch, channels, length = mixture.shape
        rows = mixture.reshape(batch * channels, 1, length)
        stems = nn.functional.conv1d(rows, self.taps, padding=self.taps.shape[-1] // 2)
        return stems.reshape(batch, channels, 2, length).transpose(1, 2)


def noise(channels: int, samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, (channels, samples)).astype(np.float32)


def level_db(signal: np.ndarray, reference: np.ndarray) -> float:
    return 10 * math.log10(float(np.mean(signal**2) / np.mean(reference**2)) + 1e-30)


def whole(model: nn.Module, mixture: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        return model(torch.from_numpy(mixture)[None])[0].numpy()


@pytest.mark.parametrize("samples", [7999, 8000, 8001, 14096, 40001])
def test_segments_join_exactly_for_a_filter_shorter_than_their_context(samples):
    model, mixture = Filters(), noise(1, samples)
    difference = separate(model, mixture, 8000) - whole(model, mixture)
    assert level_db(difference, mixture) < -100


def test_segments_join_exactly_for_spectrogram_frames():
    class Frames(Filters):
        """Keeps the louder half of the bins of each frame: nonlinear, and bound to the frames."""

        def forward(self, mixture):
            window = torch.hann_window(1024)
            rows = nn.functional.pad(mixture.flatten(0, 1), (0, 1024))
            spectrum = torch.stft(
                rows, 1024, 256, window=window, pad_mode="constant", return_complex=True
            )
            loud = spectrum.abs() > spectrum.abs().median(dim=1, keepdim=True).values
            stems = torch.stack([spectrum * loud, spectrum * ~loud], dim=1).flatten(0, 1)
            audio = torch.istft(stems, 1024, 256, window=window, length=mixture.shape[-1])
            return audio.reshape(mixture.shape[0], 2, mixture.shape[1], -1)

    model, mixture = Frames(sample_rate=22050, segment_seconds=2.0), noise(1, 22050 * 7 + 11)
    difference = separate(model, mixture, 22050) - whole(model, mixture)
    away_from_the_ends = slice(22050, -22050)
    assert level_db(difference[..., away_from_the_ends], mixture) < -90


@pytest.mark.parametrize("rate", [4000, 8000, 44100])
@pytest.mark.parametrize("size", [1, 777, 100_000])
def test_stream_equals_separation_in_memory_to_the_bit(rate, size):
    samples = 2001 if size == 1 else 25_001
    model, mixture = Filters(), noise(2, samples)
    blocks = (mixture[:, start : start + size] for start in range(0, samples, size))
    streamed = np.concatenate(list(separate_stream(model, blocks, rate, 2)), axis=-1)
    np.testing.assert_array_equal(streamed, separate(model, mixture, rate))


@pytest.mark.parametrize("rate", [4000, 11025, 44100, 48000, 96000, 192000])
@pytest.mark.parametrize("samples", [1, 2, 100, 12345, 65537])
def test_length_is_exact_at_every_rate(rate, samples):
    mixture = noise(1, samples)
    stream = separate_stream(Filters(sample_rate=16000), [mixture], rate, 1)
    assert sum(block.shape[-1] for block in stream) == samples


@pytest.mark.parametrize("channels", [1, 2, 3, 8])
@pytest.mark.parametrize("inside", [1, 2])
def test_each_channel_is_separated_by_models_of_one_or_two_channels(channels, inside):
    model, mixture = Filters(channels=inside), noise(channels, 20_000)
    np.testing.assert_allclose(separate(model, mixture, 8000), whole(model, mixture), atol=1e-6)


def test_stems_at_another_rate_sum_to_the_mixture_below_its_band():
    rate = 48000
    time = np.arange(3 * rate) / rate
    mixture = np.sin(2 * np.pi * 440 * time, dtype=np.float32)[None] * 0.5
    total = separate(Filters(sample_rate=16000), mixture, rate).sum(axis=0)
    assert level_db((total - mixture)[:, rate:-rate], mixture) < -80


def test_resampled_separation_stays_in_time():
    """The stems of a click lie where the click is, not a resampler's delay later."""
    mixture = np.zeros((1, 96000), np.float32)
    mixture[0, 50_000] = 1.0
    mixture = resample(resample(mixture, 48000, 8000), 8000, 48000)
    total = separate(Filters(), mixture, 48000).sum(axis=0)
    assert int(np.argmax(total)) == 50_000


@pytest.mark.parametrize("rate", [8000, 44100])
def test_silence_gives_exact_silence_from_a_model_that_hums(rate):
    class Hum(Filters):
        def forward(self, mixture):
            return super().forward(mixture) + 0.1 / mixture.std()

    estimates = separate(Hum(), np.zeros((2, 3 * rate), np.float32), rate)
    assert estimates.shape == (2, 2, 3 * rate)
    assert not estimates.any()


def test_an_empty_mixture_gives_empty_stems():
    assert separate(Filters(), np.zeros((2, 0), np.float32), 44100).shape == (2, 2, 0)


def test_memory_does_not_grow_with_the_length():
    def peak(minutes: int) -> int:
        block = noise(2, 44100)
        blocks = (block for _ in range(60 * minutes))
        tracemalloc.start()
        for _ in separate_stream(Filters(sample_rate=2000, taps=3), blocks, 44100, 2):
            pass
        _, highest = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return highest

    assert peak(3) < 1.1 * peak(1) < 200e6


def test_training_mode_is_left_as_it_was_and_dropout_is_off_inside():
    model = nn.Sequential()
    model.filters, model.dropout = Filters(), nn.Dropout(0.5)
    model.sources, model.channels = model.filters.sources, 1
    model.sample_rate, model.segment_seconds = 8000, 1.0
    model.forward = lambda mixture: model.dropout(model.filters(mixture))
    model.train()
    mixture = noise(1, 9000)
    np.testing.assert_array_equal(separate(model, mixture, 8000), separate(model, mixture, 8000))
    assert model.training


def test_model_that_changes_the_length_is_refused():
    class Shorter(Filters):
        def forward(self, mixture):
            return super().forward(mixture)[..., :-1]

    with pytest.raises(ValueError, match=r"Shorter made \(1, 2, 1, "):
        separate(Shorter(), noise(1, 9000), 8000)


def test_block_with_other_channels_is_refused():
    with pytest.raises(ValueError, match=r"\(1, 10\).*\(2, samples\)"):
        list(separate_stream(Filters(), [noise(1, 10)], 8000, 2))
