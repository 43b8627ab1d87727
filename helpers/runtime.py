"""The machine and its settings: folders, profile, device, seed, commit.

This is the only module that reads the environment. It imports torch and numpy where it needs them,
so that `divisi --help` and `import divisi` stay fast.
"""

from __future__ import annotations

import ctypes
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import torch

DEFAULT_MODEL = "chamber"
QUALITY_WINDOWS = 3  # of a recording, from which the quality of its stems is estimated
LARGE_MODEL = "ensemble"  # where players are named that the default one lacks
SCORE_MODEL = "guided"  # of `divisi separate --score`
INSTALL_ALL = 'pip install "divisi[train]"'  # what all commands need, not only `separate`
DRIVE = Path("/content/drive/MyDrive/divisi")  # on Colab, once Google Drive is connected
PACKAGE = Path(__file__).resolve().parent  # `helpers` in a checkout, `divisi` where it is installed
PROFILES = ("reader", "smoke", "full")
#: Options of mallopt(3), M_TRIM_THRESHOLD, M_TOP_PAD and M_MMAP_MAX: never give memory back, ask
#: for 64 MiB at a time, no maps of their own; and as they are by default.
KEPT = {-1: -1, -2: 64 << 20, -4: 0}
GIVEN_BACK = {-1: 128 << 10, -2: 128 << 10, -4: 65_536}
#: Environment variables of a process that keeps, in all its threads, what `freed_memory_kept` says.
MEMORY_KEPT = {
    "MALLOC_ARENA_MAX": 1, "MALLOC_TRIM_THRESHOLD_": KEPT[-1], "MALLOC_TOP_PAD_": KEPT[-2],
    "MALLOC_MMAP_MAX_": KEPT[-4],
}  # fmt: skip


def profile() -> str:
    """`reader`, or what `DIVISI_PROFILE` says.

    `reader` and `full` do the same; only `full` writes the tables and figures of the repository.
    `smoke` is the same code at toy size.
    """
    name = os.environ.get("DIVISI_PROFILE", "reader")
    if name not in PROFILES:
        raise ValueError(
            f"DIVISI_PROFILE is '{name}'; set it to 'reader', 'smoke' or 'full', or unset it."
        )
    return name


def checkout() -> Path | None:
    """The root of the repository that contains this code; None for an installed package."""
    root = PACKAGE.parent
    return root if (root / "pyproject.toml").is_file() and (root / "Checkpoints").is_dir() else None


def repository_root() -> Path:
    """The parent of `Results/`, `Images/` and `runs/`: the checkout, else the current directory."""
    return checkout() or Path.cwd()


def checkpoints_root() -> Path:
    """The trained models: `DIVISI_CHECKPOINTS`, else those of the checkout or of the package."""
    if folder := os.environ.get("DIVISI_CHECKPOINTS"):
        return Path(folder)
    root = checkout()
    return root / "Checkpoints" if root else PACKAGE / "checkpoints"


def data_root() -> Path | None:
    """The folder of real recordings, `DIVISI_DATA`; None where it is unset or missing."""
    folder = os.environ.get("DIVISI_DATA")
    return Path(folder) if folder and Path(folder).is_dir() else None


def cache_root() -> Path:
    """Parsed scores and renderings, kept between runs: `DIVISI_CACHE` or ~/.cache/divisi.

    On Colab with a connected Google Drive: `divisi/cache` there.
    """
    usual = DRIVE / "cache" if DRIVE.parent.is_dir() else Path.home() / ".cache" / "divisi"
    folder = Path(os.environ.get("DIVISI_CACHE") or usual)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def runs_root() -> Path:
    """Where trainings keep their state: `DIVISI_RUNS`, or `runs` in the repository.

    On Colab with a connected Google Drive: `divisi/runs` there.
    """
    usual = DRIVE / "runs" if DRIVE.parent.is_dir() else repository_root() / "runs"
    return Path(os.environ.get("DIVISI_RUNS") or usual)


def keep_on_drive() -> Path:
    """On Colab, connect Google Drive: a training then goes on after a disconnection.

    Elsewhere nothing happens. Returns `runs_root()`. Chapters: 01, 02, 03, 04.
    """
    import sys

    if "google.colab" in sys.modules:
        from google.colab import drive

        drive.mount(str(DRIVE.parent.parent))
    return runs_root()


def pick_device(name: str = "auto") -> torch.device:
    """The torch device `cpu`, `cuda` or `mps`; `auto` is the fastest that is available.

    Raises ValueError for a device that this machine does not have; it never falls back to the CPU.
    """
    import torch

    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    names = [device for device, present in available.items() if present]
    if name == "auto":
        return torch.device(names[0])
    if name not in available:
        raise ValueError(f"There is no device '{name}'; choose auto, cpu, cuda or mps.")
    if name not in names:
        raise ValueError(f"This machine has no '{name}' device; it has: {', '.join(names)}.")
    return torch.device(name)


def describe_device(device: torch.device | str) -> str:
    """A short name for a results row, such as `cpu x86_64, 2 threads` or `cuda NVIDIA T4`."""
    import platform

    import torch

    device = torch.device(device)
    if device.type == "cuda":
        return f"cuda {torch.cuda.get_device_name(device)}"
    return f"{device.type} {platform.machine()}, {torch.get_num_threads()} threads"


def seed_everything(seed: int) -> np.random.Generator:
    """Seed Python, numpy and torch. Draw from the generator that is returned."""
    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - third parties still draw from the global state
    torch.manual_seed(seed)
    return np.random.default_rng(seed)


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """In this context the process keeps the memory that it frees, and uses it again.

    glibc gives each buffer of some megabytes back to the kernel, which clears new pages for the
    next one: a quarter of the time of a training step, and half of it where two processes work.
    Without glibc nothing changes.
    """
    try:
        library = ctypes.CDLL(None)
        mallopt, trim = library.mallopt, library.malloc_trim
    except (AttributeError, OSError, TypeError):
        yield
        return
    for option, value in KEPT.items():
        mallopt(option, value)
    try:
        yield
    finally:
        for option, value in GIVEN_BACK.items():
            mallopt(option, value)
        trim(0)


def commit() -> str:
    """The short hash of the checked-out commit, with `+` where the code was changed since.

    Tables, figures, weights and notebooks, which the code itself writes, do not count as changes.
    `unknown` for an installed package, even if the current directory is in some repository.
    """
    import subprocess

    root = checkout()
    if root is None or not (root / ".git").exists():
        return "unknown"

    def git(*words: str) -> str:
        answer = subprocess.run(
            ["git", *words], cwd=root, capture_output=True, text=True, check=True
        )
        return answer.stdout.strip()

    written = [f":!{paths}" for paths in ("Results", "Images", "Checkpoints", "*.ipynb")]
    try:
        revision = git("rev-parse", "--short", "HEAD")
        changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", *written)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return revision + ("+" if changed else "")
