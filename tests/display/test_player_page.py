"""The player in headless Chromium: press what a listener presses, read the audio graph's gains."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from helpers.audio.track import Track
from helpers.display.players import StemPlayer, listen
from tests.display.pages import TAP, until

RATE = 44_100
SECONDS = 20
STEP = 1 / 32768  # Chromium scales positive samples by 1 / 32767 and negative ones by 1 / 32768
pytestmark = pytest.mark.browser


def tone(hertz: float, level: float) -> np.ndarray:
    times = np.arange(SECONDS * RATE) / RATE
    return (level * np.sin(2 * np.pi * hertz * times)).astype(np.float32)[None]


@pytest.fixture(scope="module")
def trio(tmp_path_factory) -> str:
    """Two stems that cancel to the last bit if they are in sync, and a third; as an address."""
    sound = np.round(np.random.default_rng(0).uniform(-0.5, 0.5, (1, SECONDS * RATE)) * 32768)
    sound = (sound / 32768).astype(np.float32)
    stems = {"violin": sound, "viola": -sound, "cello": tone(441, 0.25)}
    path = tmp_path_factory.mktemp("player") / "trio.html"
    return StemPlayer(Track("Trio", RATE, stems)).save(path).as_uri()


class PlayerPage:
    """A page with a player, as a listener uses it."""

    def __init__(self, page):
        self.page = page

    @property
    def gains(self) -> dict[str, float]:
        """Once every ramp has come to its end."""
        self.page.wait_for_timeout(120)
        return self.page.evaluate("stemPlayer.gains()")

    @property
    def true_gains(self) -> dict[str, float]:
        """Of the true stems."""
        self.page.wait_for_timeout(120)
        return self.page.evaluate("stemPlayer.gains(1)")

    @property
    def audible(self) -> list[str]:
        return [name for name, gain in self.gains.items() if gain > 0]

    @property
    def position(self) -> float:
        return self.page.evaluate("stemPlayer.position()")

    @property
    def playing(self) -> bool:
        return self.page.evaluate("stemPlayer.playing()")

    @property
    def loudest(self) -> float:
        """The peak of what left the master in the last fifth of a second."""
        self.page.wait_for_timeout(350)
        return self.page.evaluate("loudest()")

    def button(self, name: str):
        return self.page.get_by_role("button", name=name, exact=True)

    def slider(self, name: str):
        return self.page.get_by_role("slider", name=name, exact=True)

    def play(self) -> None:
        self.button("Play").click()
        until(self.page, "stemPlayer.playing() && stemPlayer.position() > 0")


@pytest.fixture
def player(browser, trio) -> Iterator[PlayerPage]:
    context = browser.new_context()
    page = context.new_page()
    page.add_init_script(TAP)
    faults: list[str] = []
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    page.goto(trio)
    yield PlayerPage(page)
    assert not faults
    context.close()


def test_at_first_all_stems_are_on_and_nothing_plays(player):
    assert player.gains == {"mixture": 0, "violin": 1, "viola": 1, "cello": 1}
    assert not player.playing and player.position == 0


def test_play_moves_the_position_with_the_clock_and_pause_holds_it(player):
    player.play()
    look = "[performance.now() / 1000, stemPlayer.position()]"
    began, first = player.page.evaluate(look)
    player.page.wait_for_timeout(500)
    ended, last = player.page.evaluate(look)
    assert last - first == pytest.approx(ended - began, abs=0.25)
    player.button("Pause").click()
    held = player.position
    player.page.wait_for_timeout(200)
    assert player.position == held and not player.playing


@pytest.mark.parametrize("playing", [False, True])
def test_mute_silences_one_stem_and_again_brings_it_back(player, playing):
    if playing:
        player.play()
    player.button("Mute Viola").click()
    assert player.audible == ["violin", "cello"]
    assert player.button("Mute Viola").get_attribute("aria-pressed") == "true"
    player.button("Mute Viola").click()
    assert player.audible == ["violin", "viola", "cello"]


def test_two_solos_play_at_once(player):
    player.button("Solo Violin").click()
    assert player.audible == ["violin"]
    player.button("Solo Cello").click()
    assert player.audible == ["violin", "cello"]
    player.button("Solo Violin").click()
    player.button("Solo Cello").click()
    assert player.audible == ["violin", "viola", "cello"]


def test_solo_overrides_mute(player):
    player.button("Mute Cello").click()
    player.button("Solo Cello").click()
    assert player.audible == ["cello"]


def test_volume_is_the_gain_of_its_stem(player):
    player.slider("Volume of Cello").fill("0.25")
    assert player.gains == {"mixture": 0, "violin": 1, "viola": 1, "cello": 0.25}
    assert player.slider("Volume of Cello").get_attribute("aria-valuetext") == "-12.0 dB"


def test_the_switch_changes_between_mixture_and_stems_while_playing(player):
    player.play()
    player.page.get_by_text("Mixture", exact=True).first.click()
    assert player.audible == ["mixture"]
    player.page.get_by_text("Stems", exact=True).click()
    assert player.audible == ["violin", "viola", "cello"]
    assert player.playing


def test_solo_comes_back_from_the_mixture_to_the_stems(player):
    player.page.keyboard.press("x")
    assert player.audible == ["mixture"]
    player.button("Solo Viola").click()
    assert player.audible == ["viola"]
    assert player.page.get_by_role("radio", name="Stems").is_checked()


@pytest.mark.parametrize("playing", [False, True])
def test_seeking_moves_the_position(player, playing):
    if playing:
        player.play()
    player.slider("Position").fill("12")
    assert 12 <= player.position < 14
    assert player.playing == playing
    assert player.slider("Position").get_attribute("aria-valuetext").startswith("0:12 of 0:20")


def test_a_click_on_a_waveform_seeks_there(player):
    canvas = player.page.locator("canvas").nth(1)
    box = canvas.bounding_box()
    canvas.click(position={"x": box["width"] * 0.75, "y": 20})
    assert player.position == pytest.approx(15, abs=0.2)


def test_stems_that_cancel_are_silent_so_all_start_on_the_same_sample(player):
    player.button("Mute Cello").click()
    player.play()
    assert player.loudest < STEP
    player.slider("Position").fill("7.77")
    assert player.loudest < STEP
    player.button("Solo Violin").click()
    assert player.loudest > 0.45


def test_the_mixture_is_the_sum_of_the_stems(player):
    player.play()
    assert player.loudest == pytest.approx(0.25, abs=0.001)
    player.page.keyboard.press("x")
    assert player.audible == ["mixture"]
    assert player.loudest == pytest.approx(0.25, abs=0.001)


def test_pause_is_silent(player):
    player.play()
    player.button("Pause").click()
    assert player.loudest == 0


def test_at_the_end_it_stops_and_goes_back_to_the_start(player):
    player.slider("Position").fill("19.8")
    player.play()
    until(player.page, "!stemPlayer.playing()")
    assert player.position == 0
    assert player.button("Play").is_visible()


def test_everything_can_be_done_from_the_keyboard(player):
    press = player.page.keyboard.press
    press("Space")
    until(player.page, "stemPlayer.playing()")
    press("2")
    assert player.audible == ["viola"]
    press("2")
    press("Shift+3")
    assert player.audible == ["violin", "viola"]
    press("x")
    assert player.audible == ["mixture"]
    press("Space")
    assert not player.playing
    press("Home")
    press("ArrowRight")
    press("ArrowRight")
    press("ArrowLeft")
    assert player.position == pytest.approx(5)


def test_tab_reaches_every_control_in_order_and_shows_where_it_is(player):
    labels = []
    for _ in range(19):
        player.page.keyboard.press("Tab")
        labels.append(
            player.page.evaluate("""() => {
            const on = document.activeElement, style = getComputedStyle(
                on.type === "radio" ? on.nextElementSibling : on);
            const name = on.ariaLabel ?? (on.closest("label, summary") ?? on).textContent.trim();
            return style.outlineStyle === "solid" ? name : `${name}: no outline`;
        }""")
        )
    stems = [f"{what} {n}" for n in ("Violin", "Viola", "Cello")
             for what in ("Mute", "Solo", "Volume of")]  # fmt: skip
    practice = ["Tempo", "Loop from here", "Loop to here", "Faster", "Mute passages"]
    ends = ["Volume of Mixture", *stems, "Help and keys"]
    assert labels == ["Play", "Stems", "Position", *practice, *ends]


@pytest.fixture
def comparison(browser, tmp_path) -> Iterator[PlayerPage]:
    """Two estimates of one level. Both true stems are the estimate of the violin times -2."""
    sound = np.round(np.random.default_rng(0).uniform(-0.25, 0.25, (1, SECONDS * RATE)) * 32768)
    sound = (sound / 32768).astype(np.float32)
    estimates = {"violin": sound, "viola": sound[:, ::-1]}
    player = StemPlayer(estimates, RATE, "Duo", {"violin": -2 * sound, "viola": -2 * sound})
    page = browser.new_page()
    page.add_init_script(TAP)
    page.goto(player.save(tmp_path / "duo.html").as_uri())
    yield PlayerPage(page)
    page.close()


def test_the_switch_of_a_row_jumps_to_the_true_stem_at_the_same_position(comparison):
    comparison.button("Solo Violin").click()
    comparison.play()
    comparison.slider("Position").fill("7.77")
    loudest = comparison.loudest
    before = comparison.position
    comparison.button("True stem of Violin").click()
    assert comparison.gains["violin"] == 0
    assert comparison.true_gains == {"violin": 1, "viola": 0}
    assert before <= comparison.position < before + 2 and comparison.playing
    assert comparison.loudest == pytest.approx(loudest, abs=0.01)  # 6 dB less than the true stem
    row = comparison.page.locator("li").nth(1)
    assert row.locator("small").inner_text() == "true, −6.0 dB"
    assert comparison.page.locator("li").nth(2).locator("small").inner_text() == "estimate"
    comparison.button("True stem of Violin").click()
    assert comparison.gains["violin"] == 1
    assert row.locator("small").inner_text() == "estimate"


def test_estimates_and_true_stems_start_on_the_same_sample(comparison):
    comparison.button("True stem of Viola").click()  # at equal level it cancels the violin
    comparison.play()
    comparison.slider("Position").fill("7.77")
    assert comparison.loudest < 2 * STEP
    comparison.button("Solo Viola").click()
    assert comparison.loudest > 0.2


def test_the_key_t_switches_the_soloed_stems_or_all(comparison):
    press = comparison.page.keyboard.press
    press("t")
    assert comparison.gains == {"mixture": 0, "violin": 0, "viola": 0}
    assert comparison.true_gains == {"violin": 1, "viola": 1}
    press("2")
    press("t")
    assert comparison.gains["viola"] == 1
    press("2")
    assert comparison.true_gains == {"violin": 1, "viola": 0}
    press("x")
    press("t")
    assert comparison.true_gains == {"violin": 1, "viola": 1}
    comparison.button("True stem of Violin").focus()
    press("Space")
    assert comparison.gains["violin"] == 1 and not comparison.playing


def test_mute_and_volume_hold_for_the_true_stem_too(comparison):
    comparison.button("True stem of Viola").click()
    comparison.slider("Volume of Viola").fill("0.25")
    assert comparison.true_gains == {"violin": 0, "viola": 0.25}
    comparison.button("Mute Viola").click()
    assert comparison.true_gains == {"violin": 0, "viola": 0}


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_a_comparison_needs_no_sideways_scrolling(comparison, width):
    comparison.page.set_viewport_size({"width": width, "height": 800})
    assert comparison.page.evaluate("document.documentElement.scrollWidth") <= width
    boxes = [b.bounding_box() for b in comparison.page.locator("#rows button, #rows input").all()]
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)
    names = [b.bounding_box()["width"] for b in comparison.page.locator("#rows .name b").all()]
    assert min(names) > 30


def test_the_sample_of_a_committed_notebook_plays(browser):
    stems = {"flute": tone(441, 0.2), "oboe": tone(882, 0.2)}
    page = browser.new_page()
    page.set_content(StemPlayer(stems, RATE).sample()._repr_html_())
    frame = page.frames[1]
    frame.get_by_role("button", name="Play").click()
    until(frame, "stemPlayer.position() > 0.1")
    assert frame.evaluate("stemPlayer.seconds") == 8
    page.set_content(listen(stems, RATE).sample()._repr_html_())
    until(page, "document.querySelector('audio').readyState >= 2")
    assert page.evaluate("document.querySelector('audio').duration") == pytest.approx(8, abs=0.1)
    page.close()


def test_space_presses_the_button_that_tab_has_reached_and_nothing_else(player):
    player.button("Mute Violin").focus()
    player.page.keyboard.press("Space")
    assert player.audible == ["viola", "cello"]
    assert not player.playing


def test_space_plays_after_the_mouse_has_pressed_a_button(player):
    player.button("Mute Violin").click()
    player.page.keyboard.press("Space")
    until(player.page, "stemPlayer.playing()")
    assert player.audible == ["viola", "cello"]


def test_the_page_makes_no_network_requests(browser, trio):
    page = browser.new_page()
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(trio)
    page.keyboard.press("-")
    page.get_by_role("button", name="Play").click()
    until(page, "stemPlayer.position() > 0.1")
    assert page.evaluate("stemPlayer.tempo()") == 0.95
    assert [url for url in requests if not url.startswith("data:")] == [trio]
    page.close()


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_no_width_needs_sideways_scrolling(browser, trio, width):
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto(trio)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    boxes = [box.bounding_box() for box in page.locator("#rows button, #rows input").all()]
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)
    page.close()


@pytest.fixture
def notebook(browser) -> Iterator:
    """A dark page with two players in it, as a notebook shows them."""
    stems = {"flute": tone(441, 0.2), "oboe": tone(882, 0.2)}
    frames = [StemPlayer(stems, RATE, title)._repr_html_() for title in ("One", "Two")]
    page = browser.new_page(color_scheme="light")
    page.set_content(f"<body style='background:#111'>{''.join(frames)}</body>")
    yield page
    page.close()


def test_two_players_in_a_notebook_are_independent(notebook):
    one, two = notebook.frames[1:]
    one.get_by_role("button", name="Solo Flute").click()
    one.get_by_role("button", name="Play").click()
    until(one, "stemPlayer.position() > 0.1")
    assert one.evaluate("stemPlayer.gains().oboe") == pytest.approx(0, abs=1e-6)
    assert two.evaluate("stemPlayer.gains()") == {"mixture": 0, "flute": 1, "oboe": 1}
    assert two.evaluate("[stemPlayer.position(), stemPlayer.playing()]") == [0, False]


def slow_down(frame) -> None:
    """To half the tempo, and play."""
    slider = frame.get_by_role("slider", name="Tempo", exact=True)
    slider.fill("0.5")
    slider.dispatch_event("change")
    frame.get_by_role("button", name="Play").click()
    until(frame, "stemPlayer.position() > 0.1", 30)


def test_the_tempo_changes_in_a_notebook_too(browser, tmp_path):
    """In a secure context, as `localhost`, https and files are."""
    path = tmp_path / "notebook.html"
    path.write_text(StemPlayer({"flute": tone(441, 0.2)}, RATE)._repr_html_(), encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    slow_down(page.frames[1])
    assert page.frames[1].evaluate("[stemPlayer.tempo(), stemPlayer.late() > 0]") == [0.5, True]
    page.close()


def test_where_the_tempo_cannot_change_it_plays_and_says_so(notebook):
    frame = notebook.frames[1]  # of `about:blank`, which is no secure context
    slow_down(frame)
    assert frame.evaluate("stemPlayer.tempo()") == 1
    assert "cannot change the tempo here" in frame.get_by_role("alert").inner_text()


def test_a_player_in_a_dark_notebook_is_dark_and_fits_its_content(notebook):
    for frame in notebook.frames[1:]:
        frame.wait_for_selector("#rows li")
        assert frame.evaluate("document.documentElement.dataset.theme") == "dark"
        frame.locator("summary").first.click()
        notebook.wait_for_timeout(200)
        inside, outside = frame.evaluate(
            "[document.body.getBoundingClientRect().height, innerHeight]"
        )
        assert 0 <= outside - inside < 2


@pytest.mark.parametrize("samples", [1, 100])
def test_a_moment_of_sound_plays_to_its_end(browser, tmp_path, samples):
    path = StemPlayer({"flute": np.full((1, samples), 0.5, np.float32)}, RATE).save(
        tmp_path / "moment.html"
    )
    page = browser.new_page()
    page.goto(path.as_uri())
    page.get_by_role("button", name="Play").click()
    until(page, "!stemPlayer.playing() && document.querySelector('[aria-label=Play]')")
    assert page.evaluate("stemPlayer.position()") == 0
    page.close()
