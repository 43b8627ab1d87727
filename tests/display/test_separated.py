"""A separated recording in a notebook: its zip, its player and its notes."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
import soundfile

from helpers.audio.recordings import examine
from helpers.audio.track import AudioError
from helpers.display import separated
from helpers.display.separated import separate_to_zip
from helpers.training.checkpoints import load_model


def unzipped(archive) -> dict[str, tuple[np.ndarray, int, str]]:
    """What is in a zip: name -> (samples (T, C), sample rate, subtype)."""
    stems = {}
    with zipfile.ZipFile(archive) as file:
        for name in file.namelist():
            with soundfile.SoundFile(io.BytesIO(file.read(name))) as sound:
                stems[name] = sound.read(always_2d=True), sound.samplerate, sound.subtype
    return stems


@pytest.mark.parametrize(
    ("rate", "channels"), [(8000, 1), (4000, 2), (11_025, 3), (44_100, 2), (192_000, 1)]
)
def test_the_zip_has_stems_in_the_recordings_format_that_sum_to_it(
    recording, duo, tmp_path, rate, channels
):
    path = recording(rate=rate, channels=channels, seconds=0.5, subtype="PCM_24")
    mixture, _ = soundfile.read(path, always_2d=True)
    done = separate_to_zip(examine(path), duo, tmp_path / "out")
    stems = unzipped(done.archive)
    assert list(stems) == ["quartet/violin.wav", "quartet/bassoon.wav"]
    for audio, kept_rate, subtype in stems.values():
        assert (audio.shape, kept_rate, subtype) == (mixture.shape, rate, "PCM_24")
    residual = sum(audio for audio, _, _ in stems.values()) - mixture
    assert np.sum(residual**2) < 1e-7 * np.sum(mixture**2)  # rates are converted there and back


def test_at_the_models_rate_the_stems_sum_to_the_recording_in_24_bits(recording, duo, tmp_path):
    path = recording(subtype="PCM_24")
    mixture, _ = soundfile.read(path, always_2d=True)
    done = separate_to_zip(examine(path), duo, tmp_path)
    residual = sum(audio for audio, _, _ in unzipped(done.archive).values()) - mixture
    assert np.abs(residual).max() <= 3 / 2**23


def test_the_track_has_the_stems_of_the_zip_and_the_recording(recording, duo, tmp_path):
    path = recording()
    done = separate_to_zip(examine(path), duo, tmp_path)
    for name, stem in done.track.stems.items():
        audio = unzipped(done.archive)[f"quartet/{name}.wav"][0]
        assert np.array_equal(stem.T, audio.astype(np.float32))
    assert np.array_equal(done.track.recording.T, soundfile.read(path, dtype="float32",
                                                                 always_2d=True)[0])  # fmt: skip


def test_only_the_chosen_instruments_are_separated(recording, duo, tmp_path):
    done = separate_to_zip(examine(recording()), duo, tmp_path, ["bassoon"])
    assert list(unzipped(done.archive)) == ["quartet/bassoon.wav"]
    assert done.track.instruments == ("bassoon",)


def test_detected_instruments_are_in_the_notes(recording, detector, tmp_path):
    steps = []
    whole = examine(recording())
    done = separate_to_zip(whole, load_model(detector), tmp_path, progress=steps.append)
    assert list(done.track.stems) == ["violin", "horn"]
    assert "Detected: violin, horn." in done.notes()
    assert sum(steps) == pytest.approx(whole.seconds)


def test_one_gain_keeps_stems_from_clipping_and_is_in_the_notes(recording, loud, tmp_path):
    path = recording(subtype="FLOAT")
    mixture, _ = soundfile.read(path, always_2d=True)
    done = separate_to_zip(examine(path), loud, tmp_path)
    flute = unzipped(done.archive)["quartet/flute.wav"][0]
    assert np.abs(flute).max() == pytest.approx(0.999, abs=1e-5)
    assert np.allclose(flute, 2 * done.gain * mixture, atol=1e-5)
    assert np.allclose(done.track.recording.T, done.gain * mixture, atol=1e-5)
    assert done.notes() == "All stems are 5.1 dB lower, so that none clips."


def test_the_player_has_the_beginning_of_a_long_recording_and_the_zip_all_of_it(
    recording, duo, tmp_path, monkeypatch
):
    monkeypatch.setattr(separated, "LONGEST", 3.0)
    path = recording(seconds=70.0, channels=2)
    mixture, _ = soundfile.read(path, dtype="float32", always_2d=True)
    done = separate_to_zip(examine(path), duo, tmp_path)
    assert np.array_equal(done.track.recording.T, mixture[: 3 * 8000])
    assert np.allclose(done.track.stems["violin"], 0.7 * done.track.recording, atol=1e-4)
    assert done.notes() == "The player has the first 0:03 of 1:10; the zip has all of it."
    assert all(len(audio) == len(mixture) for audio, _, _ in unzipped(done.archive).values())


def test_progress_is_in_seconds(recording, duo, tmp_path):
    steps = []
    path = recording(seconds=70.0)
    separate_to_zip(examine(path), duo, tmp_path, progress=steps.append)
    assert len(steps) > 2 and sum(steps) == pytest.approx(70.0)


def test_a_link_contains_the_zip_unless_it_is_large(recording, duo, tmp_path, monkeypatch):
    done = separate_to_zip(examine(recording()), duo, tmp_path)
    assert 'href="data:application/zip;base64,' in done.link()
    monkeypatch.setattr(separated, "EMBEDDED", 1000)
    assert done.link() == f"The stems are in <code>{done.archive}</code>."


@pytest.mark.parametrize("samples", [1, 100])
def test_very_short_recordings_are_shown(recording, duo, tmp_path, samples):
    path = recording(rate=44_100, seconds=samples / 44_100)
    done = separate_to_zip(examine(path), duo, tmp_path)
    assert "<iframe" in done.player()._repr_html_() and "<img" in done.picture()


def test_silence_is_noted_and_shown(tmp_path, duo):
    soundfile.write(tmp_path / "rest.wav", np.zeros(8000), 8000)
    done = separate_to_zip(examine(tmp_path / "rest.wav"), duo, tmp_path)
    assert done.notes() == "rest.wav: is silent, and so are its stems."
    assert "<iframe" in done.player()._repr_html_() and "<img" in done.picture()


@pytest.mark.parametrize(
    ("instruments", "sentence"),
    [([], "Choose at least one instrument; this model separates violin, bassoon."),
     (["tuba"], "This model does not separate 'tuba'; it separates violin, bassoon.")],
)  # fmt: skip
def test_unknown_instruments_are_refused(recording, duo, tmp_path, instruments, sentence):
    with pytest.raises(ValueError) as refusal:
        separate_to_zip(examine(recording()), duo, tmp_path / "out", instruments)
    assert str(refusal.value) == sentence
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("fault", [AudioError, KeyboardInterrupt])
def test_a_failure_leaves_the_earlier_zip_and_nothing_else(
    recording, duo, tmp_path, fault, monkeypatch
):
    quartet = examine(recording())
    archive = separate_to_zip(quartet, duo, tmp_path / "out").archive
    before = archive.read_bytes()

    def stop(*_):
        raise fault

    monkeypatch.setattr(zipfile.ZipFile, "write", stop)
    with pytest.raises(fault):
        separate_to_zip(quartet, duo, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == [archive]
    assert archive.read_bytes() == before


def test_an_earlier_zip_stays_and_the_new_one_takes_another_name(recording, duo, tmp_path):
    quartet = examine(recording())
    (tmp_path / "quartet.zip").write_text("mine")
    archives = [separate_to_zip(quartet, duo, tmp_path).archive for _ in range(2)]
    assert [path.name for path in archives] == ["quartet-2.zip", "quartet-3.zip"]
    assert list(unzipped(archives[1])) == ["quartet/violin.wav", "quartet/bassoon.wav"]
    assert (tmp_path / "quartet.zip").read_text() == "mine"


@pytest.mark.parametrize("name", ["../../violin", "/tmp/violin", "residual", "con"])
def test_a_source_that_is_no_name_of_a_file_is_not_written(recording, duo, tmp_path, name):
    quartet = examine(recording())
    duo.sources = (name, "bassoon")
    with pytest.raises(ValueError, match="The stems of this model cannot be written: the name"):
        separate_to_zip(quartet, duo, tmp_path / "out")
    assert list(tmp_path.rglob("*.wav")) == [quartet.path]
