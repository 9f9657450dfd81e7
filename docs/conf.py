"""Sphinx configuration. Build: sphinx-build -W --keep-going -b html docs build/docs"""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path[:0] = [str(DOCS), str(ROOT)]

import generate  # noqa: E402
from sphinx.application import Sphinx  # noqa: E402

from trigger_lut import __version__  # noqa: E402

project = "trigger_lut"
author = "The trigger_lut developers"
copyright = author
release = version = __version__

extensions = ["myst_parser", "autoapi.extension", "sphinx.ext.napoleon", "sphinx_copybutton", "sphinx_design"]
exclude_patterns = ["_static", "images"]
nitpicky = True
nitpick_ignore_regex = [("py:.*", ".*")]  # types of other packages: the build needs no network

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# The public modules alone, read without being imported: the build needs no TensorFlow.
autoapi_dirs = [str(ROOT / "trigger_lut")]
autoapi_root = "reference/generated/api"
autoapi_ignore = generate.private_modules()
autoapi_add_toctree_entry = False
autoapi_python_class_content = "class"
autoapi_options = ["members", "show-module-summary"]
suppress_warnings = ["autoapi.python_import_resolution"]

copybutton_exclude = ".linenos, .gp, .go"

highlight_language = "none"  # blocks without a language are commands
smartquotes = False  # options of commands keep their two hyphens

html_theme = "pydata_sphinx_theme"
html_title = "trigger_lut"
html_static_path = ["_static"]
html_css_files = ["docs.css"]
html_show_sourcelink = False
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}


def setup(app: Sphinx) -> None:
    """Write the generated pages before Sphinx looks for sources, and read docstrings with columns as lists."""
    app.connect("builder-inited", lambda _: generate.write_pages(DOCS / "reference" / "generated"), priority=1)
    app.connect("autodoc-process-docstring", lambda *event: generate.columns_as_list(event[-1]), priority=1)
