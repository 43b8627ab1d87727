"""Labels and networks of the study of attribution."""

import numpy as np
import torch

from experiments.attribution import first_gradients, sounding, untrained
from helpers.models.mask_net import MaskNet, MaskNetConfig
from helpers.music.scores import Note

LINE = (Note(0.0, 1.0, 60), Note(2.0, 1.0, 62))


def test_frames_have_the_pitch_or_the_label_inside_of_notes_only():
    seconds = np.array([0.0, 0.5, 0.99, 1.5, 2.5])
    assert sounding(LINE, seconds, None).tolist() == [-1, 60, -1, -1, 62]
    assert sounding(LINE, seconds, 3).tolist() == [-1, 3, -1, -1, 3]


def test_an_untrained_network_has_other_weights_everywhere_and_depends_on_its_seed():
    size = {"width": 4, "pitch_channels": 2, "hidden": 8, "layers": 1, "resolution": 12}
    model = MaskNet(MaskNetConfig(("a", "b"), 8000, window=512, hop=256, highest=4000.0, **size))
    one, same, other = (dict(untrained(model, seed).named_parameters()) for seed in (0, 0, 1))
    for name, weights in model.named_parameters():
        if "weight" in name and weights.ndim > 1:
            assert not torch.equal(weights, one[name]), name
            assert not torch.equal(one[name], other[name]), name
        assert torch.equal(one[name], same[name])


def test_with_normalisation_the_first_layer_gets_as_large_a_gradient_as_the_last():
    ratios = first_gradients(("a", "b"), seeds=1)
    assert ratios.loc["default", "none"] < 0.2
    assert ratios["group"].between(0.3, 4.0).all()
