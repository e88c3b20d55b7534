# islet test: a ledger that fails at each step beside a policy; prints what still runs.
# GPL-3.0-or-later
import asyncio

from firmware import app as room
from firmware.health import Health
from firmware.image import Image

room.POLICY_MS = 1
room.LINK_AGAIN_MS = 3
steps = {"policy": 0, "ledger": 0, "wall": 0}
said = []


class Part:
    def __init__(self, name, fails):
        self.name, self.fails = name, fails

    def step(self, dt_ms):
        steps[self.name] += 1
        if self.fails:
            raise OSError(28)


class Board:
    def start_sampling(self, run):
        pass

    def start_watchdog(self, ms):
        pass

    def log(self, text):
        pass

    def failed_handlers(self):
        return 0

    def wall_minute(self):
        steps["wall"] += 1
        return 7


class Events:
    def poll(self, seconds=0):
        pass

    def failed(self, row, error):
        said.append("{}: OSError {}".format(app.task(row), error.args[0]))


class App(room.App):
    def __init__(self):
        self.image, self.health = Image(), Health()
        self.board, self.events = Board(), Events()
        self.links, self._free_bytes = [], 0
        self.slow_parts = [("ledger", Part("ledger", True)), ("policy", Part("policy", False))]

    def tidy(self):
        pass

    async def control(self):
        while steps["policy"] < 30:
            await asyncio.sleep_ms(1)


app = App()
asyncio.run(app.run())
print(steps["wall"] > 5, steps["ledger"] > 1, said[0])
