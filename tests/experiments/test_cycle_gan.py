"""Training data without pairs, and the experiment of chapter 07 at toy size."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from experiments import cycle_gan, unpaired
from experiments.cycle_gan import SYSTEMS, config_of, curve, jobs, of_length
from experiments.jobs import missing, run
from experiments.unpaired import SOURCES, datasets, halves, recipe_of
from helpers.audio.track import Track
from helpers.datasets.stem_bank import RenderedStem, build_bank
from helpers.evaluation import results
from helpers.evaluation.baselines import mixture_baseline, oracle_ratio_mask
from helpers.evaluation.evaluate import rows_of
from helpers.evaluation.rows import Provenance

RATE = 16_000
PIECES = ("a", "b", "haydn@0000-0010", "haydn@0010-0020", "c", "bach@0000-0010")


def stems_of(piece):
    """Tones that tell the piece: the level of its violin is its place in `PIECES`."""
    time, level = np.arange(2 * RATE) / RATE, (1 + PIECES.index(piece)) / 10
    for voice, (name, hertz) in enumerate(zip(SOURCES, (880, 220), strict=True)):
        tone = (level * np.sin(2 * np.pi * hertz * time)).astype(np.float32)
        yield RenderedStem(name, "soundfont", voice, tone[None])


@pytest.fixture
def bank(tmp_path):
    return build_bank(tmp_path / "bank", PIECES, stems_of, RATE, workers=1)


@pytest.fixture
def toy(bank, monkeypatch):
    """The recipe of the smoke profile on a bank of tones."""
    monkeypatch.setenv("DIVISI_PROFILE", "smoke")
    monkeypatch.setattr(unpaired, "stem_bank", lambda recipe, split: bank)


@pytest.fixture
def tracks():
    """A duo of noises, two seconds."""
    noise = np.random.default_rng(0).normal(0, 0.1, (2, 1, 2 * RATE)).astype(np.float32)
    return {"noises": [Track("duo", RATE, dict(zip(SOURCES, noise, strict=True)))]}


def test_no_piece_and_no_work_is_on_both_sides(bank):
    sides = [{variant.piece for variant in half.variants} for half in halves(bank)]
    assert set.union(*sides) == set(PIECES) and not set.intersection(*sides)
    works = [{piece.split("@")[0] for piece in side} for side in sides]
    assert not set.intersection(*works) and all(len(each) >= 2 for each in works)


def test_an_example_has_the_mixture_of_one_half_and_solos_of_the_other(toy, bank):
    data = datasets(recipe_of())
    own, solos = (set(data[name].mixer.bank.variants) for name in ("own stems", "mixed solos"))
    assert not {each.piece for each in own} & {each.piece for each in solos}
    for index in range(5):
        mixture, stems = data["unpaired"][index]
        assert torch.equal(mixture, data["own stems"][index][0])
        assert torch.equal(stems, data["mixed solos"][index][1])
        assert mixture.shape == (1, 16_384) and stems.shape == (2, 1, 16_384)


def test_the_level_of_a_solo_says_nothing_about_that_of_a_mixture(toy):
    data = datasets(recipe_of())
    levels = [
        [data[name][index][1].square().mean().item() for index in range(8)]
        for name in ("own stems", "mixed solos")
    ]
    assert abs(np.corrcoef(np.log(levels))[0, 1]) < 0.9


def test_a_mixture_has_stems_of_one_piece_and_solos_come_from_any(toy):
    data = datasets(recipe_of())
    draws = {
        name: [
            {segment.variant.piece for segment in data[name].mixer.draw(np.random.default_rng(i))}
            for i in range(20)
        ]
        for name in ("own stems", "mixed solos")
    }
    assert all(len(pieces) == 1 for pieces in draws["own stems"])
    assert any(len(pieces) == 2 for pieces in draws["mixed solos"])


def test_the_halves_are_the_same_every_time(bank):
    first, second = (
        [[asdict(variant) for variant in half.variants] for half in halves(bank)] for _ in range(2)
    )
    assert first == second


def test_floor_and_oracle_have_all_metrics(tracks):
    where = Provenance("07_cycle_gan", "noises")
    rows = cycle_gan.measured("mixture", mixture_baseline, tracks["noises"], where)
    floor = {row.metric: row.value for row in rows if row.instrument == "violin"}
    assert floor["SI-SDR"] == pytest.approx(0, abs=0.2) == floor["SIR"]
    assert floor["SAR"] > 100 and set(floor) >= {"SI-SIR", "SI-SAR", "SNR", "SDR"}
    rows = cycle_gan.measured("oracle-irm", oracle_ratio_mask, tracks["noises"], where)
    assert all(row.value > 3 for row in rows if row.metric == "SDR")


def test_an_ablation_changes_one_setting():
    changed = [set(system.changes) for system in SYSTEMS.values() if not system.pairs]
    assert [len(each) for each in changed] == [0, 1, 2, 1, 1, 0]  # clipping replaces the penalty
    assert [name for name, system in SYSTEMS.items() if system.seeds == 3] == [
        "pairs", "pairs, longer", "mixed solos", "mixed solos, longer", "cycle GAN",
    ]  # fmt: skip


def test_all_systems_start_from_the_same_weights(toy, tmp_path, monkeypatch):
    monkeypatch.setattr(results, "output_folder", lambda name: tmp_path / name)
    first = []

    def record(separator, *_, **__):
        first.append({name: value.clone() for name, value in separator.state_dict().items()})
        raise KeyboardInterrupt

    monkeypatch.setattr(cycle_gan, "fit", record)
    monkeypatch.setattr(cycle_gan, "fit_cycle", record)
    for name in ("pairs", "cycle GAN", "mixer is the sum"):
        with pytest.raises(KeyboardInterrupt):
            cycle_gan.train(name, 0, 2, progress=False)
    assert all(torch.equal(value, other[n]) for other in first for n, value in first[0].items())


def test_the_experiment_fills_both_tables_and_skips_what_they_hold(
    toy, tracks, tmp_path, monkeypatch
):
    monkeypatch.setattr(results, "output_folder", lambda name: tmp_path / name)
    monkeypatch.setattr(cycle_gan, "ADVERSARIAL", replace(cycle_gan.ADVERSARIAL, log_every=1))
    names, table = ("pairs", "cycle GAN", "mixer is the sum"), results.results_path("07_cycle_gan")
    todo = jobs(tracks, names, seeds=(0, 1), steps=2, progress=False)
    systems = [job.columns["system"] for job in todo]
    assert systems == [
        "mixture", "oracle-irm", "oracle-ibm", *names, "pairs", "cycle GAN",
    ]  # fmt: skip
    run([job for job in todo if job.columns.get("seed") != 1], table)
    assert [job.columns.get("seed") for job in missing(todo, table)] == [1, 1]
    measured = {(row.system, row.train_data) for row in results.read(table)}
    assert {("pairs", "own stems"), ("cycle GAN", "unpaired")} < measured
    curves = results.results_path("07_curves")
    assert curve(curves, "cycle GAN", "distance_stems")[0] == [1, 2]
    assert curve(curves, "cycle GAN", "val_si_sdr")[0] == [2]
    assert len(curve(curves, "pairs", "loss")[0]) == 1
    assert curve(curves, "pairs", "cycle") == ([], [])


def test_trainings_of_two_lengths_do_not_mix(tmp_path):
    table, rows = tmp_path / "curves.csv", []
    for steps in (3, 30):
        where = Provenance("07", "training", config=config_of("no cycle", steps))
        rows += rows_of("no cycle", f"step {steps:06d}", 1.0, where, [("all", "loss", steps / 10)])
    results.append(table, rows + rows_of("mixture", "duo", 1.0, Provenance("07", "x"), []))
    assert curve(table, "no cycle", "loss") == ([3, 30], [0.3, 3.0])
    assert curve(table, "no cycle", "loss", 0, config_of("no cycle", 3)) == ([3], [0.3])
    floor = pd.DataFrame([{"system": "mixture", "config": "", "value": -5.0}])
    kept = of_length(pd.concat([results.read_table(table), floor]), 30)
    assert kept["value"].tolist() == [3.0, -5.0]


@pytest.mark.parametrize("folder", [None, "empty", "trios/mozart"])
def test_without_the_trio_by_brahms_only_rendered_duos_are_tests(tmp_path, monkeypatch, folder):
    monkeypatch.setattr(cycle_gan, "test_pieces", lambda *_: [])
    if folder:
        (tmp_path / folder).mkdir(parents=True)
        for name in ("violin", "piano"):
            soundfile.write(tmp_path / folder / f"{name}.wav", np.zeros(900), 8000)
        monkeypatch.setenv("DIVISI_DATA", str(tmp_path))
    else:
        monkeypatch.delenv("DIVISI_DATA", raising=False)
    assert list(cycle_gan.tests()) == ["piano-violin-seen", "piano-violin-unseen"]
