"""The stem bank of a recipe: its pieces, how they are rendered, and where they are stored."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from joblib import Parallel, delayed

from .. import runtime
from ..audio.track import Track
from ..datasets.development_set import held_out_files
from ..datasets.manifests import manifest
from ..datasets.multitracks import training_pieces
from ..datasets.real_pieces import RealPiece, all_stems, folder_stems, solo_stems, track_stems
from ..datasets.renderings import (
    render_chorale,
    render_ensemble,
    render_excerpt,
    render_random_piece,
)
from ..datasets.stem_bank import RenderedStem, StemBank, build_bank, track_sha256
from ..datasets.stem_folders import solos
from ..datasets.variable_sources import target_pieces
from ..files import files_sha256
from ..music import splits
from ..music.arrangements import Excerpt, excerpts
from ..music.instruments import instrument
from ..music.random_pieces import RandomPiece
from ..synthesis.note_index import INDEX, note_players, recorded_phrases
from ..training.licences import without_terms
from .entries import RecipeError
from .schema import Recipe

ALL = "all"  # of note_collections


@dataclasses.dataclass(frozen=True)
class Group:
    """The pieces of a bank that are rendered in the same way; `name` is their folder."""

    name: str
    pieces: Sequence[object]
    render: Callable[[Any], Iterable[RenderedStem]]


def stem_bank(recipe: Recipe, split: str, recordings: Sequence[Track] = ()) -> StemBank:
    """The bank of a split (`training` or `validation`), rendered once and cached.

    Recorded solos, corpora and `recordings` (mono tracks at the recipe's sample rate) are used for
    training only. RecipeError if a soundfont or a corpus is missing.
    """
    notes = note_sources(recipe) if recipe.use_note_samples else []
    try:
        made = manifest(recipe.rendering, notes)
    except ValueError as error:
        raise RecipeError(f"{recipe.name}: {error}") from error
    key = hashlib.sha256(json.dumps(made, sort_keys=True).encode()).hexdigest()[:16]
    folder = runtime.cache_root() / "banks" / key
    groups = [_stems_group(recipe, split)] if recipe.stems else _score_groups(recipe, split, notes)
    if split == "training":
        groups += [*_solo_groups(recipe), *_corpus_groups(recipe)]
        groups.append(_recordings_group(recipe, recordings))
    groups = [group for group in groups if group.pieces]
    if not groups:
        raise RecipeError(f"{recipe.name}: there are no {split} pieces; name scores or corpora.")
    rate = recipe.rendering.sample_rate
    for group in groups:
        build_bank(folder / group.name, group.pieces, group.render, rate, manifest=made)
    pieces = [piece for group in groups for piece in group.pieces]
    return StemBank(*(folder / group.name for group in groups), pieces=pieces)


def stem_pieces(recipe: Recipe, split: str) -> list[RealPiece]:
    """The pieces of a split in the folder `stems`, none where the recipe has no such folder.

    RecipeError where the folder will not do.
    """
    if not recipe.stems:
        return []
    try:
        training, validating = target_pieces(recipe.stems, recipe.target, recipe.bleed)
    except ValueError as error:
        raise RecipeError(f"{recipe.name}: {error}") from error
    pieces = training if split == "training" else validating
    return [
        RealPiece(name, files_sha256(folder.stems.values()), folder)
        for name, folder in pieces.items()
    ]


def collections(recipe: Recipe) -> list[str]:
    """The folders of recorded notes and solos in `DIVISI_DATA` that a recipe uses."""
    root = runtime.data_root()
    if root is None:
        return []
    names = set()
    if recipe.use_note_samples and recipe.rendering.note_samples and recipe.scores:
        instruments = recipe.rendering.instruments
        players = [note_players(note_sources(recipe), name) for name in instruments]
        names = {player.relative_to(root).as_posix() for found in players for player in found}
    files = [file for files in _solo_files(recipe).values() for file in files]
    return sorted(names | {file.relative_to(root).parts[0] for file in files})


def note_sources(recipe: Recipe) -> list[Path]:
    """The folders and sets of `note_collections`; sets without terms only where they are named.

    RecipeError where one is missing; empty without DIVISI_DATA.
    """
    root = runtime.data_root()
    if root is None:
        return []
    names = recipe.note_collections
    if ALL in names:
        names = sorted(index.parent.name for index in root.glob(f"*/{INDEX}"))
    sources: dict[Path, None] = {}
    for name in names:
        try:
            players = note_players(root / name)
        except ValueError as error:
            raise RecipeError(f"{recipe.name}: {error}") from error
        for player in players or [root / name]:
            place = player.relative_to(root).as_posix()
            if place == name or not without_terms(place):
                sources[player] = None
    return list(sources)


def _score_groups(recipe: Recipe, split: str, notes: Sequence[Path]) -> list[Group]:
    """Of each kind of score the first `max_pieces`, or all if it is 0, and `max_excerpts`."""
    count, config = recipe.max_pieces or None, recipe.rendering
    chorales = splits.names("chorale", split)[:count]
    works = [*splits.names("quartet", split)[:count], *chorales]
    groups = []

    def add(name: str, pieces: Sequence[object], render: Callable, config=config) -> None:
        groups.append(Group(name, pieces, partial(render, config=config, notes_root=notes)))

    def cut(kind: str, works: Sequence[str], ensemble: tuple[str, ...] = ()) -> list[Excerpt]:
        every = _excerpts(works, config.max_seconds, ensemble)
        most = recipe.max_excerpts.get(kind, len(every))
        return [every[i * len(every) // most] for i in range(most)] if most < len(every) else every

    if "chorales" in recipe.scores:
        add("chorales", chorales, render_chorale)
    if "random" in recipe.scores:
        pieces = [RandomPiece(number) for number in splits.RANDOM[split][:count]]
        add("random", pieces, render_random_piece)
    if ensemble := recipe.chorale_instruments:
        pieces = cut("chorale_instruments", chorales, ensemble)
        add("-".join(("chorales", *ensemble)), pieces, render_excerpt)
    if "ensembles" in recipe.scores:
        add("ensembles", cut("ensembles", works), render_ensemble)
    if "works" in recipe.scores:
        add("works", cut("works", works), render_excerpt)
    keyboards = [name for name in config.instruments if instrument(name).family == "keyboard"]
    if keyboards and not {"works", "piano"}.isdisjoint(recipe.scores):
        solo = dataclasses.replace(config, instruments=tuple(keyboards[:1]))
        add("piano", cut("piano", splits.names("piano", split)[:count]), render_excerpt, solo)
    return groups


def _stems_group(recipe: Recipe, split: str) -> Group:
    render = partial(all_stems, sample_rate=recipe.rendering.sample_rate)
    return Group("stems", stem_pieces(recipe, split), render)


def _solo_groups(recipe: Recipe) -> list[Group]:
    pieces = [
        RealPiece(name, files_sha256(files), files) for name, files in _solo_files(recipe).items()
    ]
    return [Group("solos", pieces, partial(solo_stems, sample_rate=recipe.rendering.sample_rate))]


def _solo_files(recipe: Recipe) -> dict[str, list[Path]]:
    """The files of solos for each instrument of a recipe that uses them, but none held out."""
    root = runtime.data_root()
    if root is None or not recipe.use_solos:
        return {}
    found, held_out = solos(root), held_out_files(root)
    phrases = recorded_phrases(note_sources(recipe)) if recipe.use_note_samples else {}
    files = {
        name: [p for p in (*found.get(name, []), *phrases.get(name, [])) if p not in held_out]
        for name in recipe.rendering.instruments
    }
    return {name: paths for name, paths in files.items() if paths}


def _corpus_groups(recipe: Recipe) -> list[Group]:
    """The first `max_pieces` of each published corpus, or all if it is 0.

    RecipeError if a corpus is missing or may not be used for training.
    """
    root, config, groups = runtime.data_root(), recipe.rendering, []
    for corpus in recipe.corpora:
        places = [Path(corpus).expanduser(), *([root / corpus] if root else [])]
        place = next((place.resolve() for place in places if place.is_dir()), None)
        if place is None:
            raise RecipeError(
                f"{recipe.name}: there is no corpus '{corpus}'; give its folder, or a name of "
                "`divisi corpora` that is in DIVISI_DATA."
            )
        try:
            found = training_pieces(
                place, config.instruments, recipe.microphone or None, recipe.bleed
            )
        except ValueError as error:
            raise RecipeError(f"{recipe.name}: {error}") from error
        pieces = []
        for name, folder in list(found.items())[: recipe.max_pieces or None]:
            files = [file for player in config.instruments for file in folder.players(player)]
            pieces.append(RealPiece(f"{place.name}/{name}", files_sha256(files), folder))
        render = partial(
            folder_stems, instruments=config.instruments, sample_rate=config.sample_rate
        )
        groups.append(Group(f"corpus-{place.name}", pieces, render))
    return groups


def _recordings_group(recipe: Recipe, recordings: Sequence[Track]) -> Group:
    pieces = [RealPiece(track.name, track_sha256(track), track) for track in recordings]
    render = partial(track_stems, instruments=recipe.rendering.instruments)
    return Group("recordings", pieces, render)


def _excerpts(
    works: Sequence[str], seconds: float, ensemble: tuple[str, ...] = ()
) -> list[Excerpt]:
    """All excerpts of some works; the first time, the works are parsed on all cores."""
    cut = Parallel(n_jobs=-1)(delayed(excerpts)(work, seconds, ensemble) for work in works)
    return [excerpt for of_work in cut for excerpt in of_work]
