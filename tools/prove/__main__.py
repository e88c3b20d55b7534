# islet: `make prove`.
# GPL-3.0-or-later
from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

from tools.flash import FlashError, Voice, boards, find
from tools.flash.link import Link

TEXT = """\
Put a converter to the commissioning proof, with the firmware running: it draws and delivers at
most 500 W, islet compares sign, size and time with an instrument of its own, then falls silent
towards it and times its return to rest. It takes one to three minutes and moves some Wh; until it
has passed, islet lets the converter do nothing. Somebody should stand by. Without --device it
shows what was proved, and when. docs/commissioning.md says more.
"""
EVERY_S = 2.0
MOST_S = 1000.0


class Console(Protocol):
    def ask(self, what: str) -> dict[str, Any] | None: ...


def show(link: Console, voice: Voice) -> int:
    proofs = _proofs(link)
    for name, proof in proofs.items():
        voice.say(f"{name}: {proof['text']}")
    return 0 if all(proof["proved"] for proof in proofs.values()) else 1


def prove(
    link: Console, device: str, voice: Voice, wait: Callable[[float], None] = time.sleep
) -> int:
    """0 when it obeys."""
    if (known := _proofs(link)) and device not in known:
        raise FlashError(f"{device} is no converter of this site", f"one of {', '.join(known)}")
    answer = link.ask("prove " + json.dumps({"device": device})) or {}
    if not answer.get("ok"):
        raise FlashError(answer.get("error", "no answer"), answer.get("allowed", ""))
    try:
        return _watch(link, device, voice, wait)
    except BaseException:
        link.ask("prove " + json.dumps({"stop": True}))
        raise


def _watch(link: Console, device: str, voice: Voice, wait: Callable[[float], None]) -> int:
    said = ""
    for _ in range(round(MOST_S / EVERY_S)):
        wait(EVERY_S)
        proof = _proofs(link)[device]
        if proof["text"] != said and proof["phase"] != "rest":
            said = proof["text"]
            voice.say(f"{device}: {said}")
        if proof["phase"] == "rest":
            wait(EVERY_S)  # its record is written within a second
            proof = _proofs(link)[device]
            voice.say(f"{device}: {proof['text']}")
            return 0 if proof["proved"] and proof["verdict"] == "obeys" else 1
    raise FlashError("the proof does not end", "restart the board")


def _proofs(link: Console) -> dict[str, Any]:
    answer = link.ask("proofs")
    if answer is None:
        raise FlashError("the board is at its prompt", "make flash first, so that islet runs")
    if "proofs" not in answer:
        raise FlashError("this site has no converter, so there is nothing to prove")
    return answer["proofs"]


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make prove", description=TEXT)
    parser.add_argument("--image", default="pico", help="what the board runs (IMAGE=, pico)")
    parser.add_argument("--port", default="", help="serial port (PORT=)")
    parser.add_argument("--device", default="", help="the converter, by its name (DEVICE=)")
    given = parser.parse_args(words)
    voice = Voice("prove")
    return voice.guard(lambda: run(given, voice))


def run(given: argparse.Namespace, voice: Voice) -> int:
    port = find.one_port(boards.named(given.image, "").family, given.port)
    if port is None:
        raise FlashError("no board is plugged in", "plug it in, or name its port: PORT=…")
    with Link(port, voice) as link:
        return prove(link, given.device, voice) if given.device else show(link, voice)


if __name__ == "__main__":
    sys.exit(main())
