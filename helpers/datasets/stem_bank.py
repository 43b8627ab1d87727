"""Stem bank: many variants of many pieces on disk, from which mixtures are drawn.

A bank is a folder with two files for each piece: `PIECE.npy` (float16, all variants end to end)
and `PIECE.json` (what each variant is, and its position). `manifest.json` says what the samples
depend on. Pieces are written completely or not at all, so that an interrupted bank can be resumed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from tqdm import tqdm

from ..audio.levels import rms
from ..audio.track import Track
from ..files import replaced_atomically
from ..music.scores import Note

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class StemVariant:
    """A stem of a piece: one `voice` of its score (None without a score), rendered in one way.

    `instrument` is the instrument of the voice, even with a substituted timbre. `kind` is
    `soundfont`, `notes`, `tones`, `timbre_substitution`, `solo` or `real`. `start` and `length` are
    samples in the piece's file. `rms`: of the whole stem, a fraction of full scale. `notes`: onset
    and end in seconds and MIDI pitch of each note, () where they are not known. The variants of a
    piece are synchronous.
    """

    piece: str
    instrument: str
    kind: str
    voice: int | None
    start: int
    length: int
    rms: float
    notes: tuple[tuple[float, float, float], ...] = ()


@dataclass(frozen=True)
class RenderedStem:
    """A stem, (1, samples), before it is stored; the fields are those of `StemVariant`."""

    instrument: str
    kind: str
    voice: int | None
    stem: np.ndarray
    notes: tuple[Note, ...] = ()


class StemBank:
    """All variants in some folders, or only those of `pieces`; memory-mapped while being read.

    ValueError if there are none, if their sample rates differ, or if two folders have pieces of
    the same name.
    """

    def __init__(self, *folders: Path, pieces: Iterable[object] | None = None):
        selected = None if pieces is None else {_file_name(piece) for piece in pieces}
        cards = {
            path: json.loads(path.read_text(encoding="utf-8"))
            for folder in folders
            for path in _card_paths(Path(folder))
            if selected is None or path.name.removesuffix(".json") in selected
        }
        rates = {card["sample_rate"] for card in cards.values()}
        if len(rates) != 1:
            names = ", ".join(str(folder) for folder in folders)
            found = f"these have {sorted(rates)} Hz" if rates else "there are none"
            raise ValueError(f"{names}: a stem bank needs pieces of one sample rate; {found}.")
        self.sample_rate = rates.pop()
        self.variants = [
            StemVariant(**{**variant, "notes": tuple(map(tuple, variant.get("notes", ())))})
            for card in cards.values()
            for variant in card["variants"]
        ]
        self._files: dict[str, Path] = {}
        for path, card in cards.items():
            piece, samples = card["variants"][0]["piece"], path.with_suffix(".npy")
            if self._files.setdefault(piece, samples) != samples:
                raise ValueError(f"{path}: the bank has two pieces '{piece}'; rename one of them.")

    def read(self, variant: StemVariant, offset: int, count: int) -> np.ndarray:
        """`count` samples from `offset` on, (1, count) float32, zero-padded at the end."""
        window = np.zeros((1, count), np.float32)
        end = min(variant.length, offset + count)
        if end > offset:
            # Opened for each read: a bank has more pieces than a process may have open files.
            samples = np.load(self._files[variant.piece], mmap_mode="r")
            window[0, : end - offset] = samples[variant.start + offset : variant.start + end]
        return window


def build_bank(
    folder: Path,
    pieces: Sequence[object],
    render: Callable[[Any], Iterable[RenderedStem]],
    sample_rate: int,
    workers: int | None = -1,
    manifest: Mapping[str, Any] | None = None,
) -> StemBank:
    """A bank of `pieces`; `render` is called for those that the folder lacks.

    pieces: of any type; `str(piece)` is the unique name. workers: processes, by default one per
    core; None leaves it to `joblib.parallel_config`, whose backend (such as a Dask or Ray cluster
    that sees the same folder) is always used. manifest: what the samples depend on, as JSON.
    ValueError if the folder holds a bank with another manifest.

    Chapter: 02.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if manifest is not None:
        _write_manifest(folder, json.loads(json.dumps(manifest)))
    missing = [piece for piece in pieces if not _is_stored(folder, piece)]
    # Counts pieces as they are submitted: not every backend reports when they are done.
    bar = tqdm(missing, desc="stem bank", disable=not missing)
    Parallel(n_jobs=workers)(delayed(_store)(folder, piece, sample_rate, render) for piece in bar)
    return StemBank(folder, pieces=pieces)


def write_piece(
    folder: Path, piece: object, sample_rate: int, stems: Iterable[RenderedStem]
) -> None:
    """Store all variants of a piece; ValueError if there are none."""
    start, arrays, entries = 0, [], []
    for stem in stems:
        samples = stem.stem[0].astype(np.float16)
        notes = tuple(
            (round(note.onset, 4), round(note.onset + note.duration, 4), round(note.pitch, 3))
            for note in stem.notes
        )
        entry = StemVariant(
            str(piece), stem.instrument, stem.kind, stem.voice, start, len(samples), rms(stem.stem),
            notes,
        )  # fmt: skip
        entries.append(asdict(entry))
        arrays.append(samples)
        start += len(samples)
    if not arrays:
        raise ValueError(f"{piece}: there are no stems to store.")
    with (
        replaced_atomically(folder / f"{_file_name(piece)}.npy") as draft,
        draft.open("wb") as file,
    ):
        np.save(file, np.concatenate(arrays))
    with replaced_atomically(folder / f"{_file_name(piece)}.json") as draft:
        card = {"sample_rate": sample_rate, "variants": entries}
        draft.write_text(json.dumps(card), encoding="utf-8")


def track_sha256(track: Track) -> str:
    """Of the sample rate and the stems of a track."""
    digest = hashlib.sha256(str(track.sample_rate).encode())
    for name, stem in sorted(track.stems.items()):
        digest.update(f" {name} {stem.shape} ".encode() + stem.tobytes())
    return digest.hexdigest()


def _store(
    folder: Path, piece: object, sample_rate: int, render: Callable[[Any], Iterable[RenderedStem]]
) -> None:
    """Render and write one piece, in any process."""
    write_piece(folder, piece, sample_rate, render(piece))


def _write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """ValueError if the folder has another manifest, or pieces without one."""
    path = folder / MANIFEST
    if path.is_file():
        stored = json.loads(path.read_text(encoding="utf-8"))
        keys = sorted({*stored, *manifest})
        if different := [key for key in keys if stored.get(key) != manifest.get(key)]:
            raise ValueError(
                f"{folder}: this bank was rendered with other {', '.join(different)}; delete the "
                "folder or choose another."
            )
    elif any(_card_paths(folder)):
        raise ValueError(
            f"{folder}: this bank has no {MANIFEST}; delete the folder or choose another."
        )
    else:
        with replaced_atomically(path) as draft:
            draft.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _file_name(piece: object) -> str:
    return str(piece).replace("/", "__")


def _card_paths(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.glob("*.json")) if path.name != MANIFEST)


def _is_stored(folder: Path, piece: object) -> bool:
    return all((folder / f"{_file_name(piece)}{kind}").is_file() for kind in (".json", ".npy"))
