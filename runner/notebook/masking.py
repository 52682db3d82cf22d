"""Keep secrets out of the record: the kernel gets them, a reader does not.

The rules of this file:

1. A parameter is a secret if ``--secret`` names it, if its comment in the cell tagged
   ``parameters`` says so (``login = ""  # secret``), or if its name has a well-known word as a
   whole word: ``db_password``, ``apiKey``, ``HF_TOKEN``. ``sort_key`` and ``max_token`` are none.
2. The same holds for the keys of a dictionary, and a password within a URL is masked whatever
   the name.
3. A cell whose values were masked says of which. It is never executed as it stands.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbformat import NotebookNode

MASK = "***"

# Of a secret wherever they stand in a name, unless it is one of something about a secret.
_WORDS = {"credential", "credentials", "passphrase", "pwd", "secret", "secrets"}
_ENDS = ("passwd", "password", "passwords")  # of a word: `dbpassword`
_OF_KEYS = "access account admin api auth client encryption license master private secret"
_OF_KEYS += " signing ssh storage subscription webhook"
_OF_TOKENS = "access api auth bearer refresh session"
_PAIRS = {f"{kind}key{plural}" for kind in _OF_KEYS.split() for plural in ("", "s")}
_PAIRS |= {f"{kind}token{plural}" for kind in _OF_TOKENS.split() for plural in ("", "s")}
_ABOUT = "count dir endpoint env field file folder format hint id label len length limit max min"
_ABOUT += " name names path policy prefix required rounds size suffix ttl type uri url var"
# Of a secret as a whole name, and `token` as its end, unless it is one of a text.
_ALONE = {"auth", "authorization", "passcode"}
_OF_TEXTS = "begin blank bos cls end eos first last mask max min n new next num number pad per prev"
_OF_TEXTS += " sep special start stop unk word"

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_IN_URL = re.compile(r"(?<=://)[^/\s@]*:[^/\s@]*(?=@)")
_MARK = re.compile(
    r"(?:^|[,;:(\[\u2013\u2014-]\s*)secret\s*(?:$|[,;:.)\]\u2013\u2014-])", re.IGNORECASE
)


def is_secret(name: str) -> bool:
    """Tell whether a name is one that a secret would have."""
    words = [word.lower() for word in _WORD.findall(name)]
    if not words or words[-1] in _ABOUT.split():
        return False
    pairs = {first + second for first, second in itertools.pairwise(words)}
    if not _WORDS.isdisjoint(words) or not _PAIRS.isdisjoint({*words, *pairs}):
        return True
    if any(word.endswith(_ENDS) for word in words):
        return True
    if words[-1] == "token":
        return set(_OF_TEXTS.split()).isdisjoint(words)
    return "".join(words) in _ALONE


def marked_secrets(text: str, tree: ast.Module) -> frozenset[str]:
    """Name the assigned variables whose comment, at the end of their line, calls them a secret."""
    lines = text.splitlines()
    found = set()
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        end = (node.end_lineno or 0) - 1
        line = lines[end] if end < len(lines) else ""
        rest = line.encode()[node.end_col_offset or 0 :].decode(errors="replace").strip()
        if rest.startswith("#") and _MARK.search(rest.strip("# \t")):
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return frozenset(found)


def masked(value: Any, secrets: Collection[str] = (), name: str = "") -> Any:
    """Give a copy of a parameter's value without secrets, also of those inside of it.

    Args:
        value: The value, or all by their names.
        secrets: Names that are secrets besides the well-known ones.
        name: The value's.
    """
    is_one = name in secrets or (is_secret(name) and not isinstance(value, bool))
    if is_one and value is not None:
        return MASK
    if isinstance(value, dict):
        return {key: masked(inner, secrets, str(key)) for key, inner in value.items()}
    for kind in (list, tuple, set, frozenset):
        if isinstance(value, kind):
            return kind(masked(inner, secrets) for inner in value)
    if isinstance(value, str):
        return _IN_URL.sub(MASK, value)
    return value


def keys_within(value: Any) -> set[str]:
    """List the keys of a value's dictionaries, at any depth."""
    inner = list(value.values()) if isinstance(value, dict) else value
    found = {str(key) for key in value} if isinstance(value, dict) else set()
    if isinstance(inner, list | tuple):
        found = found.union(*map(keys_within, inner))
    return found


def mark(cell: NotebookNode, names: Collection[str]) -> None:
    """Note on a cell which values it holds masked."""
    cell.metadata["runner"] = {"masked": sorted(names)}


def marked(cell: Any) -> list[str]:
    """Name the values that a cell holds masked; none if it was edited since."""
    noted = cell.get("metadata", {}).get("runner", {})
    names = noted.get("masked") if isinstance(noted, dict) else None
    is_masked = MASK in "".join(cell["source"])
    return [str(name) for name in names] if is_masked and isinstance(names, list) else []
