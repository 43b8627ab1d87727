"""Commands are killed at random moments: nothing half is left, and the next run is as ever.

`kill(number, folder, seed)` kills as often as one likes; the test here does so a few times.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from helpers.datasets.lmdb_store import Store
from helpers.models.wave_unet import WaveUNet, WaveUNetConfig
from helpers.music.corpus import chorale_names
from helpers.music.midi import write_midi
from helpers.music.scores import Note, Part, Score
from helpers.runtime import cache_root
from helpers.training.checkpoints import save_model
from tests.commands.processes import start
from tests.recipes.conftest import TINY

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
COMMANDS = ("separate", "render", "train", "evaluate", "pack")
RATE = 8000


@dataclass
class Case:
    """A command, where its result lies, and what is in a complete one apart from times."""

    words: list[object]
    output: Path
    content: Callable[[Path], object]


def cases(folder: Path) -> dict[str, Case]:
    """The inputs of all commands in `folder`, and what is run."""
    model = save_model(
        WaveUNet(WaveUNetConfig(("violin", "bassoon"), RATE, segment_seconds=1.0, levels=2)),
        folder / "model", "duo", {},
    )[0]  # fmt: skip
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, (40 * RATE, 2))
    soundfile.write(folder / "quartet.wav", noise, RATE)
    for piece in ("one", "two"):
        (folder / "corpus" / piece).mkdir(parents=True)
        for name, column in (("violin", 0), ("bassoon", 1)):
            stem = folder / "corpus" / piece / f"{name}.wav"
            soundfile.write(stem, noise[: 2 * RATE, column], RATE)
    notes = tuple(Note(0.25 * number, 0.25, 60 + number % 12) for number in range(120))
    score = Score("duet", (Part("violin", notes), Part("cello", notes)))
    write_midi(score, folder / "duet.mid")
    recipe = TINY.replace("steps = 4", "steps = 30").replace("validation_examples = 2", "")
    (folder / "tiny.toml").write_text(recipe)
    out = folder / "out"
    out.mkdir()
    separate = ["separate", folder / "quartet.wav", "-o", out / "separated", "--model", model]
    table, store = out / "rows.csv", out / "corpus.lmdb"
    return {
        "separate": Case(separate, out / "separated", wav_bytes),
        "render": Case(["render", folder / "duet.mid", "-o", out / "r"], out / "r", wav_bytes),
        "train": Case(["train", folder / "tiny.toml", "-o", out / "run"], out / "run", weights),
        "evaluate": Case(
            ["evaluate", folder / "corpus", "--csv", table, "--model", model, "--no-baselines"],
            out, lambda _: measured(table),
        ),
        "pack": Case(
            ["pack", folder / "corpus", store, "--seconds", 0.01], out, lambda _: records(store)
        ),
    }  # fmt: skip


def wav_bytes(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.wav")}


def weights(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.safetensors")}


def measured(table: Path) -> list[str]:
    lines = table.read_text().splitlines() if table.is_file() else []
    return [line for line in lines if ",SI-SDR," in line]


def records(store: Path) -> list[bytes]:
    return [each.mixture.tobytes() for each in Store(store)] if store.is_file() else []


def clear(case: Case) -> None:
    for path in sorted(case.output.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()


def hidden(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob(".divisi-*")]


def kill(
    number: int, folder: Path, seed: int = 0, commands: tuple[str, ...] = COMMANDS
) -> Iterator[str]:
    """Kill commands `number` times in turn, at random moments, and look at what is left.

    folder: an empty one. Yields what happened each time. AssertionError where something is wrong.
    """
    rng = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    all_cases, complete, seconds = cases(folder), {}, {}
    prints = folder / "prints"
    for count in range(number):
        name = commands[count % len(commands)]
        case = all_cases[name]
        if name not in complete:
            for _ in range(2 if name == "train" else 1):  # the first one also renders the bank
                clear(case)
                began = time.monotonic()
                code, _, err = start(*case.words, folder=prints).wait()
                assert code == 0, err
                seconds[name] = time.monotonic() - began
            complete[name] = case.content(case.output)
            assert complete[name]
        clear(case)
        chosen = rng.choice(SIGNALS)
        running = start(*case.words, folder=prints)
        moment = rng.uniform(0.0, seconds[name])
        time.sleep(moment)
        running.stop(chosen)
        code, _, err = running.wait()
        what = f"{name} {chosen.name} after {moment:.2f} of {seconds[name]:.2f} s: {code}, {err}"
        assert code in (0, -chosen, 128 + chosen), what
        assert "Traceback" not in "".join(err), what
        left = case.content(case.output)
        if name in ("separate", "render", "pack"):  # all or nothing
            assert not left or left == complete[name], what
        if code == 128 + chosen:
            assert not hidden(case.output), what
        if name == "pack" and left:
            clear(case)  # a complete store is not packed again
        again = ["--overwrite"] if name in ("separate", "render") else []
        code, _, err = start(*case.words, *again, folder=prints).wait()
        assert code == 0, (what, err)
        assert case.content(case.output) == complete[name], what
        assert not hidden(case.output), what
        yield what


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """An empty cache, but for the scores."""
    chorale_names()
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "scores").symlink_to(cache_root() / "scores")
    monkeypatch.setenv("DIVISI_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DIVISI_DATA", raising=False)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_is_killed_leaves_nothing_half_and_the_next_one_is_as_ever(
    cached, tmp_path, command
):
    torch.manual_seed(0)
    seed, times = COMMANDS.index(command), 1 if command == "train" else 3  # which takes longest
    assert len(list(kill(times, tmp_path / "kills", seed, (command,)))) == times
