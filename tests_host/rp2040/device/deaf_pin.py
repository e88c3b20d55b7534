# islet: everything runs as in stress.py, and the first trip's pin finds its handler failing.
# GPL-3.0-or-later

import rig


def planted(_inputs):
    app.board._strike = strike
    raise RuntimeError("planted")


prepare = rig.prepare


def prepared():
    global app, strike
    app = prepare()
    strike = app.guard.strike_by
    app.guard.strike_by = planted
    return app


rig.prepare = prepared
rig.run(with_garbage=False)
