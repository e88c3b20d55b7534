# islet: every option of the configuration, one row each.
# GPL-3.0-or-later
#
# A row: path, kind, unit, lowest, highest, default, field of image.site, factor into it, text; a
# device's has one more, the kinds of devices (bits) that have it. A list's field is a block, with
# a row per entry. Default REQUIRED: there is none.
#
# kind: "number", "whole", "text", "bool", "legs" (names of legs, in order), "texts" (one a leg), a
# tuple of choices whose position is the value, where a choice of "" only fills a place, or the name
# of what is named: a list below, the grid codes, the profiles or the instruments.

from firmware import image as im
from firmware.base.viper import const

EARTHINGS = ("", "tn_s", "pme", "tt")
REGULATES = ("no", "yes", "proved")  # as NODE_REGULATES
GOALS = ("hold", "charge", "solar", "self", "discharge")
KINDS = ("", "point", "charger", "converter", "source")  # as KIND_*
BEHIND = ("nothing", "car", "battery", "both")  # as BEHIND_*
LEGS = ("L1", "L2", "L3")

REQUIRED = object()

# kinds of devices, as bits of a row
P, C, V, S = const(1), const(2), const(4), const(8)

# fmt: off
OPTIONS = (
    ("name", "text", "", 1, 40, "islet", None, 1, "name shown to people"),
    ("legs", "whole", "", 1, 3, REQUIRED, im.LEG_COUNT, 1, "1 single, 2 split, 3 three phase"),
    ("nominal_v", "number", "V", 100, 260, REQUIRED, im.NOMINAL_MV, 1000, "leg to neutral"),
    ("nominal_hz", "number", "Hz", 50, 60, REQUIRED, im.NOMINAL_MHZ, 1000, "50 or 60"),
    ("grid_code", "gridcodes", "", 1, 24, REQUIRED, None, 1, "a name from firmware/gridcodes"),
    ("grid_code_overrides.enter_delay_s", "number", "s", 1, 1000, None, im.ENTER_DELAY_MS, 1000,
     "enter service: delay, where the operator allows another"),
    ("grid_code_overrides.enter_ramp_s", "number", "s", 1, 1000, None, im.ENTER_RAMP_MS, 1000,
     "enter service: ramp"),
    ("grid_code_overrides.grid_loss_s", "number", "s", 0.02, 60, None, im.GRID_LOSS_MS, 1000,
     "dead grid confirmed for islanding"),
    ("grid_code_overrides.dead_grid_s", "number", "s", 0, 2, None, im.DEAD_GRID_MS, 1000,
     "guard: dead grid drops the inverter's enable"),
    ("installer.seal", "text", "", 0, 64, "", None, 1,
     "written by make flash KEY=: the installer stands by what is weaker than the rules"),
    ("earthing", EARTHINGS, "", 0, 0, None, None, 1,
     "of the supply: tn_s, pme (TN-C-S with a combined PEN), tt"),
    ("export_limit_w", "whole", "W", -1, 1_000_000, -1, im.EXPORT_LIMIT_W, 1,
     "most the site may export, -1 no limit"),
    ("unbalance_va", "whole", "VA", 0, 100_000, None, None, 1,
     "most that islet's devices together may load one leg more than another, drawn from one and fed"
     " into another added up; 0 any; as the grid code has it if not said"),
    ("coordinated", "bool", "", 0, 0, False, im.COORDINATED, 1,
     "backfeed above the static rule, needs revert_s of 1 to 10 of each converter"),
    ("island.capable", "bool", "", 0, 0, False, im.ISLAND_CAPABLE, 1,
     "all hardware interlocks are fitted"),
    ("island.device", "devices", "", 0, 0, None, im.ISLAND_DEVICE, 1,
     "the converter that forms the island; the only one if not said"),
    ("island.auto", "bool", "", 0, 0, False, im.ISLAND_AUTO, 1, "island by itself on an outage"),
    ("island.max_w", "whole", "W", 0, 100_000, 0, im.ISLAND_MAX_W, 1, "most the island can carry"),
    ("island.neutral_switched", "bool", "", 0, 0, None, None, 1,
     "the islanding switch opens the neutral too"),
    ("island.device_bonds", "bool", "", 0, 0, None, None, 1,
     "the device joins neutral and earth by itself in backup"),
    ("island.electrode", "bool", "", 0, 0, None, None, 1,
     "the house has an earth electrode of its own"),
    ("island.bond", "bool", "", 0, 0, None, None, 1,
     "islet's own neutral-earth bond; follows from the three above, refused if it contradicts"),
    ("island.shed", "bool", "", 0, 0, True, im.SHED_NEEDED, 1,
     "sheddable loads are off before forming"),
    ("island.feedback_ms", "whole", "ms", 20, 500, 500, im.RELAY_FEEDBACK_MS, 1,
     "declared time of islanding switch and bond, the slower of the two"),
    ("island.stop_cuts_supply", "bool", "", 0, 0, None, im.STOP_CUTS_SUPPLY, 1,
     "the emergency stop's scope takes in the house's supply, here besides what the circuit board"
     " declares: it returns only with a person"),
    ("island.announce", "bool", "", 0, 0, False, im.ISLAND_ANNOUNCE, 1,
     "every start of an island is announced 5 s ahead by lamp and page"),
    ("island.loads_before_switch", "bool", "", 0, 0, False, im.LOADS_BEFORE_SWITCH, 1,
     "something lies between the service's instrument and the switch, so its current says nothing"
     " about a weld"),
    ("owner.goal", GOALS, "", 0, 0, "hold", None, 1, "what the owner wants"),
    ("owner.charge_a", "number", "A", 0, 80, 80, None, 1, "most the car shall take"),
    ("owner.charge_w", "whole", "W", 0, 100_000, 0, None, 1, "inverter power of goal charge"),
    ("owner.discharge_w", "whole", "W", 0, 100_000, 0, None, 1,
     "inverter power of goal discharge"),
    ("owner.sun_start_s", "whole", "s", 0, 3600, 60, None, 1,
     "goal solar: enough is left over for so long before a car starts; a second of shade takes three off"),
    ("owner.sun_stop_s", "whole", "s", 0, 3600, 180, None, 1,
     "goal solar: too little for so long before it stops; three seconds of enough take one off"),
    ("owner.sun_start_w", "whole", "W", 0, 100_000, 0, None, 1,
     "goal solar: enough to start is so much above a car's least"),
    ("owner.sun_stop_w", "whole", "W", 0, 100_000, 0, None, 1,
     "goal solar: so much from the grid is still enough to go on"),
    ("owner.reserve_percent", "number", "%", 0, 100, 100, None, 1, "reserve while the grid is up"),
    ("owner.outage_reserve_percent", "number", "%", 0, 100, 100, None, 1,
     "reserve in an outage"),
    ("network.name", "text", "", 0, 24, "", None, 1,
     "host name: letters, digits, hyphens within; empty: islet- and the chip's last four digits"),
    ("network.country", "text", "", 0, 2, "", None, 1,
     "where its radio stands, as DE; empty: what is allowed everywhere"),
    ("network.address", "text", "", 0, 15, "", None, 1, "fixed address; empty: by DHCP"),
    ("network.mask", "text", "", 0, 15, "255.255.255.0", None, 1, "its network's, with a fixed one"),
    ("network.router", "text", "", 0, 15, "", None, 1, "likewise; empty: this network alone"),
    ("network.dns", "text", "", 0, 15, "", None, 1, "likewise; empty: no names"),
    ("network.time", "text", "", 0, 64, "pool.ntp.org", None, 1,
     "who is asked for the time; empty: nobody"),
    ("mqtt.host", "text", "", 0, 64, "", None, 1, "broker, empty for none"),
    ("mqtt.port", "whole", "", 1, 65_535, 1883, None, 1, "its port"),
    ("mqtt.tls", "bool", "", 0, 0, None, None, 1,
     "encrypted, the broker's certificate verified; unless said on an ESP32, elsewhere refused"),
    ("mqtt.ca", "text", "", 1, 32, "ca.der", None, 1,
     "file on the board: whose signature of the broker's certificate is trusted, as DER"),
    ("mqtt.user", "text", "", 0, 64, "", None, 1, "user"),
    ("mqtt.password", "text", "", 0, 64, "", None, 1, "password"),
    ("mqtt.prefix", "text", "", 1, 48, "islet", None, 1, "first part of every topic"),
    ("mqtt.discovery", "text", "", 0, 32, "", None, 1,
     "prefix of Home Assistant's discovery, there homeassistant; empty: it is told nothing"),
    ("http.host", "text", "", 0, 64, "", None, 1,
     "address the page is bound to; empty: all of a board's, a PC's own (127.0.0.1) alone"),
    ("http.port", "whole", "", 0, 65_535, None, None, 1, "its port, 0 for no page; else the board's"),
    ("http.name", "text", "", 0, 64, "", None, 1,
     "a further name by which browsers reach it, as a router's or a proxy's"),
    ("http.token", "text", "", 0, 64, "", None, 1, "machines command by it once the box is claimed; empty: by login"),
)

NODE_OPTIONS = (
    ("name", "text", "", 1, 24, REQUIRED, None, 1, "name of the circuit"),
    ("parent", "nodes", "", 0, 0, None, im.NODE_PARENT, 1, "the feeding node, none for the service"),
    ("rating_a", "number", "A", 1, 2000, REQUIRED, im.NODE_RATING_MA, 1000, "breaker, per leg"),
    ("neutral_a", "number", "A", 0, 2000, 0, im.NODE_NEUTRAL_MA, 1000,
     "what its neutral bears, 0 as much as its legs; 20 % of it is kept for harmonics"),
    ("continuous_percent", "number", "%", 50, 100, 100, im.NODE_CONTINUOUS_PERMILLE, 10,
     "continuous-load factor"),
    ("bus_a", "number", "A", 0, 2000, 0, im.NODE_BUS_MA, 1000, "busbar it feeds, 0 none"),
    ("bus_percent", "number", "%", 100, 120, 100, im.NODE_BUS_PERMILLE, 10, "static rule"),
    ("instrument", "instruments", "", 0, 0, "none", None, 1,
     "what measures it: none, ct (the main transformers), or a meter, device or point by its name"),
    ("error_percent", "number", "%", 0, 10, 2, im.NODE_ERROR_PERMILLE, 10,
     "declared error of its instrument"),
    ("source_a", "number", "A", 0, 2000, 0, im.NODE_SOURCE_MA, 1000,
     "nameplate of sources islet does not command"),
    ("self_regulating", REGULATES, "", 0, 0, "no", im.NODE_REGULATES, 1,
     "something else on it (a battery of the house) holds a meter at its goal: islet's own steps"
     " may not show above; proved: they did at commissioning, with it in standby"),
)

POINT_OPTIONS = (
    ("name", "text", "", 1, 24, REQUIRED, None, 1, "of a pilot and contactor of this board"),
    ("contactor_open_ms", "whole", "ms", 1, 60, 30, im.POINT_OPEN_MS, 1,
     "declared drop-out time; slower than 60 ms is refused (INV-2)"),
    ("contactor_close_ms", "whole", "ms", 1, 200, 80, im.POINT_CLOSE_MS, 1,
     "declared pull-in time"),
    ("breaking_a", "number", "A", 1, 2000, 200, im.POINT_BREAKING_MA, 1000,
     "declared breaking capacity of the contactor"),
    ("overcurrent_ms", "whole", "ms", 0, 100, 20, im.POINT_OVERCURRENT_MS, 1,
     "guard: twice the rating for so long opens the contactor; 0 for tests alone: it cannot tell a"
     " fault beyond the breaking capacity by its first block of samples"),
    ("auth_required", "bool", "", 0, 0, False, im.POINT_AUTH_REQUIRED, 1,
     "charge only for an authorised user"),
)

DEVICE_OPTIONS = (
    ("name", "text", "", 1, 24, REQUIRED, None, 1, "of what islet commands", P | C | V | S),
    ("kind", KINDS, "", 0, 0, REQUIRED, im.DEVICE_KIND, 1,
     "point: a pilot and contactor of this board; charger: takes an offer over a line; converter:"
     " bidirectional; source: PV or a generator", P | C | V | S),
    ("node", "nodes", "", 0, 0, REQUIRED, im.DEVICE_NODE, 1, "where it is connected", P | C | V | S),
    ("legs", "legs", "", 0, 0, REQUIRED, im.DEVICE_LEG, 1,
     "the site's legs it is on, in the order of its own", P | C | V | S),
    ("rank", "whole", "", 0, im.DEVICES, 0, im.DEVICE_RANK, 1,
     "who is served first: lower before higher, equals share", P | C),
    ("rank", "whole", "", 0, im.DEVICES, 1, im.DEVICE_RANK, 1, "likewise", V | S),
    ("contactor", "points", "", 0, 0, REQUIRED, im.DEVICE_CONTACTOR, 1,
     "the point it is, by name", P),
    ("contactor", "points", "", 0, 0, None, im.DEVICE_CONTACTOR, 1,
     "the point whose contactor lies in its circuit", V),
    ("max_a", "number", "A", 6, 80, 6, im.DEVICE_MAX_MA, 1000, "its rating, per leg", P | C),
    ("max_a", "number", "A", 6, 80, None, im.DEVICE_MAX_MA, 1000,
     "rating of its circuit behind a contactor, per leg", V),
    ("least_a", "number", "A", 6, 32, 6, im.DEVICE_LEAST, 1000, "least it can offer", C),
    ("step_a", "number", "A", 0, 16, 0, im.DEVICE_STEP, 1000, "its offer moves so, 0 freely", C),
    ("charge_w", "whole", "W", 0, 100_000, 0, im.DEVICE_CHARGE_W, 1, "most it may draw", V),
    ("discharge_w", "whole", "W", 0, 100_000, 0, im.DEVICE_DISCHARGE_W, 1,
     "most it may deliver", V | S),
    ("sun_w", "whole", "W", 0, 100_000, None, im.DEVICE_STRINGS_W, 1,
     "of a family whose setpoint is of its battery, as the profile says: most that the sun on its"
     " own DC side gives, 0 where there is none; not again in source_a", V),
    ("least_w", "whole", "W", 0, 100_000, 0, im.DEVICE_LEAST, 1,
     "least it can do besides nothing", V),
    ("step_w", "whole", "W", 0, 100_000, 0, im.DEVICE_STEP, 1,
     "its setpoint moves in such steps, 0 freely", V),
    ("behind", BEHIND, "", 0, 0, "battery", im.DEVICE_BEHIND, 1, "what is behind it", V),
    ("owns_pilot", "bool", "", 0, 0, False, im.DEVICE_OWNS_PILOT, 1,
     "it speaks with the car itself: plugged and locked is what it reports", V),
    ("may_discharge", "bool", "", 0, 0, True, im.DEVICE_MAY_DISCHARGE, 1,
     "false: a car's own inverter, until ISO 15118-20 or SAE J3072 authorises it", V),
    ("relieves", "bool", "", 0, 0, False, im.DEVICE_RELIEVES, 1,
     "it may deliver to relieve an overload, above the reserve", V),
    ("pause_s", "number", "s", 0, 3600, 300, im.DEVICE_PAUSE_MS, 1000,
     "shortest pause after a stop for lack of current, or of sun", P | C),
    ("response_s", "number", "s", 1, 8, 5, im.DEVICE_RESPONSE_MS, 1000,
     "time the car may take to follow a lower offer: 5 by IEC 61851-1; above 8 INV-16 cannot hold",
     P | C),
    ("response_s", "number", "s", 0.1, 60, 2, im.DEVICE_RESPONSE_MS, 1000,
     "declared response to a setpoint", V | S),
    ("revert_s", "number", "s", 0, 600, 10, im.DEVICE_REVERT_MS, 1000,
     "its own time-out without a setpoint", C | V | S),
    ("stop_ms", "whole", "ms", 20, 5000, 500, im.DEVICE_STOP_MS, 1,
     "declared: it may go on so long after its enable has fallen; the bond stays for it", V),
    ("shift_hz", "number", "Hz", 0, 3, 2, im.DEVICE_SHIFT_MHZ, 1000,
     "declared: by how much it shifts an island's frequency when it can take no more", V),
    ("synchronises", "bool", "", 0, 0, False, im.DEVICE_SYNCHRONISES, 1,
     "declared: it synchronises an island with a returning grid by itself", V),
    ("line", "lines", "", 0, 0, REQUIRED, None, 1, "the line it is on", C | V),
    ("line", "lines", "", 0, 0, None, None, 1, "the line it is on", S),
    ("address", "whole", "", 0, 255, 1, None, 1, "Modbus unit; on RS-485 1 to 247", C | V | S),
    ("profile", "profiles", "", 1, 24, None, None, 1,
     "its family, a name from firmware/profiles or of profiles; SunSpec if not said", V),
    ("base", "whole", "", 0, 65_000, 40_000, None, 1, "first SunSpec register", V | S),
    ("timeout_ms", "whole", "ms", 50, 2000, None, None, 1,
     "its answer is waited for so long, at first: learned up to 2000; 300 if not said", V),
    ("pause_ms", "whole", "ms", 0, 1000, None, None, 1,
     "it is left alone for so long after an answer, at first: learned up to 1000", V),
    ("write_ms", "whole", "ms", 0, 10_000, 500, None, 1,
     "a setpoint that only grows is written no oftener; less is written at once", V),
    ("dead_band_w", "whole", "W", 0, 1000, None, im.DEVICE_DEAD_BAND_W, 1,
     "a setpoint that grows by less waits for 10 s; 0: what jitters is written as it comes; the"
     " larger of 10 and 0.5 % of its rating if not said", V),
    ("certificate.standard", "text", "", 1, 40, None, None, 1,
     "anti-islanding of a device that cannot be asked: what it was tested to", V),
    ("certificate.number", "text", "", 1, 40, None, None, 1, "number of the certificate", V),
    ("certificate.profile", "text", "", 1, 40, None, None, 1,
     "the grid profile it is set to", V),
)

METER_OPTIONS = (
    ("name", "text", "", 1, 24, REQUIRED, None, 1, "of a meter; nodes[].instrument names it"),
    ("profile", "profiles", "", 1, 24, None, None, 1,
     "a name from firmware/profiles or of profiles; SunSpec 201 to 204, 211 to 214, 101 to 103 or"
     " 111 to 113 if not said"),
    ("reversed", "bool", "", 0, 0, False, None, 1,
     "by SunSpec alone: + of its power is export, as some makers have it"),
    ("line", "lines", "", 0, 0, None, None, 1, "the line it is on, unless it is told (values)"),
    ("address", "whole", "", 0, 255, 1, None, 1, "Modbus unit; on RS-485 1 to 247"),
    ("timeout_ms", "whole", "ms", 50, 2000, None, None, 1,
     "its answer is waited for so long, at first: learned up to 2000; its profile's if not said"),
    ("pause_ms", "whole", "ms", 0, 1000, None, None, 1,
     "it is left alone for so long after an answer, at first: learned up to 1000"),
    ("gap_registers", "whole", "", 0, 50, 10, None, 1,
     "at most so many unused registers are read across, at first: halved while it refuses them"),
    ("values.host", "text", "", 0, 64, "", None, 1,
     "it is asked over HTTP for a JSON instead: its address or name; the topics below are then ways"
     " into that"),
    ("values.port", "whole", "", 1, 65_535, 80, None, 1, "there"),
    ("values.path", "text", "", 1, 100, "/", None, 1, "there"),
    ("values.current", "texts", "", 1, 100, None, None, 1,
     "the broker's topic of each leg's current, as amps: a number, or TOPIC#way.in.its.JSON"),
    ("values.power", "texts", "", 1, 100, None, None, 1, "likewise of its power, in W; + is drawn"),
    ("values.export", "texts", "", 1, 100, None, None, 1,
     "likewise of what is delivered, where power has only what is drawn"),
    ("values.current_factor", "number", "", -10_000, 10_000, 1, None, 1, "A of one unit"),
    ("values.power_factor", "number", "", -10_000, 10_000, 1, None, 1,
     "W of one unit, 1000 for kW; negative where + is delivered"),
    ("values.round_a", "number", "A", 0, 5, 0, None, 1,
     "its currents are cut to so much (a P1 port: 1): that is added"),
    ("values.sample_ms", "whole", "ms", 0, 5000, 500, None, 1,
     "how old a value may be when it comes"),
)

LINE_OPTIONS = (
    ("name", "text", "", 1, 24, REQUIRED, None, 1, "of a line"),
    ("baud", "whole", "", 1200, 115_200, 19_200, None, 1, "speed of RS-485"),
    ("parity", ("N", "E", "O"), "", 0, 0, "N", None, 1, "its parity"),
    ("stop_bits", "whole", "", 1, 2, 1, None, 1, "its stop bits"),
    ("host", "text", "", 0, 64, "", None, 1,
     "Modbus TCP instead: address or name of the device or its gateway"),
    ("port", "whole", "", 1, 65_535, 502, None, 1, "there"),
)

PROFILE_OPTIONS = (
    ("name", "text", "", 1, 24, REQUIRED, None, 1,
     "of a profile of the site's own; none of islet's has it"),
    ("packed", "text", "", 1, 1600, REQUIRED, None, 1,
     "what its rows and plans come to, in base64: python -m tools.site pack FILE writes it"),
)

CAR_OPTIONS = (
    ("name", "text", "", 1, 24, REQUIRED, None, 1, "of a car; nothing depends on it yet"),
)

WIFI_OPTIONS = (
    ("name", "text", "", 1, 32, REQUIRED, None, 1,
     "of a Wi-Fi network; they are tried in their order, those typed at the box before them"),
    ("password", "text", "", 0, 63, "", None, 1, "8 to 63 characters; empty: it has none"),
    ("hidden", "bool", "", 0, 0, False, None, 1, "it does not tell its name"),
)

LISTS = (
    # list, its options, fewest and most rows
    ("nodes", NODE_OPTIONS, 1, im.NODES),
    ("points", POINT_OPTIONS, 0, im.POINTS),
    ("lines", LINE_OPTIONS, 0, 4),
    ("profiles", PROFILE_OPTIONS, 0, 4),
    ("meters", METER_OPTIONS, 0, 8),
    ("devices", DEVICE_OPTIONS, 0, im.DEVICES),
    ("cars", CAR_OPTIONS, 0, 8),
    ("wifi", WIFI_OPTIONS, 0, 4),
)

FIXED = (
    # what a kind of device is without being asked: field, kinds, value
    (im.DEVICE_BEHIND, P | C, im.BEHIND_CAR),
    (im.DEVICE_LEAST, P, 6_000),  # IEC 61851-1
    (im.DEVICE_MAY_DISCHARGE, S, 1),
)

# options of before, and what is written instead
WAS = (
    ("topology", "follows from the devices: a gateway is a converter with contactor and owns_pilot,"
     " a car's own inverter one with may_discharge false"),
    ("evse", "is a row of points and a row of devices of kind point"),
    ("inverter", "is a row of devices of kind converter"),
    ("meter", "is a row of meters, which nodes[].instrument names"),
    ("bus", "is a row of lines"),
)
# fmt: on
