"""MedleyDB's published layout, on a tiny folder that the test makes."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import soundfile
import yaml

from helpers.audio.track import AudioError
from helpers.datasets import medleydb
from helpers.datasets.inventory import inventory
from helpers.datasets.multitracks import training_pieces
from helpers.datasets.stem_folders import find_tracks

RATE = 8000
LEVELS = (0.05, 0.1, 0.2, 0.025)
RAIN = ("acoustic guitar", "violin", "violin section", "male singer")


def write(path, level, channels=2):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.full((2 * RATE, channels), level), RATE, "PCM_24")


@pytest.fixture
def track(tmp_path):
    """Write a track below `Audio/`, stereo stems of constant level with mono raw tracks."""

    def make(name="LizNelson_Rain", instruments=RAIN, bleed="no", active=None):
        folder = tmp_path / "MedleyDB" / "Audio" / name
        stems = {}
        for number, (instrument, level) in enumerate(
            zip(instruments, LEVELS, strict=False), start=1
        ):
            file = f"{name}_STEM_{number:02d}.wav"
            write(folder / f"{name}_STEMS" / file, level)
            raw = f"{name}_RAW_{number:02d}_01.wav"
            write(folder / f"{name}_RAW" / raw, level, channels=1)
            stems[f"S{number:02d}"] = {
                "component": "", "filename": file, "instrument": instrument,
                "raw": {"R01": {"filename": raw, "instrument": instrument}},
            }  # fmt: skip
        write(folder / f"{name}_MIX.wav", sum(LEVELS[: len(instruments)]))
        metadata = {
            "album": "", "artist": "Liz Nelson", "composer": ["Liz Nelson"], "has_bleed": bleed,
            "instrumental": "yes", "mix_filename": f"{name}_MIX.wav", "raw_dir": f"{name}_RAW",
            "stem_dir": f"{name}_STEMS", "stems": stems, "title": "Rain",
        }  # fmt: skip
        (folder / f"{name}_METADATA.yaml").write_text(yaml.safe_dump(metadata), encoding="utf-8")
        if active:
            place = tmp_path / "MedleyDB" / "Annotations" / "Activation_Confidence"
            place.mkdir(parents=True, exist_ok=True)
            header = ",".join(["time", *stems])
            rows = [",".join(map(str, [0.0464 * frame, *active])) for frame in range(3)]
            (place / f"{name}_ACTIVATION_CONF.lab").write_text("\n".join([header, *rows]))
        return folder

    return make


def test_a_track_has_its_stems_by_instrument_and_its_mixture(track):
    folder = track()
    (piece,) = find_tracks(folder.parents[1])
    assert piece.name == "LizNelson_Rain" and piece.corpus.name == "medleydb"
    assert list(piece.stems) == ["guitar", "violin-1", "violin-2", "male-singer"]
    assert [path.name for path in piece.players("violin")] == [
        "LizNelson_Rain_STEM_02.wav", "LizNelson_Rain_STEM_03.wav",
    ]  # fmt: skip
    loaded = piece.load()
    assert loaded.channels == 2 and loaded.sample_rate == RATE
    levels = {name: float(stem.mean()) for name, stem in loaded.stems.items()}
    assert levels == pytest.approx(dict(zip(piece.stems, LEVELS, strict=True)), abs=1e-4)
    assert loaded.residual_db < -60.0


def test_raw_tracks_and_stems_are_not_pieces_of_their_own(track):
    root = track().parents[1]
    assert len(find_tracks(root, any_names=True)) == 1


def test_tracks_with_bleed_are_left_out_on_request(track):
    track("A_Dry")
    root = track("B_Room", bleed="yes").parents[1]
    assert [piece.has_bleed for piece in find_tracks(root)] == [False, True]
    assert [piece.name for piece in find_tracks(root, bleed=False)] == ["A_Dry"]


def test_pieces_for_training_have_their_instruments_and_no_bleed_on_request(track):
    track("A_Dry")
    root = track("B_Room", bleed="yes").parents[1]
    names = [piece.name for piece in training_pieces(root, ["violin"]).values()]
    assert names == ["A_Dry", "B_Room"]
    dry = training_pieces(root, ["violin"], bleed=False)
    assert [piece.name for piece in dry.values()] == ["A_Dry"]


def test_a_stem_that_is_never_active_is_left_out(track):
    folder = track(active=(0.9, 0.1, 0.6, 0.04))
    (piece,) = find_tracks(folder)
    assert list(piece.stems) == ["guitar", "violin"]
    assert piece.stems["violin"].name == "LizNelson_Rain_STEM_03.wav"


def test_activity_has_times_and_a_confidence_for_each_stem(track):
    track(active=(0.9, 0.1, 0.6, 0.04))
    (path,) = (track().parents[1] / "Annotations").rglob("*.lab")
    times, confidences = medleydb.activity(path)
    np.testing.assert_allclose(times, [0.0, 0.0464, 0.0928])
    assert list(confidences) == ["S01", "S02", "S03", "S04"]
    np.testing.assert_allclose(confidences["S03"], [0.6, 0.6, 0.6])


def test_a_stem_of_several_instruments_keeps_all_their_names(track):
    folder = track(instruments=("piano", ["oboe", "synthesizer"]))
    (piece,) = find_tracks(folder)
    assert list(piece.stems) == ["piano", "oboe-and-synthesizer"]


def test_the_corpora_command_counts_its_pieces(track):
    (holding,) = inventory(track().parents[1])
    assert str(holding) == "1 pieces: guitar 1, male-singer 1, violin 1"
    assert holding.name == "medleydb" and not holding.faults


def changed(folder, old, new):
    path = medleydb.metadata_path(folder)
    path.write_text(path.read_text().replace(old, new))
    return path.name


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("STEM_02.wav", "STEM_09.wav", "names LizNelson_Rain_STEM_09.wav, which is not in"),
        ("has_bleed", "bleeds", "it lacks 'has_bleed'; it must have"),
        ("stems:", "stems: {", "is not readable YAML; get it again"),
    ],
)
def test_broken_metadata_are_refused_by_name(track, old, new, sentence):
    folder = track()
    name = changed(folder, old, new)
    with pytest.raises(AudioError, match=sentence) as error:
        find_tracks(folder)
    assert name in str(error.value)


def test_a_broken_activity_file_is_refused_by_name(track):
    folder = track()
    (folder / "LizNelson_Rain_ACTIVATION_CONF.lab").write_text("start,end\n0,1\n")
    with pytest.raises(AudioError, match="CONF.lab: it is no table of activity confidences"):
        find_tracks(folder)


def test_without_pyyaml_the_sentence_names_the_command(track, monkeypatch):
    folder = track()
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(AudioError, match="needs PyYAML; run `pip"):
        find_tracks(folder)
