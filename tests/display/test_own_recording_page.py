"""The widget for a recording of your own in JupyterLab, operated in headless Chromium."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from helpers.audio.wav import save
from helpers.music.scores import Note, Part, Score
from helpers.runtime import repository_root
from helpers.synthesis.fluidsynth import FluidSynth
from helpers.synthesis.renderer import render_score
from helpers.synthesis.soundfonts import find_soundfonts
from tests.display.pages import TAP, until

RATE = 44_100
TIMEOUT = 180  # seconds for each thing to happen, on a machine that has other work to do
QUARTET = {"violin": 76, "clarinet": 67, "saxophone": 60, "bassoon": 48}
CELL = """\
from helpers.display.own_recording import OwnRecording
from helpers.training.checkpoints import load_model

OwnRecording(load_model("bach-quartet"))
"""
STEMS = """
async () => {
  const piece = JSON.parse(document.getElementById("piece").textContent);
  const context = new OfflineAudioContext(1, 1, piece.sampleRate);
  const decode = async (row) => {
    const bytes = Uint8Array.from(atob(row.audio), (letter) => letter.charCodeAt(0));
    return (await context.decodeAudioData(bytes.buffer)).getChannelData(0);
  };
  const rms = (samples) => Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length);
  const names = piece.rows.map((row) => row.name);
  const stems = await Promise.all(piece.rows.map(decode));
  const distance = (a, b) => rms(a.map((x, i) => x - b[i])) / Math.max(rms(a), rms(b));
  return {
    names,
    samples: stems.map((stem) => stem.length),
    levels: stems.map(rms),
    distances: stems.flatMap((a, i) => stems.slice(i + 1).map((b) => distance(a, b))),
  };
}
"""
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A notebook with the widget, three seconds of a mixture, and a text that is called .wav."""
    folder = tmp_path_factory.mktemp("lab")
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    cells = [nbformat.v4.new_code_cell(CELL)]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), folder / "own.ipynb")
    parts = [
        Part(name, tuple(Note(0.7 * step, 0.6, pitch + step, 90) for step in range(4)))
        for name, pitch in QUARTET.items()
    ]
    track = render_score(Score("quartet", tuple(parts)), FluidSynth(find_soundfonts()[0]), RATE)
    for name in ("quartet.wav", "again.wav"):
        save(folder / name, track.mixture[:, : 3 * RATE], RATE, "PCM_16")
    (folder / "text.wav").write_text("I am a text.\n")
    return folder


@pytest.fixture(scope="module")
def lab(folder) -> Iterator[str]:
    """The address of that notebook in a JupyterLab of its own."""
    pytest.importorskip("jupyterlab")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex()
    own = {name: str(folder / name) for name in ("JUPYTER_CONFIG_DIR", "IPYTHONDIR")}
    with (folder / "lab.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}",
             f"--IdentityProvider.token={token}", "--LabApp.news_url="],
            cwd=folder, stdout=log, stderr=log,
            env={**os.environ, **own, "PYTHONPATH": str(repository_root())},
        )  # fmt: skip
    try:
        await_answer(port)
        yield f"http://127.0.0.1:{port}/doc/tree/own.ipynb?token={token}"
    finally:
        server.terminate()
        server.wait(TIMEOUT)


def await_answer(port: int) -> None:
    """Wait until a port of this machine accepts connections."""
    end = time.monotonic() + TIMEOUT
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            assert time.monotonic() < end, "JupyterLab did not start; lab.log says why"
            time.sleep(0.2)


@pytest.fixture
def page(browser, lab):
    context = browser.new_context(accept_downloads=True)
    context.set_default_timeout(1000 * TIMEOUT)
    page = context.new_page()
    page.add_init_script(TAP)
    page.goto(lab)
    yield page
    context.close()


def upload(page, path: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Upload").click()
    chooser.value.set_files(path)


def player(page, title: str):
    """The frame of the player of that title, once it is loaded."""
    frame = page.wait_for_selector(f"iframe[title={title}]").content_frame()
    frame.wait_for_selector("#rows li")
    return frame


def test_a_recording_is_uploaded_separated_played_and_downloaded(page, folder):
    page.locator(".jp-CodeCell .cm-content").click()
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for()
    page.keyboard.press("Control+Enter")

    upload(page, folder / "quartet.wav")
    page.get_by_text("quartet.wav: 0:03, 44.1 kHz, mono.").wait_for()
    page.get_by_role("button", name="Separate").click()
    frame = player(page, "quartet")
    stems = frame.evaluate(STEMS)
    assert stems["names"] == ["mixture", *QUARTET]
    assert stems["samples"] == [3 * RATE] * 5
    assert min(stems["levels"]) > 1e-3  # -60 dB: none is silent
    assert min(stems["distances"]) > 0.1  # no two are alike

    for name in map(str.capitalize, QUARTET):
        frame.get_by_role("button", name=f"Solo {name}").click()
        frame.get_by_role("button", name="Play").click()
        until(frame, "stemPlayer.playing() && loudest() > 1e-3", TIMEOUT)
        frame.get_by_role("button", name="Pause").click()
        frame.get_by_role("button", name=f"Solo {name}").click()
        frame.get_by_role("slider", name="Position").fill("0")

    with page.expect_download() as download:
        page.get_by_role("link", name="Download quartet.zip").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert archive.namelist() == [f"quartet/{name}.wav" for name in QUARTET]

    upload(page, folder / "text.wav")
    page.get_by_text("text.wav: this is not audio that can be read;").wait_for()
    assert page.get_by_role("button", name="Separate").is_disabled()

    upload(page, folder / "again.wav")
    page.get_by_text("again.wav: 0:03, 44.1 kHz, mono.").wait_for()
    for name in ("Clarinet", "Saxophone", "Bassoon"):
        page.get_by_role("checkbox", name=name).uncheck()
    page.get_by_role("button", name="Separate").click()
    assert player(page, "again").evaluate(STEMS)["names"] == ["mixture", "violin"]
    assert page.locator("iframe[title=quartet]").count() == 0
