"""Stems of other tools: found, named, and fitted to the pieces; every decision is reported."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from helpers.audio.track import AudioError
from helpers.datasets.stem_folders import find_tracks, unique_names
from helpers.evaluation.estimates import WrittenStems, delay, find_estimates, paired
from helpers.evaluation.systems import evaluate_pieces

RATE = 8000


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def found_in(root, *pieces):
    found = find_estimates(root, pieces)
    return {
        piece: {name: str(path.relative_to(root)) for name, path in files.items()}
        for piece, files in found.items()
    }


def test_every_layout_is_read(tmp_path):
    touch(tmp_path, "a/Violin 1.wav", "a/vl_II.wav", "a/vocals.wav", "a/mixture.wav", "a/note.txt")
    touch(tmp_path, "a/a.wav", "b.wav")
    touch(tmp_path, "b_piano.flac", "b2_(Piano)_BS-Roformer-SW.wav", "b2_(Other)_SW.wav", "x.wav")
    assert found_in(tmp_path, "a", "b", "b2", "c") == {
        "a": {"violin-1": "a/Violin 1.wav", "violin-2": "a/vl_II.wav", "voice": "a/vocals.wav"},
        "b": {"piano": "b_piano.flac"},
        "b2": {"piano": "b2_(Piano)_BS-Roformer-SW.wav", "other": "b2_(Other)_SW.wav"},
        "c": {},
    }


def test_the_name_of_the_piece_in_front_of_a_stem_is_no_instrument(tmp_path):
    touch(tmp_path, "flute/flute_(Drums)_x.wav", "flute/flute_no_vocals.wav", "flute/flute2.wav")
    assert list(found_in(tmp_path, "flute")["flute"]) == ["flute-2", "drums", "no_vocals"]


def test_pieces_in_folders_have_plain_names(tmp_path):
    touch(tmp_path, "album_one/violin.wav", "album_two_violin.wav")
    found = found_in(tmp_path, "album/one", "album/two")
    assert {piece: list(files) for piece, files in found.items()} == {
        "album/one": ["violin"], "album/two": ["violin"]
    }  # fmt: skip


def test_the_stems_of_a_single_piece_may_lie_in_the_folder_itself(tmp_path):
    touch(tmp_path, "violin.wav", "piano.wav")
    assert set(found_in(tmp_path, "sonata")["sonata"]) == {"violin", "piano"}
    with pytest.raises(AudioError, match="no estimates of these pieces; write those of sonata to"):
        find_estimates(tmp_path, ["sonata", "trio"])
    with pytest.raises(AudioError, match="there is no such folder"):
        find_estimates(tmp_path / "none", ["sonata"])


@pytest.mark.parametrize(
    ("references", "estimates", "expected"),
    [
        (["violin", "cello"], ["cello", "violin"], {}),
        (["violin-1", "violin-2"], ["violin"], {"violin-1": "violin", "violin-2": "violin"}),
        (["violin"], ["violin-1", "violin-2"], {"violin-1": "violin", "violin-2": "violin"}),
        (["violin-1", "violin-2"], ["violin-2"], {}),
        (["double-bass", "piano"], ["bass", "drums"], {"bass": "double-bass"}),
        (["double-bass", "voice"], ["bass"], {}),  # either of them
        (["violin", "piano"], ["strings", "other"], {"strings": "violin"}),
        (["violin", "viola"], ["strings"], {}),
        (["theremin", "piano"], ["theremin"], {}),
    ],
)
def test_names_are_paired_by_instrument(references, estimates, expected):
    names = {name: name for name in (*references, *estimates)}
    assert paired(references, estimates) == names | expected


def noise(seconds=2.0, channels=1, seed=0):
    return np.random.default_rng(seed).uniform(-0.2, 0.2, (round(seconds * RATE), channels))


def write(path, sound, rate=RATE):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound, rate, "FLOAT")


@pytest.fixture
def corpus(tmp_path):
    """Two pieces of a violin and a piano."""
    for number, piece in enumerate(("one", "two")):
        write(tmp_path / "corpus" / piece / "violin.wav", noise(seed=number))
        write(tmp_path / "corpus" / piece / "piano.wav", noise(seed=number + 9))
    return tmp_path / "corpus"


def measured(corpus, root):
    folders = unique_names(find_tracks(corpus))
    system = WrittenStems("tool", find_estimates(root, folders))
    found = dict(evaluate_pieces(folders, system, "corpus", baselines=False))
    values = {
        (row.track, row.instrument, row.metric): row.value
        for rows in found.values()
        if isinstance(rows, list)
        for row in rows
    }
    return values, system.notes, found


def test_an_estimate_with_a_tenth_of_noise_has_twenty_decibels(corpus, tmp_path):
    for piece in ("one", "two"):
        stem = soundfile.read(corpus / piece / "violin.wav")[0]
        error = np.random.default_rng(5).normal(size=len(stem))
        error *= 0.1 * np.linalg.norm(stem) / np.linalg.norm(error)
        write(tmp_path / "out" / piece / "Vl.wav", stem + error)
    values, notes, _ = measured(corpus, tmp_path / "out")
    assert values["one", "violin", "SI-SDR"] == pytest.approx(20, abs=0.1)
    assert values["two", "violin", "SNR"] == pytest.approx(20, abs=0.1)
    assert notes == {"piano has no estimate: it is not measured": ["one", "two"]}


def test_absent_and_additional_stems_are_counted(corpus, tmp_path):
    for piece in ("one", "two"):
        sound = soundfile.read(corpus / piece / "violin.wav")[0]
        write(tmp_path / "out" / f"{piece}_(violin)_net.wav", sound)
        write(tmp_path / "out" / f"{piece}_(drums)_net.wav", 0.1 * sound)
    write(tmp_path / "out" / "one_(Piano)_net.wav", soundfile.read(corpus / "one/piano.wav")[0])
    values, notes, _ = measured(corpus, tmp_path / "out")
    assert values["two", "piano", "SI-SDR"] == -np.inf
    assert values["one", "piano", "SI-SDR"] == np.inf
    assert values["one", "drums", "leak"] == pytest.approx(-23, abs=0.2)
    assert notes == {
        "drums is no stem of the piece: only its level is measured (leak)": ["one", "two"],
        "piano has an estimate in other pieces only: silent in these": ["two"],
    }


def test_other_rates_channels_and_lengths_are_fitted_and_reported(corpus, tmp_path):
    from helpers.audio.resampling import resample

    for piece in ("one", "two"):
        for name in ("violin", "piano"):
            stem = soundfile.read(corpus / piece / f"{name}.wav", dtype="float32")[0]
            smooth = resample(resample(stem, RATE, 3000), 3000, RATE)  # what both rates hold
            write(corpus / piece / f"{name}.wav", smooth)
            longer = np.pad(resample(smooth, RATE, 16000), (0, 16000 if piece == "one" else 0))
            write(tmp_path / "out" / piece / f"{name}.wav", np.stack([longer, longer], 1), 16000)
    values, notes, _ = measured(corpus, tmp_path / "out")
    assert min(value for key, value in values.items() if key[2] == "SI-SDR") > 50
    assert notes == {
        "estimates were resampled from 16000 to 8000 Hz": ["one", "two"],
        "stems of 1 channels were compared with the mean of their channels": ["one", "two"],
        "estimates are longer than the piece: what is more was left out": ["one"],
    }


def test_a_delay_is_measured_and_left_as_it_is(corpus, tmp_path):
    for piece, late in {"one": 300, "two": 0}.items():
        for name in ("violin", "piano"):
            stem = soundfile.read(corpus / piece / f"{name}.wav")[0]
            write(tmp_path / "out" / piece / f"{name}.wav", np.pad(stem, (late, 0))[: len(stem)])
    values, notes, _ = measured(corpus, tmp_path / "out")
    assert values["one", "violin", "SI-SDR"] < -20 and values["two", "violin", "SI-SDR"] == np.inf
    assert notes == {
        "estimates are 300 samples too late, which lowers all values: align them": ["one"]
    }


@pytest.mark.parametrize("samples", [-37, 0, 5, 2000])
def test_the_delay_of_noise_is_exact_in_blocks_of_any_size(samples):
    sound = noise(4.0)[:, 0]
    late = np.roll(sound, samples)
    stereo = np.stack([sound, sound]), np.stack([late, late])
    blocks = [tuple(each[:, a:b] for each in stereo) for a, b in ((0, 999), (999, len(sound)))]
    silence = (np.zeros((2, 500)),) * 2
    assert delay([silence, *blocks], RATE) == samples


@pytest.mark.parametrize("kind", ["unrelated", "silent", "tone"])
def test_no_delay_is_reported_where_none_is_certain(kind):
    tone = np.sin(2 * np.pi * 440 * np.arange(2 * RATE) / RATE)[None]
    first, second = {
        "unrelated": (noise().T, noise(seed=1).T),
        "silent": (np.zeros((1, RATE)), np.zeros((1, RATE))),
        "tone": (tone, 0.5 * tone),
    }[kind]
    assert delay([(first, second)], RATE) == 0


def test_a_piece_without_estimates_costs_no_other_and_bad_files_are_named(corpus, tmp_path):
    write(tmp_path / "out" / "one" / "violin.wav", noise())
    _, _, found = measured(corpus, tmp_path / "out")
    assert "two: there are no estimates of it" in str(found["two"]) and found["one"]
    (tmp_path / "out" / "two").mkdir()
    (tmp_path / "out" / "two" / "violin.wav").write_text("broken")
    assert str(measured(corpus, tmp_path / "out")[2]["two"]).startswith("two/violin.wav: ")


def test_three_channels_do_not_fit_two(tmp_path):
    write(tmp_path / "corpus" / "duo" / "violin.wav", noise(channels=2))
    write(tmp_path / "corpus" / "duo" / "piano.wav", noise(channels=2))
    write(tmp_path / "out" / "duo" / "violin.wav", noise(channels=3))
    fault = measured(tmp_path / "corpus", tmp_path / "out")[2]["duo"]
    assert str(fault).startswith("duo/violin.wav: it has 3 channels and the stems have 2;")
