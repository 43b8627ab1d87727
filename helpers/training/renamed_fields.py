"""Names of fields that changed: cards and recipes that were written before keep their meaning.

The left column is what old files say, the right one what the code calls it now. `read_card` and
`read_recipe` translate while they read; nothing else in the code knows an old name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MODEL = {
    "memory": "chunk_frames",
    "named": "active_sources",
    "refined": "complex_mask_channels",
    "told": "conditioned",
    "voices": "pitch_channels",
}
WEIGHTS = {"names.": "conditioning.", "voices.": "combine."}  # beginnings of parameter names
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
VARIANTS = {"foreign": "timbre_substitution"}  # in `variant_weights`

#: Removed fields and the only values that are dropped; another value had an effect and is kept, so
#: that a card stays readable and a recipe with it is refused.
DROPPED = {
    "rendering": {
        "asynchrony": [0.0, 0.0],
        "swell": 0.0,
        "softness": 0.0,
        "intonation": 0.0,
        "darkening": 0.0,
    },
    "mixing": {"vibrato": 0.0, "microphone": 0.0, "noise": 0.0, "codec": 0.0},
}


def renamed(entries: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """The entries under the names of today."""
    return {names.get(name, name): value for name, value in entries.items()}


def current_recipe(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe as TOML or a card holds it, with all its tables, under the names of today."""
    recipe = renamed(recipe, RECIPE)
    tables = {
        "model": MODEL, "export": MODEL, "rendering": RENDERING, "mixing": MIXING,
        "training": TRAINING,
    }  # fmt: skip
    for name, names in tables.items():
        if isinstance(recipe.get(name), Mapping):
            dropped = DROPPED.get(name, {}).items()
            entries = renamed(recipe[name], names)
            recipe[name] = {key: v for key, v in entries.items() if (key, v) not in dropped}
    mixing = recipe.get("mixing")
    if isinstance(mixing, Mapping) and isinstance(mixing.get("variant_weights"), Mapping):
        mixing["variant_weights"] = renamed(mixing["variant_weights"], VARIANTS)
    return recipe


def current_card(card: Mapping[str, Any]) -> dict[str, Any]:
    """A card of `save_model` under the names of today, as far as it is one."""
    card = dict(card)
    if isinstance(card.get("config"), Mapping):
        card["config"] = renamed(card["config"], MODEL)
    provenance = card.get("provenance")
    if isinstance(provenance, Mapping) and isinstance(provenance.get("recipe"), Mapping):
        card["provenance"] = {**provenance, "recipe": current_recipe(provenance["recipe"])}
    return card


def current_weights(weights: Mapping[str, Any]) -> dict[str, Any]:
    """A state dict under the parameter names of today."""

    def today(name: str) -> str:
        for old, new in WEIGHTS.items():
            if name.startswith(old):
                return new + name.removeprefix(old)
        return name

    return {today(name): value for name, value in weights.items()}
