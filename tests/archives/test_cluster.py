"""Workers of a Dask cluster: results, errors and threads, and clusters that cannot be used."""

from __future__ import annotations

import os
import platform
import socket
import time
from pathlib import Path

import pytest

from helpers.archives import cluster as module
from helpers.archives.cluster import ClusterError, connected, results
from helpers.archives.listing import Entry
from helpers.archives.queue import Queue

distributed = pytest.importorskip("distributed")


def entries(count):
    return [Entry(Path(f"{number}.wav"), str(number), 1.0, 1) for number in range(count)]


def threads_and_name(entry):
    import torch

    if entry.folder == "2":
        raise ZeroDivisionError
    return entry.folder, torch.get_num_threads()


@pytest.fixture(scope="module")
def scheduler():
    """A cluster in this process with two workers; its address."""
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": False}
    with distributed.LocalCluster(**options, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


def test_results_and_errors_come_back_and_threads_are_split(scheduler, monkeypatch):
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    queue = Queue(entries(4), None)
    with connected(0, scheduler) as client:
        found = {}
        for entry, result in results(client, threads_and_name, queue):
            found[entry.folder] = result
            queue.give_back(entry)
    assert isinstance(found.pop("2"), ZeroDivisionError)
    assert found == {name: (name, 3) for name in ("0", "1", "3")}
    assert not queue.taken


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="variables of glibc")
def test_local_workers_keep_freed_memory_in_the_thread_that_works():
    with connected(1, "") as client:
        found = client.submit(os.getenv, "MALLOC_ARENA_MAX").result()
    assert found == "1"


def test_a_cluster_without_workers_is_refused(monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 1.0)
    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=None) as empty,
        pytest.raises(ClusterError, match="this cluster has no workers; start some with `dask"),
        connected(0, empty.scheduler_address),
    ):
        pass


def test_a_server_that_says_nothing_is_no_scheduler():
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(ClusterError, match="no scheduler answers"), connected(0, address):
            pass
        assert time.monotonic() - began < 20
