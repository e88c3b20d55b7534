# islet: what every image freezes; included by the manifest of each board with
#   chip   which of firmware/chips goes in: "rp2" takes rp2.py, rp2_*.py
#   data   folder of islet_data.py, packed for this image's circuit, and of the folded firmware
#   lan    whether firmware/lan goes in, the network of a board that has no sockets
#   sockets   whether firmware/sockets goes in, the networks of boards that have them
#   moves  whether islet_move goes in, for boxes whose files are where older images had them
# GPL-3.0-or-later
#
# Compiled with -O0 everywhere: umqtt checks the broker's answers by assert, and line numbers in a
# traceback are worth their flash.
import os

ROOT = os.path.abspath("../../..")
PACKAGES = {  # of lib/, only what the firmware imports
    "microdot": ("__init__.py", "microdot.py"),
    "umqtt": ("simple.py",),
}
ANY_CHIP = ("__init__.py", "circuit.py", "common.py", "wall.py")
# of the networks, what one chip alone has: TLS (docs/decisions.md), and a cable without a
# responder of MicroPython's own
ESP32_ALONE = ("sockets/tls.py", "sockets/cable.py", "sockets/group.py")
RESPONDER = ("local/responder.py", "local/mdns.py")
ALSO = {"esp32": ("plain.py",)}  # where a chip's own file does not take its place


options.defaults(lan=False, sockets=False, moves=False)


def wanted(path):
    """Of firmware/chips only this chip's files, of the networks the one it has; the rest as it
    stands."""
    folder, name = os.path.split(path)
    if path in ESP32_ALONE and options.chip != "esp32":
        return False
    if folder == "sockets":
        return options.sockets
    if path in RESPONDER and options.sockets and options.chip != "esp32":
        return False  # over Wi-Fi MicroPython answers by itself
    if folder == "local":
        return options.lan or options.sockets
    if folder == "lan":
        return options.lan
    if folder == "chips":
        stem = name[:-3]
        shared = name in ANY_CHIP or name in ALSO.get(options.chip, ())
        return shared or stem == options.chip or stem.startswith(options.chip + "_")
    return True


def sources(folder):
    for where, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if name.endswith(".py"):
                yield os.path.relpath(os.path.join(where, name), folder)


include("$(MPY_DIR)/extmod/asyncio")
firmware = [path for path in sources(os.path.join(ROOT, "firmware")) if wanted(path)]
# its constants folded by tools/image/fold.py
package("firmware", firmware, base_path=options.data, opt=0)
for name, files in PACKAGES.items():
    package(name, files, base_path=os.path.join(ROOT, "lib"), opt=0)
module("islet_data.py", base_path=options.data, opt=0)
module("boot.py", base_path=ROOT, opt=0)
module("main.py", base_path=ROOT, opt=0)
module("islet_storage.py", base_path="../frozen", opt=0)
if options.moves:
    module("islet_move.py", base_path="../frozen", opt=0)
