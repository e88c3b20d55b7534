# islet: metering chips into the live readings.
# GPL-3.0-or-later
#
# Each row of the board (firmware/chips/circuit.py, Meter) says what a chip's inputs see:
#
#   volts  0 grid   GRID_MV, GRID_MHZ
#          1 house  HOUSE_MV, HOUSE_MHZ
#   amps   0 mains  NODE_MA, NODE_W of every node with CTs
#          1 evse   POINT_MA, and the node measured by the charging point
#
# An age counts from the end of the mean that the chip took, as that of sense does; poll() stands
# before the step's ages grow, so a value renewed since the last cycle is latched as one step old.
# A chip that does not answer, repeats itself or is being configured writes nothing: ages grow.

from array import array

from firmware import image as im
from firmware.base.viper import const, micropython
from firmware.sense import atm90e32_kernel as kernel

_GRID = const(0)
_MAINS = const(0)


class Metering:
    """`rows` have volts and amps as above, `drivers` the chip of each row. The site is declared.

    `crossing_leg` is the leg (0 first) whose zero crossings the grid's chip shows on its pin."""

    def __init__(self, image, rows, drivers, crossing_leg=-1):
        self.drivers = drivers
        site = self._site = image.site
        self._live = image.live
        self._live_mv = site[im.NOMINAL_MV] // 10  # less is no voltage
        instruments = [site[im.NODE_INSTRUMENT + node] for node in range(site[im.NODE_COUNT])]
        self.nodes = [i for i, kind in enumerate(instruments) if kind == im.INSTRUMENT_CT]
        device = self.device = site[im.POINT_DEVICE]
        self._point_legs = site[im.DEVICE_LEGS + device] if device >= 0 else 0
        self.own = device >= 0 and site[im.DEVICE_KIND + device] == im.KIND_POINT
        self.behind = [i for i, kind in enumerate(instruments) if kind == im.INSTRUMENT_POINT]
        first = im.DEVICE_LEG + device * im.LEGS
        self._legs = array("i", [site[first + k] for k in range(self._point_legs)])
        self._parts = []
        for row, driver in zip(rows, drivers):
            with_power = row.amps == _MAINS or len(self.behind) > 0
            crossing = crossing_leg if row.volts == _GRID else -1
            driver.declare(
                site[im.LEG_COUNT], site[im.NOMINAL_MV], site[im.NOMINAL_MHZ], with_power, crossing
            )
            self._parts.append(_Part(self, row, driver))

    @micropython.native
    def poll(self, dt_ms):
        """Read every chip; allocates nothing. dt_ms has passed since the last time. The means of
        one chip only: it is so much that a cycle shall not have to read two."""
        live = self._live
        lean = False
        for part in self._parts:
            driver = part.driver
            valid = driver.poll(dt_ms, lean)
            lean = lean or driver.read_all
            if not valid:
                continue
            if driver.changed:
                part.volts(driver)
                part.directed = part.amps(driver)
            age_ms = driver.age_ms
            live[part.volts_age] = age_ms
            if part.directed:
                for field in part.amps_ages:
                    live[field] = age_ms

    # --- what a chip's readings become ---------------------------------------------------------

    def grid(self, driver):
        kernel.put(driver.mv, self._live, im.GRID_MV, driver.legs)
        self._live[im.GRID_MHZ] = driver.mhz

    def house(self, driver):
        kernel.put(driver.mv, self._live, im.HOUSE_MV, driver.legs)
        self._live[im.HOUSE_MHZ] = driver.mhz

    def mains(self, driver):
        """Currents with the direction of their power: + into the house. False: without."""
        live, legs = self._live, driver.legs
        if kernel.blind(driver.mv, driver.ma, self._live_mv, driver.blind_ma, legs):
            return False
        for node in self.nodes:
            at = node * im.LEGS
            kernel.put_signed(driver.ma, driver.w, live, im.NODE_MA + at, im.NODE_W + at, legs)
        return True

    def evse(self, driver):
        """The charging point only draws: a transformer put on the wrong way round changes
        nothing."""
        live, legs = self._live, self._point_legs
        kernel.put_of(driver.ma, self._legs, live, im.POINT_MA, legs)
        if self.own:  # what a point draws is what flows behind its contactor
            kernel.put_of(driver.ma, self._legs, live, im.DEVICE_MA + self.device * im.LEGS, legs)
        for node in self.behind:
            at = node * im.LEGS
            kernel.put_drawn(
                driver.ma, driver.w, self._legs, live, im.NODE_MA + at, im.NODE_W + at, legs
            )
        return True


class _Part:
    """What becomes of one chip."""

    def __init__(self, metering, row, driver):
        self.driver = driver
        grid, mains = row.volts == _GRID, row.amps == _MAINS
        self.volts = metering.grid if grid else metering.house
        self.volts_age = im.GRID_AGE_MS if grid else im.HOUSE_AGE_MS
        self.amps = metering.mains if mains else metering.evse
        nodes = metering.nodes if mains else metering.behind
        self.amps_ages = [im.NODE_AGE_MS + node for node in nodes]
        if not mains:
            self.amps_ages.append(im.POINT_MA_AGE_MS)
            if metering.own:
                self.amps_ages.append(im.DEVICE_AGE_MS + metering.device)
        self.directed = False
