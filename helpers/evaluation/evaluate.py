"""From systems and tracks to rows: every stem against its estimate, in every metric."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace

import numpy as np
import torch
from torch import nn

from ..audio.offset import without_offset
from ..audio.track import Track
from ..inference.detection import detect_instruments
from ..inference.players import conditioned_on
from ..inference.separation import separate
from ..music.instruments import instrument
from ..training.conditioning import player_pairs
from .baselines import BASELINES
from .metrics import Passes, Scores, museval_sdr
from .rows import Provenance, Row

Separator = Callable[[Track], dict[str, np.ndarray]]


def model_separator(
    model: nn.Module,
    device: torch.device | str | None = None,
    *,
    conditioned: bool = False,
    detecting: bool = False,
) -> Separator:
    """A model as a function from a track to estimates by source, float32 (channels, samples).

    conditioned: a model that supports it is conditioned on those of its sources that the track
    holds, and estimates these alone. detecting: it is conditioned on the sources that it detects in
    the mixture. Chapters: 01, 04.
    """

    def separator(track: Track) -> dict[str, np.ndarray]:
        active, system = [name for name in track.instruments if name in model.sources], model
        if conditioned and active:
            system = conditioned_on(model, active)
        if detecting:
            if device is not None:
                model.to(device)
            rate, mixture = track.sample_rate, without_offset(track.mixture, track.sample_rate)
            heard = detect_instruments(model, [mixture], rate, len(mixture))
            system = conditioned_on(model, heard)
        estimates = separate(system, track.mixture, track.sample_rate, device=device)
        return dict(zip(system.sources, estimates, strict=True))

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

    museval: SDR (BSSEval v4) too. sources: the names that a model separates; `match_stems` renames
    the stems accordingly. A source without an estimate counts as a silent estimate; any other stem
    without one is skipped with a warning. An estimate of an instrument that the track does not
    contain, or that is silent in it, gets one row `leak`: its level relative to the mixture.
    Chapter: 01.
    """
    rows = []
    for track in tracks:
        track = match_stems(track, sources)
        estimates = separator(track)
        missing = [name for name in track.stems if name not in estimates]
        silence = {name: np.zeros_like(track.mixture) for name in missing if name in sources}
        estimates = estimates | silence
        if skipped := [name for name in missing if name not in sources]:
            warnings.warn(
                f"{track.name}: {system} has no estimate of {', '.join(skipped)}; not measured.",
                stacklevel=2,
            )
        rows += rows_of(
            system, track.name, track.seconds, provenance, measure(track, estimates, museval)
        )
    return rows


def evaluate_baselines(
    tracks: Iterable[Track],
    provenance: Provenance,
    *,
    sources: Sequence[str] = (),
    museval: bool = False,
) -> list[Row]:
    """The rows of floor and ceilings for the same tracks and sources. Chapter: 01."""
    untrained = provenance.untrained()
    return [
        row
        for track in tracks
        for system, separator in BASELINES.items()
        for row in evaluate(system, separator, [track], untrained, sources=sources, museval=museval)
    ]


def rows_of(
    system: str,
    track: str,
    seconds: float,
    provenance: Provenance,
    values: Iterable[tuple[str, str, float]],
) -> list[Row]:
    """Rows of values as `measure` gives them."""
    return [
        Row(system=system, track=track, instrument=name, metric=metric, value=float(value),
            n_seconds=seconds, **asdict(provenance))
        for name, metric, value in values
    ]  # fmt: skip


def measure(
    track: Track, estimates: dict[str, np.ndarray], museval: bool = False
) -> Iterator[tuple[str, str, float]]:
    """(instrument, metric, value in dB) for every estimate, (C, T) each; see `evaluate`."""
    for name, estimate in estimates.items():
        if estimate.shape != track.mixture.shape:
            raise ValueError(
                f"{track.name}: the estimate of {name} has the shape {estimate.shape}, the track "
                f"{track.mixture.shape}; a separator keeps channels and samples."
            )
    references = np.stack([stem.reshape(-1) for stem in track.stems.values()])
    signals = np.stack([each.reshape(-1) for each in (*estimates.values(), track.mixture)])
    yield from measure_passes(lambda: [(references, signals)], track.instruments, list(estimates))
    for name, estimate in estimates.items():
        if museval and name in track.stems:
            yield name, "SDR", museval_sdr(estimate, track.stems[name], track.sample_rate)


def measure_passes(
    passes: Passes, stems: Sequence[str], estimates: Sequence[str]
) -> Iterator[tuple[str, str, float]]:
    """(instrument, metric, value in dB) of signals of any length; see `evaluate`.

    passes: of the references, named `stems`, and of the estimates, named `estimates`, behind which
    the last row is the mixture. Two players of one instrument, `violin` and `violin-2`, are
    measured in the order with the higher mean SI-SDR.
    """
    mixture = len(estimates)
    own = [(each, stems.index(name)) for each, name in enumerate(estimates) if name in stems]
    sources, crossed = dict(own), {}
    for first, second in player_pairs(estimates):
        if first in sources and second in sources:
            crossed |= {first: sources[second], second: sources[first]}
    floor = dict.fromkeys((mixture, source) for _, source in own)
    scores = Scores(passes, [*own, *crossed.items(), *floor])
    for pair in player_pairs(estimates):
        if crossed.keys() >= set(pair):
            gain = sum(scores.si_sdr(e, crossed[e]) - scores.si_sdr(e, sources[e]) for e in pair)
            if gain > 0:
                sources |= {e: crossed[e] for e in pair}
    for each, name in enumerate(estimates):
        source = sources.get(each)
        name = name if source is None else stems[source]
        if source is None or not scores.sounding[source]:
            yield name, "leak", scores.level(each, mixture)
        if source is None:
            continue
        quality = scores.si_sdr(each, source)
        name = stems[source]
        yield name, "SI-SDR", quality
        yield name, "SI-SDRi", quality - scores.si_sdr(mixture, source)
        yield name, "SI-SIR", scores.si_sir(each, source)
        yield name, "SI-SAR", scores.si_sar(each, source)
        yield name, "SNR", scores.snr(each, source)


def match_stems(
    track: Track, sources: Sequence[str], counted_as: Mapping[str, str] | None = None
) -> Track:
    """The track with its stems renamed to the sources, by exact name or by instrument.

    Stems of one instrument (`violin-1`, `violin-2` for the single source `violin`) are summed,
    because a model has one estimate for them. Where it has two sources for an instrument, `violin`
    and `violin-2`, they go to these in their order. Other stems keep their names.
    counted_as: the sources of instruments that have another name.
    """
    names = matched(track.stems, sources, counted_as)
    stems: dict[str, np.ndarray] = {}
    for name, stem in track.stems.items():
        source = names[name]
        stems[source] = stems[source] + stem if source in stems else stem
    return replace(track, stems=stems)


def matched(
    names: Iterable[str], sources: Sequence[str], counted_as: Mapping[str, str] | None = None
) -> dict[str, str]:
    """For each stem the source that it belongs to, by exact name, else by instrument, or itself.

    Where a model has several players of an instrument, those without a stem of their name get its
    other stems in their order, and the last one those that are left over. counted_as: the sources
    of instruments that have another name, as `alto-saxophone`.
    """
    counted_as = counted_as or {}
    canonical = {source: _canonical(source) for source in sources}
    count = Counter(canonical.values())
    players = {key: [source] for source, key in canonical.items() if count[key] == 1}
    for pair in player_pairs(sources):
        first, second = (sources[place] for place in pair)
        players[canonical[first]] = [first, second]
    names = list(names)
    free = {key: [each for each in found if each not in names] for key, found in players.items()}
    found = {}
    for name in names:
        key = counted_as.get(_canonical(name), _canonical(name))
        if name in sources or key not in players:
            found[name] = name
        else:
            found[name] = free[key].pop(0) if free[key] else players[key][-1]
    return found


def _canonical(name: str) -> str:
    """The instrument's name in the table, or an unknown name, such as `voice 2`, as it is."""
    try:
        return instrument(name).name
    except KeyError:
        return name
