"""The command line: help, usage errors, and what it loads."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from helpers.cli import COMMANDS, main, parser
from helpers.runtime import DEFAULT_MODEL


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
def test_a_usage_error_is_one_sentence(capsys, words):
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert error.startswith("divisi") and error.endswith("--help`.\n")


def test_a_name_that_the_terminal_cannot_encode_is_printed_with_replacements(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "helpers.cli", "separate", str(tmp_path / "Dvořák.wav")],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii:strict", "PYTHONUTF8": "0"},
        check=False,
    )
    assert done.returncode == 2
    assert b"Dvo?" in done.stderr and b"Traceback" not in done.stderr


def test_help_and_import_load_no_third_party():
    heavy = "{'torch', 'numpy', 'soundfile', 'tqdm'} & set(sys.modules)"
    code = f"import sys, helpers.cli; helpers.cli.parser(); print({heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_every_command_describes_itself_and_runs():
    for command in COMMANDS.values():
        assert command.SUMMARY and command.DESCRIPTION and callable(command.run)


def test_separate_and_evaluate_have_the_same_default_model():
    first = parser().parse_args(["separate", "quartet.wav"])
    second = parser().parse_args(["evaluate", "corpus", "--csv", "rows.csv"])
    assert first.model == second.model == DEFAULT_MODEL
