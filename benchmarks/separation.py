"""How fast a recording is separated, against a stock HTDemucs on the same samples in one run."""

from __future__ import annotations

from argparse import Namespace

import numpy as np
import torch
from demucs.apply import apply_model
from demucs.htdemucs import HTDemucs

from benchmarks.tables import seconds_of, table
from helpers.inference.separation import separate
from helpers.training.checkpoints import load_model

RATE, SECONDS = 44100, 30
STEMS = ["drums", "bass", "other", "vocals"]
MODELS = ("bach-quartet", "chamber")


def measure(arguments: Namespace) -> str:
    """Real-time factor (time spent over time heard) of ours and theirs: a Markdown table."""
    mixture = stereo_noise(SECONDS)
    times = {}
    for name in (arguments.model,) if arguments.model else MODELS:
        ours = load_model(name)
        elapsed = seconds_of(lambda ours=ours: separate(ours, mixture, RATE), repeats=3)
        times[f"Divisi, `{ours_name(name)}`"] = ours, elapsed
    stock = HTDemucs(sources=STEMS, bottom_channels=512, segment=7.8).eval()
    times["HTDemucs, random weights"] = (
        stock, seconds_of(lambda: by_demucs(stock, mixture), repeats=1)
    )  # fmt: skip
    slowest = max(elapsed for _, elapsed in times.values())
    rows = [
        (
            name,
            len(model.sources),
            f"{sum(weight.numel() for weight in model.parameters()) / 1e6:.1f} M",
            f"{elapsed:.1f} s",
            f"{elapsed / SECONDS:.3f}",
            f"{slowest / elapsed:.1f}",
        )
        for name, (model, elapsed) in times.items()
    ]
    caption = (
        f"{SECONDS} s of stereo at {RATE} Hz; the real-time factor is the time"
        " spent over the time heard, less is faster."
    )
    header = ("system", "stems", "parameters", "time", "real-time factor", "times as fast")
    return caption + "\n\n" + table(header, rows)


def ours_name(name: str) -> str:
    """`bach-quartet`, where a path was given too."""
    return name.rsplit("/", 1)[-1].removesuffix(".json").removesuffix(".safetensors")


def stereo_noise(seconds: float) -> np.ndarray:
    """(2, samples) float32; how long a network takes does not depend on what it hears."""
    rng = np.random.default_rng(0)
    return rng.normal(0, 0.1, (2, round(seconds * RATE))).astype(np.float32)


def by_demucs(model: HTDemucs, mixture: np.ndarray) -> torch.Tensor:
    """demucs's own streaming: overlapping segments, no random shifts."""
    with torch.inference_mode():
        return apply_model(model, torch.from_numpy(mixture)[None], shifts=0, device="cpu")
