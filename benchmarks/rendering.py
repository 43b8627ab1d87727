"""Speed of the renderers on one core, compared to `PrettyMIDI.fluidsynth`."""

from __future__ import annotations

import tempfile
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import pretty_midi

from benchmarks.tables import seconds_of, table
from helpers import runtime
from helpers.music.midi import write_midi
from helpers.music.scores import Score, corpus_score
from helpers.synthesis.fluidsynth import FluidSynth
from helpers.synthesis.sampler import Sampler
from helpers.synthesis.soundfonts import find_soundfonts
from helpers.synthesis.tones import Tones

CHORALE = "bwv269"
INSTRUMENTS = ("oboe", "clarinet", "saxophone", "bassoon")  # that have recorded notes
RATE = 44100
REPEATS = 9


def measure(_: Namespace) -> str:
    """The soprano of one chorale with every renderer: a Markdown table."""
    score = corpus_score(CHORALE, INSTRUMENTS)
    part = score.parts[0]
    renderers = {"`Tones`": Tones()}
    root = runtime.data_root()
    if root is not None and (root / "philharmonia_notes").is_dir():
        renderers["`Sampler`"] = Sampler(root / "philharmonia_notes", 0)
    with tempfile.TemporaryDirectory() as folder:
        write_midi(Score(CHORALE, (part,)), Path(folder) / "score.mid")
        midi = pretty_midi.PrettyMIDI(str(Path(folder) / "score.mid"))
    times: dict[str, float] = {}
    for font in find_soundfonts():
        ours, theirs = f"`FluidSynth`, {font.name}", f"`PrettyMIDI.fluidsynth`, {font.name}"
        times[ours] = processor_time(lambda font=font: FluidSynth(font).render(part, RATE))
        times[theirs] = processor_time(lambda font=font: midi.fluidsynth(RATE, sf2_path=str(font)))
    for name, renderer in renderers.items():
        times[name] = processor_time(lambda each=renderer: each.render(part, RATE))
    rows = [
        (name, f"{1000 * elapsed:.0f} ms", f"{part.seconds / elapsed:.0f}")
        for name, elapsed in times.items()
    ]
    caption = (
        f"One stem: the soprano of {CHORALE} on the {part.instrument}, {part.seconds:.0f} s at"
        f" {RATE} Hz, one core."
    )
    return caption + "\n\n" + table(("renderer", "processor time", "x real time"), rows)


def processor_time(work: Callable[[], object]) -> float:
    """Seconds of one core."""
    return seconds_of(work, REPEATS, time.process_time)
