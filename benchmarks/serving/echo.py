"""The limit: an ASGI application that answers with the body of the request, on the stack that the prediction server stands on."""

from __future__ import annotations

import argparse
from typing import Any


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Send the body back."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": message["type"] + ".complete"})
            if message["type"] == "lifespan.shutdown":
                return
    message = await receive()
    body = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    """Serve it as a worker of the prediction server is served."""
    import uvicorn

    from mlops_assets.serving.turnwise import TurnwiseProtocol

    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    uvicorn.run(
        "benchmarks.serving.echo:app",
        port=options.port,
        workers=options.workers,
        loop="uvloop",
        http=TurnwiseProtocol,
        proxy_headers=False,
        access_log=False,
        server_header=False,
        log_level="warning",
    )
