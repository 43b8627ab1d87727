"""A recording in, one file for each of its stems and mixes out, in constant memory.

`divisi separate`, the notebooks' widget and `divisi.separate` all call `separate_recording`.
"""

from __future__ import annotations

import time
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import nn

from ..audio.formats import SoundFormat
from ..audio.levels import safe_gain
from ..audio.recordings import Recording
from ..audio.track import AudioError
from ..files import check_names, drafted, moved_to_unused
from ..folders import check_space
from ..training.conditioning import OTHER
from .arranged import Rearranged, arrangement, in_order
from .detection import can_detect, detect, following
from .mixes import NO_MIXES, Mix, Mixes, names_of
from .players import (
    chosen_sources,
    conditioned_on,
    first_players,
    interchangeable,
    stem_names,
)
from .remarks import remarks_on
from .stem_drafts import (
    DRAFT,
    RESIDUAL,
    Measured,
    mixture_and_stems,
    rearranged,
    write_final,
    write_float,
    write_mixes,
)
from .written_stems import StemFiles, WrittenMix

OTHER_DB = -20.0  # the level of `other`, relative to the recording, from which it is a stem
REPORT = "separation.json"  # beside the stems of `divisi separate`


def separate_recording(
    recording: Recording,
    model: nn.Module,
    folder: Path,
    instruments: Sequence[str] | str | None = None,
    *,
    form: SoundFormat = DRAFT,
    residual: bool = False,
    mixes: Mixes = NO_MIXES,
    progress: Callable[[float], object] | None = None,
) -> StemFiles:
    """Separate `recording` into `folder`, reading it once more where instruments are detected.

    instruments: see `chosen_sources`. The model is conditioned on them; see `conditioned_on`. None:
    detected where the model can, else all. `other`, where the model has it, is a stem only if it
    has level or is asked for; else it is shared out, so that the stems sum to the recording.
    form: of the files; where it is not float, one gain keeps them all from clipping. residual: also
    write the residual. mixes: also write these. progress: called with the seconds that each step
    adds, `recording.seconds` in all.
    Raises ValueError for instruments and mixes of instruments that the model does not separate and
    for sources that are no names of files, AudioError for a mix of an instrument that is not
    detected, for files that cannot be written and for a model whose output is not finite, DiskError
    where the disk is too small for the stems.
    """
    start = time.perf_counter()
    form.check(recording.path.name, recording.sample_rate, recording.channels)
    try:
        check_names(stem_names(model.sources), [RESIDUAL, *names_of(stem_names(model.sources))])
    except ValueError as error:
        raise ValueError(f"The stems of this model cannot be written: {error}.") from error
    sources = chosen_sources(model, instruments)
    mixes.check(sources, model.sources)  # before anything is separated
    detection = None
    if not sources and can_detect(model):
        progress = _halved(progress)
        detection = detect(
            model, recording.blocks(), recording.sample_rate, recording.channels, progress=progress
        )
    keeps_other = OTHER in (*sources, *mixes.minus, *mixes.emphasise)
    sources = sources or (detection.sources if detection else ())
    stems = stems_on_disk(model, sources or model.sources) + residual
    needed = bytes_needed(recording, stems, form, mixes.count(stems))
    check_space(folder.parent, needed)  # `folder` is mostly a hidden draft
    model = conditioned_on(model, sources) if sources else model
    found = _written(recording, model, folder, sources or model.sources, mixes, keeps_other,
                     residual, progress)  # fmt: skip
    names = (*found.sources, RESIDUAL) if residual else found.sources
    measured = found.measured
    detection = detection and following(detection, measured.activity)
    gains = {meter.mix: meter.gain(measured.loudness) for meter in measured.mixes}
    written = [
        WrittenMix(meter.mix, gains[meter.mix] or 1.0, meter.level) for meter in measured.mixes
    ]
    gain = 1.0
    if not form.is_float:
        peaks = [measured.levels[name].peak for name in names]
        gain = safe_gain(max(peaks + [each.gain * each.level.peak for each in written]))
    write_mixes(folder, recording, {each.mix: gain * each.gain for each in written}, form)
    for name in names if form != DRAFT else ():
        write_final(folder, name, recording, gain, form)
    unmeasured = [mix.name for mix, own in gains.items() if own is None]
    levels = {name: measured.levels[name] for name in found.sources}
    elapsed = time.perf_counter() - start
    return StemFiles(
        recording, folder, found.model, found.sources, detection, gain, measured.levels, elapsed,
        form, tuple(written), measured.activity,
        remarks_on(recording, detection, levels, unmeasured), measured.pitches,
    )  # fmt: skip


@dataclass(frozen=True)
class _Found:
    """The float files of the stems `sources`, and the model that makes stems of these names."""

    model: nn.Module
    sources: tuple[str, ...]
    measured: Measured


def _written(
    recording: Recording,
    model: nn.Module,
    folder: Path,
    sources: Sequence[str],
    mixes: Mixes,
    keeps_other: bool,
    residual: bool,
    progress: Callable[[float], object] | None,
) -> _Found:
    """Write the stems of some sources of a model under their names, players in their order.

    Order, and whether `other` has level, are known at the end only; where they change the stems,
    these are made again of their files.
    """
    own = [name for name in sources if name != OTHER]
    own += [OTHER] if OTHER in model.sources else []
    named = dict(zip(own, stem_names(own), strict=True))
    names = tuple(named.get(name, name) for name in model.sources)
    final = tuple(named[name] for name in own)
    pairs = [pair for pair in interchangeable(model) if {names[k] for k in pair} <= {*final}]
    twins = [names[place] for pair in pairs for place in pair]
    rest = (RESIDUAL,) if residual else ()
    measured = write_float(
        folder, recording, mixture_and_stems(recording, model), names, (*final, *rest), progress,
        _chosen(recording, mixes, final), twins,
    )  # fmt: skip
    energies = {name: measured.levels[name].energy for name in final}
    drops = OTHER in final and len(final) > 1 and not keeps_other
    drops = drops and energies[OTHER] < recording.level.energy * 10 ** (OTHER_DB / 10)
    if names == tuple(model.sources) and not drops:
        return _Found(model, final, measured)
    if {*final} != {*names}:  # a model that separates all of its sources always, and some are left
        return _Found(Rearranged(model, names, torch.eye(len(names))), final, measured)
    arranged, weights = arrangement(names, pairs, measured.pitches, energies, drops)
    if not weights.equal(torch.eye(len(names))):
        final = tuple(name for name in final if name in arranged)
        again = write_float(
            folder, recording, rearranged(folder, recording, names, weights.numpy()), arranged,
            (*final, *rest), mixes=_chosen(recording, mixes, final),
        )  # fmt: skip
        measured = replace(again, pitches=in_order(measured.pitches, names, pairs))
        if drops:
            (folder / DRAFT.name(OTHER)).unlink()
    return _Found(Rearranged(model, arranged, weights), final, measured)


def _chosen(recording: Recording, mixes: Mixes, names: Sequence[str]) -> list[Mix]:
    """The mixes of these stems; AudioError for one of a stem that is not there."""
    try:
        return mixes.of(names)
    except ValueError as error:
        raise AudioError(
            f"{recording.path.name}: {str(error)[:-1]}, as detected; name the instruments"
            " (--instruments) if others play."
        ) from error


def stems_on_disk(model: nn.Module, sources: Sequence[str]) -> int:
    """How many stems, as float files, are on disk at the same time, at most.

    sources: those that are chosen or detected. () where they are still to be detected: two at
    least.
    """
    sources = sources or (("", "") if can_detect(model) else model.sources)
    count = len(sources) + (OTHER in model.sources and OTHER not in sources)
    may_change = OTHER in model.sources or first_players(sources)  # then they are written anew
    return 2 * count if may_change else count


def bytes_needed(recording: Recording, stems: int, form: SoundFormat, mixes: int = 0) -> int:
    """Peak disk space for so many stems, with the residual, and mixes of a recording."""
    # All stems in 32-bit float, the mixes, and a stem that has not yet replaced its float file.
    final = form.bytes_a_sample * (mixes + (form != DRAFT))
    return recording.frames * recording.channels * (4 * stems + final)


def zip_stems(archive: Path, files: Iterable[Path]) -> Path:
    """Move files into a zip, atomically and uncompressed: 24-bit music stays large.

    Returns its place, which is another one where `archive` exists: see `moved_to_unused`.
    """
    with drafted(archive) as draft:
        with zipfile.ZipFile(draft, "w") as file:
            for stem in files:
                file.write(stem, f"{archive.stem}/{stem.name}")
                stem.unlink()
        return moved_to_unused(draft, archive)


def _halved(progress: Callable[[float], object] | None) -> Callable[[float], object] | None:
    """Half of each step, for two passes over one recording."""
    return progress and (lambda seconds: progress(seconds / 2))
