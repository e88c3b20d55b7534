"""name.local: what is said by the RFCs, as an independent implementation reads and asks it, and
how a host comes by a name of its own on the emulated chip."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from zeroconf._dns import DNSAddress, DNSPointer, DNSQuestion, DNSService
from zeroconf._protocol.incoming import DNSIncoming
from zeroconf._protocol.outgoing import DNSOutgoing

from firmware.lan.group import Group
from firmware.local import mdns
from firmware.local.responder import Responder
from tests_host.lan.kit import NAME, Rig
from tests_host.lan.test_ethernet import MASK, OFFERED, ROUTER, World, addressed
from tests_host.lan.test_ethernet import world as world

A, PTR, TXT, AAAA, SRV, ANY, IN, UNIQUE = 1, 12, 16, 28, 33, 255, 1, 0x8001
QUERY, ANSWER = 0, 0x8400
HOST, PAGE, KIND = f"{NAME}.local.", f"{NAME}._http._tcp.local.", "_http._tcp.local."
LOWER, HIGHER = bytes((192, 168, 77, 9)), bytes((192, 168, 77, 99))
OURS = mdns.names(NAME.encode(), 80)


def judged(out: DNSOutgoing, ours: list[bytes] = OURS) -> int:
    (packet,) = out.packets()
    return mdns.judge(memoryview(packet), ours, OFFERED, 80)


def question(name: str, kind: int, group: int = IN) -> DNSOutgoing:
    out = DNSOutgoing(QUERY)
    out.add_question(DNSQuestion(name, kind, group))
    return out


def claim(address: bytes, name: str = HOST) -> DNSOutgoing:
    """Another host's probe."""
    out = question(name, ANY)
    record: Any = DNSAddress(name, A, IN, 120, address)
    out.authorities.append(record)
    return out


def owner(address: bytes, name: str = HOST, seconds: int = 120) -> DNSOutgoing:
    """Another host's answer."""
    out = DNSOutgoing(ANSWER)
    out.add_answer_at_time(DNSAddress(name, A, UNIQUE, seconds, address), 0)
    return out


# --- messages -----------------------------------------------------------------------------------


def test_all_that_is_said_reads_as_it_should() -> None:
    said = DNSIncoming(bytes(mdns.build(NAME.encode(), OFFERED, 8080)))
    assert said.valid and said.is_response() and said.flags & 0x0400
    rows = {(r.name, r.type, r.unique, r.ttl, *more(r)) for r in said.answers()}
    services = "_services._dns-sd._udp.local."
    expected = {(HOST, A, True, 120, OFFERED), (HOST, 47, True, 120, (A,))}
    for kind in (KIND, "_islet._tcp.local."):
        own = f"{NAME}.{kind}"
        expected |= {(kind, PTR, False, 4500, own), (services, PTR, False, 4500, kind)}
        expected |= {(own, SRV, True, 120, HOST, 8080), (own, TXT, True, 4500, b"\6path=/")}
    assert rows == expected and len(said.answers()) == len(expected)
    gone = DNSIncoming(bytes(mdns.build(NAME.encode(), OFFERED, 8080, False)))
    assert {r.ttl for r in gone.answers()} == {0} and len(gone.answers()) == len(expected)
    bare = DNSIncoming(bytes(mdns.build(NAME.encode(), OFFERED, 0)))
    assert [r.type for r in bare.answers()] == [A, 47]


def more(record: Any) -> tuple[Any, ...]:
    """What a record says."""
    if record.type == SRV:
        return record.server, record.port
    fields = {A: "address", 47: "rdtypes", PTR: "alias", TXT: "text"}
    value = getattr(record, fields[record.type])
    return (tuple(value) if isinstance(value, list) else value,)


def test_a_probe_reads_as_it_should() -> None:
    said = DNSIncoming(bytes(mdns.probe(NAME.encode(), OFFERED)))
    assert said.valid and said.is_query() and said.num_authorities == 1
    (asked,), (record,) = said.questions, said.answers()
    assert (asked.name, asked.type, asked.unicast) == (HOST, ANY, True)
    assert (record.name, record.address, record.ttl) == (HOST, OFFERED, 120)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "kind", "found"),
    [
        *((HOST, A, 1), (HOST.upper(), A, 1), (HOST, ANY, 1), (HOST, AAAA, 1), (HOST, PTR, 0)),
        *((KIND, PTR, 1), (KIND, SRV, 0), (PAGE, SRV, 1), (PAGE, TXT, 1), (PAGE, A, 0)),
        *(("_islet._tcp.local.", PTR, 1), ("_services._dns-sd._udp.local.", PTR, 1)),
        *(("x" + HOST, A, 0), ("_ipp._tcp.local.", PTR, 0), (f"{NAME}.lan.", A, 0)),
    ],
)
def test_who_asks_for_ours_is_answered(name: str, kind: int, found: int) -> None:
    assert judged(question(name, kind)) == found
    assert judged(question(name, kind, UNIQUE)) == found  # by unicast, if one likes
    assert not judged(question(name, kind, 3))  # of another class
    several = question("_ipp._tcp.local.", PTR)
    several.add_question(DNSQuestion("other._ipp._tcp.local.", SRV, IN))
    several.add_question(DNSQuestion(name, kind, IN))  # its end is a pointer here
    assert judged(several) == found


def test_who_knows_it_already_is_not() -> None:
    def asked(seconds: int, alias: str = PAGE) -> DNSOutgoing:
        out = question(KIND, PTR)
        out.add_answer_at_time(DNSPointer(KIND, PTR, IN, seconds, alias), 0)
        return out

    assert judged(asked(2250)) == mdns.NOTHING
    assert judged(asked(2249)) == mdns.ASKED  # less than half of its time is left
    assert judged(asked(4500, f"other.{KIND}")) == mdns.ASKED


def test_whose_name_it_is() -> None:
    assert judged(owner(HIGHER)) == mdns.CONFLICT
    assert judged(owner(OFFERED)) == mdns.NOTHING  # ours, repeated by a bridge
    assert judged(owner(HIGHER, seconds=0)) == mdns.NOTHING  # it goes
    assert judged(owner(HIGHER, "other.local.")) == mdns.NOTHING
    for port, server, found in ((80, HOST, 0), (81, HOST, 3), (80, "other.local.", 3)):
        out = DNSOutgoing(ANSWER)
        out.add_answer_at_time(DNSService(PAGE, SRV, UNIQUE, 120, 0, 0, port, server), 0)
        assert judged(out) == found
    assert judged(claim(LOWER)) == mdns.PROBED and judged(claim(HIGHER)) == mdns.LOST
    own = bytes(mdns.probe(NAME.encode(), OFFERED))
    assert mdns.judge(own, OURS, OFFERED, 80) == mdns.ASKED  # our own, come back: no claim


def test_names_that_lead_nowhere_end() -> None:
    head = b"\0\0\0\0\0\1\0\0\0\0\0\0"
    for name in (b"\xc0\x0c", b"\xc0\xff", b"\1a\xc0\x0c", b"\x40a", b"\x3fa", b""):
        for tail in (b"", b"\0\1\0\1"):
            assert mdns.judge(head + name + tail, OURS, OFFERED, 80) == mdns.NOTHING


# --- a host on the network ----------------------------------------------------------------------


async def named(rig: Rig, port: int = 80) -> asyncio.Task[None]:
    await addressed(rig)
    link = Group(rig.lan)
    responder = Responder(link, NAME, port, rig.random, rig.lan.called)
    return asyncio.create_task(responder.run())


async def heard(rig: Rig, seconds: float) -> list[DNSIncoming]:
    await asyncio.sleep(seconds)
    return [DNSIncoming(bytes.fromhex(each)) for each in rig.chip.group()]


def tell(rig: Rig, out: DNSOutgoing, port: int = 5353, ip: str = "192.168.77.9") -> None:
    (packet,) = out.packets()
    rig.chip.tell(packet.hex(), ip, port)


def run(world: World, main: Callable[[Rig], Awaitable[Any]], fixed: bool = True) -> None:
    async def all_of_it(rig: Rig) -> None:
        task = await named(rig)
        await main(rig)
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        (last,) = await heard(rig, 0.1)
        assert {r.ttl for r in last.answers()} == {0}  # it takes leave

    world.run(all_of_it, fixed=fixed)


def test_it_probes_announces_and_answers(world: World) -> None:
    async def main(rig: Rig) -> None:
        said = await heard(rig, 3)
        assert [each.is_query() for each in said] == [True] * 3 + [False] * 2
        assert rig.lan.state()["local"] == f"{NAME}.local"
        tell(rig, question(HOST, A))
        (answer,) = await heard(rig, 0.2)
        assert answer.is_response() and answer.answers()[0].address == OFFERED  # type: ignore[attr-defined]
        for _ in range(20):  # whoever asks on and on
            tell(rig, question(HOST, A))
            await asyncio.sleep(0.1)
        assert len(await heard(rig, 0.5)) <= 2
        tell(rig, question(KIND, PTR), port=40_000)
        tell(rig, question("other.local.", A))
        assert await heard(rig, 2) == []
        assert await rig.lan.resolve("broker") == bytes((192, 168, 77, 20))
        tell(rig, question(KIND, PTR))  # it is back in the group
        assert len(await heard(rig, 0.5)) == 1

    run(world, main)


def test_a_phone_is_told_itself(world: World) -> None:
    async def main(rig: Rig) -> None:
        await heard(rig, 3)
        out = DNSOutgoing(QUERY, False)
        out.id = 0x1234
        out.add_question(DNSQuestion(HOST, A, IN))
        for ip in ("192.168.77.20", "10.0.0.1"):  # who is not beside us is told nothing
            tell(rig, out, 40_000, ip)
            await asyncio.sleep(0.5)
        ((ip, port, data),) = rig.chip.replies()
        said = DNSIncoming(bytes.fromhex(data))
        assert (ip, port, said.id) == ("192.168.77.20", 40_000, 0x1234)
        (record,) = said.answers()
        assert (record.name, record.address, record.ttl) == (HOST, OFFERED, 10)  # type: ignore[attr-defined]
        assert not record.unique and [q.name for q in said.questions] == [HOST]
        for kind in (AAAA, PTR):
            tell(rig, question(HOST, kind), 40_000, "192.168.77.20")
        await asyncio.sleep(1)
        assert rig.chip.replies() == [] and await heard(rig, 0) == []
        tell(rig, question(HOST, A))  # it is back in the group
        assert len(await heard(rig, 0.5)) == 1

    run(world, main)


def test_it_says_farewell(world: World) -> None:
    async def main(rig: Rig) -> None:
        await addressed(rig)
        responder = Responder(Group(rig.lan), NAME, 80, rig.random, rig.lan.called)
        await responder.farewell()  # it has said nothing yet
        task = asyncio.create_task(responder.run())
        assert len(await heard(rig, 3)) == 5
        await responder.farewell()
        (last,) = await heard(rig, 0.1)
        assert {r.ttl for r in last.answers()} == {0}
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    world.run(main, fixed=True)


def test_a_name_that_is_taken_gets_a_number(world: World) -> None:
    async def main(rig: Rig) -> None:
        await asyncio.sleep(0.3)
        tell(rig, owner(HIGHER))
        said = await heard(rig, 5)
        assert f"{NAME}-2.local." in [q.name for each in said for q in each.questions]
        assert rig.lan.local == f"{NAME}-2.local"
        tell(rig, owner(HIGHER, f"{NAME}-2.local."))  # somebody comes later, and insists
        said = await heard(rig, 6)
        assert not [r for each in said for r in each.answers() if r.ttl == 0]
        assert rig.lan.local == f"{NAME}-3.local" and rig.lan.name == NAME

    run(world, main)


def test_whoever_claims_everything_does_not_make_it_shout(world: World) -> None:
    async def main(rig: Rig) -> None:
        said = []
        for _ in range(1200):
            if rig.lan.local:
                tell(rig, owner(HIGHER, rig.lan.local + "."))
            said += [rig.loop.now for _ in await heard(rig, 0.1)]
        late = [at for at in said if at > rig.loop.now - 60]
        assert 5 <= len(late) <= 5 * 5 < len(said)
        await heard(rig, 40)
        assert rig.lan.local

    run(world, main)


def test_two_that_ask_at_once(world: World) -> None:
    """The stronger claim wins: theirs waits for ours, or ours for theirs."""

    async def main(rig: Rig) -> None:
        await asyncio.sleep(0.3)
        tell(rig, claim(LOWER))
        await asyncio.sleep(0.3)
        tell(rig, claim(HIGHER))
        said = await heard(rig, 0.7)
        assert all(each.is_query() for each in said) and len(said) <= 3
        said = await heard(rig, 3)
        assert [each.is_query() for each in said][-5:] == [True] * 3 + [False] * 2
        await asyncio.sleep(1)
        tell(rig, claim(HIGHER))  # too late: it is told so
        (answer,) = await heard(rig, 0.3)
        assert answer.is_response()

    run(world, main)


def test_a_new_address_a_cable_a_chip(world: World) -> None:
    async def main(rig: Rig) -> None:
        assert len(await heard(rig, 3)) == 5
        rig.lan.configure(HIGHER, MASK, ROUTER, ROUTER)
        said = await heard(rig, 4)
        assert said[-1].answers()[0].address == HIGHER and len(said) == 5  # type: ignore[attr-defined]
        rig.chip.cable(False)
        assert await heard(rig, 3) == [] and rig.lan.local == ""
        rig.chip.cable(True)
        assert len(await heard(rig, 5)) == 5
        rig.chip.forget()
        assert len(await heard(rig, 12)) == 5
        assert rig.lan.local

    run(world, main)


def test_nothing_is_asked_of_the_chip_while_nobody_asks(world: World) -> None:
    async def main(rig: Rig) -> None:
        await asyncio.sleep(4)
        rig.chip.group()
        before = rig.chip.frames()
        await asyncio.sleep(10)
        assert rig.chip.frames() - before <= 2 * 40 + 2

    run(world, main)
