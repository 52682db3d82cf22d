"""Tell by its name whether something is a secret.

A name is a secret's if it has a well-known word as a whole word: ``db_password``, ``apiKey``,
``HF_TOKEN``. ``sort_key`` and ``max_token`` are none.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection

MASK = "***"

# Of a secret wherever they stand in a name, unless it is one of something about a secret.
_WORDS = {"credential", "credentials", "passphrase", "pwd", "secret", "secrets"}
_ENDS = ("passwd", "password", "passwords")  # of a word: `dbpassword`
_OF_KEYS = "access account admin api auth client encryption license master private secret"
_OF_KEYS += " signing ssh storage subscription webhook"
_OF_TOKENS = "access api auth bearer refresh session"
_PAIRS = {f"{kind}key{plural}" for kind in _OF_KEYS.split() for plural in ("", "s")}
_PAIRS |= {f"{kind}token{plural}" for kind in _OF_TOKENS.split() for plural in ("", "s")}
_PAIRS |= {"passphrase", "password"}
_ABOUT_WORDS = "count dir endpoint env field file folder format hint id label len length limit max"
_ABOUT_WORDS += " min name names path policy prefix required rounds size suffix ttl type uri url"
_ABOUT = {*_ABOUT_WORDS.split(), "var"}
# Of a secret as a whole name, and `token` as its end, unless it is one of a text.
_ALONE = {"auth", "authorization", "passcode"}
_OF_TEXTS_WORDS = "begin blank bos cls end eos first last mask max min n new next num number pad"
_OF_TEXTS = {
    *_OF_TEXTS_WORDS.split(),
    *["per", "prev", "sep", "special", "start", "stop", "unk", "word"],
}

_STEP = re.compile(r"[\[\].]++")  # from one name to the next within it
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
HINTS = ("auth", "credential", "key", "pass", "pwd", "secret", "token")
"""Of which each well-known name has one, in any case: most texts have none."""


def is_one_of(names: Collection[str], name: str) -> bool:
    """Tell whether a name is one of these, or leads by one: ``user[email]``, ``user.email``."""
    if name in names:
        return True
    return bool(names) and any(part in names for part in _STEP.split(name))


def is_secret(name: str) -> bool:
    """Tell whether a name is one that a secret would have."""
    words = [word.lower() for word in _WORD.findall(name)]
    if not words or words[-1] in _ABOUT:
        return False
    pairs = {first + second for first, second in itertools.pairwise(words)}
    if not _WORDS.isdisjoint(words) or not _PAIRS.isdisjoint({*words, *pairs}):
        return True
    if any(word.endswith(_ENDS) for word in words):
        return True
    if words[-1] == "token":
        return _OF_TEXTS.isdisjoint(words)
    return "".join(words) in _ALONE
