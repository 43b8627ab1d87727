"""Sphinx's settings of the site; `scripts/book.py` lays out the pages and starts Sphinx.

Nothing is executed and nothing is loaded from the network, neither in the build nor in the browser:
outputs come from the committed notebooks, and formulas become MathML, which browsers draw.
"""

import inspect
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

from docutils import nodes
from latex2mathml.converter import convert

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import notebooks  # noqa: E402

import helpers  # noqa: E402

sys.modules["divisi"] = helpers  # its name once it is installed

ElementTree.register_namespace("", "http://www.w3.org/1998/Math/MathML")
RELATIONS = set("=<>≈≤≥∈→")

project = "Divisi"
version = helpers.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc"]
default_role = "literal"  # docstrings mark code with single backticks
autodoc_typehints = "none"
autodoc_member_order = "bysource"
add_module_names = False

nb_execution_mode = "off"
nb_output_stderr = "remove"
nb_merge_streams = True
nb_ipywidgets_js = {}  # widgets are pictures in the committed notebooks
myst_enable_extensions = ["deflist", "dollarmath"]
myst_heading_anchors = 4

html_theme = "sphinx_book_theme"
html_title = "Divisi"
html_static_path = [str(ROOT / "docs" / "_static")]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "repository_url": notebooks.address(),
    "use_repository_button": True,
    "use_download_button": False,
    "home_page_in_toc": False,
    "show_navbar_depth": 1,
    "show_toc_level": 1,
    "navbar_persistent": [],
    "footer_content_items": [],
}
html_context = {"default_mode": "auto"}  # light or dark, as the reader's system is


def inline_formula(translator, node: nodes.math) -> None:
    translator.body.append("<wbr>".join(broken(convert(node.astext()))))
    raise nodes.SkipNode


def broken(formula: str) -> list[str]:
    """MathML in parts that begin with its relations, so that a narrow page can break a line."""
    row = ElementTree.fromstring(formula)[0]
    parts = [ElementTree.Element(row.tag)]
    for element in row:
        if element.tag.endswith("mo") and element.text in RELATIONS and len(parts[-1]):
            parts.append(ElementTree.Element(row.tag))
        parts[-1].append(element)
    return [f"<math>{ElementTree.tostring(part, encoding='unicode')}</math>" for part in parts]


def displayed_formula(translator, node: nodes.math_block) -> None:
    formula = convert(node.astext(), display="block")
    translator.body.append(f'<div class="formula" tabindex="0">{formula}</div>\n')
    raise nodes.SkipNode


def list_parameters(app, what, name, obj, options, lines: list[str]) -> None:
    """Turn each "name: meaning." of a docstring into an entry of a list of parameters."""
    names = "|".join(inspect.signature(obj).parameters)
    paragraphs = "\n".join(lines).split("\n\n")
    for number, paragraph in enumerate(paragraphs):
        if paragraph[:1].isspace():  # an example
            continue
        text = " ".join(paragraph.split())
        text = re.sub(rf"(?:^|(?<=[.;] ))({names}): ", r"\n:param \1: ", text)
        text = re.sub(r"(?:^|(?<=\. ))Raises (\w+),? ", r"\n:raises \1: ", text)
        opening, *entries = text.split("\n")
        paragraphs[number] = "\n".join([opening, "", *entries])
    lines[:] = "\n\n".join(paragraphs).splitlines()


def setup(app) -> None:
    app.connect("autodoc-process-docstring", list_parameters)
    app.add_html_math_renderer("mathml", (inline_formula, None), (displayed_formula, None))
