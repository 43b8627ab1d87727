"""The layers of the package, read from its source."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

HELPERS = Path(__file__).resolve().parent.parent / "helpers"
MODULES = sorted(HELPERS.rglob("*.py"))

SHARED = {"runtime", "files", "folders", "release", "signals"}
SOUND = ["audio", "music", "synthesis", "augmentation", "datasets"]
#: What each folder may import, beside itself and SHARED. `models` imports torch and third parties
#: only, and no model file another that it does not contain.
CONTAINED = {"score_net.py": {HELPERS / "models" / "mask_net.py"}}
BEFORE = {
    "runtime": set(),
    "files": set(),
    "folders": set(),
    "release": set(),
    "signals": set(),
    **{folder: set(SOUND[:place]) for place, folder in enumerate(SOUND)},
    "playing": {"audio", "music"},
    "transcription": set(SOUND),
    "models": set(),
    "training": set(),
    "inference": {"audio", "music", "training"},
    "evaluation": {*SOUND, "training", "inference"},
    "archives": {"audio", "music", "playing", "transcription", "inference", "evaluation"},
    "display": {*SOUND, "training", "inference", "evaluation"},
    "recipes": {*SOUND, "training", "inference", "evaluation"},
    "__init__": {*SOUND, "training", "inference", "evaluation", "display"},
}
#: `commands` use all of the above, also the public face in `__init__`; `cli` assembles them.
BEFORE["commands"] = set(BEFORE)
BEFORE["cli"] = {"commands"}


def folder_of(module: Path) -> str:
    return module.relative_to(HELPERS).with_suffix("").parts[0]


def imports(module: Path) -> set[Path]:
    """The modules of the package that a module imports, anywhere in its source."""
    found = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert not any(alias.name.startswith("helpers") for alias in node.names), module
        if isinstance(node, ast.ImportFrom):
            assert node.level or not node.module.startswith("helpers"), f"{module}: import relative"
            if not node.level:
                continue
            folder = module.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            modules = [folder / f"{alias.name}.py" for alias in node.names]
            home = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
            found |= {path for path in modules if path.is_file()} or {home}
    return found


def test_every_import_of_the_package_is_found():
    assert all(path.is_file() for module in MODULES for path in imports(module))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(HELPERS)))
def test_a_module_imports_only_from_folders_before_its_own(module):
    folder = folder_of(module)
    targets = {folder_of(path) for path in imports(module) - CONTAINED.get(module.name, set())}
    own = set() if folder == "models" else {folder} | SHARED
    assert targets <= BEFORE[folder] | own


def test_no_modules_import_each_other_in_a_circle():
    order = TopologicalSorter({module: imports(module) for module in MODULES}).static_order()
    assert set(order) >= set(MODULES)


def defined(module: Path) -> set[str]:
    """The names that a module defines itself; of the public face also those that it hands on."""
    names = {"load_model", "available_models"} if module.name == "__init__.py" else set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {part.id for top in targets for part in ast.walk(top) if hasattr(part, "id")}
    return names


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(HELPERS)))
def test_a_name_is_imported_from_the_module_that_defines_it(module):
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            source = module.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            if source.with_suffix(".py").is_file():
                assert {alias.name for alias in node.names} <= defined(source.with_suffix(".py"))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(HELPERS)))
def test_only_runtime_reads_the_environment(module):
    nodes = list(ast.walk(ast.parse(module.read_text(encoding="utf-8"))))
    names = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    names |= {node.name for node in nodes if isinstance(node, ast.alias)}
    if module.name != "runtime.py":
        assert not names & {"environ", "environb", "getenv", "getenvb"}


@pytest.mark.parametrize(
    "init", sorted(HELPERS.glob("*/**/__init__.py")), ids=lambda path: path.parent.name
)
def test_init_files_of_folders_are_empty(init):
    assert not init.read_text(encoding="utf-8")
