"""Write the training materials and licences of all weights into their cards and docs/licences.md,
and the timbres of each instrument into docs/data.md.

    python scripts/licences.py            # or `make licences`
    python scripts/licences.py --check    # exits with 1 where something is stale

Everything follows from `helpers/training/materials.json` and the recipe in each card.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from helpers import runtime
from helpers.files import replaced_atomically
from helpers.training.checkpoints import Card
from helpers.training.licences import fits, learned_from, licence, materials, timbres

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = runtime.repository_root()
PAGE = ROOT / "docs" / "licences.md"
DATA = ROOT / "docs" / "data.md"
#: How many independent timbres each of the main instruments should have.
AIM = 8
MAIN = (
    "violin", "viola", "cello", "flute", "oboe", "clarinet", "bassoon", "horn", "trumpet", "piano",
)  # fmt: skip
#: Materials of weights whose card has no recipe, by the beginning of their names.
WITHOUT_RECIPE = {"nussl-": ["bach10"], "tones-": ["tones"]}


def cards_on_disk() -> dict[str, Card]:
    """Every card exactly as in its file, so that no entry is rewritten."""
    files = sorted((ROOT / "Checkpoints").glob("*.json"))
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in files}


def stated(name: str, card: Card) -> Card:
    """The card with `learned_from` and `licence` before its provenance."""
    provenance = card["provenance"]
    for beginning, names in WITHOUT_RECIPE.items():
        if name.startswith(beginning):
            provenance = {"learned_from": names, **provenance}
    names = learned_from(provenance, card_of)
    fresh = {key: card[key] for key in card if key not in ("learned_from", "licence", "provenance")}
    return {
        **fresh,
        "learned_from": names,
        "licence": licence(names),
        "provenance": card["provenance"],
    }


def card_of(start: str) -> Card:
    """The card of a checkpoint, or the recipe of a stage that has none."""
    name = Path(start).stem
    cards, recipe = cards_on_disk(), ROOT / "recipes" / f"{name}.toml"
    if name in cards:
        return cards[name]
    if not recipe.is_file():
        raise LookupError(start)
    return {"provenance": {"recipe": tomllib.loads(recipe.read_text(encoding="utf-8"))}}


def table(checkpoints: dict[str, Card]) -> str:
    """Three Markdown tables: the weights with these cards, the materials, and their files."""
    rows = list(materials().values())
    described = [("name", "what it is", "licence", "fits MIT", "derived from", "note")]
    described += [
        (f"[{row.name}]({row.source})" if "://" in row.source else row.name, row.title,
         row.licence, "yes" if row.fits else "open", row.derived_from, row.note)
        for row in rows
    ]  # fmt: skip
    files = [("name", "version", "file", "sha256")]
    files += [(row.name, row.version, row.file, row.sha256) for row in rows if row.version]
    weights = [("weights", "learned from", "all fit MIT")]
    weights += [
        (
            f"`{name}`",
            ", ".join(card["learned_from"]),
            "yes" if fits(card["learned_from"]) else "open",
        )
        for name, card in sorted(checkpoints.items())
    ]
    parts = [
        f"### {title}\n\n{_markdown(lines)}"
        for title, lines in (("Weights", weights), ("Materials", described), ("Files", files))
    ]
    return "\n".join(parts)


def timbre_table() -> str:
    """A Markdown table of the independent timbres of each instrument; those of MAIN come first."""
    found = {name for row in materials().values() for name in row.instruments}
    lines = [("instrument", "timbres", "aim", "soundfonts", "recorded notes", "solos")]
    for name in (*MAIN, *sorted(found - set(MAIN))):
        rows = timbres(name)
        of_kind = [
            ", ".join(row.name.rpartition("/")[2] for row in rows if row.kind == kind)
            for kind in ("soundfont", "notes", "solos")
        ]
        lines.append((name, str(len(rows)), str(AIM) if name in MAIN else "", *of_kind))
    return _markdown(lines)


def _replaced(page: str, mark: str, text: str) -> str:
    """A page with another text between `<!-- mark -->` and `<!-- /mark -->`."""
    opening, closing = f"<!-- {mark} -->\n", f"<!-- /{mark} -->"
    before, _, rest = page.partition(opening)
    return before + opening + text + closing + rest.partition(closing)[2]


def _markdown(rows: list[tuple[str, ...]]) -> str:
    lines = [rows[0], ("---",) * len(rows[0]), *rows[1:]]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def fresh_texts() -> dict[Path, str]:
    """Each file that this script writes, with what it should hold."""
    cards = {name: stated(name, card) for name, card in cards_on_disk().items()}
    texts = {
        ROOT / "Checkpoints" / f"{name}.json": json.dumps(card, indent=2, ensure_ascii=False) + "\n"
        for name, card in cards.items()
    }
    texts[PAGE] = _replaced(PAGE.read_text(encoding="utf-8"), "materials", table(cards))
    texts[DATA] = _replaced(DATA.read_text(encoding="utf-8"), "timbres", timbre_table())
    return texts


def main() -> int:
    """Write what is stale, or with `--check` exit with 1 where something is."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = [path for path, text in fresh_texts().items() if path.read_text("utf-8") != text]
    if not check:
        for path, text in fresh_texts().items():
            if path in stale:
                with replaced_atomically(path) as draft:
                    draft.write_text(text, encoding="utf-8")
    for path in stale:
        print(f"{path.relative_to(ROOT)}: {'stale; run `make licences`' if check else 'written'}")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
