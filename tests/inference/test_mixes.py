"""Practice mixes: what is asked for, and what their files hold."""

from __future__ import annotations

import numpy as np
import pyloudnorm
import pytest
import soundfile
import torch

from helpers.audio.formats import SoundFormat
from helpers.audio.recordings import examine
from helpers.audio.track import AudioError
from helpers.inference.mixes import Mix, Mixes, stem_named
from helpers.inference.stem_files import separate_recording
from helpers.training.checkpoints import load_model

RATE = 8000
QUARTET = ("violin-1", "violin-2", "viola", "cello")


class Bands(torch.nn.Module):
    """Splits a mixture exactly: the violin is what lies above 1 kHz, the cello the rest."""

    sample_rate, channels, segment_seconds = RATE, 1, 4.0
    sources = ("violin", "cello")

    def __init__(self) -> None:
        super().__init__()
        self.anchor = torch.nn.Parameter(torch.zeros(1))

    def forward(self, mixture: torch.Tensor) -> torch.Tensor:
        spectrum = torch.fft.rfft(mixture)
        frequencies = torch.fft.rfftfreq(mixture.shape[-1], 1 / RATE)
        high = torch.fft.irfft(spectrum * (frequencies > 1000), mixture.shape[-1])
        return torch.stack([high, mixture - high], dim=1)


def tones(seconds=4.0, peak=0.4, violin=2000.0):
    times = np.arange(round(seconds * RATE)) / RATE
    return peak * (np.sin(2 * np.pi * violin * times) + np.sin(2 * np.pi * 250 * times))


@pytest.fixture
def written(tmp_path):
    """Separate tones with these mixes; returns what was done and a reader of its files."""

    def separated(minus=None, emphasise=None, subtype="FLOAT", form=None, audio=None, model=None):
        path = tmp_path / "duo.wav"
        soundfile.write(path, tones() if audio is None else audio, RATE, subtype)
        (tmp_path / "out").mkdir(exist_ok=True)
        done = separate_recording(
            examine(path), model or Bands(), tmp_path / "out", mixes=Mixes.read(minus, emphasise),
            form=form or SoundFormat("wav", "FLOAT"),
        )  # fmt: skip

        def read(name):
            return soundfile.read(tmp_path / "out" / done.form.name(name))[0]

        return done, read

    return separated


def loudness(audio):
    return pyloudnorm.Meter(RATE).integrated_loudness(audio)


def amplitude(audio, frequency):
    """Of the sine with this frequency."""
    times = np.arange(len(audio)) / RATE
    return 2 * np.abs(np.mean(audio * np.exp(-2j * np.pi * frequency * times)))


def test_minus_is_the_recording_without_the_stem_at_its_own_level(written):
    done, read = written("violin")
    assert [each.mix.name for each in done.mixes] == ["minus-violin"]
    np.testing.assert_allclose(read("minus-violin"), tones() - read("violin"), atol=1e-6)
    assert amplitude(read("minus-violin"), 250) == pytest.approx(0.4, abs=0.001)
    assert amplitude(read("minus-violin"), 2000) < 0.001


def test_minus_is_exact_in_24_bits(written):
    _, read = written("each", subtype="PCM_24", form=SoundFormat())
    recording = np.round(tones() * 2**23) / 2**23
    for name in ("violin", "cello"):
        difference = read(f"minus-{name}") - (recording - read(name))
        assert np.abs(difference).max() <= 2 / 2**23


def test_emphasis_changes_the_balance_by_its_decibels_and_keeps_the_loudness(written):
    _, read = written(emphasise="violin=6,cello=12")
    assert loudness(read("emphasise-violin")) == pytest.approx(loudness(tones()), abs=0.02)
    assert loudness(read("emphasise-cello")) == pytest.approx(loudness(tones()), abs=0.02)
    for name, front, back, decibels in (("violin", 2000, 250, 6), ("cello", 250, 2000, 12)):
        mix = read(f"emphasise-{name}")
        ratio = amplitude(mix, front) / amplitude(mix, back)
        assert 20 * np.log10(ratio) == pytest.approx(decibels, abs=0.01)
        assert amplitude(mix, back) < 0.4  # the others are lowered


class Against(Bands):
    """Its violin is against the recording, so that without it the recording is louder."""

    def forward(self, mixture: torch.Tensor) -> torch.Tensor:
        return torch.stack([-0.3 * mixture, 0.9 * mixture], dim=1)


@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_one_gain_over_all_files_keeps_a_mix_from_clipping(written, kind):
    form = SoundFormat.chosen(kind)
    audio = tones(peak=0.45)
    done, read = written("each", None, "PCM_24", form, audio, Against())
    assert done.gain == pytest.approx(0.999 / (1.3 * np.abs(audio).max()), rel=1e-3)
    recording = done.gain * audio
    for name, scale in (("violin", -0.3), ("cello", 0.9), ("minus-violin", 1.3),
                        ("minus-cello", 0.1)):  # fmt: skip
        np.testing.assert_allclose(read(name), scale * recording, atol=1e-5)


def test_each_is_one_mix_a_stem_and_the_later_of_two_requests_counts(written):
    done, _ = written("each,violin", {"each": 3.0, "cello": 6.0})
    weights = {each.mix.name: each.mix.weight for each in done.mixes}
    assert weights == pytest.approx({
        "minus-violin": -1, "minus-cello": -1,
        "emphasise-violin": 10**0.15 - 1, "emphasise-cello": 10**0.3 - 1,
    })  # fmt: skip
    entry = done.report("bands")["mixes"]["emphasise-cello"]
    assert (entry["stem"], entry["forward_db"]) == ("cello", 6.0)
    assert entry["gain_db"] < 0 and entry["peak_dbfs"] < 0
    assert done.report("bands")["mixes"]["minus-cello"]["forward_db"] is None


@pytest.mark.parametrize(
    ("audio", "reason"), [(np.zeros(RATE), "silence"), (tones(0.3), "under 0.4 s")]
)
def test_what_has_no_loudness_keeps_the_level_of_the_others_and_says_so(written, audio, reason):
    done, read = written("cello", "violin=6", audio=audio)
    mix = Mix.emphasise("violin", 6)
    np.testing.assert_allclose(
        read("emphasise-violin"), mix.of(audio.astype("f4"), read("violin").astype("f4")), atol=1e-6
    )
    (remark,) = done.remarks
    assert remark.startswith("duo.wav: its loudness cannot be measured") and reason in remark
    assert "in emphasise-violin the other stems keep their level" in remark
    assert remark in done.report("bands")["warnings"]


def test_a_mix_of_an_instrument_that_is_not_detected_is_refused(written, detector, tmp_path):
    with pytest.raises(AudioError) as refusal:
        written("piano", model=load_model(detector))
    assert str(refusal.value) == (
        "duo.wav: There is no stem 'piano'; the stems are violin, horn, as detected; name the"
        " instruments (--instruments) if others play."
    )
    assert not list((tmp_path / "out").iterdir())


def test_an_instrument_that_the_model_lacks_is_refused_before_anything_is_separated(written):
    with pytest.raises(ValueError, match="There is no stem 'tuba'; the stems are violin, cello."):
        written(emphasise="tuba=6")


def test_no_stem_can_have_the_name_of_a_mix(written):
    model = Bands()
    model.sources = ("minus-cello", "cello")
    with pytest.raises(ValueError, match="the name 'minus-cello' cannot be used"):
        written(model=model)


@pytest.mark.parametrize(
    ("name", "stem"),
    [("viola", "viola"), ("Vla.", "viola"), ("vc", "cello"), ("violin-1", "violin-1"),
     ("Violin 2", "violin-2"), ("Vl. II", "violin-2")],
)  # fmt: skip
def test_names_are_read_through_the_table_of_instruments(name, stem):
    assert stem_named(name, QUARTET) == stem


def test_the_only_player_of_an_instrument_needs_no_number():
    assert stem_named("violin", ("violin-1", "cello")) == "violin-1"


@pytest.mark.parametrize("name", ["violin-1", "Vl. I", "violin"])
def test_the_first_player_of_an_instrument_may_be_the_only_one(name):
    assert stem_named(name, ("violin", "cello")) == "violin"


@pytest.mark.parametrize(
    ("name", "sources", "sentence"),
    [("violin", QUARTET, "'violin' may mean violin-1 or violin-2; write which one."),
     ("violin-3", QUARTET, "There is no stem 'violin-3'; the stems are violin-1, violin-2, viola,"),
     ("violin-2", ("violin", "cello"),
      "There is no stem 'violin-2': violin has all players of this instrument; the stems are vi"),
     ("kazoo", QUARTET, "There is no stem 'kazoo'; the stems are violin-1,"),
     ("horn", QUARTET, "There is no stem 'horn'; the stems are violin-1,")],
)  # fmt: skip
def test_names_without_a_stem_are_refused(name, sources, sentence):
    with pytest.raises(ValueError) as refusal:
        stem_named(name, sources)
    assert str(refusal.value).startswith(sentence)


@pytest.mark.parametrize(
    ("minus", "emphasise", "sentence"),
    [("violin,,cello", None, "'' is no instrument; name one, such as violin, or each."),
     ([1], None, "1 is no instrument;"),
     (5, None, "Pass mixes as in minus=['violin'] and emphasise={'viola': 6}."),
     (None, ["viola"], "Pass mixes as in"),
     (None, "viola", "'viola' has no decibels; write for example viola=6."),
     (None, "viola=6,", "'' has no decibels; write for example viola=6."),
     (None, "viola=loud", "viola cannot be brought forward by 'loud' dB; write a number above 0"),
     (None, "viola=-3", "viola cannot be brought forward by '-3' dB"),
     (None, "viola=nan", "viola cannot be brought forward by 'nan' dB"),
     (None, {"each": 41}, "each cannot be brought forward by '41' dB"),
     (None, "=6", "'' is no instrument;")],
)  # fmt: skip
def test_requests_that_make_no_sense_are_refused(minus, emphasise, sentence):
    with pytest.raises(ValueError) as refusal:
        Mixes.read(minus, emphasise)
    assert str(refusal.value).startswith(sentence)


def test_a_request_is_read_with_its_spaces_and_counted():
    mixes = Mixes.read("violin-1, each", " viola=6, each=1.5")
    assert mixes.minus == ("violin-1", "each")
    assert mixes.emphasise == {"viola": 6.0, "each": 1.5}
    assert mixes.count(4) == 10
    assert not Mixes.read()
