"""Know who may look: by a token in the address, once, then by a cookie.

The cookie is not the token, but follows from it: a browser sends it to every port of the host, so
that it must not be of use for anything else. So does the word that each form has.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path

from runner.config import setting
from runner.errors import ConfigurationError

_SHORTEST = 16
_LONGEST = 4096


class Token:
    """Be the token, and what follows from it.

    Args:
        text: As it was given or made.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self.cookie = self._derived(b"cookie")
        self.form_word = self._derived(b"form")

    def _derived(self, purpose: bytes) -> str:
        return hmac.new(self._text.encode(), purpose, hashlib.sha256).hexdigest()

    def is_token(self, text: str) -> bool:
        """Tell whether a text is the token."""
        return _is_same(text, self._text)

    def is_cookie(self, text: str) -> bool:
        """Tell whether a text is the cookie's value."""
        return _is_same(text, self.cookie)

    def is_form_word(self, text: str) -> bool:
        """Tell whether a text is what our forms have."""
        return _is_same(text, self.form_word)


def _is_same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(errors="replace"), right.encode())


def made_token() -> str:
    """Make a token."""
    return secrets.token_hex(24)


def set_token(file: Path | None, environ: Mapping[str, str] = os.environ) -> str:
    """Give the token that was set; empty if none was.

    Args:
        file: Which has it.
        environ: Whose ``RUNNER_COCKPIT_TOKEN`` has it otherwise.

    Raises:
        ConfigurationError: The file cannot be read, others may read it, or it is too short.
    """
    text = _read(file) if file else setting("cockpit_token", "", environ).strip()
    if (text or file) and not _SHORTEST <= len(text) <= _LONGEST:
        raise ConfigurationError(
            f"the cockpit's token has {len(text)} characters; {_SHORTEST} are the least",
            hint="`python -c 'import secrets; print(secrets.token_hex(24))'` makes one",
        )
    return text


def _read(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            text = opened.read(_LONGEST + 1)
    except OSError as error:
        said = f"{file}: the token cannot be read: {error.strerror}"
        raise ConfigurationError(said) from error
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise ConfigurationError(f"{file}: others can read or change it", f"chmod 600 {file}")
    return text.decode(errors="replace").strip()
