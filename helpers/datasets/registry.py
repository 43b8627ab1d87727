"""The published corpora that the project reads, with licence, citation and how to get each.

The table is `corpora.json` beside this file. Zenodo records and folder layouts of EnsembleSet,
SynthSOD and CadenzaWoodwind are those that public loaders give (github.com/repertorium/
SynthSOD-Baseline and github.com/claritychallenge/clarity); the archives themselves were not read.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path


@dataclass(frozen=True)
class Corpus:
    """A published collection of recordings.

    obtain: how to get it. use: what the project uses it for.
    layouts: patterns (as `fnmatch` reads them, in any case), one of which fits the path of a file
    of each piece. renamed_stems: names of its stems that are another instrument in our table.
    microphones: where a piece has one folder a microphone, the preferred ones, best first.
    alternatives: instruments that play the same part; a piece has one of them.
    residual_db: level of mixture minus stems relative to the mixture, at most, as measured.
    held_out: evaluation only; no recipe trains on it.
    zenodo_record, archive: what `divisi fetch` downloads.
    """

    name: str
    title: str
    url: str = ""
    licence: str = ""
    citation: str = ""
    instruments: tuple[str, ...] = ()
    obtain: str = ""
    use: str = ""
    layouts: tuple[str, ...] = ()
    renamed_stems: dict[str, str] = field(default_factory=dict)
    microphones: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()
    residual_db: float = -40.0
    held_out: bool = False
    zenodo_record: int | None = None
    archive: str = ""

    def fits(self, files: Iterable[str]) -> bool:
        """Whether the paths of a piece's files (`/FOLDER/.../FILE`) fit this corpus."""
        patterns = [layout.lower() for layout in self.layouts]
        return any(fnmatchcase(file.lower(), pattern) for file in files for pattern in patterns)


def _read_table() -> tuple[Corpus, ...]:
    text = Path(__file__).with_name("corpora.json").read_text(encoding="utf-8")
    rows = [
        {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
        for row in json.loads(text)
    ]
    return tuple(Corpus(**row) for row in rows)


CORPORA = _read_table()
FOLDER = Corpus("folder", "A folder of stems")  # of any other origin


def corpus(name: str) -> Corpus:
    """The corpus with this name, in any case; KeyError with the nearest name."""
    rows = {row.name: row for row in CORPORA}
    if name.lower() not in rows:
        near = difflib.get_close_matches(name.lower(), rows, n=1, cutoff=0.4)
        hint = f"did you mean '{near[0]}'?" if near else f"choose {', '.join(rows)}."
        raise KeyError(f"There is no corpus '{name}'; {hint}")
    return rows[name.lower()]
