# islet: a battery as energy; the car's own serves as one behind a DC gateway.
# GPL-3.0-or-later
from __future__ import annotations


class Battery:
    def __init__(self, capacity_kwh: float, soc_percent: float) -> None:
        self.capacity_wh = capacity_kwh * 1000
        self.wh = self.capacity_wh * soc_percent / 100

    @property
    def soc_percent(self) -> float:
        return 100 * self.wh / self.capacity_wh

    @soc_percent.setter
    def soc_percent(self, value: float) -> None:
        self.wh = self.capacity_wh * value / 100
