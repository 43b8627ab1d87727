"""WAV files are written completely or not at all."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from helpers.audio import wav
from helpers.audio.audio import load
from helpers.audio.track import AudioError
from helpers.audio.wav import AtomicWav, save


def noise(channels: int = 2, samples: int = 4000) -> np.ndarray:
    rng = np.random.default_rng(samples)
    return rng.uniform(-0.9, 0.9, (channels, samples)).astype(np.float32)


@pytest.mark.parametrize(
    ("subtype", "tolerance"),
    [("PCM_U8", 2**-6), ("PCM_16", 2**-14), ("PCM_24", 2**-22), ("FLOAT", 0), ("DOUBLE", 0)],
)
def test_saved_audio_is_loaded_again(tmp_path, subtype, tolerance):
    save(tmp_path / "a.wav", noise(), 44_100, subtype)
    audio, rate = load(tmp_path / "a.wav")
    np.testing.assert_allclose(audio, noise(), atol=tolerance, rtol=0)
    assert rate == 44_100
    assert soundfile.info(tmp_path / "a.wav").subtype == subtype
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_blocks_are_joined(tmp_path):
    with AtomicWav(tmp_path / "a.wav", 8000, 2, "FLOAT") as file:
        for block in np.split(noise(), [5, 5, 1700], axis=1):
            file.write(block)
    assert file.frames == 4000
    np.testing.assert_array_equal(load(tmp_path / "a.wav")[0], noise())


def test_samples_over_one_are_kept_as_float_and_clipped_as_integer(tmp_path):
    loud = np.array([[0.5, 1.5, -3.0]], dtype=np.float32)
    save(tmp_path / "float.wav", loud, 8000, "FLOAT")
    save(tmp_path / "integer.wav", loud, 8000, "PCM_16")
    np.testing.assert_array_equal(load(tmp_path / "float.wav")[0], loud)
    np.testing.assert_allclose(load(tmp_path / "integer.wav")[0], [[0.5, 1, -1]], atol=2**-14)


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, MemoryError])
def test_interrupted_writing_leaves_nothing(tmp_path, error):
    with pytest.raises(error), AtomicWav(tmp_path / "a.wav", 8000, 2) as file:
        file.write(noise())
        raise error
    assert list(tmp_path.iterdir()) == []


def test_interrupted_writing_leaves_the_older_file_as_it_was(tmp_path):
    save(tmp_path / "a.wav", noise(1, 10), 8000, "FLOAT")
    with pytest.raises(KeyboardInterrupt), AtomicWav(tmp_path / "a.wav", 8000, 2) as file:
        file.write(noise())
        raise KeyboardInterrupt
    np.testing.assert_array_equal(load(tmp_path / "a.wav")[0], noise(1, 10))


def test_finished_writing_replaces_the_older_file(tmp_path):
    for samples in (10, 20):
        save(tmp_path / "a.wav", noise(1, samples), 8000, "FLOAT")
    np.testing.assert_array_equal(load(tmp_path / "a.wav")[0], noise(1, 20))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_samples_that_are_not_finite_are_not_written(tmp_path, bad):
    audio = noise()
    audio[0, 9] = bad
    with pytest.raises(AudioError, match=r"^a.wav: samples that are not finite"):
        save(tmp_path / "a.wav", audio, 8000)
    assert list(tmp_path.iterdir()) == []


def test_block_of_other_channels_is_refused(tmp_path):
    refused = pytest.raises(AudioError, match=r"^a.wav: a block of shape \(3, 10\) does not fit")
    with refused, AtomicWav(tmp_path / "a.wav", 8000, 2) as file:
        file.write(noise(3, 10))
    assert list(tmp_path.iterdir()) == []


def test_missing_folder_is_an_error(tmp_path):
    with pytest.raises(AudioError, match=r"^a.wav: it cannot be written in .*nowhere"):
        save(tmp_path / "nowhere" / "a.wav", noise(), 8000)


def test_folder_in_place_of_the_file_is_an_error_and_leaves_nothing(tmp_path):
    (tmp_path / "a.wav").mkdir()
    with pytest.raises(AudioError, match=r"^a.wav: it cannot be written"):
        save(tmp_path / "a.wav", noise(), 8000)
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_full_disk_is_an_error_and_leaves_nothing(tmp_path):
    """A limit on the size of files stands in for the full disk, in a process of its own."""
    program = (
        "import signal, sys, numpy as np, resource\n"
        "from helpers.audio.track import AudioError\n"
        "from helpers.audio.wav import save\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try: save(sys.argv[1], np.zeros((2, 400_000), np.float32), 8000)\n"
        "except AudioError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "a.wav")],
        cwd=Path(wav.__file__).parents[2], capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.startswith("a.wav: it cannot be written in")
    assert list(tmp_path.iterdir()) == []


def test_file_permissions_follow_the_umask(tmp_path):
    save(tmp_path / "a.wav", noise(), 8000)
    (tmp_path / "plain").touch()
    assert (tmp_path / "a.wav").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_long_and_accented_names_are_written(tmp_path):
    name = "é" * 120 + ".wav"
    save(tmp_path / name, noise(), 8000)
    assert load(tmp_path / name)[0].shape == (2, 4000)


def test_more_than_wav_can_hold_becomes_rf64_where_the_length_is_known(tmp_path, monkeypatch):
    monkeypatch.setattr(wav, "WAV_LIMIT", 10_000)
    save(tmp_path / "large.wav", noise(), 8000, "FLOAT")
    assert (tmp_path / "large.wav").read_bytes()[:4] == b"RF64"
    np.testing.assert_array_equal(load(tmp_path / "large.wav")[0], noise())


def test_more_than_wav_can_hold_is_refused_where_the_length_is_unknown(tmp_path, monkeypatch):
    monkeypatch.setattr(wav, "WAV_LIMIT", 10_000)
    refused = pytest.raises(AudioError, match="^a.wav: more than 4 GB")
    with refused, AtomicWav(tmp_path / "a.wav", 8000, 2) as file:
        file.write(noise())
    assert list(tmp_path.iterdir()) == []
