"""`make demo`: thirty seconds of a held-out chorale, rendered, separated and measured."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from helpers import runtime
from helpers.audio.track import Track
from helpers.audio.wav import save
from helpers.display.figures import save_figure
from helpers.display.players import StemPlayer
from helpers.display.plots import plot_spectrograms
from helpers.evaluation.baselines import mixture_baseline, oracle_ratio_mask
from helpers.evaluation.evaluate import model_separator
from helpers.evaluation.metrics import si_sdr
from helpers.music.scores import Score, corpus_score
from helpers.music.splits import TEST
from helpers.synthesis.fluidsynth import FluidSynth
from helpers.synthesis.renderer import render_score
from helpers.synthesis.soundfonts import find_soundfonts
from helpers.training.checkpoints import load_model
from helpers.training.conditioning import condition_on

SECONDS = 30
SAMPLE_RATE = 44_100
PEAK = 0.5  # of the mixture, -6 dB
OUTPUT = runtime.repository_root() / "demo"


def chorale(names: tuple[str, ...]) -> Score:
    """The first held-out chorale of thirty seconds or more."""
    scores = (corpus_score(name) for name in names)
    return next(score for score in scores if score.seconds >= SECONDS)


def beginning(track: Track) -> Track:
    """The first thirty seconds, with the last one faded out and one gain for all stems."""
    fade = np.ones(SECONDS * track.sample_rate, dtype=np.float32)
    fade[-track.sample_rate :] = np.linspace(1, 0, track.sample_rate)
    gain = fade * PEAK / np.abs(track.mixture).max()
    stems = {name: stem[:, : len(fade)] * gain for name, stem in track.stems.items()}
    return Track(track.name, track.sample_rate, stems)


def table(track: Track, systems: dict[str, dict[str, np.ndarray]]) -> str:
    """SI-SDR in dB: a row per instrument and one for their mean, a column per system."""
    values = np.array(
        [
            [si_sdr(estimates[name], stem).mean() for estimates in systems.values()]
            for name, stem in track.stems.items()
        ]
    )
    lines = ["SI-SDR in dB " + "".join(f"{name:>14}" for name in systems)]
    for name, row in zip([*track.stems, "mean"], [*values, values.mean(axis=0)], strict=True):
        lines.append(f"{name:<13}" + "".join(f"{value:14.1f}" for value in row))
    return "\n".join(lines)


def write(track: Track, estimates: dict[str, np.ndarray]) -> list[Path]:
    """Mixture, stems, figure and player into demo/."""
    separated = Track(f"{track.name}, separated", track.sample_rate, estimates, track.mixture)
    audio = {"mixture": track.mixture, **estimates}
    audio |= {f"true/{name}": stem for name, stem in track.stems.items()}
    paths = [OUTPUT / f"{name}.wav" for name in audio]
    for path, samples in zip(paths, audio.values(), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        save(path, samples, track.sample_rate)
    paths.append(save_figure(plot_spectrograms(separated), OUTPUT / "spectrograms.png"))
    paths.append(StemPlayer(separated, references=track).save(OUTPUT / "player.html"))
    return paths


def main() -> None:
    score = chorale(TEST)
    soundfonts = find_soundfonts()
    if not soundfonts:
        sys.exit("There is no soundfont; docs/install.md says where to put a General MIDI one.")
    print(f"{score.title} for {', '.join(part.instrument for part in score.parts)}")
    track = beginning(render_score(score, FluidSynth(soundfonts[0]), SAMPLE_RATE))
    model = load_model(runtime.DEFAULT_MODEL, runtime.pick_device())
    model = condition_on(model, track.instruments)
    start = time.perf_counter()
    estimates = model_separator(model)(track)
    seconds = time.perf_counter() - start
    print(f"separated by {runtime.DEFAULT_MODEL}: {SECONDS} s of audio in {seconds:.1f} s\n")
    systems = {
        "floor": mixture_baseline(track),
        "model": estimates,
        "oracle mask": oracle_ratio_mask(track),
    }
    print(table(track, systems) + "\n")
    for path in write(track, estimates):
        assert path.is_file(), path
        print(path.relative_to(OUTPUT.parent))


if __name__ == "__main__":
    main()
