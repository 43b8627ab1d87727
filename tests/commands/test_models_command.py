"""`divisi models`: what is listed."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

from helpers.models.mask_net import MaskNet, MaskNetConfig
from helpers.models.score_net import ScoreNet, ScoreNetConfig
from helpers.runtime import DEFAULT_MODEL
from helpers.training.checkpoints import save_model


def test_models_are_listed_with_their_instruments(divisi, duo):
    code, out, err = divisi("models", duo.parent)
    assert (code, err) == (0, [])
    assert out[1].split("  ")[0] == "duo"
    assert "violin, bassoon" in out[1] and "8000 Hz" in out[1]


def test_the_default_model_is_marked(divisi, scaling_model):
    default = scaling_model(DEFAULT_MODEL, violin=1.0)
    _, out, _ = divisi("models", default.parent)
    assert out[1].startswith(f"{DEFAULT_MODEL} (default)  8000 Hz")


def test_the_licence_is_listed_and_marked_where_training_data_has_other_terms(divisi, duo):
    code, out, _ = divisi("models")
    rows = {row.split()[0]: row for row in out}
    assert code == 0
    assert "  MIT  " in rows["violin-piano"] and "  MIT*  " in rows["chamber"]
    assert out[-1].startswith("*") and out[-1].endswith("docs/licences.md")
    assert "  not stated  " in divisi("models", duo.parent)[1][1]


def test_two_players_are_counted_and_everything_else_is_listed(divisi, tmp_path):
    sources = ("violin", "violin-2", "cello", "other")
    save_model(MaskNet(MaskNetConfig(sources, conditioned=True)), tmp_path, "strings", {})
    row = divisi("models", tmp_path)[1][1]
    assert row.endswith("  violin (2), cello, other") and "  who plays  " in row


def test_models_that_take_a_score_are_marked(divisi, tmp_path):
    sizes = {"width": 4, "part_width": 4, "pitch_channels": 2}
    save_model(ScoreNet(ScoreNetConfig(("violin",), **sizes)), tmp_path, "follower", {})
    save_model(MaskNet(MaskNetConfig(("violin",))), tmp_path, "blind", {})
    _, out, _ = divisi("models", tmp_path)
    start = out[0].index("takes")
    takes = {row.split()[0]: row[start:].partition("  ")[0].strip() for row in out[1:]}
    assert takes == {"blind": "", "follower": "score"}


def test_an_empty_folder_suggests_training(divisi, tmp_path):
    code, out, _ = divisi("models", tmp_path)
    assert code == 0 and "divisi train" in out[0]


def test_a_broken_card_is_refused_by_name(divisi, tmp_path):
    (tmp_path / "torn.json").write_text("{")
    code, _, err = divisi("models", tmp_path)
    assert code == 2 and len(err) == 1 and "torn.json" in err[0]


def test_one_broken_card_does_not_hide_the_others(divisi, scaling_model, tmp_path):
    for file in scaling_model("duo", violin=0.5, bassoon=0.3).parent.iterdir():
        shutil.copy(file, tmp_path)
    (tmp_path / "torn.json").write_text("{")
    (tmp_path / "empty.json").write_text("")
    (tmp_path / "finetune.json").write_text('{"held_out": {}}')  # beside a fine-tuned model
    code, out, err = divisi("models", tmp_path)
    assert code == 2 and out[1].startswith("duo")
    assert len(err) == 1 and "torn.json" in err[0] and "empty.json" in err[0]
    assert "finetune" not in err[0]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pipes in folders")
def test_a_pipe_among_the_cards_is_no_card(divisi, tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    code, _, err = divisi("models", tmp_path)
    assert code in (0, 2) and "pipe" not in "".join(err)


def test_words_of_a_card_do_not_reach_the_terminal_as_commands(divisi, scaling_model):
    card = scaling_model("escape", violin=0.5)
    card.write_text(card.read_text().replace('"not stated"', '"MIT\\u001b[2J\\n\\nfree"'))
    code, out, _ = divisi("models", card.parent)
    assert code == 0 and len(out) == 2 and "  MIT?[2J??free  " in out[1]
