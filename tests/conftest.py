"""What all tests share: one thread, repeatable fuzzing, and skips that say what is missing."""

from __future__ import annotations

import os
import shutil

# The threads of OpenMP wait for each other in a busy loop: on a machine that has other work to do,
# a small training takes ten times as long with two threads as with one.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
from hypothesis import settings

from helpers.evaluation.rows import Row
from helpers.models.mask_net import MaskNet, MaskNetConfig
from helpers.runtime import data_root
from helpers.training.checkpoints import save_model

settings.register_profile("divisi", deadline=None, derandomize=True)
settings.load_profile("divisi")

NEEDS = {
    "real_audio": (data_root, "there are no recordings: DIVISI_DATA is not set to a folder"),
    "browser": (
        lambda: shutil.which("chromium"),
        "there is no Chromium: apt-get install chromium (Ubuntu's is a snap and will not do)",
    ),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for mark, (present, reason) in NEEDS.items():
        if not present():
            for item in items:
                if item.get_closest_marker(mark):
                    item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def detector(tmp_path_factory):
    """A checkpoint of a model with detection, whose stems of any signal are six tenths
    violin, nearly four tenths horn, and a hundredth (-40 dB) piano."""
    sizes = {"sample_rate": 8000, "window": 512, "hop": 128, "highest": 3000.0, "conditioned": True}
    small = {"width": 4, "pitch_channels": 2, "hidden": 8, "layers": 1, "segment_seconds": 1.0}
    model = MaskNet(MaskNetConfig(("violin", "horn", "piano"), **sizes, **small))
    with torch.no_grad():
        model.decide.weight.zero_()
        model.decide.bias.copy_(torch.tensor([0.6, 0.39, 0.01]).log())
    return save_model(model, tmp_path_factory.mktemp("checkpoints"), "detector", {})[1]


@pytest.fixture
def row() -> Row:
    """One complete row of a table, for tests to vary."""
    return Row(
        notebook="01_synthetic_tones", system="wave-unet", train_data="tones", test_data="tones-2",
        track="melody 1", instrument="voice-1", metric="SI-SDR", value=12.34567, n_seconds=10.0,
        seed=0, config="default", checkpoint_sha256="none", commit="abc1234", device="cpu",
        profile="full",
    )  # fmt: skip
