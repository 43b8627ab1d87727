"""Damaged files of every kind end in one sentence. `scripts/fuzz.py` tries many more."""

from __future__ import annotations

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
    ended = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=repository_root(), capture_output=True, text=True, timeout=300,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 26, 1 << 26)),
    )  # fmt: skip
    assert ended.returncode in (0, 2), ended.stderr
    assert "Traceback" not in ended.stderr
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < fuzz.BYTES / 1024
