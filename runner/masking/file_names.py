"""Know files that are secrets, or hold them, by their names: they travel nowhere by themselves."""

from __future__ import annotations

import fnmatch
from pathlib import PurePath

SECRETS = (
    *(".env", ".env.*", "*.env", ".netrc", ".pypirc", ".pgpass", ".git-credentials"),
    *("*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "id_rsa*", "id_dsa*"),
    *("id_ecdsa*", "id_ed25519*", "*credentials*", "*secret*", ".aws", ".ssh", ".gnupg", ".kube"),
)
"""Names of files and folders that are secrets, or hold them, as a shell matches them."""


def is_secret_file(path: PurePath | str) -> bool:
    """Tell whether a file's name, or that of a folder it is in, is one of a secret."""
    return any(
        fnmatch.fnmatch(part.lower(), pattern)
        for part in PurePath(path).parts
        for pattern in SECRETS
    )
