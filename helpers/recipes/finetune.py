"""Fine-tune a model on the reader's own stems, from `divisi finetune` or a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from .. import runtime
from ..audio.track import Track
from ..datasets.hold_out import hold_out
from ..datasets.mixing import MixingConfig
from ..datasets.own_stems import own_tracks
from ..datasets.players import OTHER
from ..datasets.renderings import RenderingConfig
from ..datasets.stem_bank import track_sha256
from ..evaluation.evaluate import model_separator
from ..evaluation.metrics import si_sdr
from ..music.instruments import instrument
from ..training.cards import Card
from ..training.checkpoints import load_model
from ..training.config import TrainingConfig
from ..training.runs import RunFolder
from .entries import RecipeError
from .schema import Recipe, check_recipe
from .settings import keep_settings
from .train import train

SEGMENT = 4.0  # seconds of an example, and the shortest piece
SETTINGS = "finetune.json"  # in the folder of the run: start and pieces, by their sha256


@dataclass(frozen=True)
class FineTuned:
    """A fine-tuned model on disk, and the mean SI-SDR in dB on the held-out pieces."""

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
) -> FineTuned:
    """Fine-tune `model` (a name or a file) on the pieces in or below `stems`, or resume that.

    held_out: the pieces to measure on, by default those of `hold_out.hold_out`; they select no
    weights: the result is the last averaged ones. folder: of the run, `runs/NAME` by default,
    with the checkpoint NAME. restart: delete an earlier run there.
    Raises AudioError for unusable stems, RecipeError for a model that cannot be fine-tuned or a
    folder that holds another training, TrainingError for one in which another process trains,
    KeyboardInterrupt after Ctrl-C, when the state to resume
    from has been saved.
    """
    folder = folder or Path("runs") / name
    start = load_model(model)
    players, rate = _players(start.card, model), trained_rate(start.card)
    tracks = own_tracks(stems, players, rate, SEGMENT)
    training, measured = hold_out(tracks, SEGMENT, held_out)
    recipe = finetuning_recipe(start.card, name, model, training, steps, learning_rate)
    check_recipe(recipe, model)
    files = RunFolder(folder)
    with files.locked():
        if restart:
            files.forget()
        settings = {
            "start": start.card["sha256"],
            "recordings": {track.name: track_sha256(track) for track in training},
            "held_out": {track.name: track_sha256(track) for track in measured},
        }
        keep_settings(files, SETTINGS, settings, "other stems or another model", "--name")
        weights = train(
            recipe, folder, recordings=training, held_out=measured, progress=progress,
            provenance={"command": command, "start_sha256": start.card["sha256"]},
        )  # fmt: skip
    device = runtime.pick_device()
    before, after = (score(each.to(device), measured) for each in (start, load_model(weights)))
    return FineTuned(weights, measured, before, after)


def finetuning_recipe(
    card: Card,
    name: str,
    start: str,
    tracks: Iterable[Track],
    steps: int = 200,
    learning_rate: float = 5e-4,
) -> Recipe:
    """The recipe that fine-tunes the checkpoint of a card on these tracks only.

    Sample rate, loss, conditioning and export are those of the checkpoint's own training.
    """
    trained = card.get("provenance", {}).get("recipe", {})
    export = trained.get("export", {})
    replaced = {*export, "sources", "sample_rate"}
    config = {key: value for key, value in card["config"].items() if key not in replaced}
    players, sources = _players(card, start), tuple(card["sources"])
    return Recipe(
        name=name,
        architecture=card["architecture"],
        start_from=start,
        model=config | trained.get("model", {}),
        export=export,
        sources=() if sources == players else sources,
        segment_seconds=SEGMENT,
        joint_loss_weight=trained.get("joint_loss_weight", 0.0),
        inactive_source_weight=trained.get("inactive_source_weight", 1.0),
        use_note_samples=False,
        use_solos=False,
        scores=(),
        rendering=RenderingConfig(
            players,
            trained_rate(card),
            soundfonts=(),
            note_samples=0,
            tones=0,
            timbre_substitution=0,
        ),
        mixing=_mixing(tracks),
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


def _mixing(tracks: Iterable[Track]) -> MixingConfig:
    """Mixtures of these tracks alone: in their own balance, with weak effects."""
    sizes = [len(track.stems) for track in tracks if len(track.stems) > 1]
    return MixingConfig(
        coherent=0.6 if sizes else 0.0,
        real_share=1.0,
        inactive=0.02,
        players=(min(sizes, default=2), max(sizes, default=2)),
        normalise_stems=False,
        tilt=(-1.0, 2.0),
        equaliser=2.0,
        detune=20.0,
        reverb=0.2,
        compression=0.2,
    )


def trained_rate(card: Card) -> int:
    """The sample rate in Hz of a checkpoint's training, which may be below its own."""
    trained = card.get("provenance", {}).get("recipe", {})
    return trained.get("rendering", {}).get("sample_rate", card["sample_rate"])


def score(model: nn.Module, tracks: Iterable[Track]) -> float:
    """Mean SI-SDR in dB over all stems, conditioned on the active sources if possible."""
    separator = model_separator(model, conditioned=True)
    values = []
    for track in tracks:
        estimates = separator(track)
        values += [si_sdr(estimates[name][0], stem[0]) for name, stem in track.stems.items()]
    return float(np.nanmean(values))


def _players(card: Card, name: str) -> tuple[str, ...]:
    """The instruments that a model separates, each once, without `other`.

    RecipeError where its sources are no instruments.
    """
    try:
        if "sources" not in card["config"]:
            raise KeyError
        names = (instrument(source).name for source in card["sources"] if source != OTHER)
        return tuple(dict.fromkeys(names))
    except KeyError:
        raise RecipeError(
            f"{name}: cannot be fine-tuned, its sources are not instruments; choose another model."
        ) from None
