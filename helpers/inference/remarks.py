"""Sentences for the user: on recordings outside of what a model knows, and on mixes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..audio.levels import Level
from ..audio.loudness import MOST_CHANNELS
from ..audio.recordings import Recording
from ..training.conditioning import OTHER
from .detection import Detection

MOSTLY = 0.5  # share of a recording's energy
NOISY = 0.01  # spectral flatness; below 0.004 in chamber music, above 0.015 with drums
MOST_PLAYERS = 7  # of the largest ensembles that the models have learned from


def remarks_on(
    recording: Recording,
    detection: Detection | None,
    levels: Mapping[str, Level],
    unmeasured: Sequence[str],
) -> tuple[str, ...]:
    """Where nothing, one, very many, noise or mostly something else is heard, and on mixes.

    detection: None where the instruments were given. levels: of the stems that are written.
    unmeasured: the mixes whose loudness has no meaning.
    """
    file, sentences = recording.path.name, []
    if detection and recording.level.energy:
        sentences += _on_detection(file, detection)
        if recording.flatness > NOISY:
            sentences.append(
                f"{file}: much of it has the spectrum of noise, as drums, applause or hiss have,"
                " and this model knows instruments that play notes; its stems share the noise."
            )
    other = levels[OTHER].energy / (recording.level.energy or 1.0) if OTHER in levels else 0.0
    expected = not detection and len(levels) < 3  # one instrument, named: to leave all others
    if other > MOSTLY and len(levels) > 1 and not expected:
        sentences.append(
            f"{file}: {other:.0%} of its energy is none of {_listed(levels)}, perhaps a voice,"
            f" drums, an orchestra or an instrument that is not named; see the stem {OTHER}."
        )
    if unmeasured:
        sentences.append(
            f"{file}: its loudness cannot be measured (silence, under 0.4 s, or more than"
            f" {MOST_CHANNELS} channels), so in {', '.join(unmeasured)} the other stems keep their"
            " level."
        )
    return tuple(sentences)


def _on_detection(file: str, detection: Detection) -> list[str]:
    if not detection.present:
        return [
            f"{file}: no instrument that this model knows was found, perhaps because it is a voice,"
            " drums or an orchestra; name the instruments (--instruments) if you know better."
        ]
    if len(detection.present) == 1:
        return [
            f"{file}: {detection.present[0]} is the only instrument that was found, so its stem is"
            " nearly the whole recording; name the instruments (--instruments) if others play."
        ]
    if len(detection.present) > MOST_PLAYERS:
        return [
            f"{file}: {len(detection.present)} players were found, more than the {MOST_PLAYERS} of"
            " an ensemble that this model knows, perhaps because it is an orchestra; name the"
            " instruments (--instruments) if you know better."
        ]
    return []


def _listed(levels: Mapping[str, Level]) -> str:
    return ", ".join(name for name in levels if name != OTHER)
