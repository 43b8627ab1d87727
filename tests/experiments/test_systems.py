"""Systems of one or several models: what they know, what they learned from, whose stem is whose."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.systems import SYSTEMS, System, by_register, missing, training_examples, work
from helpers.audio.track import Track
from helpers.evaluation.evaluate import model_separator
from helpers.training.checkpoints import available_models, load_model

QUARTET = ("violin", "clarinet", "saxophone", "bassoon")
DUO = ("violin", "piano")


@pytest.fixture(scope="module")
def cards():
    return available_models()


def named(name: str) -> System:
    return next(system for system in SYSTEMS if system.name == name)


def test_a_system_is_one_model_or_one_for_each_instrument_or_number_of_voices():
    assert named("chamber").needed(QUARTET) == ["chamber"]
    assert named("nussl").needed(QUARTET[:2]) == ["nussl-violin", "nussl-clarinet"]
    assert named("tones wave-unet").needed(DUO) == ["tones-2-voices-wave-unet"]


@pytest.mark.parametrize(
    "name, instruments, known",
    [
        ("nussl", QUARTET, True),
        ("nussl", DUO, False),  # there is no network for the piano
        ("bach-quartet", QUARTET, True),
        ("bach-quartet", DUO, False),
        ("violin-cello-flute-piano", DUO, True),
        ("tones conv-tasnet", DUO, True),
        ("tones conv-tasnet", ("a", "b", "c", "d", "e"), False),  # five voices
        ("violin-piano", ("harp", "guitar"), False),
    ],
)
def test_a_system_knows_the_ensembles_that_its_models_have_sources_for(
    cards, name, instruments, known
):
    assert named(name).knows(instruments, cards) == known


def test_instruments_are_ordered_from_high_to_low_and_keyboards_come_last():
    assert by_register(("bassoon", "saxophone", "violin", "clarinet")) == list(QUARTET)
    assert by_register(("piano", "cello")) == ["cello", "piano"]


def test_the_highest_voice_is_the_stem_of_the_highest_instrument():
    rng = np.random.default_rng(0)
    stems = {name: rng.normal(0, 0.1, (1, 8000)).astype(np.float32) for name in ("piano", "violin")}
    track = Track("noise", 8000, stems)
    found = named("tones wave-unet").separator(tuple(stems))(track)
    own = model_separator(load_model("tones-2-voices-wave-unet"))(track)
    assert list(found) == ["piano", "violin"]
    assert np.array_equal(found["violin"], own["soprano"])
    assert np.array_equal(found["piano"], own["bass"])


def test_estimates_that_no_stem_asks_for_are_left_out():
    rng = np.random.default_rng(0)
    stems = {n: rng.normal(0, 0.1, (1, 22050)).astype(np.float32) for n in ("violin", "clarinet")}
    found = named("nussl").separator(tuple(stems))(Track("noise", 44100, stems))
    assert list(found) == ["violin", "clarinet"]  # and no rest


def test_a_network_of_one_fold_has_learned_from_every_other_piece(cards):
    nussl, needed = named("nussl"), named("nussl").needed(QUARTET)
    assert not nussl.has_learned("bach10_excerpts", "01-excerpt05", needed, cards)
    assert nussl.has_learned("bach10_excerpts", "02-excerpt03", needed, cards)
    assert not nussl.has_learned("quartet-TimGM6mb", "bwv133.6", needed, cards)
    assert not named("chamber").has_learned("bach10_excerpts", "01-x", ["chamber"], cards)


def test_examples_include_those_of_the_trainings_before(cards):
    alone = training_examples(cards["bach-quartet"], cards)
    assert alone == 3000 * 12
    assert training_examples(cards["chamber"], cards) > alone + 3300 * 8
    assert training_examples(cards["nussl-violin"], cards) == 5 * 75
    assert training_examples(cards["tones-2-voices-wave-unet"], cards) == 6000 * 4
    assert training_examples({"provenance": {}}, cards) == 0


def test_what_is_missing_is_one_sentence():
    shipped = {system.models.format(instrument="violin", voices=2): {} for system in SYSTEMS}
    assert missing(shipped) == ""
    del shipped["resunet-chamber"]
    assert missing(shipped) == "There are no weights of resunet-chamber, which are not measured."
    assert missing(shipped | {"mine": {}}) == (
        "There are no weights of resunet-chamber, which are not measured; no system uses mine; add"
        " a line to SYSTEMS."
    )


def test_excerpts_of_a_work_share_its_name():
    assert work("haydn/opus74no1/movement1@0000-0010") == work("haydn/opus74no1/movement4")
    assert work("02-excerpt12") == work("02-excerpt03") == "02"


def test_rows_say_how_the_instruments_are_known_and_which_seed_trained(cards):
    told, detected, alone = map(named, ("chamber", "chamber detected", "violin-piano"))
    found = [each.provenance("duo", each.needed(DUO), cards, "09") for each in (told, detected)]
    architecture = cards["chamber"]["architecture"]
    assert [where.config for where in found] == [
        f"{architecture} (instruments {known})" for known in ("named", "detected")
    ]
    where = alone.provenance("duo", ["violin-piano"], cards, "09")
    assert where.config.endswith("(instruments all)")
    card = cards["violin-piano"]
    recipe = {**card["provenance"]["recipe"], "training": {"seed": 7}}
    changed = cards | {"violin-piano": {**card, "provenance": {"recipe": recipe}}}
    assert alone.provenance("duo", ["violin-piano"], changed, "09").seed == 7
    nussl = named("nussl")
    changed = cards["nussl-violin"] | {"provenance": {"configuration": {}, "seed": 3}}
    seeds = nussl.provenance("x", ["nussl-violin"], {"nussl-violin": changed}, "09").seed
    assert seeds == 3


def test_an_instrument_that_was_not_detected_is_silent(monkeypatch):
    heard = {"violin": np.ones((1, 8000), np.float32)}
    monkeypatch.setattr("experiments.systems.load_model", lambda name: None)
    monkeypatch.setattr(
        "experiments.systems.model_separator", lambda model, detecting: lambda track: heard
    )
    stems = {name: np.ones((1, 8000), np.float32) for name in DUO}
    found = named("chamber detected").separator(DUO)(Track("x", 8000, stems))
    assert found["violin"].all() and not found["piano"].any()
