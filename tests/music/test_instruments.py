"""The table of instruments: every name and alias finds its row, and one row only."""

import unicodedata

import pretty_midi
import pytest

from helpers.music.instruments import (
    INSTRUMENTS,
    find_instrument,
    instrument,
    numbered_names,
    read_name,
)  # fmt: skip


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("violin", "violin"),
        ("Violin II", "violin"),
        ("vn", "violin"),
        ("vn_1", "violin"),
        ("Violin-2", "violin"),
        ("va", "viola"),
        ("vc", "cello"),
        ("Violoncello", "cello"),
        ("double bass", "double-bass"),
        ("db", "double-bass"),
        ("fl", "flute"),
        ("ob", "oboe"),
        ("cl", "clarinet"),
        ("sax", "saxophone"),
        ("tenor-sax", "saxophone"),
        ("Alto Saxophone", "alto-saxophone"),
        ("bn", "bassoon"),
        ("tpt", "trumpet"),
        ("hn", "horn"),
        ("french_horn", "horn"),
        ("French Horn", "horn"),
        ("cor anglais", "english-horn"),
        ("tbn", "trombone"),
        ("tba", "tuba"),
        (" Piano ", "piano"),
    ],
)
def test_instrument_is_found_however_it_is_written(written, name):
    assert instrument(written).name == name


def test_unknown_instrument_is_refused_with_the_nearest_name():
    with pytest.raises(KeyError, match="There is no instrument 'violine d'amour'.*'violin'"):
        instrument("violine d'amour")


@pytest.mark.parametrize("name", ["", "  ", "-1", "xyzzyx"])
def test_what_resembles_nothing_is_refused_too(name):
    with pytest.raises(KeyError, match="There is no instrument"):
        instrument(name)


AMBIGUOUS = {
    "alto": ["viola", "voice", "alto-saxophone"],
    "alt": ["voice", "alto-saxophone"],
    "tenor": ["voice", "saxophone"],
    "soprano": ["voice", "soprano-saxophone"],
    "sopran": ["voice", "soprano-saxophone"],
    **dict.fromkeys(("baritone", "bariton", "baritono", "baryton"),
                    ["voice", "baritone-saxophone"]),
    **dict.fromkeys(("bass", "basse", "basso", "bajo"), ["double-bass", "voice"]),
    **dict.fromkeys(("strings", "streicher", "archi", "cordes", "cuerdas"),
                    ["violin", "viola", "cello", "double-bass"]),
}  # fmt: skip


def test_every_name_and_alias_means_one_instrument_or_asks_which():
    for row in INSTRUMENTS:
        for alias in (row.name, *row.aliases):
            found = [each.name for each in read_name(alias).instruments]
            assert found == AMBIGUOUS.get(alias, [row.name])


@pytest.mark.parametrize("name", [*AMBIGUOUS, "Altos", "Baß", "Ténor", "Sopran"])
def test_an_ambiguous_name_asks(name):
    assert find_instrument(name) is None
    with pytest.raises(KeyError, match=f"'{name}' may mean .* or .*; write which one"):
        instrument(name)


#: Instruments as scores and folders name them in English, German, French, Italian and Spanish.
WRITTEN = {
    "violin": """Violins, 1st Violin, Solo Violin, Violin (1), Violine, Violinen, 1. Violine, Geige,
        Violons, 1er Violon, Violini I, Violino primo, Violín, Violines, Vl. II, Vln.1""",
    "viola": "Violas, Bratsche, Bratschen, Viole, Vla., Va, Alto-Viola",
    "cello": """Celli, Cellos, Violoncelli, Violoncelles, Violonchelo, Violoncello solo,
        Vlc., Vcl""",
    "double-bass": """Double Basses, Contrabass, Kontrabass, Kontrabässe, Contrebasse,
        Contrebasses, Contrabbasso, Contrabbassi, Contrabajo, Contrabajos, Kb., Cb""",
    "flute": """Flutes, Flöte, Floete, Flöten, Querflöte, Flûte, Flûtes, Flûte traversière, Flauto,
        Flauti, Flauta, Flautas, Fl. 1""",
    "recorder": "Blockflöte, Blockflöten, Flûte à bec, Flauto dolce, Flauta dulce, Recorders",
    "piccolo": "Piccolo, Piccoloflöte, Petite flûte, Ottavino, Flautín",
    "oboe": "Oboes, Oboen, Hautbois, Oboi, Oboe I, Ob.",
    "english-horn": "English Horn, Englischhorn, Cor anglais, Corno inglese, Corno inglés",
    "clarinet": """Clarinet in Bb, Clarinet in B flat, B♭ Clarinet, Bb Clarinet, A Clarinet,
        Kl. in B, Klarinette in B, Klarinetten, Clarinette en si bémol, Clarinettes,
        Clarinetto in Sib, Clarinetti, Clarinete en Sib, Clarinetes, Clarinet in E♭, Clarinet B""",
    "bass-clarinet": """Bass Clarinet in Bb, Bassklarinette, Clarinette basse, Clarinetto basso,
        Clarinete bajo""",
    "saxophone": """Tenor Sax, TenorSax, Tenorsaxophon, Saxophone ténor, Sassofono tenore,
        Sax tenor, Saxofón tenor, Saxophon""",
    "alto-saxophone": """Alto Sax in Eb, Altsaxophon, Saxophone alto, Sassofono contralto,
        Saxofón alto""",
    "bassoon": "Bassoons, Fagott, Fagotte, Basson, Bassons, Fagotto, Fagotti, Fagotes, Fg. 2",
    "contrabassoon": "Kontrafagott, Contrebasson, Controfagotto, Contrafagot",
    "horn": """Horn, Horns, Horn in F, F Horn, French Horn 2, Waldhorn, Hörner, Cor, Cors en Fa,
        Corno, Corni in Es, Horn in E♭, Trompa, Trompas en Fa, Hr. 3""",
    "trumpet": """Trumpet in C, Trumpets, Trompete, Trompeten, Trompette, Trompettes, Tromba in Re,
        Trombe, Trompeta, Trompetas""",
    "trombone": "Trombones, Posaune, Posaunen, Tromboni, Trombón, Tenor Trombone",
    "harp": "Harps, Harfe, Harpe, Arpa",
    "guitar": "Gitarre, Guitare, Chitarra, Guitarra, Acoustic Guitar (nylon)",
    "piano": "Pianoforte, Klavier, Flügel, Fluegel, Fortepiano, Pf., Pno",
    "harpsichord": "Cembalo, Clavecin, Clavicembalo, Clavecín",
    "organ": "Orgel, Orgue, Organo, Órgano, Church Organ",
    "voice": "Voices, Gesang, Stimme, Voix, Voce, Voz, Chor, Chœur, Choeur, Coro, Canto",
    "timpani": "Pauken, Timbales, Timpano, Kettledrums",
}


@pytest.mark.parametrize(
    ("written", "name"),
    [(each.strip(), name) for name, every in WRITTEN.items() for each in every.split(",")],
)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_of_five_languages_are_read(written, name, form):
    assert instrument(unicodedata.normalize(form, written)).name == name
    assert instrument(written.upper()).name == name
    assert instrument(written.replace(" ", "_")).name == name


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("ViolinII", "violin"), ("DoubleBass", "double-bass"), ("doublebass", "double-bass"),
        ("FRENCHHORN", "horn"), ("altosax2", "alto-saxophone"), ("CorAnglais", "english-horn"),
    ],
)  # fmt: skip
def test_words_may_be_joined(written, name):
    assert instrument(written).name == name


@pytest.mark.parametrize(
    "name",
    ["Basset Horn", "Flügelhorn", "Oboe d'amore", "Viola da gamba", "Bass Guitar", "in F", "B", "1",
     "Bb", "Solo", "II", "Kazoo", "♭", "\u0301", "Horn of Plenty"],
)  # fmt: skip
def test_what_is_no_instrument_of_the_table_is_unknown(name):
    assert read_name(name).instruments == ()


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("Violin", None), ("Vl. II", 2), ("Violino II", 2), ("2nd Violin", 2), ("Violin 12", 12),
        ("Second Violin", 2), ("Zweite Violine", 2), ("2e violon", 2), ("Violino primo", 1),
        ("Violín segundo", 2), ("Horn in F 3", 3), ("Corni in Es 1", 1), ("violin2", 2),
        ("Clarinet in Bb", None), ("02 Violin", None), ("2. Violine", None), ("02_violin-1", 1),
        ("Violin No. 2", 2), ("Violin " + "9" * 5000, 9999),
    ],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_numbers_are_kept(written, number):
    assert read_name(written).number == number


def test_players_are_numbered_as_they_are_named_or_in_order():
    def names(*players: str) -> list[str]:
        read = [read_name(player) for player in players]
        return numbered_names([(each.instruments[0].name, each.number) for each in read])

    assert names("Violin II", "Violin I", "Viola") == ["violin-2", "violin-1", "viola"]
    assert names("Violin", "Violin", "Cello") == ["violin-1", "violin-2", "cello"]
    assert names("Violin 2", "Violin 2") == ["violin-1", "violin-2"]
    assert names("Violin", "Violin 1") == ["violin-1", "violin-2"]
    assert names("Violin II", "Cello 1") == ["violin-2", "cello"]


def test_ranges_lie_on_the_keyboard_and_in_order():
    assert all(0 <= row.low < row.high <= 127 for row in INSTRUMENTS)


def test_open_strings_and_lowest_notes_are_where_players_have_them():
    lowest = {"violin": "G3", "viola": "C3", "cello": "C2", "flute": "C4", "bassoon": "A#1"}
    for name, note in lowest.items():
        assert instrument(name).low == pretty_midi.note_name_to_number(note)


@pytest.mark.parametrize(
    ("name", "general_midi"),
    [
        ("violin", "Violin"),
        ("viola", "Viola"),
        ("cello", "Cello"),
        ("double-bass", "Contrabass"),
        ("harp", "Orchestral Harp"),
        ("guitar", "Acoustic Guitar (nylon)"),
        ("flute", "Flute"),
        ("oboe", "Oboe"),
        ("english-horn", "English Horn"),
        ("clarinet", "Clarinet"),
        ("bass-clarinet", "Clarinet"),  # General MIDI has no bass clarinet
        ("saxophone", "Tenor Sax"),
        ("alto-saxophone", "Alto Sax"),
        ("soprano-saxophone", "Soprano Sax"),
        ("baritone-saxophone", "Baritone Sax"),
        ("bassoon", "Bassoon"),
        ("horn", "French Horn"),
        ("trumpet", "Trumpet"),
        ("trombone", "Trombone"),
        ("tuba", "Tuba"),
        ("piano", "Acoustic Grand Piano"),
        ("harpsichord", "Harpsichord"),
        ("organ", "Church Organ"),
        ("voice", "Choir Aahs"),
        ("timpani", "Timpani"),
        ("piccolo", "Piccolo"),
        ("recorder", "Recorder"),
    ],
)
def test_program_is_the_general_midi_one(name, general_midi):
    assert pretty_midi.program_to_instrument_name(instrument(name).program) == general_midi


@pytest.mark.parametrize(
    ("written", "name", "number"),
    [
        ("1ers violons", "violin", 1), ("Seconds violons", "violin", 2),
        ("Violin Two", "violin", 2),
        ("Violines segundos", "violin", 2), ("Violino IIº", "violin", 2),
        ("Vln II (div.)", "violin", 2),
        ("Violini I, II", "violin", None), ("Corni I.II in F", "horn", None),
        ("Flutes 1 and 2", "flute", None), ("Viola (Bratsche)", "viola", None),
        ("Flöte / Flute", "flute", None), ("Sopran (Chor)", "voice", None),
        ("Gr. Fl.", "flute", None),
        ("Piano Right Hand", "piano", None), ("Klavier (l.H.)", "piano", None),
        ("Violin pizz.", "violin", None), ("Track 3 - Cello", "cello", None),
        ("Baroque Violin", "violin", None), ("Htb. 2", "oboe", 2),
        ("Sopranblockflöte", "recorder", None),
    ],
)  # fmt: skip
def test_names_with_more_around_them_are_read(written, name, number):
    assert instrument(written).name == name
    assert read_name(written).number == number


@pytest.mark.parametrize("name", ["Vc. e Cb.", "Violoncello e Contrabbasso", "Flute & Oboe"])
def test_the_name_of_two_instruments_asks(name):
    assert len(read_name(name).instruments) == 2
