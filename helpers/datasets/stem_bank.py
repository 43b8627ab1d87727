"""Many takes of many pieces on disk, read by the window: what mixtures are drawn from.

A bank is a folder with one pair of files a piece: `PIECE.npy` (float16, all takes end to end) and
`PIECE.json` (where each take lies, which score was played, the sha256 of the samples); a slash in a
name becomes `__`. `manifest.json` says how the whole bank was made. Pieces are written whole or not
at all, so that a bank that was interrupted, or killed, goes on where it stopped.
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

from ..audio.track import Track
from ..files import replaced_atomically
from ..music.scores import Score

MANIFEST = "manifest.json"
CHUNK = 1 << 20  # bytes


@dataclass(frozen=True)
class StemVariant:
    """One stem of a piece: which `voice` of the score (None outside a score), played by what.

    `instrument` is the voice's own, whoever plays it. `kind` says how the take was made:
    `soundfont`, `notes`, `tones`, `foreign`, `solo` or `real`. `start` and `length` are in samples
    of the piece's file. Takes of one piece run in time with each other.
    """

    piece: str
    instrument: str
    kind: str
    voice: int | None
    start: int
    length: int


@dataclass(frozen=True)
class RenderedStem:
    """A stem (1, samples) before it is stored, with what `Take` needs to know of it.

    score: what is played, where that is known.
    """

    instrument: str
    kind: str
    voice: int | None
    stem: np.ndarray
    score: Score | None = None


class StemBank:
    """All takes under some folders, or those of `pieces` only, memory-mapped while they are read.

    Raises ValueError where there are none, where their sample rates differ, or where two folders
    have pieces of the same name.
    """

    def __init__(self, *folders: Path, pieces: Iterable[str] | None = None):
        wanted = None if pieces is None else {_file_name(piece) for piece in pieces}
        cards = {
            path: json.loads(path.read_text(encoding="utf-8"))
            for folder in folders
            for path in _card_paths(Path(folder))
            if wanted is None or path.name.removesuffix(".json") in wanted
        }
        rates = {card["sample_rate"] for card in cards.values()}
        if len(rates) != 1:
            names = ", ".join(str(folder) for folder in folders)
            found = f"have {sorted(rates)} Hz" if rates else "are not there"
            raise ValueError(
                f"{names}: a stem bank needs pieces of one sample rate; these {found}."
            )
        self.sample_rate = rates.pop()
        self.variants = [
            StemVariant(**variant) for card in cards.values() for variant in card["variants"]
        ]
        self._files: dict[str, Path] = {}
        for path, card in cards.items():
            piece, samples = card["variants"][0]["piece"], path.with_suffix(".npy")
            if self._files.setdefault(piece, samples) != samples:
                raise ValueError(f"{path}: the bank has another piece '{piece}'; name one anew.")

    def read(self, variant: StemVariant, offset: int, count: int) -> np.ndarray:
        """`count` samples of a take from `offset` on, (1, count) float32, zeros beyond its end."""
        window = np.zeros((1, count), np.float32)
        end = min(variant.length, offset + count)
        if end > offset:
            # Kept open, a thousand pieces would be more files than a process may have.
            samples = np.load(self._files[variant.piece], mmap_mode="r")
            window[0, : end - offset] = samples[variant.start + offset : variant.start + end]
        return window


def build_bank(
    folder: Path,
    pieces: Sequence[str],
    perform: Callable[[str], Iterable[RenderedStem]],
    sample_rate: int,
    workers: int | None = -1,
    manifest: Mapping[str, Any] | None = None,
) -> StemBank:
    """Call `perform` for every piece that the bank lacks, with a progress bar: a bank of `pieces`.

    workers: processes, all cores by default; None leaves it to `joblib.parallel_config`, whose
    backend (a Dask or Ray cluster that sees the same folder) is used in any case.
    manifest: how the bank is made, as JSON can say it; kept in the folder.
    ValueError where the folder holds a bank that was made in another way.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if manifest is not None:
        _sign(folder, json.loads(json.dumps(manifest)))
    missing = [piece for piece in pieces if not _is_stored(folder, piece)]
    # Counted as they are handed out: not every backend tells when each of them is done.
    bar = tqdm(missing, desc="stem bank", disable=not missing)
    Parallel(n_jobs=workers)(delayed(_store)(folder, piece, sample_rate, perform) for piece in bar)
    return StemBank(folder, pieces=pieces)


def write_piece(
    folder: Path, piece: str, sample_rate: int, variants: Iterable[RenderedStem]
) -> None:
    """Store all takes of a piece; the index is renamed into place last.

    Raises ValueError where there is no take.
    """
    start, stems, entries, score = 0, [], [], None
    for variant in variants:
        samples = variant.stem[0].astype(np.float16)
        entry = StemVariant(
            piece, variant.instrument, variant.kind, variant.voice, start, len(samples)
        )
        entries.append(asdict(entry))
        stems.append(samples)
        start += len(samples)
        score = variant.score or score
    if not stems:
        raise ValueError(f"{piece}: it has no takes, so there is nothing to store.")
    with replaced_atomically(folder / f"{_file_name(piece)}.npy") as draft:
        with open(draft, "wb") as file:
            np.save(file, np.concatenate(stems))
        card = {"sample_rate": sample_rate, "sha256": file_sha256(draft)}
    if score is not None:
        card["score"] = {"title": score.title, "sha256": score_sha256(score)}
    with replaced_atomically(folder / f"{_file_name(piece)}.json") as draft:
        draft.write_text(json.dumps({**card, "variants": entries}), encoding="utf-8")


def damaged(folder: Path) -> list[str]:
    """The pieces of a bank whose samples are not those that were stored."""
    pieces = []
    for path in _card_paths(folder):
        card, samples = json.loads(path.read_text(encoding="utf-8")), path.with_suffix(".npy")
        if not samples.is_file() or file_sha256(samples) != card.get("sha256"):
            pieces.append(card["variants"][0]["piece"])
    return pieces


def score_sha256(score: Score) -> str:
    """The same for scores of the same parts and notes."""
    return hashlib.sha256(json.dumps(asdict(score)["parts"]).encode()).hexdigest()


def track_sha256(track: Track) -> str:
    """The same for tracks of the same stems."""
    digest = hashlib.sha256(str(track.sample_rate).encode())
    for name, stem in sorted(track.stems.items()):
        digest.update(f" {name} {stem.shape} ".encode() + stem.tobytes())
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """Of a file's content."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _store(
    folder: Path, piece: str, sample_rate: int, perform: Callable[[str], Iterable[RenderedStem]]
) -> None:
    """One piece, in whatever process."""
    write_piece(folder, piece, sample_rate, perform(piece))


def _sign(folder: Path, manifest: dict[str, Any]) -> None:
    """Put the manifest into the folder; ValueError where another one is there, or should be."""
    path = folder / MANIFEST
    remedy = "delete the folder or choose another."
    if not path.is_file():
        if any(_card_paths(folder)):
            raise ValueError(f"{folder}: it holds a bank without {MANIFEST}; {remedy}")
        with replaced_atomically(path) as draft:
            draft.write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
        return
    there, here = _flat(json.loads(path.read_text(encoding="utf-8"))), _flat(manifest)
    differences = [
        f"{key} was {there.get(key)!r} and is {here.get(key)!r}"
        for key in sorted({*there, *here})
        if there.get(key) != here.get(key)
    ]
    if differences:
        what = "; ".join(differences)
        raise ValueError(f"{folder}: this bank was made in another way ({what}); {remedy}")


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """`{"a": {"b": 1}}` -> `{"a.b": 1}`."""
    entries: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            entries |= _flat(value, f"{prefix}{key}.")
        else:
            entries[prefix + key] = value
    return entries


def _file_name(piece: str) -> str:
    return piece.replace("/", "__")


def _card_paths(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.glob("*.json")) if path.name != MANIFEST)


def _is_stored(folder: Path, piece: str) -> bool:
    return all((folder / f"{_file_name(piece)}{kind}").is_file() for kind in (".json", ".npy"))
