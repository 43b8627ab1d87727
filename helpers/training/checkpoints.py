"""Models on disk: NAME.safetensors holds the weights, NAME.json is their card.

Nothing here unpickles, so a checkpoint of unknown origin cannot run code.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import importlib
import json
import re
import warnings
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from .. import release, runtime
from ..files import is_plain_name, replaced_atomically
from .cards import Card, CheckpointError, check_sizes, check_sources, is_other_json, read_card
from .conditioning import with_config
from .licences import learned_from, licence
from .renamed_fields import current_weights

MODELS = f"{__package__.partition('.')[0]}.models"


def save_model(
    model: nn.Module, folder: Path, name: str, provenance: Card, half: bool = False
) -> tuple[Path, Path]:
    """Write NAME.safetensors and NAME.json into `folder` (made where missing) and return both.

    provenance: data, steps, seed, commit and the like, as JSON. The card's `learned_from`
        and `licence` follow from its recipe.
    half: store the floating-point weights as float16, at half the size.
    CheckpointError where the model is not one of `models/`, where a weight is not finite in the
    stored type, and where the name or a source is no name of a file.
    """
    if not is_plain_name(name):
        raise CheckpointError(f"The name {name!a} is not valid for a file; choose one like 'mine'.")
    architecture = _architecture(model)
    check_sources(model.sources, architecture)
    weights = {key: _stored(key, value, half) for key, value in model.state_dict().items()}
    content = safetensors.torch.save(weights)
    materials = learned_from(provenance, _card_of)
    card = {
        "architecture": architecture,
        "config": dataclasses.asdict(model.config),
        "sha256": hashlib.sha256(content).hexdigest(),
        "sources": list(model.sources),
        "sample_rate": model.sample_rate,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "half": half,
        "learned_from": materials,
        "licence": licence(materials),
        "provenance": provenance,
    }
    description = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
    weights_path, card_path = _pair(Path(folder), name)
    weights_path.parent.mkdir(parents=True, exist_ok=True)
    with replaced_atomically(weights_path) as temporary:
        temporary.write_bytes(content)
    with replaced_atomically(card_path) as temporary:
        # A name of a file that is not UTF-8 becomes `\udcff`, which JSON reads as what it was.
        temporary.write_text(description, encoding="utf-8", errors="backslashreplace")
    return weights_path, card_path


def load_model(
    name_or_path: str | Path, device: str | torch.device = "cpu", **changes: Any
) -> nn.Module:
    """The model of that name in `Checkpoints/`, or at that path (of either file, or without
    suffix), in float32 and eval mode on `device`. Its `.card` is the dict of the JSON file.

    changes: see `with_config`; `active_sources=("violin", "piano")` conditions a `MaskNet`.

    CheckpointError where the name is unknown, a file is missing or unreadable, the weights are not
    those that the card was written for, or the card does not fit the code.
    """
    weights_path, card_path = _locate(name_or_path)
    card = read_card(card_path)
    with torch.device("meta"):  # takes no memory, whatever sizes the card has
        sketch = _build(card, card_path)
    check_sizes(sketch, card_path)
    weights = _read_weights(weights_path, card)
    if _shapes(weights) != _shapes(sketch.state_dict()):
        raise CheckpointError(
            f"{weights_path}: the weights do not fit {card['architecture']} with the config in "
            f"{card_path.name}; both files must come from one save."
        )
    model = _build(card, card_path)
    model.load_state_dict(weights)
    model = with_config(model, **changes)
    model.card = card
    return model.eval().to(device)


def available_models(folder: Path | None = None) -> dict[str, Card]:
    """Name -> card of every model in `folder`, by default the models that come with Divisi.

    Warns of a card that is broken.
    """
    cards, broken = read_cards(runtime.checkpoints_root() if folder is None else Path(folder))
    for error in broken:
        warnings.warn(str(error), stacklevel=2)
    return cards


def read_cards(folder: Path) -> tuple[dict[str, Card], list[CheckpointError]]:
    """The cards of a folder by name, and what is wrong with those that cannot be read."""
    cards, broken = {}, []
    for name in _names(folder):
        weights, path = _pair(folder, name)
        try:
            cards[name] = read_card(path)
        except CheckpointError as error:
            if weights.exists() or not is_other_json(path):
                broken.append(error)
    return cards, broken


def card_of(name_or_path: str | Path) -> Card:
    """The card of a model, found as by `load_model`; CheckpointError as there."""
    return read_card(_locate(name_or_path)[1])


def _pair(folder: Path, name: str) -> tuple[Path, Path]:
    return folder / f"{name}.safetensors", folder / f"{name}.json"


def _names(folder: Path) -> list[str]:
    files = (path for path in folder.glob("*.json") if not path.is_fifo())  # reading one waits
    return sorted(path.stem for path in files if not path.name.startswith("."))


def _locate(name_or_path: str | Path) -> tuple[Path, Path]:
    """The two files for a name in `Checkpoints/` or by a path."""
    path = Path(name_or_path)
    name = path.stem if path.suffix in (".safetensors", ".json") else path.name
    is_name = path.parent == Path() and name == path.name and not isinstance(name_or_path, Path)
    folder = runtime.checkpoints_root() if is_name else path.parent
    files = _pair(folder, name)
    if not any(file.exists() for file in files):
        if is_name and release.has_model(name):
            return _pair(_released(name), name)
        known = _names(folder)
        nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
        remedy = f"did you mean '{nearest[0]}'?" if nearest else f"there are: {', '.join(known)}."
        if not known:
            remedy = "no model is saved there."
        raise CheckpointError(f"There is no model '{name}' in {folder}; {remedy}")
    return files


def _released(name: str) -> Path:
    """`Checkpoints` of the release archive; CheckpointError where it cannot be downloaded."""
    try:
        return release.folder() / "Checkpoints"
    except release.ReleaseError as error:
        folder = runtime.checkpoints_root()
        raise CheckpointError(f"There is no model '{name}' in {folder}. {error}") from error


def _card_of(name: str) -> Card:
    """LookupError where there is no such model."""
    try:
        return card_of(name)
    except CheckpointError as error:
        raise LookupError(name) from error


def _architecture(model: nn.Module) -> str:
    kind = type(model)
    if not kind.__module__.startswith(MODELS + ".") or not dataclasses.is_dataclass(model.config):
        raise CheckpointError(
            f"{kind.__qualname__} cannot be saved; a model is a class in {MODELS} whose config is "
            "a dataclass."
        )
    return f"{kind.__module__.removeprefix(MODELS + '.')}.{kind.__qualname__}"


def _build(card: Card, path: Path) -> nn.Module:
    """The untrained model that the card describes, from a class in `models/` only."""
    architecture = card["architecture"]
    wrong = f"{path}: the architecture '{architecture}'"
    if not re.fullmatch(r"[a-z_]\w*\.[A-Za-z]\w*", architecture):
        raise CheckpointError(f"{wrong} is not of the form module.Class, as in mask_net.MaskNet.")
    module, _, name = architecture.partition(".")
    try:
        kind = getattr(importlib.import_module(f"{MODELS}.{module}"), name)
    except (ModuleNotFoundError, AttributeError) as error:
        if isinstance(error, ModuleNotFoundError) and not _is_ours(error):
            raise CheckpointError(
                f"{path}: {architecture} needs '{error.name}', which is not installed; "
                f"run: {runtime.INSTALL_ALL}"
            ) from error
        raise CheckpointError(f"{wrong} is not in this version's helpers/models.") from error
    if not (isinstance(kind, type) and issubclass(kind, nn.Module) and hasattr(kind, "Config")):
        raise CheckpointError(f"{wrong} is not a model with a Config.")
    try:
        model = kind(kind.Config(**_tuples(card["config"])))
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path}: the config does not fit {architecture}: {error}") from error
    except RuntimeError as error:
        raise CheckpointError(f"{path}: {architecture} cannot be built: {error}") from error
    except ImportError as error:
        raise CheckpointError(f"{path}: {architecture} cannot be used: {error}") from error
    for name, value in (("sources", [*model.sources]), ("sample_rate", model.sample_rate)):
        if card[name] != value:
            raise CheckpointError(f"{path}: '{name}' differs from that in its own config.")
    return model


def _is_ours(error: ModuleNotFoundError) -> bool:
    return (error.name or "").startswith(MODELS)


def _shapes(weights: dict[str, Tensor]) -> dict[str, torch.Size]:
    return {key: value.shape for key, value in weights.items()}


def _stored(key: str, value: Tensor, half: bool) -> Tensor:
    value = value.detach().cpu()
    if half and value.is_floating_point():
        value = value.half()
    if value.is_floating_point() and not value.isfinite().all():
        kind = str(value.dtype).removeprefix("torch.")
        raise CheckpointError(f"The weights '{key}' are not all finite in {kind}; nothing saved.")
    return value.clone(memory_format=torch.contiguous_format)


def _read_weights(path: Path, card: Card) -> dict[str, Tensor]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"{path}: the weights cannot be read ({error.strerror}); fetch both files again."
        ) from error
    if hashlib.sha256(content).hexdigest() != card["sha256"]:
        raise CheckpointError(
            f"{path}: the weights are not those that its JSON was written for (the sha256 "
            "differs); fetch both files again."
        )
    try:
        weights = safetensors.torch.load(content)
    except SafetensorError as error:
        raise CheckpointError(f"{path}: not a safetensors file ({error}).") from error
    weights = {
        key: value.float() if value.is_floating_point() else value for key, value in weights.items()
    }
    return current_weights(weights)


def _tuples(value: Any) -> Any:
    """JSON has only lists; a frozen config has tuples."""
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
