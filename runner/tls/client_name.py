"""Write the name that a client's certificate gives it, as RFC 4514 has it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# Source: RFC 4514, 3, by the names that OpenSSL writes out.
_SHORT = {
    "commonName": "CN",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "streetAddress": "STREET",
    "domainComponent": "DC",
    "userId": "UID",
}
_SPECIAL = re.compile(r'[\\",+;<>=]|^[ #]|(?<=.) $')


def of(certificate: Mapping[str, Any]) -> str:
    """Give the subject of a certificate as `ssl` describes it; the most specific part comes first.

    Control characters, which would end a line of a header, are written as numbers.
    """
    parts = reversed(certificate.get("subject", ()))
    return ",".join("+".join(_attribute(*each) for each in part) for part in parts)


def _attribute(name: str, value: str) -> str:
    escaped = _SPECIAL.sub(r"\\\g<0>", value)
    shown = "".join(c if c.isprintable() else _number(c) for c in escaped)
    return f"{_SHORT.get(name, name)}={shown}"


def _number(letter: str) -> str:
    return "".join(f"\\{byte:02x}" for byte in letter.encode())
