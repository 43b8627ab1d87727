"""What players do with a notation: which repeats they take, which notes are theirs, and how they
play grace notes, trills and turns."""

from __future__ import annotations

from itertools import product
from xml.etree.ElementTree import Element

MOST_CHOSEN = 2  # repeats of which each may be taken or not; of more, all or none
LONGEST_ENDING = 16  # bars
GRACE = 0.125  # quarter notes: a grace note's length, at most half of its main note's in total
MEASURED = 2  # strokes of a tremolo that is played in time; with more it is a held note


def leave_out_others(root: Element) -> None:
    """Rests in place of what others play: cue notes, and the notes of parts that are hidden."""
    for part in root.iter("part"):
        notes = [note for note in part.iter("note") if note.find("pitch") is not None]
        hidden = bool(notes) and all(note.get("print-object") == "no" for note in notes)
        for bar in part.iter("measure"):
            for note in bar.findall("note"):
                pitch = note.find("pitch")
                if pitch is None or not (hidden or note.find("cue") is not None):
                    continue
                pitch.clear()
                pitch.tag = "rest"
                if note.find("chord") is not None:
                    bar.remove(note)


def repeat_choices(root: Element) -> list[tuple[bool, ...]]:
    """Which repeats may be taken, as written first: every choice of a few, all or none of many."""
    count = len(_repeats(root))
    if count > MOST_CHOSEN:
        return [(True,) * count, (False,) * count]
    return list(product((True, False), repeat=count))


def take_repeats(root: Element, taken: tuple[bool, ...]) -> None:
    """Remove the repeats that are not taken, each with its first ending."""
    repeats = _repeats(root)
    dropped: set[int] = set()  # bars
    marks: set[tuple[int, str]] = set()
    single: set[int] = set()  # bars of later endings, which are no endings any more
    for place, (start, first_ending, end) in enumerate(repeats):
        if taken[place]:
            continue
        stop = repeats[place + 1][0] if place + 1 < len(repeats) else end + LONGEST_ENDING
        marks |= {(start, "forward"), (end, "backward")}
        if first_ending is not None:
            dropped |= set(range(first_ending, end + 1))
            single |= set(range(end + 1, min(stop, end + LONGEST_ENDING)))
    for part in root.iter("part"):
        for number, bar in enumerate(part.findall("measure")):
            if number in dropped:
                part.remove(bar)
            for line in bar.findall("barline"):
                for element in list(line):
                    undone = (number, element.get("direction")) in marks
                    if undone or (element.tag == "ending" and number in single):
                        line.remove(element)


def _repeats(root: Element) -> list[tuple[int, int | None, int]]:
    """The bars, from 0, where each repeat starts, its first ending begins (None: it has none), and
    it ends."""
    bars: dict[int, set[str]] = {}
    for part in root.iter("part"):
        for number, bar in enumerate(part.findall("measure")):
            marks = bars.setdefault(number, set())
            marks |= {repeat.get("direction", "") for repeat in bar.iter("repeat")}
            if any(
                ending.get("type") == "start" and ending.get("number", "").startswith("1")
                for ending in bar.iter("ending")
            ):
                marks.add("first")
    found, start, first = [], 0, None
    for number in sorted(bars):
        if "forward" in bars[number]:
            start, first = number, None
        if "first" in bars[number]:
            first = number
        if "backward" in bars[number]:
            found.append((start, first, number))
            start, first = number + 1, None
    return found


def play_ornaments(score) -> int:
    """Write out grace notes, trills, mordents, turns and measured tremolos of a music21 score.

    Returns the number of grace notes that are left out because no note follows them in their bar.
    """
    left_out = 0
    for container in [*score.recurse().getElementsByClass(["Measure", "Voice"])]:
        waiting: list = []
        for element in list(container.notes):
            if element.duration.isGrace:
                waiting.append(element)
                continue
            if waiting and _offset(waiting[0], container) == _offset(element, container):
                _play_graces(container, waiting, element)
                waiting = []
            _write_out(container, element)
        left_out += len(waiting)
        for grace in waiting:
            container.remove(grace)
    return left_out


def _offset(element, container) -> float:
    return element.getOffsetBySite(container)


def _play_graces(container, graces: list, main) -> None:
    """Grace notes on the beat, in the time of their main note."""
    from music21.duration import Duration

    start = _offset(main, container)
    each = min(GRACE, main.quarterLength / 2 / len(graces))
    for place, grace in enumerate(graces):
        container.remove(grace)
        grace.duration = Duration(each)
        container.insert(start + place * each, grace)
    main.quarterLength -= each * len(graces)
    container.setElementOffset(main, start + each * len(graces))


def _write_out(container, element) -> None:
    from music21.expressions import ExpressionException, Ornament, Tremolo, realizeOrnaments

    ornaments = [
        each
        for each in element.expressions
        if isinstance(each, Ornament)
        and not (isinstance(each, Tremolo) and each.numberOfMarks > MEASURED)
    ]
    if not ornaments or not element.isNote:
        return
    offset, written = _offset(element, container), element.expressions
    element.expressions = ornaments
    try:
        notes = realizeOrnaments(element)
    except ExpressionException:  # too short
        element.expressions = written
        return
    container.remove(element)
    for note in notes:
        note.tie = None
        container.insert(offset, note)
        offset += note.quarterLength
