"""What a separated recording shows and what its zip holds."""

from __future__ import annotations

import io
import zipfile

import numpy as np
import pytest
import soundfile

from helpers.audio.audio import AudioError
from helpers.audio.recordings import examine
from helpers.display import separated
from helpers.display.separated import separate_recording
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
def test_the_zip_holds_stems_like_the_recording_that_sum_to_it(
    recording, duo, tmp_path, rate, channels
):
    path = recording(rate=rate, channels=channels, seconds=0.5, subtype="PCM_24")
    mixture, _ = soundfile.read(path, always_2d=True)
    done = separate_recording(examine(path), duo, tmp_path / "out")
    stems = unzipped(done.archive)
    assert list(stems) == ["quartet/violin.wav", "quartet/bassoon.wav"]
    for audio, kept_rate, subtype in stems.values():
        assert (audio.shape, kept_rate, subtype) == (mixture.shape, rate, "PCM_24")
    residual = sum(audio for audio, _, _ in stems.values()) - mixture
    assert np.sum(residual**2) < 1e-7 * np.sum(mixture**2)  # rates are converted there and back


def test_a_model_of_the_same_rate_gives_stems_that_sum_to_the_last_of_twenty_four_bits(
    recording, duo, tmp_path
):
    path = recording(subtype="PCM_24")
    mixture, _ = soundfile.read(path, always_2d=True)
    done = separate_recording(examine(path), duo, tmp_path)
    residual = sum(audio for audio, _, _ in unzipped(done.archive).values()) - mixture
    assert np.abs(residual).max() <= 3 / 2**23


def test_what_is_heard_is_what_the_zip_holds_and_the_recording(recording, duo, tmp_path):
    path = recording()
    done = separate_recording(examine(path), duo, tmp_path)
    for name, stem in done.track.stems.items():
        audio = unzipped(done.archive)[f"quartet/{name}.wav"][0]
        assert np.array_equal(stem.T, audio.astype(np.float32))
    assert np.array_equal(done.track.recording.T, soundfile.read(path, dtype="float32",
                                                                 always_2d=True)[0])  # fmt: skip


def test_only_the_instruments_that_were_chosen_are_there(recording, duo, tmp_path):
    done = separate_recording(examine(recording()), duo, tmp_path, ["bassoon"])
    assert list(unzipped(done.archive)) == ["quartet/bassoon.wav"]
    assert done.track.instruments == ("bassoon",)


def test_a_model_that_can_be_told_listens_first_and_says_whom_it_heard(recording, ears, tmp_path):
    steps = []
    whole = examine(recording())
    done = separate_recording(whole, load_model(ears), tmp_path, progress=steps.append)
    assert list(done.track.stems) == ["violin", "horn"]
    assert "Heard: violin, horn." in done.notes()
    assert sum(steps) == pytest.approx(whole.seconds)


def test_one_gain_keeps_stems_from_clipping_and_is_told(recording, loud, tmp_path):
    path = recording(subtype="FLOAT")
    mixture, _ = soundfile.read(path, always_2d=True)
    done = separate_recording(examine(path), loud, tmp_path)
    flute = unzipped(done.archive)["quartet/flute.wav"][0]
    assert np.abs(flute).max() == pytest.approx(0.999, abs=1e-5)
    assert np.allclose(flute, 2 * done.gain * mixture, atol=1e-5)
    assert np.allclose(done.track.recording.T, done.gain * mixture, atol=1e-5)
    assert done.notes() == "All stems are 5.1 dB lower, so that none clips."


def test_of_a_long_recording_a_stretch_is_heard_and_the_zip_holds_all(
    recording, duo, tmp_path, monkeypatch
):
    monkeypatch.setattr(separated, "LONGEST", 3.0)
    path = recording(seconds=70.0, channels=2)
    mixture, _ = soundfile.read(path, dtype="float32", always_2d=True)
    done = separate_recording(examine(path), duo, tmp_path, start=65.0)
    assert np.array_equal(done.track.recording.T, mixture[65 * 8000 : 68 * 8000])
    assert np.allclose(done.track.stems["violin"], 0.7 * done.track.recording, atol=1e-4)
    assert done.notes() == "You hear and see 1:05 to 1:08 of 1:10; the zip holds all of it."
    assert all(len(audio) == len(mixture) for audio, _, _ in unzipped(done.archive).values())


def test_progress_is_told_in_seconds(recording, duo, tmp_path):
    told = []
    path = recording(seconds=70.0)
    separate_recording(examine(path), duo, tmp_path, progress=told.append)
    assert len(told) > 2 and sum(told) == pytest.approx(70.0)


def test_a_cell_shows_player_spectrograms_and_a_link(recording, duo, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = separate_recording(examine(recording("my quartet.wav")), duo, tmp_path / "out")
    page = done._repr_html_()
    assert page.count("<iframe srcdoc=") == 1 and page.count('src="data:image/png;base64,') == 1
    assert '<a href="out/my%20quartet.zip" download="my quartet.zip">' in page


def test_a_link_can_hold_the_zip_unless_that_is_large(recording, duo, tmp_path, monkeypatch):
    done = separate_recording(examine(recording()), duo, tmp_path)
    assert 'href="data:application/zip;base64,' in done.link(embedded=True)
    monkeypatch.setattr(separated, "EMBEDDED", 1000)
    assert done.link(embedded=True) == f"The stems are in <code>{done.archive}</code>."


@pytest.mark.parametrize("samples", [1, 100])
def test_a_moment_of_sound_is_shown(recording, duo, tmp_path, samples):
    path = recording(rate=44_100, seconds=samples / 44_100)
    assert "<iframe" in separate_recording(examine(path), duo, tmp_path)._repr_html_()


def test_silence_is_told_and_shown(tmp_path, duo):
    soundfile.write(tmp_path / "rest.wav", np.zeros(8000), 8000)
    done = separate_recording(examine(tmp_path / "rest.wav"), duo, tmp_path)
    assert done.notes() == "rest.wav: is silent, and so are its stems."
    assert "<iframe" in done._repr_html_()


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [({"instruments": []}, "Choose at least one instrument; this model knows violin, bassoon."),
     ({"instruments": ["tuba"]}, "This model does not know 'tuba'; it knows violin, bassoon."),
     ({"start": 2.0}, "quartet.wav: there is nothing at 2 s; it lasts 2.0 s."),
     ({"start": -1.0}, "quartet.wav: there is nothing at -1 s; it lasts 2.0 s.")],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_a_sentence(recording, duo, tmp_path, wish, sentence):
    with pytest.raises(ValueError) as refusal:
        separate_recording(examine(recording()), duo, tmp_path / "out", **wish)
    assert str(refusal.value) == sentence
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("fault", [AudioError, KeyboardInterrupt])
def test_what_fails_leaves_the_last_zip_and_nothing_else(
    recording, duo, tmp_path, fault, monkeypatch
):
    quartet = examine(recording())
    archive = separate_recording(quartet, duo, tmp_path / "out").archive
    before = archive.read_bytes()

    def stop(*_):
        raise fault

    monkeypatch.setattr(zipfile.ZipFile, "write", stop)
    with pytest.raises(fault):
        separate_recording(quartet, duo, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == [archive]
    assert archive.read_bytes() == before
