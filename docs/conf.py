"""Build the documentation: ``make docs``; nothing is asked of the network."""

import sys
from pathlib import Path

import runner

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "runner"
author = "the authors of runner"
version = release = runner.__version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "generated",
]
exclude_patterns = ["_build", "_ext", "images"]

html_theme = "furo"
html_title = f"runner {release}"
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["tables.css"]
# Help texts name options: -- is no dash.
smartquotes = False

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# Help texts and docstrings write `name` as people do.
default_role = "code"

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
# Of the signatures, what is documented elsewhere: no network, so no index of Python's own names.
nitpick_ignore_regex = [
    ("py:.*", r"(collections|pathlib|typing|numpy|pandas)\..*"),
    ("py:class", r"(Any|Callable|Mapping|Sequence|Path|optional|TypeVar)"),
    # Of our own, what stands in a signature but is made and used by `serve` alone.
    ("py:class", r"runner\.(predict|serving|http)\..*"),
    ("py:exc", r".*Error"),
    ("click:.*", r".*"),
    ("std:envvar", r".*"),
]
