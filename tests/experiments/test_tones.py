"""Chapter 01's probes answer known signals with known numbers."""

from __future__ import annotations

import numpy as np
import pytest

from experiments.tones import (
    RATE,
    filter_spectra,
    filtered,
    glide,
    leak,
    level,
    network,
    response,
    turnover,
    wiener_filters,
)
from helpers.audio.track import Track
from helpers.datasets.tone_melodies import ENSEMBLES, Melodies
from helpers.evaluation.metrics import si_sdr


def cosine(hertz, seconds=1.0):
    time = np.arange(round(seconds * RATE)) / RATE
    return 0.1 * np.cos(2 * np.pi * hertz * time)[None].astype(np.float32)


def test_fixed_filters_of_two_registers_are_a_high_pass_and_a_low_pass():
    melodies = Melodies(ENSEMBLES[2], 2.0, seed=1)
    filters = wiener_filters(melodies, examples=8)
    gains = {}
    for voice, taps in zip(ENSEMBLES[2], filters, strict=True):
        hertz, decibels = response(taps)
        gains[voice] = np.interp((130.0, 880.0), hertz, decibels)
    assert gains["bass"] == pytest.approx((0, gains["bass"][1]), abs=1.0)
    assert gains["bass"][1] < -20
    assert gains["soprano"] == pytest.approx((gains["soprano"][0], 0), abs=1.0)
    assert gains["soprano"][0] < -20
    track = melodies.track(20)
    estimates = filtered(filters, track)
    assert all(si_sdr(estimates[v][0], track.stems[v][0]) > 15 for v in ENSEMBLES[2])


def test_a_unit_impulse_has_a_flat_response():
    hertz, decibels = response(np.eye(1, 513, 256)[0])
    assert hertz[-1] == RATE / 2
    assert np.abs(decibels).max() < 0.01


def test_a_glide_goes_from_the_lowest_to_the_highest_frequency():
    signal, hertz = glide(100.0, 1600.0, 2.0)
    assert signal.shape == (1, 2 * RATE)
    assert hertz[0] == 100.0
    assert hertz[RATE] == pytest.approx(400.0)  # after two of the four octaves
    start = np.abs(np.fft.rfft(signal[0, :800] * np.hanning(800))).argmax() * RATE / 800
    assert start == pytest.approx(115, abs=15)


def test_the_level_of_the_cosine_itself_is_zero_decibels():
    assert level(cosine(500)[0])[400:-400] == pytest.approx(0.0, abs=0.01)


def test_the_assignment_turns_over_where_the_soprano_becomes_louder():
    hertz = np.linspace(100, 1000, 901)
    levels = {"soprano": hertz - 480, "bass": 480 - hertz}
    assert turnover(hertz, levels) == pytest.approx(480, abs=1)
    assert turnover(hertz, {"soprano": hertz * 0 + 1, "bass": hertz * 0}) == 100


def test_a_tenth_of_the_amplitude_leaks_at_minus_twenty_decibels():
    def separator(track: Track):
        return {"soprano": 0.1 * track.mixture, "bass": 0.9 * track.mixture}

    assert leak(separator, cosine(659)) == pytest.approx(-20, abs=0.01)


def test_filters_are_sorted_by_the_frequency_of_their_peak():
    waveforms = np.concatenate([cosine(hertz, 64 / RATE) for hertz in (2000, 500, 1000)])
    ordered, spectra = filter_spectra(waveforms)
    assert np.array_equal(ordered, waveforms[[1, 2, 0]])
    assert (spectra.max(axis=1) == 1).all()
    assert spectra.argmax(axis=1) * RATE / 512 == pytest.approx([500, 1000, 2000], abs=20)


@pytest.mark.parametrize("system", ["wave-unet", "conv-tasnet"])
def test_networks_take_their_normalisation_and_initialisation(system):
    model = network(system, ENSEMBLES[3], normalisation="batch", initialisation="he")
    assert model.sources == ENSEMBLES[3]
    assert (model.config.normalisation, model.config.initialisation) == ("batch", "he")
