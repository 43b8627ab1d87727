"""`python -m benchmarks [NAME ...]`: run the benchmarks and write their tables into README.md."""

from __future__ import annotations

import argparse
import importlib

from benchmarks.tables import circumstances, replace_section

NAMES = ("memory", "alignment", "rendering", "mixing", "separation", "loaders")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(NAMES)}; all if none")
    parser.add_argument("--model", default=None, help="a name from `divisi models`, or a file")
    parser.add_argument("--config", default=None, help="the training whose mixing is measured")
    parser.add_argument(
        "--minutes", type=int, nargs="+", default=[1, 10, 60], help="for memory and alignment"
    )
    arguments = parser.parse_args()
    unknown = [name for name in arguments.names if name not in NAMES]
    if unknown:
        parser.error(f"there is no benchmark '{unknown[0]}'; choose from {', '.join(NAMES)}")
    for name in arguments.names or NAMES:
        measured = importlib.import_module(f"benchmarks.{name}").measure(arguments)
        section = f"{measured}\n\n{circumstances()}"
        replace_section(name, section)
        print(f"{name}\n\n{section}\n", flush=True)


if __name__ == "__main__":
    main()
