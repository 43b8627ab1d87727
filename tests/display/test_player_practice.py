"""Practising with the player: what its audio graph renders is computed, not played.

`offline` replaces the page's AudioContext by one that renders as fast as it can, so that the
samples a listener would hear can be compared with those of the stems.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator

import numpy as np
import pytest

from helpers.audio.track import Track
from helpers.display.player_page import ScoreView
from helpers.display.players import StemPlayer
from tests.display.pages import TAP, until

RATE = 8000
STEP = 1 / 32768
FADE = 0.015
JOIN = 0.004  # of a loop: faded over where a frame of the page comes in time, which may be never
pytestmark = pytest.mark.browser

OFFLINE = """
window.AudioContext = class extends OfflineAudioContext {
  constructor() {
    super(1, SECONDS * 8000, 8000);
    window.offline = this;
  }
  resume() { return Promise.resolve(); }
};
window.render = async () => {
  const samples = (await window.offline.startRendering()).getChannelData(0);
  let text = "";
  for (const byte of new Uint8Array(samples.buffer)) text += String.fromCharCode(byte);
  return btoa(text);
};
"""


def clicks(first: float, seconds: int) -> np.ndarray:
    """A click a second, from `first` on."""
    sound = np.zeros((1, seconds * RATE), np.float32)
    sound[0, round(first * RATE) :: RATE] = 0.5
    return sound


def noise(seed: int, seconds: int) -> np.ndarray:
    sound = np.random.default_rng(seed).integers(-8192, 8192, (1, seconds * RATE)) / 32768
    return sound.astype(np.float32)


@pytest.fixture
def opened(browser, tmp_path) -> Iterator:
    """Open a player of stems, on a graph that renders so many seconds, or one that plays."""
    pages = []

    def open_page(stems, offline=0, score=None, width=1000):
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.add_init_script(OFFLINE.replace("SECONDS", str(offline)) if offline else TAP)
        page.on("pageerror", lambda fault: pages.append(fault))
        player = StemPlayer(Track("Trio", RATE, stems), score=score)
        page.goto(player.save(tmp_path / "player.html").as_uri())
        pages.append(page)
        return page

    yield open_page
    assert not [fault for fault in pages if isinstance(fault, Exception)]
    for page in pages:
        page.close()


def heard(page) -> np.ndarray:
    """What a page with an offline graph plays, once `play` is pressed; without the delay."""
    page.get_by_role("button", name="Play", exact=True).click()
    until(page, "stemPlayer.playing()", 60)
    samples = np.frombuffer(base64.b64decode(page.evaluate("render()")), np.float32)
    return samples[round((FADE + page.evaluate("stemPlayer.late()")) * RATE) :]


def set_tempo(page, tempo: float) -> None:
    slider = page.get_by_role("slider", name="Tempo", exact=True)
    slider.fill(str(tempo))
    slider.dispatch_event("change")


def drag(page, canvas: str, start: float, end: float, seconds: float) -> None:
    """Over a canvas, from a second to another."""
    box = page.locator(canvas).bounding_box()
    x = [box["x"] + box["width"] * at / seconds for at in (start, end)]
    y = box["y"] + box["height"] / 2
    page.mouse.move(x[0], y)
    page.mouse.down()
    page.mouse.move(sum(x) / 2, y)
    page.mouse.move(x[1], y)
    page.mouse.up()


def wave(row: int) -> str:
    return f"#rows li:nth-child({row + 1}) .wave"


def test_the_original_tempo_plays_the_samples_as_they_are(opened):
    stems = {"violin": noise(1, 3), "cello": noise(2, 3)}
    samples = heard(opened(stems, offline=2))
    whole = sum(stems.values())[0, : len(samples)]
    after = round(2 * FADE * RATE)
    assert np.abs(samples - whole)[after:].max() <= 2 * STEP


@pytest.mark.parametrize(("tempo", "seconds"), [(0.7, 62), (0.25, 10), (1.5, 10)])
def test_after_a_minute_no_stem_is_off_by_a_millisecond(opened, tempo, seconds):
    stems = {
        name: clicks(0.25 * (place + 1), seconds)
        for place, name in enumerate(("violin", "viola", "cello"))
    }
    rendered = round((seconds - 0.5) / tempo)
    page = opened(stems, offline=rendered)
    set_tempo(page, tempo)
    samples = np.abs(heard(page))
    for place in range(3):
        for second in range(1, seconds - 2):
            due = (second + 0.25 * (place + 1)) / tempo * RATE
            around = samples[round(due) - 600 : round(due) + 600]
            assert abs(round(due) - 600 + int(around.argmax()) - due) < RATE / 1000
    delay = FADE + page.evaluate("stemPlayer.late()")
    assert page.evaluate("stemPlayer.position()") == pytest.approx(
        tempo * (rendered - delay), abs=0.01
    )


@pytest.mark.parametrize("tempo", [0.5, 0.7, 1.3])
def test_another_tempo_keeps_the_pitch(opened, tempo):
    times = np.arange(10 * RATE) / RATE
    tone = (0.4 * np.sin(2 * np.pi * 441 * times)).astype(np.float32)[None]
    page = opened({"flute": tone}, offline=6)
    set_tempo(page, tempo)
    samples = heard(page)[RATE : 5 * RATE]
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    hertz = np.fft.rfftfreq(len(samples), 1 / RATE)
    assert hertz[spectrum.argmax()] == pytest.approx(441, abs=1)
    near = np.abs(hertz - 441) < 10
    assert spectrum[~near].sum() < 0.01 * spectrum.sum()


def test_stems_that_cancel_are_silent_at_another_tempo_too(opened):
    sound = noise(0, 20)
    page = opened({"violin": sound, "viola": -sound})
    set_tempo(page, 0.7)
    page.get_by_role("button", name="Play", exact=True).click()
    until(page, "stemPlayer.position() > 0.2", 60)
    assert page.evaluate("loudest()") < 2 * STEP
    page.get_by_role("button", name="Solo Violin").click()
    until(page, "loudest() > 0.1", 20)
    page.get_by_role("button", name="Pause", exact=True).click()
    page.wait_for_timeout(1500)
    assert page.evaluate("loudest()") == 0


def mark_loop(page, start: float, end: float) -> None:
    for second, mark in ((start, "["), (end, "]")):
        page.get_by_role("slider", name="Position").fill(str(second))
        page.keyboard.press(mark)


def test_a_loop_repeats_its_samples_exactly(opened):
    sound = noise(1, 4)
    page = opened({"violin": sound}, offline=4)
    mark_loop(page, 1, 2)
    away_from_joins = slice(2 * round(FADE * RATE), RATE - 2 * round(JOIN * RATE))
    rounds = heard(page)[: 3 * RATE].reshape(3, RATE)[:, away_from_joins]
    assert np.abs(rounds - sound[0, RATE : 2 * RATE][away_from_joins]).max() <= 2 * STEP
    assert np.abs(rounds[1] - rounds[2]).max() == 0


def test_a_drag_over_a_waveform_sets_the_loop(opened):
    page = opened({"violin": noise(1, 4)})
    drag(page, wave(0), 2, 1, 4)
    loop = page.evaluate("stemPlayer.loop()")
    assert [loop["from"], loop["to"]] == pytest.approx([1, 2], abs=0.02) and loop["on"]
    assert page.evaluate("stemPlayer.position()") == 0


def test_the_join_of_a_loop_fades(opened):
    page = opened({"violin": noise(1, 20)})
    page.evaluate("""() => {
        const ramp = AudioParam.prototype.linearRampToValueAtTime;
        window.ramps = [];
        AudioParam.prototype.linearRampToValueAtTime = function (value, time) {
            window.ramps.push([value, time]);
            return ramp.call(this, value, time);
        };
    }""")
    mark_loop(page, 5, 5.5)
    page.keyboard.press("Space")
    until(page, "window.ramps.filter(([value]) => value === 0).length > 2", 60)
    joins = [time for value, time in page.evaluate("window.ramps") if value == 0]
    first = page.evaluate("window.ramps")[0][1] - 2 * FADE  # the door opens on [start, + FADE]
    assert all(
        ((join - first + 0.1) % 0.5) == pytest.approx(0.1 + FADE, abs=1e-3) for join in joins
    )


def test_the_position_turns_round_in_a_loop(opened):
    page = opened({"violin": noise(1, 20)})
    mark_loop(page, 5, 5.3)
    assert page.evaluate("stemPlayer.loop()")["on"]
    page.keyboard.press("Space")
    until(page, "stemPlayer.playing()", 30)
    page.wait_for_timeout(1500)
    assert 5 <= page.evaluate("stemPlayer.position()") <= 5.3
    page.keyboard.press("l")
    until(page, "stemPlayer.position() > 5.5", 30)
    page.keyboard.press("Escape")
    assert page.evaluate("stemPlayer.loop().from") is None


def test_each_round_is_faster_up_to_the_limit(opened):
    page = opened({"violin": noise(1, 20)})
    mark_loop(page, 5, 5.2)
    page.keyboard.press("f")
    page.get_by_label("Percent that each round is faster").fill("20")
    page.get_by_label("Highest tempo in percent").fill("90")
    page.get_by_role("heading").click()
    set_tempo(page, 0.5)
    page.keyboard.press("Space")
    until(page, "stemPlayer.tempo() === 0.7", 60)
    until(page, "stemPlayer.tempo() === 0.9", 60)
    page.wait_for_timeout(1500)
    assert page.evaluate("stemPlayer.tempo()") == 0.9
    assert page.evaluate("stemPlayer.playing()")


def test_a_mark_is_moved_by_a_drag_of_its_edge(opened):
    page = opened({"violin": noise(1, 10)})
    drag(page, wave(0), 2, 4, 10)
    drag(page, wave(0), 4, 6, 10)
    loop = page.evaluate("stemPlayer.loop()")
    assert [loop["from"], loop["to"]] == pytest.approx([2, 6], abs=0.05)


@pytest.mark.parametrize("by", ["button", "Shift", "keys"])
def test_a_muted_passage_is_silent_in_one_stem_and_comes_back(opened, by):
    stems = {"violin": noise(1, 4), "cello": noise(2, 4)}
    page = opened(stems, offline=3)
    if by == "Shift":
        page.keyboard.down("Shift")
    if by == "button":
        page.get_by_role("button", name="Mute passages").click()
    drag(page, wave(2), 1, 2, 4)
    if by == "Shift":
        page.keyboard.up("Shift")
    if by == "keys":
        page.keyboard.press("l")
        page.keyboard.press("p")
        page.keyboard.press("2")
    assert page.get_by_role("button", name="Unmute Cello").is_visible()
    samples = heard(page)[: round(2.9 * RATE)]
    violin, cello = (stem[0, : len(samples)] for stem in stems.values())
    inside, later = slice(round(1.1 * RATE), round(1.9 * RATE)), slice(round(2.1 * RATE), None)
    assert np.abs(samples - violin)[inside].max() <= 2 * STEP
    assert np.abs(samples - violin - cello)[later].max() <= 2 * STEP


def test_an_unmuted_passage_has_its_samples_again(opened):
    stems = {"violin": noise(1, 4), "cello": noise(2, 4)}
    page = opened(stems, offline=3)
    page.get_by_role("button", name="Mute passages").click()
    drag(page, wave(2), 1, 2, 4)
    drag(page, wave(2), 1.5, 2.5, 4)
    page.get_by_role("button", name="Play", exact=True).click()
    until(page, "stemPlayer.playing()", 30)
    page.get_by_role("button", name="Unmute Cello 0:01.0 to 0:02.5").click()
    assert page.get_by_role("button", name="Unmute Cello").count() == 0
    samples = np.frombuffer(base64.b64decode(page.evaluate("render()")), np.float32)
    samples = samples[round(FADE * RATE) :][: round(2.9 * RATE)]
    assert np.abs(samples - sum(stems.values())[0, : len(samples)])[300:].max() <= 2 * STEP


def test_a_click_on_a_muted_passage_brings_it_back_while_passages_are_muted(opened):
    page = opened({"violin": noise(1, 4), "cello": noise(2, 4)})
    page.get_by_role("button", name="Mute passages").click()
    drag(page, wave(2), 1, 2, 4)
    assert page.get_by_role("button", name="Unmute Cello 0:01.0 to 0:02.0").count() == 1
    box = page.locator(wave(2)).bounding_box()
    page.mouse.click(box["x"] + 1.5 / 4 * box["width"], box["y"] + 10)
    assert page.get_by_role("button", name="Unmute Cello").count() == 0


NOTES = {"violin": [(n * 0.5, 0.4, 60 + n) for n in range(20)]}
BARS = [(str(n + 1), 2.0 * n) for n in range(5)]


@pytest.fixture
def scored(opened):
    stems = {"violin": noise(1, 10), "cello": noise(2, 10)}
    return opened(stems, score=ScoreView(NOTES, BARS))


def test_a_click_on_a_note_plays_from_its_onset(scored):
    roll = scored.locator(".roll")
    assert roll.count() == 1
    box = roll.bounding_box()
    # The seventh of 20 notes a semitone apart, which fill the height: a click in its middle.
    roll.click(position={"x": box["width"] * 3.2 / 10, "y": box["height"] * (1 - 6.5 / 20)})
    assert scored.evaluate("stemPlayer.position()") == 3.0
    roll.click(position={"x": box["width"] * 3.2 / 10, "y": 2})
    assert scored.evaluate("stemPlayer.position()") == pytest.approx(3.2, abs=0.03)


def test_a_click_means_the_note_under_the_pointer_and_not_its_neighbour(opened):
    chord = {"violin": [(2.0, 3.0, 60), (4.0, 1.0, 61), (8.0, 1.0, 79)]}
    page = opened({"violin": noise(1, 10), "cello": noise(2, 10)}, score=ScoreView(chord))
    roll = page.locator(".roll")
    box = roll.bounding_box()
    for pitch, onset in ((60, 2.0), (61, 4.0)):
        height = 1 - (pitch - 60 + 0.5) / 20  # 20 semitones fill it
        roll.click(position={"x": box["width"] * 4.5 / 10, "y": box["height"] * height})
        assert page.evaluate("stemPlayer.position()") == onset


def test_bars_are_marks_of_the_loop(scored):
    ruler = scored.locator("#ruler")
    width = ruler.bounding_box()["width"]
    assert ruler.inner_text().split() == ["1", "2", "3", "4", "5"]
    ruler.click(position={"x": width * 0.25, "y": 8})
    loop = scored.evaluate("stemPlayer.loop()")
    assert (loop["from"], loop["to"], loop["on"]) == (2, 4, True)
    ruler.click(position={"x": width * 0.95, "y": 8}, modifiers=["Shift"])
    loop = scored.evaluate("stemPlayer.loop()")
    assert (loop["from"], loop["to"]) == (2, 10)
    assert scored.get_by_label("From bar").input_value() == "1"
    scored.get_by_label("To bar").select_option("2")
    loop = scored.evaluate("stemPlayer.loop()")
    assert (loop["from"], loop["to"]) == (2, 6)


def test_keys_step_from_bar_to_bar(scored):
    for pressed, position in ((".", 2), (".", 4), (",", 2), (",", 0)):
        scored.keyboard.press(pressed)
        assert scored.evaluate("stemPlayer.position()") == position


def test_help_names_the_library_and_its_licence(scored):
    scored.keyboard.press("?")
    assert scored.get_by_text("signalsmith-stretch 1.3.2, MIT licence").is_visible()
    scored.get_by_text("signalsmith-stretch 1.3.2, MIT licence").click()
    assert scored.get_by_text("Permission is hereby granted, free of charge").is_visible()


def test_every_control_has_a_name(scored):
    nameless = scored.evaluate("""[...document.querySelectorAll("button, input, select")]
        .filter((on) => !(on.ariaLabel ?? (on.closest("label") ?? on).textContent).trim())
        .map((on) => on.outerHTML)""")
    assert nameless == []


@pytest.mark.parametrize("width", [320, 390])
def test_all_of_it_fits_a_phone(opened, width):
    stems = {"violin": noise(1, 10), "cello": noise(2, 10)}
    page = opened(stems, score=ScoreView(NOTES, BARS), width=width)
    drag(page, wave(1), 2, 4, 10)
    page.keyboard.press("f")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = page.locator(".practice :is(button, input, select)").all()
    boxes = [control.bounding_box() for control in found if control.is_visible()]
    assert len(boxes) == 11
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)


def test_touch_sets_a_loop(browser, tmp_path):
    path = StemPlayer({"violin": noise(1, 10)}, RATE).save(tmp_path / "touch.html")
    context = browser.new_context(
        has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844}
    )
    page = context.new_page()
    page.goto(path.as_uri())
    box = page.locator(".wave").bounding_box()
    touch = context.new_cdp_session(page)

    def send(kind: str, *share: float) -> None:
        points = [{"x": box["x"] + s * box["width"], "y": box["y"] + 20} for s in share]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    send("touchStart", 0.2)
    for share in (0.25, 0.3, 0.4):
        send("touchMove", share)
    send("touchEnd")
    loop = page.evaluate("stemPlayer.loop()")
    assert [loop["from"], loop["to"]] == pytest.approx([2, 4], abs=0.1)
    context.close()
