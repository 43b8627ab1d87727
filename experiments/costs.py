"""What a system costs: size, training, computing time and memory.

    python -m experiments.costs chamber violin piano

prints time and memory of a separation in a process of its own, as JSON.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from experiments.processes import finished
from experiments.systems import SYSTEMS, Cards, System, training_examples
from helpers import runtime
from helpers.audio.track import Track
from helpers.training.execution import fast_precision
from helpers.training.losses import negative_snr

RATE, THREADS = 44_100, 2
SECONDS, REPEATS = (2.0, 1) if runtime.profile() == "smoke" else (20.0, 2)
PARAMETERS, EXAMPLES = "parameters", "training examples"
FACTOR, MEMORY, SIZE = "real-time factor", "peak memory (MB)", "size of the weights (MB)"


def costs(
    system: System, instruments: Sequence[str], cards: Cards
) -> tuple[dict[str, float], float, str]:
    """(value by name, seconds of audio, device) of the separation of an ensemble.

    real-time factor: computing time of all stems, on two threads, divided by the duration of the
    audio. peak memory: of the whole process, in 10^6 bytes.
    """
    needed = system.needed(instruments)
    measured = in_own_process(system, instruments)
    files = [runtime.checkpoints_root() / f"{name}.safetensors" for name in needed]
    values = {
        PARAMETERS: float(sum(cards[name]["parameters"] for name in needed)),
        EXAMPLES: float(sum(training_examples(cards[name], cards) for name in needed)),
        SIZE: sum(file.stat().st_size for file in files) / 1e6,
        FACTOR: measured["elapsed"] / SECONDS,
        MEMORY: measured["peak"] / 1e6,
    }
    return values, SECONDS, measured["device"]


def in_own_process(system: System, instruments: Sequence[str]) -> dict:
    """`elapsed` seconds, `device`, and the `peak` resident memory in bytes."""
    process = finished("experiments.costs", system.name, *instruments)
    return json.loads(process.output) | {"peak": process.peak}


def seconds_a_step(model: nn.Module, mixtures: Dataset, batch: int, steps: int = 4) -> float:
    """Processor time of one core per training step, with mixing; the first step is left out."""
    torch.set_num_threads(1)
    batches = iter(DataLoader(mixtures, batch))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6)
    reduced, times = fast_precision() != "32-true", []
    for _ in range(steps):
        start = time.process_time()
        mixture, stems = next(batches)
        with torch.autocast("cpu", torch.bfloat16, enabled=reduced):
            estimates = model(mixture)
        negative_snr(estimates.float(), stems).backward()
        optimizer.step()
        optimizer.zero_grad()
        times.append(time.process_time() - start)
    return sum(times[1:]) / (steps - 1)


def noise(instruments: Sequence[str], seconds: float = SECONDS) -> Track:
    """A stem of noise for each instrument; the computing time does not depend on the signal."""
    rng = np.random.default_rng(0)
    shape = (1, round(seconds * RATE))
    return Track(
        "noise", RATE, {name: rng.normal(0, 0.1, shape).astype(np.float32) for name in instruments}
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("system", choices=[system.name for system in SYSTEMS])
    parser.add_argument("instruments", nargs="+")
    arguments = parser.parse_args()
    torch.set_num_threads(THREADS)
    system = next(system for system in SYSTEMS if system.name == arguments.system)
    separator, track = system.separator(arguments.instruments), noise(arguments.instruments)
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        separator(track)
        times.append(time.perf_counter() - start)
    print(json.dumps({"elapsed": min(times), "device": runtime.describe_device("cpu")}))


if __name__ == "__main__":
    main()
