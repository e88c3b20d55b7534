# islet: `make prove`.
# GPL-3.0-or-later
from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from tools.flash import FlashError, Voice, boards, find
from tools.flash.link import Link

TEXT = """\
Put a converter to the commissioning proof, with the firmware running: it draws and delivers at
most 500 W, islet compares sign, size and time with an instrument of its own, then falls silent
towards it and times its return to rest. It takes one to three minutes and moves some Wh; until it
has passed, islet lets the converter do nothing. Somebody should stand by. Without --device it
shows what was proved, and when. Ctrl-C stops it: the converter is told to rest. The record is kept
by the board; --save writes it into a file as well. docs/commissioning.md says more.
"""
EVERY_S = 2.0
MOST_S = 1000.0
USUAL_S = 180  # most proofs are done by then; the bar is of this
REST_S = 10.0


class Console(Protocol):
    def ask(self, what: str) -> dict[str, Any] | None: ...


def show(link: Console, voice: Voice) -> int:
    proofs = _proofs(link)
    for name, proof in proofs.items():
        voice.say(f"{name}: {proof['text']}")
    return 0 if all(proof["proved"] for proof in proofs.values()) else 1


def prove(
    link: Console,
    device: str,
    voice: Voice,
    wait: Callable[[float], None] = time.sleep,
    save: Path | None = None,
) -> int:
    """0 when it obeys."""
    if (known := _proofs(link)) and device not in known:
        raise FlashError(f"{device} is no converter of this site", f"one of {', '.join(known)}")
    answer = link.ask("prove " + json.dumps({"device": device})) or {}
    if not answer.get("ok"):
        raise FlashError(answer.get("error", "no answer"), answer.get("allowed", ""))
    phases: list[tuple[str, float]] = []
    try:
        proof = _watch(link, device, voice, wait, phases)
    except BaseException:
        link.ask("prove " + json.dumps({"stop": True}))
        _rests(link, device, voice, wait)
        raise
    voice.say(f"{device}: {proof['text']}")
    for line in record(proof, phases):
        voice.say(f"  {line}")
    if save:
        save.write_text(json.dumps(kept(link, device, proof, phases), indent=1) + "\n")
        voice.say(f"{save}: written")
    return 0 if proof["proved"] and proof["verdict"] == "obeys" else 1


def _watch(
    link: Console,
    device: str,
    voice: Voice,
    wait: Callable[[float], None],
    phases: list[tuple[str, float]],
) -> dict[str, Any]:
    """Its phases as they come, each with the s it took; what it came to."""
    for _ in range(round(MOST_S / EVERY_S)):
        wait(EVERY_S)
        proof = _proofs(link)[device]
        phase = proof["phase"]
        if phase == "rest":
            wait(EVERY_S)  # its record is written within a second
            return _proofs(link)[device]
        if not phases or phases[-1][0] != phase:
            voice.say(f"{device}: {proof['text']}")
            phases.append((phase, 0.0))
        phases[-1] = phase, phases[-1][1] + EVERY_S
        voice.progress(round(sum(s for _, s in phases)), USUAL_S)
    raise FlashError("the proof does not end", "restart the board")


def _rests(link: Console, device: str, voice: Voice, wait: Callable[[float], None]) -> None:
    """After a stop: seen, or said that it is not."""
    for _ in range(round(REST_S / EVERY_S)):
        if _proofs(link)[device]["phase"] == "rest":
            voice.say(f"{device}: the proof is stopped, it is told to rest")
            return
        wait(EVERY_S)
    voice.say(f"{device}: the proof is told to stop and DOES NOT END: look at the device")


def record(proof: dict[str, Any], phases: list[tuple[str, float]]) -> list[str]:
    """What is written down of a proof, for people."""
    said = [f"verdict: {proof['verdict']}"]
    if proof.get("response_ms"):
        said.append(f"followed within {proof['response_ms'] / 1000:g} s")
    if proof.get("return_s"):
        said.append(f"rested {proof['return_s']} s after nobody spoke to it")
    if phases:
        said.append("phases: " + ", ".join(f"{name} {s:g} s" for name, s in phases))
    return said


def kept(
    link: Console, device: str, proof: dict[str, Any], phases: list[tuple[str, float]]
) -> dict[str, Any]:
    """The same, for a file: which box and firmware it is of stands with it."""
    report = link.ask("report") or {}
    box = {key: report.get(key) for key in ("name", "version", "circuit", "micropython")}
    at = datetime.now().astimezone().isoformat(timespec="seconds")
    return {"proof": 1, "device": device, "at": at, "box": box, **proof, "phases": phases}


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
    parser.add_argument("--save", type=Path, metavar="FILE", help="its record (FILE=)")
    given = parser.parse_args(words)
    voice = Voice("prove")
    return voice.guard(lambda: run(given, voice))


def run(given: argparse.Namespace, voice: Voice) -> int:
    port = find.one_port(boards.named(given.image, "").family, given.port)
    if port is None:
        raise FlashError("no board is plugged in", "plug it in, or name its port: PORT=…")
    with Link(port, voice) as link:
        if not given.device:
            return show(link, voice)
        return prove(link, given.device, voice, save=given.save)


if __name__ == "__main__":
    sys.exit(main())
