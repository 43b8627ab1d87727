"""The data card of a data set, as the Hugging Face hub reads it.

Its questions are those of Gebru et al., "Datasheets for datasets", Communications of the ACM 64,
2021, as far as the manifest answers them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from .works import SPLITS

#: The fields of the JSON of a sample and their types, as `datasets` calls them; declared, so
#: that a shard whose first samples lack a value is read as the others are.
FIELDS = {
    "recording": "string", "work": "string", "player": "string", "instrument": "string",
    "players": "int64", "confidence": "float64", "estimated_si_sdr": "float64",
    "notes_from": "string", "seconds": "float64", "sample_rate": "int64", "score": "string",
    "fit": "float64", "a4_hz": "float64", "source": "string", "licence": "string",
}  # fmt: skip
KNOWN = 1.0  # the confidence of an instrument that a score named

TEXT = """\
# {name}

{count} recordings of {works} works, {minutes:.0f} minutes, separated into the stems of their
players by `divisi dataset build`. The stems are **estimates of a model** ({models}), not recordings
of single players: they hold traces of each other. Their sum with `residual` is the recording.

| split | recordings | works | minutes |
| --- | --- | --- | --- |
{splits}

Recordings of one work, and recordings whose scores have melodies in common, are in one split.
{grouped}

| instrument | recordings | named by a score | notes of a score | notes transcribed |
| --- | --- | --- | --- | --- |
{instruments}

## What is in it

`tracks/RECORDING/` has for each player `NAME.flac` (24 bits, at the rate of the recording),
`NAME.mid` (notes in the time of the recording{notes}) and `NAME.csv` (every {frame:g} ms: `f0_hz`,
0 where no single pitch is heard, and `level_db`, dB full scale). `separation.json` has the model,
the checksum of the recording and the alignment to its score. `manifest.json` has work, split,
source, licence and the sha256 of every file. `shards/SPLIT-*.tar` has the same in the webdataset
layout, a sample for each player:

```python
from datasets import Audio, load_dataset
players = load_dataset("{name}", split="train")  # `flac` as bytes
players = players.cast_column("flac", Audio())  # decoded, with `pip install datasets[audio]`
```

```python
from divisi.datasets.collections import Collection
for track in Collection("{name}").load_tracks("train"):
    print(track.id, track.work, track.instruments)
```

`confidence` (0 to 1) orders the detected instruments; it is no probability, and 1 where a score
named the instrument. `estimated_si_sdr` (dB) estimates how well a stem is separated; it is empty
where nothing sounds. `notes_from` says where the notes of a stem are from: `score`, which was
aligned to the recording; `transcription`, read from the stem by `divisi transcribe`, with notes
that are missing or wrong, as those of any transcription; or nothing, where there are none.

## Where it is from, and what may be done with it

| recordings | licence | source |
| --- | --- | --- |
{sources}

The licence of a recording holds for its stems. What the model learned from may add conditions: see
its card.

## What it is not for

Do not measure a separation against these stems: a model would be rewarded for the mistakes of
another. Do not publish statements on how players play without knowing how far separation biases
them.
"""


def card(manifest: Mapping[str, Any]) -> str:
    """README.md of a data set, with the header that says which shards are which split."""
    recordings = manifest["recordings"]
    scored = sum(bool(each["score"]) for each in recordings.values())
    body = TEXT.format(
        name=manifest["name"],
        count=len(recordings),
        works=len({each["work"] for each in recordings.values()}),
        minutes=sum(each["seconds"] for each in recordings.values()) / 60,
        models=", ".join(sorted({each["model"] for each in recordings.values()})) or "none",
        splits="\n".join(_split_rows(recordings)),
        grouped=f"{scored} of the recordings have a score; of the others only the name of the work"
        " is compared.",
        instruments="\n".join(_instrument_rows(recordings)),
        notes="" if scored == len(recordings) else "; empty where there was no score",
        frame=1000 * manifest["frame_seconds"],
        sources="\n".join(_source_rows(recordings)),
    )
    return _header(manifest) + body


def _header(manifest: Mapping[str, Any]) -> str:
    """YAML, whose strings are written as JSON."""
    splits = {each["split"] for each in manifest["recordings"].values()}
    lines = [
        "---",
        "license: other",
        f"license_name: {json.dumps('; '.join(manifest['licences']))}",
    ]
    lines += [
        "task_categories: [audio-to-audio]",
        "configs:",
        "- config_name: default",
        "  data_files:",
    ]
    for split in (name for name in SPLITS if name in splits):
        lines += [f"  - split: {split}", f"    path: shards/{split}-*.tar"]
    lines += ["dataset_info:", "  features:"]
    for name in ("flac", "mid", "csv"):
        lines += [f"  - name: {name}", "    dtype: binary"]
    lines += ["  - name: json", "    struct:"]
    for name, kind in FIELDS.items():
        lines += [f"    - name: {name}", f"      dtype: {kind}"]
    for name in ("__key__", "__url__"):
        lines += [f"  - name: {name}", "    dtype: string"]
    return "\n".join([*lines, "---", ""]) + "\n"


def _split_rows(recordings: Mapping[str, Any]) -> list[str]:
    rows = []
    for split in SPLITS:
        some = [each for each in recordings.values() if each["split"] == split]
        works, minutes = {each["work"] for each in some}, sum(each["seconds"] for each in some) / 60
        rows.append(f"| {split} | {len(some)} | {len(works)} | {minutes:.1f} |")
    return rows


def _instrument_rows(recordings: Mapping[str, Any]) -> list[str]:
    by_name: dict[str, list[Mapping[str, Any]]] = {}
    for entry in recordings.values():
        for player in entry["players"].values():
            by_name.setdefault(player["instrument"], []).append(player)
    rows = []
    for name, players in sorted(by_name.items()):
        named = sum(player["confidence"] == KNOWN for player in players)
        noted = Counter(player.get("notes_from", "") for player in players if player["notes"])
        rows.append(
            f"| {name} | {len(players)} | {named} | {noted['score']} | {noted['transcription']} |"
        )
    return rows


def _source_rows(recordings: Mapping[str, Any]) -> list[str]:
    counts = Counter((each["licence"], each["source"]) for each in recordings.values())
    rows = ((count, *map(_cell, pair)) for pair, count in sorted(counts.items()))
    return [f"| {count} | {licence} | {source} |" for count, licence, source in rows]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
