"""Open-Unmix: the contract, its target, its scaling, and the sentence where it is missing."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from helpers.inference.separation import separate
from helpers.models.open_unmix import OpenUnmix, OpenUnmixConfig
from helpers.training import checkpoints
from helpers.training.conditioning import with_config
from helpers.training.losses import magnitude_mse

RATE = 8000


def small(target: str = "violin", **settings) -> OpenUnmix:
    torch.manual_seed(0)
    sizes = {"hidden": 16, "layers": 1, "window": 512, "hop": 128, "bandwidth": 3000.0}
    return OpenUnmix(OpenUnmixConfig(target, **sizes | {"sample_rate": RATE} | settings))


def noise(*shape: int) -> torch.Tensor:
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def tone(hertz: float, samples: int = 2 * RATE, rate: int = RATE) -> torch.Tensor:
    return 0.1 * torch.sin(2 * torch.pi * hertz * torch.arange(samples) / rate)


@pytest.mark.parametrize("samples", [1, 127, 512, 9_001])
@torch.no_grad()
def test_target_and_rest_sum_to_a_mixture_of_any_length(samples):
    model, mixture = small().eval(), noise(2, 1, samples)
    estimates = model(mixture)
    assert model.sources == ("violin", "rest")
    assert estimates.shape == (2, 2, 1, samples)
    torch.testing.assert_close(estimates.sum(1), mixture, atol=1e-6, rtol=0)


@torch.no_grad()
def test_masks_do_not_depend_on_the_volume():
    model, mixture = small().eval(), noise(1, 1, 9000)
    torch.testing.assert_close(model(0.01 * mixture), 0.01 * model(mixture), atol=1e-6, rtol=0)


@torch.no_grad()
def test_each_channel_is_separated_on_its_own():
    model, stereo = small().eval(), noise(2, 2, 3000)
    torch.testing.assert_close(model(stereo)[:, :, 1:], model(stereo[:, 1:]))


@torch.no_grad()
def test_the_mask_is_the_network_and_never_negative():
    model = small().eval()
    magnitude = model.stft(noise(1, 9000)).abs()[:, : model.config.bins]
    mask = model.mask(magnitude)
    theirs = model.network(magnitude.unsqueeze(1))[:, 0]
    torch.testing.assert_close(mask * magnitude, theirs, atol=1e-6, rtol=1e-4)
    assert mask.min() >= 0.0


@torch.no_grad()
def test_above_the_bandwidth_everything_is_rest():
    model = small().eval()
    target, rest = model(tone(3600.0)[None, None])[0, :, 0]
    assert target[2000:-2000].abs().max() < 1e-3
    torch.testing.assert_close(rest[2000:-2000], tone(3600.0)[2000:-2000], atol=1e-3, rtol=0)


@torch.no_grad()
def test_the_same_weights_separate_at_twice_the_sample_rate():
    model = small().eval()
    double = with_config(model, sample_rate=2 * RATE, window=1024, hop=256).eval()
    low = model(tone(440.0)[None, None])[0, 0, 0]
    high = double(tone(440.0, 4 * RATE, 2 * RATE)[None, None])[0, 0, 0]
    torch.testing.assert_close(high[::2][500:-500], low[500:-500], atol=2e-3, rtol=0)


@torch.no_grad()
def test_standardised_bins_have_zero_mean_and_unit_variance():
    model = small().eval()
    mixtures = noise(4, 1, 9000)
    model.standardise(mixtures)
    level = mixtures[:, 0].square().mean(-1).sqrt()[:, None, None]
    seen = model.stft(mixtures[:, 0]).abs()[:, : model.config.bins] / level
    seen = (seen + model.network.input_mean[:, None]) * model.network.input_scale[:, None]
    torch.testing.assert_close(seen.mean((0, 2)), torch.zeros(len(seen[0])), atol=1e-4, rtol=0)
    torch.testing.assert_close(seen.std((0, 2)), torch.ones(len(seen[0])), atol=1e-4, rtol=0)


def test_it_learns_the_target_and_not_the_rest():
    loud = torch.rand(2, 8, 16, generator=torch.Generator().manual_seed(2))
    loud = loud.repeat_interleave(RATE // 8, dim=-1)  # (2, B, T): each eighth of a second
    stems = torch.stack([loud[0] * tone(500.0), loud[1] * tone(1500.0)], dim=1)[:, :, None]
    model = small()
    model.standardise(stems.sum(1))
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(300):  # until the running means of the normalisation have settled
        optimizer.zero_grad()
        loss = magnitude_mse(model(stems.sum(1)), stems, window=512, hop=128, source=0)
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        estimate = model.eval()(stems.sum(1))[:, 0].flatten()
    kept, leaked = (
        torch.corrcoef(torch.stack([estimate, stems[:, source].flatten()]))[0, 1]
        for source in (0, 1)
    )
    assert kept > 0.9 and leaked.abs() < 0.3


def test_a_saved_network_separates_as_before(tmp_path):
    model = small("guitar", layers=2).eval()
    weights, _ = checkpoints.save_model(model, tmp_path, "open-unmix-guitar", {})
    loaded, mixture = checkpoints.load_model(weights), noise(1, 1, 2000)
    assert loaded.config == model.config
    with torch.no_grad():
        torch.testing.assert_close(loaded(mixture), model(mixture))


def test_streamed_estimates_sum_to_a_long_stereo_recording():
    model = small(segment_seconds=0.5)
    mixture = noise(2, 3 * RATE).numpy()
    estimates = separate(model, mixture, RATE)
    np.testing.assert_allclose(estimates.sum(axis=0), mixture, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"hidden": 7}, "hidden is 7; it must be even"),
        ({"bandwidth": 5000.0}, "bandwidth is 5000 Hz; it must be at most half"),
        ({"hop": 400}, "hop is 400; it must be at most half the window"),
        ({"layers": 0}, "layers is 0; it must be a whole number from 1"),
    ],
)
def test_an_impossible_configuration_is_refused(settings, sentence):
    with pytest.raises(ValueError, match=sentence):
        small(**settings)


def test_the_loss_is_the_squared_error_of_the_magnitudes_relative_to_the_mixture():
    stems = noise(1, 2, 1, 4096 * 4)
    assert magnitude_mse(stems, stems).item() == 0.0
    silent = torch.zeros_like(stems)
    half = magnitude_mse(silent, stems, source=0).item()  # one of two stems of equal power
    assert half == pytest.approx(0.5, rel=0.15)
    pair = torch.cat([stems, 0.01 * stems])  # a loud and a soft example
    assert magnitude_mse(0 * pair, pair, source=0).item() == pytest.approx(half, rel=0.01)
    assert magnitude_mse(-stems, stems).item() == 0.0  # the phase does not count


def test_where_openunmix_is_missing_the_sentence_names_the_command(tmp_path, monkeypatch):
    weights, _ = checkpoints.save_model(small(), tmp_path, "open-unmix-violin", {})
    for name in [name for name in sys.modules if name.partition(".")[0] == "openunmix"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Absent(), *sys.meta_path])
    with pytest.raises(checkpoints.CheckpointError, match="openunmix is not installed; run `pip"):
        checkpoints.load_model(weights)


class Absent:
    """Blocks the import of openunmix."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "openunmix":
            raise ModuleNotFoundError("No module named 'openunmix'", name="openunmix")


def test_the_data_module_of_openunmix_is_not_imported():
    small()
    assert "openunmix.data" not in sys.modules
