"""What does the network for four instruments listen to? Results/10_attribution.csv.

    python -m experiments.attribution

On rendered chorales: how its stems depend on other bands and other times, which partials its masks
follow, whether this changes with random weights, and what linear probes read from its hidden
states. `untrained` is a network of the same shape with random weights, drawn anew with each seed;
`input` is the spectrum that both see. Probes are fitted with one soundfont and tested with another,
on other chorales. The notes are known, so nothing is estimated.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from functools import cache

import numpy as np
import pandas as pd
import torch
from torch import nn

from experiments.jobs import Job, run
from experiments.no_reference_pieces import synthesiser
from helpers import runtime
from helpers.audio.track import Track
from helpers.evaluation.attribution import (
    attribution_by_partials,
    beside,
    frequency_influence,
    mask_attribution,
    on_partials,
    probe,
    randomised,
    rank_correlation,
    time_influence,
)
from helpers.evaluation.results import read_table, results_path
from helpers.evaluation.rows import Provenance, Row
from helpers.inference.separation import separate
from helpers.models.mask_net import NORMALISATIONS, MaskNet, MaskNetConfig
from helpers.music.scores import CHORALE_QUARTET, Note, Part, Score, corpus_score
from helpers.music.splits import names
from helpers.synthesis.renderer import render_score
from helpers.training.checkpoints import load_model

TABLE = NOTEBOOK = "10_attribution"
MODEL, UNTRAINED, INPUT = "bach-quartet", "untrained", "input"
TEST = "rendered chorales"
RATE, RMS = 44_100, 0.05
SECONDS = 4.0  # of a piece for attribution
EDGES = (0, 250, 500, 1000, 2000, 4000, 8000)  # Hz
STEP = 0.5  # seconds
STEPS = 8  # of integrated gradients
PIECES, SEEDS = 2, 2
INITIALISATIONS = {
    "default": None, "xavier": nn.init.xavier_uniform_, "he": nn.init.kaiming_normal_,
    "orthogonal": nn.init.orthogonal_,
}  # fmt: skip
#: From the output to the input, as more and more of the network becomes random.
CASCADE = (
    "decide",
    "refine",
    "gather",
    "combine",
    "pitches",
    "recur",
    "frame",
    "narrow",
    "partials",
)
STAGES = {"the last layer": 1, "all after the LSTM": 5, "all layers": len(CASCADE)}
LAYERS = {"before the LSTM": "frame", "after the LSTM": "recur"}
#: Of a probe: split, soundfont, number of chorales.
LEARN, EXAMINE = ("training", "FluidR3_GM", 6), ("test", "TimGM6mb", 3)
SEGMENTS = 3  # of a piece, for probes
LINE = 1  # the part that all instruments play in turn: the alto


def played(score: Score, seconds: float, soundfont: str = "FluidR3_GM") -> Track:
    """The beginning of a score, with stems of equal level."""
    track = render_score(score, synthesiser(soundfont), RATE)
    samples = round(seconds * RATE)
    stems = {}
    for name, stem in track.stems.items():
        stem = np.pad(stem[:, :samples], ((0, 0), (0, max(0, samples - stem.shape[1]))))
        stems[name] = (RMS * stem / (np.std(stem) or 1.0)).astype(np.float32)
    return Track(score.title, RATE, stems)


def untrained(model: nn.Module, seed: int) -> nn.Module:
    """A network of the same shape with random weights."""
    return randomised(model, CASCADE, seed).eval()


def influences(model: nn.Module, track: Track) -> dict[str, np.ndarray]:
    """(S, n, n) of bands and of times; see `frequency_influence`."""

    def stems(mixture: np.ndarray) -> np.ndarray:
        return separate(model, mixture, RATE)

    return {
        "other bands": frequency_influence(stems, track.mixture, RATE, EDGES),
        "other times": time_influence(stems, track.mixture, RATE, STEP),
    }


def attribution(model: nn.Module, track: Track, source: str) -> tuple[np.ndarray, np.ndarray]:
    """Shares and gradients of the mask of a source, (F, N) each."""
    found, _ = mask_attribution(model, torch.from_numpy(track.mixture[0]), source, STEPS)
    return found.shares.numpy(), found.gradient.numpy()


def partials(model: nn.Module, score: Score, source: str, frames: int) -> tuple[np.ndarray, ...]:
    """Visible bins on the partials of a source and on those of the others, (F, N) each."""
    config = model.config
    hertz = np.arange(len(model.synthesis)) * RATE / config.window
    seconds = np.arange(frames) * config.hop / RATE
    own = [part.notes for part in score.parts if part.instrument == source]
    others = [part.notes for part in score.parts if part.instrument != source]
    return tuple(
        on_partials([note for notes in parts for note in notes], hertz, seconds)
        for parts in (own, others)
    )


def listening_values(number: int, seed: int) -> Iterator[tuple[str, str, str, float]]:
    """(system, instrument, metric, value) of one chorale; the seed is that of random weights."""
    score = corpus_score(names("chorale", "test")[number], CHORALE_QUARTET)
    track, model = played(score, SECONDS), load_model(MODEL)
    for system, each in ((MODEL, model), (UNTRAINED, untrained(model, seed))):
        for name, found in influences(each, track).items():
            yield system, "all", f"influence of {name}", beside(found)
    source = CHORALE_QUARTET[number % len(CHORALE_QUARTET)]
    maps = {"trained": attribution(model, track, source)}
    for stage, count in STAGES.items():
        other = randomised(model, CASCADE[:count], seed).eval()
        maps[stage] = attribution(other, track, source)
        for kind, one, new in zip(
            ("shares", "gradients"), maps["trained"], maps[stage], strict=True
        ):
            value = rank_correlation(one, new)
            yield MODEL, source, f"rank correlation of {kind}, {stage} random", value
    own, others = partials(model, score, source, maps["trained"][0].shape[1])
    for system, key in ((MODEL, "trained"), (UNTRAINED, "all layers")):
        for place, value in attribution_by_partials(maps[key][0], own, others).items():
            yield system, source, f"attribution, {place}", value


def hidden(model: nn.Module, segments: np.ndarray) -> dict[str, np.ndarray]:
    """States of each frame of segments (n, T): by layer, (n, N, units)."""
    kept: dict[str, np.ndarray] = {}
    hooks = [
        model.get_submodule(name).register_forward_hook(
            lambda _, __, output, key=key: kept.update(
                {key: (output[0] if isinstance(output, tuple) else output).numpy()}
            )
        )
        for key, name in LAYERS.items()
    ]
    with torch.no_grad():
        magnitude = model.stft(torch.from_numpy(segments)).abs()
        model.features(magnitude, model.active.expand(len(segments), -1))
        visible = magnitude[:, : model.analysis.shape[1]].transpose(1, 2)
        spectrum = torch.log(visible @ model.analysis.T / model.level(visible) + 0.01)
    for hook in hooks:
        hook.remove()
    return {INPUT: spectrum.numpy(), **kept}


@cache
def examples(
    task: str, split: str, soundfont: str, count: int, first: int
) -> tuple[np.ndarray, np.ndarray]:
    """Segments (n, T) of chorales, and the label of each frame (n, N), -1 for none.

    `pitch`: the quartet plays, and the label is the pitch of the violin. `instrument`: one of the
    four plays alone, all of them the same line, so that its register says nothing.
    """
    config = load_model(MODEL).config
    frames = config.chunk_frames
    length = (frames - 1 - config.window // config.hop) * config.hop  # the LSTM sees it at once
    waves, labels = [], []
    for work in names("chorale", split)[first : first + count]:
        score = corpus_score(work, CHORALE_QUARTET)
        takes = [(score, score.parts[0].notes, None)]
        if task == "instrument":
            line = score.parts[LINE].notes
            takes = [
                (Score(work, (Part(name, line),)), line, number)
                for number, name in enumerate(CHORALE_QUARTET)
            ]
        segments = SEGMENTS if task == "pitch" else 1
        for played_score, notes, label in takes:
            wave = played(played_score, segments * length / RATE, soundfont).mixture[0]
            for number, segment in enumerate(wave.reshape(segments, length)):
                seconds = np.arange(length // config.hop) + number * length // config.hop
                waves.append(segment)
                labels.append(sounding(notes, seconds * config.hop / RATE, label))
    return np.stack(waves), np.stack(labels)


def sounding(notes: tuple[Note, ...], seconds: np.ndarray, label: int | None) -> np.ndarray:
    """The pitch of a line at each second, or the label, -1 where it rests or is about to."""
    found = np.full(len(seconds), -1)
    for note in notes:
        inside = (seconds >= note.onset + 0.05) & (seconds < note.onset + note.duration - 0.05)
        found[inside] = round(note.pitch) if label is None else label
    return found


def probe_values(task: str, seed: int) -> Iterator[tuple[str, str, str, float]]:
    """The accuracy of probes; the seed is that of random weights and of the chorales."""
    model = load_model(MODEL)
    learn = examples(task, *LEARN, 6 * seed)
    examine = examples(task, *EXAMINE, 3 * seed)
    known = np.isin(examine[1], np.unique(learn[1])) & (examine[1] >= 0)
    common = np.bincount(learn[1][learn[1] >= 0]).argmax()
    yield "most frequent", "all", f"{task}, accuracy", float(np.mean(examine[1][known] == common))
    for system, each in ((MODEL, model), (UNTRAINED, untrained(model, seed))):
        states = [hidden(each, waves) for waves, _ in (learn, examine)]
        for layer in states[0]:
            if layer == INPUT and system == UNTRAINED:
                continue  # both see the same
            frames = learn[1].shape[1]
            x, y = (s[layer][:, :frames] for s in states)
            sounds = learn[1] >= 0
            value = probe(x[sounds], learn[1][sounds], y[known], examine[1][known])
            name = INPUT if layer == INPUT else f"{system}, {layer}"
            yield name, "all", f"{task}, accuracy", value


def first_gradients(sources: Sequence[str], seeds: int = 3) -> pd.DataFrame:
    """Of untrained mask networks: the gradient of the first convolution relative to that of the
    last, each as RMS relative to its weights; the geometric mean over seeds."""
    sizes = {"width": 8, "pitch_channels": 4, "hidden": 16, "layers": 1, "resolution": 12}
    sizes |= {"window": 1024, "hop": 512, "highest": 4000.0, "sample_rate": 8000}
    found: dict[str, dict[str, float]] = {}
    for normalisation in NORMALISATIONS:
        for name, initialise in INITIALISATIONS.items():
            ratios = []
            for seed in range(seeds):
                torch.manual_seed(seed)
                config = MaskNetConfig(tuple(sources), normalisation=normalisation, **sizes)
                model = MaskNet(config)
                for weights in model.parameters() if initialise else ():
                    if weights.ndim > 1:
                        initialise(weights)
                mixture = torch.randn(4, 1, 8000)
                (model(mixture) - torch.randn(4, len(sources), 1, 8000)).square().mean().backward()
                first, last = (_relative(layer) for layer in (model.partials[0], model.decide))
                ratios.append(np.log(first / last))
            found.setdefault(name, {})[normalisation] = float(np.exp(np.mean(ratios)))
    return pd.DataFrame(found).T.rename_axis("initialisation")


def _relative(layer: nn.Conv2d) -> float:
    weights, gradient = layer.weight.detach(), layer.weight.grad
    return float(gradient.square().mean().sqrt() / weights.square().mean().sqrt())


def jobs() -> Iterator[Job]:
    sha256 = load_model(MODEL).card["sha256"]
    where = Provenance(NOTEBOOK, TEST, config="none", checkpoint_sha256=sha256)

    def job(track: str, seed: int, values, *arguments: object) -> Job:
        def measure() -> list[Row]:
            own = asdict(replace(where, seed=seed))
            return [
                Row(system=system, track=track, instrument=instrument, metric=metric, value=value,
                    n_seconds=SECONDS, **own)
                for system, instrument, metric, value in values(*arguments, seed)
            ]  # fmt: skip

        return Job({"test_data": TEST, "seed": seed}, [track], measure)

    for seed in range(SEEDS):
        for task in ("pitch", "instrument"):
            yield job(f"probe of the {task}", seed, probe_values, task)
    for number, work in enumerate(names("chorale", "test")[:PIECES]):
        yield job(work, number, listening_values, number)


def main() -> None:
    table = results_path(TABLE)
    chosen = list(jobs())
    run(chosen[:1] if runtime.profile() == "smoke" else chosen, table, title="attribution")
    rows = read_table(table)
    print(rows.groupby(["metric", "system"])["value"].agg(["mean", "std"]).round(3).to_string())


if __name__ == "__main__":
    main()
