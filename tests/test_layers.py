"""The way data flows is the order of the folders; read from the source, without importing it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

HELPERS = Path(__file__).resolve().parent.parent / "helpers"
MODULES = sorted(HELPERS.rglob("*.py"))
LEFT_OF = {
    "runtime": set(),
    "sound": {"runtime"},
    "data": {"runtime", "sound"},
    "models": set(),
    "training": {"runtime"},
    "evaluation": {"runtime", "sound", "data", "training"},
    "display": {"runtime", "sound", "data", "training", "evaluation"},
}


def imports(module: Path) -> list[str]:
    """The dotted names that a module of `helpers` imports, anywhere in its source."""
    names = []
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: write the import out, from helpers..."
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return names


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(HELPERS)))
def test_a_module_imports_only_from_folders_to_its_left(module):
    parts = module.relative_to(HELPERS).with_suffix("").parts
    room = parts[0]
    if room not in LEFT_OF:
        wiring = ("__init__", "banks", "cli", "commands", "finetuning", "recipes")
        assert room in wiring, f"no layer for {module}"
        return
    for name in imports(module):
        top, _, rest = name.partition(".")
        if top == "helpers":
            target = rest.split(".")[0]
            same_room = target == room and room != "models"
            assert same_room or target in LEFT_OF[room], f"{module} imports {name}"


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(HELPERS)))
def test_only_runtime_reads_the_environment(module):
    source = ast.unparse(ast.parse(module.read_text()))
    if module.name != "runtime.py":
        assert "environ" not in source and "getenv" not in source


@pytest.mark.parametrize(
    "init", sorted(HELPERS.rglob("__init__.py")), ids=lambda path: path.parent.name
)
def test_init_files_are_empty(init):
    assert not init.read_text()
