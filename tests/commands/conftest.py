"""Models whose outputs are known, and the command line in this process."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import torch

from helpers.cli import main
from helpers.datasets.download import DownloadError
from helpers.models.wave_unet import WaveUNet, WaveUNetConfig
from helpers.training.checkpoints import save_model
from helpers.transcription import polyphony

RATE = 8000


@pytest.fixture(scope="session")
def scaling_model(tmp_path_factory):
    """Save a model whose estimate of each source is the mixture times a number."""

    def save(name="scaling", **scales):
        torch.manual_seed(0)
        config = WaveUNetConfig(
            sources=tuple(scales), sample_rate=RATE, segment_seconds=1.0, levels=2, width=2,
            difference_output=False,
        )  # fmt: skip
        model = WaveUNet(config)
        with torch.no_grad():
            model.output.weight.zero_()
            model.output.bias.zero_()
            model.output.weight[:, -1, 0] = torch.tensor(list(scales.values()))
        folder = tmp_path_factory.mktemp("checkpoints")
        return save_model(model, folder, name, provenance={"corpus": "none"})[1]

    return save


@pytest.fixture(scope="session")
def duo(scaling_model):
    """Violin: half of the mixture; bassoon: three tenths. One fifth is left over."""
    return scaling_model("duo", violin=0.5, bassoon=0.3)


@pytest.fixture(scope="session")
def loud(scaling_model):
    """Violin: twice the mixture; bassoon: a tenth of it."""
    return scaling_model("loud", violin=2.0, bassoon=0.1)


@pytest.fixture
def recording(tmp_path):
    """Write noise of peak 0.9 as a file of any kind; returns its path."""

    def write(name="quartet.wav", rate=RATE, channels=1, seconds=2.0, subtype=None, peak=0.9):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(0).uniform(-1, 1, (round(seconds * rate), channels))
        noise *= peak / max(np.abs(noise).max(), 1e-9)
        soundfile.write(path, noise, rate, subtype)
        return path

    return write


@pytest.fixture
def divisi(capsys):
    """Run a command line; returns (exit code, lines on stdout, lines on stderr)."""

    def run(*words):
        try:
            code = main([str(word) for word in words])
        except SystemExit as stop:
            code = stop.code
        output = capsys.readouterr()
        return code, output.out.splitlines(), output.err.splitlines()

    return run


@pytest.fixture
def network():
    """Skips where the packages or the ONNX file of Basic Pitch are not to be had."""
    pytest.importorskip("onnxruntime")
    pytest.importorskip("swift_f0")
    try:
        polyphony.weights()
    except DownloadError as error:
        pytest.skip(str(error))
