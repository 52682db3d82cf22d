"""A lock's pins are those that it means for the image's system and Python."""

from __future__ import annotations

import pytest

from runner.errors import ConfigurationError
from runner.notebook.locks import Lock
from runner.project.pins import environment
from runner.project.uv_lock import pins_of

TARGET = environment("3.13")
REGISTRY = 'source = { registry = "https://x.test/simple" }'
SCRIPT = f"""
version = 1
[manifest]
requirements = [
  {{ name = "top", extras = ["x"] }},
  {{ name = "off", marker = "python_version < '3'" }},
]

[[package]]
name = "top"
version = "1.0"
{REGISTRY}
dependencies = [{{ name = "win", marker = "sys_platform == 'win32'" }}, {{ name = "two" }}]
[package.optional-dependencies]
x = [{{ name = "extra" }}]

[[package]]
name = "two"
version = "1.0"
resolution-markers = ["sys_platform != 'linux'"]
{REGISTRY}

[[package]]
name = "two"
version = "2.0"
resolution-markers = ["sys_platform == 'linux'"]
{REGISTRY}

[[package]]
name = "extra"
version = "3.0"
source = {{ git = "https://x.test/e.git?rev=main#abc" }}

[[package]]
name = "win"
version = "9"
{REGISTRY}
[[package]]
name = "off"
version = "9"
{REGISTRY}
"""
PROJECT = f"""
version = 1
[[package]]
name = "mine"
version = "0.1"
source = {{ virtual = "." }}
dependencies = [{{ name = "top" }}]
[[package]]
name = "top"
version = "1.0"
{REGISTRY}
[[package]]
name = "other"
version = "1.0"
{REGISTRY}
"""
PEP_751 = """
lock-version = "1.0"
[[packages]]
name = "top"
version = "1.0"
[[packages]]
name = "win"
version = "1.0"
marker = "sys_platform == 'win32'"
[[packages]]
name = "mine"
directory = { path = ".", editable = true }
[[packages]]
name = "committed"
vcs = { type = "git", url = "https://x.test/c", commit-id = "abc" }
[[packages]]
name = "fetched"
archive = { url = "https://x.test/f.zip" }
"""


def pins(text: str) -> list[str]:
    return [*pins_of(Lock(name="uv.lock", content=text.encode()), TARGET)]


def test_a_script_has_what_it_reaches() -> None:
    """By markers, extras, and the version that is for this system of several."""
    assert pins(SCRIPT) == ["extra @ git+https://x.test/e.git@abc", "top==1.0", "two==2.0"]


def test_a_project_has_its_dependencies() -> None:
    """It is none of them itself; what nobody asks for is left out."""
    assert pins(PROJECT) == ["top==1.0"]


def test_one_of_pep_751_lists_all() -> None:
    """It has resolved everything but for markers; the project itself is not installed."""
    elsewhere = ["committed @ git+https://x.test/c@abc", "fetched @ https://x.test/f.zip"]
    assert pins(PEP_751) == [*elsewhere, "top==1.0"]


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "package = 1",
        PROJECT.replace(REGISTRY, "source = { path = 'a.whl' }"),
        "[[packages]]\nname = 'a'",
        "[[packages]]\nname = 'a'\nversion = '1'\nmarker = 'x y'",
        "packages = 7",
        "[[packages]]\nname = 'a'\ndirectory = { path = '../a' }",
    ],
)
def test_what_cannot_be_read_is_refused(text: str) -> None:
    """Rather than to install something else."""
    with pytest.raises(ConfigurationError, match=r"uv\.lock: is no lock"):
        pins(text)
