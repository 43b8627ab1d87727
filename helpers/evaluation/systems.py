"""Measure stems against those of pieces on disk: what `divisi separate` writes, or any files.

A piece that cannot be measured costs no other one.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from torch import nn

from ..audio.audio import AudioFile
from ..audio.track import AudioError
from ..datasets.stem_folders import StemFolder
from ..folders import DiskError
from ..inference.detection import can_detect
from ..inference.players import ALL, counted_as, source_of
from ..inference.stem_files import separate_recording
from .baselines import BASELINES
from .evaluate import matched, measure_passes, rows_of
from .pieces import Piece, examine_piece, write_mixture
from .rows import Provenance, Row

NAMED = "named"  # for `instruments`: those of the stems


class System(Protocol):
    """What has stems to measure: `ModelStems`, or `WrittenStems` of `estimates.py`.

    examine: reads all files of a piece. measure: (instrument, metric, value in dB) of its stems.
    Both raise AudioError for a piece that cannot be measured.
    """

    name: str

    def provenance(self, test_data: str) -> Provenance: ...
    def examine(self, folder: StemFolder) -> Piece: ...
    def measure(self, piece: Piece) -> Iterator[tuple[str, str, float]]: ...


def evaluate_pieces(
    folders: Mapping[str, StemFolder], system: System, test_data: str, baselines: bool = True
) -> Iterator[tuple[str, list[Row] | AudioError]]:
    """For each piece its name and rows, or why it cannot be measured; the latter come first.

    Chapter: 04.
    """
    pieces = []
    for name, folder in folders.items():
        try:
            pieces.append(system.examine(replace(folder, name=name)))
        except AudioError as error:
            yield name, error
    where = system.provenance(test_data)
    for piece in pieces:
        try:
            rows = rows_of(system.name, piece.name, piece.seconds, where, system.measure(piece))
            rows += baseline_rows(piece, where) if baselines else []
        except AudioError as error:
            yield piece.name, error
        else:
            yield piece.name, rows


@dataclass(frozen=True)
class ModelStems:
    """The stems that `divisi separate` writes with a model.

    instruments: how the model knows them: None, detected where it can; NAMED, those of the stems;
    ALL. name: of the model in the rows.
    """

    name: str
    model: nn.Module
    instruments: str | None = None

    def provenance(self, test_data: str) -> Provenance:
        """Of its rows; their config ends with how the instruments are known."""
        card = getattr(self.model, "card", None)
        known = self.instruments or ("detected" if can_detect(self.model) else ALL)
        where = (
            Provenance.of_model(card, test_data, next(self.model.parameters()).device)
            if card
            else Provenance("none", test_data, config=type(self.model).__name__)
        )
        return replace(where, config=f"{where.config} (instruments {known})")

    def examine(self, folder: StemFolder) -> Piece:
        return examine_piece(
            folder, matched(folder.stems, self.model.sources, counted_as(self.model))
        )

    def measure(self, piece: Piece) -> Iterator[tuple[str, str, float]]:
        sources = self.model.sources
        named = [name for name in piece.stems if name in sources]
        if self.instruments == NAMED and not named:
            raise AudioError(
                f"{piece.name}: the model separates none of {', '.join(piece.stems)}; it separates"
                f" {', '.join(sources)}."
            )
        chosen = named if self.instruments == NAMED else self.instruments
        with tempfile.TemporaryDirectory(prefix="divisi-") as folder, ExitStack() as stack:
            mixture = piece.mixture or write_mixture(piece, Path(folder, "sum.wav"))
            stems = Path(folder, "stems")
            stems.mkdir()
            try:
                done = separate_recording(mixture, self.model, stems, chosen)
            except DiskError as error:
                found = str(error).partition(";")[0]
                raise AudioError(
                    f"{piece.name}: {found}; make room or set TMPDIR to another folder."
                ) from error
            files = {source_of(n, sources): AudioFile(stems / f"{n}.wav") for n in done.sources}
            missing = [name for name in piece.stems if name not in files]
            if skipped := [name for name in missing if name not in sources]:
                warnings.warn(
                    f"{piece.name}: {self.name} has no estimate of {', '.join(skipped)}; not"
                    " measured.",
                    stacklevel=2,
                )
            written = {name: [stack.enter_context(file)] for name, file in files.items()}
            silent = [name for name in missing if name in sources]
            yield from measure_stems(piece, replace(piece, stems=written, mixture=None), silent)


def measure_stems(
    piece: Piece, estimates: Piece, silent: Sequence[str] = ()
) -> Iterator[tuple[str, str, float]]:
    """(instrument, metric, value in dB) of the stems of `estimates`, and of silence for `silent`.

    Both pieces have the same number of channels and frames at the same rate.
    """

    def passes() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for (references, mixture), (parts, _) in zip(
            piece.blocks(), estimates.blocks(), strict=True
        ):
            silence = [np.zeros_like(mixture)] * len(silent)
            signals = np.stack([*parts, *silence, mixture])
            yield references.reshape(len(references), -1), signals.reshape(len(signals), -1)

    yield from measure_passes(passes, list(piece.stems), [*estimates.stems, *silent])


def baseline_rows(piece: Piece, where: Provenance) -> list[Row]:
    """The rows of floor and ceilings."""
    untrained = where.untrained()
    names, rows = list(piece.stems), []
    for system, separator in BASELINES.items():

        def passes(separator=separator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for track, new in piece.tracks():
                estimates = separator(track)
                references = np.stack([track.stems[name][:, new] for name in names])
                signals = [*(estimates[name][:, new] for name in names), track.mixture[:, new]]
                flat = np.stack(signals).reshape(len(signals), -1)
                yield references.reshape(len(names), -1), flat

        values = measure_passes(passes, names, names)
        rows += rows_of(system, piece.name, piece.seconds, untrained, values)
    return rows
