"""One process works on a recording, also after another one was killed or fell silent."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from helpers.archives import claims as module
from helpers.archives.claims import Claims
from helpers.folders import FolderError

ROOT = Path(module.__file__).parents[2]


def test_a_claim_belongs_to_one_and_can_be_given_back(tmp_path):
    with Claims(tmp_path, shared=True) as one, Claims(tmp_path, shared=True) as two:
        assert one.take("a/quartet") and two.take("trio")
        assert not two.take("a/quartet") and not one.take("trio")
        one.release("a/quartet")
        assert two.take("a/quartet") and not one.take("a/quartet")
    assert list(tmp_path.iterdir()) == []


def test_a_claim_says_which_process_of_which_host_has_it(tmp_path):
    with Claims(tmp_path, shared=True) as claims:
        before = set(claims.folder.iterdir())
        claims.take("quartet")
        (claim,) = set(claims.folder.iterdir()) - before
        text = claim.read_text()
    assert f"host={socket.gethostname()}" in text and "pid=" in text


def test_a_run_that_does_not_share_is_alone(tmp_path):
    with Claims(tmp_path, shared=False):
        for shared in (True, False):
            with pytest.raises(FolderError, match="another run is writing there"):
                Claims(tmp_path, shared).__enter__()
    with (
        Claims(tmp_path, shared=True),
        pytest.raises(FolderError, match="--skip-existing"),
        Claims(tmp_path, shared=False),
    ):
        pass
    with Claims(tmp_path, shared=False):
        pass
    assert list(tmp_path.iterdir()) == []


DYING = """
import os, sys
from pathlib import Path
from helpers.archives.claims import Claims
claims = Claims(Path(sys.argv[1]), shared=False)
claims.__enter__()
assert claims.take("quartet")
os._exit(1)
"""


def test_the_claims_of_a_process_that_died_here_are_free_at_once(tmp_path):
    subprocess.run([sys.executable, "-c", DYING, tmp_path], cwd=ROOT, check=False)
    assert len(list((tmp_path / module.FOLDER).iterdir())) == 2
    with Claims(tmp_path, shared=True) as claims:
        taken = [claims.take("quartet") for _ in range(2)]  # the first look may only clear the way
        assert taken[-1]
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def silent(tmp_path, monkeypatch):
    """A claim of a process on another host, which does not touch its file any more."""

    kept = []  # a lease that is forgotten is given back

    def make(gone):
        with monkeypatch.context() as patch:
            patch.setattr(socket, "gethostname", lambda: "elsewhere")
            other = Claims(tmp_path, shared=True, gone=gone)
            other.__enter__()
            assert other.take("quartet")
        for lease in (other._run, *other._leases.values()):
            lease._stop_heartbeat()
        kept.append(other)

    yield make
    kept.clear()


def test_a_claim_of_a_silent_host_is_free_after_a_while_and_not_before(tmp_path, silent):
    silent(gone=1.0)
    with Claims(tmp_path, shared=True, gone=1.0) as claims:
        began = time.monotonic()
        while not claims.take("quartet"):
            assert time.monotonic() - began < 30
            time.sleep(0.05)
        assert time.monotonic() - began >= 0.9


def test_a_claim_that_is_touched_is_never_taken(tmp_path):
    with (
        Claims(tmp_path, shared=True, gone=1.5) as one,
        Claims(tmp_path, shared=True, gone=1.5) as two,
    ):
        one.take("quartet")
        end = time.monotonic() + 4
        while time.monotonic() < end:
            assert not two.take("quartet")
            time.sleep(0.1)


@pytest.mark.parametrize("attempt", range(5))
def test_one_of_many_takers_gets_the_claim_of_a_silent_host(tmp_path, silent, attempt):
    silent(gone=0.5)
    takers = [Claims(tmp_path, shared=True, gone=0.5) for _ in range(8)]
    for taker in takers:
        taker.__enter__()

    def try_for_a_while(taker):
        end = time.monotonic() + 1.5
        won = False
        while time.monotonic() < end and not won:
            won = taker.take("quartet")
            time.sleep(0.01)
        return won

    with ThreadPoolExecutor(len(takers)) as pool:
        assert sum(pool.map(try_for_a_while, takers)) == 1
    for taker in takers:
        taker.__exit__()
