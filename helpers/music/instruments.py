"""One table of instruments, and their names as scores, folders and users write them.

The table is `instruments.csv` beside this file; `name_words.csv` has the words around a name.
Programs: General MIDI 1 sound set, counted from 0. low, high: the usual sounding range in MIDI
pitch, as orchestration books give it for ensemble players. Aliases are English, German, French,
Italian and Spanish, without accents; one that stands in several rows (`alto`: the French viola, a
saxophone, a voice) is ambiguous.
"""

from __future__ import annotations

import csv
import difflib
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path


@dataclass(frozen=True)
class Instrument:
    """A row of the table."""

    name: str
    aliases: tuple[str, ...]
    family: str
    program: int
    low: int
    high: int


@dataclass(frozen=True)
class Name:
    """What a written name means: `Vl. II` is a violin with the number 2.

    instruments: none for an unknown name, several for an ambiguous one. number: None where the
    name has none; a digit in front of the instrument (`2. Oboe`, `02_oboe`) counts as the place in
    a list and not as a number.
    """

    instruments: tuple[Instrument, ...]
    number: int | None = None


def _rows(file: str) -> list[dict[str, str]]:
    """A table beside this file."""
    with Path(__file__).with_name(file).open(newline="", encoding="utf-8") as table:
        return list(csv.DictReader(table))


INSTRUMENTS = tuple(
    Instrument(
        row["name"],
        tuple(row["aliases"].split()),
        row["family"],
        *(int(row[column]) for column in ("program", "low", "high")),
    )
    for row in _rows("instruments.csv")
)
#: Words of a name beside the instrument's: `filler`, `accidental`, `articulation`, `hand`, numbers
#: such as `2`, and `other` for instruments in no row of the table whose last word is in one.
WORDS = {row["meaning"]: frozenset(row["words"].split()) for row in _rows("name_words.csv")}
NUMBERS = {word: int(n) for n, words in WORDS.items() if n.isdigit() for word in words}

#: A number, an ordinal such as `1st`, `2e`, `1a`, or a word; after accents have gone.
TOKEN = re.compile(
    r"\d+(?:(?:st|n?de?|rd|th|ere|er|re|ieme|eme|me|e|o|a|da|do|ra|ro|ta|to|mo)s?)?(?![^\W\d_])"
    r"|[^\W\d_]+|[#/&+()]"
)
#: What joins two instruments in a name, or sets one off in brackets.
JOINTS = frozenset(["/", "&", "+", "(", ")", "e", "ed", "et", "und", "and", "y"])
KEY = re.compile(r"[a-h]|[a-h](?:b|s|is|es)|(?:do|ut|re|mi|fa|sol|la|si)b?|#")


def find_instrument(name: str) -> Instrument | None:
    """As `instrument`, but None for an unknown or an ambiguous name."""
    found = read_name(name).instruments
    return found[0] if len(found) == 1 else None


def instrument(name: str) -> Instrument:
    """The instrument with this name, as `read_name` reads it.

    KeyError with the nearest name for an unknown one, with the choices for an ambiguous one.
    """
    found = read_name(name).instruments
    if len(found) == 1:
        return found[0]
    if found:
        *others, last = (row.name for row in found)
        raise KeyError(f"'{name}' may mean {', '.join(others)} or {last}; write which one.")
    near = difflib.get_close_matches(
        "-".join(_words(plain_words(name))[0]), _BY_NAME, n=1, cutoff=0.5
    )
    known = _BY_NAME[near[0]] if near else ()
    hint = f"did you mean '{known[0].name}'?" if known else "see INSTRUMENTS for the names."
    raise KeyError(f"There is no instrument '{name}'; {hint}")


def read_name(name: str) -> Name:
    """The instruments that a name may mean, and its number.

    Case, accents, plurals, keys (`in B flat`, `B♭`, `en si bémol`), numbers and words such as
    `Solo` do not matter.
    """
    tokens = plain_words(name)
    words, number = _words([token for token in tokens if token not in "/&+()"])
    if found := _known(words):
        return Name(found, number)
    joined = [
        list(group) for is_joint, group in groupby(tokens, JOINTS.__contains__) if not is_joint
    ]
    named = [words for words, _ in map(_words, joined) if _known(words) or _without_key(words)]
    rows = [_known(each) or _known(_without_key(each)) for each in named]
    if rows and all(rows):
        both = tuple(row for row in rows[0] if all(row in other for other in rows))
        return Name(both or tuple(dict.fromkeys(chain.from_iterable(rows))), number)
    played = WORDS["articulation"] | WORDS["hand"]
    for candidate in (_without_key(words), [word for word in words if word not in played]):
        if found := _known(candidate):
            return Name(found, number)
    return Name((), number)


def _known(words: Sequence[str]) -> tuple[Instrument, ...]:
    """The rows of a name in words as it stands, or without its plural."""
    name = "-".join(words)
    return (_BY_NAME.get(name) or _BY_STEM.get(_stem(name)) or ()) if words else ()


def _without_key(words: Sequence[str]) -> list[str]:
    """The words of a name without those of a key, such as B flat."""
    return [w for w in words if not KEY.fullmatch(w) and w not in WORDS["accidental"]]


def has_staves(row: Instrument) -> bool:
    """Whether one player reads two staves."""
    return row.family == "keyboard" or row.name == "harp"


def is_choir(names: Sequence[Name]) -> bool:
    """Whether the names of all parts of a score together mean voices: soprano, alto, tenor, bass.

    One or two such names beside strings are instruments, as in `Violon, Alto, Basse`.
    """
    sung = sum(any(row.name == "voice" for row in name.instruments) for name in names)
    strings = any(
        len(name.instruments) == 1 and name.instruments[0].family == "strings" for name in names
    )
    return sung > 2 or (sung == 2 and not strings)


def is_other(name: str) -> bool:
    """Whether a name is an instrument that is missing in the table, such as a basset horn."""
    return "-".join(_words(plain_words(name))[0]) in WORDS["other"]


def numbered_names(parts: Sequence[tuple[str, int | None]]) -> list[str]:
    """Unique names for players given as (instrument, number): `violin-1`, `violin-2`, `cello`.

    Numbers are kept where the players of an instrument have different ones; otherwise they count
    the players in order. A single player keeps a number above 1.
    """
    total = Counter(name for name, _ in parts)
    given: dict[str, list[int]] = {}
    for name, number in parts:
        given.setdefault(name, []).extend([number] if number else [])
    kept = {name: len(set(found)) == total[name] for name, found in given.items()}
    seen: Counter[str] = Counter()
    names = []
    for name, number in parts:
        seen[name] += 1
        if total[name] == 1:
            names.append(f"{name}-{number}" if (number or 1) > 1 else name)
        else:
            names.append(f"{name}-{number if kept[name] else seen[name]}")
    return names


def plain_words(text: str) -> list[str]:
    """The words and numbers of a text without accents, in lower case: `Flöte 1` -> flote, 1."""
    text = text.replace("♭", " flat ").replace("♯", " sharp ")
    text = re.sub(r"(?<!\d)[ºª°]", "", text)  # IIº
    text = re.sub(
        r"(?i)\b([rlm])\. ?([hdgs])\.", lambda hand: f" {hand[1]}{hand[2]} ".lower(), text
    )
    letters = unicodedata.normalize("NFKD", text)
    letters = "".join(letter for letter in letters if not unicodedata.combining(letter))
    split = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", letters)  # ViolinII
    return TOKEN.findall(split.lower().replace("ß", "ss").replace("œ", "oe"))


def _words(tokens: Sequence[str]) -> tuple[list[str], int | None]:
    """The words that name the instrument, and the number; none where there are several."""
    words: list[str] = []
    numbers, in_key = set(), False
    for i, token in enumerate(tokens):
        after_in = i > 0 and tokens[i - 1] in ("in", "en")
        in_key = bool(after_in and KEY.fullmatch(token)) or (
            in_key and token in WORDS["accidental"]
        )
        follows = i + 1 < len(tokens) and KEY.fullmatch(tokens[i + 1])
        if in_key or (token in ("in", "en") and words and follows) or token in WORDS["filler"]:
            continue
        counted = NUMBERS.get(token) or NUMBERS.get(token.removesuffix("s"))
        if counted and len(tokens) > 1:
            numbers.add(counted)
        elif token[0].isdigit():
            if words or not token.isdigit():
                numbers.add(int(re.match(r"\d+", token)[0][:4]))
        else:
            words.append(token)
    return words, numbers.pop() if len(numbers) == 1 else None


def _stem(name: str) -> str:
    """Each word without the ending of its plural or gender: violino, violini, Violinen: violin."""
    return "-".join(
        re.sub(r"(?:es|en|[aeio]s|[aeio]|(?<!s)s)$", "", word) if len(word) > 3 else word
        for word in re.sub(r"(?<=[aou])e", "", name).split("-")  # Floete is Flöte
    )


def _tables() -> tuple[dict[str, tuple[Instrument, ...]], dict[str, tuple[Instrument, ...]]]:
    """Instruments by name or alias, and by the stem of it; of several, the likeliest first."""
    names: dict[str, tuple[Instrument, ...]] = {}
    stems: dict[str, tuple[Instrument, ...]] = {}
    # A saxophone is rarely called `tenor` alone.
    for row in sorted(INSTRUMENTS, key=lambda row: row.family == "woodwind"):
        for alias in (row.name, *row.aliases):
            names[alias] = (*names.get(alias, ()), row)
    for alias, rows in names.items():
        for stem in {_stem(alias), _stem(alias.replace("-", ""))}:  # also doublebass
            stems[stem] = tuple(dict.fromkeys((*stems.get(stem, ()), *rows)))
    return names, stems


_BY_NAME, _BY_STEM = _tables()
