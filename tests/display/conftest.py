"""Models whose answers are known, recordings of tones, and a browser."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch


class Scaling(torch.nn.Module):
    """A separator whose estimate of each source is the mixture times a number."""

    sample_rate, channels, segment_seconds = 8000, 1, 1.0

    def __init__(self, **scales: float) -> None:
        super().__init__()
        self.sources = tuple(scales)
        self.scales = torch.tensor(list(scales.values()))

    def forward(self, mixture: torch.Tensor) -> torch.Tensor:
        return mixture[:, None] * self.scales[:, None, None]  # (B, C, T) -> (B, S, C, T)


@pytest.fixture
def duo() -> Scaling:
    """Violin and bassoon, seven and three tenths of the mixture, and so its sum."""
    return Scaling(violin=0.7, bassoon=0.3)


@pytest.fixture
def loud() -> Scaling:
    """A flute of twice the mixture."""
    return Scaling(flute=2.0)


@pytest.fixture
def recording(tmp_path) -> Callable[..., Path]:
    """Write a tone a channel that swells to 0.9 and fades away; returns the file's path."""

    def write(name="quartet.wav", rate=8000, channels=1, seconds=2.0, subtype="PCM_16") -> Path:
        times = np.arange(round(seconds * rate)) / rate
        tones = np.cos(2 * np.pi * 441 * np.outer(times, np.arange(1, channels + 1)))
        tones *= np.hanning(len(times))[:, None]
        soundfile.write(tmp_path / name, 0.9 * tones / np.abs(tones).max(), rate, subtype)
        return tmp_path / name

    return write


@pytest.fixture(scope="module")
def browser() -> Iterator:
    """Chromium that may play audio without a click."""
    playwright = pytest.importorskip("playwright.sync_api")
    flags = [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
        "--autoplay-policy=no-user-gesture-required",
    ]  # fmt: skip
    with playwright.sync_playwright() as engine:
        chromium = engine.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        yield chromium
        chromium.close()
