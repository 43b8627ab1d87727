"""Measure a model on folders of stems, in constant memory, with what `divisi separate` runs.

Every file is read to its end before the first piece is separated, and a piece that cannot be
measured costs no other one.
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import chain, repeat
from pathlib import Path

import numpy as np
from torch import nn

from ..audio.audio import AudioFile
from ..audio.levels import Level
from ..audio.recordings import Recording, examine
from ..audio.track import AudioError, Track
from ..audio.wav import AtomicWav
from ..datasets.stem_folders import StemFolder, common_format, warn_of_residual
from ..folders import readable_size
from ..inference.detection import ALL, can_detect
from ..inference.stem_files import separate_recording
from .baselines import BASELINES, hop_length
from .evaluate import matched, measure_passes, rows_of
from .rows import Provenance, Row

NAMED = "named"  # for `instruments`: those of the stems
HOPS = 128  # of the oracle masks, in one block
CONTEXT = 4  # hops on either side of a block, on which the masks in it depend


@dataclass(frozen=True)
class Piece:
    """A piece on disk of which every file was read to its end.

    stems: the players of each source of a model, and of other instruments. mixture: the recorded
    one, if there is one.
    """

    name: str
    stems: dict[str, list[Recording]] = field(repr=False)
    mixture: Recording | None = field(repr=False)
    sample_rate: int
    channels: int
    frames: int

    @property
    def seconds(self) -> float:
        return self.frames / self.sample_rate

    def blocks(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """(stems (S, C, n), mixture (C, n)) from the start; the players of a source are summed."""
        files = [*chain(*self.stems.values()), *([self.mixture] if self.mixture else [])]
        counts = np.cumsum([0, *map(len, self.stems.values())])
        for parts in zip(*(self.aligned(file.blocks()) for file in files), strict=True):
            stems = np.stack([sum(parts[a:b]) for a, b in zip(counts, counts[1:], strict=False)])
            yield stems, parts[-1] if self.mixture else stems.sum(axis=0)

    def aligned(self, blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        """Blocks of any size -> blocks (C, n) that fit together, with silence up to the end."""
        size, left = HOPS * hop_length(self.sample_rate), self.frames
        silence = np.zeros((self.channels, size), np.float32)
        blocks, ahead = chain(blocks, repeat(silence)), silence[:, :0]
        while left > 0:
            count = min(size, left)
            while ahead.shape[1] < count:
                block = next(blocks)
                block = np.broadcast_to(block, (self.channels, block.shape[1]))  # mono is repeated
                ahead = np.concatenate([ahead, block], axis=1)
            yield ahead[:, :count]
            ahead, left = ahead[:, count:], left - count

    def tracks(self) -> Iterator[tuple[Track, slice]]:
        """Each block as a Track with some context around it, and where in that the block is."""
        context = CONTEXT * hop_length(self.sample_rate)
        blocks = (np.concatenate([stems, mixture[None]]) for stems, mixture in self.blocks())
        block = next(blocks)
        before = block[..., :0]
        for after in chain(blocks, [before]):
            signals = np.concatenate([before, block, after[..., :context]], axis=-1)
            stems = dict(zip(self.stems, signals[:-1], strict=True))
            start = before.shape[-1]
            track = Track(self.name, self.sample_rate, stems, signals[-1])
            yield track, slice(start, start + block.shape[-1])
            before, block = block[..., -context:], after


def examine_piece(folder: StemFolder, sources: Sequence[str]) -> Piece:
    """Read all files of a piece; stems are named after a model's sources where they match.

    AudioError for a bad file, and for files that do not fit together. Warns where the mixture
    differs from the sum of the stems by more than is usual in the corpus.
    """
    recordings = {}
    for path in (*folder.stems.values(), *([folder.mixture] if folder.mixture else [])):
        try:
            recordings[path] = examine(path)
        except AudioError as error:
            raise AudioError(f"{folder.name}/{error}") from error
        sounds = recordings[path].level.peak > 0  # an instrument may rest for a whole piece
        for sentence in recordings[path].warnings if sounds else ():
            warnings.warn(f"{folder.name}/{sentence}", stacklevel=2)
    formats = {path: (each.sample_rate, each.channels) for path, each in recordings.items()}
    rate, channels = common_format(folder.name, formats)
    stems: dict[str, list[Recording]] = {}
    for name, source in matched(folder.stems, sources).items():
        stems.setdefault(source, []).append(recordings[folder.stems[name]])
    mixture = folder.mixture and recordings[folder.mixture]
    frames = max(each.frames for each in recordings.values())
    piece = Piece(folder.name, stems, mixture, rate, channels, frames)
    if mixture:
        difference, whole = Level(), Level()
        for parts, recorded in piece.blocks():
            difference.update(recorded - parts.sum(axis=0))
            whole.update(recorded)
        if difference.energy:
            ratio = difference.energy / whole.energy if whole.energy else np.inf
            warn_of_residual(folder, 10 * np.log10(ratio))
    return piece


def evaluate_pieces(
    folders: Mapping[str, StemFolder],
    model: nn.Module,
    system: str,
    test_data: str,
    instruments: str | None = None,
    baselines: bool = True,
) -> Iterator[tuple[str, list[Row] | AudioError]]:
    """For each piece its name and rows, or why it cannot be measured; the latter come first.

    instruments: how the model knows them: None, detected where it can; NAMED, those of the stems;
    ALL. Chapter: 04.
    """
    pieces = []
    for name, folder in folders.items():
        try:
            pieces.append(examine_piece(replace(folder, name=name), model.sources))
        except AudioError as error:
            yield name, error
    where = provenance(model, test_data, instruments)
    for piece in pieces:
        try:
            rows = rows_of(
                system, piece.name, piece.seconds, where,
                measure_model(piece, model, system, instruments),
            )  # fmt: skip
            rows += baseline_rows(piece, where) if baselines else []
        except AudioError as error:
            yield piece.name, error
        else:
            yield piece.name, rows


def provenance(model: nn.Module, test_data: str, instruments: str | None) -> Provenance:
    """Of a model's rows; their config ends with how the instruments are known."""
    card, device = getattr(model, "card", None), next(model.parameters()).device
    known = instruments or ("detected" if can_detect(model) else ALL)
    where = (
        Provenance.of_model(card, test_data, device)
        if card
        else Provenance("none", test_data, config=type(model).__name__)
    )
    return replace(where, config=f"{where.config} (instruments {known})")


def measure_model(
    piece: Piece, model: nn.Module, system: str, instruments: str | None
) -> Iterator[tuple[str, str, float]]:
    """(instrument, metric, value in dB) of the stems that `separate_recording` writes."""
    if instruments == NAMED:
        named = [name for name in piece.stems if name in model.sources]
        if not named:
            raise AudioError(
                f"{piece.name}: the model separates none of {', '.join(piece.stems)}; it separates"
                f" {', '.join(model.sources)}."
            )
    chosen = named if instruments == NAMED else instruments
    with tempfile.TemporaryDirectory(prefix="divisi-") as folder:
        _check_space(piece, len(model.sources) + 1, folder)
        mixture = piece.mixture or _write_sum(piece, Path(folder, "sum.wav"))
        stems = Path(folder, "stems")
        stems.mkdir()
        done = separate_recording(mixture, model, stems, chosen)
        missing = [name for name in piece.stems if name not in done.sources]
        if skipped := [name for name in missing if name not in model.sources]:
            warnings.warn(
                f"{piece.name}: {system} has no estimate of {', '.join(skipped)}; not measured.",
                stacklevel=2,
            )
        silent = [name for name in missing if name in model.sources]

        def passes() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            with ExitStack() as stack:
                files = [
                    stack.enter_context(AudioFile(stems / f"{name}.wav")) for name in done.sources
                ]
                estimates = [piece.aligned(file.blocks()) for file in files]
                for (references, mixture), *parts in zip(piece.blocks(), *estimates, strict=True):
                    silence = [np.zeros_like(mixture)] * len(silent)
                    signals = np.stack([*parts, *silence, mixture])
                    yield references.reshape(len(references), -1), signals.reshape(len(signals), -1)

        yield from measure_passes(passes, list(piece.stems), [*done.sources, *silent])


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


def _write_sum(piece: Piece, path: Path) -> Recording:
    """The sum of the stems as a file in 32-bit float."""
    with AtomicWav(path, piece.sample_rate, piece.channels, "FLOAT", piece.frames) as file:
        for _, mixture in piece.blocks():
            file.write(mixture)
    return examine(path)


def _check_space(piece: Piece, files: int, folder: str) -> None:
    samples = piece.frames * piece.channels
    needed, free = 4 * samples * files, shutil.disk_usage(folder).free
    if needed > free:
        raise AudioError(
            f"{piece.name}: its estimates need {readable_size(needed)} for a while and"
            f" {Path(folder).parent} has {readable_size(free)} free; make room or set TMPDIR to"
            " another folder."
        )
