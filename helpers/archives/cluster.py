"""Workers of a Dask cluster, local or running elsewhere, that take one recording at a time."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import TYPE_CHECKING, TypeVar

from .. import runtime
from .listing import Entry
from .queue import Queue

if TYPE_CHECKING:
    from distributed import Client, Future

PATIENCE = 5.0  # seconds until a scheduler must have answered
START = 300.0  # seconds until a local worker must have started; they import torch all at once
LOOK = 20.0  # seconds between two looks whether there are workers left
PAUSE = 1.0  # seconds between two looks for a recording that has become free
T = TypeVar("T")
ONE_AT_A_TIME = Lock()  # in a worker: the model and the output of a process are one


class ClusterError(ValueError):
    """A cluster that cannot be used; the message is one sentence."""


@contextmanager
def connected(workers: int, scheduler: str) -> Iterator[Client]:
    """A client of the scheduler at an address or, where that is empty, of new local workers.

    ClusterError where Dask is not installed and where the scheduler or its workers do not answer.
    """
    try:
        import dask
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise ClusterError(
            'A cluster needs Dask, which is not installed; run: pip install "divisi[cluster]".'
        ) from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with ExitStack() as stack:
        if not scheduler:
            options = {f"distributed.comm.timeouts.{kind}": START for kind in ("connect", "tcp")}
            # Dask works in a thread, to which glibc would give each large buffer in new pages.
            spawned = "distributed.nanny.pre-spawn-environ"
            options |= {f"{spawned}.{name}": value for name, value in runtime.MEMORY_KEPT.items()}
            stack.enter_context(dask.config.set(options))
            cluster = stack.enter_context(
                LocalCluster(
                    n_workers=workers, threads_per_worker=1, memory_limit=0,
                    dashboard_address=None, silence_logs=logging.CRITICAL,
                )
            )  # fmt: skip
            client = stack.enter_context(Client(cluster))
            client.register_plugin(_deaf_to_ctrl_c())
            _wait_for_workers(client, workers, START, "the workers do not start; pass fewer.")
        else:
            client = stack.enter_context(_client_of(scheduler))
        yield client


def _client_of(scheduler: str) -> Client:
    from distributed import Client

    advice = f"start one with `dask scheduler`, or pass --workers {os.cpu_count()}"
    try:
        # First, since `Client` waits for ever for a server that says nothing.
        asyncio.run(asyncio.wait_for(_identity(scheduler), PATIENCE))
        client = Client(scheduler, timeout=PATIENCE)
    except (OSError, ValueError, TypeError, asyncio.TimeoutError) as error:
        raise ClusterError(
            f"{scheduler}: no scheduler answers there within {PATIENCE:g} seconds; {advice}."
        ) from error
    advice = f"this cluster has no workers; start some with `dask worker {scheduler}`."
    try:
        _wait_for_workers(client, 1, PATIENCE, f"{scheduler}: {advice}")
    except ClusterError:
        client.close()
        raise
    return client


async def _identity(scheduler: str) -> object:
    from distributed import rpc

    async with rpc(scheduler) as answering:
        return await answering.identity()


def _wait_for_workers(client: Client, count: int, seconds: float, otherwise: str) -> None:
    from distributed import TimeoutError

    try:
        client.wait_for_workers(count, timeout=seconds)
    except TimeoutError as error:
        raise ClusterError(otherwise) from error


def _deaf_to_ctrl_c() -> object:
    """A plugin for workers: Ctrl-C reaches all processes, and the client ends its own workers."""
    from distributed import WorkerPlugin

    class Deaf(WorkerPlugin):
        name = "deaf-to-ctrl-c"

        def setup(self, worker: object) -> None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)

    return Deaf()


def results(
    client: Client, work: Callable[[Entry], T], queue: Queue, most_threads: int = 0
) -> Iterator[tuple[Entry, T | Exception]]:
    """What `work` returns for each recording, or its error, in the order in which they end.

    A recording whose worker dies goes to another one; after four such deaths its error says so.
    most_threads: for torch in all workers of a machine together; 0: all that it has.
    """
    from distributed import TimeoutError, wait

    running: dict[Future, Entry] = {}
    while queue or running:
        hosts = Counter(_host(address) for address in client.nthreads())
        while len(running) < max(1, hosts.total()) and (entry := queue.take()):
            future = client.submit(_in_worker, work, entry, dict(hosts), most_threads, pure=False)
            running[future] = entry
        if not running:
            time.sleep(PAUSE)  # others work on all that is left
            continue
        try:
            done = wait(list(running), timeout=LOOK, return_when="FIRST_COMPLETED").done
        except TimeoutError as error:
            if not client.nthreads():
                raise ClusterError(
                    "No worker is left; start some, and go on with --skip-existing."
                ) from error
            continue
        except CancelledError as error:
            raise ClusterError(
                "The scheduler is gone; start it again, and go on with --skip-existing."
            ) from error
        for future in done:
            error = future.exception()
            yield running.pop(future), future.result() if error is None else error


def _in_worker(work: Callable[[Entry], T], entry: Entry, hosts: dict[str, int], most: int) -> T:
    import torch
    from distributed import get_worker

    cores = min(most, os.cpu_count() or 1) if most else os.cpu_count() or 1
    with ONE_AT_A_TIME:
        torch.set_num_threads(max(1, cores // hosts.get(_host(get_worker().address), 1)))
        return work(entry)


def _host(address: str) -> str:
    """`tcp://10.0.0.1:8786` -> `10.0.0.1`."""
    return address.rpartition("://")[2].rpartition(":")[0]
