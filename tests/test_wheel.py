"""The wheel, installed outside the checkout beside its dependencies and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions
from pathlib import Path

import numpy as np
import pytest
import soundfile
from packaging.requirements import Requirement

from helpers.runtime import DEFAULT_MODEL
from tests.test_dependencies import PROJECT, ROOT, canonical

SOURCES = ("pyproject.toml", "README.md", "LICENSE", "helpers", "Checkpoints")
SCRIPTS = "Scripts" if os.name == "nt" else "bin"
RATE = 44100
FINDER = """
import sys
from importlib.machinery import PathFinder

class Finder(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name in {absent!r} else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Finder
"""


@dataclass(frozen=True)
class Installed:
    """A fresh environment that holds the wheel, and a folder to work in."""

    wheel: Path
    folder: Path
    work: Path

    def run(self, *words: object, **environment: str) -> subprocess.CompletedProcess:
        """A program of the environment, as its user calls it from the working folder."""
        own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        own = {name: value for name, value in own.items() if not name.startswith("DIVISI_")}
        program, *rest = words
        return subprocess.run(
            [self.folder / SCRIPTS / str(program), *map(str, rest)],
            cwd=self.work, env={**own, **environment}, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def python(self, code: str) -> subprocess.CompletedProcess:
        return self.run("python", "-c", code)

    @property
    def package(self) -> Path:
        [package] = self.folder.rglob("site-packages/divisi")
        return package


def uv(*words: object) -> None:
    command = [sys.executable, "-m", "uv", *map(str, words), "--offline", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def closure(requirements: list[str]) -> set[str]:
    """The installed packages that requirements bring, with what those require in turn."""
    found: set[tuple[str, str]] = set()
    ahead = [(Requirement(line), "") for line in requirements]
    while ahead:
        requirement, extra = ahead.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        for option in {"", *requirement.extras}:
            package = canonical(requirement.name), option
            if package not in found:
                found.add(package)
                ahead += [(Requirement(line), option) for line in required_by(requirement.name)]
    return {name for name, _ in found}


def required_by(package: str) -> list[str]:
    try:
        return distribution(package).requires or []
    except PackageNotFoundError:  # of another platform
        return []


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Installed:
    """The wheel of this checkout in an environment that sees what the wheel requires, no more."""
    home = tmp_path_factory.mktemp("wheel")
    source, work = home / "source", home / "work"
    work.mkdir()
    source.mkdir()
    for name in SOURCES:
        copy: Callable = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, source / name)
    uv("build", "--wheel", "--no-build-isolation", "--python", sys.executable, source, "-o", home)
    [wheel] = home.glob("*.whl")
    folder = home / "environment"
    venv.create(folder, symlinks=os.name != "nt")
    uv("pip", "install", "--no-deps", "--python", folder / SCRIPTS / "python", wheel)
    result = Installed(wheel, folder, work)
    allowed = closure(PROJECT["dependencies"])
    absent = [
        module
        for module, packages in packages_distributions().items()
        if not allowed & set(map(canonical, packages)) and module not in ("divisi", "helpers")
    ]
    site = result.package.parent
    (site / "absent.py").write_text(FINDER.format(absent=absent))
    (site / "beside.pth").write_text(f"{sysconfig.get_path('purelib')}\nimport absent\n")
    return result


@pytest.fixture
def recording(installed) -> Path:
    """Two seconds of a tone, 44100 Hz."""
    time = np.arange(2 * RATE) / RATE
    soundfile.write(installed.work / "tone.wav", 0.3 * np.sin(2 * np.pi * 440 * time), RATE)
    return installed.work / "tone.wav"


def test_the_wheel_holds_one_package_and_the_trained_models(installed):
    names = zipfile.ZipFile(installed.wheel).namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"divisi"}
    models = {name.removeprefix("divisi/checkpoints/") for name in names if "checkpoints/" in name}
    assert models == {path.name for path in (ROOT / "Checkpoints").iterdir()}
    tables = ("music/instruments.csv", "music/splits.csv", "datasets/corpora.json")
    for page in ("display/player.html", "datasets/fingerprints.csv", *tables):
        assert f"divisi/{page}" in names


def test_every_module_of_the_checkout_is_in_the_wheel(installed):
    names = {name for name in zipfile.ZipFile(installed.wheel).namelist() if name.endswith(".py")}
    modules = (ROOT / "helpers").rglob("*.py")
    assert names == {f"divisi/{path.relative_to(ROOT / 'helpers').as_posix()}" for path in modules}


def test_it_is_imported_as_divisi_and_not_as_helpers(installed):
    assert installed.python("import helpers").returncode != 0
    done = installed.python("import divisi.cli; print(divisi.cli.__file__)")
    assert Path(done.stdout.strip()).is_relative_to(installed.package)


def test_help_and_models_work_without_a_checkout(installed):
    assert installed.run("divisi", "--help").returncode == 0
    done = installed.run("divisi", "models")
    assert (done.returncode, done.stderr) == (0, "")
    listed = {line.split()[0] for line in done.stdout.splitlines()[1:]} - {"*"}  # the footnote
    assert listed == {path.stem for path in (ROOT / "Checkpoints").glob("*.json")}


def test_the_default_model_separates_and_writes_nothing_beside_its_code(installed, recording):
    before = {path for path in installed.package.rglob("*") if path.suffix != ".pyc"}
    done = installed.run("divisi", "separate", recording, "--instruments", "violin,cello")
    assert done.returncode == 0, done.stderr
    folder = installed.work / "separated" / "tone"
    assert {path.name for path in folder.iterdir()} == {
        "violin.wav", "cello.wav", "player.html", "separation.json",
    }  # fmt: skip
    assert soundfile.info(folder / "violin.wav").frames == 2 * RATE
    assert json.loads((folder / "separation.json").read_text())["model"] == DEFAULT_MODEL
    after = {path for path in installed.package.rglob("*") if path.suffix != ".pyc"}
    assert {path for path in after - before if path.name != "__pycache__"} == set()


def test_python_separates_with_the_dependencies_alone(installed, recording):
    done = installed.python(
        "import sys, divisi; assert not {'torch', 'numpy'} & set(sys.modules)\n"
        "separation = divisi.separate('tone.wav', ['violin', 'cello'])\n"
        "page = separation.player().save('player.html')\n"
        "print(divisi.__version__, *separation.stems, separation.save('saved'), page)"
    )
    assert done.returncode == 0, done.stderr
    version = distribution("divisi").version
    assert done.stdout.split() == [version, "violin", "cello", "saved", "player.html"]


def test_a_missing_extra_is_one_sentence(installed, recording):
    train, nussl = 'pip install "divisi[train]"', 'pip install "divisi[nussl]"'
    models = {"tones-2-voices-conv-tasnet": train, "nussl-violin": nussl}
    lines = {
        "train toy.toml": train,
        "evaluate . --csv rows.csv": train,
        "fetch Bach10": train,
        "render bwv269": train,
        "finetune .": train,
        "pack . stems.lmdb": train,
        **{f"separate tone.wav -o out --model {name}": models[name] for name in models},
    }
    done = installed.python(
        "import sys, divisi.cli\n"
        f"codes = [divisi.cli.main(line.split()) for line in {list(lines)!r}]\n"
        "sys.exit(codes != [2] * len(codes))"
    )
    assert (done.returncode, done.stdout) == (0, "")
    errors = done.stderr.splitlines()
    assert len(errors) == len(lines)
    for line, remedy, sentence in zip(lines, lines.values(), errors, strict=True):
        assert sentence.startswith("divisi: ") and remedy in sentence, line
    assert not (installed.work / "out").exists()


def test_runs_and_results_go_into_the_current_directory(installed):
    done = installed.python("from divisi import runtime; print(runtime.repository_root())")
    assert Path(done.stdout.strip()) == installed.work.resolve()


def test_the_commit_is_unknown_even_in_another_repository(installed):
    subprocess.run(["git", "init", "-q", installed.work], check=True)
    done = installed.python("from divisi import runtime; print(runtime.commit())")
    assert done.stdout.strip() == "unknown"


def test_models_in_divisi_checkpoints_are_listed(installed, tmp_path):
    for path in (ROOT / "Checkpoints").glob("tones-2-voices-wave-unet.*"):
        shutil.copy(path, tmp_path)
    done = installed.run("divisi", "models", DIVISI_CHECKPOINTS=str(tmp_path))
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == [
        "tones-2-voices-wave-unet"
    ]
