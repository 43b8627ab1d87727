"""Fields that were renamed or dropped: earlier cards and recipes keep their meaning.

Each table has the earlier name on the left and today's on the right; `DROPPED` has the one value
at which a field that no longer exists did nothing. `read_card` and `read_recipe` translate while
they read; no other module uses an earlier name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: The configuration of a model, in a card and in the tables `model` and `export` of a recipe.
MODEL = {
    "memory": "chunk_frames",
    "named": "active_sources",
    "refined": "complex_mask_channels",
    "told": "conditioned",
    "voices": "pitch_channels",
}
#: Beginnings of parameter names in the weights of a `MaskNet`.
WEIGHTS = {"names.": "conditioning.", "voices.": "combine."}
#: The entries of a recipe outside its tables, and the names of the tables.
RECIPE = {
    "blend": "interpolate",
    "chorus": "chorale_instruments",
    "joint": "joint_loss_weight",
    "notes": "use_note_samples",
    "pieces": "max_pieces",
    "shipped": "export",
    "silence": "inactive_source_weight",
    "solos": "use_solos",
    "start": "start_from",
    "takes": "rendering",
    "validation": "validation_examples",
}
RENDERING = {
    "exchanged": "shuffled_registers",
    "foreign": "timbre_substitution",
    "longest": "max_seconds",
    "notes": "note_samples",
    "pianism": "piano_texture",
}
MIXING = {
    "absent": "inactive",
    "kinds": "variant_weights",
    "levelled": "normalise_stems",
    "recorded": "real_share",
    "transposed": "transpose_range",
}
TRAINING = {"named": "conditioned_share"}
#: Keys of `variant_weights`.
VARIANTS = {"foreign": "timbre_substitution"}
#: Table of a recipe -> dropped field -> the value at which it did nothing. With this value the
#: field is ignored; a recipe with another value is refused, a card keeps it as a record.
DROPPED: dict[str, dict[str, Any]] = {
    "model": {"activity": False},
    "export": {"activity": False},
    "rendering": {
        "asynchrony": [0.0, 0.0],
        "darkening": 0.0,
        "intonation": 0.0,
        "softness": 0.0,
        "swell": 0.0,
    },
    "mixing": {"codec": 0.0, "microphone": 0.0, "noise": 0.0, "vibrato": 0.0},
}


def renamed(entries: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The entries under today's names; ValueError where one is given under both names."""
    for earlier, today in names.items():
        if earlier in entries and today in entries:
            raise ValueError(f"'{earlier}' and '{today}' are one entry; leave '{earlier}' out.")
    return {names.get(name, name): value for name, value in entries.items()}


def without_idle(entries: Mapping[str, Any], idle: Mapping[str, Any]) -> dict[str, Any]:
    """The entries but for dropped fields with the value at which they did nothing."""
    return {
        name: value for name, value in entries.items() if name not in idle or value != idle[name]
    }


def current_recipe(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe, as TOML or a card has it, under today's names and without idle dropped fields."""
    recipe = renamed(recipe, RECIPE)
    tables = {
        "model": MODEL, "export": MODEL, "rendering": RENDERING, "mixing": MIXING,
        "training": TRAINING,
    }  # fmt: skip
    for table, names in tables.items():
        if isinstance(recipe.get(table), Mapping):
            current = renamed(recipe[table], names)
            recipe[table] = without_idle(current, DROPPED.get(table, {}))
    mixing = recipe.get("mixing")
    if isinstance(mixing, Mapping) and isinstance(mixing.get("variant_weights"), Mapping):
        mixing["variant_weights"] = renamed(mixing["variant_weights"], VARIANTS)
    return recipe


def current_card(card: Mapping[str, Any]) -> dict[str, Any]:
    """A card under today's names."""
    card = dict(card)
    if isinstance(card.get("config"), Mapping):
        card["config"] = without_idle(renamed(card["config"], MODEL), DROPPED["model"])
    provenance = card.get("provenance")
    if isinstance(provenance, Mapping) and isinstance(provenance.get("recipe"), Mapping):
        card["provenance"] = {**provenance, "recipe": current_recipe(provenance["recipe"])}
    return card


def current_weights(weights: Mapping[str, Any]) -> dict[str, Any]:
    """A state dict under today's parameter names."""

    def current(name: str) -> str:
        for earlier, today in WEIGHTS.items():
            if name.startswith(earlier):
                return today + name.removeprefix(earlier)
        return name

    return {current(name): value for name, value in weights.items()}
