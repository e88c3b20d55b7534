# islet: every option of the configuration, one row each.
# GPL-3.0-or-later
#
# A row: path, kind, unit, lowest, highest, default, field of image.site, factor into it, text.
# kind: "number", "whole", "text", "bool", or a tuple of choices whose position is the value; a
# choice of "" only fills a place. Default REQUIRED: there is none.

from firmware import image as im

EARTHINGS = ("", "tn_s", "pme", "tt")
REGULATES = ("no", "yes", "proved")  # as NODE_REGULATES
INSTRUMENTS = ("none", "ct", "meter", "inverter", "evse")  # as INSTRUMENT_*
GOALS = ("hold", "charge", "solar", "self", "discharge")


REQUIRED = object()

# fmt: off
OPTIONS = (
    ("name", "text", "", 1, 40, "islet", None, 1, "name shown to people"),
    ("topology", ("", "T1", "T2", "T3"), "", 0, 0, REQUIRED, im.TOPOLOGY, 1,
     "T1 AC charging point, T2 DC gateway, T3 the car's own inverter"),
    ("legs", "whole", "", 1, 3, REQUIRED, im.LEG_COUNT, 1, "1 single, 2 split, 3 three phase"),
    ("nominal_v", "number", "V", 100, 260, REQUIRED, im.NOMINAL_MV, 1000, "leg to neutral"),
    ("nominal_hz", "number", "Hz", 50, 60, REQUIRED, im.NOMINAL_MHZ, 1000, "50 or 60"),
    ("grid_code", "text", "", 1, 24, REQUIRED, None, 1, "a name from firmware/gridcodes"),
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
    ("coordinated", "bool", "", 0, 0, False, im.COORDINATED, 1,
     "backfeed above the static rule, needs inverter.revert_s of 1 to 10"),
    ("evse.node", "text", "", 1, 24, None, None, 1, "node of the charging point"),
    ("evse.legs", "whole", "", 1, 3, 1, im.EVSE_LEGS, 1, "legs it uses, from L1"),
    ("evse.max_a", "number", "A", 6, 80, 6, im.EVSE_MAX_MA, 1000, "its rating"),
    ("evse.pause_s", "number", "s", 0, 3600, 300, im.EVSE_PAUSE_MS, 1000,
     "shortest pause after a stop for lack of current"),
    ("evse.response_s", "number", "s", 1, 30, 5, im.EVSE_RESPONSE_MS, 1000,
     "time the car may take to follow a lower offer"),
    ("evse.contactor_open_ms", "whole", "ms", 1, 60, 30, im.CONTACTOR_OPEN_MS, 1,
     "declared drop-out time; slower than 60 ms is refused (INV-2)"),
    ("evse.contactor_close_ms", "whole", "ms", 1, 200, 80, im.CONTACTOR_CLOSE_MS, 1,
     "declared pull-in time"),
    ("evse.breaking_a", "number", "A", 1, 2000, 200, im.CONTACTOR_BREAKING_MA, 1000,
     "declared breaking capacity of the contactor"),
    ("evse.overcurrent_ms", "whole", "ms", 0, 100, 20, im.OVERCURRENT_MS, 1,
     "guard: twice the rating for so long opens the contactor; 0 for tests alone: it cannot tell a"
     " fault beyond the breaking capacity by its first block of samples"),
    ("evse.auth_required", "bool", "", 0, 0, False, im.AUTH_REQUIRED, 1,
     "charge only for an authorised user"),
    ("inverter.node", "text", "", 1, 24, None, None, 1, "node of the inverter"),
    ("inverter.legs", "whole", "", 1, 3, 1, im.INVERTER_LEGS, 1, "legs it uses, from L1"),
    ("inverter.charge_w", "whole", "W", 0, 100_000, 0, im.INVERTER_CHARGE_W, 1, "most it may draw"),
    ("inverter.discharge_w", "whole", "W", 0, 100_000, 0, im.INVERTER_DISCHARGE_W, 1,
     "most it may deliver"),
    ("inverter.response_s", "number", "s", 0.1, 60, 2, im.INVERTER_RESPONSE_MS, 1000,
     "declared response to a setpoint"),
    ("inverter.revert_s", "number", "s", 0, 600, 10, im.INVERTER_REVERT_MS, 1000,
     "its own time-out without a setpoint"),
    ("inverter.stop_ms", "whole", "ms", 20, 5000, 500, im.STOP_MS, 1,
     "declared: it may go on so long after its enable has fallen; the bond stays for it"),
    ("inverter.shift_hz", "number", "Hz", 0, 3, 2, im.ISLAND_SHIFT_MHZ, 1000,
     "declared: by how much it shifts an island's frequency when it can take no more"),
    ("inverter.synchronises", "bool", "", 0, 0, False, im.ISLAND_SYNCHRONISES, 1,
     "declared: it synchronises an island with a returning grid by itself"),
    ("inverter.address", "whole", "", 1, 247, 1, None, 1, "Modbus unit"),
    ("inverter.base", "whole", "", 0, 65_000, 40_000, None, 1, "first SunSpec register"),
    ("inverter.certificate.standard", "text", "", 1, 40, None, None, 1,
     "anti-islanding of a device that cannot be asked: what it was tested to"),
    ("inverter.certificate.number", "text", "", 1, 40, None, None, 1, "number of the certificate"),
    ("inverter.certificate.profile", "text", "", 1, 40, None, None, 1,
     "the grid profile it is set to"),
    ("meter.profile", "text", "", 1, 24, None, None, 1, "a name from firmware/devices"),
    ("meter.address", "whole", "", 1, 247, 1, None, 1, "Modbus unit"),
    ("bus.baud", "whole", "", 1200, 115_200, 19_200, None, 1, "RS-485 speed"),
    ("bus.parity", ("N", "E", "O"), "", 0, 0, "N", None, 1, "RS-485 parity"),
    ("island.capable", "bool", "", 0, 0, False, im.ISLAND_CAPABLE, 1,
     "all hardware interlocks are fitted"),
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
    ("island.loads_before_switch", "bool", "", 0, 0, False, im.LOADS_BEFORE_SWITCH, 1,
     "something lies between the service's instrument and the switch, so its current says nothing"
     " about a weld"),
    ("owner.goal", GOALS, "", 0, 0, "hold", None, 1, "what the owner wants"),
    ("owner.charge_a", "number", "A", 0, 80, 80, None, 1, "most the car shall take"),
    ("owner.charge_w", "whole", "W", 0, 100_000, 0, None, 1, "inverter power of goal charge"),
    ("owner.discharge_w", "whole", "W", 0, 100_000, 0, None, 1,
     "inverter power of goal discharge"),
    ("owner.reserve_percent", "number", "%", 0, 100, 100, None, 1, "reserve while the grid is up"),
    ("owner.outage_reserve_percent", "number", "%", 0, 100, 100, None, 1,
     "reserve in an outage"),
    ("mqtt.host", "text", "", 0, 64, "", None, 1, "broker, empty for none"),
    ("mqtt.port", "whole", "", 1, 65_535, 1883, None, 1, "its port"),
    ("mqtt.user", "text", "", 0, 64, "", None, 1, "user"),
    ("mqtt.password", "text", "", 0, 64, "", None, 1, "password"),
    ("mqtt.prefix", "text", "", 1, 48, "islet", None, 1, "first part of every topic"),
    ("http.host", "text", "", 0, 64, "127.0.0.1", None, 1, "address the page is bound to"),
    ("http.port", "whole", "", 0, 65_535, None, None, 1, "its port, 0 for no page; else the board's"),
    ("http.token", "text", "", 0, 64, "", None, 1, "commands need it; empty: page is read-only"),
)

NODE_OPTIONS = (
    ("name", "text", "", 1, 24, REQUIRED, None, 1, "name of the circuit"),
    ("parent", "text", "", 1, 24, None, None, 1, "name of the feeding node, none for the service"),
    ("rating_a", "number", "A", 1, 2000, REQUIRED, im.NODE_RATING_MA, 1000, "breaker, per leg"),
    ("continuous_percent", "number", "%", 50, 100, 100, im.NODE_CONTINUOUS_PERMILLE, 10,
     "continuous-load factor"),
    ("bus_a", "number", "A", 0, 2000, 0, im.NODE_BUS_MA, 1000, "busbar it feeds, 0 none"),
    ("bus_percent", "number", "%", 100, 120, 100, im.NODE_BUS_PERMILLE, 10, "static rule"),
    ("instrument", INSTRUMENTS, "", 0, 0, "none", im.NODE_INSTRUMENT, 1, "what measures it"),
    ("error_percent", "number", "%", 0, 10, 2, im.NODE_ERROR_PERMILLE, 10,
     "declared error of its instrument"),
    ("source_a", "number", "A", 0, 2000, 0, im.NODE_SOURCE_MA, 1000,
     "nameplate of sources islet does not command"),
    ("self_regulating", REGULATES, "", 0, 0, "no", im.NODE_REGULATES, 1,
     "something else on it (a battery of the house) holds a meter at its goal: islet's own steps"
     " may not show above; proved: they did at commissioning, with it in standby"),
)
# fmt: on
