"""How Sphinx builds the documentation: ``nox -s docs``."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from ttci import __version__

project = "ttci"
author = "ttci"
project_copyright = "the authors of ttci, Apache-2.0"
release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "generated", "public_names"]
exclude_patterns = ["_ext"]

html_theme = "furo"
html_title = "ttci"
html_static_path = ["_static"]
html_css_files = ["narrow.css"]
html_show_sphinx = False
html_show_sourcelink = False
html_copy_source = False

myst_enable_extensions = ["linkify"]  # for addresses in tables that are generated
myst_heading_anchors = 4  # what [text](page.md#heading) may lead to
suppress_warnings = ["myst.header"]  # what is generated begins below its page's headings

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
napoleon_attr_annotations = False  # a signature has the types
napoleon_numpy_docstring = False
default_role = "py:obj"  # of `names` in docstrings: a link where there is such a name
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80
add_module_names = False

# Names of other packages are theirs to describe, and no network is asked for them; nor are type variables.
nitpick_ignore = [
    ("py:class", f"ttci.{name}") for name in ("modules.kernels.Kernel", "manifest.target_entries.TestTargets")
]
nitpick_ignore_regex = [("py:.*", r"(?!ttci\.).*"), ("py:obj", ".*"), ("py:class", r"ttci\..*Type")]
highlight_language = "text"
