"""What a calibration is of: the channel or chip, and its row of the file."""

from __future__ import annotations

import pytest

from tools.calibrate import Doubt, store, targets
from tools.flash import site

PICO = site.circuit("pico")


def test_targets() -> None:
    grid = targets.find(PICO, "grid", 1)
    assert (grid.section, grid.key, grid.gain) == (
        "meters", (("meter", 1), ("leg", 2)), "mv_gain_ppm",
    )  # fmt: skip
    assert targets.find(PICO, "evse", 2).key == (("meter", 2), ("leg", 3))
    fast = targets.find(PICO, "fast", 0)
    assert (fast.section, fast.key) == ("channels", (("signal", "evse_ct"), ("leg", 1)))
    with pytest.raises(Doubt, match="does not measure fast L2"):
        targets.find(PICO, "fast", 1)
    host = site.circuit("host")
    assert targets.find(host, "mains", 2).key == (("signal", "main_ct"), ("leg", 3))
    assert targets.find(host, "grid", 0).full == pytest.approx(450_000 / 2**0.5)


def test_the_second_point_has_rows_of_its_own() -> None:
    host = site.circuit("host")
    first, second = (targets.find(host, "evse", 1, point) for point in (0, 1))
    assert (first.reading, second.reading) == ("evse_ma", "evse_ma_2")
    assert second.what == "evse L2 of point 2" and dict(second.key)["point"] == 2
    assert targets.find(host, "grid", 1, 1) == targets.find(host, "grid", 1)
    document = store.parse(None, host)
    store.put(document, "channels", second.key, gain_ppm=-300)
    assert store.value(document, first, "gain_ppm") == 0
    store.put(document, "channels", first.key, gain_ppm=200)
    store.put(document, "channels", second.key, gain_ppm=-400)
    found = [store.value(document, each, "gain_ppm") for each in (first, second)]
    assert found == [200, -400] and len(document["channels"]) == 2
    assert store.mistakes(store.text_of(document), host) == []
