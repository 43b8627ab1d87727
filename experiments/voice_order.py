"""Does a model recognise instruments, or only the order of the voices? Results/voice_order.csv.

    python -m experiments.voice_order

The rendered test chorales, with the quartet in the order of its training data and with neighbouring
voices exchanged. Models that can be conditioned are conditioned on the quartet.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

from tqdm import tqdm

from experiments.jobs import report
from experiments.pieces import rendered
from experiments.real_recordings import SYSTEMS
from helpers import runtime
from helpers.audio.track import Track
from helpers.evaluation import results
from helpers.evaluation.evaluate import evaluate, evaluate_baselines, model_separator
from helpers.evaluation.rows import Provenance
from helpers.music.scores import corpus_score
from helpers.music.splits import TEST
from helpers.synthesis.soundfonts import find_soundfonts
from helpers.training.checkpoints import load_model
from helpers.training.conditioning import condition_on

TABLE = "voice_order"
SECONDS = 20
ORDERS = {
    "chorales-in-order": ("violin", "clarinet", "saxophone", "bassoon"),
    "chorales-clarinet-on-top": ("clarinet", "violin", "saxophone", "bassoon"),
    "chorales-saxophone-over-clarinet": ("violin", "saxophone", "clarinet", "bassoon"),
}


def tracks(order: tuple[str, ...]) -> Iterator[Track]:
    """The beginning of every test chorale, with alternating soundfonts and equally loud stems."""
    for name, soundfont in zip(TEST, cycle(find_soundfonts()), strict=False):
        yield rendered(corpus_score(name, order), SECONDS, f"{name} {soundfont.stem}", soundfont)


def main() -> None:
    device = runtime.pick_device()
    quartet = ORDERS["chorales-in-order"]
    models = {name: condition_on(load_model(name, device), quartet) for name in SYSTEMS}
    rows = []
    for test_data, order in ORDERS.items():
        for track in tqdm(tracks(order), total=len(TEST), desc=test_data):
            rows += evaluate_baselines([track], Provenance("none", test_data))
            for name, model in models.items():
                where = Provenance.of_model(model.card, test_data, device)
                rows += evaluate(name, model_separator(model, device), [track], where)
    table = results.results_path(TABLE)
    results.append(table, rows)
    report(table)


if __name__ == "__main__":
    main()
