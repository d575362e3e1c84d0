"""Bodies as plain JSON data."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from mlops_assets.modeling.requests.errors import RequestError


def read_document(body: bytes) -> tuple[Any, bool]:
    """A body as plain JSON data, and whether it holds nothing but what JSON has: no NaN or infinite number.

    A body with such numbers is still read, so that their place can be named.

    Raises:
        RequestError: 400 for what is no JSON.
    """
    try:
        return msgspec.json.decode(body), True
    except (ValueError, RecursionError):
        return read_json(body), False


def read_json(body: bytes) -> Any:
    """A body as plain JSON data, by the standard library, which says where a mistake stands and knows NaN and Infinity.

    Raises:
        RequestError: 400 for what is no JSON.
    """
    try:
        document = json.loads(body.decode("utf-8"))
        json.dumps(document, ensure_ascii=False).encode("utf-8")
    except UnicodeError:
        raise RequestError(400, "malformed", "The body is not UTF-8 text.") from None
    except RecursionError:
        raise RequestError(400, "malformed", "The body is nested too deeply.") from None
    except json.JSONDecodeError as error:
        raise RequestError(400, "malformed", f"The body is no JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from None
    except ValueError:
        raise RequestError(400, "malformed", "The body is no JSON: a number has too many digits.") from None
    return document
