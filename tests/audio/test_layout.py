"""Files whose headers are wrong, and files joined of several, are read to their true end."""

from __future__ import annotations

import io
import re
import struct
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from helpers.audio.audio import AudioFile
from helpers.audio.chunks import read_chunks
from helpers.audio.track import AudioError

RATE = 48_000
ENCODINGS = [("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")]
each_encoding = pytest.mark.parametrize(("kind", "subtype"), ENCODINGS)


def music(seconds: float = 1.0, seed: int = 0, channels: int = 1) -> np.ndarray:
    """Noise of low frequencies, (channels, samples)."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 1, (channels, round(seconds * RATE) + 63))
    low = np.stack([np.convolve(row, np.hanning(64), "valid") for row in noise])
    return (0.3 * low / np.abs(low).max()).astype(np.float32)


def encoded(audio: np.ndarray, kind: str = "WAV", subtype: str = "PCM_16", rate=RATE) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, audio.T, rate, format=kind, subtype=subtype)
    return file.getvalue()


def read(path: Path, content: bytes) -> tuple[np.ndarray, list[str]]:
    """The audio of a file of these bytes, and the warnings."""
    path.write_bytes(content)
    with AudioFile(path) as file, warnings.catch_warnings():
        warnings.simplefilter("error")
        return np.concatenate(list(file.blocks()), axis=1), file.warnings


def decoded(content: bytes) -> np.ndarray:
    """By libsndfile alone, (channels, samples)."""
    return soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)[0].T


def id3(size: int, content: bytes = b"\0") -> bytes:
    """An ID3v2.3 tag of `size` bytes behind its header."""
    body = (content * size)[:size]
    return b"ID3\x03\0\0" + bytes(size >> shift & 127 for shift in (21, 14, 7, 0)) + body


# Joined files


@each_encoding
@pytest.mark.parametrize("between", [b"", id3(300), id3(200_000, b"\xff\xfb\x90\x64")])
def test_joined_files_are_read_as_one(tmp_path, kind, subtype, between):
    pieces = [encoded(music(seconds, seed), kind, subtype) for seed, seconds in
              enumerate((1.0, 0.4, 0.7))]  # fmt: skip
    if kind == "OGG":
        between = b""
    audio, told = read(tmp_path / "joined", between.join(pieces))
    np.testing.assert_array_equal(audio, np.concatenate(list(map(decoded, pieces)), axis=1))
    assert audio.shape[1] == pytest.approx(2.1 * RATE, abs=2)
    assert told == []


@each_encoding
def test_joined_files_of_different_channels_are_refused_in_one_sentence(tmp_path, kind, subtype):
    content = encoded(music(), kind, subtype) + encoded(music(channels=2), kind, subtype)
    with pytest.raises(AudioError, match=r"^joined: it joins audio of 48000 Hz in 1 channels and"):
        read(tmp_path / "joined", content)


@pytest.mark.parametrize("kind", ["FLAC", "OGG", "MP3"])
def test_joined_files_of_different_rates_are_refused_in_one_sentence(tmp_path, kind):
    subtype = dict(ENCODINGS[:2] + ENCODINGS[3:])[kind]
    content = encoded(music(), kind, subtype) + encoded(music(), kind, subtype, rate=44_100)
    with pytest.raises(AudioError, match=r"44100 Hz in 1; convert both to one format\.$"):
        read(tmp_path / "joined", content)


@pytest.mark.parametrize(
    ("kind", "subtype"), [("WAV", "PCM_U8"), ("WAV", "FLOAT"), ("AIFF", "PCM_16")]
)
def test_joined_wav_and_aiff_files_are_read_as_one(tmp_path, kind, subtype):
    pieces = [encoded(music()[:, :samples], kind, subtype) for samples in (9000, 1001, 5000)]
    audio, told = read(tmp_path / "joined.wav", b"".join(pieces))
    np.testing.assert_array_equal(audio, np.concatenate(list(map(decoded, pieces)), axis=1))
    assert told == []


def test_very_many_joined_files_are_read(tmp_path):
    piece = encoded(music()[:, :2], "WAV", "FLOAT")
    assert read(tmp_path / "joined.wav", piece * 2000)[0].shape == (1, 4000)


# Tags


@pytest.mark.parametrize(("kind", "subtype"), [ENCODINGS[0], ENCODINGS[3], ("WAV", "PCM_16")])
@pytest.mark.parametrize("tags", [id3(0), id3(200) + id3(3000), id3(400_000, b"\xff")])
def test_tags_in_front_change_nothing(tmp_path, kind, subtype, tags):
    content = encoded(music(), kind, subtype)
    audio, told = read(tmp_path / "tagged", tags + content)
    np.testing.assert_array_equal(audio, decoded(content))
    assert told == []


@pytest.mark.parametrize(("kind", "subtype"), [*ENCODINGS, ("WAV", "PCM_16"), ("AIFF", "PCM_24")])
@pytest.mark.parametrize("tag", [b"TAG" + bytes(125), b"APETAGEX" + b"\xd0\x07\0\0" * 6, bytes(9)])
def test_tags_behind_change_nothing(tmp_path, kind, subtype, tag):
    content = encoded(music(), kind, subtype)
    audio, told = read(tmp_path / "tagged", content + tag)
    np.testing.assert_array_equal(audio, decoded(content))
    assert told == []


# MPEG


def test_mp3_without_a_header_is_read_to_its_end_behind_a_large_picture(tmp_path):
    content = encoded(music(3), "MP3", "MPEG_LAYER_III")
    music_alone = content[content.index(content[:2], 4) :]  # from the second frame on
    for tags in (b"", id3(100) + id3(500_000, b"\xff\xfb\xff\xe0picture")):
        audio, told = read(tmp_path / "bare.mp3", tags + music_alone)
        assert (audio.shape[1] % 1152, told) == (0, [])
        assert 0 <= audio.shape[1] - 3 * RATE < 3 * 1152  # the padding of an encoder


def test_mp3_whose_header_counts_less_is_read_to_its_end(tmp_path):
    content = bytearray(encoded(music(3), "MP3", "MPEG_LAYER_III"))
    place = max(content.find(b"Xing"), content.find(b"Info")) + 8
    count = int.from_bytes(content[place : place + 4], "big")
    content[place : place + 4] = (count // 3).to_bytes(4, "big")
    audio, told = read(tmp_path / "less.mp3", bytes(content))
    assert 0 <= audio.shape[1] - 3 * RATE < 2 * 1152
    assert told == [
        "less.mp3: its header says 0:00.9 but the audio goes on to 0:03.0; all was read."
    ]


def test_mp3_whose_header_counts_itself_is_read_without_a_false_alarm(tmp_path):
    content = bytearray(encoded(music(3), "MP3", "MPEG_LAYER_III"))
    place = max(content.find(b"Xing"), content.find(b"Info")) + 8
    count = int.from_bytes(content[place : place + 4], "big")
    content[place : place + 4] = (count + 1).to_bytes(4, "big")
    audio, told = read(tmp_path / "one_more.mp3", bytes(content))
    assert 0 <= audio.shape[1] - 3 * RATE < 2 * 1152 and told == []


@pytest.mark.parametrize("lost", [1, 50, 200])
def test_mp3_that_ends_within_a_frame_is_told(tmp_path, lost):
    audio, told = read(tmp_path / "cut.mp3", encoded(music(3), "MP3", "MPEG_LAYER_III")[:-lost])
    assert 3 * RATE - 1152 <= audio.shape[1] <= 3 * RATE
    assert len(told) == 1 and re.search("cut off at 0:0|breaks off at 0:02.9", told[0])


def test_mp3_that_is_half_there_is_told_with_both_times(tmp_path):
    content = encoded(music(3), "MP3", "MPEG_LAYER_III")
    _, told = read(tmp_path / "cut.mp3", content[: len(content) // 2])
    assert len(told) == 1 and "breaks off at 0:01." in told[0] and "says 0:03.0" in told[0]


def test_mp3_with_damage_in_the_middle_is_read_to_its_end(tmp_path):
    content = bytearray(encoded(music(3), "MP3", "MPEG_LAYER_III"))
    content[len(content) // 2 : len(content) // 2 + 500] = bytes(500)
    audio, _ = read(tmp_path / "damaged.mp3", bytes(content))
    whole = decoded(encoded(music(3), "MP3", "MPEG_LAYER_III"))
    assert 3 * RATE - 5 * 1152 < audio.shape[1] <= 3 * RATE + 2 * 1152
    assert np.abs(audio[:, -9000:-8000]).max() > 0.3 * np.abs(whole).max()


def test_mp3_in_a_wav_file_is_read_without_a_false_alarm(tmp_path):
    content = encoded(music(2), "MP3", "MPEG_LAYER_III")
    form = struct.pack("<HHIIHHHHIHHH", 0x55, 1, RATE, 8000, 1, 0, 12, 1, 2, 384, 1, 0)
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form + b"data"
    body += struct.pack("<I", len(content)) + content
    audio, told = read(tmp_path / "in.wav", b"RIFF" + struct.pack("<I", len(body)) + body)
    np.testing.assert_array_equal(audio, decoded(content))
    assert told == []


# WAV and AIFF


def with_size(content: bytes, size: int, name: bytes = b"data", order: str = "<") -> bytes:
    """The file with another length in the header of its data chunk, and of the whole."""
    patched, place = bytearray(content), content.index(name) + 4
    patched[place : place + 4] = struct.pack(f"{order}I", size)
    patched[4:8] = struct.pack(f"{order}I", min(size + place - 4, 2**32 - 1))
    return bytes(patched)


@pytest.mark.parametrize("kind", ["WAV", "WAVEX"])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("size", [0, 12_000])
def test_wav_that_counts_less_is_read_to_its_end(tmp_path, kind, subtype, size):
    content = encoded(music(channels=2), kind, subtype)
    audio, told = read(tmp_path / "less.wav", with_size(content, size))
    np.testing.assert_array_equal(audio, decoded(content))
    assert len(told) == 1 and "the audio goes on to 0:01.0; all was read" in told[0]


def test_compressed_wav_that_counts_less_is_told(tmp_path):
    content = encoded(music(), "WAV", "IMA_ADPCM")
    assert read(tmp_path / "a.wav", content)[1] == []
    _, told = read(tmp_path / "less.wav", with_size(content, 4096))
    assert len(told) == 1 and "the rest was not read; save it as PCM" in told[0]


@pytest.mark.parametrize("subtype", ["PCM_S8", "PCM_16", "PCM_24", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("size", [0, 12_008])
def test_aiff_that_counts_less_is_read_to_its_end(tmp_path, subtype, size):
    content = encoded(music(channels=2), "AIFF", subtype)
    audio, _ = read(tmp_path / "less.aiff", with_size(content, size, b"SSND", ">"))
    np.testing.assert_array_equal(audio, decoded(content))


def test_wav_that_says_more_is_told_with_both_times(tmp_path):
    content = encoded(music())
    audio, told = read(tmp_path / "more.wav", with_size(content, 4 * RATE))
    np.testing.assert_array_equal(audio, decoded(content))
    assert told == [
        "more.wav: the audio breaks off at 0:01.0 although its header says 0:02.0; "
        "its 48000 frames were read."
    ]


def test_rf64_without_its_long_sizes_is_read(tmp_path):
    content = encoded(music(), "RF64")
    place = content.index(b"ds64")
    size = struct.unpack("<I", content[place + 4 : place + 8])[0]
    audio, told = read(tmp_path / "a.wav", content[:place] + content[place + 8 + size :])
    np.testing.assert_array_equal(audio, decoded(content))
    assert told == []


def test_bw64_is_read(tmp_path):
    content = encoded(music(), "RF64")
    audio, told = read(tmp_path / "a.wav", content.replace(b"RF64", b"BW64", 1))
    np.testing.assert_array_equal(audio, decoded(content))
    assert told == []


@pytest.mark.parametrize("samples", [1000, 1001])
@pytest.mark.parametrize(
    "chunks",
    [
        b"LIST\x0c\0\0\0INFOISFT\0\0\0\0",
        b"LIST\x05\0\0\0INFO\0\0",
        b"LIST\x05\0\0\0INFO\0",  # without the byte that makes it even
        b"LIST\xff\0\0\0INFO",  # cut
        b"id3 \x0a\0\0\0ID3\x03\0\0\0\0\0\0xyz?\x02\0\0\0ab",
        b"ab",
    ],
)
def test_chunks_behind_the_samples_are_not_music(tmp_path, samples, chunks):
    content = encoded(music()[:, :samples], "WAV", "PCM_U8")
    content = content[: 44 + samples]  # without the byte that makes an odd chunk even
    for filler in (b"", b"\0")[samples % 2 :: 1]:
        audio, told = read(tmp_path / "a.wav", content + filler + chunks)
        assert (audio.shape[1], told) == (samples, [])


def test_wav_over_4_gb_is_measured_whatever_its_wrapped_size_says(tmp_path):
    """A file with a hole: nothing of its 4 GB is on the disk."""
    header, samples = encoded(music()[:, :0]), 2**32 + 1_000_000
    chunk = b"LIST\x04\0\0\0INFO"
    path = tmp_path / "long.wav"
    for trailer in (b"", chunk):
        with path.open("wb") as file:
            file.write(with_size(header, samples - 2**32)[:44] + b"\x55" * 2_000_000)
            file.seek(44 + samples - 4)
            file.write(b"\x55" * 4 + trailer)
        with path.open("rb") as file:
            data = read_chunks(file, 0, path.stat().st_size)
        assert (data.start, data.stop - data.start, data.width) == (44, samples, 2)


# Ogg


def ogg_pages(content: bytes) -> Sequence[bytes]:
    return [b"OggS" + page for page in content.split(b"OggS")[1:]]


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_ogg_without_its_last_page_is_told(tmp_path, subtype):
    pages = ogg_pages(encoded(music(5), "OGG", subtype))
    audio, told = read(tmp_path / "cut.ogg", b"".join(pages[:-1]))
    assert 0 < audio.shape[1] < 5 * RATE
    assert len(told) == 1 and f"cut off at 0:0{audio.shape[1] / RATE:.0f}"[:13] in told[0]


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
@pytest.mark.parametrize("lost", [1, 100])
def test_ogg_that_ends_within_a_page_is_told(tmp_path, subtype, lost):
    _, told = read(tmp_path / "cut.ogg", encoded(music(5), "OGG", subtype)[:-lost])
    assert len(told) == 1 and "cut off at 0:0" in told[0]


# FLAC


def of_unknown_length(content: bytes) -> bytes:
    """The FLAC stream without its number of samples, as written into a pipe."""
    patched, place = bytearray(content), content.index(b"fLaC") + 8 + 13
    patched[place : place + 5] = bytes([patched[place] & 0xF0, 0, 0, 0, 0])
    return bytes(patched)


def test_flac_streams_of_unknown_length_are_joined(tmp_path):
    first, second = (encoded(music(seconds, 1), "FLAC") for seconds in (1.0, 0.4))
    whole = np.concatenate([decoded(first), decoded(second)], axis=1)
    for content in (of_unknown_length(first) + second, first + of_unknown_length(second)):
        audio, _ = read(tmp_path / "joined.flac", content)
        np.testing.assert_array_equal(audio, whole)


@pytest.mark.parametrize("lost", [1, 100, 5000])
def test_flac_that_ends_within_a_frame_is_told(tmp_path, lost):
    audio, told = read(tmp_path / "cut.flac", encoded(music(3), "FLAC")[:-lost])
    assert 2 * RATE < audio.shape[1] < 3 * RATE
    assert len(told) == 1 and ("breaks off at 0:02." in told[0] or "cut off at 0:0" in told[0])


# FLAC whose header counts what it does not hold


def with_count(flac: bytes, frames: int) -> bytes:
    """STREAMINFO with another number of frames, 36 bits."""
    fields = int.from_bytes(flac[21:26], "big") >> 36 << 36 | frames
    return flac[:21] + fields.to_bytes(5, "big") + flac[26:]


def test_a_flac_that_goes_on_behind_its_count_is_read_to_its_end(tmp_path):
    whole = encoded(music(2.0), "FLAC")
    audio, told = read(tmp_path / "f.flac", with_count(whole, RATE))
    np.testing.assert_array_equal(audio, decoded(whole))
    assert told == ["f.flac: its header says 0:01.0 but the audio goes on to 0:02.0; all was read."]


def test_a_flac_of_unknown_length_that_is_cut_is_told(tmp_path):
    whole = encoded(music(2.0), "FLAC")
    audio, told = read(tmp_path / "f.flac", with_count(whole, 0)[: len(whole) // 2])
    np.testing.assert_array_equal(audio, decoded(whole)[:, : audio.shape[1]])
    assert re.fullmatch(r"f.flac: the file is cut off at 0:0[01]\.\d; its .* were read.", *told)


def test_a_whole_flac_of_unknown_length_is_not_told(tmp_path):
    whole = encoded(music(2.0), "FLAC")
    audio, told = read(tmp_path / "f.flac", with_count(whole, 0))
    np.testing.assert_array_equal(audio, decoded(whole))
    assert told == []


@pytest.mark.parametrize("size", [0, 12_000])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT", "ULAW"])
@pytest.mark.parametrize("endian", ["BIG", "LITTLE"])
def test_au_that_counts_less_is_read_to_its_end(tmp_path, size, subtype, endian):
    file = io.BytesIO()
    soundfile.write(file, music(2.0).T, RATE, format="AU", subtype=subtype, endian=endian)
    whole = file.getvalue()
    count = struct.pack("<I" if endian == "LITTLE" else ">I", size)
    audio, told = read(tmp_path / "f.au", whole[:8] + count + whole[12:])
    np.testing.assert_array_equal(audio, decoded(whole))
    assert "but the audio goes on to 0:02.0; all was read" in told[0]


def test_several_data_chunks_of_a_wav_are_all_read(tmp_path):
    whole = encoded(music(2.0))
    place, half = whole.index(b"data"), RATE * 2
    first, second = whole[place + 8 :][:half], whole[place + 8 :][half:]
    chunks = b"".join(b"data" + struct.pack("<I", len(c)) + c for c in (first, second))
    audio, told = read(tmp_path / "f.wav", whole[:place] + chunks)
    np.testing.assert_array_equal(audio, decoded(whole))
    assert told == []


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
@pytest.mark.parametrize("noise", [b"", b"?" * 3000])
def test_ogg_with_a_hole_or_noise_in_the_middle_is_told(tmp_path, subtype, noise):
    whole = encoded(music(6.0), "OGG", subtype)
    hole = 0 if noise else len(whole) // 3
    middle = len(whole) // 2
    _, told = read(tmp_path / "f.ogg", whole[:middle] + noise + whole[middle + hole :])
    assert told == ["f.ogg: it is damaged, and a part of its audio is missing."]


def test_mp3_behind_a_tag_that_says_it_is_longer_than_the_file_is_read(tmp_path):
    whole = encoded(music(), "MP3", "MPEG_LAYER_III")
    tag = b"ID3\x03\0\0\x7f\x7f\x7f\x7f" + bytes(100)
    audio, _ = read(tmp_path / "f.mp3", tag + whole)
    np.testing.assert_array_equal(audio, decoded(whole))
