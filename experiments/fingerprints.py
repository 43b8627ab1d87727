"""Write helpers/datasets/fingerprints.csv: the sound of the recordings that are held out.

    DIVISI_DATA=... python -m experiments.fingerprints

One row for every two seconds of each stem that is not a rest: 128 bytes, from which no audio can
be made.
"""

from __future__ import annotations

import base64
import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from helpers.audio.audio import load
from helpers.audio.resampling import resample
from helpers.datasets.fingerprints import BLOCK, HOP, RATE, TABLE, WINDOW, fingerprint
from helpers.datasets.stem_folders import StemFolder, find_tracks
from helpers.files import replaced_atomically
from helpers.runtime import data_root

REST = 0.02  # of the loudest block's root mean square, -34 dB


def rows(piece: StemFolder) -> Iterator[dict[str, str]]:
    for stem, path in piece.stems.items():
        audio, rate = load(path, channels=1)
        audio = resample(audio[0], rate, RATE)
        bits = fingerprint(audio, RATE)
        starts = range(0, len(bits) - BLOCK + 1, BLOCK)
        spans = [audio[start * HOP : (start + BLOCK) * HOP + WINDOW] for start in starts]
        levels = [float(np.sqrt(np.mean(span**2))) for span in spans]
        for start, level in zip(starts, levels, strict=True):
            if level > REST * max(levels):
                packed = np.packbits(bits[start : start + BLOCK]).tobytes()
                yield {
                    "recording": f"{piece.corpus.name}/{piece.name}/{stem}",
                    "bits": base64.b64encode(packed).decode("ascii"),
                }


def write(pieces: Iterable[StemFolder], table: Path = TABLE) -> None:
    with (
        replaced_atomically(table) as draft,
        draft.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, ["recording", "bits"], lineterminator="\n")
        writer.writeheader()
        for piece in pieces:
            writer.writerows(rows(piece))


if __name__ == "__main__":
    write(piece for piece in find_tracks(data_root()) if piece.corpus.held_out)
