"""Whole folders of recordings: `divisi separate ALBUM/`, with one process or many."""

from __future__ import annotations

import os
import time
import warnings
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import CommandError, refusing

if TYPE_CHECKING:
    from distributed import Client

    from ..archives.listing import Entry
    from ..archives.queue import Queue
    from .archive_job import Job, Outcome

PAUSE = 1.0  # seconds between two looks for a recording that has become free


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--skip-existing",
        action="store_true",
        help="leave out recordings whose stems were made from the same bytes by the same model "
        "with the same options: goes on where a run stopped; several runs share the work",
    )
    add_workers(parser)


def add_workers(parser: ArgumentParser) -> None:
    either = parser.add_mutually_exclusive_group()
    either.add_argument(
        "--workers",
        type=_count,
        default=0,
        metavar="N",
        help="separate N recordings at a time, in processes of their own",
    )
    either.add_argument(
        "--scheduler",
        default="",
        metavar="ADDRESS",
        help="let the workers of a running Dask cluster separate them",
    )


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 1000:
        raise ArgumentTypeError(f"'{text}' is not a number of workers, such as 2")
    return int(text)


def is_archive(arguments: Namespace) -> bool:
    """Whether folders, addresses or many processes are asked for, and not only some files."""
    return bool(
        arguments.skip_existing
        or arguments.workers
        or arguments.scheduler
        or isinstance(arguments.output, str)
        or any(isinstance(each, str) or each.is_dir() for each in arguments.files)
    )


def run(
    arguments: Namespace,
    separate: Callable[..., None],
    options: dict[str, Any],
    special: Mapping[str, dict[str, Any]] | None = None,
) -> None:
    """Separate all recordings; what is wrong with one does not stop the others.

    separate, options, special: see `Job`. PartlyDone at the end where a recording was refused;
    CommandError or FolderError where nothing more can be done.
    """
    from ..archives.claims import Claims
    from ..archives.cluster import ClusterError, connected
    from ..archives.listing import listing
    from ..archives.queue import Queue
    from ..inference.players import chosen_sources
    from ..inference.score_following import takes_score
    from .archive_job import Job, loaded
    from .archive_progress import Progress, announce
    from .products import Products

    _check_project(arguments)
    if (model := Path(arguments.model)) != Path(model.stem):  # a file, not a name
        arguments.model = str(_shared(model, arguments))
    output = _shared(arguments.output, arguments)
    found = listing([_shared(each, arguments) for each in arguments.files], output)
    for remark in found.remarks():
        warnings.warn(remark, stacklevel=2)
    with ExitStack() as stack:
        stack.callback(loaded.cache_clear)
        with refusing(ValueError):
            name, model = loaded(arguments.model, arguments.device)
            if takes_score(model):
                raise CommandError(
                    f"--model {name}: needs a score for each recording; choose one that needs none."
                )
            sources = chosen_sources(model, arguments.instruments)
            Products.chosen(arguments, model, sources)
        claims = None
        if isinstance(output, Path):
            claims = stack.enter_context(Claims(output, arguments.skip_existing))
        queue = Queue(found.entries, claims)
        began = claims.began if claims else 0.0
        job = Job(arguments, output, separate, options, sources, began, special or {})
        stack.enter_context(refusing(ClusterError))
        client = None
        if arguments.workers or arguments.scheduler:
            stack.callback(_clean_up, queue, output)
            client = stack.enter_context(connected(arguments.workers, arguments.scheduler))
        announce(found, model, job)
        progress = stack.enter_context(Progress(found, output))
        for entry, outcome in outcomes(job, queue, client):
            if outcome.stops:
                raise CommandError(outcome.error)
            progress.add(entry, outcome)
            queue.give_back(entry, again=outcome.is_busy)
    progress.conclude()


def outcomes(job: Job, queue: Queue, client: Client | None) -> Iterator[tuple[Entry, Outcome]]:
    """What comes of each recording, in this process or by the workers of a cluster."""
    if client is None:
        waiting = False
        while queue:
            entry = queue.take()
            if entry is not None:
                yield entry, job(entry)
                continue
            if not waiting:
                print(f"Other runs work on what is left ({len(queue)}); waiting for them.")
                waiting = True
            time.sleep(PAUSE)
        return
    import torch
    from distributed.scheduler import KilledWorker

    from ..archives.cluster import results
    from .archive_job import Outcome

    threads = 0 if job.arguments.scheduler else torch.get_num_threads()
    for entry, result in results(client, job, queue, threads):
        if isinstance(result, KilledWorker):
            result = Outcome(error="its workers died; it may need more memory than they have.")
        elif isinstance(result, ModuleNotFoundError):
            raise CommandError(
                f"The workers cannot import '{result.name}'; install Divisi where they run."
            ) from result
        elif isinstance(result, Exception):
            raise result
        yield entry, result


def _check_project(arguments: Namespace) -> None:
    """CommandError for a project whose paths would lead to copies that are gone by then."""
    places = (*arguments.files, arguments.output)
    if arguments.project and (address := next((p for p in places if isinstance(p, str)), "")):
        raise CommandError(
            f"--project {arguments.project}: its paths lead to files on a disk and not to"
            f" {address}; leave it out."
        )


def _shared(place: Path | str, arguments: Namespace) -> Path | str:
    """A path as workers elsewhere know it, whatever their current folder."""
    if arguments.scheduler and isinstance(place, Path):
        return Path(os.path.abspath(place))
    return place


def _clean_up(queue: Queue, output: Path | str) -> None:
    """Remove what workers that were stopped leave of the recordings that they had."""
    from ..files import remove_dead_drafts

    for entry in queue.taken if isinstance(output, Path) else ():
        folder = (output / entry.folder).parent
        remove_dead_drafts(folder)
        with suppress(OSError):  # it holds something else
            while folder != output:
                folder.rmdir()
                folder = folder.parent
