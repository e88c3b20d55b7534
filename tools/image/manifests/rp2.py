# islet: frozen into every image of MicroPython's port rp2; `data` as in islet.py.
# GPL-3.0-or-later
options.defaults(lan=False, sockets=False, moves=False)
module("rp2.py", base_path="$(PORT_DIR)/modules", opt=0)  # PIO assembler
module("_boot.py", base_path="../frozen/rp2", opt=0)
include(
    "islet.py",
    chip="rp2",
    data=options.data,
    lan=options.lan,
    sockets=options.sockets,
    moves=options.moves,
)
