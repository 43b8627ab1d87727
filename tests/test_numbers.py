"""Every table and figure has a command that makes it, in CONTRIBUTING.md."""

from __future__ import annotations

import re
from fnmatch import fnmatch

import pytest

from helpers.runtime import repository_root

ROOT = repository_root()
LINES = re.findall(r"^\| (.+) \| `python (.+)` \|$", (ROOT / "CONTRIBUTING.md").read_text(), re.M)
PATTERNS = [name for files, _ in LINES for name in re.findall(r"`([^`]+)`", files)]
PUBLISHED = [path for name in ("Results", "Images") for path in (ROOT / name).iterdir()]


@pytest.mark.parametrize("path", sorted(PUBLISHED), ids=lambda path: path.name)
def test_every_published_file_has_a_command(path):
    assert any(fnmatch(f"{path.parent.name}/{path.name}", pattern) for pattern in PATTERNS)


@pytest.mark.parametrize("command", sorted({command for _, command in LINES}))
def test_every_command_exists(command):
    target = command.removeprefix("-m ").split()[0]
    module = ROOT / target.replace(".", "/")
    paths = [ROOT / target, module.with_suffix(".py"), module / "__main__.py"]
    assert any(path.is_file() for path in paths)
