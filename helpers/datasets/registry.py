"""The collections of recordings that the project knows, with their terms and how to get them."""

from __future__ import annotations

import difflib
from dataclasses import dataclass


@dataclass(frozen=True)
class RemoteFile:
    """An archive in a record of Zenodo, and its size in 1e9 bytes.

    Zenodo states the md5 of all its files; `deposits` asks for it, so that none is copied here.
    """

    record: int
    archive: str
    gigabytes: float


@dataclass(frozen=True)
class Corpus:
    """A published collection. `name` is a part of the folder names it is recognised by.

    obtain: how to come by it. use: what this project takes it for.
    residual_db: how far below its mixtures the rest that is no stem lies, at most, as measured.
    folders: other parts of folder names that tell it. parts: what some of its files are called,
    and the instrument that is meant. microphones: where each piece is a folder of one folder per
    microphone, those to prefer, best first. alternatives: instruments that play the same part, of
    which a piece has one. held_out: kept for measuring, never in a training by its name.
    deposit: where `divisi fetch` finds it.
    """

    name: str
    title: str
    url: str
    licence: str
    citation: str
    instruments: tuple[str, ...]
    obtain: str
    use: str
    residual_db: float = -40.0
    folders: tuple[str, ...] = ()
    parts: tuple[tuple[str, str], ...] = ()
    microphones: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()
    held_out: bool = False
    remote_file: RemoteFile | None = None


CORPORA = (
    Corpus(
        name="bach10",
        title="Bach10: ten four-part chorales",
        url="http://music.cs.northwestern.edu/data/Bach10.html",
        licence="none stated; free to download for research after a form",
        citation=(
            "Z. Duan, B. Pardo and C. Zhang, Multiple fundamental frequency estimation by modeling "
            "spectral peaks and non-peak regions, IEEE TASLP 18(8), 2010"
        ),
        instruments=("violin", "clarinet", "saxophone", "bassoon"),
        obtain="fill in the form on its page, unpack Bach10_v1.1.zip",
        use="measuring; training only when the measured piece is left out",
        residual_db=-70.0,
        held_out=True,
    ),
    Corpus(
        name="urmp",
        title="URMP: 44 duets to quintets, audio and video",
        url="https://doi.org/10.5061/dryad.ng3r749",
        licence="CC0 1.0",
        citation=(
            "B. Li, X. Liu, K. Dinesh, Z. Duan and G. Sharma, Creating a multitrack classical "
            "music performance dataset for multimodal music analysis, IEEE TMM 21(2), 2019"
        ),
        instruments=(
            "violin", "viola", "cello", "double-bass", "flute", "oboe", "clarinet", "saxophone",
            "bassoon", "trumpet", "horn", "trombone", "tuba",
        ),
        obtain="download Dataset.tar.gz (12 GB with the videos) from Dryad and unpack it",
        use="measuring only",
        residual_db=-65.0,
        held_out=True,
    ),
    Corpus(
        name="trios",
        title="TRIOS: five score-aligned multitrack trios",
        url="https://zenodo.org/records/6797837",
        licence="CC BY-NC-SA 2.0 UK",
        citation=(
            "J. Fritsch and M. D. Plumbley, Score informed audio source separation using "
            "constrained nonnegative matrix factorization and score synthesis, ICASSP 2013"
        ),
        instruments=(
            "piano", "violin", "viola", "cello", "horn", "clarinet", "bassoon", "trumpet",
            "saxophone",
        ),
        obtain="download 'TRIOS Dataset.zip' from Zenodo and unpack it",
        use="measuring only",
        residual_db=-70.0,
        held_out=True,
    ),
    Corpus(
        name="musdb18",
        title="MUSDB18-HQ: 150 songs in four stems",
        url="https://zenodo.org/records/3338373",
        licence="for research and education only; most songs CC BY-NC-SA 4.0",
        citation="Z. Rafii et al., MUSDB18-HQ, an uncompressed version of MUSDB18, 2019",
        instruments=("vocals", "drums", "bass", "other"),
        obtain="ask for access on Zenodo, unpack musdb18hq.zip",
        use="comparison with separators of popular music",
        residual_db=-30.0,
    ),
    Corpus(
        name="medley_solos",
        title="Medley-solos-DB: solo passages of three seconds",
        url="https://doi.org/10.5281/zenodo.1344103",
        licence="see its Zenodo page (CC BY 4.0 as of version 1.2)",
        citation=(
            "V. Lostanlen, C.-E. Cella, R. Bittner and S. Essid, Medley-solos-DB: a "
            "cross-collection dataset for musical instrument recognition, Zenodo, 2018"
        ),
        instruments=("clarinet", "flute", "piano", "saxophone", "violin"),
        obtain="download it from Zenodo, one folder per instrument",
        use="training",
    ),
    Corpus(
        name="philharmonia_notes",
        title="Philharmonia Orchestra: recorded single notes",
        url="https://github.com/skratchdot/philharmonia-samples",
        licence="CC BY-SA 3.0; not to be redistributed as samples",
        citation="Philharmonia Orchestra sound samples, philharmonia.co.uk",
        instruments=("clarinet", "saxophone", "bassoon", "cello", "flute", "oboe", "horn"),
        obtain="clone the repository; an index.csv lists pitch, length and dynamic of each file",
        use="training",
    ),
    Corpus(
        name="solo_violin",
        title="Bach Violin Dataset: BWV 1002, played by John Garner",
        url="https://github.com/salu133445/bach-violin-dataset",
        licence="CC BY 3.0 for this player",
        citation=(
            "H.-W. Dong, C. Zhou, T. Berg-Kirkpatrick and J. McAuley, Deep Performer: "
            "score-to-audio music performance synthesis, ICASSP 2022"
        ),
        instruments=("violin",),
        obtain="run the download script of the repository",
        use="training",
    ),
    # Records, sizes and layouts of the next three are those that public loaders give (for the first
    # two github.com/repertorium/SynthSOD-Baseline, for EnsembleSet and CadenzaWoodwind the Cadenza
    # Challenge, github.com/claritychallenge/clarity), not compared with the archives themselves.
    Corpus(
        name="ensembleset",
        title="EnsembleSet: 80 pieces of chamber music from sampled instruments, 6 hours",
        url="https://zenodo.org/records/6519024",
        licence="see its Zenodo page; CC BY-NC 4.0 in the Cadenza Challenge",
        citation=(
            "S. Sarkar, E. Benetos and M. Sandler, EnsembleSet: a new high-quality synthesised "
            "dataset for chamber ensemble separation, ISMIR 2022"
        ),
        instruments=(
            "violin", "viola", "cello", "double-bass", "flute", "clarinet", "oboe", "bassoon",
            "horn", "trumpet", "timpani",
        ),
        obtain=(
            "divisi fetch ensembleset, or unpack BBCSO_Ensembles.zip from Zenodo; "
            "the Cadenza Challenge hands out Mix_1 alone (5 GB)"
        ),
        use="training",
        folders=("bbcso_ensembles",),
        parts=(("bass", "double-bass"),),
        microphones=("Mix_1", "Tree", "Close"),
        remote_file=RemoteFile(6519024, "BBCSO_Ensembles.zip", 58.0),
    ),
    Corpus(
        name="synthsod",
        title="SynthSOD: 467 orchestral and chamber pieces from sampled instruments, 50 hours",
        url="https://zenodo.org/records/13759492",
        licence="CC BY-SA 4.0",
        citation=(
            "J. Garcia-Martinez, D. Diaz-Guerra, A. Politis, T. Virtanen, J. J. Carabias-Orti and "
            "P. Vera-Candeas, SynthSOD: developing an heterogeneous dataset for orchestra music "
            "source separation, arXiv 2409.10995, 2024"
        ),
        instruments=(
            "violin", "viola", "cello", "double-bass", "flute", "piccolo", "clarinet", "oboe",
            "english-horn", "bassoon", "horn", "trumpet", "trombone", "tuba", "harp", "timpani",
        ),
        obtain=(
            "divisi fetch synthsod (its --file SynthSOD-sample.zip is 2 GB), or unpack "
            "SynthSOD.zip from Zenodo, with its metadata JSON files beside SynthSOD_data"
        ),
        use="training, without the songs that its metadata keep for evaluation and test",
        parts=(("bass", "double-bass"), ("coranglais", "english-horn")),
        microphones=("Tree", "Close Mic", "Close_Mic", "Close"),
        remote_file=RemoteFile(13759492, "SynthSOD.zip", 45.03),
    ),
    # What its mixtures are called is not known here: whatever begins with `mix` is taken for one.
    Corpus(
        name="cadenzawoodwind",
        title="CadenzaWoodwind: 19 woodwind quartets from sampled instruments",
        url="https://zenodo.org/records/12664932",
        licence="see its Zenodo page; a CC licence in the Cadenza Challenge",
        citation="A. Miller, T. Cox and G. Roa Dabike, CadenzaWoodwind, Zenodo, 2024",
        instruments=("flute", "clarinet", "oboe", "saxophone", "bassoon"),
        obtain="divisi fetch cadenzawoodwind, or unpack CadenzaWoodwind.zip from Zenodo",
        use="training; its saxophone is an alto",
        parts=(("alto-saxophone", "saxophone"),),
        microphones=("Mix_1",),
        alternatives=("clarinet", "saxophone"),
        remote_file=RemoteFile(12664932, "CadenzaWoodwind.zip", 7.5),
    ),
)  # fmt: skip
FOLDER = Corpus(
    name="folder",
    title="A folder of stems",
    url="",
    licence="that of its owner",
    citation="",
    instruments=(),
    obtain="one folder per piece, one file per instrument, a file named mix or mixture if you like",
    use="whatever its owner allows",
)


def corpus(name: str) -> Corpus:
    """The row called `name`, in any case; KeyError with the nearest name."""
    rows = {row.name: row for row in CORPORA}
    if name.lower() not in rows:
        near = difflib.get_close_matches(name.lower(), rows, n=1, cutoff=0.4)
        hint = f"did you mean '{near[0]}'?" if near else f"choose {', '.join(rows)}."
        raise KeyError(f"There is no corpus '{name}'; {hint}")
    return rows[name.lower()]
