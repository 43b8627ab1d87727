"""A recipe small enough to train inside a test."""

from __future__ import annotations

from functools import partial

import pytest

from helpers.datasets.stem_bank import build_bank
from helpers.music.corpus import chorale_names
from helpers.recipes import stem_banks
from helpers.runtime import cache_root

TINY = """
name = "tiny"
architecture = "wave_unet.WaveUNet"
segment_seconds = 2.0
validation_examples = 2
max_pieces = 2
use_note_samples = false
use_solos = false

[model]
levels = 2
width = 2
segment_seconds = 1.0

[export]
segment_seconds = 3.0

[rendering]
instruments = ["vn", "cl", "sax", "bn"]
sample_rate = 4000
soundfonts = []
tones = 1
timbre_substitution = 0
max_seconds = 3.0

[mixing]
variant_weights = { tones = 1.0, real = 1.0 }
reverb = 0.0

[training]
steps = 4
batch_size = 2
warmup_steps = 1
ema_decay = 0.5
validate_every = 2
checkpoint_every = 2
log_every = 1
"""


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """Write TINY with some words replaced; it renders in this process, into a cache of its own."""
    chorale_names()  # parsed once on this machine, not once a test
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "scores").symlink_to(cache_root() / "scores")
    monkeypatch.setenv("DIVISI_CACHE", str(cache))
    monkeypatch.delenv("DIVISI_DATA", raising=False)
    monkeypatch.setattr(stem_banks, "build_bank", partial(build_bank, workers=1))

    def write(*changes):
        text = TINY
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "tiny.toml").write_text(text)
        return tmp_path / "tiny.toml"

    return write
