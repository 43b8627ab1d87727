"""Damaged files of every kind end in one sentence. `scripts/fuzz.py` tries many more."""

from __future__ import annotations

import os
import random
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.runtime import repository_root
from scripts import fuzz

EXAMPLES = {"audio": 20, "midi": 20}  # the slower ones


@pytest.fixture(scope="module", params=fuzz.KINDS)
def kind(request):
    fuzz.warm_up(fuzz.KINDS[request.param])
    return request.param


def test_a_damaged_file_is_read_or_refused_in_one_sentence(kind):
    tried, examples = fuzz.KINDS[kind], fuzz.KINDS[kind].examples()

    @settings(max_examples=EXAMPLES.get(kind, 40))
    @given(st.sampled_from(examples), st.integers(0, 2**32))
    def check(content, seed):
        damaged = fuzz.mutated(content, random.Random(seed), tried.is_text)
        fault, printed = fuzz.fault_of(tried, damaged)
        assert not fault, printed

    check()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no resource limits")
def test_a_process_of_its_own_stays_within_its_limits(tmp_path):
    import resource

    kind = fuzz.KINDS["audio"]
    damaged = kind.examples()[0][:-100]
    (tmp_path / kind.name).write_bytes(damaged)
    code = (
        "import sys; from pathlib import Path; from scripts import fuzz;"
        " sys.exit(fuzz.KINDS['audio'].run(Path(sys.argv[1])))"
    )
    with open(tmp_path / "errors", "w") as errors:
        started = subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)],
            cwd=repository_root(), stdout=subprocess.DEVNULL, stderr=errors,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 26, 1 << 26)),
        )  # fmt: skip
        _, status, used = os.wait4(started.pid, 0)
    started.returncode = os.waitstatus_to_exitcode(status)
    printed = (tmp_path / "errors").read_text()
    assert started.returncode in (0, 2), printed
    assert "Traceback" not in printed
    assert used.ru_maxrss < fuzz.BYTES / 1024
