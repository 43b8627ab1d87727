"""Reading random windows from WAV, FLAC, a stem bank, a store in LMDB, and tar shards.

webdataset is measured where it is installed: `pip install webdataset`. Memory is read from /proc,
and the cold cache needs posix_fadvise: this benchmark runs on Linux.
"""

from __future__ import annotations

import io
import multiprocessing
import os
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset

from benchmarks.tables import table
from helpers.audio.track import Track
from helpers.datasets.lmdb_store import Store
from helpers.datasets.packing import pack
from helpers.datasets.stem_bank import RenderedStem, StemBank, write_piece
from helpers.datasets.stem_folders import equal_length
from helpers.music.corpus import chorale_names
from helpers.music.scores import corpus_score
from helpers.synthesis.fluidsynth import FluidSynth
from helpers.synthesis.renderer import rendered_stems
from helpers.synthesis.soundfonts import find_soundfonts

PIECES = 12
RATE = 44100
SECONDS = 4.0
COUNT = round(SECONDS * RATE)
WINDOWS = {"warm": 240, "cold": 64}  # read and timed; cold ones must not meet too often
BATCH = 4
SHARD_BYTES = 2e7
SHUFFLED = 16  # windows among which a reader of shards draws

RUNS = [("warm", 1), ("warm", 2), ("cold", 1), ("cold", 2)]  # of the cache, and workers
Read = Callable[[np.random.Generator], np.ndarray]  # a random window, (stems, COUNT) float32


def measure(_: Namespace) -> str:
    """Windows per second of every format: a Markdown table."""
    tracks = render()
    with tempfile.TemporaryDirectory() as folder:
        rows = [row(name, Path(folder), write, tracks) for name, write in FORMATS.items()]
    minutes = sum(track.seconds for track in tracks) / 60
    caption = (
        f"Windows of {SECONDS:g} s of four stems in mono at {RATE} Hz from {minutes:.0f} minutes,"
        f" per second; batches of {BATCH}. Cold: the system was told to forget the files"
        " (posix_fadvise). Memory: by how much a worker grows at most, without and with the pages"
        " of mapped files, which the system takes back where it needs them."
    )
    runs = [f"{cache}, {count} worker{'s'[: count - 1]}" for cache, count in RUNS]
    header = ("", "MB on disk", *runs, "MB of memory", "with mapped pages")
    return caption + "\n\n" + table(header, rows)


def row(name: str, root: Path, write: Callable, tracks: Sequence[Track]) -> tuple[str, ...]:
    """Write the tracks in one format, read them back in all ways, and delete them."""
    folder = root / name
    folder.mkdir()
    dataset = write(folder, tracks)
    files = [path for path in folder.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    rates, grown = [], np.zeros(2)
    for cache, workers in RUNS:
        for path in files:
            forget(path) if cache == "cold" else path.read_bytes()
        rate, growth = reading_rate(dataset, workers, WINDOWS[cache])
        rates.append(f"{rate:.0f}")
        grown = np.maximum(grown, growth)
    for path in files:
        path.unlink()
    return name, f"{size / 1e6:.0f}", *rates, *(f"{each / 1e6:.0f}" for each in grown)


def reading_rate(dataset: Dataset, workers: int, windows: int) -> tuple[float, np.ndarray]:
    """(windows per second, `memory` by which a worker has grown); the first batch is not timed."""
    context = multiprocessing.get_context("forkserver")  # workers begin with no more than imports
    context.set_forkserver_preload(["benchmarks.loaders"])
    loader = DataLoader(dataset, BATCH, num_workers=workers, multiprocessing_context=context)
    batches = iter(loader)
    next(batches)
    start, grown, read = time.perf_counter(), np.zeros(2), 0
    for window, growth in islice(batches, windows // BATCH):
        read, grown = read + len(window), np.maximum(grown, growth.max(0).values.numpy())
    return read / (time.perf_counter() - start), grown


class RandomWindows(Dataset):
    """Windows of a format that is read at random, and the growth of the process so far."""

    def __init__(self, opened: Callable[[], Read]):
        self.opened = opened
        self.read: Read | None = None

    def __len__(self) -> int:
        return 10**6

    def __getitem__(self, index: int) -> tuple[torch.Tensor, np.ndarray]:
        if self.read is None:  # in the worker: nothing is shared between processes
            self.before, self.read = memory(), self.opened()
        window = torch.from_numpy(self.read(np.random.default_rng(index)))
        return window, memory() - self.before


class Shards(IterableDataset):
    """Windows of shards, in the order of webdataset, and the growth of the process so far."""

    def __init__(self, paths: Sequence[Path]):
        self.paths = paths

    def __iter__(self) -> Iterator[tuple[torch.Tensor, np.ndarray]]:
        from webdataset import WebDataset

        before = memory()
        urls = list(map(str, self.paths))
        samples = WebDataset(urls, shardshuffle=len(urls), repeat=True, seed=0).shuffle(SHUFFLED)
        for sample in samples:
            integers = np.load(io.BytesIO(sample["stems.npy"]))
            yield torch.from_numpy(integers / np.float32(32768)), memory() - before


def memory() -> np.ndarray:
    """Bytes of this process now: without and with the pages of mapped files."""
    lines = Path("/proc/self/status").read_text().splitlines()
    found = dict(line.split(":") for line in lines if line.startswith(("RssAnon", "VmRSS")))
    return 1024 * np.array([int(found[name].split()[0]) for name in ("RssAnon", "VmRSS")])


def forget(path: Path) -> None:
    """Have the system write a file to the disk and drop it from the cache."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def render() -> list[Track]:
    """Chorales in 16 bits: every format but float16 holds the same samples."""
    synthesizer, tracks = FluidSynth(find_soundfonts()[0]), []
    for name in chorale_names()[:PIECES]:
        stems = equal_length(dict(rendered_stems(corpus_score(name), synthesizer, RATE)))
        gain = 0.9 / max(np.abs(stem).max() for stem in stems.values())
        stems = {part: np.rint(32768 * gain * stem) / 32768 for part, stem in stems.items()}
        tracks.append(Track(name, RATE, {part: np.float32(s) for part, s in stems.items()}))
    return tracks


def start(rng: np.random.Generator, samples: int) -> int:
    return int(rng.integers(samples - COUNT))


def files(suffix: str, folder: Path, tracks: Sequence[Track]) -> Dataset:
    """One file a stem."""
    for track in tracks:
        (folder / track.name).mkdir()
        for part, stem in track.stems.items():
            soundfile.write(folder / track.name / f"{part}{suffix}", stem[0], RATE, "PCM_16")
    return RandomWindows(partial(open_files, folder))


def open_files(folder: Path) -> Read:
    pieces = [sorted(piece.iterdir()) for piece in sorted(folder.iterdir())]
    lengths = [soundfile.info(piece[0]).frames for piece in pieces]

    def read(rng: np.random.Generator) -> np.ndarray:
        number = rng.integers(len(pieces))
        first = start(rng, lengths[number])
        stems = [soundfile.read(p, COUNT, first, dtype="float32")[0] for p in pieces[number]]
        return np.stack(stems)

    return read


def bank(folder: Path, tracks: Sequence[Track]) -> Dataset:
    """Arrays of float16, memory-mapped."""
    for track in tracks:
        stems = [RenderedStem(part, "real", None, stem) for part, stem in track.stems.items()]
        write_piece(folder, track.name, RATE, stems)
    return RandomWindows(partial(open_bank, folder))


def open_bank(folder: Path) -> Read:
    opened = StemBank(folder)
    pieces: dict[str, list] = {}
    for variant in opened.variants:
        pieces.setdefault(variant.piece, []).append(variant)
    names = sorted(pieces)

    def read(rng: np.random.Generator) -> np.ndarray:
        variants = pieces[names[rng.integers(len(names))]]
        first = start(rng, variants[0].length)
        return np.concatenate([opened.read(variant, first, COUNT) for variant in variants])

    return read


def store(seconds: float, folder: Path, tracks: Sequence[Track]) -> Dataset:
    """Records in LMDB."""
    path = folder / "tracks.lmdb"
    pack(tracks, path, seconds, progress=False)
    return RandomWindows(partial(open_store, path))


def open_store(path: Path) -> Read:
    opened = Store(path)

    def read(rng: np.random.Generator) -> np.ndarray:
        track = opened.tracks[rng.integers(len(opened.tracks))]
        window = opened.window(track, start(rng, track.samples), COUNT)
        return np.concatenate(list(window.stems.values()))

    return read


def shards(folder: Path, tracks: Sequence[Track]) -> Dataset:
    """Tar files of windows that do not overlap, which are read from their start."""
    from webdataset import ShardWriter

    with ShardWriter(str(folder / "%04d.tar"), maxsize=SHARD_BYTES, verbose=0) as writer:
        for track in tracks:
            stems = np.concatenate(list(track.stems.values()))
            integers = np.rint(32768 * stems).astype(np.int16)
            for first in range(0, track.samples - COUNT, COUNT):
                content = io.BytesIO()
                np.save(content, integers[:, first : first + COUNT])
                key = f"{track.name}-{first:08d}".replace(".", "_")  # a dot ends the key
                writer.write({"__key__": key, "stems.npy": content.getvalue()})
    return Shards(sorted(folder.iterdir()))


FORMATS: dict[str, Callable[[Path, Sequence[Track]], Dataset]] = {
    "WAV": partial(files, ".wav"),
    "FLAC": partial(files, ".flac"),
    "stem bank": bank,
    "LMDB, records of 1 s": partial(store, 1.0),
    "LMDB, records of 4 s": partial(store, 4.0),
}
if find_spec("webdataset"):
    FORMATS["webdataset, in sequence"] = shards
