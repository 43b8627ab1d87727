"""Full disks, limits, closed pipes, consoles and names: one sentence or silence, no traceback."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from helpers.commands.errors import sentence
from tests.commands.processes import run


@pytest.fixture
def prints(tmp_path_factory):
    return tmp_path_factory.mktemp("prints")


def small_files():
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))


def little_memory():
    """Ten megabytes more than what is in use."""
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 10_000_000, used + 10_000_000))


def few_files():
    """Room for three more: third parties may keep files of their own open."""
    opened = set(map(int, os.listdir("/dev/fd")))
    free = [number for number in range(len(opened) + 3) if number not in opened]
    resource.setrlimit(resource.RLIMIT_NOFILE, (free[2] + 1, free[2] + 1))


def onto(descriptor, target):
    os.dup2(os.open(target, os.O_WRONLY), descriptor)


def full_output():
    onto(1, "/dev/full")


def closed_pipes():
    """As after `| head -0`, on both streams."""
    for descriptor in (1, 2):
        reader, writer = os.pipe()
        os.close(reader)
        os.dup2(writer, descriptor)


@pytest.mark.parametrize(
    ("limit", "words"),
    [(small_files, "written"), (little_memory, "not enough memory"), (few_files, "")],
)
def test_at_a_limit_there_is_one_sentence_and_nothing_left(
    recording, duo, tmp_path, prints, limit, words
):
    path = recording(rate=96_000, channels=8, seconds=20)
    command = ("separate", path, "-o", tmp_path / "out", "--model", duo)
    code, out, err = run(*command, folder=prints, prepare=limit)
    assert (code, out, len(err)) == (2, [], 1), err
    assert err[0].startswith("divisi: ") and words in err[0]
    assert list(tmp_path.iterdir()) == [path]


def test_at_a_limit_of_one_file_the_batch_goes_on(recording, duo, tmp_path, prints):
    large, small = recording("large.wav", rate=96_000), recording("small.wav", seconds=0.5)
    command = ("separate", large, small, "-o", tmp_path / "out", "--model", duo)
    code, out, err = run(*command, "--no-player", folder=prints, prepare=small_files)
    assert (code, len(out), len(err)) == (1, 1, 2)
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["small"]


def test_a_closed_pipe_stops_nothing_and_is_no_error(recording, duo, tmp_path, prints):
    paths = [recording("one.wav"), recording("two.wav")]
    command = ("separate", *paths, "-o", tmp_path / "out", "--model", duo)
    assert run(*command, folder=prints, prepare=closed_pipes) == (0, [], [])
    assert {each.name for each in (tmp_path / "out").iterdir()} == {"one", "two"}
    assert run("--help", folder=prints, prepare=closed_pipes) == (0, [], [])


def test_an_output_that_is_full_is_told_and_the_batch_goes_on(recording, duo, tmp_path, prints):
    paths = [recording("one.wav"), recording("two.wav")]
    command = ("separate", *paths, "-o", tmp_path / "out", "--model", duo)
    code, _, err = run(*command, folder=prints, prepare=full_output)
    assert code == 2
    assert err == ["divisi: the output cannot be written (No space left on device)."]
    assert {each.name for each in (tmp_path / "out").iterdir()} == {"one", "two"}


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_a_name_that_is_not_utf8_is_kept_and_the_summary_printed(
    recording, duo, tmp_path, prints, divisi
):
    path = recording("plain.wav")
    odd = tmp_path / os.fsdecode(b"quatuor en r\xe9.wav")
    path.rename(odd)
    code, out, err = divisi("separate", odd, "-o", tmp_path / "out", "--model", duo)
    assert (code, err) == (0, []) and "quatuor en r?" in out[0]
    assert os.listdir(os.fsencode(tmp_path / "out")) == [b"quatuor en r\xe9"]
    code, out, err = divisi("separate", odd, "-o", tmp_path / "out", "--model", duo)
    assert code == 2 and "exists already" in err[0]


ALLOCATION = "[enforce fail at alloc_cpu.cpp:124] DefaultCPUAllocator: can't allocate memory: you"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError(27, "File too large"), "File too large"),
        (OSError(21, "Is a directory", "draft", None, "log.csv"), "log.csv: Is a directory."),
        (OSError(12, "Cannot allocate memory", "git"), "not enough memory"),
        (MemoryError(), "not enough memory"),
        (RuntimeError(ALLOCATION), "not enough memory"),
        (RuntimeError("can't start new thread"), "not enough memory"),
        (ImportError("libtorch_cpu.so: failed to map segment from shared object"), "memory"),
        (UnicodeEncodeError("utf-8", "r\udce9", 1, 2, "surrogates not allowed"), "r\\udce9"),
    ],
)
def test_what_a_machine_lacks_is_one_sentence(error, words):
    assert words in sentence(error) and "\n" not in sentence(error)


@pytest.mark.parametrize("error", [RuntimeError("shapes differ"), ImportError("x"), KeyError("x")])
def test_a_bug_is_no_sentence(error):
    assert sentence(error) is None
