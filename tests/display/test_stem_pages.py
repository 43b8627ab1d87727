"""The page that is written beside the stems of a recording."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from helpers.audio.recordings import examine
from helpers.audio.track import AudioError
from helpers.display import stem_pages
from helpers.display.player_page import ScoreView
from helpers.display.stem_pages import COMPRESSED_RATE, page_bytes, write_player
from tests.display.pages import until

RATE = 44_100


def piece(page: Path) -> dict:
    text = page.read_text(encoding="utf-8")
    return json.loads(re.search(r'<script id="piece" [^>]*>(.*?)</script>', text)[1])


def decoded(audio: str) -> tuple[np.ndarray, int]:
    return soundfile.read(io.BytesIO(base64.b64decode(audio)), always_2d=True)


@pytest.fixture
def separated(tmp_path):
    """Write a recording and its stems: bowed tones, or noise; returns both."""

    def write(seconds=2.0, channels=2, names=("violin", "cello"), level=0.2):
        times = np.arange(round(seconds * RATE)) / RATE
        stems = {}
        for place, name in enumerate(names):
            phase = 2 * np.pi * 196 * 1.3**place * times + 3 * np.sin(2 * np.pi * 5.5 * times)
            sound = sum(np.sin(h * phase) / h for h in range(1, 16))
            stems[name] = level * np.outer(sound, np.linspace(1, 0.6, channels))
        files = {name: tmp_path / f"{name}.wav" for name in names}
        for name, stem in stems.items():
            soundfile.write(files[name], stem, RATE, "FLOAT")
        soundfile.write(tmp_path / "duo.wav", sum(stems.values()), RATE, "FLOAT")
        return examine(tmp_path / "duo.wav"), files

    return write


def test_a_short_recording_keeps_its_samples(separated, tmp_path):
    recording, files = separated()
    page = write_player(tmp_path / "player.html", recording, files, remark="A <b>remark</b>.")
    shown = piece(page)
    assert (shown["sampleRate"], shown["seconds"]) == (RATE, 2.0)
    assert [row["name"] for row in shown["rows"]] == ["mixture", "violin", "cello"]
    sounds = [decoded(row["audio"])[0] for row in shown["rows"]]
    for sound, file in zip(sounds[1:], files.values(), strict=True):
        assert np.abs(sound - soundfile.read(file)[0]).max() <= 0.51 / 32768
    assert np.abs(sounds[0] - sounds[1] - sounds[2]).max() <= 2 / 32768
    text = page.read_text(encoding="utf-8")
    assert "44.1 kHz, 16 bits · original levels · A &lt;b&gt;remark&lt;/b&gt;." in text
    assert "<h1>duo</h1>" in text


def test_the_recording_has_the_gain_of_the_stems(separated, tmp_path):
    recording, files = separated(level=0.6)
    for file in files.values():
        soundfile.write(file, 0.25 * soundfile.read(file)[0], RATE, "FLOAT")
    shown = piece(write_player(tmp_path / "player.html", recording, files, gain=0.25))
    mixture, violin, cello = (decoded(row["audio"])[0] for row in shown["rows"])
    assert np.abs(mixture - violin - cello).max() <= 2 / 32768


def test_peaks_are_those_of_the_whole_file(separated, tmp_path):
    recording, files = separated()
    sound = np.zeros((recording.frames, 2))
    sound[round(0.25 * recording.frames), 1] = -0.5
    soundfile.write(files["cello"], sound, RATE, "FLOAT")
    rows = piece(write_player(tmp_path / "player.html", recording, files))["rows"]
    loudest = max(abs(end) for row in rows for pair in row["peaks"] for end in pair)
    low = [pair[0] for pair in rows[2]["peaks"]]
    assert loudest == 100 and len(low) == 480
    assert low.index(min(low)) == 120 and sum(map(bool, low)) == 1


@pytest.mark.parametrize("names", [("violin", "cello"), tuple(f"violin-{n}" for n in range(1, 11))])
def test_a_long_recording_takes_less_than_a_megabyte_a_minute(
    separated, tmp_path, monkeypatch, names
):
    short = write_player(tmp_path / "short.html", *separated(0.1, names=names)[:2])
    recording, files = separated(9.0, names=names, level=0.02)
    monkeypatch.setattr(stem_pages, "LOSSLESS", 1 << 20)
    page = write_player(tmp_path / "player.html", recording, files)
    assert page.stat().st_size - short.stat().st_size < 1_000_000 * 9 / 60
    text = page.read_text(encoding="utf-8")
    assert "compressed, because it is long: Opus, mono, 24 kHz" in text
    shown = piece(page)
    assert shown["sampleRate"] == COMPRESSED_RATE
    sound, rate = decoded(shown["rows"][1]["audio"])
    assert sound.shape == (9 * rate, 1)


@pytest.mark.parametrize("lossless", [1 << 25, 1])
def test_a_page_takes_no_more_than_was_said(separated, tmp_path, monkeypatch, lossless):
    monkeypatch.setattr(stem_pages, "LOSSLESS", lossless)
    recording, files = separated(20.0)
    empty = write_player(tmp_path / "empty.html", *separated(0.01)).stat().st_size
    page = write_player(tmp_path / "player.html", *separated(20.0)).stat().st_size
    assert 0.1 < (page - empty) / page_bytes(20.0, 2 * recording.frames, len(files)) < 1.0


@pytest.mark.browser
def test_compressed_stems_play_in_time(browser, separated, tmp_path, monkeypatch):
    recording, files = separated(4.0)
    bursts = np.zeros((recording.frames, 2))
    for second in (1, 2, 3):
        bursts[second * RATE : second * RATE + 2205] = 0.5
    bursts *= np.sin(2 * np.pi * 500 * np.arange(len(bursts)) / RATE)[:, None]
    soundfile.write(files["cello"], bursts, RATE, "FLOAT")
    monkeypatch.setattr(stem_pages, "LOSSLESS", 0)
    page = browser.new_page()
    page.add_init_script("""window.found = [];
        const decode = BaseAudioContext.prototype.decodeAudioData;
        BaseAudioContext.prototype.decodeAudioData = async function (...given) {
            const buffer = await decode.apply(this, given);
            const at = buffer.getChannelData(0).findIndex((x) => Math.abs(x) > 0.05);
            window.found.push([buffer.sampleRate, buffer.duration, at / buffer.sampleRate]);
            return buffer;
        };""")
    page.goto(write_player(tmp_path / "player.html", recording, files).as_uri())
    page.get_by_role("button", name="Play", exact=True).click()
    until(page, "stemPlayer.playing()", 60)
    rate, seconds, onset = max(page.evaluate("found"), key=lambda found: found[2])
    assert rate == COMPRESSED_RATE
    assert seconds == pytest.approx(4, abs=0.001)
    assert onset == pytest.approx(1, abs=0.01)
    page.close()


def test_details_and_a_score_reach_the_page(separated, tmp_path):
    recording, files = separated()
    score = ScoreView({"cello": [(0.5, 0.25, 48)]}, [("1", 0.0), ("2", 1.00049)])
    page = write_player(
        tmp_path / "player.html", recording, files, details={"cello": "8 dB"}, score=score
    )
    shown = piece(page)
    assert shown["bars"] == [["1", 0.0], ["2", 1.0]]
    assert [row["detail"] for row in shown["rows"]] == ["", "", "8 dB"]
    assert [row["notes"] for row in shown["rows"]] == [[], [], [[0.5, 0.25, 48]]]


def test_a_stem_of_another_length_is_refused_and_nothing_written(separated, tmp_path):
    recording, files = separated()
    for frames in (recording.frames - 5, recording.frames + 5):
        soundfile.write(files["cello"], np.zeros((frames, 2)), RATE)
        with pytest.raises(AudioError, match="cello: the stem and the recording have different"):
            write_player(tmp_path / "player.html", recording, files)
    assert not (tmp_path / "player.html").exists()
