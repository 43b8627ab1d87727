"""`divisi evaluate` on a corpus whose measures are known."""

from __future__ import annotations

import csv
import json
import sys

import numpy as np
import pytest
import soundfile

from helpers.evaluation import results


@pytest.fixture
def corpus(tmp_path):
    """Two pieces of two sines each; the violin is 20 dB louder than the bassoon."""
    time = np.arange(8000) / 8000
    for number in (1, 2):
        folder = tmp_path / "corpus" / f"piece {number}"
        folder.mkdir(parents=True)
        violin = 0.5 * np.sin(2 * np.pi * 800 * number * time)
        bassoon = 0.05 * np.sin(2 * np.pi * 200 * number * time)
        soundfile.write(folder / "violin.wav", violin, 8000, "FLOAT")
        soundfile.write(folder / "bassoon.wav", bassoon, 8000, "FLOAT")
    return tmp_path / "corpus"


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_scaled_mixture_measures_as_the_floor(divisi, corpus, duo, tmp_path):
    table = tmp_path / "rows.csv"
    code, out, err = divisi("evaluate", corpus, "--model", duo, "--csv", table)
    assert (code, err) == (0, [])
    assert any("oracle-irm" in line for line in out)
    values = {
        (row["system"], row["track"], row["instrument"]): float(row["value"])
        for row in rows_of(table)
        if row["metric"] == "SI-SDR"
    }
    for track in ("piece 1", "piece 2"):
        assert values["duo", track, "violin"] == pytest.approx(20, abs=0.01)
        assert values["duo", track, "bassoon"] == pytest.approx(-20, abs=0.01)
        for instrument in ("violin", "bassoon"):
            floor = values["mixture", track, instrument]
            assert values["duo", track, instrument] == pytest.approx(floor, abs=1e-3)
            assert values["oracle-irm", track, instrument] > floor


def test_pieces_with_bleed_are_left_out_on_request(divisi, corpus, duo, tmp_path):
    stems = {
        f"S{number:02d}": {"instrument": name, "filename": f"{name}.wav"}
        for number, name in enumerate(("violin", "bassoon"), start=1)
    }
    entries = {"has_bleed": "yes", "stem_dir": ".", "mix_filename": "none.wav", "stems": stems}
    (corpus / "piece 2" / "piece 2_METADATA.yaml").write_text(json.dumps(entries))
    for words, expected in ((), {"piece 1", "piece 2"}), (("--no-bleed",), {"piece 1"}):
        table = tmp_path / f"rows{len(words)}.csv"
        code, _, _ = divisi(
            "evaluate", corpus, "--model", duo, "--csv", table, "--no-baselines", *words
        )
        assert code == 0 and {row["track"] for row in rows_of(table)} == expected


def test_rows_have_their_provenance(divisi, corpus, duo, tmp_path):
    table = tmp_path / "rows.csv"
    divisi("evaluate", corpus, "--model", duo, "--csv", table, "--no-baselines")
    rows = rows_of(table)
    assert {row["system"] for row in rows} == {"duo"}
    assert {row["test_data"] for row in rows} == {"corpus"}
    assert {len(row["checkpoint_sha256"]) for row in rows} == {64}


def test_measuring_again_replaces_the_rows(divisi, corpus, duo, tmp_path):
    table = tmp_path / "rows.csv"
    for _ in range(2):
        divisi("evaluate", corpus, "--model", duo, "--csv", table)
        first = len(rows_of(table))
    assert len(rows_of(table)) == first


def test_a_folder_without_stems_is_refused(divisi, duo, tmp_path):
    (tmp_path / "empty").mkdir()
    table = tmp_path / "rows.csv"
    code, _, err = divisi("evaluate", tmp_path / "empty", "--model", duo, "--csv", table)
    assert code == 2 and len(err) == 1 and "empty" in err[0]
    assert not table.exists()


def test_another_kind_of_table_is_refused_before_the_work(divisi, corpus, tmp_path):
    table = tmp_path / "rows.csv"
    table.write_text("a,b\n1,2\n")
    code, _, err = divisi("evaluate", corpus, "--model", "unread", "--csv", table)
    assert code == 2 and len(err) == 1 and "rows.csv" in err[0]
    assert table.read_text() == "a,b\n1,2\n"
    code, _, err = divisi("evaluate", corpus, "--model", "unread", "--csv", tmp_path)
    assert code == 2 and len(err) == 1 and "--csv" in err[0]


def test_an_instrument_that_the_model_does_not_know_gives_a_warning(divisi, corpus, duo, tmp_path):
    (corpus / "piece 2" / "bassoon.wav").rename(corpus / "piece 2" / "horn.wav")
    code, _, err = divisi("evaluate", corpus, "--model", duo, "--csv", tmp_path / "rows.csv")
    assert code == 0
    assert any("horn" in line and line.startswith("divisi: warning: ") for line in err)


def test_a_broken_piece_is_told_and_the_others_are_kept_and_resumed(divisi, corpus, duo, tmp_path):
    table, good = tmp_path / "rows.csv", (corpus / "piece 2" / "violin.wav").read_bytes()
    (corpus / "piece 2" / "violin.wav").write_text("broken")
    words = ("evaluate", corpus, "--model", duo, "--csv", table)
    code, out, err = divisi(*words)
    assert code == 2 and len(err) == 2
    assert err[0].startswith("divisi: warning: piece 2/violin.wav: ")
    assert "1 of 2 pieces were not measured, the first is piece 2" in err[1]
    assert {row["track"] for row in rows_of(table)} == {"piece 1"}
    (corpus / "piece 2" / "violin.wav").write_bytes(good)
    (corpus / "piece 1" / "violin.wav").write_text("not read again")
    code, out, err = divisi(*words, "--resume")
    assert (code, err) == (0, []) and "12 rows of 1 pieces" not in out[-1]
    assert {row["track"] for row in rows_of(table)} == {"piece 1", "piece 2"}


def test_rows_are_measured_on_the_stems_that_separate_writes(divisi, detector, tmp_path):
    """By default the instruments are detected, and the row says so."""
    folder, rng = tmp_path / "corpus" / "duo", np.random.default_rng(0)
    folder.mkdir(parents=True)
    stems = {"violin": rng.uniform(-0.3, 0.3, 16000), "horn": rng.uniform(-0.2, 0.2, 16000)}
    for name, stem in stems.items():
        soundfile.write(folder / f"{name}.wav", stem, 8000, "FLOAT")
    soundfile.write(tmp_path / "mix.wav", sum(stems.values()), 8000, "FLOAT")
    for known in ("detected", "named", "all"):
        table, words = tmp_path / f"{known}.csv", {"detected": [], "named": ["violin,horn"]}
        divisi(
            "evaluate", folder.parent, "--model", detector, "--csv", table, "--instruments", known
        )
        names = words.get(known, ["all"])
        options = ["--instruments", *names] if names else []
        divisi(
            "separate", tmp_path / "mix.wav", "-o", tmp_path / known, "--model", detector, *options
        )
        for row in rows_of(table):
            if row["metric"] == "SNR" and row["system"] == "detector":
                stem = soundfile.read(tmp_path / known / "mix" / f"{row['instrument']}.wav")[0]
                reference = stems[row["instrument"]]
                noise = np.sum((stem - reference) ** 2)
                ratio = 10 * np.log10(np.sum(reference**2) / noise)
                assert float(row["value"]) == pytest.approx(ratio, abs=1e-3)
                assert row["config"] == f"mask_net.MaskNet (instruments {known})"


def test_an_empty_table_and_only_broken_pieces_end_in_one_sentence(divisi, corpus, duo, tmp_path):
    table = tmp_path / "rows.csv"
    results.append(table, [])
    for path in corpus.rglob("violin.wav"):
        path.write_bytes(b"no sound")
    code, _, err = divisi("evaluate", corpus, "--model", duo, "--csv", table)
    assert code == 2 and err[-1].startswith("divisi: 2 of 2 pieces were not measured")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
def test_what_is_no_file_is_no_table(divisi, corpus, tmp_path):
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    for place in ("/dev/full", tmp_path / "loop.csv", corpus / "piece 1" / "violin.wav" / "t.csv"):
        code, _, [err] = divisi("evaluate", corpus, "--csv", place)
        assert code == 2 and err.startswith(f"divisi: {place}: cannot be written;")


def test_the_mixtures_that_are_written_are_the_floor_of_another_tool(divisi, corpus, tmp_path):
    table, mixtures = tmp_path / "rows.csv", tmp_path / "mixtures"
    code, out, err = divisi("evaluate", corpus, "--mixtures", mixtures)
    assert (code, err) == (0, []) and "2 pieces" in out[0]
    for path in mixtures.iterdir():  # a tool that separates nothing
        for name in ("Violine", "Drums"):
            folder = tmp_path / "stems" / path.stem
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.wav").write_bytes(path.read_bytes())
    words = ("evaluate", corpus, "--estimates", tmp_path / "stems", "--system", "copy")
    code, out, err = divisi(*words, "--csv", table)
    assert (code, err) == (0, [])
    assert any(line.startswith("bassoon has no estimate") for line in out)
    assert any(line.startswith("drums is no stem") and "(2 of 2 pieces" in line for line in out)
    values = {(row["system"], row["instrument"], row["metric"]): row for row in rows_of(table)}
    copied, floor = values["copy", "violin", "SI-SDR"], values["mixture", "violin", "SI-SDR"]
    assert copied["value"] == floor["value"] and copied["config"] == "stems in files"
    assert float(values["copy", "drums", "leak"]["value"]) == pytest.approx(0, abs=1e-3)
    assert ("oracle-irm", "violin", "SI-SDR") in values


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "one of the arguments --csv --mixtures is required"),
        (("--csv", "t.csv", "--estimates", "none"), "belong together; give both."),
        (("--csv", "t.csv", "--system", "x"), "belong together; give both."),
        (("--csv", "t.csv", "--estimates", "none", "--system", "x"), "there is no such folder"),
        (("--csv", "t.csv", "--estimates", ".", "--system", "mixture"), "choose another one."),
        (("--csv", "t.csv", "--estimates", "..", "--system", "x"), "no estimates of these pieces"),
        (
            ("--csv", "t.csv", "--estimates", ".", "--system", "x", "--instruments", "all"),
            "leave it out with --estimates.",
        ),
        (("--mixtures", "."), "exists and is no empty folder; choose another one."),
        (("--csv", "t.csv", "--estimates", ".", "--model", "x"), "not allowed with"),
    ],
)
def test_what_does_not_go_together_is_refused(divisi, corpus, monkeypatch, words, sentence):
    monkeypatch.chdir(corpus)
    code, _, [err] = divisi("evaluate", corpus, *words)
    assert code == 2 and sentence in err
    assert not (corpus / "t.csv").exists()
