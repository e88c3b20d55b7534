# islet: tests of recordings served as devices, on a line and over the network.
# GPL-3.0-or-later
from __future__ import annotations

import copy
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ExceptionResponse

from tests_host.system.kit import Box
from tools.probe import recording
from tools.twin import scenario
from tools.twin.buses.line import Responder
from tools.twin.buses.recording import recorded
from tools.twin.buses.tcp import Units

SHIPPED = Path(scenario.__file__).parent / "scenarios" / "silent_bus.json"
VOLTS = 231.5


def sdm(folder: Path) -> Path:
    """What the probe writes of an SDM630 at rest: 80 input registers, three voltages and 50 Hz."""
    words = [0] * 80
    for at, value in ((0, VOLTS), (2, VOLTS), (4, VOLTS), (0x46, 50.0)):
        words[at : at + 2] = struct.unpack(">HH", struct.pack(">f", value))
    document = {
        "recording": recording.FORMAT,
        "unit": 7,
        "where": "test",
        "registers": {"4": [[0, *words]], "3": [[20, 1, 2]]},
    }
    path = folder / "meter.json"
    path.write_text(recording.written(document))
    return path


@pytest.mark.parametrize("kind", [Responder, Units])
def test_it_answers_what_was_read_and_nothing_else(tmp_path: Path, kind: Any) -> None:
    served = kind({"meter": recorded(sdm(tmp_path), 7)})

    def ask(body: bytes) -> Any:
        body = b"\x07" + body
        if kind is Units:
            request = struct.pack(">HHH", 9, 0, len(body)) + body
            framer: Any = FramerSocket(DecodePDU(False))
        else:
            request = body + FramerRTU.compute_CRC(body).to_bytes(2, "big")
            framer = FramerRTU(DecodePDU(False))
        _, frame = served.answer(0, request)
        return framer.handleFrame(frame, 0, 0)[1]

    found = ask(struct.pack(">BHH", 4, 0, 2)).registers
    assert struct.unpack(">f", struct.pack(">HH", *found))[0] == VOLTS
    assert ask(struct.pack(">BHH", 3, 20, 2)).registers == [1, 2]
    for body in (
        struct.pack(">BHH", 4, 79, 2),
        struct.pack(">BHH", 3, 0, 1),
        struct.pack(">BHH", 6, 20, 5),
    ):
        assert isinstance(ask(body), ExceptionResponse)
    assert ask(struct.pack(">BHH", 3, 20, 2)).registers == [1, 2], "a write changed nothing"


def story() -> dict[str, Any]:
    found = copy.deepcopy(json.loads(SHIPPED.read_text()))
    found |= {"events": [], "expect": [], "seconds": 12}
    found["house"]["recordings"] = [{"name": "old", "file": "meter.json", "address": 7}]
    found["site"]["meters"].append(
        {"name": "old", "profile": "sdm630", "line": "bus", "address": 7}
    )
    found["site"]["nodes"][2]["instrument"] = "old"
    found["site"]["owner"]["goal"] = "hold"
    found["events"] = [{"at_s": 8, "bus": "old", "fault": "silent", "for_s": 2}]
    return found


def test_islet_reads_a_recorded_meter(tmp_path: Path) -> None:
    """As the meter it was; and it can be silent as any."""
    sdm(tmp_path)
    box = Box(tmp_path, story(), seconds=12).whole()
    assert box.code == 0, box.output
    lines = [state["lines"]["bus"]["old"] for _, state in box.published("state")]
    assert lines[-1]["ok"] > 10 and lines[-1]["timeout"] > 0 and not lines[-1]["exception"]


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "story.json"
    path.write_text(json.dumps(story()))
    with pytest.raises(
        scenario.ScenarioError, match=r"recordings\[0\].file: \S*meter.json: cannot"
    ):
        scenario.load(path)
    (tmp_path / "meter.json").write_text("{}")
    with pytest.raises(scenario.ScenarioError, match=r"meter\.json: recording: is not 1"):
        scenario.load(path)
