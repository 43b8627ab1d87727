"""Speed and memory of the separation, compared with a stock HTDemucs on the same samples."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

import numpy as np
import torch
from demucs.apply import apply_model
from demucs.htdemucs import HTDemucs

from benchmarks import memory
from benchmarks.tables import seconds_of, table
from helpers.inference.separation import separate
from helpers.training.checkpoints import available_models, load_model

RATE, SECONDS = 44100, 30
STEMS = ["drums", "bass", "other", "vocals"]
MODELS = (  # where they are
    "bach-quartet", "chamber", "ensemble", "open-unmix-violin", "resunet-quartet",
    "resunet-chamber",
)  # fmt: skip


def measure(arguments: Namespace) -> str:
    """A Markdown table of real-time factors (computing time / duration of the audio)."""
    mixture = stereo_noise(SECONDS)
    times, peaks = {}, {}
    here = [name for name in MODELS if name in available_models()]
    for name in (arguments.model,) if arguments.model else here:
        model = load_model(name)
        elapsed = seconds_of(lambda model=model: separate(model, mixture, RATE), repeats=3)
        label = f"Divisi, `{Path(name).stem}`"
        times[label] = model, elapsed
        peaks[label] = f"{memory.separate(1, name)[0]:.2f} GiB"
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
            peaks.get(name, ""),
        )
        for name, (model, elapsed) in times.items()
    ]
    caption = (
        f"{SECONDS} s of stereo at {RATE} Hz; the real-time factor is the computing time"
        " divided by the duration of the audio, less is faster. The memory is that of a whole"
        " `divisi separate` of one minute."
    )
    header = (
        "system",
        "stems",
        "parameters",
        "time",
        "real-time factor",
        "times as fast",
        "peak memory",
    )
    return caption + "\n\n" + table(header, rows)


def stereo_noise(seconds: float) -> np.ndarray:
    """(2, samples) float32; the computing time does not depend on the signal."""
    rng = np.random.default_rng(0)
    return rng.normal(0, 0.1, (2, round(seconds * RATE))).astype(np.float32)


def by_demucs(model: HTDemucs, mixture: np.ndarray) -> torch.Tensor:
    """Overlapping segments in demucs's own code, without random shifts."""
    with torch.inference_mode():
        return apply_model(model, torch.from_numpy(mixture)[None], shifts=0, device="cpu")
