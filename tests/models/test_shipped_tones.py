"""The shipped networks of chapter 1 separate as the chapter reports."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from helpers.datasets.tone_melodies import ENSEMBLES, Melodies
from helpers.evaluation.metrics import si_sdr
from helpers.inference.separation import separate
from helpers.training.checkpoints import load_model

NEARLY_SILENT = 4  # a seed that neither training, validation nor the chapter's test uses


def quality(name: str, voices: int) -> float:
    """Mean SI-SDR in dB over the voices of three melodies of four seconds."""
    model = load_model(name)
    tracks = [Melodies(ENSEMBLES[voices], 4.0, NEARLY_SILENT).track(index) for index in range(3)]
    estimates = [separate(model, track.mixture, track.sample_rate) for track in tracks]
    stems = [np.stack(list(track.stems.values())) for track in tracks]
    return float(np.nanmean(si_sdr(np.stack(estimates), np.stack(stems))))


def test_conv_tasnet_separates_two_voices_by_forty_decibels():
    assert quality("tones-2-voices-conv-tasnet", 2) >= 40.0


@pytest.mark.parametrize("voices", ENSEMBLES)
@pytest.mark.parametrize("system", ["wave-unet", "conv-tasnet"])
def test_every_shipped_network_assigns_its_voices(system, voices):
    assert load_model(f"tones-{voices}-voices-{system}").sources == ENSEMBLES[voices]


def test_levels_of_the_stems_are_right_and_not_only_their_shapes():
    melodies = Melodies(ENSEMBLES[2], 4.0, NEARLY_SILENT)
    mixture, stems = melodies[0]
    with torch.no_grad():
        estimates = load_model("tones-2-voices-conv-tasnet")(mixture[None])[0]
    levels = estimates.square().mean(dim=(1, 2)) / stems.square().mean(dim=(1, 2))
    assert (10 * levels.log10()).abs().max() < 0.1
