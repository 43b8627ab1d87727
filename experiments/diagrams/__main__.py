"""`python -m experiments.diagrams` draws the diagrams of the course into Images/."""

from __future__ import annotations

from helpers.files import replaced_atomically
from helpers.runtime import repository_root

from . import hybrid, masks, scores, waveforms

DRAWINGS = {**waveforms.DRAWINGS, **masks.DRAWINGS, **scores.DRAWINGS, **hybrid.DRAWINGS}


def main() -> None:
    for name, draw in DRAWINGS.items():
        path = repository_root() / "Images" / f"diagram_{name}.svg"
        with replaced_atomically(path) as draft:
            draft.write_text(draw().svg(), encoding="utf-8")
        print(path.relative_to(repository_root()))


if __name__ == "__main__":
    main()
