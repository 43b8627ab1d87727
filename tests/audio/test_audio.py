"""Reading: invalid files are refused in one sentence, valid ones are read to their last sample."""

import io
import os
import shutil
import subprocess
import tempfile
import warnings
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.audio.audio import AudioFile, load
from helpers.audio.track import AudioError

SUBTYPES = {  # how far a stored sample may lie from what was written
    "PCM_U8": 2**-7, "PCM_16": 2**-15, "PCM_24": 2**-23, "PCM_32": 2**-24, "FLOAT": 0, "DOUBLE": 0,
}  # fmt: skip


def noise(channels: int = 2, samples: int = 4000, level: float = 0.1) -> np.ndarray:
    rng = np.random.default_rng(samples)
    return rng.uniform(-level, level, (channels, samples)).astype(np.float32)


def encoded(audio: np.ndarray, rate: int = 8000, kind: str = "WAV", subtype=None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, audio.T, rate, format=kind, subtype=subtype)
    return file.getvalue()


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def refusal(path: Path) -> str:
    """The one sentence with which `load` refuses the file."""
    with pytest.raises(AudioError) as caught:
        load(path)
    sentence = str(caught.value)
    assert sentence.startswith(f"{path.name}: ") and sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def read_with_warning(path: Path) -> tuple[np.ndarray, str]:
    """What `load` reads, and the one sentence that it warns with."""
    with pytest.warns(UserWarning) as caught:
        audio, _ = load(path)
    assert len(caught) == 1
    return audio, str(caught[0].message)


# Bad input


def test_missing_file_is_refused(tmp_path):
    assert "no such file" in refusal(tmp_path / "quartet.wav")


def test_folder_is_refused(tmp_path):
    (tmp_path / "quartet.wav").mkdir()
    assert "this is a folder" in refusal(tmp_path / "quartet.wav")


def test_file_of_no_bytes_is_refused(tmp_path):
    assert "0 bytes" in refusal(written(tmp_path / "quartet.wav", b""))


@pytest.mark.parametrize("suffix", ["wav", "mp3", "flac", "raw", "vox", "gsm"])
@pytest.mark.parametrize("content", [b"Dear diary, " * 99, np.random.default_rng(0).bytes(4000)])
def test_text_and_random_bytes_are_refused_whatever_the_suffix(tmp_path, suffix, content):
    assert "not audio" in refusal(written(tmp_path / f"quartet.{suffix}", content))


def test_a_pipe_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    assert "not a regular file" in refusal(tmp_path / "pipe.wav")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_file_without_permission_is_refused(tmp_path):
    path = written(tmp_path / "quartet.wav", encoded(noise()))
    path.chmod(0)
    assert "cannot be read" in refusal(path)


@pytest.mark.parametrize("kind", ["WAV", "AIFF", "W64"])
def test_file_of_no_frames_is_refused(tmp_path, kind):
    path = written(tmp_path / "quartet.wav", encoded(noise(samples=0), kind=kind))
    assert "no samples" in refusal(path)


def test_header_without_samples_is_refused(tmp_path):
    path = written(tmp_path / "quartet.wav", encoded(noise())[:44])
    assert "no samples" in refusal(path)


def test_flac_header_without_samples_is_refused(tmp_path):
    whole = encoded(noise(), kind="FLAC")
    path = written(tmp_path / "quartet.flac", whole[: whole.index(b"\xff\xf8") + 8])
    assert "samples" in refusal(path)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_sample_that_is_not_finite_is_refused_with_its_time(tmp_path, bad, subtype):
    audio = noise(samples=200_000)
    audio[1, 12_345 * 8] = bad  # 12.345 s
    path = written(tmp_path / "quartet.wav", encoded(audio, subtype=subtype))
    assert refusal(path) == (
        "quartet.wav: the sample at 0:12.3 is not a finite number; "
        "export it again, or pass --repair to write zeros there."
    )


def test_double_beyond_single_precision_is_refused(tmp_path):
    soundfile.write(tmp_path / "loud.wav", np.array([0.0, 1e300]), 8000, subtype="DOUBLE")
    assert "the sample at 0:00.0" in refusal(tmp_path / "loud.wav")


def test_repair_replaces_only_samples_that_are_not_finite(tmp_path):
    audio = noise()
    audio[0, 7], audio[1, 3000] = np.nan, np.inf
    path = written(tmp_path / "quartet.wav", encoded(audio, subtype="FLOAT"))
    with AudioFile(path, repair=True) as file:
        repaired = np.concatenate(list(file.blocks(1000)), axis=1)
        assert file.warnings == [
            "quartet.wav: samples that are not finite, from 0:00.0 on, were read as zeros."
        ]
    audio[0, 7] = audio[1, 3000] = 0
    np.testing.assert_array_equal(repaired, audio)
    with pytest.warns(UserWarning, match="read as zeros"):
        np.testing.assert_array_equal(load(path, repair=True)[0], audio)


@pytest.mark.parametrize("rate", [1, 3999, 192_001, 384_000])
def test_rate_outside_4_to_192_khz_is_refused(tmp_path, rate):
    path = written(tmp_path / "quartet.wav", encoded(noise(), rate))
    assert f"the sample rate is {rate} Hz" in refusal(path)


@pytest.mark.parametrize("channels", [9, 64])
def test_more_than_eight_channels_are_refused(tmp_path, channels):
    path = written(tmp_path / "orchestra.wav", encoded(noise(channels, 10)))
    assert f"there are {channels} channels" in refusal(path)


# Unusual but valid


@pytest.mark.parametrize(("subtype", "tolerance"), SUBTYPES.items())
@pytest.mark.parametrize("channels", [1, 2, 3, 8])
def test_every_bit_depth_and_channel_count_is_read_as_written(
    tmp_path, subtype, tolerance, channels
):
    audio = noise(channels, 500, level=0.9)
    path = written(tmp_path / "a.wav", encoded(audio, subtype=subtype))
    read, rate = load(path)
    assert (read.shape, read.dtype, rate) == (audio.shape, np.float32, 8000)
    np.testing.assert_allclose(read, audio, atol=tolerance, rtol=0)


@pytest.mark.parametrize("rate", [4000, 11_025, 44_100, 192_000])
def test_every_rate_from_4_to_192_khz_is_read(tmp_path, rate):
    assert load(written(tmp_path / "a.wav", encoded(noise(), rate)))[1] == rate


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_samples_over_one_are_kept(tmp_path, subtype):
    path = written(tmp_path / "a.wav", encoded(noise(level=5.0), subtype=subtype))
    np.testing.assert_array_equal(load(path)[0], noise(level=5.0))
    with AudioFile(path) as file:
        assert file.is_float


@pytest.mark.parametrize("samples", [1, 100])
def test_very_short_audio_is_read(tmp_path, samples):
    path = written(tmp_path / "a.wav", encoded(noise(1, samples), subtype="FLOAT"))
    np.testing.assert_array_equal(load(path)[0], noise(1, samples))


def test_silence_is_read_as_silence(tmp_path):
    path = written(tmp_path / "a.wav", encoded(np.zeros((2, 300), np.float32)))
    assert not load(path)[0].any()


@pytest.mark.parametrize(
    "name", ["mon été.wav", "Dvořák – Dumky «1».wav", "弦楽四重奏.wav", "'; rm.wav"]
)
def test_names_with_spaces_and_accents_are_read(tmp_path, name):
    path = written(tmp_path / name, encoded(noise(), subtype="FLOAT"))
    np.testing.assert_array_equal(load(path)[0], noise())


@pytest.mark.parametrize("suffix", ["wav", "raw", "txt", "flac"])
def test_flac_is_read_whatever_its_suffix(tmp_path, suffix):
    path = written(tmp_path / f"a.{suffix}", encoded(noise(), kind="FLAC", subtype="PCM_24"))
    np.testing.assert_allclose(load(path)[0], noise(), atol=2**-23)


@pytest.mark.parametrize("suffix", ["wav", "mp3"])
@pytest.mark.parametrize("kind", ["MP3", "OGG"])
def test_mp3_and_ogg_are_read_whatever_their_suffix(tmp_path, kind, suffix):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(44_100) / 44_100)[None].astype(np.float32)
    read, rate = load(written(tmp_path / f"a.{suffix}", encoded(tone, 44_100, kind)))
    assert (read.shape, rate) == (tone.shape, 44_100)
    assert np.sum((read - tone) ** 2) < 1e-3 * np.sum(tone**2)


# Files of another length than their header states


@pytest.mark.parametrize("kind", ["WAV", "AIFF", "W64", "RF64"])
def test_cut_file_is_read_to_the_cut_with_a_warning(tmp_path, kind):
    whole = encoded(noise(), kind=kind, subtype="PCM_24")
    header = len(whole) - 4000 * 6
    path = written(tmp_path / "cut.wav", whole[: header + 2500 * 6 + 4])  # in mid-frame
    audio, sentence = read_with_warning(path)
    np.testing.assert_allclose(audio, noise()[:, :2500], atol=2**-23)
    assert sentence in (
        "cut.wav: the audio breaks off at 0:00.3 although its header says 0:00.5; "
        "its 2500 frames were read.",
        "cut.wav: the file is cut off at 0:00.3; its 2500 frames were read.",
    )


def test_cut_flac_is_read_to_the_last_whole_frame_with_a_warning(tmp_path):
    whole = encoded(noise(samples=40_000), kind="FLAC")
    path = written(tmp_path / "cut.flac", whole[: len(whole) // 2])
    audio, sentence = read_with_warning(path)
    assert 40_000 // 2 - 4096 - 1 <= audio.shape[1] <= 40_000 // 2
    np.testing.assert_allclose(audio, noise(samples=40_000)[:, : audio.shape[1]], atol=2**-15)
    assert "breaks off at 0:02" in sentence and "says 0:05.0" in sentence


@pytest.mark.parametrize("block", [17, 1000, 65_536])
def test_where_a_cut_flac_ends_does_not_depend_on_the_blocks(tmp_path, block):
    whole = encoded(noise(samples=40_000), kind="FLAC")
    with AudioFile(written(tmp_path / "cut.flac", whole[: len(whole) // 2])) as file:
        audio = np.concatenate(list(file.blocks(block)), axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_array_equal(audio, load(tmp_path / "cut.flac")[0])


@pytest.mark.parametrize("kind", ["MP3", "OGG"])
def test_cut_mp3_and_ogg_are_read_to_the_cut_with_a_warning(tmp_path, kind):
    full = encoded(noise(samples=88_200), 44_100, kind)
    whole, _ = load(written(tmp_path / "whole.wav", full))
    audio, sentence = read_with_warning(written(tmp_path / "cut.wav", full[: len(full) * 2 // 3]))
    assert 20_000 < audio.shape[1] < 66_000
    settled = audio.shape[1] - 4096
    np.testing.assert_allclose(audio[:, :settled], whole[:, :settled], atol=1e-3)
    assert sentence.endswith(f"its {audio.shape[1]} frames were read.")


@pytest.mark.parametrize("size", [b"\xff\xff\xff\xff", b"\x00\xf0\xff\x7f"])
def test_placeholder_length_in_the_header_is_accepted(tmp_path, size):
    content = bytearray(encoded(noise()))
    content[4:8] = content[40:44] = size
    with AudioFile(written(tmp_path / "piped.wav", bytes(content))) as file:
        assert sum(block.shape[1] for block in file.blocks()) == 4000
        assert file.warnings == []


needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


def through_ffmpeg(audio: np.ndarray, rate: int, *options: str) -> bytes:
    """What ffmpeg writes into a pipe, where it cannot go back to fill in the length."""
    command = ["ffmpeg", "-v", "error", "-i", "-", *options, "-"]
    return subprocess.run(
        command, input=encoded(audio, rate), stdout=subprocess.PIPE, check=True
    ).stdout


@needs_ffmpeg
def test_flac_of_unknown_length_is_read_to_its_end(tmp_path):
    content = through_ffmpeg(noise(), 8000, "-f", "flac")
    with AudioFile(written(tmp_path / "piped.flac", content)) as file:
        audio = np.concatenate(list(file.blocks()), axis=1)
        assert (audio.shape[1], file.warnings) == (4000, [])
    np.testing.assert_allclose(audio, noise(), atol=2**-15)


@needs_ffmpeg
def test_mp3_of_unknown_length_is_read_to_its_end(tmp_path):
    """Noise, then silence, at a variable bit rate: a length guessed from the start is a sixth."""
    audio = np.zeros((1, 441_000), np.float32)
    audio[:, :44_100] = noise(1, 44_100, level=0.5)
    audio[:, -44_100:] = 0.5 * np.sin(np.arange(44_100) / 10)
    options = ("-q:a", "3", "-write_xing", "0", "-id3v2_version", "0", "-f", "mp3")
    content = through_ffmpeg(audio, 44_100, *options)
    for name, tag in (("bare.mp3", b""), ("tagged.mp3", b"ID3\x03\x00\x00\x00\x00\x01\x00")):
        read, _ = load(written(tmp_path / name, tag + bytes(128 if tag else 0) + content))
        assert 0 <= read.shape[1] - 441_000 < 3 * 1152  # the padding of an encoder
        assert np.square(read[:, -40_000:-4000]).mean() == pytest.approx(0.125, rel=0.05)


# Reading in blocks, and to measure


def test_blocks_sum_up_to_the_file(tmp_path):
    path = written(tmp_path / "a.wav", encoded(noise(), subtype="FLOAT"))
    with AudioFile(path) as file:
        sizes = [block.shape[1] for block in file.blocks(1500)]
        again = np.concatenate(list(file.blocks(999)), axis=1)
    assert sizes == [1500, 1500, 1000]
    np.testing.assert_array_equal(again, noise())


def test_a_block_can_be_changed_by_the_caller(tmp_path):
    path = written(tmp_path / "a.wav", encoded(noise(), subtype="FLOAT"))
    with AudioFile(path) as file:
        blocks = list(file.blocks(1000))
    blocks[0][:] = 0
    np.testing.assert_array_equal(blocks[1], noise()[:, 1000:2000])


def test_properties_describe_the_file(tmp_path):
    with AudioFile(written(tmp_path / "a.wav", encoded(noise(3), 11_025, subtype="PCM_24"))) as a:
        assert (a.sample_rate, a.channels, a.frames) == (11_025, 3, 4000)
        assert (a.subtype, a.is_float, a.path) == ("PCM_24", False, tmp_path / "a.wav")


def test_downmix_is_the_mean(tmp_path):
    stereo = written(tmp_path / "stereo.wav", encoded(noise(2), subtype="FLOAT"))
    np.testing.assert_allclose(load(stereo, channels=1)[0], noise(2).mean(0, keepdims=True))
    with pytest.raises(AudioError, match="^stereo.wav: 2 channels cannot become 3"):
        load(stereo, channels=3)


def test_load_resamples_to_the_rate_asked_for(tmp_path):
    audio, rate = load(written(tmp_path / "a.wav", encoded(noise())), sample_rate=16_000)
    assert (audio.shape, audio.dtype, rate) == ((2, 8000), np.float32, 16_000)


def test_no_file_stays_open(tmp_path):
    path = written(tmp_path / "a.flac", encoded(noise(), kind="FLAC"))
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else None
    for _ in range(5):
        load(path)
        with pytest.raises(AudioError):
            load(written(tmp_path / "bad.wav", b"bad" * 99))
    if before is not None:
        assert len(os.listdir("/proc/self/fd")) == before


# Whatever the bytes

SEEDS = [
    encoded(noise(2, 700), 8000, kind, subtype)
    for kind, subtype in [
        ("WAV", "PCM_16"), ("WAV", "FLOAT"), ("WAV", "IMA_ADPCM"), ("RF64", "PCM_24"),
        ("FLAC", "PCM_16"), ("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"), ("AIFF", "PCM_16"),
        ("W64", "PCM_16"), ("AU", "PCM_16"), ("CAF", "PCM_16"),
    ]
]  # fmt: skip


def is_refused_or_valid(content: bytes) -> None:
    """Only AudioError, or finite float32 (channels, samples) within the limits."""
    with (
        tempfile.TemporaryDirectory() as folder,
        warnings.catch_warnings(),
        mock.patch.object(shutil, "which", return_value=None),  # test_ffmpeg.py has its own
    ):
        warnings.simplefilter("ignore")
        try:
            audio, rate = load(written(Path(folder) / "fuzz.wav", content))
        except AudioError as error:
            assert str(error).startswith("fuzz.wav: ")
            return
    assert audio.dtype == np.float32 and audio.ndim == 2
    assert 1 <= audio.shape[0] <= 8 and audio.shape[1] >= 1
    assert 4000 <= rate <= 192_000
    assert np.isfinite(audio).all()


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_are_refused_or_valid(content):
    is_refused_or_valid(content)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from([b"RIFF", b"fLaC", b"OggS", b"ID3\x03", b"\xff\xfb", b"FORM"]), st.binary())
def test_random_bytes_behind_a_magic_number_are_refused_or_valid(magic, content):
    is_refused_or_valid(magic + content)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SEEDS), st.floats(0, 1))
def test_file_cut_anywhere_is_refused_or_valid(content, share):
    is_refused_or_valid(content[: round(share * len(content))])


@settings(max_examples=400, deadline=None)
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 120), st.binary(min_size=1, max_size=4)), max_size=4),
    st.floats(0, 1),
)
def test_file_with_a_damaged_header_is_refused_or_valid(content, damages, share):
    damaged = bytearray(content)
    for place, damage in damages:
        damaged[place : place + len(damage)] = damage
    is_refused_or_valid(bytes(damaged[: 20 + round(share * len(damaged))]))
