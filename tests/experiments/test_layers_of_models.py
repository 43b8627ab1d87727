"""The outputs of layers whose answer is known."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from experiments.layers import outputs_of


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.twice = nn.Linear(1, 1, bias=False)
        self.inner = nn.Sequential(nn.ReLU(), nn.LSTM(1, 3, batch_first=True))
        nn.init.constant_(self.twice.weight, 2.0)

    def forward(self, mixture):  # (B, 1, T)
        return self.inner(self.twice(mixture.transpose(1, 2)))


def test_each_layer_gives_what_it_hands_on_without_the_batch():
    model, mixture = Model(), torch.tensor([[-1.0, 2.0]])
    found = outputs_of(model, ["twice", "inner.0", "inner.1"], mixture)
    assert found["twice"].tolist() == [[-2.0], [4.0]]
    assert found["inner.0"].tolist() == [[0.0], [4.0]]
    assert found["inner.1"].shape == (2, 3)


def test_no_hook_remains_even_where_the_model_fails():
    model = Model()
    with pytest.raises(RuntimeError):
        outputs_of(model, ["twice"], torch.zeros(5, 2))
    assert not model.twice._forward_hooks
