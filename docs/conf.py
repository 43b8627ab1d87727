"""Sphinx's settings of the site; `scripts/book.py` lays out the pages and starts Sphinx.

Nothing is executed and nothing is loaded from the network, neither in the build nor in the browser:
outputs come from the committed notebooks, and formulas become MathML, which browsers draw.
"""

import sys
from pathlib import Path

from docutils import nodes
from latex2mathml.converter import convert

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

import notebooks  # noqa: E402

import helpers  # noqa: E402

sys.modules["divisi"] = helpers  # its name once it is installed

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
    "article_header_end": ["toggle-secondary-sidebar.html"],
    "pygments_light_style": "tango",
    "extra_footer": "Code: MIT. Made without trackers; this page loads nothing from elsewhere.",
}


def inline_formula(translator, node: nodes.math) -> None:
    translator.body.append(convert(node.astext()))
    raise nodes.SkipNode


def displayed_formula(translator, node: nodes.math_block) -> None:
    formula = convert(node.astext(), display="block")
    translator.body.append(f'<div class="formula" tabindex="0">{formula}</div>\n')
    raise nodes.SkipNode


def setup(app) -> None:
    app.add_html_math_renderer("mathml", (inline_formula, None), (displayed_formula, None))
