"""What would the bootstrap cell change on Colab? Resolve requirements*.txt beside its packages.

python scripts/colab_check.py [FREEZE]

FREEZE is a `pip freeze` of a Colab runtime; by default `scripts/colab-installed.txt`. Each of
its packages becomes an empty stub with a name and a version, and uv resolves on top of them without
installing. The exit code is 1 where a package of Colab would be replaced.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KEPT = ("torch", "torchaudio", "torchvision", "numpy", "scipy", "pandas")  # as in colab.sh


def read_freeze(path: Path) -> dict[str, str]:
    """The `name==version` lines of a freeze; packages installed from an address are left out."""
    pins = re.findall(r"^([\w.-]+)==(\S+)", path.read_text(), flags=re.MULTILINE)
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pins}


def write_stubs(packages: dict[str, str], site: Path) -> None:
    """Make `site` look to an installer as if it held the packages."""
    for name, version in packages.items():
        stub = site / f"{name.replace('-', '_')}-{version}.dist-info"
        stub.mkdir(parents=True)
        lines = ("Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", "")
        (stub / "METADATA").write_text("\n".join(lines))
        (stub / "INSTALLER").write_text("pip\n")
        (stub / "RECORD").write_text("")


def resolve(site: Path, constraints: Path, python: str = "3.12") -> list[tuple[str, str, str]]:
    """The changes (sign, name, version) that installing what we need into `site` would make."""
    answer = subprocess.run(
        [sys.executable, "-m", "uv", "pip", "install", "--dry-run", "--color=never"]
        + ["--target", str(site), "--python-version", python]
        + ["--python-platform", "x86_64-manylinux_2_35", "--constraints", str(constraints)]
        + ["--requirements", str(ROOT / "requirements.txt")]
        + ["--requirements", str(ROOT / "requirements-nussl.txt")],
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode:
        sys.exit(f"requirements.txt does not fit Colab's packages:\n{answer.stderr}")
    return re.findall(r"^ ([-+~]) ([\w.-]+)==(\S+)", answer.stderr, flags=re.MULTILINE)


def main(freeze: Path) -> int:
    colab = read_freeze(freeze)
    with tempfile.TemporaryDirectory() as folder:
        site, constraints = Path(folder, "site"), Path(folder, "keep.txt")
        write_stubs(colab, site)
        constraints.write_text("".join(f"{n}=={colab[n]}\n" for n in KEPT if n in colab))
        changes = resolve(site, constraints)
    added = [f"{name} {version}" for _, name, version in changes if name not in colab]
    replaced = [" ".join(change) for change in changes if change[1] in colab]
    print("unchanged:", ", ".join(f"{name} {colab[name]}" for name in KEPT if name in colab))
    print(f"added ({len(added)}):", ", ".join(added))
    print(f"replaced ({len(replaced)}):", ", ".join(replaced) or "none")
    return 1 if replaced else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "scripts/colab-installed.txt"))
