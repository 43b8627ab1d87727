"""The manifest of a stem bank: all that its rendered samples depend on."""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections.abc import Iterable
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from ..files import file_sha256, files_sha256
from ..synthesis.fluidsynth import fluidsynth_version
from ..synthesis.note_index import NotesRoot, note_players
from ..synthesis.note_samples import recorded_files
from ..synthesis.soundfonts import find_soundfont
from .renderings import RenderingConfig

PACKAGE = Path(__file__).parent.parent
#: The code and tables that the samples depend on.
CODE = (
    "audio/*.py", "music/*.py", "music/instruments.csv", "synthesis/*.py", "datasets/renderings.py",
    "datasets/real_pieces.py", "datasets/multitracks.py", "datasets/fingerprints.py",
    "datasets/stem_folders.py", "datasets/medleydb.py", "datasets/registry.py",
    "datasets/stem_bank.py",
)  # fmt: skip
#: What no rendering imports: reading long recordings, aligning scores to them, making them worse.
UNRELATED = (
    "recordings.py", "alignment.py", "onset_refinement.py", "pitch_features.py", "warping.py",
    "score_errors.py",
)  # fmt: skip
LIBRARIES = ("pyfluidsynth", "music21", "numpy", "soxr")  # that the samples depend on


def manifest(config: RenderingConfig, notes_root: NotesRoot) -> dict[str, Any]:
    """All that rendered samples depend on: config, soundfonts, recorded notes, code, libraries.

    notes_root: folders of recorded notes, or sets in them; None to use none.
    ValueError if a soundfont or the index of the recorded notes is missing.

    Chapter: 02.
    """
    notes = recorded_files(notes_root, config.instruments)
    return {
        "rendering": asdict(config),
        "players": [player.name for player in note_players(notes_root)],
        "notes": files_sha256(notes) if notes else None,
        "soundfonts": {name: file_sha256(find_soundfont(name)) for name in config.soundfonts},
        "code": code_sha256({*rendering_modules(), Path(inspect.getfile(type(config)))}),
        "versions": {
            **({"fluidsynth": fluidsynth_version()} if config.soundfonts else {}),
            **{library: metadata.version(library) for library in LIBRARIES},
        },
    }


def rendering_modules() -> list[Path]:
    """The source files of CODE without UNRELATED."""
    modules = [module for pattern in CODE for module in sorted(PACKAGE.glob(pattern))]
    return [module for module in modules if module.name not in UNRELATED]


def code_sha256(modules: Iterable[Path]) -> str:
    """Of the code of some modules, without comments, docstrings and layout; tables as they are."""
    digest = hashlib.sha256()
    for path in sorted(modules):
        if path.suffix != ".py":
            digest.update(path.read_bytes())
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
            if documented and ast.get_docstring(node) is not None:
                node.body = node.body[1:]
        digest.update(f"{path.name} {ast.dump(tree)} ".encode())
    return digest.hexdigest()
