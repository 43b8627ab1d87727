"""What a player's page holds, read in Python; what its buttons do: test_player_page.py."""

from __future__ import annotations

import base64
import html
import io
import json
import re

import numpy as np
import pytest
import soundfile

from helpers.audio.track import AudioError, Track
from helpers.display.embedding import shared_gain
from helpers.display.palette import COLOURS, SERIES, contrast
from helpers.display.player_page import DARK, on_dark
from helpers.display.players import StemPlayer, listen
from helpers.display.saved import SAVED

RATE = 44_100


def noise(seed: int, level: float = 0.1, channels: int = 1, samples: int = 4410) -> np.ndarray:
    sound = np.random.default_rng(seed).uniform(-level, level, (channels, samples))
    return sound.astype(np.float32)


def piece(player: StemPlayer) -> dict:
    """What the script in the page reads."""
    found = re.search(r'<script id="piece" type="application/json">(.*?)</script>', player.html())
    return json.loads(found[1])


def decoded(audio: str, rate: int = RATE) -> np.ndarray:
    """(channels, samples)."""
    samples, found = soundfile.read(io.BytesIO(base64.b64decode(audio)), always_2d=True)
    assert found == rate
    return samples.T


def embedded(player: StemPlayer) -> dict[str, np.ndarray]:
    """The audio in the page by row, (channels, samples)."""
    rows, rate = piece(player)["rows"], player.track.sample_rate
    return {row["name"]: decoded(row["audio"], rate) for row in rows if row["audio"]}


def played(page: str) -> list[np.ndarray]:
    """The audio of plain players, (channels, samples) each."""
    return [decoded(audio) for audio in re.findall(r"data:audio/\w+;base64,([^\"]+)", page)]


def test_stems_are_embedded_at_their_own_level_to_half_a_step_of_sixteen_bits():
    stems = {"violin": noise(1, 0.9), "cello": noise(2, 0.001)}
    embedded_stems = embedded(StemPlayer(stems, RATE))
    for name, stem in stems.items():
        assert np.abs(embedded_stems[name] - stem).max() <= 0.5 / 32768


def test_one_gain_turns_all_stems_down_where_the_mixture_would_clip():
    stems = {"violin": noise(1, 0.9), "viola": noise(1, 0.6)}  # 1.5 together
    player = StemPlayer(stems, RATE)
    embedded_stems = embedded(player)
    assert np.abs(embedded_stems["violin"] + embedded_stems["viola"]).max() == pytest.approx(
        1, abs=1e-4
    )
    assert np.allclose(embedded_stems["violin"], 1.5 * embedded_stems["viola"], atol=2 / 32768)
    assert "all at −3.5 dB, so that nothing clips" in player.html()


def test_levels_that_fit_are_kept():
    player = StemPlayer({"violin": noise(1, 0.5)}, RATE)
    assert player.gain == 1
    assert "44.1 kHz, 16 bits · original levels" in player.html()


@pytest.mark.parametrize("rate", [8000, 22_050, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_rate_and_channels_are_kept(rate, channels):
    stems = {"flute": noise(1, channels=channels), "oboe": noise(2, channels=channels)}
    embedded_stems = embedded(StemPlayer(stems, rate))
    assert {stem.shape for stem in embedded_stems.values()} == {(channels, 4410)}


def test_more_than_two_channels_are_played_as_their_mean():
    stem = noise(1, channels=4)
    player = StemPlayer({"flute": stem}, RATE)
    assert np.allclose(embedded(player)["flute"], stem.mean(axis=0), atol=1 / 32768)
    assert "mean of 4 channels" in player.html()


def test_a_mixture_that_is_the_sum_is_not_stored():
    rows = piece(StemPlayer({"flute": noise(1), "oboe": noise(2)}, RATE))["rows"]
    assert [(row["name"], bool(row["audio"])) for row in rows] == [
        ("mixture", False), ("flute", True), ("oboe", True),
    ]  # fmt: skip


def test_a_recorded_mixture_is_stored():
    stems, recording = {"flute": noise(1), "oboe": noise(2)}, noise(3)
    for player in (
        StemPlayer(Track("duo", RATE, stems, recording)),
        StemPlayer({"mixture": recording, **stems}, RATE),
    ):
        assert np.abs(embedded(player)["mixture"] - recording).max() <= 0.5 / 32768


def test_a_single_stem_has_no_mixture_beside_it():
    assert [row["name"] for row in piece(StemPlayer({"flute": noise(1)}, RATE))["rows"]] == [
        "flute"
    ]


def test_peaks_are_percent_of_the_loudest_sample_of_all():
    stems = {"violin": np.full((1, 10), 0.4, np.float32), "viola": np.full((1, 10), -0.2, "f4")}
    peaks = {row["name"]: row["peaks"][0] for row in piece(StemPlayer(stems, RATE))["rows"]}
    assert peaks == {"mixture": [50, 50], "violin": [100, 100], "viola": [-50, -50]}


@pytest.mark.parametrize("samples", [1, 100])
def test_short_and_silent_stems_have_a_page(samples):
    player = StemPlayer({"flute": np.zeros((1, samples), np.float32)}, RATE)
    assert embedded(player)["flute"].shape == (1, samples)


def test_names_and_titles_cannot_break_out_of_the_page():
    name = '</script><b onclick="x">&'
    page = StemPlayer({name: noise(1)}, RATE, title="{{piece}} <i>&").html()
    assert "<b onclick" not in page
    assert "{{piece}} &lt;i&gt;&amp;" in page
    assert "<i>" not in page
    assert piece(StemPlayer({name: noise(1)}, RATE))["rows"][0]["name"] == name


def test_a_page_contains_no_external_address():
    page = StemPlayer({"flute": noise(1)}, RATE).html()
    assert not re.findall(r"(?:https?:)?//[\w.]+\.\w+|url\(|@import|\bfetch\(|\bsrc=", page)
    assert "default-src 'none'" in page


def test_saving_gives_the_same_bytes_and_leaves_nothing_else(tmp_path):
    player = StemPlayer({"flute": noise(1)}, RATE, "Flute")
    one, two = player.save(tmp_path / "a" / "one.html"), player.save(tmp_path / "a" / "two.html")
    assert one.read_bytes() == two.read_bytes()
    assert sorted(file.name for file in one.parent.iterdir()) == ["one.html", "two.html"]


def test_a_notebook_gets_the_page_in_a_frame():
    player = StemPlayer({"flute": noise(1)}, RATE, 'The "Flute"')
    frame = re.fullmatch(r'<iframe srcdoc="([^"]*)" title="([^"]*)".*></iframe>',
                         player._repr_html_(), re.DOTALL)  # fmt: skip
    assert html.unescape(frame[1]) == player.html()
    assert html.unescape(frame[2]) == 'The "Flute"'


def test_the_title_is_the_name_of_the_track():
    track = Track("Ach Gott und Herr", RATE, {"flute": noise(1)})
    assert "<h1>Ach Gott und Herr</h1>" in StemPlayer(track).html()
    assert "<h1>Solo</h1>" in StemPlayer(track, title="Solo").html()


def test_stems_of_different_lengths_are_refused_by_name():
    with pytest.raises(AudioError, match="oboe has"):
        StemPlayer({"flute": noise(1), "oboe": noise(2, samples=10)}, RATE)


@pytest.mark.parametrize("shade", sorted({*COLOURS.values(), *SERIES}))
def test_every_colour_is_legible_on_the_dark_player(shade):
    assert contrast(on_dark(shade), DARK) >= 4.5


def test_plain_players_share_one_gain():
    sounds = {"flute": noise(1, 3.0), "oboe": noise(2, 0.3)}
    page = listen(sounds, RATE)._repr_html_()
    assert re.findall(r"<b>(.*?)</b>", page) == ["Flute", "Oboe"]
    for found, sound in zip(played(page), sounds.values(), strict=True):
        assert np.allclose(found, shared_gain(sounds.values()) * sound, atol=1 / 32768)
    assert "all at −9.5 dB, so that nothing clips" in page


def test_a_plain_player_keeps_a_level_that_fits():
    sound = noise(1, 0.05)
    page = listen({"a": sound[0]}, RATE)._repr_html_()
    assert np.allclose(played(page), sound, atol=1 / 32768)
    assert "clips" not in page


def test_the_shared_gain_is_one_unless_something_clips():
    assert shared_gain([np.array([0.5]), np.array([-0.9])]) == 1
    assert shared_gain([np.array([0.5]), np.array([-2.0])]) == pytest.approx(0.5, 1e-4)
    assert shared_gain([np.zeros(3), np.zeros(0)]) == 1


def test_a_true_stem_has_the_level_of_its_estimate_and_the_gain_is_stated():
    true = {"violin": noise(1, 0.8), "cello": noise(2, 0.5)}
    estimates = {
        "violin": 0.5 * true["violin"] + noise(3, 0.01),
        "cello": np.zeros((1, 4410), "f4"),
    }
    rows = {row["name"]: row for row in piece(StemPlayer(estimates, RATE, references=true))["rows"]}
    violin = decoded(rows["violin"]["reference"]["audio"])
    ratio = np.std(estimates["violin"]) / np.std(true["violin"])
    assert np.allclose(violin, ratio * true["violin"], atol=1 / 32768)
    assert rows["violin"]["reference"]["matched"] == "−6.0 dB"
    assert np.allclose(decoded(rows["cello"]["reference"]["audio"]), true["cello"], atol=1 / 32768)
    assert rows["cello"]["reference"]["matched"] == "+0.0 dB"  # silence has no level to match
    assert rows["mixture"]["reference"] is None


def test_a_true_stem_that_would_clip_lowers_all_alike():
    click = np.zeros((1, 4410), np.float32)
    click[0, 0] = 0.9  # at the level of the estimate its peak is far above full scale
    player = StemPlayer({"flute": noise(1, 0.5)}, RATE, references={"flute": click})
    row = piece(player)["rows"][0]
    peaks = [np.abs(decoded(audio)).max() for audio in (row["audio"], row["reference"]["audio"])]
    assert peaks[1] == pytest.approx(1, abs=1e-4)
    assert peaks[0] == pytest.approx(player.gain * 0.5, abs=1e-3) and player.gain < 0.2


def test_references_of_a_track_bring_mixture_rate_and_title():
    track = Track("Duo", RATE, {"flute": noise(1), "oboe": noise(2)}, noise(3))
    player = StemPlayer({"flute": noise(4)}, references=track)
    assert (player.title, player.track.sample_rate) == ("Duo", RATE)
    assert list(embedded(player)) == ["mixture", "flute"]
    assert np.allclose(embedded(player)["mixture"], track.recording, atol=1 / 32768)


@pytest.mark.parametrize(
    ("references", "sentence"),
    [
        ({"oboe": noise(1)}, "are of oboe, but the estimates of flute; they should share names"),
        ({"flute": noise(1, samples=10)}, r"a reference has .*\(1, 10\) but flute has \(1, 4410\)"),
        (Track("t", 22_050, {"flute": noise(1)}), "have 22050 Hz, but the estimates 44100"),
    ],
)
def test_references_that_do_not_belong_to_the_estimates_are_refused(references, sentence):
    with pytest.raises(ValueError, match=sentence):
        StemPlayer({"flute": noise(1)}, RATE, references=references)


@pytest.mark.parametrize("profile", ["reader", "smoke"])
def test_only_the_full_profile_draws_what_a_committed_notebook_shows(monkeypatch, profile):
    monkeypatch.setenv("DIVISI_PROFILE", profile)
    assert StemPlayer({"flute": noise(1)}, RATE)._repr_mimebundle_() == {}
    assert listen({"flute": noise(1)}, RATE)._repr_mimebundle_() == {}


@pytest.mark.parametrize("rate", [44_100, 96_000])
def test_a_committed_notebook_has_a_picture_and_at_most_eight_seconds_of_mono(monkeypatch, rate):
    monkeypatch.setenv("DIVISI_PROFILE", "full")
    true = {
        name: noise(n, channels=2, samples=9 * rate) for n, name in enumerate(("flute", "oboe"))
    }
    estimates = {name: 0.5 * stem for name, stem in true.items()}
    player = StemPlayer(estimates, rate, references=true)
    saved = player._repr_mimebundle_()[SAVED]
    assert saved["shown"]["data"]["text/plain"] == "A player of Flute, Oboe"
    assert base64.b64decode(saved["shown"]["data"]["image/png"]).startswith(b"\x89PNG")
    sample = player.sample()
    assert saved["sample"] == sample._repr_html_()
    assert embedded(sample)["flute"].shape == (1, 8 * 44_100)
    assert "a short sample: 44.1 kHz, MP3" in sample.html()
    assert piece(sample)["rows"][1]["reference"]["matched"] == "−6.0 dB"
    assert len(saved["sample"]) < 600_000


def test_the_sample_of_plain_players_is_short_and_their_picture_has_all(monkeypatch):
    monkeypatch.setenv("DIVISI_PROFILE", "full")
    sounds = {"dry": noise(1, samples=9 * RATE), "wet": noise(2, channels=2)[0]}
    saved = listen(sounds, RATE)._repr_mimebundle_()[SAVED]
    assert saved["shown"]["data"]["text/plain"] == "A player of Dry, Wet"
    assert [sound.shape for sound in played(saved["sample"])] == [(1, 8 * RATE), (1, 4410)]
    assert "data:audio/mpeg;base64," in saved["sample"]
