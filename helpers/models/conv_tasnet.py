"""Conv-TasNet: a learned filter bank, masked by a temporal convolutional network.

Luo, Mesgarani, "Conv-TasNet: surpassing ideal time-frequency magnitude masking for speech
separation", IEEE/ACM TASLP 2019 (arXiv 1809.07454). The network itself is torchaudio's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchaudio.models import ConvTasNet as TorchaudioConvTasNet

NORMALISATIONS = ("none", "batch", "group", "layer")
INITIALISATIONS = ("default", "xavier", "he", "orthogonal")
LIMITS = {
    "sample_rate": (1000, 384_000), "segment_seconds": (0.01, 3600.0), "filters": (1, 8192),
    "filter_length": (2, 8192), "bottleneck": (1, 8192), "hidden": (1, 8192), "kernel": (1, 255),
    "layers": (1, 16), "stacks": (1, 16), "groups": (1, 8192),
}  # fmt: skip


@dataclass(frozen=True)
class ConvTasNetConfig:
    """Sizes and choices of a Conv-TasNet, with the paper's letters.

    filters (N) of filter_length (L) samples every L / 2 samples; bottleneck (B) and hidden (H)
    channels; `stacks` (R) times `layers` (X) dilated convolutions of `kernel` (P) frames.
    difference_output: the last source is the mixture minus the others.
    normalisation: `layer` is the paper's gLN (time and channels of one example), `group` the same
        over each of `groups` groups of channels, besides `batch` and `none`.
    initialisation: of the convolution weights, `default` is PyTorch's.
    """

    sources: tuple[str, ...]
    sample_rate: int = 8000
    segment_seconds: float = 2.0
    filters: int = 128
    filter_length: int = 32
    bottleneck: int = 48
    hidden: int = 96
    kernel: int = 3
    layers: int = 6
    stacks: int = 2
    mask: str = "sigmoid"
    difference_output: bool = False
    normalisation: str = "layer"
    groups: int = 4
    initialisation: str = "default"

    def __post_init__(self) -> None:
        object.__setattr__(self, "sources", tuple(self.sources))
        for name, (least, most) in LIMITS.items():
            value = getattr(self, name)
            if type(value) not in (int, type(least)) or not least <= value <= most:
                kind = "a whole number" if type(least) is int else "a number"
                raise ValueError(f"{name} is {value!r}; it must be {kind} from {least} to {most}.")
        for name, choices in (
            ("normalisation", NORMALISATIONS),
            ("initialisation", INITIALISATIONS),
            ("mask", ("sigmoid", "relu")),
        ):
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"There is no {name} '{getattr(self, name)}'; choose {', '.join(choices)}."
                )


class ConvTasNet(nn.Module):
    """(B, C, T) mixture -> (B, S, C, T) estimates, for any T; each channel on its own."""

    Config = ConvTasNetConfig

    def __init__(self, config: ConvTasNetConfig) -> None:
        super().__init__()
        self.config = config
        self.sources = config.sources
        self.sample_rate = config.sample_rate
        self.channels = 1
        self.segment_seconds = config.segment_seconds
        self.network = TorchaudioConvTasNet(
            num_sources=len(config.sources) - config.difference_output,
            enc_kernel_size=config.filter_length,
            enc_num_feats=config.filters,
            msk_kernel_size=config.kernel,
            msk_num_feats=config.bottleneck,
            msk_num_hidden_feats=config.hidden,
            msk_num_layers=config.layers,
            msk_num_stacks=config.stacks,
            msk_activate=config.mask,
        )
        _normalise(self.network, config.normalisation, config.groups)
        _initialise(self.network, config.initialisation)

    @property
    def source_channels(self) -> dict[str, tuple[int, list[str | None]]]:
        """Parameters with an axis of sources: the axis, and the source of each index on it."""
        predicted = self.sources[: len(self.sources) - self.config.difference_output]
        channels = [name for name in predicted for _ in range(self.config.filters)]
        output = "network.mask_generator.output_conv"
        return {f"{output}.{name}": (0, channels) for name in ("weight", "bias")}

    @property
    def analysis_filters(self) -> Tensor:
        """The learned filters of the encoder, (filters, filter_length). Chapter: 01."""
        return self.network.encoder.weight[:, 0]

    def forward(self, mixture: Tensor) -> Tensor:
        # (B, C, T) -> (B * C, 1, T) -> (B * C, S, T) -> (B, S, C, T)
        estimates = self.network(mixture.flatten(0, 1).unsqueeze(1))
        estimates = estimates.unflatten(0, mixture.shape[:2]).transpose(1, 2)
        if self.config.difference_output:
            rest = mixture.unsqueeze(1) - estimates.sum(dim=1, keepdim=True)
            estimates = torch.cat([estimates, rest], dim=1)
        return estimates


def _normalise(network: nn.Module, kind: str, groups: int) -> None:
    """Replace every global layer normalisation by the chosen one."""
    if kind == "layer":
        return
    places = [
        (parent, name, child.num_channels)
        for parent in network.modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.GroupNorm)
    ]
    for parent, name, channels in places:
        if kind == "batch":
            setattr(parent, name, nn.BatchNorm1d(channels))
        elif kind == "group":
            setattr(parent, name, nn.GroupNorm(groups, channels))
        else:
            setattr(parent, name, nn.Identity())


def _initialise(network: nn.Module, kind: str) -> None:
    """Draw all convolution weights again and set their biases to zero; `default` leaves them.

    Xavier: Glorot and Bengio, AISTATS 2010. He: He et al., ICCV 2015 (gain of PReLU's first slope,
    0.25). Orthogonal: Saxe et al., ICLR 2014.
    """
    if kind == "default":
        return
    gain = nn.init.calculate_gain("leaky_relu", 0.25)
    for module in network.modules():
        if not isinstance(module, (nn.Conv1d, nn.ConvTranspose1d)):
            continue
        if kind == "xavier":
            nn.init.xavier_uniform_(module.weight)
        elif kind == "he":
            nn.init.kaiming_normal_(module.weight, a=0.25)
        else:
            nn.init.orthogonal_(module.weight, gain)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
