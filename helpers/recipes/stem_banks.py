"""The stem banks that recipes ask for: which pieces, who plays them, where they are kept."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from joblib import Parallel, delayed

from .. import runtime
from ..audio.track import Track
from ..datasets.multitracks import multitrack_stems, training_pieces
from ..datasets.renderings import (
    RenderingConfig,
    chorale_variants,
    ensemble_variants,
    manifest,
    piece_variants,
    real_stems,
    solo_stems,
)
from ..datasets.stem_bank import RenderedStem, StemBank, build_bank, track_sha256
from ..datasets.stem_folders import solos
from ..music import splits
from ..music.arrangements import excerpts
from ..music.instruments import instrument
from .schema import Recipe, RecipeError

NOTES = "philharmonia_notes"  # the folder of recorded notes
Shelf = tuple[list[str], Callable[[str], Iterable[RenderedStem]]]  # pieces, and how each is played


def stem_bank(recipe: Recipe, split: str, recordings: Sequence[Track] = ()) -> StemBank:
    """The takes of a split, made once and kept in the cache: `training` or `validation`.

    Recorded solos and corpora train only. recordings: real tracks that train too, at the recipe's
    sample rate. RecipeError where a soundfont or a corpus is missing.
    """
    rendering, root = recipe.rendering, runtime.data_root()
    notes = root / NOTES if root and recipe.use_note_samples else None
    try:
        made = manifest(rendering, notes)
    except ValueError as error:
        raise RecipeError(f"{recipe.name}: {error}") from error
    said = json.dumps(made, sort_keys=True)
    folder = runtime.cache_root() / "banks" / hashlib.sha256(said.encode()).hexdigest()[:16]
    shelves = _scores(recipe, split, notes)
    if root and recipe.use_solos and split == "training":
        players = [name for name in rendering.instruments if name in solos(root)]
        shelves["solos"] = (
            players,
            partial(solo_stems, root=root, sample_rate=rendering.sample_rate),
        )
    if split == "training":
        shelves |= _corpora(recipe)
    if recordings:
        # Named by content too: other recordings may have the same names.
        tracks = {f"{track.name}-{track_sha256(track)[:16]}": track for track in recordings}
        play = partial(real_stems, tracks=tracks, instruments=rendering.instruments)
        shelves["recordings"] = list(tracks), play
    shelves = {shelf: content for shelf, content in shelves.items() if content[0]}
    for shelf, (names, perform) in shelves.items():
        build_bank(folder / shelf, names, perform, rendering.sample_rate, manifest=made)
    wanted = [name for names, _ in shelves.values() for name in names]
    return StemBank(*(folder / shelf for shelf in shelves), pieces=wanted)


def collections(recipe: Recipe) -> list[str]:
    """The folders of recorded notes and solos under `DIVISI_DATA` that a training hears."""
    root = runtime.data_root()
    if root is None:
        return []
    names = (
        {NOTES}
        if recipe.use_note_samples and recipe.rendering.note_samples and recipe.scores
        else set()
    )
    if recipe.use_solos:
        found = solos(root)
        files = [file for name in recipe.rendering.instruments for file in found.get(name, [])]
        names |= {file.relative_to(root).parts[0] for file in files}
    return sorted(names)


def _scores(recipe: Recipe, split: str, notes: Path | None) -> dict[str, Shelf]:
    """The shelves of scores; of each kind the first `recipe.max_pieces` where that is not 0."""
    count, rendering = recipe.max_pieces or None, recipe.rendering
    play = partial(piece_variants, config=rendering, notes_root=notes)
    shelves: dict[str, Shelf] = {}
    if "chorales" in recipe.scores:
        voices = partial(chorale_variants, config=rendering, notes_root=notes)
        shelves["chorales"] = splits.names("chorale", split)[:count], voices
    if "random" in recipe.scores:
        shelves["random"] = splits.random_names(split)[:count], play
    if recipe.chorale_instruments:
        four = dataclasses.replace(rendering, instruments=recipe.chorale_instruments)
        chorales = _excerpts(splits.names("chorale", split)[:count], four)
        shelf = "-".join(("chorus", *recipe.chorale_instruments))
        voices = partial(piece_variants, config=four, notes_root=notes)
        # The ensembles play these excerpts too; pieces of one bank have names of their own.
        names = [f"{shelf}/{name}" for name in chorales]
        shelves[shelf] = names, partial(_from_shelf, shelf=shelf, play=voices)
    works = [*splits.names("quartet", split)[:count], *splits.names("chorale", split)[:count]]
    if "ensembles" in recipe.scores:
        share = partial(ensemble_variants, config=rendering, notes_root=notes)
        shelves["ensembles"] = _excerpts(works, rendering), share
    if "works" in recipe.scores:
        shelves["works"] = _excerpts(works, rendering), play
        if keyboards := [k for k in rendering.instruments if instrument(k).family == "keyboard"]:
            alone = dataclasses.replace(rendering, instruments=tuple(keyboards))
            pieces = _excerpts(splits.names("piano", split)[:count], alone)
            shelves["piano"] = pieces, partial(piece_variants, config=alone, notes_root=notes)
    return shelves


def _corpora(recipe: Recipe) -> dict[str, Shelf]:
    """A shelf for each published corpus, of the first `recipe.max_pieces` where that is not 0.

    RecipeError where one is not at hand or may not train.
    """
    root, rendering = runtime.data_root(), recipe.rendering
    shelves: dict[str, Shelf] = {}
    for corpus in recipe.corpora:
        places = [Path(corpus).expanduser(), *([root / corpus] if root else [])]
        place = next((place.resolve() for place in places if place.is_dir()), None)
        if place is None:
            raise RecipeError(
                f"{recipe.name}: there is no corpus '{corpus}'; name its folder, or one of "
                "`divisi corpora` that is under DIVISI_DATA."
            )
        try:
            found = training_pieces(place, rendering.instruments, recipe.microphone or None)
        except ValueError as error:
            raise RecipeError(f"{recipe.name}: {error}") from error
        shelf = f"{place.name}-{hashlib.sha256(str(place).encode()).hexdigest()[:8]}"
        pieces = {f"{shelf}/{name}": piece for name, piece in found.items()}
        play = partial(
            multitrack_stems,
            pieces=pieces,
            instruments=rendering.instruments,
            sample_rate=rendering.sample_rate,
        )
        shelves[shelf] = list(pieces)[: recipe.max_pieces or None], play
    return shelves


def _from_shelf(name: str, shelf: str, play: Callable[[str], Iterable[RenderedStem]]):
    """The takes of `SHELF/NAME`, which is NAME played for that shelf."""
    yield from play(name.removeprefix(f"{shelf}/"))


def _excerpts(works: Sequence[str], rendering: RenderingConfig) -> list[str]:
    """All works cut into excerpts as long as a take may be; parsed over all cores at first."""
    cut = Parallel(n_jobs=-1)(delayed(excerpts)(work, rendering.max_seconds) for work in works)
    return [excerpt for pieces in cut for excerpt in pieces]
