"""A bank returns what was stored, and lists pieces completely or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from joblib import parallel_config

from helpers.datasets.manifests import manifest
from helpers.datasets.renderings import RenderingConfig, render_chorale
from helpers.datasets.stem_bank import RenderedStem, StemBank, build_bank, write_piece
from helpers.music.arrangements import Excerpt
from helpers.runtime import repository_root
from helpers.synthesis.soundfonts import find_soundfonts
from tests.datasets.bank_script import PIECES, noise_variants

RATE = 8000
HERE = Path(__file__).parent
QUARTET = ("violin", "clarinet", "saxophone", "bassoon")


def ramp(length: int, start: int = 0) -> np.ndarray:
    """(1, length) float32 of sample numbers; exact in 16 bits."""
    return (np.arange(start, start + length, dtype=np.float32) / 1024)[None]


def perform(piece: str) -> list[RenderedStem]:
    """Two stems that differ from piece to piece."""
    number = int(piece.partition("-")[2])
    return [
        RenderedStem("violin", "soundfont", 0, ramp(100, 10 * number)),
        RenderedStem("bassoon", "tones", 3, ramp(80, 500 + number)),
    ]


def test_a_variant_is_read_as_it_was_stored(tmp_path):
    bank = build_bank(tmp_path, ["piece-1", "piece-2"], perform, RATE, workers=1)
    assert bank.sample_rate == RATE
    assert [
        (variant.piece, variant.instrument, variant.kind, variant.voice)
        for variant in bank.variants
    ] == [
        ("piece-1", "violin", "soundfont", 0),
        ("piece-1", "bassoon", "tones", 3),
        ("piece-2", "violin", "soundfont", 0),
        ("piece-2", "bassoon", "tones", 3),
    ]
    stored = [variant.stem for piece in ("piece-1", "piece-2") for variant in perform(piece)]
    for variant, stem in zip(bank.variants, stored, strict=True):
        assert variant.length == stem.shape[-1]
        window = bank.read(variant, 0, variant.length)
        assert window.dtype == np.float32
        np.testing.assert_array_equal(window, stem)


def test_rounding_to_float16_is_sixty_decibels_below_the_sound(tmp_path):
    noise = np.random.default_rng(0).normal(0.0, 0.01, (1, 4000)).astype(np.float32)
    write_piece(tmp_path, "noise", RATE, [RenderedStem("violin", "solo", None, noise)])
    bank = StemBank(tmp_path)
    error = bank.read(bank.variants[0], 0, 4000) - noise
    assert 10 * np.log10(np.mean(error**2) / np.mean(noise**2)) < -60.0


def test_a_window_is_zero_padded_and_never_reaches_into_the_next_variant(tmp_path):
    bank = build_bank(tmp_path, ["piece-1"], perform, RATE, workers=1)
    violin = bank.variants[0]
    window = bank.read(violin, 90, 30)
    np.testing.assert_array_equal(window[:, :10], ramp(10, 100))
    assert not window[:, 10:].any()
    assert not bank.read(violin, 200, 30).any()


def test_only_the_requested_pieces_are_listed(tmp_path):
    build_bank(tmp_path, ["piece-1", "piece-2"], perform, RATE, workers=1)
    other = build_bank(tmp_path, ["piece-3"], perform, RATE, workers=1)
    assert {variant.piece for variant in other.variants} == {"piece-3"}
    assert {variant.piece for variant in StemBank(tmp_path, pieces=["piece-2"]).variants} == {
        "piece-2"
    }


def test_two_folders_make_one_bank(tmp_path):
    build_bank(tmp_path / "a", ["piece-1"], perform, RATE, workers=1)
    build_bank(tmp_path / "b", ["piece-2"], perform, RATE, workers=1)
    bank = StemBank(tmp_path / "a", tmp_path / "b")
    np.testing.assert_array_equal(bank.read(bank.variants[2], 0, 100), ramp(100, 20))


def test_pieces_of_two_sample_rates_are_refused(tmp_path):
    write_piece(tmp_path, "piece-1", RATE, perform("piece-1"))
    write_piece(tmp_path, "piece-2", 2 * RATE, perform("piece-2"))
    with pytest.raises(ValueError, match=r"\[8000, 16000\] Hz"):
        StemBank(tmp_path)


def test_a_folder_without_pieces_is_refused(tmp_path):
    with pytest.raises(ValueError, match=rf"{tmp_path.name}.*there are none"):
        StemBank(tmp_path)


def test_a_piece_without_stems_is_refused(tmp_path):
    with pytest.raises(ValueError, match="piece-1"):
        write_piece(tmp_path, "piece-1", RATE, [])
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_bank_is_resumed(tmp_path):
    pieces = ["piece-1", "piece-2", "piece-3"]

    def stopped(piece):
        if piece == "piece-2":
            raise KeyboardInterrupt
        return perform(piece)

    with pytest.raises(KeyboardInterrupt):
        build_bank(tmp_path, pieces, stopped, RATE, workers=1)
    assert {variant.piece for variant in StemBank(tmp_path).variants} == {"piece-1"}
    performed = []

    def counted(piece):
        performed.append(piece)
        return perform(piece)

    bank = build_bank(tmp_path, pieces, counted, RATE, workers=1)
    assert performed == ["piece-2", "piece-3"]
    assert {variant.piece for variant in bank.variants} == set(pieces)
    build_bank(tmp_path, pieces, counted, RATE, workers=1)
    assert len(performed) == 2


@pytest.mark.parametrize("moment", range(4))
def test_a_killed_piece_is_listed_completely_or_not_at_all(tmp_path, monkeypatch, moment):
    """Killed while its samples are written, before each of the two renames, or after them."""
    write_piece(tmp_path, "piece-1", RATE, perform("piece-1"))
    steps = iter(range(4))
    replace, write = os.replace, np.save

    def killed_at(action):
        def act(*arguments):
            if next(steps) == moment:
                raise KeyboardInterrupt
            return action(*arguments)

        return act

    def cut_short(file, samples):
        if next(steps) == moment:
            file.write(b"\x93NUMPY")
            raise KeyboardInterrupt
        write(file, samples)

    monkeypatch.setattr(os, "replace", killed_at(replace))
    monkeypatch.setattr(np, "save", cut_short)
    try:
        write_piece(tmp_path, "piece-2", RATE, perform("piece-2"))
    except KeyboardInterrupt:
        assert moment < 3
    bank = StemBank(tmp_path)
    whole = {"piece-1"} if moment < 3 else {"piece-1", "piece-2"}
    assert {variant.piece for variant in bank.variants} == whole
    for variant in bank.variants:
        assert bank.read(variant, 0, 10).any()
    monkeypatch.undo()
    again = build_bank(tmp_path, ["piece-1", "piece-2"], perform, RATE, workers=1)
    np.testing.assert_array_equal(again.read(again.variants[2], 0, 100), ramp(100, 20))


def test_several_processes_fill_the_same_bank(tmp_path):
    pieces = [f"piece-{number}" for number in range(6)]
    build_bank(tmp_path / "many", pieces, perform, RATE, workers=2)
    build_bank(tmp_path / "one", pieces, perform, RATE, workers=1)
    for kind in ("*.json", "*.npy"):
        files = sorted((tmp_path / "many").glob(kind))
        assert [file.stem for file in files] == pieces
        for file in files:
            assert file.read_bytes() == (tmp_path / "one" / file.name).read_bytes()


def test_an_index_is_plain_json(tmp_path):
    write_piece(tmp_path, "piece-1", RATE, perform("piece-1"))
    card = json.loads((tmp_path / "piece-1.json").read_text())
    assert card["sample_rate"] == RATE
    assert card["variants"][1] == {
        "piece": "piece-1",
        "instrument": "bassoon",
        "kind": "tones",
        "voice": 3,
        "start": 100,
        "length": 80,
        "rms": pytest.approx(np.sqrt(np.mean(perform("piece-1")[1].stem ** 2))),
        "notes": [],
    }


def test_a_piece_is_stored_under_its_name(tmp_path):
    """Names may have slashes and dots."""
    pieces = [Excerpt("haydn/opus74no1/movement1", start, 30.0) for start in (12.5, 12.7)]
    bank = build_bank(tmp_path, pieces, lambda _: perform("piece-1"), RATE, workers=1)
    first, second = map(str, pieces)
    assert [variant.piece for variant in bank.variants] == [first] * 2 + [second] * 2
    assert bank.read(bank.variants[2], 0, 10).any()
    only_second = StemBank(tmp_path, pieces=pieces[1:])
    assert {variant.piece for variant in only_second.variants} == {second}


def test_more_pieces_are_read_than_files_may_be_open(tmp_path):
    build_bank(tmp_path, [f"piece-{n}" for n in range(60)], perform, RATE, workers=1)
    bank = StemBank(tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    already = max(map(int, os.listdir("/dev/fd")))
    resource.setrlimit(resource.RLIMIT_NOFILE, (already + 20, hard))
    try:
        assert all(bank.read(variant, 0, 10).shape == (1, 10) for variant in bank.variants)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_manifest_is_in_the_folder_and_is_no_piece(tmp_path):
    made = {"rendering": {"seed": 3, "instruments": ("violin", "bassoon")}}
    bank = build_bank(tmp_path, ["piece-1"], perform, RATE, workers=1, manifest=made)
    assert (
        {variant.piece for variant in bank.variants}
        == {"piece-1"}
        == {variant.piece for variant in StemBank(tmp_path).variants}
    )
    kept = json.loads((tmp_path / "manifest.json").read_text())
    assert kept == {"rendering": {"seed": 3, "instruments": ["violin", "bassoon"]}}
    again = build_bank(tmp_path, ["piece-1", "piece-2"], perform, RATE, workers=1, manifest=made)
    assert len(again.variants) == 4


def test_a_bank_with_another_manifest_is_refused_by_the_differences(tmp_path):
    made = {"rendering": {"seed": 3}, "soundfonts": {"grand": "12ab"}}
    build_bank(tmp_path, ["piece-1"], perform, RATE, workers=1, manifest=made)
    other = {"rendering": {"seed": 4}, "soundfonts": {"grand": "12ab"}, "versions": {"numpy": "2"}}
    with pytest.raises(ValueError) as refused:
        build_bank(tmp_path, ["piece-2"], perform, RATE, workers=1, manifest=other)
    assert str(refused.value) == (
        f"{tmp_path}: this bank was rendered with other rendering, versions; delete the folder or "
        "choose another."
    )
    assert {path.stem for path in tmp_path.glob("*.npy")} == {"piece-1"}


def test_a_bank_without_manifest_is_refused(tmp_path):
    write_piece(tmp_path, "piece-1", RATE, perform("piece-1"))
    with pytest.raises(ValueError, match=rf"{tmp_path.name}: .* no manifest.json; delete"):
        build_bank(tmp_path, ["piece-2"], perform, RATE, workers=1, manifest={"seed": 3})


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_build_leaves_complete_pieces_and_resumes_to_the_same_bits(tmp_path, workers):
    """SIGKILL to the builder and its processes, as soon as two pieces are there."""
    command = [sys.executable, str(HERE / "bank_script.py"), str(tmp_path / "killed"), str(workers)]
    path = os.pathsep.join([str(repository_root()), os.environ.get("PYTHONPATH", "")])
    builder = subprocess.Popen(
        command, env={**os.environ, "PYTHONPATH": path}, start_new_session=True
    )
    while len(list((tmp_path / "killed").glob("noise-*.json"))) < 2:
        assert builder.poll() is None, "it ended before it could be killed"
        time.sleep(0.005)
    os.killpg(builder.pid, signal.SIGKILL)
    assert builder.wait() == -signal.SIGKILL
    done = [path.stem for path in (tmp_path / "killed").glob("noise-*.json")]
    assert 2 <= len(done) < len(PIECES)
    bank = StemBank(tmp_path / "killed")
    assert all(bank.read(variant, variant.length - 10, 10).all() for variant in bank.variants)

    for folder in ("killed", "whole"):
        build_bank(tmp_path / folder, PIECES, noise_variants, RATE, 1, {"seed": 0})
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")


def contents(folder: Path) -> dict[str, str]:
    """The sha256 of every file of a finished bank; drafts of killed builders do not count."""
    files = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def chorales(tmp_path_factory):
    """A bank of three chorales, played by one soundfont and by tones; and how it is built."""
    fonts = [font.stem for font in find_soundfonts() if font.stem == "TimGM6mb"]
    config = RenderingConfig(
        QUARTET, RATE, tuple(fonts), timbre_substitution=len(fonts), max_seconds=3.0
    )
    build = partial(
        build_bank,
        pieces=["bwv269", "bwv347", "bwv392"],
        render=partial(render_chorale, config=config, notes_root=None),
        sample_rate=RATE,
        manifest=manifest(config, None),
    )
    folder = tmp_path_factory.mktemp("chorales")
    build(folder, workers=1)
    return folder, build


@pytest.mark.parametrize("lost", [".npy", ".json", "both"])
def test_a_deleted_piece_is_rendered_again_to_the_same_bits(chorales, lost):
    folder, build = chorales
    before = contents(folder)
    for kind in (".npy", ".json"):
        if lost in (kind, "both"):
            (folder / f"bwv347{kind}").unlink()
    build(folder, workers=1)
    assert contents(folder) == before


@pytest.mark.parametrize("backend", ["threading", "multiprocessing", "loky"])
def test_any_backend_of_joblib_fills_the_same_bank(chorales, tmp_path, backend):
    folder, build = chorales
    with parallel_config(backend=backend, n_jobs=2):
        build(tmp_path, workers=None)
    assert contents(tmp_path) == contents(folder)


def test_a_dask_cluster_fills_the_same_bank(chorales, tmp_path):
    from distributed import Client, LocalCluster

    folder, build = chorales
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with cluster, Client(cluster) as client, parallel_config(backend="dask"):
        build(tmp_path)
        done = client.run(lambda dask_worker: dask_worker.state.executed_count)
    assert contents(tmp_path) == contents(folder)
    assert sum(done.values()) == 3  # the three pieces were made there
