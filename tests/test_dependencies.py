"""`pip install divisi` installs what `divisi separate` imports; read from the source."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from helpers.cli import COMMANDS
from helpers.runtime import DEFAULT_MODEL
from tests.test_layers import HELPERS, MODULES, imports

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = HELPERS.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
STANDARD = sys.stdlib_module_names | {"tomllib"}  # which Python 3.10 does not have yet
#: nussl is installed without its own list, IPython comes with ipykernel, google.colab with Colab.
#: gdown is one of two ways to the release archive.
UNLISTED = {"nussl", "IPython", "google", "gdown"}
#: Modules and functions of the standard library that Windows does not have.
POSIX = {
    "fcntl", "grp", "nis", "posix", "pty", "pwd", "resource", "spwd", "syslog", "termios", "tty",
    "os.chown", "os.fork", "os.forkpty", "os.getegid", "os.geteuid", "os.getgid", "os.getpgid",
    "os.getuid", "os.killpg", "os.mkfifo", "os.nice", "os.O_DIRECTORY", "os.sched_getaffinity",
    "os.setsid", "os.statvfs", "os.sysconf", "os.uname", "os.wait", "signal.alarm", "signal.pause",
    "signal.setitimer", "signal.SIGALRM", "signal.SIGCONT", "signal.SIGHUP", "signal.SIGKILL",
    "signal.SIGPIPE", "signal.SIGQUIT", "signal.SIGSTOP", "signal.SIGUSR1", "signal.SIGUSR2",
}  # fmt: skip
each_command = pytest.mark.parametrize("command", COMMANDS)


def reached_modules(command: str) -> set[Path]:
    """The modules that a command reaches, with the default model's, which its card names."""
    card = json.loads((ROOT / "Checkpoints" / f"{DEFAULT_MODEL}.json").read_text(encoding="utf-8"))
    model = card["architecture"].partition(".")[0]
    ahead = [HELPERS / f"commands/{command}.py", HELPERS / f"models/{model}.py"]
    ahead += [path for path in imports(HELPERS / "cli.py") if path.stem not in COMMANDS]
    reached = {HELPERS / "__init__.py", HELPERS / "cli.py"}
    while ahead:
        module = ahead.pop()
        if module not in reached:
            reached.add(module)
            ahead += imports(module)
    return reached


def outside(module: Path) -> set[str]:
    """The modules of others that a module imports anywhere in its source, by first name."""
    names = set()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module.partition(".")[0])
    return names - {"__future__"}


def canonical(requirement: str) -> str:
    """`Pretty_MIDI>=0.2` -> `pretty-midi`."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()


def packages(modules: set[Path]) -> set[str]:
    """The packages of third parties that modules import, as an installer calls them."""
    known = packages_distributions()
    names = set().union(*map(outside, modules)) - STANDARD - UNLISTED
    return {canonical(known.get(name, [name])[0]) for name in names}


def listed(*extras: str) -> set[str]:
    return set(map(canonical, [*PROJECT["dependencies"], *sum(map(EXTRAS.get, extras), [])]))


def requirements(name: str) -> set[str]:
    """The lines of a file of requirements, without comments; quotes as in pyproject.toml."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    bare = {re.sub(r"(^|\s)#.*", "", line).strip().replace('"', "'") for line in lines}
    return bare - {""}


def test_the_dependencies_are_what_separate_imports():
    """But what only many workers and addresses need, `cluster`, what reads a score, `train`, and
    what engraves it, `score`."""
    found = packages(reached_modules("separate"))
    assert found - listed("cluster", "train", "score") == set() and found >= listed()
    of_scores = listed("train") - listed()
    assert found & of_scores == packages(reached_modules("align")) & of_scores


@each_command
def test_the_extra_train_is_enough_for_every_command(command):
    """But for notes read from stems, which have one of their own beside it, and engraved scores."""
    own = ("notes",) if command in ("transcribe", "dataset") else ()
    assert packages(reached_modules(command)) <= listed("train", "cluster", "score", *own)


@pytest.mark.parametrize("command", ["models", "corpora"])
def test_listing_needs_no_extra(command):
    """But PyYAML, which `divisi corpora --check` imports where it finds a track of MedleyDB."""
    assert packages(reached_modules(command)) <= listed() | {"pyyaml"}
    assert "yaml" not in imported_by("divisi", command)


def imported_by(*words: str) -> set[str]:
    """The packages that a command line imports while it runs."""
    code = f"import sys; sys.argv = {list(words)}; from helpers.cli import main; main(); "
    code += "print('|', *{name.partition('.')[0] for name in sys.modules})"
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(answer.stdout.rpartition("|")[2].split())


def test_every_package_that_is_imported_is_listed():
    assert packages(set(MODULES)) <= listed("train", "course", "score", "cluster", "notes")


def test_requirements_are_those_of_the_extras():
    course = {"divisi[train]", *PROJECT["dependencies"], *EXTRAS["train"], *EXTRAS["course"]}
    assert requirements("requirements.txt") == course - {"divisi[train]"}
    assert requirements("requirements-dev.txt") == {*EXTRAS["dev"]} - {"divisi[course]"}
    assert requirements("requirements-nussl.txt") == {*EXTRAS["nussl"]}
    assert {*EXTRAS["cluster"], *EXTRAS["notes"]} <= {*EXTRAS["dev"]}


def test_constraints_name_every_requirement():
    fixed = {canonical(line) for line in requirements("constraints.txt")}
    for kind in ("", "-nussl", "-dev", "-docs"):
        name = f"requirements{kind}.txt"
        assert set(map(canonical, requirements(name))) <= fixed


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(HELPERS)))
def test_no_module_needs_what_windows_lacks(module):
    tree = ast.parse(module.read_text(encoding="utf-8"))
    used = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not (used | outside(module)) & POSIX


def test_separate_starts_no_program_but_git_and_ffmpeg():
    runs = {module for module in reached_modules("separate") if "subprocess" in outside(module)}
    assert runs == {HELPERS / "runtime.py", HELPERS / "audio" / "ffmpeg.py"}
    tree = ast.parse((HELPERS / "runtime.py").read_text(encoding="utf-8"))
    calls = [
        ast.unparse(node.args[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("subprocess.")
    ]
    assert calls and all(words.startswith("['git', ") for words in calls)
