"""What `divisi separate` writes for every valid recording."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
import torch

from helpers.evaluation.quality_estimate import Estimate
from helpers.models.mask_net import MaskNet, MaskNetConfig
from helpers.training.checkpoints import save_model

RATE = 8000


def read(path):
    """(samples, channels) float64 and the file's info."""
    audio, _ = soundfile.read(path, always_2d=True)
    return audio, soundfile.info(path)


def level_db(signal, reference):
    return 10 * np.log10(max(np.sum(signal**2), 1e-30) / np.sum(reference**2))


def test_stems_are_the_output_of_the_model(divisi, recording, duo, tmp_path):
    path = recording(subtype="PCM_16")
    code, out, err = divisi("separate", path, "-o", tmp_path / "out", "--model", duo)
    assert (code, err) == (0, [])
    assert "quartet" in out[0] and len(out) == 1
    mixture, _ = read(path)
    for name, scale in (("violin", 0.5), ("bassoon", 0.3)):
        stem, _ = read(tmp_path / "out" / "quartet" / f"{name}.wav")
        assert level_db(stem - scale * mixture, mixture) < -100
    names = {file.name for file in (tmp_path / "out" / "quartet").iterdir()}
    assert names == {"violin.wav", "bassoon.wav", "player.html", "separation.json"}


def test_stems_and_residual_sum_to_the_recording(divisi, recording, duo, tmp_path):
    path = recording(rate=11025, channels=2, subtype="PCM_24")
    divisi("separate", path, "-o", tmp_path, "--model", duo, "--residual")
    mixture, _ = read(path)
    parts = [read(file)[0] for file in (tmp_path / "quartet").glob("*.wav")]
    assert len(parts) == 3
    assert level_db(sum(parts) - mixture, mixture) < -80


def test_one_gain_keeps_every_stem_from_clipping(divisi, recording, loud, tmp_path):
    path = recording(subtype="PCM_16")
    divisi("separate", path, "-o", tmp_path, "--model", loud, "--residual")
    report = json.loads((tmp_path / "quartet" / "separation.json").read_text())
    assert report["gain"] == pytest.approx(0.999 / 1.8, rel=1e-3)
    mixture, _ = read(path)
    parts = {file.stem: read(file)[0] for file in (tmp_path / "quartet").glob("*.wav")}
    assert np.abs(parts["violin"]).max() == pytest.approx(0.999, abs=1e-4)
    assert level_db(parts["violin"] - 20 * parts["bassoon"], mixture) < -80
    assert level_db(sum(parts.values()) - report["gain"] * mixture, mixture) < -80


def test_float_recordings_need_no_gain(divisi, recording, loud, tmp_path):
    path = recording(subtype="FLOAT", peak=4.0)
    divisi("separate", path, "-o", tmp_path, "--model", loud)
    report = json.loads((tmp_path / "quartet" / "separation.json").read_text())
    stem, info = read(tmp_path / "quartet" / "violin.wav")
    assert report["gain"] == 1
    assert info.subtype == "FLOAT"
    assert np.abs(stem).max() == pytest.approx(8.0, rel=1e-3)


def test_the_report_has_model_device_speed_and_levels(divisi, tmp_path, duo):
    time = np.arange(16000) / 8000
    soundfile.write(tmp_path / "sine.wav", np.sin(2 * np.pi * 100 * time), 8000, "FLOAT")
    divisi("separate", tmp_path / "sine.wav", "-o", tmp_path, "--model", duo, "--device", "cpu")
    report = json.loads((tmp_path / "sine" / "separation.json").read_text())
    card = json.loads(duo.read_text())
    assert report["model"] == "duo"
    assert report["checkpoint_sha256"] == card["sha256"]
    assert report["device"].startswith("cpu")
    assert report["seconds"] == 2
    assert report["real_time_factor"] > 0
    assert report["levels"]["recording"]["rms_dbfs"] == pytest.approx(-3.01, abs=0.02)
    assert report["levels"]["violin"]["peak_dbfs"] == pytest.approx(-6.02, abs=0.02)
    assert report["levels"]["residual"]["peak_dbfs"] == pytest.approx(-13.98, abs=0.02)


@pytest.mark.parametrize(
    ("subtype", "written"),
    [("PCM_U8", "PCM_24"), ("PCM_16", "PCM_24"), ("PCM_24", "PCM_24"), ("PCM_32", "PCM_24"),
     ("FLOAT", "FLOAT"), ("DOUBLE", "FLOAT")],
)  # fmt: skip
def test_every_sample_format_is_read(divisi, recording, duo, tmp_path, subtype, written):
    path = recording(subtype=subtype)
    assert divisi("separate", path, "-o", tmp_path, "--model", duo)[0] == 0
    mixture, _ = read(path)
    stem, info = read(tmp_path / "quartet" / "violin.wav")
    assert info.subtype == written
    assert level_db(stem - 0.5 * mixture, mixture) < -100


@pytest.mark.parametrize("channels", [1, 2, 3, 8])
def test_channels_are_separated_independently(divisi, recording, duo, tmp_path, channels):
    path = recording(channels=channels)
    assert divisi("separate", path, "-o", tmp_path, "--model", duo)[0] == 0
    mixture, _ = read(path)
    stem, _ = read(tmp_path / "quartet" / "violin.wav")
    assert stem.shape == mixture.shape
    assert level_db(stem - 0.5 * mixture, mixture) < -80


@pytest.mark.parametrize("rate", [4000, 8000, 22050, 44100, 48000, 96000, 192000])
def test_rate_and_length_are_kept(divisi, recording, duo, tmp_path, rate):
    path = recording(rate=rate, seconds=0.7123)
    assert divisi("separate", path, "-o", tmp_path, "--model", duo)[0] == 0
    _, before = read(path)
    _, after = read(tmp_path / "quartet" / "bassoon.wav")
    assert (after.samplerate, after.frames) == (before.samplerate, before.frames)


@pytest.mark.parametrize("samples", [1, 2, 100])
@pytest.mark.parametrize("rate", [8000, 192000])
def test_the_shortest_files_are_separated(divisi, recording, duo, tmp_path, samples, rate):
    path = recording(rate=rate, seconds=samples / rate)
    code, _, err = divisi("separate", path, "-o", tmp_path, "--model", duo, "--residual")
    assert (code, err) == (0, [])
    parts = [read(file)[0] for file in (tmp_path / "quartet").glob("*.wav")]
    assert [len(part) for part in parts] == [samples] * 3
    assert np.allclose(sum(parts), read(path)[0], atol=1e-4)


def test_silence_gives_a_warning_and_silent_stems(divisi, recording, duo, tmp_path):
    path = recording(rate=44100, peak=0.0)
    code, _, err = divisi("separate", path, "-o", tmp_path, "--model", duo, "--residual")
    assert code == 0
    assert len(err) == 1 and "quartet.wav: is silent" in err[0]
    for file in (tmp_path / "quartet").glob("*.wav"):
        assert not read(file)[0].any()
    report = json.loads((tmp_path / "quartet" / "separation.json").read_text())
    assert report["levels"]["violin"] == {"peak_dbfs": None, "rms_dbfs": None}


def test_a_truncated_file_gives_a_warning_and_is_separated(divisi, recording, duo, tmp_path):
    path = recording(subtype="PCM_16", seconds=2.0)
    path.write_bytes(path.read_bytes()[: 44 + 8000 * 2])
    code, _, err = divisi("separate", path, "-o", tmp_path, "--model", duo)
    assert code == 0
    assert len(err) == 1 and "quartet.wav" in err[0] and "header" in err[0]
    assert len(read(tmp_path / "quartet" / "violin.wav")[0]) == 8000


@pytest.mark.parametrize("name", ["à deux voix, nº 3.wav", "Für Thron.flac", "-quartet.wav"])
def test_names_with_spaces_accents_and_dashes_are_kept(divisi, recording, duo, tmp_path, name):
    path = recording(f"some folder/{name}")
    code, _, err = divisi("separate", "-o", tmp_path / "out", "--model", duo, "--", path)
    assert (code, err) == (0, [])
    assert (tmp_path / "out" / path.stem / "violin.wav").is_file()


@pytest.mark.parametrize(("kind", "rate"), [("FLAC", 8000), ("MP3", 44100), ("OGG", 44100)])
@pytest.mark.parametrize("as_wav", [False, True])
def test_compressed_files_are_read_whatever_their_name(divisi, duo, tmp_path, kind, rate, as_wav):
    path = tmp_path / ("quartet.wav" if as_wav else f"quartet.{kind.lower()}")
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    soundfile.write(path, tone, rate, format=kind)
    code, _, err = divisi("separate", path, "-o", tmp_path, "--model", duo)
    assert (code, err) == (0, [])
    stem, info = read(tmp_path / "quartet" / "violin.wav")
    assert (info.format, info.subtype) == ("WAV", "PCM_24")
    assert np.abs(stem).max() == pytest.approx(0.25, abs=0.03)


def test_repair_reads_samples_that_are_not_finite_as_zeros(divisi, duo, tmp_path):
    audio = 0.5 * (-1.0) ** np.arange(8000)
    audio[4000] = np.nan
    soundfile.write(tmp_path / "torn.wav", audio, 8000, "FLOAT")
    code, _, err = divisi(
        "separate", tmp_path / "torn.wav", "-o", tmp_path, "--model", duo, "--repair"
    )
    assert code == 0 and len(err) == 1
    stem, _ = read(tmp_path / "torn" / "violin.wav")
    assert stem[4000] == 0 and stem[3999] == pytest.approx(-0.25)


def test_the_same_recording_gives_the_same_bytes(divisi, recording, duo, tmp_path):
    path = recording(rate=44100, channels=2)
    for out in ("one", "two"):
        divisi("separate", path, "-o", tmp_path / out, "--model", duo)
    one, two = (tmp_path / out / "quartet" / "violin.wav" for out in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


def test_many_recordings_get_a_folder_each(divisi, recording, duo, tmp_path):
    paths = [recording("first.wav"), recording("second.flac")]
    code, out, _ = divisi("separate", *paths, "-o", tmp_path / "out", "--model", duo)
    assert code == 0 and len(out) == 2
    assert {folder.name for folder in (tmp_path / "out").iterdir()} == {"first", "second"}


def test_overwrite_replaces_what_an_earlier_run_wrote(divisi, recording, duo, loud, tmp_path):
    path = recording()
    words = ("separate", path, "-o", tmp_path / "out", "--model")
    divisi(*words, duo, "--residual")
    assert divisi(*words, loud, "--overwrite")[0] == 0
    folder = tmp_path / "out" / "quartet"
    assert json.loads((folder / "separation.json").read_text())["model"] == "loud"
    assert not (folder / "residual.wav").exists()
    assert [each.name for each in (tmp_path / "out").iterdir()] == ["quartet"]


@pytest.fixture(scope="session")
def trio(tmp_path_factory):
    """A mask network with random weights that can be conditioned on active sources."""
    torch.manual_seed(0)
    sizes = {"sample_rate": RATE, "window": 512, "hop": 128, "highest": 3000.0}
    small = {"width": 4, "pitch_channels": 2, "hidden": 8, "layers": 1, "segment_seconds": 1.0}
    model = MaskNet(MaskNetConfig(("violin", "horn", "piano"), **sizes, **small))
    return save_model(model, tmp_path_factory.mktemp("checkpoints"), "trio", {})[1]


def test_stems_of_given_instruments_sum_to_the_recording(divisi, recording, trio, tmp_path):
    path = recording(subtype="FLOAT")
    output = tmp_path / "out"
    options = ("--instruments", "Vn, piano")
    code, _, err = divisi("separate", path, "--model", trio, "-o", output, *options)
    assert (code, err) == (0, [])
    stems = {wav.stem: soundfile.read(wav)[0] for wav in (output / "quartet").glob("*.wav")}
    assert set(stems) == {"violin", "piano"}
    np.testing.assert_allclose(sum(stems.values()), soundfile.read(path)[0], atol=1e-4)


def test_instruments_are_detected(divisi, recording, detector, tmp_path):
    path, output = recording(), tmp_path / "out"
    code, out, _ = divisi("separate", path, "--model", detector, "-o", output, "--residual")
    assert code == 0 and "; detected violin, horn" in out[0]
    stems = {wav.stem: soundfile.read(wav)[0] for wav in (output / "quartet").glob("*.wav")}
    assert set(stems) == {"violin", "horn", "residual"}
    whole = soundfile.read(path)[0]
    assert level_db(stems["violin"] + stems["horn"] - whole, whole) < -80
    report = json.loads((output / "quartet" / "separation.json").read_text())
    assert report["detected"] == ["violin", "horn"]


def test_all_instruments_of_a_model_can_be_asked_for(divisi, recording, detector, tmp_path):
    options = ("--instruments", "all")
    _, out, _ = divisi("separate", recording(), "--model", detector, "-o", tmp_path, *options)
    assert "nearly silent: piano" in out[0]
    names = {wav.stem for wav in (tmp_path / "quartet").glob("*.wav")}
    assert names == {"violin", "horn", "piano"}


def test_a_single_instrument_is_separated_from_all_others(divisi, recording, duo, tmp_path):
    path, output = recording(), tmp_path / "out"
    divisi("separate", path, "--model", duo, "-o", output, "--instruments", "bn")
    (stem,) = (output / "quartet").glob("*.wav")
    assert stem.stem == "bassoon"
    ratio = soundfile.read(stem)[0].std() / soundfile.read(path)[0].std()
    assert ratio == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize(
    ("instruments", "message"),
    [
        ("violin,horn", "This model does not separate 'horn'; it separates violin, bassoon"),
        ("violin,kazoo", "There is no instrument 'kazoo'"),
        (" , ", "Choose at least one instrument; this model separates violin, bassoon"),
    ],
)
def test_unknown_instruments_are_refused(divisi, recording, duo, tmp_path, instruments, message):
    output = tmp_path / "out"
    arguments = ("--model", duo, "-o", output, "--instruments", instruments)
    code, _, err = divisi("separate", recording(), *arguments)
    assert code == 2
    assert message in err[0] and len(err) == 1
    assert not output.exists()


def test_a_nearly_silent_stem_is_reported(divisi, recording, scaling_model, tmp_path):
    model, output = scaling_model("faint", violin=0.9, bassoon=0.05), tmp_path / "out"
    _, out, _ = divisi("separate", recording(), "--model", model, "-o", output)
    assert out[0].endswith("nearly silent: bassoon")
    report = json.loads((output / "quartet" / "separation.json").read_text())
    assert report["nearly_silent"] == ["bassoon"]


def test_the_quality_of_each_stem_is_estimated_in_the_report_and_the_page(
    divisi, recording, duo, tmp_path
):
    assert divisi("separate", recording(), "-o", tmp_path, "--model", duo)[0] == 0
    report = json.loads((tmp_path / "quartet" / "separation.json").read_text())
    estimates = report["estimated_si_sdr"]
    assert set(estimates) == {"violin", "bassoon"}
    page = (tmp_path / "quartet" / "player.html").read_text()
    for each in estimates.values():
        assert each["low"] <= each["value"] <= each["high"]
        assert f'"detail": "{Estimate(**each).words}: ' in page


def test_no_quality_is_estimated_where_none_is_asked_for(divisi, recording, duo, tmp_path):
    words = ["separate", recording(), "-o", tmp_path, "--model", duo, "--estimate"]
    assert divisi(*words, "0")[0] == 0
    report = json.loads((tmp_path / "quartet" / "separation.json").read_text())
    assert report["estimated_si_sdr"] == {}
    code, _, err = divisi(*words, "-1", "--overwrite")
    assert code == 2 and err == ["divisi: --estimate -1: it must be 0 or more."]
