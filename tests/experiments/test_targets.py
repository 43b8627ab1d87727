"""What makes a target easy or hard: measures with known answers, and the sweep that resumes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import soundfile

from experiments import target_features, targets
from experiments.target_features import mean_pitch, overlap, spearman, stopping_step
from helpers.audio.track import Track
from helpers.evaluation import results
from helpers.music.scores import Note, Part, Score
from helpers.synthesis.soundfonts import find_soundfonts

RATE = 22_050


def tones(*hertz: float) -> np.ndarray:
    time = np.arange(2 * RATE) / RATE
    return sum(0.1 * np.sin(2 * np.pi * f * time) for f in hertz)[None].astype(np.float32)


@pytest.mark.parametrize(
    ("own", "rest", "expected"),
    [
        ((440.0,), (440.0,), 1.0),  # the same band
        ((440.0,), (1760.0,), 0.0),  # two octaves higher
        ((440.0, 1760.0), (440.0,), 0.5),  # half of the power of one
        ((440.0, 1760.0), (1760.0, 3520.0), 0.5),
    ],
)
def test_overlap_of_long_time_spectra(own, rest, expected):
    track = Track("piece", RATE, {"violin": tones(*own), "rest": tones(*rest)})
    assert overlap(track) == pytest.approx(expected, abs=0.02)
    louder = Track("piece", RATE, {"violin": 5 * tones(*own), "rest": tones(*rest)})
    assert overlap(louder) == pytest.approx(overlap(track), abs=1e-6)


def test_mean_pitch_is_weighted_with_durations():
    notes = (Note(0.0, 3.0, 60.0, 80), Note(3.0, 1.0, 72.0, 80))
    score = Score("one", (Part("violin", notes), Part("cello", (Note(0.0, 9.0, 40.0, 80),))))
    assert mean_pitch([score], "violin") == pytest.approx(63.0)


def test_spearman_of_known_ranks():
    rising = np.arange(11.0)
    assert spearman(rising, np.exp(rising)) == pytest.approx((1.0, 1.0, 1.0))
    assert spearman(rising, -rising)[0] == pytest.approx(-1.0)
    rho, low, high = spearman(rising, np.random.default_rng(0).normal(size=11))
    assert -1.0 <= low < rho < high <= 1.0 and low < 0.0 < high
    assert (rho, low, high) == spearman(rising, np.random.default_rng(0).normal(size=11))


def test_early_stopping_ends_after_the_patience():
    curve = [(1, 0.0), (2, 3.0), (3, 2.0), (4, 2.5), (5, 9.0)]
    assert stopping_step(curve, 2) == 4
    assert stopping_step(curve, 3) == 5


def test_a_table_of_targets_has_floor_gain_and_features(tmp_path, monkeypatch):
    def row(system, metric, value, instrument="violin"):
        cells = dict.fromkeys(("notebook", "train_data", "config", "device", "commit"), "none")
        return results.Row(
            **cells, system=system, test_data="rendered", track="one", instrument=instrument,
            metric=metric, value=value, n_seconds=1.0, seed=0, checkpoint_sha256="none",
            profile="reader",
        )  # fmt: skip

    monkeypatch.setattr(target_features.results, "results_path", lambda name: tmp_path / name)
    assert target_features.table().empty
    results.append(
        tmp_path / targets.TABLE,
        [
            row("mixture", "SI-SDR", -3.0), row("oracle-irm", "SI-SDR", 9.0),
            row("open-unmix-violin", "SI-SDR", 4.0), row("open-unmix-violin", "SI-SDRi", 7.0),
            row("mixture", "SI-SDR", -5.0, "horn"),
        ],
    )  # fmt: skip
    results.append(tmp_path / target_features.FEATURES, [row("none", "pitch", 70.0)])
    table = target_features.table()
    assert list(table.index) == ["violin"]  # nothing is trained for the horn
    expected = {"floor": -3.0, "SI-SDR": 4.0, "gain": 7.0, "oracle": 9.0, "pitch": 70.0}
    pd.testing.assert_series_equal(
        table.loc["violin"], pd.Series(expected), check_names=False, check_index_type=False
    )


@pytest.fixture
def smoke(tmp_path, monkeypatch):
    """The smoke profile, with a cache and tables of its own."""
    if "TimGM6mb" not in {font.stem for font in find_soundfonts()}:
        pytest.skip("there is no soundfont: apt-get install timgm6mb-soundfont")
    monkeypatch.setenv("DIVISI_PROFILE", "smoke")
    monkeypatch.delenv("DIVISI_DATA", raising=False)
    monkeypatch.setattr(targets, "SOUNDFONTS", {"rendered": "TimGM6mb"})
    monkeypatch.setattr(targets, "SECONDS", 3.0)
    monkeypatch.setattr(targets.results, "results_path", lambda name: tmp_path / f"{name}.csv")
    monkeypatch.setattr(targets.results, "output_folder", lambda name: tmp_path / name)


def test_a_test_track_is_the_target_and_the_rest(smoke):
    tracks = targets.test_tracks("horn", "rendered")
    assert [track.name for track in tracks] == targets.track_names("horn", "rendered")
    assert all(list(track.stems) == ["horn", "rest"] for track in tracks)
    np.testing.assert_allclose(tracks[0].stems["horn"].std(), 0.05, rtol=0.01)


def test_the_sweep_trains_measures_and_does_nothing_again(smoke, tmp_path, monkeypatch):
    targets.main(["--only", "horn"])
    rows = results.read_table(tmp_path / "05_targets.csv")
    assert set(rows["system"]) == {"mixture", "oracle-irm", "oracle-ibm", "open-unmix-horn"}
    assert set(rows["instrument"]) == {"horn"} and {"SDR", "SI-SDRi"} <= set(rows["metric"])
    assert len(set(rows["track"])) == 2
    for name in ("measure", "measure_floor"):
        monkeypatch.setattr(targets, name, lambda *_: pytest.fail("it measured again"))
    targets.main(["--only", "horn"])
    pd.testing.assert_frame_equal(rows, results.read_table(tmp_path / "05_targets.csv"))


def test_a_piece_of_the_target_alone_is_no_test(tmp_path, monkeypatch):
    monkeypatch.setenv("DIVISI_DATA", str(tmp_path))
    stems = {"duo": ("violin_1", "violin_2"), "trio": ("violin_1", "violin_2", "cello")}
    for piece, names in stems.items():
        (tmp_path / "urmp_excerpts" / piece).mkdir(parents=True)
        for name in names:
            tone = tones(440.0).T
            soundfile.write(tmp_path / "urmp_excerpts" / piece / f"{name}.wav", tone, RATE)
    assert targets.track_names("violin", "urmp_excerpts") == ["trio"]
    (track,) = targets.test_tracks("violin", "urmp_excerpts")
    assert track.instruments == ("violin", "rest")
