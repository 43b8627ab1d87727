"""The command line itself: help, mistyped words, and no command that does not load."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

import pytest

from helpers.cli import DEFAULT_MODEL, main, parser

COMMANDS = (
    "separate", "models", "evaluate", "render", "train", "finetune", "corpora", "fetch",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_module(command):
    assert callable(importlib.import_module(f"helpers.commands.{command}").run)


@pytest.mark.parametrize("words", [[], *([command] for command in COMMANDS)])
def test_help_fits_a_terminal(capsys, words):
    with pytest.raises(SystemExit) as stop:
        main([*words, "--help"])
    assert stop.value.code == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 96


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["seperate", "quartet.wav"],
        ["separate"],
        ["separate", "quartet.wav", "--device", "tpu"],
        ["separate", "quartet.wav", "--louder"],
        ["evaluate", "corpus"],
        ["render", "bwv269", "--tempo", "fast"],
    ],
)
def test_a_mistyped_line_is_told_in_one_sentence(capsys, words):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert error.startswith("divisi") and error.endswith("--help`.\n")


def test_a_name_that_the_terminal_cannot_show_is_told_all_the_same(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "helpers.cli", "separate", str(tmp_path / "Dvořák.wav")],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii:strict", "PYTHONUTF8": "0"},
        check=False,
    )
    assert done.returncode == 2
    assert b"Dvo?" in done.stderr and b"Traceback" not in done.stderr


def test_help_needs_no_torch():
    code = "import sys, helpers.cli; helpers.cli.parser(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_default_model_is_named_in_one_place():
    first = parser().parse_args(["separate", "quartet.wav"])
    second = parser().parse_args(["evaluate", "corpus", "--csv", "rows.csv"])
    assert first.model == second.model == DEFAULT_MODEL
