"""The public face for people who write Python."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
import torch

import helpers
from helpers.cli import main
from helpers.training.checkpoints import load_model

RATE = 8000


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.5, 0.5, (2, 2 * RATE)).astype(np.float32)


@pytest.fixture
def recording(noise, tmp_path):
    soundfile.write(tmp_path / "quartet.wav", noise.T, RATE, "FLOAT")
    return tmp_path / "quartet.wav"


def test_a_file_gives_the_stems_of_the_command(recording, detector, tmp_path):
    separation = helpers.separate(recording, model=detector)
    assert (separation.name, separation.sample_rate) == ("quartet", RATE)
    assert separation.detected == tuple(separation.stems) == ("violin", "horn")
    command = ["separate", str(recording), "-o", str(tmp_path / "out"), "--model", str(detector)]
    assert main(command) == 0
    saved = separation.save(tmp_path / "saved")
    for name, stem in separation.stems.items():
        written, _ = soundfile.read(tmp_path / "out" / "quartet" / f"{name}.wav", dtype="float32")
        np.testing.assert_array_equal(stem, written.T)
        again, _ = soundfile.read(saved / f"{name}.wav", dtype="float32")
        np.testing.assert_array_equal(again, written)
    report = json.loads((saved / "separation.json").read_text())
    assert report["detected"] == ["violin", "horn"] and report["model"] == "detector"


def test_an_array_gives_the_stems_of_its_file(noise, recording, detector):
    from_file = helpers.separate(recording, "vn, piano", load_model(detector))
    from_array = helpers.separate(noise, ["violin", "pno"], load_model(detector), sample_rate=RATE)
    assert from_array.detected == () and from_array.report["model"] == "MaskNet"
    np.testing.assert_array_equal(from_array.mixture, noise)
    for name in ("violin", "piano"):
        np.testing.assert_array_equal(from_array.stems[name], from_file.stems[name])
    mono = helpers.separate(noise[0], "all", detector, sample_rate=RATE)
    assert {stem.shape for stem in mono.stems.values()} == {(1, 2 * RATE)}


def test_a_result_is_replaced_only_when_asked(recording, detector, tmp_path):
    separation = helpers.separate(recording, ["horn", "piano"], detector)
    separation.save(tmp_path / "stems")
    with pytest.raises(ValueError, match="exists already"):
        separation.save(tmp_path / "stems")
    (tmp_path / "stems" / "mine.wav").touch()
    other = helpers.separate(recording, ["violin", "piano"], detector)
    other.save(tmp_path / "stems", overwrite=True)
    names = {path.name for path in (tmp_path / "stems").iterdir()}
    assert names == {"violin.wav", "piano.wav", "separation.json", "mine.wav"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"recording": np.zeros(8)}, "needs its sample rate"),
     ({"recording": np.zeros((2, 2, 8)), "sample_rate": RATE}, "shape"),
     ({"recording": np.full(8, np.nan), "sample_rate": RATE}, "not finite"),
     ({"recording": np.zeros(8, np.int16), "sample_rate": RATE}, "int16; pass floats"),
     ({"recording": np.zeros((RATE, 2)), "sample_rate": RATE}, r"shape \(8000, 2\); pass \(chan"),
     ({"recording": [0, 1], "sample_rate": RATE}, "int64; pass floats"),
     ({"recording": np.zeros(8), "sample_rate": 100}, "The sample rate is 100; it must be a whole"),
     ({"recording": np.zeros(8), "sample_rate": -1}, "The sample rate is -1; it must be a whole"),
     ({"recording": np.zeros(8), "sample_rate": 8e3}, "The sample rate is 8000.0; it must be a wh"),
     ({"instruments": ["tuba"]}, "does not separate 'tuba'"),
     ({"instruments": []}, "at least one instrument"),
     ({"minus": "piano"}, "There is no stem 'piano'; the stems are violin, horn, as detected"),
     ({"minus": "tuba"}, "There is no stem 'tuba'"),
     ({"emphasise": {"violin": "much"}}, "cannot be brought forward by 'much' dB")],
)  # fmt: skip
def test_an_invalid_request_is_refused_in_one_sentence(recording, detector, arguments, message):
    with pytest.raises(ValueError, match=message):
        helpers.separate(**{"recording": recording, "model": detector, **arguments})


def test_a_list_and_a_tensor_are_separated_as_their_array(noise, detector):
    of_array = helpers.separate(noise, "all", detector, sample_rate=RATE).stems["violin"]
    for same in (noise.tolist(), torch.from_numpy(noise)):
        of_same = helpers.separate(same, "all", detector, sample_rate=RATE).stems["violin"]
        np.testing.assert_array_equal(of_same, of_array)


def test_mixes_without_and_with_more_of_an_instrument(recording, noise, detector, tmp_path):
    separation = helpers.separate(
        recording, ["violin", "horn"], detector, minus=["vn"], emphasise={"each": 6}
    )
    assert list(separation.stems) == ["violin", "horn"]
    assert list(separation.mixes) == ["minus-violin", "emphasise-violin", "emphasise-horn"]
    np.testing.assert_allclose(
        separation.mixes["minus-violin"], noise - separation.stems["violin"], atol=1e-6
    )
    report = separation.report["mixes"]["emphasise-violin"]
    gain = 10 ** (report["gain_db"] / 20)
    expected = gain * (noise + (10**0.3 - 1) * separation.stems["violin"])
    np.testing.assert_allclose(separation.mixes["emphasise-violin"], expected, rtol=0.01, atol=1e-4)
    names = {path.name for path in separation.save(tmp_path / "saved").iterdir()}
    assert {"minus-violin.wav", "emphasise-horn.wav", "violin.wav"} <= names


def test_flaws_of_a_recording_are_warnings(detector):
    with pytest.warns(UserWarning, match="is silent"):
        separation = helpers.separate(np.zeros(RATE), model=detector, sample_rate=RATE)
    assert not any(stem.any() for stem in separation.stems.values())


def test_the_player_has_stems_and_recording(recording, detector):
    separation = helpers.separate(recording, ["violin", "horn"], detector)
    track = separation.player().track
    np.testing.assert_array_equal(track.mixture, separation.mixture)
    assert track.instruments == ("violin", "horn")


def test_evaluation_gives_rows_with_floor_and_ceilings(noise, detector, tmp_path):
    (tmp_path / "corpus" / "duo").mkdir(parents=True)
    for name, channel in zip(("violin", "horn"), noise, strict=True):
        soundfile.write(tmp_path / "corpus" / "duo" / f"{name}.wav", channel, RATE)
    rows = helpers.evaluate(tmp_path / "corpus", detector)
    assert {row.system for row in rows} == {"detector", "mixture", "oracle-irm", "oracle-ibm"}
    assert {row.track for row in rows} == {"duo"}


def test_models_are_listed_and_loaded():
    assert "chamber" in helpers.available_models()
    assert isinstance(helpers.load_model("violin-piano"), torch.nn.Module)
    assert helpers.__version__
    with pytest.raises(AttributeError, match="no attribute 'seperate'"):
        helpers.seperate  # noqa: B018


@pytest.mark.parametrize("instruments", [[1], 5, ["violin", None], [["violin"]], b"violin"])
def test_instruments_that_are_no_names_are_refused_in_one_sentence(
    detector, recording, instruments
):
    with pytest.raises(ValueError, match="instruments is .*; pass names"):
        helpers.separate(recording, instruments, detector)
