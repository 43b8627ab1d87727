"""The systems of the course: each is one way to get the stems of a whole ensemble.

A new system is one line of `SYSTEMS`; its weights are looked for among `available_models()`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from helpers import runtime
from helpers.audio.track import Track
from helpers.evaluation.evaluate import Separator, model_separator
from helpers.evaluation.rows import Provenance
from helpers.inference.players import ALL
from helpers.music.instruments import instrument
from helpers.recipes.schema import read_recipe
from helpers.training.cards import Card
from helpers.training.checkpoints import load_model

Cards = Mapping[str, Card]


@dataclass(frozen=True)
class System:
    """One or several trained models that together separate an ensemble.

    models: the name of its model. With `{instrument}` there is one model for each instrument. With
    `{voices}` there is one for each number of voices, whose sources, from the highest to the
    lowest, are assigned to the instruments in the order of their registers. detecting: a model that
    can be conditioned detects the instruments, as `divisi separate` does by default; otherwise it
    is conditioned on the true ones.
    """

    name: str
    chapter: str
    models: str
    detecting: bool = False

    def needed(self, instruments: Iterable[str]) -> list[str]:
        """The models that separate an ensemble."""
        names = list(instruments)
        return list(
            dict.fromkeys(self.models.format(instrument=n, voices=len(names)) for n in names)
        )

    def has_weights(self, cards: Cards) -> bool:
        return any(re.fullmatch(re.sub(r"{\w+}", r"[\\w-]+", self.models), name) for name in cards)

    def knows(self, instruments: Sequence[str], cards: Cards) -> bool:
        """Whether it has a model with a source for each instrument."""
        needed = self.needed(instruments)
        if not all(name in cards for name in needed):
            return False
        sources = {source for name in needed for source in cards[name]["sources"]}
        return "{voices}" in self.models or set(instruments) <= sources

    def separator(self, instruments: Sequence[str]) -> Separator:
        """A function from a track to an estimate of each of its stems; silence for a missed one."""
        models = [load_model(name) for name in self.needed(instruments)]

        def separate(track: Track) -> dict[str, np.ndarray]:
            estimates: dict[str, np.ndarray] = {}
            for model in models:
                known = {"detecting" if self.detecting else "conditioned": True}
                own = model_separator(model, **known)(track)
                if "{voices}" in self.models:
                    own = dict(zip(by_register(track.instruments), own.values(), strict=True))
                estimates |= own
            silence = np.zeros_like(track.mixture)
            return {name: estimates.get(name, silence) for name in track.instruments}

        return separate

    def provenance(
        self, test: str, needed: Sequence[str], cards: Cards, notebook: str
    ) -> Provenance:
        """Of its rows. `train_data` lists what it learned from, `config` its architecture, and how
        it knows the instruments; seed: of its training, 0 where the card does not say."""
        own = [cards[name] for name in needed]
        materials = dict.fromkeys(
            material for card in own for material in card.get("learned_from", [])
        )
        conditioned = own[0]["config"].get("conditioned", False)
        known = ("detected" if self.detecting else "named") if conditioned else ALL
        made = own[0]["provenance"]
        made = made.get("recipe", made)
        hashes = [card["sha256"] for card in own]
        together = hashlib.sha256("".join(hashes).encode()).hexdigest()
        return Provenance(
            notebook, test,
            train_data=", ".join(materials) or "none",
            seed=made.get("training", made).get("seed", 0),
            config=f"{own[0]['architecture']} (instruments {known})",
            checkpoint_sha256=hashes[0] if len(hashes) == 1 else together,
            device=runtime.describe_device("cpu"),
        )  # fmt: skip

    def has_learned(self, test: str, piece: str, needed: Iterable[str], cards: Cards) -> bool:
        """Whether a model learned from recordings of the test's corpus, this piece included.

        A card that names the one piece that its training left out has learned from all others.
        """
        for card in (cards[name] for name in needed):
            corpus = any(test.startswith(material) for material in card.get("learned_from", []))
            if corpus and card["provenance"].get("piece") != work(piece):
                return True
        return False


#: The cycle GANs of chapter 07 are not among them. No weights of them are shipped: pairs can be
#: rendered for their instruments, and `violin-piano-wavegan` is the same network, trained on pairs.
SYSTEMS = (
    System("tones wave-unet", "01", "tones-{voices}-voices-wave-unet"),
    System("tones conv-tasnet", "01", "tones-{voices}-voices-conv-tasnet"),
    System("violin-piano", "02", "violin-piano"),
    System("violin-piano-real", "02", "violin-piano-real"),
    System("violin-cello-flute-piano", "02", "violin-cello-flute-piano"),
    System("nussl", "03", "nussl-{instrument}"),
    System("bach-quartet", "03", "bach-quartet"),
    System("chamber", "04", "chamber"),
    System("chamber detected", "04", "chamber", detecting=True),
    System("ensemble", "04", "ensemble"),
    System("ensemble detected", "04", "ensemble", detecting=True),
    System("quartet-htdemucs", "04", "quartet-htdemucs"),
    System("open-unmix", "05", "open-unmix-{instrument}"),
    System("resunet-quartet", "06", "resunet-quartet"),
    System("resunet-chamber", "06", "resunet-chamber"),
    System("violin-piano-wavegan", "07", "violin-piano-wavegan"),
)


def by_register(instruments: Iterable[str]) -> list[str]:
    """From the highest to the lowest lowest note, as `arrangement` gives out the lines; keyboards
    play what is left, so they come last."""
    rows = {name: instrument(name) for name in instruments}
    return sorted(rows, key=lambda name: (rows[name].family == "keyboard", -rows[name].low))


def work(piece: str) -> str:
    """The music that a piece is a part of: `bwv263` of `bwv263@0000-0010`, `01` of `01-excerpt05`,
    the quartet of a movement."""
    return re.split(r"@|-excerpt|/movement", piece)[0]


def missing(cards: Cards) -> str:
    """A sentence on systems without weights and on models of no system; empty for neither."""
    absent = [system.name for system in SYSTEMS if not system.has_weights(cards)]
    unused = [
        name
        for name in cards
        if name != runtime.SCORE_MODEL  # experiments/score_informed.py measures it
        and not any(System("", "", system.models).has_weights({name: {}}) for system in SYSTEMS)
    ]
    parts = []
    if absent:
        parts.append(f"There are no weights of {', '.join(absent)}, which are not measured")
    if unused:
        parts.append(f"no system uses {', '.join(unused)}; add a line to SYSTEMS")
    sentence = "; ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]}." if sentence else ""


def training_examples(card: Card, cards: Cards) -> int:
    """Mixtures that a model was trained on, those of the trainings that it started from included.

    0 where the card does not say.
    """
    made = card["provenance"]
    if "configuration" in made:  # of the chapter on nussl, which trains on batches of 5
        chosen = made["configuration"]
        return 5 * chosen["epochs"] * chosen["epoch_length"]
    recipe = made.get("recipe", made)
    training = recipe.get("training")
    if training is None:
        return 0
    examples = made.get("step", training["steps"]) * training["batch_size"]
    return examples + _examples_before(recipe.get("start_from", ""), cards)


def _examples_before(start: str, cards: Cards) -> int:
    """Of the training whose weights, at the path `start`, another one started from."""
    name = start.rpartition("/")[2].removesuffix(".safetensors")
    if name in cards:
        return training_examples(cards[name], cards)
    path = runtime.repository_root() / "recipes" / f"{name}.toml"
    if not name or not path.is_file():
        return 0
    recipe = read_recipe(path)
    own = recipe.training.steps * recipe.training.batch_size
    return own + _examples_before(recipe.start_from, cards)
