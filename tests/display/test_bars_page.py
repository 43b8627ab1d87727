"""Bars of a separated recording with its score: in the player, the labels and the project."""

from __future__ import annotations

import numpy as np
import pytest
import rpp
import soundfile
import torch

from helpers.cli import main
from helpers.models.score_net import ScoreNet, ScoreNetConfig
from helpers.training.checkpoints import save_model
from tests.display.pages import until
from tests.music.repeated_piece import PLAYED, TRUTH, performance, write_piece

RATE = 22_050
SECONDS = TRUTH[-1] + 1.15 * 4 * 0.6  # of the recording, about


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What `divisi separate` writes for a piece of 9 bars, of which four are repeated."""
    pytest.importorskip("verovio")
    place = tmp_path_factory.mktemp("piece")
    score = write_piece(place / "piece.musicxml")
    soundfile.write(place / "take.wav", 0.3 * performance(score, RATE)[0], RATE, subtype="FLOAT")
    torch.manual_seed(0)
    config = ScoreNetConfig(("violin", "cello"), RATE, width=4, part_width=4, pitch_channels=2)
    model = save_model(ScoreNet(config), place, "combs", {})[0]
    words = ["--score", score, "--model", model, "--labels", "--project", "reaper", "-o", place]
    assert main(["separate", *map(str, [place / "take.wav", *words, "--estimate", 0])]) == 0
    return place / "take"


def test_bars_are_labels_and_markers(folder):
    lines = (folder / "labels.txt").read_text().splitlines()
    labels = [line.split("\t") for line in lines if "\tbar " in line]
    assert [text for *_, text in labels] == [f"bar {number}" for number in PLAYED]
    starts = np.array([float(start) for start, *_ in labels])
    assert np.abs(starts - TRUTH).max() < 0.03
    lines = rpp.loads((folder / "take.rpp").read_text()).children
    markers = [line for line in lines if isinstance(line, list) and line[0] == "MARKER"]
    assert [name for *_, name, _ in markers] == [text for *_, text in labels]
    assert [float(line[2]) for line in markers] == pytest.approx(starts.tolist(), abs=1e-5)


@pytest.mark.browser
def test_a_bar_loops_and_plays_from_its_second(browser, folder):
    page = browser.new_page(viewport={"width": 900, "height": 900})
    page.goto((folder / "player.html").as_uri())

    def loop():
        found = page.evaluate("stemPlayer.loop()")
        return [found["from"], found["to"]]

    options = page.get_by_label("From bar").locator("option").all_inner_texts()
    assert [text.split()[0] for text in options if "(" in text] == list(PLAYED)
    page.get_by_label("From bar").select_option("7")  # the second bar 3
    assert loop() == pytest.approx(TRUTH[7:9].tolist(), abs=0.03)
    ruler = page.locator("#ruler")
    width = ruler.bounding_box()["width"]
    ruler.click(position={"x": width * (TRUTH[10] + 0.5) / SECONDS, "y": 8})
    assert loop() == pytest.approx(TRUTH[10:12].tolist(), abs=0.03)

    def measure(number: str) -> dict:
        found = page.locator(f'g.measure[data-n="{number}"] g.staff > path').first
        return found.bounding_box()

    page.get_by_role("button", name="Clear").click()
    page.get_by_role("slider", name="Position").fill(str(TRUTH[8] + 1.38))  # half of the second 4
    box, cursor = measure("4"), page.locator("#cursor").bounding_box()
    assert cursor["x"] == pytest.approx(box["x"] + box["width"] / 2, abs=0.03 * box["width"])
    for number, place in (("0", 0), ("5", 9)):
        box = measure(number)
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 5)
        assert page.evaluate("stemPlayer.position()") == pytest.approx(TRUTH[place], abs=0.03)
    page.get_by_role("button", name="Play", exact=True).click()
    until(page, f"stemPlayer.position() > {TRUTH[9] + 0.2}", 30)
    page.close()
