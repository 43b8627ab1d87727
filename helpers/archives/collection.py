"""A data set made of separated recordings: its manifest, its shards, and its card.

OUT/README.md                 the card, which also tells Hugging Face's `datasets` what to read
OUT/manifest.json             recordings, works, splits, licences, and the sha256 of every file
OUT/tracks/RECORDING/         separation.json, and of each player NAME.flac, NAME.mid, NAME.csv
OUT/shards/SPLIT-00000.tar    the same as webdataset: a sample is one player of one recording
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .. import runtime
from ..audio.formats import SoundFormat
from ..files import file_sha256, replaced_atomically
from ..folders import FILES
from ..inference.stem_drafts import RESIDUAL
from ..inference.stem_files import REPORT
from ..music.scores import Score
from ..playing.pitch import FRAME
from .card import card
from .works import Description, groups, passages, splits

MANIFEST, TRACKS, SHARDS, CARD = "manifest.json", "tracks", "shards", "README.md"
FORMAT = SoundFormat("flac", "PCM_24")
VERSION = 1
SHARD = 256  # samples


def write_collection(
    output: Path, known: Mapping[str, Description], scores: Mapping[str, list[Score]]
) -> dict[str, Any]:
    """Write manifest, shards and card of the recordings that are separated; returns the manifest.

    known, scores: by the folder of a recording below OUT/tracks. Recordings that were refused have
    no folder and are left out.
    """
    reports = {}
    for name in sorted(known):
        path = output / TRACKS / name / REPORT
        if path.is_file():
            reports[name] = json.loads(path.read_text(encoding="utf-8"))
    works = {name: known[name].work for name in reports}
    melodies = {name: passages(scores[name][0]) for name in reports if name in scores}
    of = groups(works, melodies)
    split = splits(of, {name: report["seconds"] for name, report in reports.items()})
    recordings = {
        name: _entry(output / TRACKS / name, report, known[name], of[name], split[name])
        for name, report in reports.items()
    }
    shards = _write_shards(output, recordings)
    manifest = {
        "name": output.resolve().name,
        "version": VERSION,
        "commit": runtime.commit(),
        "frame_seconds": FRAME,
        "licences": sorted({each["licence"] for each in recordings.values()}),
        "shards": shards,
        "recordings": recordings,
    }
    _write(output / MANIFEST, json.dumps(manifest, indent=1) + "\n")
    _write(output / CARD, card(manifest))
    return manifest


def _entry(
    folder: Path, report: Mapping[str, Any], about: Description, group: str, split: str
) -> dict[str, Any]:
    """A recording in the manifest. files: of its folder, with their sha256."""
    files = sorted({*report[FILES], REPORT})
    said = report["dataset"]
    return {
        "work": about.work,
        "group": group,
        "split": split,
        "source": about.source,
        "licence": about.licence,
        "recording": about.recording,
        "recording_sha256": report["recording_sha256"],
        "seconds": report["seconds"],
        "sample_rate": report["sample_rate"],
        "channels": report["channels"],
        "model": report["model"],
        "checkpoint_sha256": report["checkpoint_sha256"],
        "score": said["score"],
        "players": said["players"],
        "files": {name: file_sha256(folder / name) for name in files},
    }


def _write_shards(output: Path, recordings: Mapping[str, Any]) -> dict[str, str]:
    """Write the shards of all splits; returns their sha256. Shards of an earlier run go."""
    folder = output / SHARDS
    folder.mkdir(parents=True, exist_ok=True)
    written = {}
    for split in sorted({each["split"] for each in recordings.values()}):
        samples = list(_samples(output / TRACKS, recordings, split))
        for number, first in enumerate(range(0, len(samples), SHARD)):
            path = folder / f"{split}-{number:05d}.tar"
            with replaced_atomically(path) as draft:
                _write_shard(draft, samples[first : first + SHARD])
            written[path.name] = file_sha256(path)
    for path in folder.glob("*.tar"):
        if path.name not in written:
            path.unlink()
    return written


Sample = tuple[str, Path, dict[str, Any]]  # key, path of the stem, what is said about it


def _samples(tracks: Path, recordings: Mapping[str, Any], split: str) -> Iterator[Sample]:
    """The players of all recordings of a split, and what the instruments leave over."""
    for name, entry in recordings.items():
        if entry["split"] != split:
            continue
        for player in (*entry["players"], RESIDUAL):
            key = hashlib.sha256(f"{name}/{player}".encode()).hexdigest()[:16]
            stem = tracks / name / FORMAT.name(player)
            yield f"{key}-{player}", stem, _described(name, player, entry)


def _described(name: str, player: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON of a sample. All samples have the same fields, whose types never change."""
    said = entry["players"].get(player, {})
    score = entry["score"] or {}
    return {
        "recording": name,
        "work": entry["work"],
        "player": player,
        "instrument": said.get("instrument", ""),
        "players": said.get("players", 0),
        "confidence": float(said.get("confidence", 0.0)),
        "estimated_si_sdr": said.get("estimated_si_sdr"),
        "notes_from": said.get("notes_from", ""),
        "seconds": float(entry["seconds"]),
        "sample_rate": entry["sample_rate"],
        "score": score.get("title", ""),
        "fit": float(score.get("fit", 0.0)),
        "a4_hz": float(score.get("a4_hz", 0.0)),
        "source": entry["source"],
        "licence": entry["licence"],
    }


def _write_shard(path: Path, samples: Iterable[Sample]) -> None:
    """A tar with KEY.flac, KEY.mid, KEY.csv and KEY.json of each sample; the same bytes again for
    the same samples. What is left over has an empty .mid and .csv."""
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for key, stem, said in samples:
            text = json.dumps(said, ensure_ascii=False)
            contents = {
                FORMAT.kind: stem.read_bytes(),
                "mid": _bytes(stem.with_suffix(".mid")),
                "csv": _bytes(stem.with_suffix(".csv")),
                "json": text.encode(),
            }
            for suffix, content in contents.items():
                member = tarfile.TarInfo(f"{key}.{suffix}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _write(path: Path, text: str) -> None:
    with replaced_atomically(path) as draft:
        draft.write_text(text, encoding="utf-8", newline="\n")
