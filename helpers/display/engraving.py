"""The engraved score of a player: MusicXML as SVG, with the extra `score`."""

from __future__ import annotations

from pathlib import Path

INSTALL = 'pip install "divisi[score]"'
OPTIONS = {
    "pageWidth": 2100,  # in tenths of a millimetre; the page scales it to its own width
    "pageHeight": 60_000,
    "adjustPageHeight": True,  # as high as its systems: the page scrolls
    "scale": 40,  # percent
    "header": "none",
    "footer": "none",
    "svgViewBox": True,  # a size that follows the page's width
    "svgAdditionalAttribute": ["measure@n"],  # `data-n`, by which the page finds a bar
    "xmlIdSeed": 1,  # the same file gives the same SVG
}


def engrave(path: str | Path) -> tuple[str, ...]:
    """A score (MusicXML, also compressed, or MEI) as pages of SVG, in which bars are numbered.

    Raises ImportError without verovio, ValueError for a file that it cannot read.
    """
    path = Path(path)
    try:
        import verovio
    except ImportError as error:
        raise ImportError(f"An engraved score needs verovio: {INSTALL}.") from error

    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions(OPTIONS)
    if not path.is_file() or not toolkit.loadFile(str(path)):
        raise ValueError(
            f"{path.name}: it is no score that verovio can engrave; export it as MusicXML."
        )
    return tuple(toolkit.renderToSVG(page) for page in range(1, toolkit.getPageCount() + 1))
