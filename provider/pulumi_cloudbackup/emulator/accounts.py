"""Which account a caller is.

Each access key id is an account of its own; nothing here knows a secret.
"""

import hashlib

_SMALLEST_UID = 10**15


def uid_of(access_key_id: str) -> int:
    """Return the stable 16-digit uid of the account; small enough for clients that read numbers as doubles."""
    digest = hashlib.sha256(access_key_id.encode()).digest()
    return _SMALLEST_UID + int.from_bytes(digest[:8], "big") % _SMALLEST_UID
