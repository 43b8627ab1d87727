"""Sound files of every format have the length, rate and channels of what is written."""

import numpy as np
import pytest
import soundfile

from helpers.audio.formats import KINDS, MP3_RATES, SoundFormat
from helpers.audio.track import AudioError


def tone(rate, channels, seconds=1.0):
    times = np.arange(round(rate * seconds)) / rate
    louder = np.arange(1, channels + 1)[:, None] / channels
    return (0.5 * louder * np.sin(2 * np.pi * 440 * times)).astype(np.float32)


def written(path, kind, audio, rate, bits=None):
    form = SoundFormat.chosen(kind, bits)
    with form.open(path / form.name("tone"), rate, len(audio), audio.shape[1]) as file:
        for block in np.array_split(audio, 7, axis=1):
            file.write(block)
    return path / form.name("tone")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 44_100, 48_000])
def test_what_is_written_is_in_time_and_in_tune(tmp_path, kind, channels, rate):
    audio = tone(rate, channels, 1.0123)
    path = written(tmp_path, kind, audio, rate)
    assert path.name == f"tone.{kind}"
    found, found_rate = soundfile.read(path, always_2d=True)
    assert (found.T.shape, found_rate) == (audio.shape, rate)
    middle = slice(rate // 4, rate // 2)
    error = np.sum((found.T - audio)[:, middle] ** 2) / np.sum(audio[:, middle] ** 2)
    assert 10 * np.log10(error) < (-100 if kind in ("wav", "flac") else -15)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize(
    ("kind", "bits", "is_float", "subtype"),
    [("wav", None, False, "PCM_24"), ("wav", None, True, "FLOAT"), ("wav", "16", True, "PCM_16"),
     ("wav", "float", False, "FLOAT"), ("flac", None, True, "PCM_24"),
     ("flac", "16", False, "PCM_16"), ("mp3", None, True, "MPEG_LAYER_III"),
     ("ogg", None, False, "VORBIS")],
)  # fmt: skip
def test_the_samples_of_a_format(tmp_path, kind, bits, is_float, subtype):
    form = SoundFormat.chosen(kind, bits, is_float)
    assert form.subtype == subtype
    assert form.is_float == (subtype == "FLOAT")
    with form.open(tmp_path / "a", 44_100, 1) as file:
        file.write(tone(44_100, 1))
    assert soundfile.info(tmp_path / "a").subtype == subtype


@pytest.mark.parametrize(
    ("kind", "bits", "sentence"),
    [("flac", "float", "FLAC has no float samples; choose the subtype 16 or 24, or wav."),
     ("mp3", "16", "MP3 has no subtype, as it does not store samples; leave it out, or choose"),
     ("ogg", "float", "OGG has no subtype"),
     ("aac", None, "There is no format 'aac'; choose wav, flac, mp3, ogg."),
     ("wav", "12", "There is no subtype '12'; choose 16, 24, float.")],
)  # fmt: skip
def test_what_a_format_lacks_is_refused(kind, bits, sentence):
    with pytest.raises(ValueError) as refusal:
        SoundFormat.chosen(kind, bits)
    assert str(refusal.value).startswith(sentence)


def test_the_rates_and_channels_of_mp3_are_named():
    form = SoundFormat.chosen("mp3")
    for rate in MP3_RATES:
        form.check("q.wav", rate, 2)
    with pytest.raises(AudioError, match=r"^q.wav: MP3 has no sample rate of 96 kHz but 8, .* 48;"):
        form.check("q.wav", 96_000, 2)
    with pytest.raises(AudioError, match=r"^q.wav: MP3 has at most 2 channels and not 3; "):
        form.check("q.wav", 48_000, 3)
    for kind in ("wav", "flac", "ogg"):
        SoundFormat.chosen(kind).check("q.wav", 192_000, 8)


@pytest.mark.parametrize("kind", KINDS)
def test_interrupted_writing_leaves_nothing(tmp_path, kind):
    form = SoundFormat.chosen(kind)
    with pytest.raises(KeyboardInterrupt), form.open(tmp_path / "a", 44_100, 1) as file:
        file.write(tone(44_100, 1))
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
