"""What the machine offers: device, seed, folders, profile. The only reader of the environment."""

from __future__ import annotations

import os
import platform
import random
import subprocess
from pathlib import Path

import numpy as np
import torch

INSTALL_ALL = 'pip install "divisi[train]"'  # what all commands need, not only `separate`
PACKAGE = Path(__file__).resolve().parent  # `helpers` in a checkout, `divisi` where it is installed


def profile() -> str:
    """`smoke` (the same code at toy size, for tests) or `full`, from `DIVISI_PROFILE`."""
    name = os.environ.get("DIVISI_PROFILE", "full")
    if name not in ("smoke", "full"):
        raise ValueError(f"DIVISI_PROFILE is '{name}'; set it to 'smoke' or 'full', or unset it.")
    return name


def checkout() -> Path | None:
    """The repository that this code lies in; None for an installed package."""
    root = PACKAGE.parent
    return root if (root / "pyproject.toml").is_file() and (root / "Checkpoints").is_dir() else None


def repository_root() -> Path:
    """Where `Results/`, `Images/` and `runs/` are: the checkout, else the current directory.

    An installed package writes nothing beside its own code.
    """
    return checkout() or Path.cwd()


def checkpoints_root() -> Path:
    """The trained models: `DIVISI_CHECKPOINTS`, else those of the checkout or of the package."""
    if folder := os.environ.get("DIVISI_CHECKPOINTS"):
        return Path(folder)
    root = checkout()
    return root / "Checkpoints" if root else PACKAGE / "checkpoints"


def data_root() -> Path | None:
    """The folder of real recordings named by `DIVISI_DATA`; None where it is unset or missing."""
    folder = os.environ.get("DIVISI_DATA")
    return Path(folder) if folder and Path(folder).is_dir() else None


def cache_root() -> Path:
    """Where parsed scores and renders are kept between runs: `DIVISI_CACHE` or ~/.cache/divisi."""
    folder = Path(os.environ.get("DIVISI_CACHE") or Path.home() / ".cache" / "divisi")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def pick_device(name: str = "auto") -> torch.device:
    """The torch device called `auto`, `cpu`, `cuda` or `mps`.

    A device that was asked for by name and is absent is an error, never a silent CPU run.
    """
    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        name = next(device for device, here in present.items() if here)
    if name not in present:
        raise ValueError(f"There is no device '{name}'; choose auto, cpu, cuda or mps.")
    if not present[name]:
        here = ", ".join(device for device, found in present.items() if found)
        raise ValueError(f"This machine has no '{name}' device; it has: {here}.")
    return torch.device(name)


def describe_device(device: torch.device) -> str:
    """One short name for a results row, such as `cpu x86_64, 2 threads` or `cuda NVIDIA T4`."""
    if device.type == "cuda":
        return f"cuda {torch.cuda.get_device_name(device)}"
    return f"{device.type} {platform.machine()}, {torch.get_num_threads()} threads"


def seed_everything(seed: int) -> np.random.Generator:
    """Seed Python, numpy and torch; the returned generator is the one to draw from."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - third parties still draw from the global state
    torch.manual_seed(seed)
    return np.random.default_rng(seed)


def commit() -> str:
    """The short hash of the checked-out commit, `+` behind it where the code differs from it.

    What the code itself writes (tables, figures, weights) does not count as a difference.
    `unknown` where the code lies in no checkout, even if the current directory is in one.
    """
    root = checkout()
    if root is None or not (root / ".git").exists():
        return "unknown"
    written = [f":!{folder}" for folder in ("Results", "Images", "Checkpoints")]
    try:
        revision = _git(root, "rev-parse", "--short", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no", "--", ".", *written)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return revision + ("+" if changed else "")


def _git(folder: Path, *words: str) -> str:
    answer = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True)
    return answer.stdout.strip()
