"""Remixes of estimated stems, and their loss."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from helpers.training.self_training import (
    Estimated,
    RemixDataset,
    mixture_consistency,
    self_training_loss,
)

NAN = float("nan")


def window(level: float, quality: tuple[float, ...]) -> Estimated:
    """Constant stems: the second ten times the first, of a third source nothing."""
    stems = np.zeros((3, 1, 40), np.float32)
    stems[0], stems[1] = level, 10 * level
    return Estimated(stems, np.array(quality))


WINDOWS = [
    window(1.0, (5.0, 1.0, NAN)), window(2.0, (9.0, 2.0, NAN)), window(3.0, (1.0, NAN, NAN)),
    window(4.0, (7.0, 3.0, NAN)),
]  # fmt: skip


def test_an_example_depends_on_its_number_alone_and_its_mixture_is_the_sum():
    first, second = (RemixDataset(WINDOWS, 30, seed=3) for _ in range(2))
    for index in (0, 7, 123):
        mixture, stems = first[index]
        assert mixture.shape == (1, 30) and stems.shape == (3, 1, 30)
        assert torch.equal(mixture, stems.sum(0))
        assert torch.equal(stems, second[index][1])
    assert not torch.equal(first[0][1], RemixDataset(WINDOWS, 30, seed=4)[0][1])


def test_only_the_windows_of_the_best_quality_are_remixed():
    data = RemixDataset(WINDOWS, 30)
    assert data.best == [[1, 3], [1, 3], []]  # half of four, and two of the three that sound


def test_remixes_take_sources_from_different_windows_at_new_levels():
    ratios = []
    for index in range(60):
        stems = RemixDataset(WINDOWS, 30)[index][1]
        assert not stems[2].any()
        ratios.append(round(float(stems[1, 0, 0] / stems[0, 0, 0]), 3))
    as_they_are = ratios.count(10.0)
    assert 5 < as_they_are < 30  # a quarter
    assert len(set(ratios)) > 25


def test_shorter_windows_are_padded_with_silence():
    stems = RemixDataset(WINDOWS, 50)[0][1]
    assert stems.shape == (3, 1, 50) and not stems[..., 40:].any() and stems[0, 0, :40].all()


def test_mixture_consistency_is_the_error_of_the_sum_alone():
    stems = torch.randn(2, 3, 1, 800)
    swapped = stems[:, [1, 0, 2]]
    assert mixture_consistency(swapped, stems).item() == pytest.approx(-30.0, abs=0.1)
    louder = 1.1 * stems
    assert mixture_consistency(louder, stems).item() == pytest.approx(-20.0, abs=0.6)


def test_the_loss_falls_towards_the_targets():
    stems = torch.randn(2, 3, 1, 800)
    loss = self_training_loss()
    values = [loss(stems + error * torch.randn_like(stems), stems) for error in (1.0, 0.3, 0.03)]
    assert values[0] > values[1] > values[2]
