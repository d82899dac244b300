"""The floor: an ASGI function on uvicorn with httptools and uvloop, orjson, and the run inline. No framework, no checks."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import numpy as np
import orjson
import uvicorn
from tests.bench.peers import common

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
HEADERS = [(b"content-type", b"application/json")]


class Server:
    """Answers any POST: JSON as {input: array}, other bytes as the elements of the only input."""

    def __init__(self, file: str) -> None:
        self._graph = common.Graph(file)
        self._name, shape = next(iter(self._graph.shapes.items()))
        self._shape = [size if isinstance(size, int) else 1 for size in shape]

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        message = await receive()
        body = message["body"]
        if message.get("more_body"):
            parts = [body]
            while message.get("more_body"):
                message = await receive()
                parts.append(message["body"])
            body = b"".join(parts)
        if (b"content-type", b"application/octet-stream") in scope["headers"]:
            feeds = {self._name: np.frombuffer(body, np.float32).reshape(self._shape)}
        else:
            feeds = self._graph.feeds(orjson.loads(body))
        answer = orjson.dumps({self._graph.output: self._graph.run(feeds)}, option=orjson.OPT_SERIALIZE_NUMPY)
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [*HEADERS, (b"content-length", b"%d" % len(answer))],
            }
        )
        await send({"type": "http.response.body", "body": answer})


if __name__ == "__main__":
    model, port, _ = common.arguments()
    uvicorn.run(
        Server(model), port=port, http="httptools", loop="uvloop", lifespan="off", access_log=False, log_level="warning"
    )
