"""The models that come with the project separate: a rendered trio, and recordings of people."""

from __future__ import annotations

import numpy as np
import pytest

from helpers.audio.track import Track
from helpers.datasets.stem_folders import find_tracks
from helpers.evaluation.evaluate import model_separator
from helpers.evaluation.metrics import si_sdr
from helpers.music import splits
from helpers.music.arrangements import arrangement, excerpts
from helpers.runtime import data_root
from helpers.synthesis.fluidsynth import FluidSynth
from helpers.synthesis.renderer import render_score
from helpers.synthesis.soundfonts import find_soundfonts
from helpers.training.checkpoints import load_model

RATE, SECONDS = 44_100, 8
TRIO = ("violin", "horn", "piano")


def gains(track: Track, estimates: dict[str, np.ndarray]) -> np.ndarray:
    """SI-SDR of each stem over that of the mixture, dB."""
    mixture = track.mixture[0]
    return np.array(
        [
            si_sdr(estimates[name][0], stem[0]) - si_sdr(mixture, stem[0])
            for name, stem in track.stems.items()
        ]
    )


@pytest.fixture(scope="module")
def trio():
    """Seconds of a quartet that trains nothing, played by three."""
    excerpt = excerpts(splits.names("quartet", "test")[0], 12.0)[1]
    soundfont = find_soundfonts()[0]
    track = render_score(arrangement(excerpt, TRIO), FluidSynth(soundfont), RATE)
    stems = {name: stem[:, : SECONDS * RATE] for name, stem in track.stems.items()}
    stems = {name: 0.05 * stem / stem.std() for name, stem in stems.items()}
    return Track(str(excerpt), RATE, stems)


def test_a_rendered_trio_is_separated_and_better_with_conditioning(trio):
    model = load_model("chamber")
    unconditioned, conditioned = (
        model_separator(model, conditioned=known)(trio) for known in (False, True)
    )
    assert set(unconditioned) == set(model.sources) and set(conditioned) == set(TRIO)
    assert gains(trio, conditioned).mean() > gains(trio, unconditioned).mean() > 4.0
    assert gains(trio, conditioned).min() > 3.0
    np.testing.assert_allclose(sum(conditioned.values()), trio.mixture, atol=1e-4)


@pytest.mark.real_audio
@pytest.mark.parametrize(("name", "minimum"), [("bach-quartet", 10.5), ("chamber", 10.0)])
def test_real_recordings_are_separated(name, minimum):
    separator = model_separator(load_model(name), conditioned=True)
    tracks = [folder.load() for folder in find_tracks(data_root() / "bach10_excerpts")]
    assert np.mean([gains(track, separator(track)) for track in tracks]) > minimum
