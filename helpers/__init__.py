"""Divisi for Python: separate chamber music into its instruments.

    import divisi                                   # in a checkout: import helpers as divisi

    separation = divisi.separate("quartet.wav")
    separation.stems["violin"]                      # (channels, samples), float32
    separation.save("stems")

torch is imported when a function needs it.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from torch import nn

    from .display.player_page import ScoreView
    from .display.players import StemPlayer
    from .evaluation.rows import Row

__version__ = "0.1.0"
__all__ = ["Separation", "available_models", "evaluate", "load_model", "separate"]

_HOMES = {name: ".training.checkpoints" for name in ("available_models", "load_model")}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name], __name__), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


@dataclass(frozen=True, eq=False)
class Separation:
    """The stems of a recording, in its sample rate, length and channels.

    stems: name -> float32 (channels, samples). mixture: the recording, of the same shape.
    detected: the instruments that were detected; empty where they were passed, or where the
    model cannot detect. report: as in separation.json. mixes: those asked for, such as
    `minus-violin`, like the stems. score: what the player shows of it.
    """

    name: str
    stems: dict[str, np.ndarray] = field(repr=False)
    mixture: np.ndarray = field(repr=False)
    sample_rate: int
    detected: tuple[str, ...]
    report: dict[str, Any] = field(repr=False)
    mixes: dict[str, np.ndarray] = field(default_factory=dict, repr=False)
    score: ScoreView | None = field(default=None, repr=False)

    def save(self, folder: str | Path, overwrite: bool = False) -> Path:
        """Write NAME.wav, in 32-bit float, for each stem and mix, and separation.json, or nothing.

        Raises ValueError where the folder exists, unless it has an earlier result and `overwrite`.
        """
        import json

        from .audio.wav import save
        from .folders import new_folder
        from .inference.stem_files import REPORT

        with new_folder(Path(folder), overwrite, REPORT) as draft:
            for name, stem in {**self.stems, **self.mixes}.items():
                save(draft / f"{name}.wav", stem, self.sample_rate, "FLOAT")
            text = json.dumps(self.report, indent=2) + "\n"
            (draft / REPORT).write_text(text, encoding="utf-8")
        return Path(folder)

    def player(self) -> StemPlayer:
        """A mixer of all stems, to show in a notebook or to save as a web page."""
        from .audio.track import Track
        from .display.players import StemPlayer
        from .evaluation.quality_estimate import details, reported

        track = Track(self.name, self.sample_rate, self.stems, self.mixture)
        doubtful = " and ".join(self.report["doubtful"])
        remark = f"{doubtful} may not play; correct it with {self.report['correction']}"
        said = details(reported(self.report), self.stems)
        return StemPlayer(track, remark=remark if doubtful else "", details=said, score=self.score)


def separate(
    recording: str | Path | np.ndarray,
    instruments: Sequence[str] | str | None = None,
    model: str | Path | nn.Module | None = None,
    score: str | Path | None = None,
    *,
    sample_rate: int | None = None,
    repair: bool = False,
    minus: Sequence[str] | str | None = None,
    emphasise: Mapping[str, float] | str | None = None,
    estimate: int = 0,
) -> Separation:
    """Separate a file, or a float array (channels, samples) or (samples,), into its instruments.

    instruments: those of the recording, such as `["violin", "cello"]`; `"all"` for all instruments
    of the model; by default they are detected where the model can detect them.
    model: a name in `available_models()`, a path, or a loaded model; by default `chamber`, or
    `ensemble` for players that it lacks, on the fastest device that is available. sample_rate: of
    an array, in Hz. repair: read samples of a file that are not finite as zeros.
    minus: instruments of which each is left out of a mix, such as `["violin"]`, or `"each"`.
    emphasise: dB by which each of these instruments is brought forward in a mix that is as loud as
    the recording, such as `{"viola": 6}` or `{"each": 6}`.
    estimate: the quality of the stems is estimated in so many windows of 5 s, each of which takes
    as long as separating 20 s; `report["estimated_si_sdr"]` has it in dB, and the player shows it.
    score: a file, MIDI or MusicXML, whose parts are separated by a model that takes one.
    Raises ValueError, with one sentence, for what cannot be separated.
    """
    import tempfile
    import warnings

    import numpy as np

    from . import runtime
    from .audio.audio import load
    from .audio.recordings import examine
    from .audio.wav import save
    from .evaluation.quality_estimate import described, estimate_quality
    from .inference.loading import model_and_name, model_for
    from .inference.mixes import Mixes
    from .inference.score_following import align_recording, takes_score
    from .inference.stem_files import separate_recording

    asked, view = Mixes.read(minus, emphasise), None
    if score is not None and model is None:
        model = runtime.SCORE_MODEL
    name, model = model_and_name(model_for(model, instruments))
    with tempfile.TemporaryDirectory(prefix="divisi-") as folder:
        if isinstance(recording, (str, Path)):
            path = Path(recording)
        else:
            path = Path(folder, "recording.wav")
            save(path, _signal(recording, sample_rate), int(sample_rate), "FLOAT")
        source = examine(path, repair)
        for sentence in source.warnings:
            warnings.warn(sentence, stacklevel=2)
        if score is not None:
            from .display.engraving import score_view
            from .music.score_files import read_unfoldings

            scores = list(read_unfoldings(score))
            followed = align_recording(source, model, scores, Path(score).name)
            model, view = followed.follower, score_view(followed, score)
        elif takes_score(model):
            raise ValueError(f"The model '{name}' separates with a score; pass `score`.")
        done = separate_recording(source, model, Path(folder), instruments, mixes=asked)
        for sentence in done.remarks:
            warnings.warn(sentence, stacklevel=2)
        stems = {stem: load(path)[0] for stem, path in done.files().items()}
        mixes = {mix: load(path)[0] for mix, path in done.mix_files().items()}
        mixture = np.concatenate(list(source.blocks()), axis=1)
        estimates = estimate_quality(done, estimate)
    report = {**done.report(name), "estimated_si_sdr": described(estimates)}
    if score is not None:
        report["score"] = followed.report()
    detected = tuple(report["detected"])
    rate = source.sample_rate
    return Separation(path.stem, stems, mixture, rate, detected, report, mixes, view)


def _signal(array: np.ndarray, sample_rate: int | None) -> np.ndarray:
    """The array as float32 (channels, samples); ValueError where it or its rate is no recording."""
    import numpy as np

    from .audio.audio import HIGHEST_RATE, LOWEST_RATE, MOST_CHANNELS

    if sample_rate is None:
        raise ValueError("An array needs its sample rate in Hz: pass sample_rate=44100.")
    whole = isinstance(sample_rate, (int, np.integer))
    if not whole or not LOWEST_RATE <= sample_rate <= HIGHEST_RATE:
        raise ValueError(
            f"The sample rate is {sample_rate!r}; it must be a whole number of Hz from "
            f"{LOWEST_RATE} to {HIGHEST_RATE}."
        )
    array = np.asarray(array)
    if not np.issubdtype(array.dtype, np.floating):
        raise ValueError(f"The array is {array.dtype}; pass floats between -1 and 1.")
    signal = np.atleast_2d(array.astype(np.float32))
    if signal.ndim > 2 or len(signal) > MOST_CHANNELS:
        raise ValueError(
            f"The array has the shape {array.shape}; pass (channels, samples) with at most "
            f"{MOST_CHANNELS} channels, or (samples,)."
        )
    return signal


def evaluate(
    corpus: str | Path,
    model: str | Path | nn.Module | None = None,
    instruments: str | None = None,
    *,
    name: str | None = None,
    baselines: bool = True,
) -> list[Row]:
    """Measure what `separate` gives for every piece of a corpus.

    Returns a row per piece, instrument and metric. A piece that cannot be measured is left out with
    a warning.

    corpus: a folder of stem folders, with one audio file per instrument, or Bach10, URMP or TRIOS
    as published. model: as for `separate`. instruments: by default they are detected where the
    model can; `"named"`: those of the stems; `"all"`: all of the model. The rows' config says
    which. name: of the model in the rows. baselines: also measure the floor (the unprocessed
    mixture) and the ceilings (the oracle masks).
    Raises ValueError, with one sentence, where nothing can be measured.
    """
    import warnings

    from tqdm import tqdm

    from .datasets.stem_folders import find_tracks, unique_names
    from .evaluation.systems import ModelStems, evaluate_pieces
    from .inference.loading import model_and_name

    folders = unique_names(find_tracks(Path(corpus)))
    known_as, model = model_and_name(model)
    system = ModelStems(name or known_as, model, instruments)
    results = evaluate_pieces(folders, system, Path(corpus).resolve().name, baselines)
    rows: list[Row] = []
    for _, result in tqdm(results, total=len(folders), leave=False, disable=None):
        if isinstance(result, list):
            rows += result
        elif len(folders) == 1:
            raise result
        else:
            warnings.warn(str(result), stacklevel=2)
    return rows
