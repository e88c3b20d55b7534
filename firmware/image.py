# islet: the process image, declared once as tables.
# GPL-3.0-or-later
#
# Five flat arrays of 32-bit integers, as in a PLC. A cycle latches the live readings, decides,
# and leaves its commands; so a trace, a replay, the exchange with the twin and the published
# state are all copies of a buffer.
#
#   site      what the installer declared; constant while the firmware runs   (config)
#   readings  what the instruments say, with their ages                       (sense, bus, board)
#   requests  what people, policy and the network operator want               (policy, net)
#   commands  what core decides, and every claim that led to it               (core)
#   trips     what the guard saw and did                                      (guard)
#
# Sign: load convention, + is drawn. Units stand in the names. Ages are in ms and saturate.
# A field is one row: its name is the index constant, so `readings[PILOT_HIGH_MV]` reads it and
# `readings[NODE_MA + node * LEGS + leg]` an element of a block.

import sys
from array import array

from firmware.base.grow import grow
from firmware.base.viper import const

# How many rows there are. These are the host's; the build of a chip's image puts in its own
# (tools/image/images.py), and all else follows from them.
NODES = const(100)
DEVICES = const(8)  # what islet commands
POINTS = const(2)  # charging points of this board: a pilot and a contactor each
ISSUERS = const(8)  # who may limit a device or a node by leases: rows of ISSUER_NAMES

LEGS = const(3)
LEASED = const(1 + DEVICES)  # what an issuer limits: one node of its own, and each device
LEASE_STEPS = const(3)  # ranges of one issuer on one of these, each until its own end
SOURCES = const(6)  # who may claim a limit, strictest first
GRID_TRIPS = const(10)  # rows of a grid code's trip table
GRID_RIDES = const(12)  # rows of its ride-through curve

MEMORIES = const(4 + POINTS)  # words of core's that outlive a reset
MEMORY_BOND = const(0)  # the bond's contact was seen open since its coil was last energised
MEMORY_TRIES = const(1)  # tries of an island that are used up
MEMORY_OBEDIENCE = const(2)  # the islanding switch is open: an enable had no effect
MEMORY_GRID = const(3)  # power and voltage at one's own last trip
MEMORY_WEAR = const(4)  # [point] the contactor's accounts of operations

AGE_MAX_MS = const(1_000_000_000)  # ages and timers saturate here; below 2**30, so no box
UNKNOWN = const(-1)


class Table:
    """One section of the image: rows of (name, index, count, unit, low, high, start, text)."""

    def __init__(self, name):
        self.name = name
        self.rows = []
        self.shapes = {}  # of blocks with a row for each of two things, by name
        self.size = 0

    def field(self, name, unit, low, high, text, count: "int | tuple" = 1, start=0):
        """Declare a field or a block of `count` fields, (rows, columns) for one of two dimensions;
        return its index."""
        index = self.size
        if isinstance(count, tuple):
            self.shapes[name] = count
            elements = count[0] * count[1]
        else:
            elements = count
        self.rows.append((name, index, elements, unit, low, high, start, text))
        self.size = index + elements
        return index

    def new(self):
        """A fresh array('i') with every field at its start value."""
        buffer = array("i", bytes(4 * self.size))
        for _, index, count, _, _, _, start, _ in self.rows:
            if start:
                for i in range(index, index + count):
                    buffer[i] = start
        return buffer


# --- names for small integers ---------------------------------------------------------------

# kinds of devices
KIND_NONE = const(0)
KIND_POINT = const(
    1
)  # this board's pilot and contactor: takes an offer, mA per leg, 0 or 6 000 up
KIND_CHARGER = const(2)  # an AC charger that takes an offer over a line
KIND_CONVERTER = const(3)  # bidirectional: takes a setpoint, W, signed
KIND_SOURCE = const(4)  # PV or a generator: observed, limited or switched

BEHIND_CAR = const(1)
BEHIND_BATTERY = const(2)  # of the house

# sources of a claim, in the arbiter's order: an earlier one is never overruled by a later one
HARDWARE = const(0)  # pilot, cable, ratings, relays, device state
GRID_CODE = const(1)
PANEL = const(2)
OPERATOR = const(3)  # all leases, the network operator's first: reductions only
RESERVE = const(4)  # the owner's energy reserve
MARKET = const(5)  # the owner's goal: sun, tariff, export
SOURCE_NAMES = ("hardware", "grid_code", "panel", "operator", "reserve", "market")

# issuers of leases; who may speak for them is in people/leases.py
ISSUER_NAMES = (
    "operator",  # of the network
    "owner",
    "contact",
    "site",
    "ocpp",
    "openadr",
    "utility",
    "manager",
)
ISSUER_OPERATOR = const(0)
ISSUERS_KEPT = const(0xFB)  # bits: their leases outlive a reset; a contact is read again

# why a claim is what it is; the sentences are in people/words.py
REASON_NONE = const(0)
REASON_RATING = const(1)  # the device's or the site's own rating
REASON_NO_VEHICLE = const(2)
REASON_NOT_READY = const(3)  # vehicle has not asked for power (B)
REASON_CABLE = const(4)  # cable rating, value in mA
REASON_PILOT_FAULT = const(5)
REASON_NOT_AUTHORISED = const(6)
REASON_VENTILATION = const(7)
REASON_PROTECTION = const(8)  # stop, RCD, heat: value is their bits of INPUTS
REASON_CONTACTOR = const(9)  # contactor fault or still moving
REASON_TRIP = const(10)  # the guard has tripped, value is the trip mask
REASON_DEVICE_FAULT = const(11)  # inverter reports a fault or is not connected
REASON_DEVICE_SILENT = const(12)  # inverter not answering, value is the age in ms
REASON_GRID_ABNORMAL = const(13)
REASON_GRID_WAIT = const(14)  # enter-service delay, value is ms left
REASON_GRID_RAMP = const(15)
REASON_ISLAND = const(16)  # transfer under way or islanded
REASON_BREAKER = const(17)  # node and leg at its rating, value is the headroom in mA
REASON_BUSBAR = const(18)  # node's busbar, value is the headroom in mA
REASON_EXPORT = const(19)  # export limit, value in W
REASON_METER_STALE = const(20)  # node's instrument is stale, value is the age in ms
REASON_STATIC_BACKFEED = const(21)  # static rule of the busbar
REASON_PAUSE = const(22)  # held at zero after a stop, value is ms left
REASON_GROWTH = const(23)  # growing slowly towards the limit
REASON_OPERATOR = const(24)
REASON_RESERVE = const(25)  # kept above the reserve: value in permille, of the reserve
REASON_SOC_UNKNOWN = const(26)
REASON_GOAL = const(27)  # the owner's goal
REASON_NO_GOAL = const(28)  # no fresh wish: stand still
REASON_NOT_FOLLOWED = const(29)  # the vehicle drew more than offered
REASON_TOPOLOGY = const(30)  # this kind of site does not allow it (T1, T3 discharge)
REASON_BOOT = const(31)  # state of the site not sensed yet
REASON_NOT_OBEYED = const(32)  # the inverter stays outside its grant
REASON_UNWITNESSED = const(33)  # nothing but its own report says what the inverter does
REASON_ANTI_ISLANDING = const(34)  # it says that its anti-islanding is off, or cannot be asked
REASON_ENABLE = const(35)  # it went on without its enable
REASON_OWN_TRIP = const(36)  # its own power has moved the grid's voltage beyond a trip level
REASON_FLAPPING = const(37)  # the grid has come and gone several times, value is ms left
REASON_INSTRUMENT = const(38)  # node and leg whose instrument islet's own steps contradict
REASON_UNPROVED = const(39)  # node and leg on which islet's last step has not shown itself yet
REASON_REST = const(40)  # the contactor rests after an operation, value is ms left
REASON_PEN = const(41)  # the supply's protective conductor is lost
REASON_METER_BACK = const(42)  # node's instrument is back and watched, value is ms left
REASON_OWNER = const(43)  # a lease of the owner's; and so on, in the order of ISSUER_NAMES
REASON_CONTACT = const(44)
REASON_SITE = const(45)
REASON_OCPP = const(46)
REASON_OPENADR = const(47)
REASON_UTILITY = const(48)
REASON_MANAGER = const(49)
REASON_RELIEF = const(50)  # node and leg that its delivery keeps within their limit, value in W
REASON_COMMISSION = const(51)  # it has not shown yet that it obeys
REASON_PROOF = const(52)  # it is being put to the proof, value is the power in W
REASON_NO_RETURN = const(53)  # it does not come back to rest by itself, and nothing cuts it off
REASON_NEUTRAL = const(54)  # node's neutral, value is the headroom in mA
REASON_BALANCE = const(55)  # of the legs, UNBALANCE_VA; value is the headroom in mA

# What belongs to a point has a bit for each: a second point's lies as many bits higher as the word
# has names, and `names_of` puts its number behind the name. Nothing else has bits up there.
OUT_SHIFT, IN_SHIFT, TRIP_SHIFT = const(6), const(10), const(16)

# outputs: bits of PERMITS, OUTPUTS; the guard alone writes their pins
OUT_CONTACTOR = const(1)  # a point's: charging contactor
OUT_ISLAND = const(2)  # islanding switch: 1 closes the house to the grid
OUT_BOND = const(4)  # neutral-earth bond of the island
OUT_ENABLE = const(8)  # the converters' hard-wired enable, one for all: any one barred drops it
OUT_LOADS = const(16)  # sheddable loads connected
OUT_RELEASE = const(32)  # a point's: trips what feeds it, its contactor is welded
OUT_CONTACTORS = const(1 + 64 * (POINTS - 1))  # of all points
OUTPUT_NAMES = ("contactor", "island", "bond", "enable", "loads", "release")

BOND_MARGIN_MS = const(100)  # the bond stays on top of the device's stop time (INV-18)

# inputs: bits of INPUTS
IN_CONTACTOR = const(1)  # a point's auxiliary contact: contactor closed
IN_CONTACTORS = const(1 + 1024 * (POINTS - 1))  # of all points
IN_ISLAND_OPEN = const(2)  # mirror contact: all live poles of the islanding switch open
IN_BOND = const(4)  # bond closed
IN_ENABLE = const(8)  # enable seen at the inverter
IN_ESTOP = const(16)  # 1 = emergency stop pressed (coil supply broken in hardware)
IN_RCD = const(32)  # 1 = RCD tripped
IN_OVERTEMP = const(64)  # 1 = too hot
IN_VENTILATION = const(128)  # 1 = ventilation confirmed
IN_ISLAND_DEAD = const(256)  # hardware permissive: island side dead
IN_SERVICE = const(512)  # service switch pulled: it breaks the enable and the bond's pick-up
INPUT_NAMES = (
    "contactor",
    "island_open",
    "bond",
    "enable",
    "estop",
    "rcd",
    "overtemp",
    "ventilation",
    "island_dead",
    "service_switch",
)
PROTECTION_INPUTS = const(16 + 32 + 64)

# by what a board's guard can tell that the grid is dead
SEES_NOTHING = const(0)
SEES_VOLTAGE = const(1)  # FAST_GRID_MV, on every leg
SEES_CROSSINGS = const(2)  # CROSSING_AGE_MS, of one leg

# trips: bits of TRIPPED, set by the guard, cleared when core acknowledges and the cause is gone
TRIP_OVERCURRENT = const(1)  # a point's
TRIP_PILOT = const(2)  # a point's: pilot left C/D or was lost while the contactor was permitted
TRIP_DEAD_GRID = const(4)
TRIP_STOP = const(8)  # emergency stop, or a loop that it shares with other contacts
TRIP_STALE_PERMIT = const(16)  # core's beat older than 300 ms
TRIP_INTERLOCK = const(32)  # forming without switch and bond proved
TRIP_SAMPLING = const(64)  # samples stopped or lost their phase
TRIP_RCD = const(128)
TRIP_HEAT = const(256)
TRIP_VEHICLE = const(
    512
)  # a point's: D without ventilation, or no diode, while the contactor was permitted
TRIP_BOND = const(1024)  # bond and switch read closed together for longer than relays take
TRIP_ISLAND = const(2048)  # an island far above its voltage
TRIP_NEUTRAL = const(4096)  # an island without its neutral
TRIP_SHORT = const(8192)  # an island below half its voltage
TRIP_SERVICE = const(16384)  # service switch pulled
TRIP_ENABLE = const(32768)  # the enable does not arrive at the inverter
TRIP_NAMES = (
    "overcurrent",
    "pilot",
    "dead_grid",
    "stop",
    "stale_permit",
    "interlock",
    "sampling",
    "rcd",
    "heat",
    "vehicle",
    "bond",
    "island",
    "neutral",
    "short",
    "service",
    "enable",
)
PROTECTION_TRIPS = const(8 + 128 + 256)
POINT_TRIPS = const(1 + 2 + 512)  # each drops its own point's contactor alone
SITE_TRIPS = const(65535 - POINT_TRIPS)

# faults: bits of FAULTS and POINT_FAULTS, found by core; each states its way out in people/alerts.py
FAULT_PILOT = const(1)  # short, odd level or state F/E
FAULT_DIODE = const(2)
FAULT_WELD = const(4)  # contactor closed without command
FAULT_STUCK_OPEN = const(8)  # contactor did not close
FAULT_CABLE = const(16)
FAULT_ISLAND_OPEN = const(32)  # islanding switch did not open
FAULT_ISLAND_CLOSE = const(64)
FAULT_BOND = const(128)  # bond did not follow
FAULT_FORMING = const(256)  # forming without right, or did not start
FAULT_NOT_FOLLOWED = const(512)  # vehicle ignored the offer
FAULT_NOT_DEAD = const(1024)  # island side stayed live
FAULT_NOT_OBEYED = const(2048)  # the inverter stayed outside its grant (INV-16)
FAULT_ENABLE = const(4096)  # the inverter went on without its enable
FAULT_INSTRUMENT = const(8192)  # islet's own steps contradict an instrument (INV-15)
FAULT_PEN = const(16384)  # the supply's protective conductor is lost, by its voltage
FAULT_BODY_LIVE = const(32768)  # and nothing declared parts the car's body from it
FAULT_STAYS_LIVE = const(65536)  # welded, and nothing switches off what feeds the point
FAULT_NEUTRAL = const(131072)  # after closing, the legs' voltages were those of a lost neutral
FAULT_BOND_STUCK = const(262144)  # the bond reads closed, and nothing proves that it is open
FAULT_ISLAND_VOLTAGE = const(524288)  # an island beyond its limits, or without its neutral
FAULT_ISLAND_LOAD = const(1048576)  # more than the island could carry
FAULT_ISLAND_STOP = const(2097152)  # the island ended by itself, or did not come up
FAULT_LOADS = const(4194304)  # sheddable loads that were told to go seem to be on
# of a point: they stand in POINT_FAULTS, and in FAULTS while any point has them
FAULTS_OF_POINT = const(1 + 2 + 4 + 8 + 16 + 512 + 65536)
FAULT_NAMES = (
    "pilot",
    "diode",
    "weld",
    "stuck_open",
    "cable",
    "island_open",
    "island_close",
    "bond",
    "forming",
    "not_followed",
    "not_dead",
    "not_obeyed",
    "enable",
    "instrument",
    "pen",
    "body_live",
    "stays_live",
    "neutral",
    "bond_stuck",
    "island_voltage",
    "island_load",
    "island_stop",
    "loads",
)


def names_of(bits, names):
    """The names of the bits that are set, a further point's with its number."""
    found = []
    for i in range(len(names) * POINTS):
        if bits >> i & 1:
            name, point = names[i % len(names)], i // len(names)
            found.append("{}_{}".format(name, point + 1) if point else name)
    return found


# what is worth a sentence about the island and is no fault; the sentences are in people/words.py
NOTE_NONE = const(0)
NOTE_MIRROR = const(1)  # the switch's mirror contact flickers
NOTE_BOND = const(2)  # the bond's contact does
NOTE_LOADS = const(3)  # no room for the sheddable loads
NOTE_WAITS = const(4)  # a pause before the next island
NOTE_RESERVE = const(5)  # the battery is at its reserve
NOTE_STARTS = const(6)  # an island is about to start
NOTE_UNPROVED = const(7)  # the device that would form it has not shown yet that it obeys
NOTE_NAMES = ("none", "mirror", "bond", "loads", "waits", "reserve", "starts", "unproved")

# what measures a node
INSTRUMENT_NONE = const(0)
INSTRUMENT_CT = const(1)  # mains CTs with their voltage references
INSTRUMENT_METER = const(2)  # Modbus house meter
INSTRUMENT_DEVICE = const(3)  # what a device reports of itself
INSTRUMENT_POINT = const(4)  # a point's own CTs (unsigned: they only see what is drawn)

# what the inverter is asked to be, and says it is
MODE_STOP = const(0)
MODE_FOLLOW = const(1)
MODE_FORM = const(2)

# steps of the escalation when it stays outside its grant (INV-16)
OBEY_QUIET = const(0)
OBEY_AGAIN = const(1)  # written again
OBEY_ZERO = const(2)  # named, and told zero
OBEY_STOP = const(3)  # told to stop
OBEY_OFF = const(4)  # its enable is gone

# how far the commissioning proof is (core/limits/proof.py)
PROOF_NAMES = ("rest", "still", "draw", "deliver", "silent", "ended")
PROOF_REST, PROOF_STILL, PROOF_DRAW = const(0), const(1), const(2)
PROOF_DELIVER, PROOF_SILENT, PROOF_ENDED = const(3), const(4), const(5)

# what it found: the low bits of PROOF_RESULT; up to VERDICT_OWN it is a record, which replaces
# the one before
VERDICT_NAMES = (
    "none",
    "obeys",
    "sign",
    "size",
    "late",
    "ignores",
    "own",
    "refused",
    "blind",
    "restless",
    "stopped",
)
VERDICT_NONE = const(0)
VERDICT_OBEYS = const(1)
VERDICT_SIGN = const(2)  # it does the opposite
VERDICT_SIZE = const(3)  # it does more or less
VERDICT_LATE = const(4)  # later than declared
VERDICT_IGNORES = const(5)
VERDICT_OWN = const(6)  # it left what was granted, or went on without its enable
VERDICT_REFUSED = const(7)  # its grants did not let it
VERDICT_BLIND = const(8)  # no instrument but its own sees it
VERDICT_RESTLESS = const(9)  # the house was never still for long enough
VERDICT_STOPPED = const(10)  # by a person
VERDICT_BITS = const(15)
PROOF_RESPONSE_SHIFT = const(4)  # 8 bits: how long it took to follow, in 0.1 s
PROOF_RETURN_SHIFT = const(12)  # 10 bits: s until it came to rest by itself; all set: never
PROOF_NEVER = const(1023)

# why its enable is withheld: bits of ENABLE_BAR
BAR_NOT_OBEYED = const(1)
BAR_UNWITNESSED = const(2)
BAR_ANTI_ISLANDING = const(4)
BAR_ENABLE = const(8)  # it had no effect: the contactor is open too
BAR_SWITCH = const(16)  # and the islanding switch: nothing else is left to open

# kinds of a grid code's trip rows
GRID_OV = const(1)  # over-voltage above LEVEL (permille of nominal)
GRID_UV = const(2)
GRID_OF = const(3)  # over-frequency above LEVEL (mHz)
GRID_UF = const(4)

# states, printed by their rooms' tables
PILOT_NAMES = ("unknown", "A", "B", "C", "D", "E", "F", "diode")
PILOT_UNKNOWN, PILOT_A, PILOT_B, PILOT_C = const(0), const(1), const(2), const(3)
PILOT_D, PILOT_E, PILOT_F, PILOT_DIODE = const(4), const(5), const(6), const(7)

CONTACTOR_NAMES = ("open", "closing", "closed", "emptying", "opening", "fault")
CONTACTOR_OPEN, CONTACTOR_CLOSING, CONTACTOR_CLOSED = const(0), const(1), const(2)
CONTACTOR_EMPTYING, CONTACTOR_OPENING, CONTACTOR_FAULT = const(3), const(4), const(5)

GRID_NAMES = ("unknown", "dead", "abnormal", "waiting", "in_service")
GRID_UNKNOWN, GRID_DEAD, GRID_ABNORMAL = const(0), const(1), const(2)
GRID_WAITING, GRID_IN_SERVICE = const(3), const(4)

# how far the grid is lost for the house (safety.md section 5)
LOSS_NAMES = ("none", "bad", "burning", "dead")
LOSS_NONE, LOSS_BAD, LOSS_BURNING, LOSS_DEAD = const(0), const(1), const(2), const(3)

ISLAND_NAMES = (
    "sensing",
    "grid",
    "stopping",
    "opening",
    "bonding",
    "starting",
    "islanded",
    "ending",
    "dark",
    "unbonding",
    "closing",
    "lockout",
)
ISLAND_SENSING, ISLAND_GRID, ISLAND_STOPPING = const(0), const(1), const(2)
ISLAND_OPENING, ISLAND_BONDING, ISLAND_STARTING = const(3), const(4), const(5)
ISLAND_ISLANDED, ISLAND_ENDING, ISLAND_DARK = const(6), const(7), const(8)
ISLAND_UNBONDING, ISLAND_CLOSING, ISLAND_LOCKOUT = const(9), const(10), const(11)

# fmt: off
# --- site -----------------------------------------------------------------------------------

_MA = const(2_000_000)  # widest current, mA
_W = const(1_000_000)  # widest power, W
_MS = AGE_MAX_MS
_WORD = const((1 << 29) - 1)  # of a hash, or packed
# every bit of a word, those of further points among them
_OUTS, _INS = (1 << OUT_SHIFT * POINTS) - 1, (1 << IN_SHIFT * POINTS) - 1
_TRIPS = 65535 + (POINT_TRIPS << TRIP_SHIFT) * (POINTS - 1)

SITE = Table("site")
_f = SITE.field
LEG_COUNT = _f("LEG_COUNT", "", 1, 3, "1 single, 2 split, 3 three phase", start=1)
NOMINAL_MV = _f("NOMINAL_MV", "mV", 100_000, 260_000, "nominal voltage leg to neutral", start=230_000)
NOMINAL_MHZ = _f("NOMINAL_MHZ", "mHz", 50_000, 60_000, "nominal frequency", start=50_000)
NODE_COUNT = _f("NODE_COUNT", "", 0, NODES, "nodes of the circuit tree; node 0 is the service")
NODE_PARENT = _f("NODE_PARENT", "", -1, NODES, "index of the feeding node", NODES, -1)
NODE_RATING_MA = _f("NODE_RATING_MA", "mA", 0, _MA, "breaker or conductor rating, per leg", NODES)
NODE_NEUTRAL_MA = _f("NODE_NEUTRAL_MA", "mA", 0, _MA, "rating of its neutral, 0 as its legs", NODES)
NODE_CONTINUOUS_PERMILLE = _f(
    "NODE_CONTINUOUS_PERMILLE", "permille", 500, 1000, "continuous-load factor", NODES, 1000
)
NODE_BUS_MA = _f("NODE_BUS_MA", "mA", 0, _MA, "busbar this node feeds, 0 none", NODES)
NODE_BUS_PERMILLE = _f(
    "NODE_BUS_PERMILLE", "permille", 1000, 1200, "static rule: 1000 or 1200", NODES, 1000
)
NODE_INSTRUMENT = _f("NODE_INSTRUMENT", "", 0, 4, "what measures the node", NODES)
NODE_INSTRUMENT_ROW = _f("NODE_INSTRUMENT_ROW", "", -1, NODES, "which meter, device or point that is, by its row; -1 none", NODES, -1)
NODE_SOURCE_MA = _f("NODE_SOURCE_MA", "mA", 0, _MA, "nameplate of sources islet does not command, on this node itself, per leg", NODES)
NODE_REGULATES = _f("NODE_REGULATES", "", 0, 2, "1: on it something that islet does not command holds a meter at its goal; 2: and its instrument was proved at commissioning", NODES)
UNBALANCE_TOGETHER = _f("UNBALANCE_TOGETHER", "", 0, 1, "for UNBALANCE_VA what is drawn from one leg adds to what is fed into another")
EXPORT_LIMIT_W = _f("EXPORT_LIMIT_W", "W", -1, _W, "most the site may export, -1 no limit", start=-1)
COORDINATED = _f("COORDINATED", "", 0, 1, "backfeed above the static rule is allowed and declared")
DEVICE_KIND = _f("DEVICE_KIND", "", 0, 4, "KIND_*", DEVICES)
DEVICE_NODE = _f("DEVICE_NODE", "", -1, NODES, "its node, -1 none", DEVICES, -1)
DEVICE_LEGS = _f("DEVICE_LEGS", "", 1, 3, "how many legs it uses", DEVICES, 1)
DEVICE_MAX_MA = _f("DEVICE_MAX_MA", "mA", 0, 80_000, "rating of what takes an offer", DEVICES, 6_000)
DEVICE_CHARGE_W = _f("DEVICE_CHARGE_W", "W", 0, _W, "most it may draw", DEVICES)
DEVICE_DISCHARGE_W = _f("DEVICE_DISCHARGE_W", "W", 0, _W, "most it may deliver", DEVICES)
DEVICE_STRINGS_W = _f("DEVICE_STRINGS_W", "W", 0, _W, "most that the sun on its own DC side gives by itself, beside its setpoint", DEVICES)
DEVICE_RESPONSE_MS = _f("DEVICE_RESPONSE_MS", "ms", 0, 60_000, "declared: time it may take to follow", DEVICES, 2_000)
DEVICE_REVERT_MS = _f("DEVICE_REVERT_MS", "ms", 0, 600_000, "its own time-out without a setpoint", DEVICES, 10_000)
DEVICE_PAUSE_MS = _f("DEVICE_PAUSE_MS", "ms", 0, _MS, "shortest pause after a stop for lack of current", DEVICES, 300_000)
DEVICE_LEG = _f("DEVICE_LEG", "", -1, LEGS, "[device][k] leg of the site that its k-th leg is on, -1 none", (DEVICES, LEGS), -1)
DEVICE_LEAST = _f("DEVICE_LEAST", "mA or W", 0, _W, "least it can do besides nothing", DEVICES)
DEVICE_STEP = _f("DEVICE_STEP", "mA or W", 0, _W, "its setpoint moves in steps of so much, 0 or 1 freely", DEVICES)
DEVICE_RANK = _f("DEVICE_RANK", "", 0, DEVICES, "who is served before whom: lower first, equals share", DEVICES)
DEVICE_BEHIND = _f("DEVICE_BEHIND", "bits", 0, 3, "what is behind it (BEHIND_*)", DEVICES)
DEVICE_CONTACTOR = _f("DEVICE_CONTACTOR", "", -1, POINTS, "point whose contactor lies in its circuit, -1 none", DEVICES, -1)
DEVICE_OWNS_PILOT = _f("DEVICE_OWNS_PILOT", "", 0, 1, "it speaks with the car itself (T2): plugged and locked is what it reports", DEVICES)
DEVICE_MAY_DISCHARGE = _f("DEVICE_MAY_DISCHARGE", "", 0, 1, "it may deliver (T3 may not before ISO 15118-20 or SAE J3072 authorises the car)", DEVICES)
DEVICE_RELIEVES = _f("DEVICE_RELIEVES", "", 0, 1, "its owner lets it deliver to relieve an overload, above the reserve", DEVICES)
DEVICE_FITS = _f("DEVICE_FITS", "", 0, 1, "its whole nameplate fits the static rule (INV-4), so it needs no witness", DEVICES)
DEVICE_CERTIFIED = _f("DEVICE_CERTIFIED", "", 0, 1, "a certificate of its anti-islanding has been entered", DEVICES)
DEVICE_STOP_MS = _f("DEVICE_STOP_MS", "ms", 20, 5_000, "declared: it may go on so long after its enable has fallen", DEVICES, 500)
DEVICE_SHIFT_MHZ = _f("DEVICE_SHIFT_MHZ", "mHz", 0, 3_000, "declared: by how much it shifts an island's frequency when it can take no more", DEVICES, 2_000)
DEVICE_SYNCHRONISES = _f("DEVICE_SYNCHRONISES", "", 0, 1, "it synchronises with a returning grid by itself", DEVICES)
DEVICE_DEAD_BAND_W = _f("DEVICE_DEAD_BAND_W", "W", 0, 1_000, "a setpoint that grows by less waits for ten seconds; 0: what jitters is told as it comes", DEVICES)
POINT_DEVICE = _f("POINT_DEVICE", "", -1, DEVICES, "device in whose circuit its contactor lies, -1 none", POINTS, -1)
POINT_OPEN_MS = _f("POINT_OPEN_MS", "ms", 1, 60, "contactor: declared drop-out time", POINTS, 30)
POINT_CLOSE_MS = _f("POINT_CLOSE_MS", "ms", 1, 200, "contactor: declared pull-in time", POINTS, 80)
POINT_BREAKING_MA = _f("POINT_BREAKING_MA", "mA", 0, _MA, "contactor: declared breaking capacity", POINTS, 200_000)
POINT_OVERCURRENT_MS = _f("POINT_OVERCURRENT_MS", "ms", 0, 100, "guard: over-current for so long opens the contactor", POINTS, 20)
POINT_AUTH_REQUIRED = _f("POINT_AUTH_REQUIRED", "", 0, 1, "charge only for an authorised user", POINTS)
ISLAND_DEVICE = _f("ISLAND_DEVICE", "", 0, DEVICES - 1, "the device that forms the island; the last row where none does", start=DEVICES - 1)
ISLAND_CAPABLE = _f("ISLAND_CAPABLE", "", 0, 1, "all hardware interlocks declared: may island")
ISLAND_AUTO = _f("ISLAND_AUTO", "", 0, 1, "island by itself on an outage")
ISLAND_MAX_W = _f("ISLAND_MAX_W", "W", 0, _W, "most the island can carry")
BOND_NEEDED = _f("BOND_NEEDED", "", 0, 1, "the island needs its own neutral-earth bond")
SHED_NEEDED = _f("SHED_NEEDED", "", 0, 1, "sheddable loads must be off before forming")
RELAY_FEEDBACK_MS = _f("RELAY_FEEDBACK_MS", "ms", 20, 500, "declared time of islanding switch and bond", start=500)
TRIP_KIND = _f("TRIP_KIND", "", 0, 4, "grid code: kind of trip row, 0 unused", GRID_TRIPS)
TRIP_LEVEL = _f("TRIP_LEVEL", "permille or mHz", 0, 70_000, "grid code: level", GRID_TRIPS)
TRIP_TIME_MS = _f("TRIP_TIME_MS", "ms", 0, _MS, "grid code: time beyond the level", GRID_TRIPS)
RIDE_KIND = _f("RIDE_KIND", "", 0, 4, "grid code: kind of ride-through row, furthest level first, 0 unused", GRID_RIDES)
RIDE_LEVEL = _f("RIDE_LEVEL", "permille or mHz", 0, 70_000, "grid code: level", GRID_RIDES)
RIDE_TIME_MS = _f("RIDE_TIME_MS", "ms", 0, _MS, "grid code: stay so long beyond the level", GRID_RIDES)
ENTER_LOW_PERMILLE = _f("ENTER_LOW_PERMILLE", "permille", 500, 1000, "enter service: lowest voltage", start=900)
ENTER_HIGH_PERMILLE = _f("ENTER_HIGH_PERMILLE", "permille", 1000, 1200, "enter service: highest voltage", start=1087)
ENTER_LOW_MHZ = _f("ENTER_LOW_MHZ", "mHz", 45_000, 60_000, "enter service: lowest frequency", start=49_900)
ENTER_HIGH_MHZ = _f("ENTER_HIGH_MHZ", "mHz", 50_000, 65_000, "enter service: highest frequency", start=50_100)
ENTER_DELAY_MS = _f("ENTER_DELAY_MS", "ms", 0, _MS, "enter service: delay", start=300_000)
ENTER_RAMP_MS = _f("ENTER_RAMP_MS", "ms", 0, _MS, "enter service: ramp from zero to rating", start=300_000)
UNBALANCE_VA = _f("UNBALANCE_VA", "VA", 0, 100_000, "grid code, or the site's own: most that islet's devices may load one leg more than another, 0 any, [draw, feed]", 2)
GRID_LOSS_MS = _f("GRID_LOSS_MS", "ms", 20, 60_000, "dead grid confirmed for islanding", start=1_000)
DEAD_GRID_MS = _f("DEAD_GRID_MS", "ms", 0, 2_000, "guard: grid dead for so long drops the enable", start=100)
NODE_ERROR_PERMILLE = _f("NODE_ERROR_PERMILLE", "permille", 0, 100, "declared error of the node's instrument, of its reading", NODES, 20)
PEN_WATCH = _f("PEN_WATCH", "", 0, 1, "a lost PEN conductor is looked for by its voltage")
PEN_PARTED = _f("PEN_PARTED", "", 0, 1, "the circuit declares a pole in the protective conductor, or a listed device")
WELD_RELEASE = _f("WELD_RELEASE", "", 0, 1, "the circuit declares a release of what feeds the point")
ENABLE_INPUTS = _f("ENABLE_INPUTS", "bits", 16, 127, "protective inputs (IN_*) that break the enable hard-wired; IN_ENABLE: it is read back", start=16)
ISLAND_ANNOUNCE = _f("ISLAND_ANNOUNCE", "", 0, 1, "every start of an island is announced 5 s ahead")
ENABLE_WIRED = _f("ENABLE_WIRED", "", 0, 1, "the circuit has a hard-wired enable: it ends what a converter does")
BOND_HOLD_MS = _f("BOND_HOLD_MS", "ms", 0, 20_000, "stored energy holds a bond that was picked up so long after the enable has fallen")
BOND_NORMALLY_OPEN = _f("BOND_NORMALLY_OPEN", "", 0, 1, "the bond's contact is normally open, its coil dead while the switch is closed", start=1)
STOP_CUTS_SUPPLY = _f("STOP_CUTS_SUPPLY", "", 0, 1, "the emergency stop's scope takes in the house's supply")
LOADS_BEFORE_SWITCH = _f("LOADS_BEFORE_SWITCH", "", 0, 1, "something lies between the service's instrument and the islanding switch")

# --- readings -------------------------------------------------------------------------------

READINGS = Table("readings")
_f = READINGS.field
WALL_MIN = _f("WALL_MIN", "min", -1, 50_000_000, "minutes since 2020-01-01 UTC, -1 unknown", start=-1)
INPUTS = _f("INPUTS", "bits", 0, _INS, "feedback contacts and protective inputs (IN_*)")
INPUTS_AGE_MS = _f("INPUTS_AGE_MS", "age", 0, _MS, "age of INPUTS", start=_MS)
POINT_HIGH_MV = _f("POINT_HIGH_MV", "mV", -16_000, 16_000, "high plateau of the control pilot", POINTS)
POINT_LOW_MV = _f("POINT_LOW_MV", "mV", -16_000, 16_000, "low plateau; equals the high one without PWM", POINTS)
POINT_PILOT_AGE_MS = _f("POINT_PILOT_AGE_MS", "age", 0, _MS, "age of the plateaus", POINTS, _MS)
POINT_PILOT_UNPLUGS = _f("POINT_PILOT_UNPLUGS", "", 0, _MS, "how often the pilot has been in A for 100 ms; saturates", POINTS)
POINT_PROXIMITY_OHM = _f("POINT_PROXIMITY_OHM", "ohm", -1, 1_000_000, "proximity pilot to earth, -1 unknown", POINTS, -1)
POINT_PROXIMITY_AGE_MS = _f("POINT_PROXIMITY_AGE_MS", "age", 0, _MS, "its age", POINTS, _MS)
POINT_MA = _f("POINT_MA", "mA", 0, _MA, "[point][k] RMS current behind its contactor, in the order of its device's legs", (POINTS, LEGS))
POINT_MA_AGE_MS = _f("POINT_MA_AGE_MS", "age", 0, _MS, "age of the currents", POINTS, _MS)
POINT_FAST_MA = _f("POINT_FAST_MA", "mA", 0, _MA, "[point][k] the same, of the last 20 ms, for the guard", (POINTS, LEGS))
FAST_GRID_MV = _f("FAST_GRID_MV", "mV", 0, 600_000, "grid side, RMS of the last 20 ms, for the guard", LEGS)
FAST_AGE_MS = _f("FAST_AGE_MS", "age", 0, _MS, "age of both", start=_MS)
CROSSING_AGE_MS = _f("CROSSING_AGE_MS", "age", 0, _MS, "age of the grid's last zero crossing seen on a pin", start=_MS)
GRID_MV = _f("GRID_MV", "mV", 0, 600_000, "RMS voltage on the grid's side of the islanding switch, per leg", LEGS)
GRID_MHZ = _f("GRID_MHZ", "mHz", 0, 70_000, "its frequency, 0 unknown")
GRID_AGE_MS = _f("GRID_AGE_MS", "age", 0, _MS, "age of both", start=_MS)
HOUSE_MV = _f("HOUSE_MV", "mV", 0, 600_000, "RMS voltage on the house's side, per leg", LEGS)
HOUSE_MHZ = _f("HOUSE_MHZ", "mHz", 0, 70_000, "its frequency, 0 unknown")
HOUSE_AGE_MS = _f("HOUSE_AGE_MS", "age", 0, _MS, "age of both", start=_MS)
NODE_MA = _f("NODE_MA", "mA", -_MA, _MA, "current with the sign of its active power, [node][leg]", (NODES, LEGS))
NODE_W = _f("NODE_W", "W", -_W, _W, "active power, [node][leg]", (NODES, LEGS))
NODE_AGE_MS = _f("NODE_AGE_MS", "age", 0, _MS, "age of the node's instrument's sample", NODES, _MS)
DEVICE_W = _f("DEVICE_W", "W", -_W, _W, "active power that its setpoint is about, without DEVICE_SUN_W", DEVICES)
DEVICE_SUN_W = _f("DEVICE_SUN_W", "W", 0, _W, "what the sun on its own DC side gives: its terminals draw DEVICE_W less this", DEVICES)
DEVICE_MA = _f("DEVICE_MA", "mA", -_MA, _MA, "[device][k] RMS current of its k-th leg (DEVICE_LEG) with the sign of its power, that of DEVICE_W", (DEVICES, LEGS))
DEVICE_AGE_MS = _f("DEVICE_AGE_MS", "age", 0, _MS, "age of its last answer, or of its current's sample", DEVICES, _MS)
DEVICE_MODE = _f("DEVICE_MODE", "", 0, 2, "what it says it is (MODE_*)", DEVICES)
DEVICE_FAULT = _f("DEVICE_FAULT", "", 0, 2, "1 it reports a fault, 2 something else commands it too", DEVICES)
DEVICE_PLUGGED = _f("DEVICE_PLUGGED", "", 0, 1, "T2: car connected and locked; T1: battery connected", DEVICES)
DEVICE_CHARGE_MAX_W = _f("DEVICE_CHARGE_MAX_W", "W", 0, _W, "what it can draw now", DEVICES)
DEVICE_DISCHARGE_MAX_W = _f("DEVICE_DISCHARGE_MAX_W", "W", 0, _W, "what it can deliver now", DEVICES)
DEVICE_SOC_PERMILLE = _f("DEVICE_SOC_PERMILLE", "permille", -1, 1000, "state of charge behind it, -1 unknown", DEVICES, -1)
DEVICE_SOC_AGE_MS = _f("DEVICE_SOC_AGE_MS", "age", 0, _MS, "age of DEVICE_SOC_PERMILLE", DEVICES, _MS)
DEVICE_ANTI_ISLANDING = _f("DEVICE_ANTI_ISLANDING", "", -1, 2, "704.AntiIslEna: 0 off, 1 on, 2 cannot be asked, -1 not read yet", DEVICES, -1)
DEVICE_IDENTITY = _f("DEVICE_IDENTITY", "", -1, _WORD, "of its version and serial number, as one number; -1 not read yet", DEVICES, -1)
FAST_HOUSE_MV = _f("FAST_HOUSE_MV", "mV", 0, 600_000, "house side, RMS of the last 20 ms, for the guard, where the board samples it", LEGS)
SWITCH_DEG = _f("SWITCH_DEG", "deg", -1, 180, "phase across the islanding switch on L1, where the board samples both sides; -1 unknown", start=-1)

# --- requests -------------------------------------------------------------------------------
# What is wanted: the owner's goal is a range with a time to live, whose writer raises _SEQ whenever
# it says something (again). Leases are ranges that only take away; each has an end on UP_S's scale
# and is its issuer's alone. They add up (people/leases.py writes them).

REQUESTS = Table("requests")
_f = REQUESTS.field
LEASE_LOW = _f("LEASE_LOW", "mA or W", -_MA, 0, "[issuer][leased][step] lowest; leased is first the node LEASE_NODE, in mA per leg, then each device", (ISSUERS, LEASED * LEASE_STEPS))
LEASE_HIGH = _f("LEASE_HIGH", "mA or W", 0, _MA, "[issuer][leased][step] highest", (ISSUERS, LEASED * LEASE_STEPS))
LEASE_UNTIL_S = _f("LEASE_UNTIL_S", "s", 0, _MS, "[issuer][leased][step] it stands while UP_S is less; 0 none, the highest until released", (ISSUERS, LEASED * LEASE_STEPS))
LEASE_BACK_LOW = _f("LEASE_BACK_LOW", "mA or W", -_MA, 0, "[issuer][leased] lowest while none with an end stands, until released", (ISSUERS, LEASED), -_MA)
LEASE_BACK_HIGH = _f("LEASE_BACK_HIGH", "mA or W", 0, _MA, "[issuer][leased] highest while none with an end stands, until released", (ISSUERS, LEASED), _MA)
LEASE_NODE = _f("LEASE_NODE", "", -1, NODES, "[issuer] the node that it limits, -1 none", ISSUERS, -1)
LEASE_SEQ = _f("LEASE_SEQ", "", 0, _MS, "raised by each change of a lease")
MARKET_LOW = _f("MARKET_LOW", "mA or W", -_MA, _MA, "the owner's goal: lowest, per device", DEVICES)
MARKET_HIGH = _f("MARKET_HIGH", "mA or W", -_MA, _MA, "highest, per device", DEVICES)
MARKET_TTL_MS = _f("MARKET_TTL_MS", "ms", 0, _MS, "a goal always expires; 0 none", DEVICES)
MARKET_SEQ = _f("MARKET_SEQ", "", 0, _MS, "raised by each message", DEVICES)
MARKET_WHY = _f("MARKET_WHY", "", 0, 255, "why the policy wishes that (WHY_* of policy/takers.py), 255 it has not said", DEVICES, 255)
MARKET_LEFT_S = _f("MARKET_LEFT_S", "s", 0, _MS, "for how long that stands, where that is known", DEVICES)
RESERVE_PERMILLE = _f("RESERVE_PERMILLE", "permille", 0, 1000, "owner's reserve, grid-tied", start=1000)
OUTAGE_RESERVE_PERMILLE = _f("OUTAGE_RESERVE_PERMILLE", "permille", 0, 1000, "owner's reserve in an outage", start=1000)
POINT_AUTHORISED = _f("POINT_AUTHORISED", "", 0, 1, "the user of this session is authorised", POINTS)
POINT_AUTHORISED_FOR = _f("POINT_AUTHORISED_FOR", "", 0, _MS, "POINT_UNPLUGS when the user was authorised: it counts until the next", POINTS)
ISLAND_WISH = _f("ISLAND_WISH", "", -1, 1, "-1 never island, 0 as configured, 1 island now")
ACKNOWLEDGE_SEQ = _f("ACKNOWLEDGE_SEQ", "", 0, _MS, "raised when a person acknowledges faults and trips")
PROVE_SEQ = _f("PROVE_SEQ", "", 0, _MS, "raised when a person starts or stops a commissioning proof")
PROVE_DEVICE = _f("PROVE_DEVICE", "", -1, DEVICES, "of which device, -1 stops it", start=-1)
PROOF_RECORD = _f("PROOF_RECORD", "", 0, _WORD, "PROOF_RESULT of its record, as far as that is of this wiring; 0 none", DEVICES)
PROOF_IDENTITY = _f("PROOF_IDENTITY", "", -1, _WORD, "DEVICE_IDENTITY of that record", DEVICES, -1)
REMEMBERED_FAULTS = _f("REMEMBERED_FAULTS", "bits", 0, _MS, "FAULTS as they stood before this start")
POINT_REMEMBERED_FAULTS = _f("POINT_REMEMBERED_FAULTS", "bits", 0, _MS, "POINT_FAULTS as they stood before this start", POINTS)
REMEMBERED = _f("REMEMBERED", "", 0, _MS, "MEMORY as it stood before this start, 0 where nothing is known", MEMORIES)

# --- commands -------------------------------------------------------------------------------

COMMANDS = Table("commands")
_f = COMMANDS.field
BEAT = _f("BEAT", "", 0, _MS, "changes with every control cycle; keeps permits alive")
PERMITS = _f("PERMITS", "bits", 0, _OUTS, "outputs core permits (OUT_*)")
SETPOINT = _f("SETPOINT", "mA or W", -_W, _W, "what the device shall do: the offer per leg, 0 none, or signed power", DEVICES)
SETPOINT_MODE = _f("SETPOINT_MODE", "", 0, 2, "what a converter shall be (MODE_*)", DEVICES)
DEVICE_OBEDIENCE = _f("DEVICE_OBEDIENCE", "", 0, 4, "what is done about a device outside its grant (OBEY_*)", DEVICES)
DEVICE_ENABLE_BAR = _f("DEVICE_ENABLE_BAR", "bits", 0, 31, "why its enable is withheld (BAR_*), whatever the island permits", DEVICES)
DEVICE_OVERDUE = _f("DEVICE_OVERDUE", "", 0, 1, "INV-3: it draws more than the panel leaves it, for longer than its response: open", DEVICES)
DEVICE_AFTER = _f("DEVICE_AFTER", "", -1, DEVICES, "device that the panel serves before it and that has what it lacks, -1 none", DEVICES, -1)
RELIEF_W = _f("RELIEF_W", "W", 0, _W, "what it would have to deliver to relieve an overload, where its owner lets it", DEVICES)
RELIEF_NODE = _f("RELIEF_NODE", "", -1, NODES, "the node that it relieves, -1 none", DEVICES, -1)
RELIEF_LEG = _f("RELIEF_LEG", "", -1, LEGS, "its leg", DEVICES, -1)
DEVICE_PROVED = _f("DEVICE_PROVED", "", 0, 2, "1: it has shown that it obeys; 2: and that it does not rest by itself within 10 s when nobody speaks", DEVICES)
PROOF_STATE = _f("PROOF_STATE", "", 0, 5, "PROOF_*, of the commissioning proof under way")
PROOF_DEVICE = _f("PROOF_DEVICE", "", -1, DEVICES, "of which device, also when it is over; -1 none since start", start=-1)
PROOF_RESULT = _f("PROOF_RESULT", "", 0, _WORD, "what it found: VERDICT_*, time to follow, time to return (PROOF_*_SHIFT)")
PROOF_OF = _f("PROOF_OF", "", -1, DEVICES, "the device that it speaks of", start=-1)
PROOF_SEQ = _f("PROOF_SEQ", "", 0, _MS, "raised with each result")
PROOF_MS = _f("PROOF_MS", "ms", 0, _MS, "how long it has lasted")
PROOF_WS = _f("PROOF_WS", "W s", 0, _MS, "energy that it moved, both ways added")
POINT_DUTY_PERMILLE = _f("POINT_DUTY_PERMILLE", "permille", 0, 1000, "0 steady -12 V, 1000 steady +12 V", POINTS, 1000)
POINT_PILOT_STATE = _f("POINT_PILOT_STATE", "", 0, 7, "PILOT_*", POINTS)
POINT_CABLE_MA = _f("POINT_CABLE_MA", "mA", -1, 80_000, "cable rating, -1 unknown", POINTS, -1)
POINT_CONTACTOR_STATE = _f("POINT_CONTACTOR_STATE", "", 0, 5, "CONTACTOR_*", POINTS)
POINT_UNPLUGS = _f("POINT_UNPLUGS", "", 0, _MS, "how often a car was unplugged since start; each ends authorisation and session", POINTS)
POINT_REST_MS = _f("POINT_REST_MS", "ms", 0, _MS, "the contactor stays open for so long", POINTS)
POINT_WEAR_HOUR_MS = _f("POINT_WEAR_HOUR_MS", "ms", 0, _MS, "used up of the contactor's hourly account", POINTS)
POINT_WEAR_DAY_MS = _f("POINT_WEAR_DAY_MS", "ms", 0, _MS, "and of the daily one", POINTS)
GRID_STATE = _f("GRID_STATE", "", 0, 4, "GRID_*")
GRID_REMAIN_MS = _f("GRID_REMAIN_MS", "ms", 0, _MS, "enter-service time left")
ISLAND_STATE = _f("ISLAND_STATE", "", 0, 11, "ISLAND_*")
FAULTS = _f("FAULTS", "bits", 0, _MS, "FAULT_*, a point's while any has it")
POINT_FAULTS = _f("POINT_FAULTS", "bits", 0, _MS, "FAULT_* that are the point's own", POINTS)
TRIP_ACK = _f("TRIP_ACK", "bits", 0, _TRIPS, "trips the guard may clear")
ALARM_NODE = _f("ALARM_NODE", "", -1, NODES, "node overloaded by load islet does not control", start=-1)
ALARM_LEG = _f("ALARM_LEG", "", -1, LEGS, "its leg", start=-1)
ALARM_MA = _f("ALARM_MA", "mA", 0, _MA, "by how much")
CLAIM_LOW = _f("CLAIM_LOW", "mA or W", -_MA, _MA, "[source][device]", (SOURCES, DEVICES))
CLAIM_HIGH = _f("CLAIM_HIGH", "mA or W", -_MA, _MA, "[source][device]", (SOURCES, DEVICES))
CLAIM_REASON = _f("CLAIM_REASON", "", 0, 63, "[source][device] why HIGH, REASON_*", (SOURCES, DEVICES))
CLAIM_LOW_REASON = _f("CLAIM_LOW_REASON", "", 0, 63, "[source][device] why LOW", (SOURCES, DEVICES))
CLAIM_NODE = _f("CLAIM_NODE", "", -1, NODES, "[source][device] node of the reason, -1", (SOURCES, DEVICES), -1)
CLAIM_LEG = _f("CLAIM_LEG", "", -1, LEGS, "[source][device] leg of the reason, -1", (SOURCES, DEVICES), -1)
CLAIM_VALUE = _f("CLAIM_VALUE", "", -_MS, _MS, "[source][device] value of the reason", (SOURCES, DEVICES))
GRANT_LOW = _f("GRANT_LOW", "mA or W", -_MA, _MA, "what all claims leave, per device", DEVICES)
GRANT_HIGH = _f("GRANT_HIGH", "mA or W", -_MA, _MA, "what all claims leave, per device", DEVICES)
WINNER_LOW = _f("WINNER_LOW", "", 0, 5, "source whose claim set GRANT_LOW, per device", DEVICES)
WINNER_HIGH = _f("WINNER_HIGH", "", 0, 5, "source whose claim set GRANT_HIGH, per device", DEVICES)
HELD_LOW = _f("HELD_LOW", "mA or W", -_MA, _MA, "[issuer][leased] what its leases leave now", (ISSUERS, LEASED), -_MA)
HELD_HIGH = _f("HELD_HIGH", "mA or W", -_MA, _MA, "[issuer][leased] what its leases leave now", (ISSUERS, LEASED), _MA)
UP_S = _f("UP_S", "s", 0, _MS, "seconds that core has run; leases end by it")
MEMORY = _f("MEMORY", "", 0, _MS, "what a part of core must find again after a reset or power cut, a word each (MEMORY_*); written rarely", MEMORIES)
GRID_LOSS = _f("GRID_LOSS", "", 0, 3, "LOSS_*: bad and burning have lasted as long as they must; dead is now")
GRID_LOAD_OK = _f("GRID_LOAD_OK", "", 0, 1, "the grid has been in a load's window for 5 s: the house may be closed to it")
DOUBTED_NODE = _f("DOUBTED_NODE", "", -1, NODES, "node whose instrument islet's own steps or those below it contradict, -1 none", start=-1)
DOUBTED_LEG = _f("DOUBTED_LEG", "", -1, LEGS, "its leg", start=-1)
LEARNED_AGE_MS = _f("LEARNED_AGE_MS", "ms", 0, 60_000, "after so long, at the latest, a step of islet's own shows in the node's reading: the declared worst until learned", NODES, 2_000)
LEARNED_RESPONSE_MS = _f("LEARNED_RESPONSE_MS", "ms", 0, 60_000, "time the device takes to follow, as seen in its own current: declared until learned, per device", DEVICES, 60_000)
ISLAND_NOTE = _f("ISLAND_NOTE", "", 0, 7, "NOTE_*")

# --- trips ----------------------------------------------------------------------------------

TRIPS = Table("trips")
_f = TRIPS.field
TRIPPED = _f("TRIPPED", "bits", 0, _TRIPS, "TRIP_*, latched until core acknowledges")
OUTPUTS = _f("OUTPUTS", "bits", 0, _OUTS, "what the guard wrote to the pins (OUT_*)")
BEAT_AGE_MS = _f("BEAT_AGE_MS", "ms", 0, _MS, "time since core's beat changed", start=_MS)
GUARD_TICKS = _f("GUARD_TICKS", "", 0, _MS, "guard ticks, wraps at its maximum")
TRIP_COUNT = _f("TRIP_COUNT", "", 0, _MS, "trips since start, saturates")
TRIP_VALUE = _f("TRIP_VALUE", "", -_MS, _MS, "mA, mV or ms of the last trip")

# fmt: on

# renewed by each sample block
SAMPLED_AGES = (INPUTS_AGE_MS, FAST_AGE_MS, CROSSING_AGE_MS) + tuple(
    [POINT_PILOT_AGE_MS + point for point in range(POINTS)]
)

TABLES = (SITE, READINGS, REQUESTS, COMMANDS, TRIPS)

# what the words and masks elsewhere have room for
assert (OUT_SHIFT, IN_SHIFT, TRIP_SHIFT) == (len(OUTPUT_NAMES), len(INPUT_NAMES), len(TRIP_NAMES))
assert OUT_CONTACTORS == sum([OUT_CONTACTOR << OUT_SHIFT * point for point in range(POINTS)])
assert IN_CONTACTORS == sum([IN_CONTACTOR << IN_SHIFT * point for point in range(POINTS)])
assert 1 <= NODES <= 127 and 1 <= DEVICES <= 16 and 1 <= POINTS <= 2 and POINTS <= DEVICES


def forget_rows():
    """Ten kB of a chip's heap, once its one Image is made; a host's tables stay."""
    if sys.implementation.name != "micropython":
        return
    for table in TABLES:
        table.rows.clear()  # new ones would lie in the middle of what gets free, for good
        table.shapes.clear()


class _Slice:
    """`_Slice()[:]` is the slice itself."""

    def __getitem__(self, whole):
        return whole


def off_grid(image):
    """Whether the house hangs on the grid no more, or is about to: what may then be done differs
    by who asks (plain.quiet, standing.energised, lamp.idle; ledger.may_erase wants to know that it
    does hang there)."""
    state = image.commands[ISLAND_STATE]
    return state != ISLAND_GRID and state != ISLAND_SENSING and state != ISLAND_LOCKOUT


class Image:
    """The five sections, and `live`: the readings as sense and bus write them between cycles."""

    def __init__(self):
        self.site = SITE.new()
        self.live = READINGS.new()
        self.readings = READINGS.new()
        self.requests = REQUESTS.new()
        self.commands = COMMANDS.new()
        self.trips = TRIPS.new()
        ages = []
        for _, first, count, unit, _, _, _, _ in READINGS.rows:
            if unit == "age":
                ages.extend(range(first, first + count))
        self.ages = array("h", ages)
        rest = [i for i in ages if i not in SAMPLED_AGES]
        self._sampled = array("i", (len(SAMPLED_AGES),) + SAMPLED_AGES)
        self._rest = array("i", [len(rest)] + rest)
        self._whole = _Slice()[:]  # made once, for `[:]` allocates
        self._grow = grow  # looking up a global of a module as large as this is slow

    def age(self, dt_ms):
        """Every age among the live readings grows by dt_ms and saturates."""
        self.age_sampled(dt_ms)
        self.age_rest(dt_ms)

    def age_sampled(self, dt_ms):
        """Those that the sampling interrupt renews: it lets them grow itself, block by block, so
        that a late control cycle does not age what has just been measured."""
        self._grow(self.live, self._sampled, dt_ms, AGE_MAX_MS)

    def age_rest(self, dt_ms):
        """All others, which grow with the control cycle."""
        self._grow(self.live, self._rest, dt_ms, AGE_MAX_MS)

    def latch(self):
        """Take the live readings for this cycle."""
        self.readings[self._whole] = self.live
