"""The published state as text: written once for all, of one moment, never torn, bounded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Any

import pytest

from firmware import image as im
from firmware.people import published as module
from firmware.people.published import OF_TOPICS, Published, Reader
from firmware.people.state import State
from tests_host.net.small_site import names_of


@pytest.fixture
def text(site: im.Image) -> Published:
    return State(site, "home", names_of(site)).published


def run(work: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(work, 20))


async def rest(reader: Reader) -> bytes:
    data = b"".join([bytes(chunk) async for chunk in reader])
    await reader.aclose()
    return data


def test_it_is_the_state_and_its_places_are_the_parts(text: Published) -> None:
    async def go() -> None:
        whole = json.loads(await rest(await text.read()))
        state = text._state
        assert whole == json.loads("".join(state.pieces()))
        main = json.loads(bytes(text.text[: text.main]) + b"}")
        assert main == {name: whole[name] for name in whole if name not in OF_TOPICS}
        for section in OF_TOPICS:
            begin, end = text.places[section]
            assert json.loads(text.text[begin:end]) == whole[section]
            for key, row in state.rows_of(section):
                begin, end = text.places[section, row]
                assert json.loads(text.text[begin:end]) == whole[section][key]

    run(go())


def test_once_for_all_who_ask_while_nothing_changes(text: Published, site: im.Image) -> None:
    async def go() -> None:
        signature = text._state.signature()
        readers = await asyncio.gather(*[text.read(signature) for _ in range(4)])
        assert text.number == 1
        texts = await asyncio.gather(*map(rest, readers))
        assert len(set(texts)) == 1
        await rest(await text.read(signature))
        assert text.number == 1
        site.commands[im.SETPOINT] += 5_000
        await rest(await text.read(text._state.signature()))
        assert text.number == 2, "something has changed"
        await rest(await text.read())
        assert text.number == 3, "of a moment after the question"
        text._taken_ms -= 2_000
        await rest(await text.read(text._state.signature()))
        assert text.number == 4, "too old"

    run(go())


def test_the_buffer_is_kept(text: Published) -> None:
    async def go() -> None:
        await rest(await text.read())
        buffer, length = text.text, len(text.text)
        for _ in range(3):
            await rest(await text.read())
        assert text.text is buffer and len(buffer) == length <= 9 * (text.size + 512) // 8

    run(go())


def test_who_reads_is_waited_for(text: Published, site: im.Image) -> None:
    async def go() -> None:
        reader = await text.read()
        first = bytes(await anext(reader))
        site.commands[im.SETPOINT] = 8_500
        other = asyncio.create_task(text.read())
        await asyncio.sleep(0.3)
        assert not other.done() and text.number == 1
        told = json.loads(first + await rest(reader))
        assert told["devices"]["evse"]["offer_ma"] != 8_500
        told = json.loads(await rest(await other))
        assert told["devices"]["evse"]["offer_ma"] == 8_500

    run(go())


def test_who_reads_too_slowly_is_cut_off_and_gets_nothing_torn(text: Published) -> None:
    """One that takes nothing for a second is waited for no longer; one that takes a little again
    and again, for 3 s in all."""

    async def go() -> None:
        reader = await text.read()
        await anext(reader)
        reader.read_ms -= 1_000
        await rest(await text.read())
        with pytest.raises(OSError, match="slowly"):
            await anext(reader)
        reader = await text.read()
        other = asyncio.create_task(text.read())
        waited_ms = 0
        while not other.done():
            reader.begin(0, 1)
            await asyncio.sleep(0.1)
            waited_ms += 100
        assert 2_000 <= waited_ms <= 6_000
        with pytest.raises(OSError, match="slowly"):
            await anext(reader)
        assert len(text.readers) == 1, "nobody is waited for twice"

    run(go())


def test_a_writing_that_fails_is_begun_anew(
    text: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def go() -> None:
        before = await text.read()
        state, pieces = text._state, text._state.pieces
        before.read_ms -= 1_000
        monkeypatch.setattr(state, "pieces", lambda _: iter(["{", 1]))
        with pytest.raises(AttributeError):
            await text.read()
        with pytest.raises(OSError, match="slowly"):
            await anext(before)
        monkeypatch.setattr(state, "pieces", pieces)
        assert json.loads(await rest(await text.read(state.signature())))["site"]

    run(go())


def test_what_is_too_large_lacks_rows_and_says_so(
    text: Published, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the bound: JSON, within it, and each row is there or counted."""

    async def go() -> None:
        whole = json.loads(await rest(await text.read()))
        rows = sum(len(whole[section]) for section in OF_TOPICS)
        full = text.size
        lacking = set()
        for most in range(text.main + 130, full + 200, 97):
            monkeypatch.setattr(module, "MOST_BYTES", most)
            text.text = bytearray()
            data = await rest(await text.read())
            told = json.loads(data)
            left = told.pop("left_out", 0)
            assert len(data) <= most and left == text.left_out
            assert sum(len(told[section]) for section in OF_TOPICS) == rows - left
            assert all(
                told[section][key] == whole[section][key]
                for section in OF_TOPICS
                for key in told[section]
            )
            lacking.add(left)
        assert {0, rows} <= lacking

    run(go())
