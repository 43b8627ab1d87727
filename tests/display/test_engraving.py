"""The engraved score, as SVG and in the player."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from helpers.display.engraving import engrave
from helpers.display.player_page import ScoreView
from helpers.display.players import StemPlayer

RATE = 8000
BARS = 12
NOTE = "<note><pitch><step>{}</step><octave>4</octave></pitch><duration>4</duration></note>"
SCORE = """<?xml version="1.0"?>
<score-partwise version="3.1">
<work><work-title>&lt;script&gt;window.broken = true&lt;/script&gt;</work-title></work>
<part-list><score-part id="P1">
<part-name>&lt;script&gt;window.broken = true&lt;/script&gt;</part-name>
</score-part></part-list>
<part id="P1">{}</part></score-partwise>"""
FIRST = (
    "<attributes><divisions>1</divisions><time><beats>4</beats><beat-type>4</beat-type></time>"
    "<clef><sign>G</sign><line>2</line></clef></attributes>"
)


@pytest.fixture
def score(tmp_path):
    pytest.importorskip("verovio")
    bars = [NOTE.format("CDEFGAB"[n % 7]) for n in range(BARS)]
    bars[0] = FIRST + bars[0]
    measures = "".join(f'<measure number="{n}">{bar}</measure>' for n, bar in enumerate(bars, 1))
    path = tmp_path / "line.musicxml"
    path.write_text(SCORE.format(measures), encoding="utf-8")
    return path


def test_every_bar_is_in_the_svg_by_its_number(score):
    pages = engrave(score)
    assert sum(page.count('class="measure"') for page in pages) == BARS
    assert all(any(f'data-n="{n + 1}"' in page for page in pages) for n in range(BARS))
    assert pages == engrave(score)
    assert "<script" not in "".join(pages)


@pytest.mark.parametrize("content", [None, "no score"])
def test_what_is_no_score_is_refused_by_name(tmp_path, content):
    pytest.importorskip("verovio")
    path = tmp_path / "line.musicxml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match="line.musicxml: it is no score that verovio can engrave"):
        engrave(path)


def test_without_verovio_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "verovio", None)
    with pytest.raises(ImportError, match=r'pip install "divisi\[score\]"'):
        engrave(tmp_path / "line.musicxml")


@pytest.mark.browser
def test_the_cursor_is_in_the_bar_that_plays_and_a_click_plays_a_bar(browser, score, tmp_path):
    stems = {"violin": np.zeros((1, 2 * BARS * RATE), np.float32)}
    # Bar 3 is played twice: the recording repeats it.
    played = [1, 2, 3, 3, *range(4, BARS)]
    bars = [(str(number), 2.0 * place) for place, number in enumerate(played)]
    view = ScoreView(bars=bars, engraved=engrave(score))
    page = browser.new_page(viewport={"width": 900, "height": 900})
    page.goto(StemPlayer(stems, RATE, score=view).save(tmp_path / "player.html").as_uri())
    cursor = page.locator("#cursor")

    def measure(number: int) -> dict:
        lines = page.locator(f'g.measure[data-n="{number}"] g.staff > path').first
        return lines.bounding_box()

    for seconds, number, share in (
        (0, 1, 0),
        (3, 2, 0.5),
        (4.5, 3, 0.25),
        (7, 3, 0.5),
        (9, 4, 0.5),
    ):
        page.get_by_role("slider", name="Position").fill(str(seconds))
        box, at = measure(number), cursor.bounding_box()
        assert at["x"] == pytest.approx(box["x"] + share * box["width"], abs=2)
        assert at["y"] <= box["y"] <= at["y"] + at["height"]
    for number, starts in ((5, [10, 10]), (3, [4, 6, 4])):  # a repeated bar: the next pass
        box = measure(number)
        for start in starts:
            page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 5)
            assert page.evaluate("stemPlayer.position()") == start
    assert page.evaluate("window.broken") is None
    page.close()
