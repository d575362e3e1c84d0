"""The limit: an ASGI application on the same server software that reads a body and answers with as many bytes as a prediction has."""

from __future__ import annotations

import sys
from typing import Any

ANSWER = b'{"predictions":[0.123456789012345678],"model":"bench","version":1,"prediction_ids":["00000000-0000-7000-8000-000000000000"]}'


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer anything."""
    if scope["type"] != "http":
        return
    await receive()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWER})


if __name__ == "__main__":
    import uvicorn

    if len(sys.argv) > 1:
        uvicorn.run(app, port=int(sys.argv[1]), loop="uvloop", http="httptools", lifespan="off", access_log=False, log_level="warning")
