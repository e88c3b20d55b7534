"""A network by CPython's streams: what firmware/net/plain.py is on a board."""

from __future__ import annotations

import asyncio
from typing import Any


class Both:
    """A reader and a writer as one stream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._parts = (reader, writer)

    @property
    def s(self) -> Both:
        """The socket, as on a board."""
        return self

    def close(self) -> None:
        self._parts[1].transport.abort()  # `close` would wait for a peer that hangs

    def __getattr__(self, name: str) -> Any:
        reader, writer = self._parts
        return getattr(reader if hasattr(reader, name) else writer, name)


class Plain:
    PLACES, WAITING = 6, 8

    def reaches(self) -> bool:
        return True

    def waits(self) -> bool:
        return False

    async def resolve(self, host: str, _port: int) -> str:
        return host

    async def connect(self, found: str, port: int, first: bytes) -> Both:
        stream = Both(*await asyncio.open_connection(found, port))
        stream.write(first)
        return stream

    async def serve(self, app: Any, host: str, port: int) -> None:
        await app.start_server(host=host, port=port)
