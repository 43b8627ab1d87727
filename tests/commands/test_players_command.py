"""Two players of one instrument and `other` on the command line, alone and in an archive."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import soundfile
import torch

from helpers.models.mask_net import MaskNet, MaskNetConfig
from helpers.training.checkpoints import save_model


@pytest.fixture(scope="module")
def players(tmp_path_factory):
    """A checkpoint whose stems of any signal are 40 % and 30 % for two violins, 25 % for a cello,
    and the rest for a piano and `other`."""
    sizes = {"sample_rate": 8000, "window": 512, "hop": 128, "highest": 3000.0, "conditioned": True}
    small = {"width": 4, "pitch_channels": 2, "hidden": 8, "layers": 1, "segment_seconds": 1.0}
    sources = ("violin", "violin-2", "cello", "piano", "other")
    model = MaskNet(MaskNetConfig(sources, **sizes, **small))
    with torch.no_grad():
        model.decide.weight.zero_()
        model.decide.bias.copy_(torch.tensor([0.4, 0.3, 0.25, 0.04, 0.01]).log())
    return save_model(model, tmp_path_factory.mktemp("checkpoints"), "players", {})[1]


def stems(folder) -> dict[str, np.ndarray]:
    return {path.stem: soundfile.read(path)[0] for path in folder.glob("*.wav")}


def test_two_violins_are_two_files_and_the_stems_sum(divisi, recording, players, tmp_path):
    path = recording(subtype="FLOAT")
    words = ("separate", path, "-o", tmp_path, "--model", players, "--minus", "violin-2")
    code, out, err = divisi(*words, "--instruments", "violin-1,violin-2,cello", "--residual")
    assert (code, err) == (0, [])
    mixture, files = soundfile.read(path)[0], stems(tmp_path / "quartet")
    assert sorted(files) == ["cello", "minus-violin-2", "residual", "violin-1", "violin-2"]
    parts = [files[name] for name in ("cello", "violin-1", "violin-2")]
    assert np.abs(sum(parts) - mixture).max() < 1e-5
    assert np.abs(files["minus-violin-2"] - (mixture - files["violin-2"])).max() < 1e-6
    report = json.loads((tmp_path / "quartet" / "separation.json").read_text())
    assert report["order"] and list(report["mean_pitch"]) == ["violin-1", "violin-2"]
    assert report["options"]["instruments"] == "violin-1,violin-2,cello"


def test_detected_players_have_numbers_in_the_index_of_an_archive(
    divisi, recording, players, tmp_path
):
    for name in ("a.wav", "b.wav"):
        recording(name=f"concert/{name}")
    words = ("separate", tmp_path / "concert", "-o", tmp_path / "out", "--model", players)
    code, _, _ = divisi(*words)
    assert code == 0
    with (tmp_path / "out" / "index.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["detected"] for row in rows] == ["violin-1; violin-2; cello"] * 2
    assert (tmp_path / "out" / "a" / "violin-2.wav").is_file()
    assert (tmp_path / "out" / "b" / "player.html").is_file()


def test_a_third_violin_is_reported(divisi, recording, players, tmp_path):
    words = ("separate", recording(), "-o", tmp_path, "--model", players)
    code, _, err = divisi(*words, "--instruments", "violin,violin,violin")
    assert code == 0 and "violin is listed 3 times, but this model has 2 stems" in " ".join(err)


def test_transcribing_reads_the_players_and_not_other(
    divisi, recording, players, network, tmp_path
):
    words = ("transcribe", recording(), "-o", tmp_path, "--model", players)
    code, _, _ = divisi(*words, "--instruments", "violin,violin,other")
    assert code == 0
    names = {path.stem for path in (tmp_path / "quartet").glob("*.mid")}
    assert names == {"violin-1", "violin-2", "score"}
