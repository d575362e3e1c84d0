"""JSON documents in their one spelling, and the digest by which content is named."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from mlops_assets.data.store.errors import StoreError


def canonical(body: Any) -> bytes:
    """Canonical JSON: sorted keys, no spaces, UTF-8, no NaN.

    Raises:
        StoreError: for a value that JSON cannot say.
    """
    try:
        return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError) as error:
        raise StoreError(
            f"this cannot be stored as JSON: {error}", do="Use text, numbers, booleans, lists and mappings with text keys."
        ) from error


def sha256(data: Any) -> str:
    """Hexadecimal SHA-256 of bytes or any buffer."""
    return hashlib.sha256(data).hexdigest()


def document(content: bytes, where: str) -> dict[str, Any]:
    """What a stored document says; ``where`` it lies is for the message.

    Raises:
        StoreError: when it is no JSON object.
    """
    try:
        body = json.loads(content)
    except ValueError:
        raise StoreError("this is no JSON document.", where=where, do="Run mlops store verify.") from None
    if not isinstance(body, dict):
        raise StoreError("this is no JSON document.", where=where, do="Run mlops store verify.")
    return body
