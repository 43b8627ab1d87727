"""A recipe is refused in one sentence or ends as a model that loads; a tiny one is trained."""

from __future__ import annotations

import csv
import hashlib
import json
from functools import partial

import numpy as np
import pytest
import soundfile
import torch

from helpers.audio.audio import Track
from helpers.cli import main
from helpers.datasets.stem_bank import build_bank
from helpers.music import splits
from helpers.music.corpus import chorale_names
from helpers.recipes import stem_banks, train
from helpers.recipes.schema import RecipeError, read_recipe
from helpers.recipes.train import build_model
from helpers.runtime import cache_root, repository_root
from helpers.training.checkpoints import load_model

TINY = """
name = "tiny"
architecture = "wave_unet.WaveUNet"
segment_seconds = 2.0
validation_examples = 2
max_pieces = 2
use_note_samples = false
use_solos = false

[model]
levels = 2
width = 2
segment_seconds = 1.0

[export]
segment_seconds = 3.0

[rendering]
instruments = ["vn", "cl", "sax", "bn"]
sample_rate = 4000
soundfonts = []
tones = 1
timbre_substitution = 0
max_seconds = 3.0

[mixing]
variant_weights = { tones = 1.0, real = 1.0 }
reverb = 0.0

[training]
steps = 4
batch_size = 2
warmup_steps = 1
ema_decay = 0.5
validate_every = 2
checkpoint_every = 2
log_every = 1
"""
QUARTET = ("violin", "clarinet", "saxophone", "bassoon")


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """Write TINY with some words replaced; it renders in this process, into a cache of its own."""
    chorale_names()  # parsed once on this machine, not once a test
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "scores").symlink_to(cache_root() / "scores")
    monkeypatch.setenv("DIVISI_CACHE", str(cache))
    monkeypatch.delenv("DIVISI_DATA", raising=False)
    monkeypatch.setattr(stem_banks, "build_bank", partial(build_bank, workers=1))

    def write(*changes):
        text = TINY
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "tiny.toml").write_text(text)
        return tmp_path / "tiny.toml"

    return write


@pytest.mark.parametrize("path", sorted((repository_root() / "recipes").glob("*.toml")), ids=str)
def test_the_recipes_of_the_repository_are_read(path):
    assert read_recipe(path).name == path.stem


def test_a_recipe_says_what_the_dataclasses_hold(recipe):
    read = read_recipe(recipe())
    assert (read.name, read.max_pieces, read.use_solos) == ("tiny", 2, False)
    assert read.rendering.instruments == QUARTET
    assert read.mixing.variant_weights == {"tones": 1.0, "real": 1.0}
    assert (read.training.steps, read.training.batch_size) == (4, 2)
    model = build_model(read)
    assert model.sources == QUARTET and model.sample_rate == 4000
    assert model.config.levels == 2 and model.segment_seconds == 1.0


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("max_pieces = 2", "max_pieces = 2\ncolour = 'red'", "the recipe has no entry 'colour'"),
        ("[mixing]", "[mixing]\nabsence = 0.1", "mixing has no entry 'absence'.*coherent"),
        ("width = 2", "breadth = 2", "model has no entry 'breadth'.*width"),
        ("segment_seconds = 3.0", "sgment = 3.0", "export has no entry 'sgment'"),
        ('name = "tiny"', "", "the recipe is incomplete; it needs 'name'"),
        ("steps = 4", "", "training is incomplete; it needs 'steps'"),
        ("steps = 4", 'steps = "four"', "'steps' of training is 'four'; .* a whole number"),
        ("steps = 4", "steps = 0", "training cannot be: steps is 0"),
        (
            "use_solos = false",
            'use_solos = "no"',
            "'use_solos' of the recipe is 'no'; .* true or false",
        ),
        ("[mixing]", "[[mixing]]", r"mixing is no table; .* under \[mixing\]"),
        ('"vn"', '"violine"', "rendering cannot be: .* did you mean 'violin'"),
        ('"vn", ', "", "3 instruments"),
        ("soundfonts = []", "soundfonts = 3", "'soundfonts' of rendering is 3; it must be a list"),
        (
            "timbre_substitution = 0",
            "timbre_substitution = 1",
            "rendering cannot be: timbre substitution needs a soundfont",
        ),
        ("width = 2", 'normalisation = "brutal"', "no normalisation 'brutal'"),
        ("wave_unet.WaveUNet", "wave_unet.WaveNet", "no architecture 'wave_unet.WaveNet'"),
        ("wave_unet.WaveUNet", "wave_net.WaveUNet", "no architecture 'wave_net.WaveUNet'"),
        ("wave_unet.WaveUNet", "WaveUNet", "no architecture 'WaveUNet'; it is a module and"),
        ("wave_unet.WaveUNet", "wave_unet.Tensor", "no architecture"),
        ("[model]", "[model", "is not TOML"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused_by_a_sentence_that_names_the_file(
    recipe, old, new, told
):
    path = recipe((old, new))
    with pytest.raises(RecipeError, match=told) as refused:
        read_recipe(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert str(refused.value).count("\n") == 0


def test_a_missing_recipe_is_refused_by_a_sentence_that_names_it(tmp_path):
    with pytest.raises(RecipeError, match=r"none\.toml: cannot be read"):
        read_recipe(tmp_path / "none.toml")


def test_bytes_that_are_no_text_are_refused_by_name(tmp_path):
    (tmp_path / "noise.toml").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(RecipeError, match=r"noise\.toml: is not TOML"):
        read_recipe(tmp_path / "noise.toml")


def test_chorales_cannot_be_played_without_the_soundfonts_of_the_recipe(recipe, monkeypatch):
    monkeypatch.setattr("helpers.synthesis.soundfonts.FOLDERS", ())
    read = read_recipe(recipe(("soundfonts = []", 'soundfonts = ["TimGM6mb"]')))
    with pytest.raises(RecipeError, match="^tiny: TimGM6mb: .*apt-get install timgm6mb-soundfont"):
        train.mixtures(read)


def test_a_bank_that_would_be_made_otherwise_is_another_bank(recipe, monkeypatch):
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


def test_validation_hears_whole_mixtures_of_chorales_that_do_not_train(recipe):
    training, validation = train.mixtures(read_recipe(recipe(("reverb", "coherent = 0.0\nreverb"))))
    trained = {take.piece for take in training.mixer.bank.variants}
    validated = {take.piece for take in validation.mixer.bank.variants}
    assert trained == set(splits.names("chorale", "training")[:2])
    assert validated == set(splits.names("chorale", "validation")[:2])
    assert len(validation) == 2
    for number in range(8):
        drawn = validation.mixer.draw(np.random.default_rng(number))
        assert [excerpt.variant.voice for excerpt in drawn] == [0, 1, 2, 3]
        assert len({excerpt.offset for excerpt in drawn}) == 1


def test_without_recordings_at_hand_the_reader_is_told_once(recipe):
    read = read_recipe(recipe(("solos = false", "solos = true")))
    with pytest.warns(UserWarning, match="DIVISI_DATA") as told:
        train.mixtures(read)
    assert len(told) == 1


def test_a_data_folder_without_solos_is_no_fault(recipe, tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("DIVISI_DATA", str(tmp_path / "data"))
    training, _ = train.mixtures(read_recipe(recipe(("solos = false", "solos = true"))))
    assert {take.kind for take in training.mixer.bank.variants} == {"tones"}


def test_recordings_train_and_never_validate(recipe):
    read = read_recipe(recipe(("reverb", "recorded = 1.0\nreverb")))
    stems = {name: np.full((1, 16000), 0.1, np.float32) for name in QUARTET}
    training, validation = train.mixtures(read, [Track("piece", 4000, stems)])
    for dataset, kind in ((training, "real"), (validation, "tones")):
        drawn = dataset.mixer.draw(np.random.default_rng(0))
        assert {excerpt.variant.kind for excerpt in drawn if excerpt} <= {kind}


def test_a_training_ends_as_a_model_that_loads_and_is_not_repeated(recipe, tmp_path, monkeypatch):
    path, run = recipe(), tmp_path / "run"
    assert main(["train", str(path), "-o", str(run)]) == 0
    weights = run / "tiny.safetensors"
    card = json.loads((run / "tiny.json").read_text())
    model = load_model(weights)
    assert model.sources == QUARTET and model.segment_seconds == 3.0  # as shipped
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


def test_weights_of_another_size_are_no_start(recipe, tmp_path):
    main(["train", str(recipe()), "-o", str(tmp_path / "run")])
    start = tmp_path / "run" / "tiny.safetensors"
    wider = read_recipe(
        recipe(("max_pieces", f'start_from = "{start}"\nmax_pieces'), ("width = 2", "width = 3"))
    )
    with pytest.raises(ValueError, match=r"tiny\.safetensors"):
        build_model(wider)


def test_what_is_shipped_may_be_blended_with_another(recipe, tmp_path):
    main(["train", str(recipe()), "-o", str(tmp_path / "one")])
    main(["train", str(recipe(("steps = 4", "steps = 4\nseed = 1"))), "-o", str(tmp_path / "two")])
    one, two = (tmp_path / run / "tiny.safetensors" for run in ("one", "two"))
    text = ("steps = 4", "steps = 4\nseed = 1"), ("[model]", f'[blend]\n"{one}" = 0.25\n\n[model]')
    assert main(["train", str(recipe(*text)), "-o", str(tmp_path / "two")]) == 0
    models = (load_model(one), trained := load_model(two))
    assert trained.card["provenance"]["recipe"]["interpolate"] == {str(one): 0.25}
    main(["train", str(recipe(text[0])), "-o", str(tmp_path / "two")])
    for a, mixed, b in zip(*(m.parameters() for m in (*models, load_model(two))), strict=True):
        torch.testing.assert_close(mixed, 0.25 * a + 0.75 * b, atol=2e-3, rtol=1e-2)


def test_a_blend_is_a_share(recipe):
    with pytest.raises(RecipeError, match="the blend with 'tiny' is 2; it takes 0 to 1"):
        read_recipe(recipe(("[model]", "[blend]\ntiny = 2\n\n[model]")))


CORPUS = ("[model]", 'corpora = ["ensembleset"]\n\n[model]'), ("reverb", "recorded = 1.0\nreverb")


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


def test_published_corpora_train_and_never_validate(recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("DIVISI_DATA", str(lay_out_ensembleset(tmp_path / "data")))
    training, validation = train.mixtures(read_recipe(recipe(*CORPUS)))
    real = [take for take in training.mixer.bank.variants if take.kind == "real"]
    assert len(real) == len(QUARTET) + 3
    assert {take.kind for take in validation.mixer.bank.variants} == {"tones"}
    drawn = training.mixer.draw(np.random.default_rng(0))
    assert {excerpt.variant.kind for excerpt in drawn if excerpt} == {"real"}


def test_a_piece_that_lacks_an_instrument_trains_with_it_absent(recipe, tmp_path, monkeypatch):
    root = lay_out_ensembleset(tmp_path / "data") / "ensembleset"
    few = ("reverb", "players = [3, 3]\nabsent = 0.0\ncoherent = 1.0\nreverb")
    trio = ("[model]", f'corpora = ["{root / "trio"}"]\n\n[model]')
    training, _ = train.mixtures(read_recipe(recipe(trio, CORPUS[1], few)))
    _, stems = training[0]
    assert [bool(stem.any()) for stem in stems] == [True, True, False, True]


def test_the_microphone_is_the_recipes(recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("DIVISI_DATA", str(lay_out_ensembleset(tmp_path / "data")))
    peaks = []
    for microphone in ("Mix_1", "Tree"):
        named = (CORPUS[0][0], f'microphone = "{microphone}"\n{CORPUS[0][1]}')
        bank = train.mixtures(read_recipe(recipe(named, CORPUS[1])))[0].mixer.bank
        take = next(take for take in bank.variants if take.kind == "real")
        peaks.append(bank.read(take, 0, 16000).max())
    assert peaks == pytest.approx([0.1, 0.2], rel=1e-3)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (CORPUS[:1], "tiny.toml: .*'recorded' of mixing is 0"),
        (CORPUS, "tiny: there is no corpus 'ensembleset'; give its folder"),
    ],
)
def test_corpora_that_cannot_train_are_refused(recipe, changes, sentence):
    with pytest.raises(RecipeError, match=sentence):
        train.mixtures(read_recipe(recipe(*changes)))


def test_an_overwritten_file_of_a_corpus_is_rendered_anew(recipe, tmp_path, monkeypatch):
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
