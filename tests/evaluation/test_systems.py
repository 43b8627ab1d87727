"""Folders of stems, measured in blocks with what `divisi separate` runs."""

from __future__ import annotations

import shutil
import tracemalloc

import numpy as np
import pytest
import soundfile

from helpers.audio.track import AudioError
from helpers.datasets.stem_folders import find_tracks, unique_names
from helpers.evaluation.evaluate import evaluate, evaluate_baselines, model_separator
from helpers.evaluation.rows import Provenance
from helpers.evaluation.systems import ModelStems, evaluate_pieces
from helpers.training.checkpoints import load_model

RATE = 8000


def write(folder, seconds=7.0, channels=1, **levels):
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, level in levels.items():
        noise = level * rng.uniform(-0.2, 0.2, (round(seconds * RATE), channels))
        soundfile.write(folder / f"{name}.wav", noise, RATE, "FLOAT")
        seconds, channels = seconds - 0.7, 1  # the others end earlier, and are mono
    return folder


@pytest.fixture
def corpus(tmp_path):
    """A stereo trio with two violins, and a duo of which there is a recorded mixture."""
    write(tmp_path / "corpus" / "trio", channels=2, violin_1=1, violin_2=0.5, piano=0.3)
    duo = write(tmp_path / "corpus" / "duo", horn=1, piano=0.3)
    parts = [soundfile.read(duo / f"{name}.wav")[0] for name in ("horn", "piano")]
    mixture = parts[0] + np.pad(parts[1], (0, len(parts[0]) - len(parts[1])))
    soundfile.write(duo / "mix.wav", 1.001 * mixture, RATE, "FLOAT")
    return tmp_path / "corpus"


def results_of(corpus, model, instruments=None, *words):
    folders = unique_names(find_tracks(corpus))
    return dict(evaluate_pieces(folders, ModelStems("m", model, instruments), "corpus", *words))


@pytest.mark.parametrize(
    ("instruments", "options", "known"),
    [(None, {"detecting": True}, "detected"), ("named", {"conditioned": True}, "named"),
     ("all", {}, "all")],
)  # fmt: skip
def test_blocks_give_the_numbers_of_whole_tracks(corpus, detector, instruments, options, known):
    model = load_model(detector)
    found = results_of(corpus, model, instruments)
    where = Provenance.of_model(model.card, "corpus")
    for folder in find_tracks(corpus):
        tracks = [folder.load()]
        whole = evaluate(
            "m", model_separator(model, **options), tracks, where, sources=model.sources
        )
        whole += evaluate_baselines(tracks, where, sources=model.sources)
        expected = {(row.system, row.instrument, row.metric): row.value for row in whole}
        rows = found[folder.name]
        values = {(row.system, row.instrument, row.metric): row.value for row in rows}
        assert values.keys() == expected.keys()
        for key, value in values.items():
            assert value == pytest.approx(expected[key], abs=1e-3), key
        configs = {row.config for row in rows if row.system == "m"}
        assert configs == {f"mask_net.MaskNet (instruments {known})"}
        assert {row.n_seconds for row in rows} == {7.0}


def test_a_broken_piece_is_told_first_and_costs_no_other(corpus, detector):
    write(corpus / "a", violin=1, piano=1)
    (corpus / "a" / "piano.wav").write_text("broken")
    shutil.copytree(corpus / "trio", corpus / "b")
    soundfile.write(corpus / "b" / "piano.wav", np.zeros(900), 16_000)
    found = results_of(corpus, load_model(detector), None, False)
    assert list(found) == ["a", "b", "duo", "trio"]
    assert isinstance(found["a"], AudioError) and str(found["a"]).startswith("a/piano.wav: ")
    assert "b: the files have different sample rates" in str(found["b"])
    assert found["duo"] and found["trio"]


def test_named_instruments_that_the_model_lacks_are_refused(tmp_path, detector):
    write(tmp_path / "duo", flute=1, oboe=1)
    fault = results_of(tmp_path, load_model(detector), "named")["duo"]
    assert "duo: the model separates none of flute, oboe" in str(fault)


def peak_memory(folder, detector) -> int:
    model = load_model(detector)
    (piece,) = find_tracks(folder)
    tracemalloc.start()
    try:
        results_of(piece.folder, model, None)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_length(tmp_path, detector):
    sizes = {"short": 20.0, "long": 60.0}
    for name, seconds in sizes.items():
        write(tmp_path / name / "piece", seconds, violin=1, horn=1, piano=0.1)
    short, long = (peak_memory(tmp_path / name, detector) for name in sizes)
    assert long < 1.2 * short
