"""`divisi render`: a score in, one stem per part and their mixture out."""

from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path

from .. import runtime
from ..audio.audio import Track, save
from ..audio.levels import Level, safe_gain
from ..files import plain_name
from ..music.instruments import instrument
from ..music.scores import Score, corpus_score, read_midi, write_midi
from ..synthesis.fluidsynth import FluidSynth, FluidSynthError
from ..synthesis.renderer import Renderer, render_score
from ..synthesis.sampler import Sampler
from ..synthesis.soundfonts import find_soundfonts
from ..synthesis.tones import SPECTRA, Tones, Voice
from .errors import CommandError, refusing
from .folders import check_space, check_target, new_folder

MARK = "render.json"
RATES = (8_000, 192_000)
FAMILIES = {"strings": "string", "woodwind": "reed", "brass": "brass", "keyboard": "organ"}


def run(arguments: Namespace) -> None:
    """Render one score into a folder that appears whole or not at all."""
    if not RATES[0] <= arguments.rate <= RATES[1]:
        raise CommandError(f"--rate {arguments.rate}: choose between {RATES[0]} and {RATES[1]} Hz.")
    if arguments.tempo is not None and not 1 <= arguments.tempo <= 1000:
        raise CommandError(f"--tempo {arguments.tempo:g}: choose between 1 and 1000 per minute.")
    score = read_score(arguments)
    target = arguments.output / plain_name(score.title)
    check_target(target, arguments.overwrite, MARK)
    signals = len(score.parts) + 1
    check_space(arguments.output, round(score.seconds * arguments.rate * 3 * signals))
    with refusing(ValueError, KeyError, FluidSynthError):
        renderer = RENDERERS[arguments.renderer](arguments, score)
        track = render_score(score, renderer, arguments.rate)
    with new_folder(target, arguments.overwrite, MARK) as folder:
        report = write_track(folder, track)
        write_midi(score, folder / "score.mid")
        report = {"score": arguments.score, "renderer": arguments.renderer, **report}
        (folder / MARK).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(f"{target}: {', '.join(track.instruments)}; {track.seconds:.1f} s")


def read_score(arguments: Namespace) -> Score:
    """The score that was asked for: a file where there is one, else a work of the corpus."""
    players = arguments.instruments.split(",") if arguments.instruments else None
    path = Path(arguments.score)
    with refusing(ValueError, KeyError):
        if not path.is_file() and path.suffix.lower() not in (".mid", ".midi"):
            score = corpus_score(arguments.score, players, arguments.tempo)
        elif players or arguments.tempo:
            raise CommandError(f"{path}: --instruments and --tempo are for works of the corpus.")
        elif path.is_file():
            score = read_midi(path)
        else:
            raise CommandError(f"{path}: there is no such file; check the name.")
    if score.seconds == 0:
        raise CommandError(f"{arguments.score}: holds no notes; choose another score.")
    return score


def tones(_: Namespace, score: Score) -> dict[str, Renderer]:
    """A synthetic voice for each part, after the family of its instrument."""
    spectra = {
        part.instrument: SPECTRA[FAMILIES.get(instrument(part.instrument).family, "flute")]
        for part in score.parts
    }
    return {name: Tones(Voice(harmonics=spectrum)) for name, spectrum in spectra.items()}


def fluidsynth(arguments: Namespace, _: Score) -> Renderer:
    """The soundfont that was asked for, or the first one that is installed."""
    if arguments.soundfont is not None:
        if not arguments.soundfont.is_file():
            raise CommandError(f"{arguments.soundfont}: there is no such file; check the name.")
        return FluidSynth(arguments.soundfont)
    found = find_soundfonts()
    if not found:
        raise CommandError(
            "There is no soundfont; run `sudo apt-get install fluid-soundfont-gm`,"
            " or name one with --soundfont."
        )
    return FluidSynth(found[0])


def notes(arguments: Namespace, _: Score) -> Renderer:
    """Recorded notes from the folder that was asked for, or from those under DIVISI_DATA."""
    root = runtime.data_root()
    folder = arguments.notes or (root / "philharmonia_notes" if root else None)
    if folder is None or not (folder / "index.csv").is_file():
        raise CommandError(
            f"{folder or 'DIVISI_DATA'}: there are no recorded notes with an index.csv;"
            " name their folder with --notes."
        )
    return Sampler(folder, arguments.seed)


RENDERERS = {"tones": tones, "fluidsynth": fluidsynth, "notes": notes}


def write_track(folder: Path, track: Track) -> dict:
    """Write the stems and the mixture in 24 bits with one gain; returns what to record of them."""
    signals = {**track.stems, "mixture": track.mixture}
    levels = {name: Level() for name in signals}
    for name, signal in signals.items():
        levels[name].update(signal)
    gain = safe_gain(max(level.peak for level in levels.values()))
    for name, signal in signals.items():
        save(folder / f"{name}.wav", signal * gain, track.sample_rate)
    return {
        "seconds": track.seconds,
        "sample_rate": track.sample_rate,
        "gain": gain,
        "levels": {name: level.describe(gain) for name, level in levels.items()},
    }
