"""Random windows of a store: the same ones in every process, and every window as likely."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Subset

from helpers.datasets import stems_pb2
from helpers.datasets.lmdb_store import Store
from helpers.datasets.packing import pack
from helpers.datasets.store_dataset import StoreDataset
from helpers.datasets.store_records import StoreError, sealed
from helpers.models.wave_unet import WaveUNet, WaveUNetConfig
from helpers.training.config import TrainingConfig
from helpers.training.losses import negative_snr
from helpers.training.trainer import fit
from tests.datasets.stores import RATE, changed, track

DUO = track("duo", 2.5, "violin", "piano")
TRIO = track("trio", 1.25, "violin-1", "violin-2", "cello", recorded=True)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A store of a duo in records 0 to 2 and a trio in records 3 and 4, one second each."""
    path = tmp_path_factory.mktemp("store") / "pieces.lmdb"
    pack([DUO, TRIO], path, progress=False)
    return path


def test_windows_depend_only_on_the_seed_and_their_number(path):
    dataset = StoreDataset(path, ("violin", "cello"), 0.5, seed=3)
    mixture, stems = dataset[7]
    assert mixture.shape == (1, 4000) and stems.shape == (2, 1, 4000)
    assert torch.equal(mixture, stems.sum(0)) and len(dataset) == 2**31
    copy = pickle.loads(pickle.dumps(dataset))  # as a spawned worker gets it
    assert torch.equal(copy[7][1], stems)
    assert torch.equal(StoreDataset(path, ("violin", "cello"), 0.5, seed=3)[7][1], stems)
    assert not torch.equal(StoreDataset(path, ("violin", "cello"), 0.5, seed=4)[7][1], stems)


def test_workers_read_the_same_windows(path):
    dataset = Subset(StoreDataset(path, ("violin", "piano"), 0.5), range(24))
    dataset[0]  # the file is open before the workers are forked
    alone = torch.cat([stems for _, stems in DataLoader(dataset, 4)])
    assert torch.equal(
        torch.cat([stems for _, stems in DataLoader(dataset, 4, num_workers=2)]), alone
    )


def test_windows_begin_everywhere_and_hold_the_stems_of_their_track(path):
    dataset = StoreDataset(path, ("violin", "piano", "cello"), 0.5)
    seen = {"duo": [], "trio": []}
    for index in range(400):
        _, stems = dataset[index]
        name = "trio" if stems[2].any() else "duo"
        both = TRIO.stems["violin-1"] + TRIO.stems["violin-2"]
        violin = (DUO.stems["violin"] if name == "duo" else both)[0]
        start = int(np.flatnonzero(violin == float(stems[0, 0, 0]))[0])
        while not np.array_equal(violin[start : start + 4000], stems[0, 0]):
            start += 1
        seen[name].append(start)
        assert stems[1].any() == (name == "duo")
    # 16001 windows begin in the duo and 6001 in the trio
    assert len(seen["duo"]) / 400 == pytest.approx(16_001 / 22_002, abs=0.07)
    assert min(seen["duo"]) < 800 and max(seen["duo"]) > 15_200


def test_a_track_without_the_sources_is_never_drawn(path):
    dataset = StoreDataset(path, ("cello",), 0.5)
    assert all(dataset[index][1].any() for index in range(50))


def test_a_track_shorter_than_the_window_ends_in_silence(path):
    _, stems = StoreDataset(path, ("cello",), 2.0)[0]
    assert np.array_equal(stems[0, :, :10_000], TRIO.stems["cello"])
    assert not stems[0, :, 10_000:].any()


def test_sources_that_no_track_has_are_refused(path):
    with pytest.raises(StoreError, match="no track has any of oboe; there are cello, piano"):
        StoreDataset(path, ("oboe",), 0.5)


def test_recordings_kept_for_evaluation_are_read_but_not_trained_on(path):
    entry = stems_pb2.Track(name="duo", stems=["violin", "piano"], samples=20_000, corpus="trios")
    held_out = changed(path, {b"track 00000000": sealed(b"track 00000000", entry)})
    assert Store(held_out)[0].name == "duo"
    with pytest.raises(StoreError, match="'duo' is from trios, which is kept for evaluation"):
        StoreDataset(held_out, ("violin",), 0.5)


def test_a_model_trains_on_a_store(path, tmp_path):
    torch.manual_seed(0)
    config = WaveUNetConfig(("violin", "piano"), RATE, segment_seconds=0.25, levels=2, width=2)
    numbers = TrainingConfig(
        steps=3, batch_size=2, log_every=1, validate_every=3, checkpoint_every=3, workers=1
    )
    history = fit(
        WaveUNet(config), negative_snr, StoreDataset(path, ("violin", "piano"), 0.25),
        config=numbers, folder=tmp_path / "run", progress=False,
    )  # fmt: skip
    assert len(history.rows) == 3
