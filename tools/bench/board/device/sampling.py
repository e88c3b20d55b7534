# islet: sampling and what sense makes of it, and nothing else: what three channels cost.
# GPL-3.0-or-later

import time

from firmware import app as application
from firmware.chips import current

board = current()
app = application.App(board, application.read_config(board))


def on_half(samples, frames, _dt_ms=10):
    """In the sampling interrupt: no guard."""
    app.sense.on_block(samples, frames)


def on_block(_codes, _first):
    pass


board.start_sampling(on_half, on_block)
print("running")
while True:
    time.sleep_ms(1000)
