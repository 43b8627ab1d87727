"""What phones and video sites give is read through ffmpeg: in time, whole, and safely."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.audio import ffmpeg
from helpers.audio.audio import AudioFile, load
from helpers.audio.track import AudioError

from .test_layout import RATE, encoded, music, read

needs_ffmpeg = pytest.mark.skipif(
    not (shutil.which("ffmpeg") and shutil.which("ffprobe")), reason="ffmpeg is not installed"
)

FILM = ["-f", "lavfi", "-i", "testsrc=d=1:s=64x64"]

#: Suffix, options, and by how many samples the file may be longer than what was encoded.
FORMATS = [
    ("m4a", ["-c:a", "aac"], 0),
    ("m4a", ["-c:a", "alac"], 0),
    ("m4a", ["-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"], 2048),
    ("mp4", ["-c:a", "libmp3lame"], 0),
    ("mov", ["-c:a", "pcm_s24le"], 0),
    ("mov", ["-c:a", "pcm_f32le"], 0),
    ("3gp", ["-c:a", "aac"], 0),
    ("webm", ["-c:a", "libopus"], 0),
    ("webm", ["-c:a", "libvorbis"], 2048),
    ("mkv", ["-c:a", "aac"], 2048),
    ("mka", ["-c:a", "flac"], 0),
    ("aac", ["-c:a", "aac"], 2048),
    ("wma", ["-c:a", "wmav2"], 4096),
    ("wma", ["-c:a", "wmav1"], 4096),
    ("ac3", ["-c:a", "ac3"], 2048),
    ("eac3", ["-c:a", "eac3"], 2048),
    ("flv", ["-c:a", "aac", "-ar", "44100"], 2048),
    ("ts", ["-c:a", "aac"], 2048),
    ("avi", ["-c:a", "ac3"], 2048),
    ("wv", ["-c:a", "wavpack"], 0),
    ("tta", ["-c:a", "tta"], 0),
    ("caf", ["-c:a", "alac"], 0),
    ("oga", ["-c:a", "flac", "-f", "ogg"], 0),
    ("wav", ["-c:a", "ac3"], 2048),
]


def through_ffmpeg(path: Path, audio: np.ndarray, *options: str) -> Path:
    """The file that ffmpeg makes of the audio."""
    command = ["ffmpeg", "-y", "-v", "error", "-i", "-", *options, f"file:{path}"]
    subprocess.run(command, input=encoded(audio, subtype="PCM_24"), check=True)
    return path


def lag(late: np.ndarray, early: np.ndarray) -> int:
    """The samples by which the first signal is late, by the peak of the cross-correlation."""
    size = 1 << int(np.ceil(np.log2(len(late) + len(early))))
    spectra = np.fft.rfft(late, size) * np.conj(np.fft.rfft(early, size))
    place = int(np.argmax(np.fft.irfft(spectra)))
    return place if place < size // 2 else place - size


@needs_ffmpeg
@pytest.mark.parametrize(
    ("suffix", "options", "longer"), FORMATS, ids=lambda value: str(value).replace("'", "")
)
def test_it_is_read_in_time_and_whole(tmp_path, suffix, options, longer):
    audio = music(1.0, channels=2)
    path = through_ffmpeg(tmp_path / f"memo.{suffix}", audio, *options)
    with AudioFile(path) as file:
        heard = np.concatenate(list(file.blocks(10_000)), axis=1)
        assert file.warnings == []
        rate = file.sample_rate
    assert heard.dtype == np.float32 and len(heard) == 2
    if rate != RATE:
        audio, _ = load(through_ffmpeg(tmp_path / "a.wav", audio, "-ar", str(rate)))
    assert 0 <= heard.shape[1] - audio.shape[1] <= longer
    for channel, played in zip(heard, audio, strict=True):
        assert lag(channel, played) == 0


@needs_ffmpeg
def test_lossless_formats_keep_every_bit(tmp_path):
    audio = np.round(music(1.0, channels=2) * 2**15).astype(np.float32) / 2**15
    for suffix, codec in (("m4a", "alac"), ("mka", "flac"), ("wv", "wavpack")):
        path = through_ffmpeg(tmp_path / f"a.{suffix}", audio, "-c:a", codec)
        np.testing.assert_array_equal(load(path)[0], audio)


@needs_ffmpeg
@pytest.mark.parametrize("channels", [1, 2, 3, 6, 8])
def test_every_channel_stays_where_it_is(tmp_path, channels):
    audio = np.round(music(0.5, channels=channels) * 2**15).astype(np.float32) / 2**15
    path = through_ffmpeg(tmp_path / "a.mka", audio, "-c:a", "flac")
    np.testing.assert_array_equal(load(path)[0], audio)


@needs_ffmpeg
def test_a_float_recording_stays_float(tmp_path):
    path = through_ffmpeg(tmp_path / "a.mov", music(), "-c:a", "pcm_f32le")
    with AudioFile(path) as file:
        assert file.is_float
    with AudioFile(through_ffmpeg(tmp_path / "a.m4a", music(), "-c:a", "aac")) as file:
        assert not file.is_float and file.subtype == "AAC"


@needs_ffmpeg
@pytest.mark.parametrize("name", ["-i.m4a", "http:a.m4a", "a|b.m4a", "été %d.m4a", "memo.mp3"])
def test_no_name_is_taken_for_something_else(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    through_ffmpeg(tmp_path / "a.m4a", music(), "-c:a", "aac").rename(name)
    assert load(name)[0].shape == (1, RATE)


@needs_ffmpeg
def test_of_a_film_with_two_tracks_the_default_one_is_read_and_told(tmp_path):
    tracks = [*FILM, "-f", "lavfi", "-i", "sine=440:r=48000:d=1"]
    maps = ["-map", "1:v", "-map", "0:a", "-map", "2:a", "-c:v", "mpeg4", "-c:a", "aac"]
    for default, number in ((0, 1), (1, 2)):
        marks = [f"-disposition:a:{track}" for track in (0, 1)]
        marks = [marks[default], "default", marks[1 - default], "0"]
        path = through_ffmpeg(tmp_path / "film.mp4", music(), *tracks, *maps, *marks)
        with pytest.warns(UserWarning, match=f"it has 2 audio tracks; number {number} was read"):
            audio = load(path)[0]
        assert (lag(audio[0], music()[0]) == 0 and audio.std() > 0.05) == (number == 1)


@needs_ffmpeg
def test_a_film_without_sound_is_refused(tmp_path):
    path = through_ffmpeg(tmp_path / "mute.mp4", music(), *FILM, "-map", "1:v", "-c:v", "mpeg4")
    with pytest.raises(AudioError, match=r"^mute.mp4: this MPEG-4 or QuickTime file has no audio"):
        load(path)


@needs_ffmpeg
def test_protected_audio_is_refused(tmp_path):
    content = through_ffmpeg(tmp_path / "a.m4a", music(), "-c:a", "aac").read_bytes()
    (tmp_path / "song.m4p").write_bytes(content.replace(b"mp4a", b"drms"))
    with pytest.raises(AudioError, match=r"^song.m4p: its audio is protected"):
        load(tmp_path / "song.m4p")


@needs_ffmpeg
@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("m4a", ["-c:a", "aac", "-movflags", "+faststart"]),
        ("m4a", ["-c:a", "alac", "-movflags", "+faststart"]),
        ("webm", ["-c:a", "libopus"]),
        ("wma", ["-c:a", "wmav2"]),
        ("aac", ["-c:a", "aac"]),
    ],
)
def test_what_was_cut_is_told(tmp_path, suffix, options):
    content = through_ffmpeg(tmp_path / f"a.{suffix}", music(4), *options).read_bytes()
    audio, told = read(tmp_path / f"cut.{suffix}", content[: len(content) * 6 // 10])
    assert RATE < audio.shape[1] < 3.5 * RATE
    end = audio.shape[1] / RATE
    assert len(told) == 1 and any(f"0:0{at:.1f}" in told[0] for at in (end - 0.05, end, end + 0.05))


@needs_ffmpeg
def test_a_recording_that_was_never_finished_is_refused(tmp_path):
    content = through_ffmpeg(tmp_path / "a.m4a", music(), "-c:a", "aac").read_bytes()
    (tmp_path / "lost.m4a").write_bytes(content[: len(content) // 2])
    with pytest.raises(AudioError, match=r"^lost.m4a: .* incomplete or damaged \(moov atom not"):
        load(tmp_path / "lost.m4a")


@needs_ffmpeg
def test_rates_beyond_the_limits_are_refused(tmp_path):
    path = through_ffmpeg(tmp_path / "a.m4a", music(), "-c:a", "alac", "-ar", "384000")
    with pytest.raises(AudioError, match="the sample rate is 384000 Hz; 4000 to 192000 Hz"):
        load(path)


def test_where_ffmpeg_is_missing_the_sentence_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(ffmpeg.shutil, "which", lambda name: None)
    (tmp_path / "memo.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(99))
    with pytest.raises(AudioError) as caught:
        load(tmp_path / "memo.m4a")
    sentence = str(caught.value)
    assert sentence.startswith("memo.m4a: it is MPEG-4 or QuickTime, which is read through ffmpeg")
    assert "apt install ffmpeg" in sentence and "brew install ffmpeg" in sentence


@pytest.mark.parametrize(
    "content", [b"#EXTM3U\n#EXTINF:1,\n/etc/hostname\n", b"ffconcat version 1.0\nfile a.wav\n"]
)
def test_playlists_are_not_followed(tmp_path, monkeypatch, content):
    monkeypatch.setattr(ffmpeg.subprocess, "run", None)
    monkeypatch.setattr(ffmpeg.subprocess, "Popen", None)
    (tmp_path / "list.m4a").write_bytes(content)
    with pytest.raises(AudioError, match="this is not audio that can be read"):
        load(tmp_path / "list.m4a")


@needs_ffmpeg
def test_ffmpeg_ends_with_the_reading(tmp_path, monkeypatch):
    started = []

    class Process(subprocess.Popen):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            started.append(self)

    path = through_ffmpeg(tmp_path / "long.m4a", music(20), "-c:a", "alac")
    monkeypatch.setattr(ffmpeg.subprocess, "Popen", Process)
    before = threading.active_count()
    with AudioFile(path) as file:
        next(blocks := file.blocks(100))
        assert started[-1].poll() is None  # it waits until the next block is asked for
    assert started[-1].poll() is not None
    with AudioFile(path) as file, pytest.raises(KeyboardInterrupt):
        for _ in file.blocks(100):
            raise KeyboardInterrupt
    assert started[-1].poll() is not None
    assert threading.active_count() == before
    del blocks


def test_an_ffmpeg_that_hangs_is_stopped(tmp_path, monkeypatch):
    for name, line in (
        ("ffprobe", """echo '{"streams": [{"codec_type": "audio", "codec_name": "aac", "index": 0,
         "sample_rate": "48000", "channels": 1}]}'"""),
        ("ffmpeg", "exec sleep 600"),
    ):  # fmt: skip
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(ffmpeg, "TIME_LIMIT", 1)
    (tmp_path / "memo.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(99))
    start = time.monotonic()
    with pytest.raises(AudioError, match=r"^memo.m4a: ffmpeg cannot decode its audio"):
        load(tmp_path / "memo.m4a")
    assert time.monotonic() - start < 30


@pytest.fixture(scope="module")
def memos(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("memos")
    options = {"m4a": ["-c:a", "aac"], "webm": ["-c:a", "libopus"], "wma": ["-c:a", "wmav2"]}
    kinds = [("WAV", "PCM_16"), ("AIFF", "PCM_16"), ("OGG", "VORBIS"), ("CAF", "PCM_16")]
    return {kind: encoded(music(0.1), kind, subtype) for kind, subtype in kinds} | {
        suffix: through_ffmpeg(folder / f"a.{suffix}", music(0.3), *words).read_bytes()
        for suffix, words in options.items()
    }


@needs_ffmpeg
@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.sampled_from(["m4a", "webm", "wma", "WAV", "AIFF", "OGG", "CAF"]),
    st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=8)), max_size=4),
    st.floats(0.2, 1),
)
def test_damaged_files_are_refused_or_valid(memos, suffix, damages, share):
    content = bytearray(memos[suffix])
    for place, damage in damages:
        start = 16 + round(place * (len(content) - 24))
        content[start : start + len(damage)] = damage
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder, "fuzz.bin")
        path.write_bytes(content[: round(share * len(content))])
        try:
            audio, rate = load(path)
        except AudioError as error:
            assert str(error).startswith("fuzz.bin: ") and "\n" not in str(error)
            return
    assert audio.dtype == np.float32 and np.isfinite(audio).all()
    assert 1 <= len(audio) <= 8 and 4000 <= rate <= 192_000 and audio.shape[1] < 60 * rate


@needs_ffmpeg
def test_ffmpeg_is_not_asked_for_what_libsndfile_reads(tmp_path, monkeypatch):
    suffixes = ("wav", "flac", "ogg", "aiff", "mp3", "opus")
    paths = [through_ffmpeg(tmp_path / f"a.{suffix}", music()) for suffix in suffixes]
    monkeypatch.setattr(ffmpeg.shutil, "which", lambda name: None)
    for path in paths:
        assert load(path)[0].shape[1] == RATE
