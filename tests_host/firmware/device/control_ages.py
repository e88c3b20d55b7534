# islet test: three control cycles in which nobody but the sampling speaks; prints how old all is.
# GPL-3.0-or-later
from firmware import app as room
from firmware import image as f
from firmware.image import Image


class Nothing:
    def __getattr__(self, name):
        return lambda *given: None


class App(room.App):
    def __init__(self):
        self.image = Image()
        self.core = self.board = self.keep = self.seal = Nothing()


app = App()
for index in app.image.ages:
    app.image.live[index] = 0
for _ in range(3):
    app.control_step(100)
rest = {app.image.readings[i] for i in app.image.ages if i not in f.SAMPLED_AGES}
sampled = {app.image.readings[i] for i in f.SAMPLED_AGES}
print(rest, sampled)
