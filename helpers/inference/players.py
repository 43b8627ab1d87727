"""The sources of a model as players: how many of each instrument, and the names of their stems.

A source is an instrument, `violin`, or its second player, `violin-2`. `other` is everything that no
player of the model explains.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from torch import nn

from ..music.instruments import instrument, read_name
from ..training.conditioning import OTHER, condition_on, player_pairs

ALL = "all"  # for `instruments`: all sources of a model


def first_players(sources: Sequence[str]) -> dict[str, str]:
    """For each second player of an instrument the first one: `violin-2` -> `violin`."""
    return {sources[second]: sources[first] for first, second in player_pairs(sources)}


def stem_names(sources: Sequence[str]) -> tuple[str, ...]:
    """The names of the stems: `violin`, `violin-2`, `cello` -> `violin-1`, `violin-2`, `cello`."""
    numbered = set(first_players(sources).values())
    return tuple(f"{name}-1" if name in numbered else name for name in sources)


def counted_as(model: nn.Module) -> Mapping[str, str]:
    """The sources of instruments that have another name: `alto-saxophone` -> `saxophone`."""
    return getattr(getattr(model, "config", None), "counted_as", {})


def chosen_sources(model: nn.Module, instruments: Sequence[str] | str | None) -> tuple[str, ...]:
    """The model's sources that a user asks for; () for None, which leaves the choice to detection.

    instruments: names or aliases, as a list or as in `violin, violin, vc`, one for each player;
    `all` for all sources.
    Warns where an instrument is listed more often than the model has players of it: these share a
    stem. Raises ValueError for an empty list and for what the model does not separate.
    """
    if instruments is None:
        return ()
    known = ", ".join(model.sources)
    words = words_of(instruments)
    if words == [ALL]:
        return tuple(model.sources)
    if not words:
        raise ValueError(f"Choose at least one instrument; this model separates {known}.")
    firsts, names = first_players(model.sources), []
    for word in words:
        try:
            name = word if word in model.sources else instrument(word).name
        except KeyError as error:
            raise ValueError(error.args[0]) from error
        source = counted_as(model).get(name, name)
        if source not in model.sources:
            raise ValueError(f"This model does not separate '{name}'; it separates {known}.")
        names.append(firsts.get(source, source))
    counts = Counter(names)
    players = {name: [name, *(n for n in firsts if firsts[n] == name)] for name in counts}
    _warn_of_shared_stems(model, dict(zip(words, names, strict=True)), counts, players)
    return tuple(player for name, count in counts.items() for player in players[name][:count])


def words_of(instruments: Sequence[str] | str) -> list[str]:
    """The words of a list, or of a text with commas; ValueError for anything else."""
    words = instruments.split(",") if isinstance(instruments, str) else instruments
    if not isinstance(words, Iterable) or not all(isinstance(word, str) for word in words):
        raise ValueError(f"instruments is {words!r}; pass names, such as ['violin', 'cello'].")
    return [word.strip() for word in words if word.strip()]


def _warn_of_shared_stems(
    model: nn.Module,
    words: Mapping[str, str],
    counts: Mapping[str, int],
    players: Mapping[str, Sequence[str]],
) -> None:
    """words: what a user listed, and the source of each."""
    repeated = [name for name, count in counts.items() if count > len(players[name])]
    numbered = [
        word
        for word, name in words.items()
        if word not in model.sources and read_name(word).number and len(players[name]) == 1
    ]
    if repeated and len(players[repeated[0]]) > 1:
        have = len(players[repeated[0]])
        sentence = f"{repeated[0]} is listed {counts[repeated[0]]} times, but this model has {have}"
        sentence += " stems for all players of an instrument."
    elif repeated or numbered:
        asked = (
            f"{repeated[0]} is listed more than once"
            if repeated
            else f"'{numbered[0]}' has a number"
        )
        sentence = f"{asked}, but this model has one stem for all players of an instrument."
    else:
        return
    warnings.warn(sentence, stacklevel=3)


def source_of(stem: str, sources: Sequence[str]) -> str:
    """The source of a stem that `stem_names` named."""
    return stem if stem in sources else stem.removesuffix("-1")


def interchangeable(model: nn.Module) -> list[tuple[int, int]]:
    """Pairs of a separator's stems that belong to one instrument.

    Which player comes first may change from one segment of a recording to the next.
    """
    if hasattr(model, "pairs"):
        return model.pairs
    return player_pairs(model.sources)


def conditioned_on(model: nn.Module, sources: Sequence[str]) -> nn.Module:
    """The model conditioned on these sources, and on `other` where it has that.

    The model itself for a single source without `other`: its stem would be the whole recording.
    """
    if OTHER in model.sources:
        return condition_on(model, [*(name for name in sources if name != OTHER), OTHER])
    return condition_on(model, sources) if len(sources) > 1 else model
