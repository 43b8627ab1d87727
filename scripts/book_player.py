"""The player of the site's page "Listen": a chorale, rendered and separated during the build."""

from __future__ import annotations

from pathlib import Path

import demo

from helpers import runtime
from helpers.audio.track import Track
from helpers.display.palette import label
from helpers.display.player_page import ScoreView
from helpers.display.players import StemPlayer
from helpers.evaluation.baselines import mixture_baseline, oracle_ratio_mask
from helpers.evaluation.evaluate import model_separator
from helpers.evaluation.metrics import si_sdr
from helpers.music.splits import TEST
from helpers.synthesis.fluidsynth import FluidSynth
from helpers.synthesis.renderer import render_score, stem_names
from helpers.synthesis.soundfonts import find_soundfonts
from helpers.training.checkpoints import load_model
from helpers.training.conditioning import condition_on

SECONDS = 16  # of the player; the piece is separated whole


def write(folder: Path) -> str:
    """Write player.html into the folder; returns a table of how good the separation is.

    FileNotFoundError without a soundfont.
    """
    soundfonts = find_soundfonts()
    if not soundfonts:
        raise FileNotFoundError(
            "There is no soundfont; README.md says where to put a General MIDI one."
        )
    score = demo.chorale(TEST)
    track = demo.beginning(render_score(score, FluidSynth(soundfonts[0]), demo.SAMPLE_RATE))
    model = condition_on(load_model(runtime.DEFAULT_MODEL, "cpu"), track.instruments)
    estimates = model_separator(model)(track)
    end = SECONDS * track.sample_rate
    shown, true = (
        Track(
            score.title, track.sample_rate,
            {name: stem[:, :end] for name, stem in stems.items()}, track.mixture[:, :end],
        )
        for stems in (estimates, track.stems)
    )  # fmt: skip
    notes = {
        name: [(n.onset, n.duration, n.pitch) for n in part.notes if n.onset < SECONDS]
        for name, part in zip(stem_names(score), score.parts, strict=True)
    }
    player = StemPlayer(shown, references=true, score=ScoreView(notes))
    player.save(folder / "player.html")
    systems = {
        "mixture": mixture_baseline(track), "Divisi": estimates, "oracle": oracle_ratio_mask(track)
    }  # fmt: skip
    lines = [f"| SI-SDR in dB | {' | '.join(systems)} |", "| --- |" + " ---: |" * len(systems)]
    for instrument, stem in track.stems.items():
        values = (si_sdr(system[instrument], stem).mean() for system in systems.values())
        lines.append(f"| {label(instrument)} | {' | '.join(f'{value:.1f}' for value in values)} |")
    return "\n".join(lines)
