"""Say what mends an error of a cell that tells its author too little."""

from __future__ import annotations

import re
from pathlib import Path

from runner.notebook import packages

_NO_MODULE = re.compile(r"No module named '([^']+)'")
_PYTHON = re.compile(r"(python|pypy)[\d.]*(\.exe)?")
_NO_FILE = re.compile(r"No such file or directory: '([^']+)'")

# Packages that are imported by another name than they are installed by.
_PACKAGES = {
    "Crypto": "pycryptodome",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyOpenSSL",
    "PIL": "pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "PyMuPDF",
    "git": "GitPython",
    "jwt": "PyJWT",
    "psycopg2": "psycopg2-binary",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}


def mend_of(name: str, value: str, python: str, notebook: Path) -> str:
    """Give what to do about an error; empty if the error says it all.

    Args:
        name: The error's type.
        value: Its text.
        python: What the kernel is executed by; empty if that is no Python, or not known.
        notebook: The notebook.
    """
    if name in ("ModuleNotFoundError", "ImportError") and (found := _NO_MODULE.search(value)):
        return _mend_of_module(found[1], python, notebook)
    if name == "FileNotFoundError" and (found := _NO_FILE.search(value)):
        return _mend_of_file(Path(found[1]), notebook)
    if name == "StdinNotImplementedError":
        return "it asks for input, and nobody is there to give any: make it a parameter"
    return ""


def _mend_of_module(module: str, python: str, notebook: Path) -> str:
    """Name the package, and the Python that it goes into; a name may also be one's own file's."""
    top, *inner = module.split(".")
    if not python or inner:  # then the package may be there, and be another version
        return ""
    package = _PACKAGES.get(top, top)
    install = f"`{python} -m pip install {package}`"
    if top in _PACKAGES or package in packages.required(notebook):
        return f"{install} brings it"
    return (
        f"if it is a package, {install} brings it; a file of your own has to lie beside {notebook}"
    )


def _mend_of_file(path: Path, notebook: Path) -> str:
    if path.is_absolute():
        return ""
    here = Path.cwd()
    said = f"it is looked for in the working folder, {here}"
    beside = notebook.absolute().parent
    if beside != here and (beside / path).exists():
        return f"{said}, but is in {beside}: start there"
    return said


def python_of(words: object) -> str:
    """Give the Python of a kernel's command line; empty if a wrapper is what was started."""
    first = str(words[0]) if isinstance(words, list | tuple) and words else ""
    return first if _PYTHON.fullmatch(Path(first).name) else ""
