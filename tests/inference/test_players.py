"""Two players of one instrument, and what none explains: chosen, kept apart, ordered, written."""

from __future__ import annotations

import json
import shutil
from collections import namedtuple
from types import SimpleNamespace

import numpy as np
import pytest

from helpers.audio.audio import load
from helpers.audio.recordings import examine
from helpers.audio.track import AudioError
from helpers.audio.wav import save
from helpers.folders import DiskError
from helpers.inference.mixes import Mixes
from helpers.inference.players import chosen_sources, source_of, stem_names
from helpers.inference.separation import separate
from helpers.inference.stem_files import separate_recording, stems_on_disk
from helpers.music.instruments import numbered_names
from tests.inference.bands import RATE, BandConfig, BandModel, tone

SECONDS = 8.0


@pytest.fixture
def model():
    return BandModel()


@pytest.fixture
def written(tmp_path):
    """Separates a sound; returns what was written, the report, and the stems as arrays."""

    def run(sound, model, instruments, **options):
        save(tmp_path / "music.wav", sound, RATE, "FLOAT")
        folder = tmp_path / "stems"
        folder.mkdir()
        done = separate_recording(
            examine(tmp_path / "music.wav"), model, folder, instruments, **options
        )
        stems = {path.stem: load(path)[0] for path in folder.glob("*.wav")}
        return done, json.loads(json.dumps(done.report("bands"))), stems

    return run


def level(sound, other) -> float:
    """dB of `sound` relative to another."""
    return 10 * np.log10(np.mean(sound**2) / np.mean(other**2) + 1e-12)


def test_stems_have_the_names_that_numbered_names_gives():
    sources = ("violin", "violin-2", "viola", "horn", "horn-2", "other")
    plain = [(name.removesuffix("-2"), None) for name in sources]
    assert stem_names(sources) == tuple(numbered_names(plain))
    assert stem_names(("violin", "viola")) == ("violin", "viola")
    assert [source_of(stem, sources) for stem in stem_names(sources)] == list(sources)


def test_an_instrument_that_is_listed_twice_means_two_players(model):
    quartet = ("violin", "violin-2", "viola", "cello")
    assert chosen_sources(model, "violin,violin,viola,cello") == quartet
    assert chosen_sources(model, "violin-1, violin-2, vla, vc") == quartet
    assert chosen_sources(model, ["Violin I", "Violin II", "viola", "cello"]) == quartet
    assert chosen_sources(model, quartet) == quartet
    assert chosen_sources(model, "violin-2,cello") == ("violin", "cello")


def test_an_instrument_counts_as_the_source_that_a_model_learned_it_as():
    counted = {"alto-saxophone": "saxophone", "baritone-saxophone": "saxophone"}
    model = SimpleNamespace(sources=("saxophone", "saxophone-2", "piano"))
    with pytest.raises(ValueError, match="does not separate 'alto-saxophone'"):
        chosen_sources(model, "alto sax, piano")
    model.config = SimpleNamespace(counted_as=counted)
    assert chosen_sources(model, "alto sax, piano") == ("saxophone", "piano")
    assert chosen_sources(model, "alto sax, tenor sax") == ("saxophone", "saxophone-2")
    with pytest.warns(UserWarning, match="saxophone is listed 3 times, .* 2 stems"):
        assert chosen_sources(model, "asax, bari sax, sax") == ("saxophone", "saxophone-2")
    model.sources = ("saxophone", "piano")
    with pytest.warns(UserWarning, match="'alto-saxophone-1' has a number, .* one stem"):
        assert chosen_sources(model, "alto-saxophone-1, piano") == ("saxophone", "piano")


def test_more_players_than_a_model_has_share_a_stem(model):
    with pytest.warns(UserWarning, match="violin is listed 3 times, but this model has 2 stems"):
        assert chosen_sources(model, "violin,violin,violin") == ("violin", "violin-2")
    with pytest.warns(UserWarning, match="viola is listed more than once, .* one stem"):
        assert chosen_sources(model, "viola,viola,cello") == ("viola", "cello")


@pytest.mark.parametrize("channels", [1, 2])
def test_players_that_a_model_exchanges_between_segments_keep_their_stems(channels):
    sound = tone("violin", 20.0) + tone("violin-2", 20.0) + tone("cello", 20.0)
    sound = np.concatenate([sound, 0.5 * np.roll(sound, 40)])[:channels]  # a second microphone
    model = BandModel(BandConfig(flips=True))
    stems = dict(zip(model.sources, separate(model, sound, RATE), strict=True))
    owners = []
    for channel in range(channels):
        low = (1.0 if channel == 0 else 0.5) * tone("violin", 20.0)
        low = np.roll(low, 40 * channel)
        errors = [level(stems[name][channel] - low, low) for name in ("violin", "violin-2")]
        assert min(errors) < -20 and max(errors) > 0  # all of the low tone is in one of them
        owners.append(int(np.argmin(errors)))
    assert len(set(owners)) == 1  # the same in all channels


def pauses(name: str, *times: tuple[float, float], seconds: float = 24.0) -> np.ndarray:
    return sum(tone(name, seconds, *each) for each in times)


@pytest.mark.parametrize("end", [6.5, 8.0])  # after an odd and an even number of segments
@pytest.mark.parametrize("low", [((0, 24),), ((0, 5), (12, 24)), ((0, 3), (18, 24))])
def test_after_a_rest_of_both_the_players_keep_their_registers(low, end):
    """Segments of 2 s, a rest of 4 s, and a model that exchanges the players."""
    model = BandModel(BandConfig(flips=True))
    low, high = pauses("violin", *low), pauses("violin-2", (0, 24))
    inside = np.abs(np.arange(low.shape[1]) / RATE - end - 2) < 2
    low, high = (np.where(inside, 0, sound) for sound in (low, high))
    stems = dict(zip(model.sources, separate(model, low + high, RATE), strict=True))
    errors = [level(stems[name] - high, high) for name in ("violin", "violin-2")]
    assert min(errors) < -20


def test_the_player_with_the_higher_mean_pitch_is_the_first(model, written):
    low, high = tone("violin", SECONDS), tone("violin-2", SECONDS)
    done, report, stems = written(low + high + tone("cello", SECONDS), model, "violin,violin,cello")
    assert done.sources == ("violin-1", "violin-2", "cello")
    assert level(stems["violin-1"] - high, high) < -30
    assert level(stems["violin-2"] - low, low) < -30
    assert report["order"] == "by mean pitch, the higher first"
    assert report["mean_pitch"] == {
        "violin-1": pytest.approx(83.2, abs=0.5), "violin-2": pytest.approx(71.2, abs=0.5),
    }  # fmt: skip
    assert done.model.sources == ("violin-1", "violin-2", "cello")


def test_one_violin_has_no_number(model, written):
    done, report, _ = written(tone("violin", 4.0) + tone("cello", 4.0), model, "violin,cello")
    assert done.sources == ("violin", "cello")
    assert report["order"] == "" and report["mean_pitch"] == {}


def test_other_without_level_is_shared_out_and_the_stems_sum_to_the_recording(model, written):
    quiet = tone("piano", SECONDS, level=0.002)  # -34 dB
    sound = tone("violin", SECONDS) + tone("cello", SECONDS, level=0.2) + quiet
    done, report, stems = written(sound, model, "violin,cello", residual=True)
    assert sorted(stems) == ["cello", "residual", "violin"]
    assert np.abs(stems["residual"]).max() < 1e-6
    assert np.abs(stems["violin"] + stems["cello"] - sound).max() < 1e-5
    assert "other" not in report["levels"] and done.model.sources == ("violin", "cello")
    share = np.vdot(stems["violin"], quiet) / np.vdot(quiet, quiet)
    assert share == pytest.approx(0.2, abs=0.01)  # of all energy


def test_other_with_level_is_a_stem(model, written):
    sound = tone("violin", SECONDS) + tone("cello", SECONDS) + tone("piano", SECONDS, level=0.05)
    done, report, stems = written(sound, model, "violin,cello")
    assert done.sources == ("violin", "cello", "other") and sorted(stems) == sorted(done.sources)
    assert np.abs(sum(stems.values()) - sound).max() < 1e-5
    assert report["warnings"] == []


def test_other_that_is_asked_for_is_written(model, written):
    sound = tone("violin", 4.0) + tone("cello", 4.0)
    assert written(sound, model, "violin,cello,other")[0].sources == ("violin", "cello", "other")


def test_one_instrument_is_separated_from_all_others(model, written):
    sound = tone("violin", SECONDS) + tone("cello", SECONDS, level=0.2)
    done, _, stems = written(sound, model, "violin")
    assert done.sources == ("violin", "other") and done.remarks == ()
    assert level(stems["violin"] - tone("violin", SECONDS), sound) < -30


def test_a_recording_of_mostly_something_else_is_reported_with_the_reason(model, written):
    sound = tone("violin", 4.0, level=0.02) + tone("piano", 4.0)
    _, report, _ = written(sound, model, "violin,cello")
    (warning,) = report["warnings"]
    assert "96% of its energy is none of violin, cello, perhaps a voice" in warning


def test_practice_mixes_follow_the_final_order_and_stems(model, written):
    low, high = tone("violin", SECONDS), tone("violin-2", SECONDS)
    sound = low + high + tone("cello", SECONDS)
    mixes = Mixes.read("violin-2", "each=6")
    done, report, stems = written(sound, model, "violin,violin,cello", mixes=mixes)
    assert level(stems["minus-violin-2"] - (sound - low), sound) < -30
    assert list(report["mixes"]) == [
        "minus-violin-2", "emphasise-violin-1", "emphasise-violin-2", "emphasise-cello",
    ]  # fmt: skip
    gain = report["mixes"]["minus-violin-2"]
    assert gain["rms_dbfs"] == pytest.approx(20 * np.log10(np.std(sound - low)), abs=0.1)


def test_mixes_of_players_that_may_be_detected_are_accepted_and_others_refused(model):
    for names in ("violin", "violin-1", "Vl. 2", "cello", "other"):
        Mixes.read(names).check((), model.sources)
    with pytest.raises(ValueError, match="no stem 'horn'"):
        Mixes.read("horn").check((), model.sources)
    with pytest.raises(ValueError, match="may mean violin-1 or violin-2"):
        Mixes.read("violin").check(("violin", "violin-2"), model.sources)


def test_a_mix_of_a_second_player_who_is_not_there_is_refused(model, written):
    sound = tone("violin", 4.0) + tone("cello", 4.0)
    with pytest.raises(AudioError, match="There is no stem 'violin-2': violin has all players"):
        written(sound, model, None, mixes=Mixes.read("violin-2"))


@pytest.mark.parametrize(
    ("instruments", "stems"), [("violin,cello", 6), (None, 6), ("violin,violin,cello,viola", 10)]
)
def test_a_disk_needs_room_for_the_stems_of_those_who_play(
    instruments, stems, model, written, monkeypatch
):
    """With `other`, and once more where they are written anew: not for all that a model knows."""
    sound = tone("violin", 4.0) + tone("cello", 4.0)
    free, usage = 4 * stems * sound.size, namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, free - 1))
    with pytest.raises(DiskError, match="needs .* and the disk has .* free; make room"):
        written(sound, model, instruments)


def test_a_disk_with_just_that_room_is_enough(model, written, monkeypatch):
    sound = tone("violin", 4.0) + tone("cello", 4.0)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, 4 * 6 * sound.size))
    assert written(sound, model, None)[0].sources == ("violin", "cello")
    assert stems_on_disk(model, ()) == 6 and stems_on_disk(model, model.sources) == 12


def test_a_model_that_always_separates_all_players_names_some_of_them(model, written):
    """Not conditioned, and without `other`: the stems of the others are left out."""

    class Fixed(type(model)):
        def __init__(self):
            super().__init__()
            self.sources, self.config = (
                ("violin", "violin-2", "cello"),
                SimpleNamespace(flips=False),
            )

    sound = tone("violin", 4.0) + tone("violin-2", 4.0) + tone("cello", 4.0)
    done, _, stems = written(sound, Fixed(), "violin,violin")
    assert sorted(stems) == ["violin-1", "violin-2"]
    assert {*done.sources} <= {*done.model.sources}
