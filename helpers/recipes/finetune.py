"""Fit a trained model to a reader's own stems: `divisi finetune`, and the same from a notebook."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from .. import runtime
from ..audio.track import Track
from ..datasets.own_stems import hold_out, own_mixing, own_tracks
from ..datasets.renderings import RenderingConfig
from ..datasets.stem_bank import track_sha256
from ..evaluation.evaluate import model_separator
from ..evaluation.metrics import si_sdr
from ..files import replaced_atomically
from ..music.instruments import instrument
from ..training.checkpoints import Card, load_model
from ..training.config import TrainingConfig
from ..training.runs import RunFolder
from .schema import Recipe, RecipeError
from .train import train

SEGMENT = 4.0  # seconds of an example, and the least that a piece may last
SETTINGS = "finetune.json"  # in the folder of the run: what it is fitted to


@dataclass(frozen=True)
class Fitted:
    """A fitted model on disk, and the mean SI-SDR in dB of what it had not learned from."""

    weights: Path
    held_out: list[Track]
    before: float
    after: float


def finetune(
    stems: str | Path,
    model: str,
    *,
    name: str = "mine",
    steps: int = 200,
    learning_rate: float = 5e-4,
    held_out: Sequence[str] = (),
    folder: Path | None = None,
    restart: bool = False,
    command: str = "helpers.recipes.finetune.finetune",
    progress: bool = True,
) -> Fitted:
    """Fit `model` (a name or a file) to the pieces in or below `stems`, or go on with that.

    held_out: the pieces to measure on, by default see `own_stems.hold_out`; nothing is chosen by
    them, the last averaged weights are the result. folder: of the run, `runs/NAME` by default, with
    the checkpoint NAME. restart: forget an earlier run there.
    Raises AudioError for stems that cannot be learned from, RecipeError for a model that cannot
    learn or a folder that holds another training, KeyboardInterrupt after Ctrl-C, when the state
    to go on from has been saved.
    """
    folder = folder or Path("runs") / name
    start = load_model(model)
    players, rate = _players(start.card, model), trained_rate(start.card)
    tracks = own_tracks(stems, players, rate, SEGMENT)
    training, measured = hold_out(tracks, SEGMENT, held_out)
    recipe = fitting_recipe(start.card, name, model, training, steps, learning_rate)
    if restart:
        RunFolder(folder).forget()
    _claim(folder, start.card, training, measured)
    weights = train(
        recipe, folder, recordings=training, held_out=measured, progress=progress,
        provenance={"command": command, "start_sha256": start.card["sha256"]},
    )  # fmt: skip
    device = runtime.pick_device()
    before, after = (score(each.to(device), measured) for each in (start, load_model(weights)))
    return Fitted(weights, measured, before, after)


def fitting_recipe(
    card: Card,
    name: str,
    start: str,
    tracks: Iterable[Track],
    steps: int = 200,
    learning_rate: float = 5e-4,
) -> Recipe:
    """The recipe that fits the checkpoint of a card to recordings of these tracks alone.

    It learns with the sample rate, the loss and the names that the checkpoint was trained with,
    and is shipped as the checkpoint is.
    """
    trained = card["provenance"].get("recipe", {})
    export = trained.get("export", {})
    given = {*export, "sources", "sample_rate"}
    config = {key: value for key, value in card["config"].items() if key not in given}
    return Recipe(
        name=name,
        architecture=card["architecture"],
        start_from=start,
        model=config | trained.get("model", {}),
        export=export,
        segment_seconds=SEGMENT,
        joint_loss_weight=trained.get("joint_loss_weight", 0.0),
        inactive_source_weight=trained.get("inactive_source_weight", 1.0),
        use_note_samples=False,
        use_solos=False,
        scores=(),
        rendering=RenderingConfig(
            _players(card, start),
            trained_rate(card),
            soundfonts=(),
            note_samples=0,
            tones=0,
            timbre_substitution=0,
        ),
        mixing=own_mixing(tracks),
        training=TrainingConfig(
            steps=steps,
            learning_rate=learning_rate,
            warmup_steps=20,
            weight_decay=0.01,
            ema_decay=0.98,
            conditioned_share=trained.get("training", {}).get("conditioned_share", 0.0),
            validate_every=steps,
            checkpoint_every=25,
            log_every=5,
        ),
    )


def trained_rate(card: Card) -> int:
    """The sample rate in Hz that a checkpoint was trained at, which may be below its own."""
    trained = card["provenance"].get("recipe", {})
    return trained.get("rendering", {}).get("sample_rate", card["sample_rate"])


def score(model: nn.Module, tracks: Iterable[Track]) -> float:
    """Mean SI-SDR in dB over all stems of all tracks; who plays is told to whom it can be told."""
    separator = model_separator(model, conditioned=True)
    values = []
    for track in tracks:
        estimates = separator(track)
        values += [si_sdr(estimates[name][0], stem[0]) for name, stem in track.stems.items()]
    return float(np.nanmean(values))


def _players(card: Card, name: str) -> tuple[str, ...]:
    """The instruments that a model separates; RecipeError where its sources are something else."""
    try:
        if "sources" not in card["config"]:
            raise KeyError
        return tuple(instrument(source).name for source in card["sources"])
    except KeyError:
        raise RecipeError(
            f"{name}: cannot be fitted, it has no stem for each of several instruments; choose"
            " another model."
        ) from None


def _claim(folder: Path, card: Card, training: Sequence[Track], held_out: Sequence[Track]) -> None:
    """Write down what this run is fitted to; RecipeError where it has begun with something else."""
    files, path = RunFolder(folder), folder / SETTINGS
    settings = {
        "start": card["sha256"],
        "recordings": {track.name: track_sha256(track) for track in training},
        "held_out": {track.name: track_sha256(track) for track in held_out},
    }
    if files.last.exists():
        begun = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
        if begun != settings:
            raise RecipeError(
                f"{folder}: this training was begun with other stems or another model; choose"
                " another --name, or begin anew with --restart."
            )
    files.create()
    with replaced_atomically(path) as draft:
        draft.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
