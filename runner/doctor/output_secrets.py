"""Recognise secrets in what cells show, and name them without repeating them."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

# A prefix that the issuer gives is searched for first: it is plain text, and fast.
_KNOWN: dict[str, tuple[tuple[str, ...], str]] = {
    "an AWS access key": (("AKIA", "ASIA"), r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "a GitHub token": (
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        r"\b(?:gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_\w{22,255})\b",
    ),
    "a GitLab token": (("glpat-",), r"\bglpat-[\w-]{20,}"),
    "a Slack token": (("xox",), r"\bxox[abeprs]-[\w-]{10,}"),
    "a Google API key": (("AIza",), r"\bAIza[\w-]{35}"),
    "a Stripe key": (("k_live_",), r"\b[rs]k_live_[0-9A-Za-z]{16,}"),
    "an OpenAI or Anthropic key": (("sk-",), r"\bsk-(?:proj-|ant-)?[\w-]{32,}"),
    "a Hugging Face token": (("hf_",), r"\bhf_[A-Za-z]{30,}\b"),
    "a private key": (("PRIVATE KEY",), r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----"),
    "a JSON web token": (("eyJ",), r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"),
    "a password in a URL": (
        ("://",),
        r"\b[a-z][a-z+]{1,15}://[^\s/:@]{1,64}:[^\s/:@*<{$]{3,128}@[\w.]",
    ),
}
_PATTERNS = {kind: (prefixes, re.compile(text)) for kind, (prefixes, text) in _KNOWN.items()}
_NAMED = re.compile(
    r"(?P<name>passw(?:or)?d|passphrase|secret(?:[_-]?(?:access[_-]?)?key)?|api[_-]?key|"
    r"(?:access|auth|bearer)[_-]?token|token)[\"']?\s{0,4}[=:]\s{0,4}[\"']?(?P<value>[^\s\"',;<>{}()]{8,256})",
    re.IGNORECASE,
)
# Bits for each character; words have less, random text has more: hexadecimal 4 at most.
_ENTROPY = 3.0
_ENTROPY_OF_HEX = 2.5
_HEX = set("0123456789abcdefABCDEF")


def text_of(output: dict[str, Any]) -> str:
    """Join what an output shows as text; pictures are left out."""
    parts = [output.get("text"), output.get("evalue"), output.get("traceback")]
    data = output.get("data")
    if isinstance(data, dict):
        parts += [value for kind, value in data.items() if not kind.startswith("image/")]
    return "\n".join(_joined(part) for part in parts if part)


def _joined(part: Any) -> str:
    if isinstance(part, list):
        return "".join(line for line in part if isinstance(line, str))
    return part if isinstance(part, str) else str(part)


def within(text: str, *, only_known: bool = False) -> Iterator[str]:
    """Describe each kind of secret in a text, masked.

    Args:
        text: What to search.
        only_known: Leave out what only its name (``password=``) makes a secret.
    """
    for kind, (prefixes, pattern) in _PATTERNS.items():
        found = pattern.search(text) if any(prefix in text for prefix in prefixes) else None
        if found:
            yield f"{kind} ({masked(found[0])})"
    named = () if only_known else _NAMED.finditer(text)
    for match in named:
        if _is_random(match["value"]):
            yield f"a value of {match['name']!r} ({masked(match['value'])})"
            return


def masked(secret: str) -> str:
    """Show as little of a secret as lets its owner know it."""
    shown = secret[:4] if len(secret) >= 16 else ""
    return f"{shown}…, {len(secret)} characters"


def _is_random(value: str) -> bool:
    counts = Counter(value)
    entropy = -sum(n / len(value) * math.log2(n / len(value)) for n in counts.values())
    has_both = any(map(str.isdigit, value)) and any(map(str.isalpha, value))
    return has_both and entropy >= (_ENTROPY_OF_HEX if set(value) <= _HEX else _ENTROPY)
