"""From systems and tracks to rows: every stem against its estimate, in every metric."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace

import numpy as np
import torch
from torch import nn

from ..audio.track import Track
from ..inference.detection import detect_and_condition
from ..inference.separation import separate
from ..music.instruments import instrument
from ..training.conditioning import condition_on
from .baselines import BASELINES
from .metrics import leak, museval_sdr, si_sar, si_sdr, si_sir, snr
from .rows import Provenance, Row

Separator = Callable[[Track], dict[str, np.ndarray]]


def model_separator(
    model: nn.Module,
    device: torch.device | str | None = None,
    *,
    conditioned: bool = False,
    detecting: bool = False,
) -> Separator:
    """A model in the shape that the baselines have: Track -> an estimate per source.

    naming: a model that can be told who plays is told which of its sources the track holds, and
    estimates these alone. listening: it finds out for itself, and estimates whom it hears.
    """

    def separator(track: Track) -> dict[str, np.ndarray]:
        playing = [name for name in track.instruments if name in model.sources]
        # One that is said to play alone would be the whole recording.
        separator_model = (
            condition_on(model, playing) if conditioned and len(playing) > 1 else model
        )
        if detecting:
            if device is not None:
                model.to(device)
            rate, channels = track.sample_rate, len(track.mixture)
            separator_model = detect_and_condition(model, [track.mixture], rate, channels)
        estimates = separate(separator_model, track.mixture, track.sample_rate, device=device)
        return dict(zip(separator_model.sources, estimates, strict=True))

    return separator


def evaluate(
    system: str,
    separator: Separator,
    tracks: Iterable[Track],
    provenance: Provenance,
    *,
    sources: Sequence[str] = (),
    museval: bool = False,
) -> list[Row]:
    """Rows of SI-SDR, SI-SDRi, SI-SIR, SI-SAR and SNR for every stem of every track.

    museval: SDR (BSSEval v4) too. sources: the names that a model separates; stems are matched to
    them by `matched`. Of one of these that the system does not return, its estimate is silence; any
    other stem that it has no estimate of is skipped with a warning. An estimate of an instrument
    that the track does not hold, or that is silent in it, gets one row `leak`: its level relative
    to the mixture.
    """
    rows = []
    for track in tracks:
        track = matched(track, sources)
        estimates = separator(track)
        missed = [name for name in track.stems if name in sources and name not in estimates]
        estimates = estimates | {name: np.zeros_like(track.mixture) for name in missed}
        skipped = [name for name in track.stems if name not in estimates]
        if skipped:
            warnings.warn(
                f"{track.name}: {system} has no estimate of {', '.join(skipped)}; not measured.",
                stacklevel=2,
            )
        rows += [
            Row(
                system=system,
                track=track.name,
                instrument=name,
                metric=metric,
                value=float(value),
                n_seconds=track.seconds,
                **asdict(provenance),
            )
            for name, metric, value in measure(track, estimates, museval)
        ]
    return rows


def evaluate_baselines(
    tracks: Iterable[Track],
    provenance: Provenance,
    *,
    sources: Sequence[str] = (),
    museval: bool = False,
) -> list[Row]:
    """The rows of floor and ceilings for the same tracks, matched to the same sources."""
    nothing = replace(provenance, train_data="none", config="none", checkpoint_sha256="none")
    rows = []
    for track in tracks:
        for system, separator in BASELINES.items():
            rows += evaluate(system, separator, [track], nothing, sources=sources, museval=museval)
    return rows


def measure(
    track: Track, estimates: dict[str, np.ndarray], museval: bool = False
) -> Iterator[tuple[str, str, float]]:
    """(instrument, metric, value in dB) for every estimate, (C, T) each; see `evaluate`."""
    names = list(track.stems)
    references = np.stack([stem.reshape(-1) for stem in track.stems.values()])
    mixture = track.mixture.reshape(-1)
    for name, estimate in estimates.items():
        if estimate.shape != track.mixture.shape:
            raise ValueError(
                f"{track.name}: the estimate of {name} is of shape {estimate.shape}, the track of "
                f"{track.mixture.shape}; a separator keeps channels and samples."
            )
        if name not in names or not track.stems[name].any():
            yield name, "leak", leak(estimate, track.mixture)
        if name not in names:
            continue
        flat, source = estimate.reshape(-1), names.index(name)
        quality = si_sdr(flat, references[source])
        yield name, "SI-SDR", quality
        yield name, "SI-SDRi", quality - si_sdr(mixture, references[source])
        yield name, "SI-SIR", si_sir(flat, references, source)
        yield name, "SI-SAR", si_sar(flat, references, source)
        yield name, "SNR", snr(flat, references[source])
        if museval:
            yield name, "SDR", museval_sdr(estimate, track.stems[name], track.sample_rate)


def against_the_rest(track: Track, target: str) -> Track:
    """The track as two stems, `target` and `rest`, the sum of all others."""
    others = [stem for name, stem in track.stems.items() if name != target]
    rest = np.sum(others, axis=0, dtype=np.float32)
    return replace(track, stems={target: track.stems[target], "rest": rest})


def matched(track: Track, sources: Sequence[str]) -> Track:
    """The track with its stems called as the sources are, by exact name or as instruments.

    Stems of one instrument (`violin-1`, `violin-2` for the only source `violin`) are summed, since
    a model has one estimate for them. Other stems stay as they are.
    """
    canonical = {source: _canonical(source) for source in sources}
    shared = Counter(canonical.values())
    alone = {key: source for source, key in canonical.items() if shared[key] == 1}
    stems: dict[str, np.ndarray] = {}
    for name, stem in track.stems.items():
        target = name if name in sources else alone.get(_canonical(name), name)
        stems[target] = stems[target] + stem if target in stems else stem
    return replace(track, stems=stems)


def _canonical(name: str) -> str:
    """The instrument's name in the table, or the name itself where it is none, as in `voice 2`."""
    try:
        return instrument(name).name
    except KeyError:
        return name
