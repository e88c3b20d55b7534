"""Lines of a site: RS-485 on the board's transceivers, or over the network."""

from __future__ import annotations

import json
from typing import Any

from firmware import config
from firmware import image as im
from tests_host.config.test_config import GOOD, rights


def test_a_line_may_lead_over_the_network() -> None:
    def errors(board: Any, *rows: dict[str, Any], **meter: Any) -> list[str]:
        document = json.loads(json.dumps(GOOD))
        document["lines"] = [{"name": "rs485"}, *rows]
        document["meters"][0] |= meter
        return config.load(json.dumps(document), im.Image(), board).errors

    hosts = [{"name": f"host{i}", "host": "192.168.0.20"} for i in range(3)]
    assert errors(rights(lines=1), *hosts[:2]) == []
    assert errors(rights(lines=1), hosts[0], line="host0", address=0) == []
    assert errors(rights(), *hosts) == ["lines[3].host: at most 2 lines over the network"]
    assert errors(rights(network=False), hosts[0])[-1] == (
        "lines[1].host: this board has no network, leave it empty"
    )
    for address in (0, 248):
        assert errors(rights(), address=address) == [
            f"meters[0].address: {address} is not 1 to 247, as on RS-485"
        ]
    assert "lines[1].port" in errors(rights(), hosts[0] | {"port": 0})[0]
