"""A tiny recipe is trained and ends as a model that loads."""

from __future__ import annotations

import csv
import hashlib
import json
import threading

import numpy as np
import pytest
import soundfile
import torch

from helpers.audio.track import Track
from helpers.cli import main
from helpers.music import splits
from helpers.recipes import stem_banks, train
from helpers.recipes.entries import RecipeError
from helpers.recipes.schema import read_recipe
from helpers.recipes.train import build_model
from helpers.runtime import cache_root
from helpers.training.cards import CheckpointError
from helpers.training.checkpoints import load_model
from helpers.training.execution import default_fabric
from helpers.training.runs import RunFolder, TrainingError
from helpers.training.validation import Validator

QUARTET = ("violin", "clarinet", "saxophone", "bassoon")


def test_a_missing_soundfont_of_the_recipe_is_refused(recipe, monkeypatch):
    monkeypatch.setattr("helpers.synthesis.soundfonts.FOLDERS", ())
    read = read_recipe(recipe(("soundfonts = []", 'soundfonts = ["TimGM6mb"]')))
    with pytest.raises(RecipeError, match="^tiny: TimGM6mb: .*apt-get install timgm6mb-soundfont"):
        train.mixtures(read)


def test_another_manifest_makes_another_bank(recipe, monkeypatch):
    made, read = stem_banks.manifest, read_recipe(recipe(("pieces = 2", "pieces = 1")))
    for version in ("1.0", "1.0", "1.1"):
        monkeypatch.setattr(stem_banks, "manifest", lambda *a, v=version: {**made(*a), "grand": v})
        stem_banks.stem_bank(read, "validation")
    kept = [json.loads(path.read_text()) for path in cache_root().glob("banks/*/*/manifest.json")]
    assert sorted(manifest["grand"] for manifest in kept) == ["1.0", "1.1"]
    assert kept[0]["rendering"]["instruments"] == list(QUARTET)


def test_the_seed_decides_the_first_weights(recipe):
    def weights(seed):
        read = read_recipe(recipe(("steps = 4", f"steps = 4\nseed = {seed}")))
        return build_model(read).output.weight

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_validation_uses_coherent_mixtures_of_held_out_chorales(recipe):
    training, validation = train.mixtures(read_recipe(recipe(("reverb", "coherent = 0.0\nreverb"))))
    trained = {variant.piece for variant in training.mixer.bank.variants}
    validated = {variant.piece for variant in validation.mixer.bank.variants}
    assert trained == set(splits.names("chorale", "training")[:2])
    assert validated == set(splits.names("chorale", "validation")[:2])
    assert len(validation) == 2
    for number in range(8):
        drawn = validation.mixer.draw(np.random.default_rng(number))
        assert [segment.variant.voice for segment in drawn] == [0, 1, 2, 3]
        assert len({segment.offset for segment in drawn}) == 1


def test_without_recordings_there_is_one_warning(recipe):
    read = read_recipe(recipe(("solos = false", "solos = true")))
    with pytest.warns(UserWarning, match="DIVISI_DATA") as warned:
        train.mixtures(read)
    assert len(warned) == 1


def test_a_data_folder_without_solos_is_accepted(recipe, tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("DIVISI_DATA", str(tmp_path / "data"))
    training, _ = train.mixtures(read_recipe(recipe(("solos = false", "solos = true"))))
    assert {variant.kind for variant in training.mixer.bank.variants} == {"tones"}


def test_recordings_are_used_for_training_only(recipe):
    read = read_recipe(recipe(("reverb", "real_share = 1.0\nreverb")))
    stems = {name: np.full((1, 16000), 0.1, np.float32) for name in QUARTET}
    training, validation = train.mixtures(read, [Track("piece", 4000, stems)])
    for dataset, kind in ((training, "real"), (validation, "tones")):
        drawn = dataset.mixer.draw(np.random.default_rng(0))
        assert {segment.variant.kind for segment in drawn if segment} <= {kind}


def test_a_training_ends_as_a_model_that_loads_and_is_not_repeated(recipe, tmp_path, monkeypatch):
    path, run = recipe(), tmp_path / "run"
    assert main(["train", str(path), "-o", str(run)]) == 0
    weights = run / "tiny.safetensors"
    card = json.loads((run / "tiny.json").read_text())
    model = load_model(weights)
    assert model.sources == QUARTET and model.segment_seconds == 3.0  # of the export
    estimates = model(torch.zeros(1, 1, 4000))
    assert estimates.shape == (1, 4, 1, 4000) and torch.isfinite(estimates).all()

    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    assert card["sha256"] == digest and card["half"]
    provenance = card["provenance"]
    assert provenance["recipe"]["training"]["steps"] == 4
    assert provenance["recipe"]["rendering"]["instruments"] == list(QUARTET)
    with (run / "log.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["val_si_sdr"]]
    best = max(rows, key=lambda row: float(row["val_si_sdr"]))
    assert provenance["val_si_sdr"] == pytest.approx(float(best["val_si_sdr"]))
    assert provenance["step"] == int(best["step"])

    def refuse(*_):
        raise AssertionError("rendered or trained again")

    log = (run / "log.csv").read_bytes()
    monkeypatch.setattr("helpers.datasets.stem_bank.write_piece", refuse)
    monkeypatch.setattr("helpers.training.trainer.Training.run", refuse)
    assert main(["train", str(path), "-o", str(run)]) == 0
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == digest
    assert (run / "log.csv").read_bytes() == log


def test_a_training_starts_from_the_weights_of_another(recipe, tmp_path):
    main(["train", str(recipe()), "-o", str(tmp_path / "run")])
    start = tmp_path / "run" / "tiny.safetensors"
    begun = build_model(read_recipe(recipe(("max_pieces", f'start_from = "{start}"\nmax_pieces'))))
    trained = load_model(start)
    for one, other in zip(begun.parameters(), trained.parameters(), strict=True):
        assert torch.equal(one, other)


def test_weights_of_another_size_are_refused_as_a_start(recipe, tmp_path):
    main(["train", str(recipe()), "-o", str(tmp_path / "run")])
    start = tmp_path / "run" / "tiny.safetensors"
    wider = read_recipe(
        recipe(("max_pieces", f'start_from = "{start}"\nmax_pieces'), ("width = 2", "width = 3"))
    )
    with pytest.raises(ValueError, match=r"tiny\.safetensors"):
        build_model(wider)


def test_the_checkpoint_may_be_interpolated_with_another_and_its_si_sdr_is_its_own(
    recipe, tmp_path
):
    main(["train", str(recipe()), "-o", str(tmp_path / "one")])
    seed, path = ("steps = 4", "steps = 4\nseed = 1"), tmp_path / "two" / "tiny.safetensors"
    main(["train", str(recipe(seed)), "-o", str(tmp_path / "two")])
    one, two = load_model(tmp_path / "one" / "tiny.safetensors"), load_model(path)
    start = f'[interpolate]\n"{tmp_path}/one/tiny.safetensors" = 0.25\n\n[model]'
    assert main(["train", str(recipe(seed, ("[model]", start))), "-o", str(tmp_path / "two")]) == 0
    between = load_model(path)
    for a, mixed, b in zip(*(m.parameters() for m in (one, between, two)), strict=True):
        torch.testing.assert_close(mixed, 0.25 * a + 0.75 * b, atol=2e-3, rtol=1e-2)

    record, fabric = between.card["provenance"], default_fabric("32-true")
    assert record["recipe"]["interpolate"] == {f"{tmp_path}/one/tiny.safetensors": 0.25}
    assert record["precision"] == "32-true"
    _, validation = train.mixtures(read_recipe(recipe(seed)))
    for model in (two, between):
        measured = Validator(validation, fabric)(model)
        assert model.card["provenance"]["val_si_sdr"] == pytest.approx(measured, abs=0.02)
    assert record["val_si_sdr"] != two.card["provenance"]["val_si_sdr"]


CORPUS = ("[model]", 'corpora = ["ensembleset"]\n\n[model]'), ("reverb", "real_share = 1.0\nreverb")


def lay_out_ensembleset(root):
    """Two pieces at two microphones: a quartet, and the same without its saxophone."""
    for piece, players in (("chorale", QUARTET), ("trio", ("violin", "clarinet", "bassoon"))):
        for gain, microphone in ((0.1, "Mix_1"), (0.2, "Tree")):
            folder = root / "ensembleset" / piece / microphone
            folder.mkdir(parents=True)
            for name in players:
                sound = gain * np.sin(np.arange(16000))
                soundfile.write(folder / f"{name.title()}.flac", sound, 4000, "PCM_24")
    return root


def test_published_corpora_are_used_for_training_only(recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("DIVISI_DATA", str(lay_out_ensembleset(tmp_path / "data")))
    training, validation = train.mixtures(read_recipe(recipe(*CORPUS)))
    real = [variant for variant in training.mixer.bank.variants if variant.kind == "real"]
    assert len(real) == len(QUARTET) + 3
    assert {variant.kind for variant in validation.mixer.bank.variants} == {"tones"}
    drawn = training.mixer.draw(np.random.default_rng(0))
    assert {segment.variant.kind for segment in drawn if segment} == {"real"}


def test_an_instrument_that_a_piece_lacks_is_inactive(recipe, tmp_path, monkeypatch):
    root = lay_out_ensembleset(tmp_path / "data") / "ensembleset"
    few = ("reverb", "players = [3, 3]\ninactive = 0.0\ncoherent = 1.0\nreverb")
    trio = ("[model]", f'corpora = ["{root / "trio"}"]\n\n[model]')
    training, _ = train.mixtures(read_recipe(recipe(trio, CORPUS[1], few)))
    _, stems = training[0]
    assert [bool(stem.any()) for stem in stems] == [True, True, False, True]


def test_the_recipe_chooses_the_microphone(recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("DIVISI_DATA", str(lay_out_ensembleset(tmp_path / "data")))
    peaks = []
    for microphone in ("Mix_1", "Tree"):
        change = (CORPUS[0][0], f'microphone = "{microphone}"\n{CORPUS[0][1]}')
        bank = train.mixtures(read_recipe(recipe(change, CORPUS[1])))[0].mixer.bank
        variant = next(variant for variant in bank.variants if variant.kind == "real")
        peaks.append(bank.read(variant, 0, 16000).max())
    assert peaks == pytest.approx([0.1, 0.2], rel=1e-3)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (CORPUS[:1], "tiny.toml: .*'real_share' of mixing is 0"),
        (CORPUS, "tiny: there is no corpus 'ensembleset'; give its folder"),
    ],
)
def test_corpora_that_cannot_be_used_are_refused(recipe, changes, sentence):
    with pytest.raises(RecipeError, match=sentence):
        train.mixtures(read_recipe(recipe(*changes)))


def test_an_overwritten_file_of_a_corpus_is_rendered_again(recipe, tmp_path, monkeypatch):
    """Failed before: the bank had the samples of the old file."""
    root = lay_out_ensembleset(tmp_path / "data")
    monkeypatch.setenv("DIVISI_DATA", str(root))
    path = root / "ensembleset" / "trio" / "Mix_1" / "Violin.flac"
    peaks, pieces = [], []
    for gain in (0.1, 0.3):
        soundfile.write(path, gain * np.sin(np.arange(16000)), 4000, "PCM_24")
        bank = train.mixtures(read_recipe(recipe(*CORPUS)))[0].mixer.bank
        real = [v for v in bank.variants if v.kind == "real"]
        trio = next(v for v in real if "trio" in v.piece and v.instrument == "violin")
        peaks.append(bank.read(trio, 0, 16000).max())
        pieces.append({variant.piece for variant in real})
    assert peaks == pytest.approx([0.1, 0.3], rel=1e-3)
    assert len(pieces[0] & pieces[1]) == 1  # the quartet is not rendered again


@pytest.mark.parametrize(
    "changes",
    [
        [("[mixing]", "[mixing]\nplayers = [9, 9]")],
        [("{ tones = 1.0, real = 1.0 }", "{}")],
    ],
)
def test_a_bank_without_the_stems_of_a_recipe_is_refused_in_a_sentence(recipe, changes):
    with pytest.raises(RecipeError, match="tiny: The stem bank has no piece .* variant_weights"):
        train.mixtures(read_recipe(recipe(*changes)))


def test_a_recipe_without_pieces_is_refused_in_a_sentence(recipe):
    with pytest.raises(RecipeError, match="tiny: there are no training pieces; name scores"):
        train.mixtures(read_recipe(recipe(("[model]", "scores = []\n\n[model]"))))


@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        ("chambre", "no model 'chambre'"),
        ("chamber", "'chamber' of interpolate is a MaskNet; it mu"),
    ],
)
def test_what_cannot_be_interpolated_is_refused_before_the_training(
    recipe, tmp_path, capsys, other, sentence
):
    path = recipe(("[model]", f"interpolate = {{ {other} = 0.5 }}\n\n[model]"))
    assert main(["train", str(path), "-o", str(tmp_path / "run")]) == 2
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_folder_in_which_another_training_runs_is_refused_and_kept(recipe, tmp_path):
    begun, ended = threading.Event(), threading.Event()

    def other():
        with RunFolder(tmp_path / "run").locked():
            begun.set()
            ended.wait(60)

    thread = threading.Thread(target=other)
    thread.start()
    assert begun.wait(60)
    (tmp_path / "run" / "last.ckpt").write_text("state")
    try:
        with pytest.raises(TrainingError, match="run: another training is running"):
            train.train(recipe(), tmp_path / "run", restart=True)
    finally:
        ended.set()
        thread.join()
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["last.ckpt"]


def test_a_folder_that_was_made_for_a_training_that_is_refused_is_removed(recipe, tmp_path):
    path = recipe(("validation_examples = 2", 'validation_examples = 2\nstart_from = "nowhere"'))
    before = set(tmp_path.iterdir())
    with pytest.raises(CheckpointError):
        train.train(path, tmp_path / "runs" / "tiny")
    assert set(tmp_path.iterdir()) == before


def test_an_export_of_other_sizes_is_refused_before_the_training(recipe, tmp_path):
    path = recipe(("segment_seconds = 3.0", "width = 3"))
    with pytest.raises(RecipeError, match="tiny: export does not fit the weights"):
        train.train(path, tmp_path / "run")
    assert not (tmp_path / "run").exists()
