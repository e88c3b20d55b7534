# islet: the control pilot, from plateaus to states and from amperes to duty.
# GPL-3.0-or-later
#
# What must happen within the bounds of the vehicle's table the guard does; here states are named,
# latched and let go, which takes longer. Levels, gaps and the duty code are those of IEC 61851-1
# Annex A as quoted by open firmware; the detection windows are general knowledge and were not
# checked against the standard's text.

from array import array

from firmware import image as im
from firmware.base.timer import grown
from firmware.base.viper import const
from firmware.core.vehicle.look_kernel import (
    ACKNOWLEDGED,
    DIODE,
    DIODE_HIGH_MV,
    DIODE_LOW_MV,
    LEAST_MV,
    MOST_MV,
    PILOT_STALE_MS,
    PWM,
    STEADY_HIGH,
    UNPLUGS,
)
from firmware.core.vehicle.rights import set_faults, speaks_itself

LEAST_MA = const(6_000)  # IEC 61851-1: no smaller current can be offered
_GATEWAY_MS = const(2_000)  # INV-4
_SETTLE_MS = const(40)  # a plateau belongs to the present PWM only if sampled this long after
_AGAIN_MS = const(60_000)  # a missing diode is looked for again after so long
_AGAIN = const(3)  # times; offering PWM gives nobody power
_FAULTS = im.FAULT_PILOT + im.FAULT_DIODE

# From the top: a level at or above `floor` is `state`. In a gap between two windows a car that
# was in the one above stays there; anybody else is put where less is allowed.
LEVELS = (
    # floor mV, state, stays if it was, meaning
    (13_001, im.PILOT_UNKNOWN, im.PILOT_UNKNOWN, "above any level"),
    (11_000, im.PILOT_A, im.PILOT_A, "no vehicle, 12 V"),
    (10_001, im.PILOT_A, im.PILOT_B, "gap"),
    (8_000, im.PILOT_B, im.PILOT_B, "vehicle connected, 9 V"),
    (7_001, im.PILOT_B, im.PILOT_C, "gap"),
    (5_000, im.PILOT_C, im.PILOT_C, "asks for power, 6 V"),
    (4_001, im.PILOT_D, im.PILOT_C, "gap"),
    (2_000, im.PILOT_D, im.PILOT_D, "asks for power and ventilation, 3 V"),
    (1_001, im.PILOT_E, im.PILOT_D, "gap"),
    (-1_000, im.PILOT_E, im.PILOT_E, "shorted or without supply, 0 V"),
    (-10_999, im.PILOT_UNKNOWN, im.PILOT_UNKNOWN, "no such level"),
    (-13_000, im.PILOT_F, im.PILOT_F, "not available, -12 V"),
    (-1_000_000, im.PILOT_UNKNOWN, im.PILOT_UNKNOWN, "below any level"),
)
FLOOR_MV = array("i", [row[0] for row in LEVELS])
STATE = bytes([row[1] for row in LEVELS])
STAYS = bytes([row[2] for row in LEVELS])

# Steps a new state must be seen, by PILOT_*: one sample neither latches nor clears. What takes
# power away the guard does at once; a pilot not seen is unknown at once.
DEBOUNCE = bytes([2, 2, 2, 2, 2, 2, 2, 10])

# duty = base + current / step. Codes between 51 and 52.5 A do not exist: 51 A is offered.
DUTY = (
    # from mA, base permille, mA per permille, rule
    (6_000, 0, 60, "I = 0.6 A per percent, 6 to 51 A"),
    (51_000, 850, 1_000_000, "no code: 51 A"),
    (52_500, 640, 250, "I = 2.5 A * (percent - 64), to 80 A"),
    (80_000, 960, 1_000_000, "no code above 80 A"),
)
_DUTY_FROM_MA = array("i", [row[0] for row in DUTY])
_DUTY_BASE = array("i", [row[1] for row in DUTY])
_DUTY_STEP_MA = array("i", [row[2] for row in DUTY])
_LAST = len(DUTY) - 1


def classify(high_mv, previous):
    """State (PILOT_*) of a high plateau in mV, given the state before."""
    i = 0
    while high_mv < FLOOR_MV[i]:
        i += 1
    return previous if previous == STAYS[i] else STATE[i]


def duty_permille(offer_ma):
    """Duty of the PWM that offers at most `offer_ma` per leg; below 6 A steady +12 V."""
    if offer_ma < _DUTY_FROM_MA[0]:
        return STEADY_HIGH
    i = _LAST
    while offer_ma < _DUTY_FROM_MA[i]:
        i -= 1
    return _DUTY_BASE[i] + offer_ma // _DUTY_STEP_MA[i]


class Pilot:
    """Vehicle state from the plateaus; the duty from the offer.

    `state` is PILOT_*; `diode_ok`: a valid low plateau was seen under the present PWM;
    `unplugged`: in this step a connection ended, by A for 100 ms (T2: by the gateway's report).
    """

    def __init__(self, image, point=0):
        self._image = image
        self._point = point
        self.state = im.PILOT_UNKNOWN
        self.diode_ok = False
        self.unplugged = False
        self._unplugs = image.readings[im.POINT_PILOT_UNPLUGS + point]
        self._plugged = False  # T2: as last reported
        self._diode_fault = False  # until unplugged, acknowledged, or looked for again
        self._diode_ms = 0  # since then
        self._again = 0
        self._candidate = im.PILOT_UNKNOWN
        self._afresh = True  # nothing was seen twice since the start, or since it was silent
        self._steps = 0
        self._pwm_ms = 0
        self._acknowledge = 0

    def step(self, dt_ms):
        """Write PILOT_STATE and the pilot's faults."""
        image = self._image
        commands = image.commands
        point = self._point
        device = image.site[im.POINT_DEVICE + point]
        itself = speaks_itself(image.site, point)
        self._count(commands, device if itself else -1)
        if device < 0 or itself:
            commands[im.POINT_PILOT_STATE + point] = im.PILOT_UNKNOWN
            return
        self._time_pwm(dt_ms)
        self._forgive(dt_ms)
        fresh = image.readings[im.POINT_PILOT_AGE_MS + point] <= PILOT_STALE_MS
        if fresh:
            self._debounce(self._look())
        else:
            self._begin()
        self._remember()
        seen = self.state
        faults = im.FAULT_DIODE if self._diode_fault else 0
        odd = seen == im.PILOT_UNKNOWN and not self._afresh
        if fresh and (odd or seen == im.PILOT_E or seen == im.PILOT_F):
            faults |= im.FAULT_PILOT
        set_faults(commands, point, _FAULTS, faults)
        commands[im.POINT_PILOT_STATE + point] = self.state

    def rests(self, words):
        """Whether a step changes nothing while what is read stays within `words`, which are filled
        in: a state A to D, seen long enough, and a diode where there is a PWM."""
        image, state, point = self._image, self.state, self._point
        if self._afresh or self.unplugged or self._diode_fault:
            return False
        if not im.PILOT_A <= state <= im.PILOT_D or self._candidate != state:
            return False
        pwm = 0 < image.commands[im.POINT_DUTY_PERMILLE + point] < STEADY_HIGH
        asks = pwm and state != im.PILOT_A
        if self._steps < DEBOUNCE[state] or (asks and not self.diode_ok):
            return False
        if pwm and self._pwm_ms <= PILOT_STALE_MS + _SETTLE_MS:
            return False
        words[MOST_MV] = im.UNKNOWN
        for i in range(1, len(STATE)):
            if STATE[i] == state or STAYS[i] == state:
                words[LEAST_MV] = FLOOR_MV[i]
                if words[MOST_MV] < 0:
                    words[MOST_MV] = FLOOR_MV[i - 1] - 1
        words[PWM], words[DIODE] = pwm, asks
        words[UNPLUGS], words[ACKNOWLEDGED] = self._unplugs, self._acknowledge
        return True

    def drive(self):
        """Write POINT_DUTY_PERMILLE from the offer; +12 V where what hangs there takes none."""
        site, commands = self._image.site, self._image.commands
        device = site[im.POINT_DEVICE + self._point]
        takes = device >= 0 and site[im.DEVICE_KIND + device] == im.KIND_POINT
        offer_ma = commands[im.SETPOINT + device] if takes else 0
        commands[im.POINT_DUTY_PERMILLE + self._point] = duty_permille(offer_ma)

    def _time_pwm(self, dt_ms):
        duty = self._image.commands[im.POINT_DUTY_PERMILLE + self._point]
        if 0 < duty < STEADY_HIGH:
            self._pwm_ms = grown(self._pwm_ms, dt_ms)
        else:
            self._pwm_ms = 0
            self.diode_ok = False  # to be proved again under the next PWM

    def _look(self):
        readings = self._image.readings
        point = self._point
        level = classify(readings[im.POINT_HIGH_MV + point], self.state)
        if level != im.PILOT_B and level != im.PILOT_C and level != im.PILOT_D:
            return level
        if self._diode_fault:
            return im.PILOT_DIODE
        if self._pwm_ms <= readings[im.POINT_PILOT_AGE_MS + point] + _SETTLE_MS:
            return level  # no PWM, or sampled before it began: says nothing about the diode
        if DIODE_LOW_MV <= readings[im.POINT_LOW_MV + point] <= DIODE_HIGH_MV:
            if level == self.state:
                self.diode_ok = True
            return level
        self.diode_ok = False  # no closing from now on; a fault only when seen again
        return im.PILOT_DIODE

    def _begin(self):
        """Nothing is known, which is no fault."""
        self.state = self._candidate = im.PILOT_UNKNOWN
        self._afresh = True

    def _debounce(self, seen):
        if seen == self._candidate:
            if self._steps < DEBOUNCE[seen]:
                self._steps += 1
        else:
            self._candidate = seen
            self._steps = 1
        if self._steps >= DEBOUNCE[seen]:
            self.state = seen
            self._afresh = False

    def _count(self, commands, gateway):
        """POINT_UNPLUGS: each connection that ended, for those who look once a second."""
        readings = self._image.readings
        point = self._point
        if gateway < 0:
            unplugs = readings[im.POINT_PILOT_UNPLUGS + point]
            self.unplugged = unplugs != self._unplugs
            self._unplugs = unplugs
        elif readings[im.DEVICE_AGE_MS + gateway] <= _GATEWAY_MS:
            plugged = readings[im.DEVICE_PLUGGED + gateway] == 1
            self.unplugged = self._plugged and not plugged
            self._plugged = plugged
        else:
            self.unplugged = False
        if self.unplugged and commands[im.POINT_UNPLUGS + point] < im.AGE_MAX_MS:
            commands[im.POINT_UNPLUGS + point] += 1

    def _forgive(self, dt_ms):
        """Look afresh for a missing diode: unplugged, acknowledged, or a minute has passed."""
        acknowledge = self._image.requests[im.ACKNOWLEDGE_SEQ]
        person = acknowledge != self._acknowledge
        self._acknowledge = acknowledge
        anew = person or self.unplugged
        if anew:
            self._again = 0
        if not self._diode_fault:
            return
        self._diode_ms += dt_ms
        again = not anew and self._diode_ms >= _AGAIN_MS and self._again < _AGAIN
        if anew or again:
            self._again += again
            self._diode_fault = False
            self._begin()
        elif self._diode_ms > _AGAIN_MS:
            self._diode_ms = _AGAIN_MS

    def _remember(self):
        """What outlives a step: a missing diode; and what does not outlive a connection."""
        state = self.state
        if state == im.PILOT_DIODE:
            if not self._diode_fault:
                self._diode_ms = 0
            self._diode_fault = True
        elif state == im.PILOT_A:
            self._diode_fault = False
        if state != im.PILOT_B and state != im.PILOT_C and state != im.PILOT_D:
            self.diode_ok = False
