"""The sounds and scores that weights learned from, their licences, and that of the weights.

`materials.json` beside this file has an entry for each soundfont, collection and set of scores.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from .renamed_fields import current_recipe

TABLE = Path(__file__).with_name("materials.json")
#: The licence under which we give the weights in `Checkpoints/`.
OURS = "MIT"
UNKNOWN = "terms not known here"
NONE = "not stated"
#: The soundfonts of recipes that give their number only: those of Debian, by name.
COUNTED = ("FluidR3_GM", "MuseScore_General_Lite", "TimGM6mb")
NOTES = "philharmonia_notes"
ALL = "all"
UNSTATED = "no terms stated"


@dataclass(frozen=True)
class Material:
    """A source of training data. fits: in our judgement it clearly allows weights under MIT.

    kind: `soundfont`, `notes`, `solos`, `recordings`, `scores` or `tones`. sha256: of `file`; both
    are empty where it is not a single file. instruments: of which it has sounds; of a General MIDI
    soundfont, those that share no samples with another soundfont of the table or with another
    instrument. same_as: another material with the same players.
    """

    name: str
    kind: str
    title: str
    version: str
    licence: str
    fits: bool
    source: str
    derived_from: str
    file: str = ""
    sha256: str = ""
    note: str = ""
    instruments: tuple[str, ...] = ()
    same_as: str = ""


@cache
def materials() -> dict[str, Material]:
    """All rows of the table by name, in its order."""
    rows = json.loads(TABLE.read_text(encoding="utf-8"))
    return {
        name: Material(name=name, instruments=tuple(row.pop("instruments", ())), **row)
        for name, row in rows.items()
    }


def learned_from(
    provenance: Mapping[str, Any], card_of: Callable[[str], Mapping[str, Any]]
) -> list[str]:
    """Names of the materials that weights of this provenance learned from, in the table's order.

    `learned_from` and `collections` in the provenance take precedence over the recipe. card_of: the
    card of a checkpoint that a recipe starts from, contains or interpolates with; LookupError where
    there is none, and then the names contain the checkpoint's own.
    """
    names = set(provenance.get("learned_from", []))
    if provenance.get("recordings"):
        names.add("own recordings")
    if provenance.get("recipe"):
        recipe = current_recipe(provenance["recipe"])
        names |= _sounds(recipe) | set(provenance.get("collections", _collections(recipe)))
        names |= {Path(corpus).name for corpus in recipe.get("corpora", [])}
        checkpoints = [recipe.get("start_from"), recipe.get("blind")]
        for start in [*checkpoints, *recipe.get("interpolate", {})]:
            if start:
                names |= _inherited(start, card_of)
    order = list(materials())
    return sorted(
        names, key=lambda name: (order.index(name) if name in order else len(order), name)
    )


def timbres(instrument: str) -> list[Material]:
    """The materials that have an instrument, the first of each group with the same players."""
    groups: dict[str, Material] = {}
    for row in materials().values():
        if instrument in row.instruments:
            groups.setdefault(row.same_as or row.name, row)
    return list(groups.values())


def licence(names: Iterable[str]) -> str:
    """One line: `MIT`, with the materials under other terms; `not stated` without names."""
    names, known = list(names), materials()
    if not names:
        return NONE
    others = [
        f"{name} ({known[name].licence if name in known else UNKNOWN})"
        for name in names
        if not fits([name])
    ]
    return f"{OURS}; learned from sound under other terms: {', '.join(others)}" if others else OURS


def fits(names: Iterable[str]) -> bool:
    """Whether all of these are known and clearly allow weights under MIT."""
    known = materials()
    return all(name in known and known[name].fits for name in names)


def without_terms(name: str) -> bool:
    """Whether nobody states the terms of a known material."""
    return name in materials() and materials()[name].licence == UNSTATED


def _sounds(recipe: Mapping[str, Any]) -> set[str]:
    """Soundfonts, tones and scores of a recipe, with its defaults."""
    rendering, scores = recipe["rendering"], recipe.get("scores", ["chorales"])
    if not scores and not recipe.get("chorale_instruments"):
        return set()
    fonts = rendering.get("soundfonts", COUNTED)
    names = set(COUNTED[:fonts] if isinstance(fonts, int) else fonts)
    if rendering.get("tones", 1):
        names.add("tones")
    if set(scores) - {"random"} or recipe.get("chorale_instruments"):
        names.add("music21")
    return names


def _collections(recipe: Mapping[str, Any]) -> set[str]:
    """Recorded notes and solos that a recipe uses where they are available."""
    rendering = recipe["rendering"]
    players = set(rendering["instruments"])
    notes = recipe.get("use_note_samples", True) and rendering.get("note_samples", 1)
    names = set(_note_collections(recipe, players)) if notes else set()
    if recipe.get("use_solos", True):
        solos = [row for row in materials().values() if row.kind == "solos"]
        names |= {row.name for row in solos if players & set(row.instruments)}
    return names


def _note_collections(recipe: Mapping[str, Any], players: set[str]) -> Iterable[str]:
    """The folders of `note_collections`; of those that the table lists by set, the sets."""
    listed = recipe.get("note_collections", [NOTES])
    known = [row for row in materials().values() if row.kind == "notes"]
    for name in listed:
        below = [row for row in known if name == ALL or row.name.startswith(f"{name}/")]
        yield from (
            row.name
            for row in below
            if players & set(row.instruments) and not without_terms(row.name)
        )
        if not below:
            yield name


def _inherited(start: str, card_of: Callable[[str], Mapping[str, Any]]) -> set[str]:
    """The materials of another checkpoint."""
    try:
        card = card_of(start)
    except LookupError:
        return {Path(start).stem}
    known = card.get("learned_from") or learned_from(card.get("provenance", {}), card_of)
    return set(known) or {Path(start).stem}
