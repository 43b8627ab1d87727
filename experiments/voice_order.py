"""Does a model know the instruments, or the order of the voices? Into Results/voice_order.csv.

    python -m experiments.voice_order

The rendered test chorales, once with the instruments in the order of the training data and twice
with neighbouring voices exchanged. Models that can be conditioned on the instruments are.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

from tqdm import tqdm

from experiments.real_recordings import SYSTEMS, provenance
from helpers import runtime
from helpers.audio.track import Track
from helpers.evaluation import results
from helpers.evaluation.evaluate import evaluate, evaluate_baselines, model_separator
from helpers.evaluation.rows import Provenance
from helpers.music.scores import corpus_score
from helpers.music.splits import TEST
from helpers.synthesis.fluidsynth import FluidSynth
from helpers.synthesis.renderer import render_score
from helpers.synthesis.soundfonts import find_soundfonts
from helpers.training.checkpoints import condition_on, load_model

TABLE = "voice_order"
SAMPLE_RATE = 44_100
SECONDS = 20
ORDERS = {
    "chorales-in-order": ("violin", "clarinet", "saxophone", "bassoon"),
    "chorales-clarinet-on-top": ("clarinet", "violin", "saxophone", "bassoon"),
    "chorales-saxophone-over-clarinet": ("violin", "saxophone", "clarinet", "bassoon"),
}


def tracks(order: tuple[str, ...]) -> Iterator[Track]:
    """The beginning of every test chorale, with alternating soundfonts and equally loud stems."""
    for name, soundfont in zip(TEST, cycle(find_soundfonts()), strict=False):
        track = render_score(corpus_score(name, order), FluidSynth(soundfont), SAMPLE_RATE)
        stems = {part: stem[:, : SECONDS * SAMPLE_RATE] for part, stem in track.stems.items()}
        stems = {part: 0.05 * stem / stem.std() for part, stem in stems.items()}
        yield Track(f"{name} {soundfont.stem}", SAMPLE_RATE, stems)


def main() -> None:
    device = runtime.pick_device()
    quartet = ORDERS["chorales-in-order"]
    models = {name: condition_on(load_model(name, device), quartet) for name in SYSTEMS}
    rows = []
    for test_data, order in ORDERS.items():
        for track in tqdm(tracks(order), total=len(TEST), desc=test_data):
            rows += evaluate_baselines([track], Provenance.here("none", test_data))
            for name, model in models.items():
                source = provenance(test_data, model, device)
                rows += evaluate(name, model_separator(model, device), [track], source)
    table = results.results_path(TABLE)
    results.append(table, rows)
    print(results.markdown(results.summary(table)))


if __name__ == "__main__":
    main()
