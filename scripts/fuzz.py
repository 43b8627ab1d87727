"""Give the commands damaged files of every kind, and see that each is refused in one sentence.

    python scripts/fuzz.py --minutes 5
    python scripts/fuzz.py --minutes 5 --kind midi --seed 7

An input passes where the command ends with 0, or with 2 and one sentence; within 10 seconds and 2
GiB, and with no file made outside its output folder. Inputs that fail are kept in `runs/fuzz/`.
`tests/test_fuzz.py` tries a few of each kind.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unittest import mock

import mido
import numpy as np
import soundfile
import torch
from torch import nn

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from helpers import cli, runtime  # noqa: E402
from helpers.commands.errors import sentence  # noqa: E402
from helpers.datasets import download  # noqa: E402
from helpers.evaluation import results  # noqa: E402
from helpers.evaluation.rows import Row  # noqa: E402
from helpers.models.wave_unet import WaveUNet, WaveUNetConfig  # noqa: E402
from helpers.training.checkpoints import save_model  # noqa: E402
from helpers.training.config import TrainingConfig  # noqa: E402
from helpers.training.runs import RunFolder  # noqa: E402
from helpers.training.trainer import fit  # noqa: E402

SECONDS = 10
BYTES = 2 << 30
RATE = 8000
RECIPE = """
name = "tiny"
architecture = "wave_unet.WaveUNet"
segment_seconds = 2.0
validation_examples = 2
max_pieces = 2

[model]
levels = 2
width = 2

[rendering]
instruments = ["vn", "cl", "sax", "bn"]
sample_rate = 4000
soundfonts = []
tones = 1
timbre_substitution = 0

[mixing]
variant_weights = { tones = 1.0, real = 1.0 }
reverb = 0.0

[training]
steps = 4
batch_size = 2
"""
#: What is put in the place of numbers and words of text files.
WORDS = (
    b"0", b"-1", b"1e999", b"nan", b"null", b"true", b"[]", b"{}", b'""', b'"../../x"', b'"/tmp/x"',
    b"9" * 30, b"9" * 6000, b"[" * 5000, b'"\\u0000"', b'"CON"', b"'", b'"', b"=1+1", b";", b"\xff",
    b"\x00", b"\r\n", "é".encode(), b"1.5", b"[1, 2]",
)  # fmt: skip


class TooSlow(BaseException):
    """More than SECONDS; no `except Exception` stops it."""


@dataclass(frozen=True)
class Kind:
    """A kind of input: its name in the folder, good examples, and what is run on it there.

    run: called in the folder that holds the input; returns the exit code.
    """

    name: str
    examples: Callable[[], list[bytes]]
    run: Callable[[Path], int]
    is_text: bool = False


def mutated(content: bytes, rng: random.Random, is_text: bool = False) -> bytes:
    """The content with a few bytes, words or stretches changed, removed, repeated or cut off."""
    data = bytearray(content)
    for _ in range(rng.choice((0, 1, 1, 2, 3, 8))):
        start = rng.randrange(len(data) + 1)
        stop = min(len(data), start + rng.choice((1, 1, 2, 4, 16, 200)))
        kind = rng.randrange(6)
        if kind == 0:
            data[start:stop] = rng.randbytes(stop - start)
        elif kind == 1:
            del data[start:stop]
        elif kind == 2:
            data[start:start] = data[start:stop] * rng.choice((1, 2, 50))
        elif kind == 3:
            del data[start:]
        elif kind == 4:
            data[start : start + 4] = rng.choice((b"\0\0\0\0", b"\xff" * 4, b"\xff\xff\xff\x7f"))
        elif is_text:
            begin = max(data.rfind(mark, 0, start) for mark in (b" ", b",", b":", b"=", b"\n")) + 1
            data[begin:stop] = rng.choice(WORDS)
        else:
            data[start:start] = rng.choice(WORDS)
    return bytes(data)


def sound(kind: str, subtype: str) -> bytes:
    """A tenth of a second of noise as a file."""
    file = io.BytesIO()
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (RATE // 10, 2))
    soundfile.write(file, noise, RATE, format=kind, subtype=subtype)
    return file.getvalue()


def midi() -> bytes:
    """Two tracks of three notes."""
    score = mido.MidiFile(ticks_per_beat=48)
    for channel in (0, 1):
        track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=200_000)])
        track.append(mido.Message("program_change", channel=channel, program=40 + channel))
        for pitch in (60, 64, 67):
            for kind, length in (("note_on", 0), ("note_off", 24)):
                track.append(mido.Message(kind, channel=channel, note=pitch, time=length))
        score.tracks.append(track)
    file = io.BytesIO()
    score.save(file=file)
    return file.getvalue()


def archive(method: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as opened:
        for name in ("./", "duo/violin.wav", "duo/cello.wav"):
            opened.writestr(name, b"" if name == "./" else sound("WAV", "PCM_16"))
    return file.getvalue()


def table() -> bytes:
    names = ("none", "m", "t", "d", "=track", "violin", "SI-SDR")
    row = Row(*names, 1.5, 2.0, 0, "c", "s", "h", "cpu", "full")
    lines = io.StringIO()
    results.write([row, row], lines)
    return lines.getvalue().encode()


def model_files() -> tuple[bytes, bytes]:
    """The card and the weights of a tiny model."""
    config = WaveUNetConfig(("violin", "cello"), RATE, segment_seconds=0.5, levels=2, width=2)
    with tempfile.TemporaryDirectory() as folder:
        weights, card = save_model(WaveUNet(config), Path(folder), "model", provenance={})
        files = card.with_suffix(".json"), card.with_suffix(".safetensors")
        return tuple(file.read_bytes() for file in files)


@cache
def state() -> bytes:
    """The state of a training of one step."""
    with tempfile.TemporaryDirectory() as folder:
        fit_one_step(Path(folder))
        return RunFolder(Path(folder)).last.read_bytes()


def fit_one_step(folder: Path) -> None:
    """Train a tiny model, or resume its training."""
    model = WaveUNet(WaveUNetConfig(("violin", "cello"), RATE, levels=2, width=2))
    stems = torch.rand(2, 1, RATE // 4)
    config = TrainingConfig(steps=1, batch_size=1)
    fit(model, nn.L1Loss(), [(stems.sum(0), stems)], config=config, folder=folder, progress=False)


def write_model(folder: Path) -> Path:
    card, weights = MODEL
    (folder / "model.json").write_bytes(card)
    (folder / "model.safetensors").write_bytes(weights)
    return folder / "model.json"


def separate(folder: Path) -> int:
    return run(
        "separate", folder / "input.wav", "-o", folder / "out", "--model", write_model(folder)
    )


def render(folder: Path) -> int:
    """With two minutes as the limit: a damaged time may be hours, which take long to write."""
    with mock.patch("helpers.commands.render.MEMORY", 20_000_000):
        return run("render", folder / "input.mid", "-o", folder / "out", "--rate", 8000)


def use_card(folder: Path) -> int:
    """Separate with a model whose card is the input; its weights fit the good card."""
    (folder / "input.safetensors").write_bytes(MODEL[1])
    (folder / "good.wav").write_bytes(sound("WAV", "PCM_16"))
    model = folder / "input.json"
    return run("separate", folder / "good.wav", "-o", folder / "out", "--model", model)


def train(folder: Path) -> int:
    """`divisi train`, without the training."""
    with mock.patch("helpers.recipes.train.train", lambda recipe, *_, **__: recipe):
        return run("train", folder / "input.toml", "-o", folder / "out")


def measure(folder: Path) -> int:
    """Measure a piece into a table that is the input."""
    (folder / "corpus" / "duo").mkdir(parents=True)
    for name in ("violin", "cello"):
        (folder / "corpus" / "duo" / f"{name}.wav").write_bytes(sound("WAV", "PCM_16"))
    return run("evaluate", folder / "corpus", "--csv", folder / "input.csv",
               "--model", write_model(folder), "--no-baselines")  # fmt: skip


def unpack(folder: Path) -> int:
    """`divisi fetch` of an archive that is the input."""
    path = folder / "input.zip"
    remote = download.RemoteFile("input.zip", "none", path.stat().st_size, "none")
    with (
        mock.patch.object(download, "zenodo_file", lambda *_: remote),
        mock.patch.object(download, "fetch", lambda *_: path),
    ):
        return run("fetch", "cadenzawoodwind", "-o", folder / "out")


def resume(folder: Path) -> int:
    """Resume a training from the input."""
    shutil.copy(folder / "input.pt", RunFolder(folder).last)
    try:
        fit_one_step(folder)
    except Exception as error:
        message = sentence(error)
        if message is None:
            raise
        print(f"divisi: {message}", file=sys.stderr)
        return 2
    return 0


SOUNDS = (("WAV", "PCM_16"), ("WAV", "FLOAT"), ("FLAC", "PCM_16"), ("MP3", "MPEG_LAYER_III"),
          ("OGG", "VORBIS"), ("OGG", "OPUS"), ("AIFF", "PCM_24"), ("CAF", "PCM_16"))  # fmt: skip
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
KINDS = {
    "audio": Kind("input.wav", lambda: [sound(*each) for each in SOUNDS], separate),
    "midi": Kind("input.mid", lambda: [midi()], render),
    "cards": Kind("input.json", lambda: [MODEL[0]], use_card, is_text=True),
    "recipes": Kind("input.toml", lambda: [RECIPE.encode()], train, is_text=True),
    "tables": Kind("input.csv", lambda: [table()], measure, is_text=True),
    "archives": Kind("input.zip", lambda: [archive(each) for each in METHODS], unpack),
    "states": Kind("input.pt", lambda: [state()], resume),
}
MODEL = model_files()


def run(*words: object) -> int:
    """A command line in this process; returns its exit code."""
    try:
        return cli.main([str(word) for word in words])
    except SystemExit as stop:
        return int(stop.code or 0)


def warm_up(kind: Kind) -> None:
    """Run the good examples once, without limits: the first run imports what it needs."""
    for content in kind.examples():
        with tempfile.TemporaryDirectory(prefix="divisi-fuzz-") as folder:
            Path(folder, kind.name).write_bytes(content)
            code = kind.run(Path(folder))
        if code != 0:
            raise RuntimeError(f"A good {kind.name} ends with exit code {code}.")


def fault_of(kind: Kind, content: bytes) -> tuple[str, str]:
    """(what is wrong, "" where the input passes; what the command printed on stderr)."""
    with tempfile.TemporaryDirectory(prefix="divisi-fuzz-") as place:
        folder = Path(place, "a", "b")
        folder.mkdir(parents=True)
        (folder / kind.name).write_bytes(content)
        printed = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
        code, fault = None, ""
        with (
            contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO(), encoding="utf-8")),
            contextlib.redirect_stderr(printed),
            limits(),
        ):
            try:
                code = kind.run(folder)
            except TooSlow:
                fault = f"more than {SECONDS} s"
            except BaseException as error:
                where = traceback.extract_tb(error.__traceback__)
                mine = [each for each in where if "helpers" in each.filename] or where
                place_of_it = f"{Path(mine[-1].filename).name}:{mine[-1].lineno}"
                fault = f"{type(error).__name__} in {place_of_it}"
        text = printed.buffer.getvalue().decode("utf-8", "replace")
        lines = [line for line in text.splitlines() if not line.startswith("divisi: warning: ")]
        if not fault and code not in (0, 2):
            fault = f"exit code {code}"
        if not fault and (len(lines) != (code == 2) or not all(map(str.strip, lines))):
            fault = f"{len(lines)} lines with exit code {code}"
        strays = [*Path(place).iterdir(), *Path(place, "a").iterdir()]
        if strays != [Path(place, "a"), folder]:
            fault = "a file outside its folder"
    return fault, text


@contextlib.contextmanager
def limits() -> Iterator[None]:
    """SECONDS and BYTES more than now; only where the system has such limits."""
    if not hasattr(signal, "setitimer"):
        yield
        return
    import resource

    def stop(*_: object) -> None:
        raise TooSlow

    page = os.sysconf("SC_PAGE_SIZE")
    statm = Path("/proc/self/statm")
    used = int(statm.read_text().split()[0]) * page if statm.exists() else None
    before = resource.getrlimit(resource.RLIMIT_AS)
    former = signal.signal(signal.SIGALRM, stop)
    if used is not None:
        resource.setrlimit(resource.RLIMIT_AS, (used + BYTES, before[1]))
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
        resource.setrlimit(resource.RLIMIT_AS, before)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--kind", choices=KINDS, action="append", help="default: all")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    names, kept = arguments.kind or list(KINDS), runtime.repository_root() / "runs" / "fuzz"
    examples = {name: KINDS[name].examples() for name in names}
    for name in names:
        with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO(), encoding="utf-8")):
            warm_up(KINDS[name])
    end, number = time.monotonic() + 60 * arguments.minutes, 0
    tried, failed, faults = Counter(), Counter(), Counter()
    while time.monotonic() < end:
        name = names[number % len(names)]
        rng = random.Random(f"{arguments.seed} {number}")
        content = mutated(rng.choice(examples[name]), rng, KINDS[name].is_text)
        fault, text = fault_of(KINDS[name], content)
        tried[name] += 1
        number += 1
        if fault:
            failed[name] += 1
            faults[name, fault] += 1
            if faults[name, fault] == 1:
                path = kept / name / f"{arguments.seed}-{number}{Path(KINDS[name].name).suffix}"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
                note = {"fault": fault, "stderr": text[-2000:]}
                path.with_suffix(".txt").write_text(json.dumps(note, indent=2), encoding="utf-8")
    print(f"{'kind':10}{'tried':>8}{'handled':>9}{'failed':>8}")
    for name in names:
        print(f"{name:10}{tried[name]:8}{tried[name] - failed[name]:9}{failed[name]:8}")
    for (name, fault), count in faults.most_common():
        print(f"{name}: {fault} ({count})")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
