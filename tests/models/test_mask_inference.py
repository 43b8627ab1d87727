"""nussl's mask inference: the contract, its target, and an import that leaves no trace."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest
import torch

from experiments.folds import piece
from helpers.datasets.stem_folders import find_tracks
from helpers.evaluation.evaluate import model_separator
from helpers.evaluation.metrics import si_sdr
from helpers.models.mask_inference import MaskInference, MaskInferenceConfig, import_nussl
from helpers.runtime import data_root, repository_root
from helpers.training import checkpoints
from helpers.training.losses import magnitude_l1

TONES = {"bassoon": 250.0, "clarinet": 500.0, "saxophone": 1000.0, "violin": 2000.0}


def small(target: str = "violin", **settings) -> MaskInference:
    torch.manual_seed(0)
    sizes = {"hidden": 8, "layers": 1, "dropout": 0.0, "sample_rate": 8000} | settings
    return MaskInference(MaskInferenceConfig(target, **sizes))


@pytest.mark.parametrize("samples", [1, 127, 512, 9_001])
@torch.no_grad()
def test_target_and_rest_sum_to_a_mixture_of_any_length(samples):
    mixture = 0.1 * torch.randn(2, 1, samples, generator=torch.Generator().manual_seed(1))
    model = small().eval()
    estimates = model(mixture)
    assert model.sources == ("violin", "rest")
    assert estimates.shape == (2, 2, 1, samples)
    torch.testing.assert_close(estimates.sum(1), mixture, atol=1e-6, rtol=0)


@torch.no_grad()
def test_masks_do_not_depend_on_the_volume():
    mixture = 0.1 * torch.randn(1, 1, 9000, generator=torch.Generator().manual_seed(1))
    model = small().eval()
    torch.testing.assert_close(model(0.01 * mixture), 0.01 * model(mixture), atol=1e-6, rtol=0)


@torch.no_grad()
def test_each_channel_is_separated_on_its_own():
    stereo = torch.randn(2, 2, 3000, generator=torch.Generator().manual_seed(1))
    model = small().eval()
    torch.testing.assert_close(model(stereo)[:, :, 1:], model(stereo[:, 1:]))


@torch.no_grad()
def test_magnitudes_are_those_of_nussl():
    waveform = torch.randn(1, 4096, generator=torch.Generator().manual_seed(1))
    nussl = import_nussl()
    signal = nussl.AudioSignal(
        audio_data_array=waveform.double().numpy(),
        sample_rate=8000,
        stft_params=nussl.STFTParams(window_length=512, hop_length=128),
    )
    theirs = torch.from_numpy(abs(signal.stft()))[..., 0].float()
    torch.testing.assert_close(small().stft(waveform)[0].abs(), theirs, atol=1e-5, rtol=0)
    loss = magnitude_l1(torch.zeros(1, 1, 1, 4096), waveform[None, None])
    assert loss.item() == pytest.approx(theirs.mean().item(), rel=1e-4)


@pytest.mark.parametrize("target", TONES)
def test_the_estimate_is_the_target_and_not_the_sum_of_the_others(target):
    time = torch.arange(2048) / 8000
    tones = {
        name: 0.1 * torch.sin(2 * torch.pi * f * time)[None, None] for name, f in TONES.items()
    }
    rest = sum(tone for name, tone in tones.items() if name != target)
    stems = torch.stack([tones[target], rest], dim=1)  # (1, 2, 1, T)
    model = small(target)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(30):
        optimizer.zero_grad()
        magnitude_l1(model(stems.sum(1)), stems, source=0).backward()
        optimizer.step()
    with torch.no_grad():
        estimate = model.eval()(stems.sum(1))[0, 0, 0]
    own, others = (
        torch.corrcoef(torch.stack([estimate, stem.flatten()]))[0, 1] for stem in stems[0]
    )
    assert own > 0.9
    assert others.abs() < 0.4


def test_a_saved_network_separates_as_before(tmp_path):
    model = small("bassoon", hidden=4, layers=2, dropout=0.2).eval()
    weights, _ = checkpoints.save_model(model, tmp_path, "nussl-bassoon", {})
    loaded = checkpoints.load_model(weights)
    mixture = torch.randn(1, 1, 2000, generator=torch.Generator().manual_seed(1))
    assert loaded.config == model.config
    with torch.no_grad():
        torch.testing.assert_close(loaded(mixture), model(mixture))


def test_where_nussl_is_missing_the_sentence_names_the_command(tmp_path, monkeypatch):
    weights, _ = checkpoints.save_model(small(), tmp_path, "nussl-violin", {})
    monkeypatch.delitem(sys.modules, "nussl")
    monkeypatch.setattr(sys, "meta_path", [Absent(), *sys.meta_path])
    with pytest.raises(checkpoints.CheckpointError, match="nussl is not installed; run `pip"):
        checkpoints.load_model(weights)


class Absent:
    """Blocks the import of nussl."""

    def find_spec(self, name, path=None, target=None):
        if name == "nussl":
            raise ModuleNotFoundError("No module named 'nussl'", name="nussl")


def test_nussl_is_imported_with_the_first_network_and_restores_scipy():
    code = """
import sys
import helpers.cli
import scipy.signal
from helpers.models.mask_inference import import_nussl

def state():
    windows = [hasattr(scipy.signal, name) for name in ("hamming", "hann", "blackman")]
    return windows, "soxbindings" in sys.modules, "nussl" in sys.modules

before = state()
import_nussl()
print([before, state()])
"""
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=repository_root(),
        capture_output=True,
        check=True,
        text=True,
    )
    (windows, sox, nussl), after = ast.literal_eval(answer.stdout)
    assert not nussl
    assert after == (windows, sox, True)
    assert answer.stderr == ""


@pytest.mark.real_audio
@pytest.mark.parametrize("target", TONES)
def test_a_shipped_network_separates_its_instrument_in_a_piece_outside_its_training(target):
    folder = find_tracks(data_root() / "bach10_excerpts")[0]
    model = checkpoints.load_model(f"nussl-{target}")
    assert model.card["provenance"]["piece"] == piece(folder)
    track = folder.load(channels=1)
    estimate = model_separator(model)(track)[target]
    stems = {**track.stems, "the others": track.mixture - track.stems[target]}
    gained = {
        name: si_sdr(estimate, stem) - si_sdr(track.mixture, stem) for name, stem in stems.items()
    }
    assert gained.pop(target) > 2.0
    assert max(gained.values()) < -1.0
