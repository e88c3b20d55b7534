# islet: the calibration of a board's channels and metering chips, from its file.
# GPL-3.0-or-later
#
# tools/calibrate finds the values, /calibration.json keeps them with their date, and here they are
# checked against the tables below and put where sense and the metering chips look. All of the file
# is taken or nothing: a damaged one is refused by the name of its field, and then the unit
# energises nothing, as with a bad configuration.

from firmware import image as im
from firmware.base import strict_json

PATH = "/calibration.json"
MAX_BYTES = 4096

# field: lowest, highest. What lies beyond is no calibration but a wrong part or a wrong wire.
CHANNEL_FIELDS = {
    "gain_ppm": (-200_000, 200_000),
    "zero_code16": (-2_048, 2_048),
    "delay_us": (-500, 500),
}
METER_FIELDS = {
    "mv_gain_ppm": (-200_000, 200_000),
    "ma_gain_ppm": (-200_000, 200_000),
    "mv_offset": (-600, 600),  # offsets: what the chip's registers hold
    "ma_offset": (-60, 60),
    "mw_offset": (-10_000, 10_000),
    "delay_us": (-499, 499),
    "polarity": (-1, 1),  # -1 turns a transformer round
    "input": (1, im.LEGS),  # current input of the chip that carries the leg
}
_FIELDS = ("circuit", "date", "channels", "meters")


class Calibration:
    """`date` "" while nobody has calibrated; with `errors` nothing was taken."""

    def __init__(self):
        self.date = ""
        self.errors = []
        self._settings = []  # (array, index, value)

    def check_row(self, where, row, keys, fields):
        """Whether `row` is an object of `keys` and of `fields` within their ranges."""
        if not isinstance(row, dict):
            self.errors.append("{}: is not an object".format(where))
            return False
        good = True
        for name in row:
            if name in keys:
                continue
            if name not in fields:
                self.errors.append("{}.{}: unknown field".format(where, name))
                good = False
                continue
            low, high = fields[name]
            value = row[name]
            if type(value) is not int or not low <= value <= high or (low == -1 and not value):
                allowed = "-1 or 1" if low == -1 else "{} to {}".format(low, high)
                text = "{}.{}: {} is not a whole number from {}"
                self.errors.append(text.format(where, name, value, allowed))
                good = False
        return good

    def leg(self, where, row):
        """Leg of a row, 0 first; -1 when it is none."""
        leg = row.get("leg", 1)
        if type(leg) is int and 1 <= leg <= im.LEGS:
            return leg - 1
        self.errors.append("{}.leg: {} is not a leg from 1 to {}".format(where, leg, im.LEGS))
        return -1

    def set(self, target, index, value):
        self._settings.append((target, index, value))

    def take(self):
        """Put all of it into place."""
        for target, index, value in self._settings:
            target[index] = value
        self._settings = []


def text():
    """What the board's file holds: "" when there is none, None when it cannot be read."""
    try:
        with open(PATH) as file:
            return file.read(MAX_BYTES + 1)
    except OSError:
        return ""
    except UnicodeError:
        return None


def load(text, name, analog, scales):
    """Check `text` ("" for none) and take it; a Calibration.

    name: of the circuit board; analog: its channels; scales: those of its metering chips, in the
    board's order (firmware/sense/atm90e32_setup.py)."""
    calibration = Calibration()
    if text == "":
        return calibration
    errors = calibration.errors
    document = _parse(text, errors)
    if document is None:
        return calibration
    for field in document:
        if field not in _FIELDS:
            errors.append("{}: unknown field".format(field))
    if document.get("circuit") != name:
        errors.append("circuit: made for {}, this is {}".format(document.get("circuit"), name))
    date = document.get("date")
    if not isinstance(date, str) or len(date) != 10:
        errors.append("date: is not a date like 2026-11-30")
    for where in ("channels", "meters"):
        rows = document.get(where, [])
        if not isinstance(rows, list):
            errors.append("{}: is not a list".format(where))
            rows = []
        take = _channel if where == "channels" else _meter
        seen = []
        for i, row in enumerate(rows):
            take("{}[{}]".format(where, i), row, analog, scales, calibration, seen)
    if not errors:
        _inputs(scales, calibration, errors)
    if not errors:
        calibration.date = str(date)
        calibration.take()
    return calibration


def _parse(text, errors):
    if text is None or len(text) > MAX_BYTES:
        errors.append("file: cannot be read, or has more than {} bytes".format(MAX_BYTES))
        return None
    try:
        document = strict_json.loads(text)
    except ValueError as error:
        errors.append("file: is not JSON, {}".format(error))
        return None
    if not isinstance(document, dict):
        errors.append("file: is not an object")
        return None
    return document


def _once(where, key, seen, errors):
    if key in seen:
        errors.append("{}: is given twice".format(where))
    seen.append(key)


def _channel(where, row, analog, _scales, calibration, seen):
    errors = calibration.errors
    if not calibration.check_row(where, row, ("signal", "leg", "point"), CHANNEL_FIELDS):
        return
    leg = calibration.leg(where, row)
    point = row.get("point", 1)
    if type(point) is not int or not 1 <= point <= im.POINTS:
        errors.append("{}.point: {} is not a point from 1 to {}".format(where, point, im.POINTS))
        return
    if leg < 0:
        return
    try:
        channel = analog.find(row.get("signal"), leg, point - 1)
    except ValueError:  # no such signal
        channel = -1
    if channel < 0:
        text = "{}.signal: the board has no {} of leg {}"
        if point > 1:
            text += " at point {}".format(point)
        errors.append(text.format(where, row.get("signal"), leg + 1))
        return
    _once(where, channel, seen, errors)
    for field in CHANNEL_FIELDS:
        calibration.set(getattr(analog, field), channel, row.get(field, 0))


def _meter(where, row, _analog, scales, calibration, seen):
    errors = calibration.errors
    if not calibration.check_row(where, row, ("meter", "leg"), METER_FIELDS):
        return
    number = row.get("meter")
    if type(number) is not int or not 1 <= number <= len(scales):
        text = "{}.meter: {} is not one of the board's {} metering chips"
        errors.append(text.format(where, number, len(scales)))
        return
    leg = calibration.leg(where, row)
    if leg < 0:
        return
    _once(where, (number, leg), seen, errors)
    for field in METER_FIELDS:
        value = row.get(field, 1 if field == "polarity" else leg + 1 if field == "input" else 0)
        target = getattr(scales[number - 1], field)
        calibration.set(target, leg, value - 1 if field == "input" else value)


def _inputs(scales, calibration, errors):
    """Each current input of a chip carries one leg."""
    for number, scale in enumerate(scales):
        inputs = list(scale.input)
        for target, leg, value in calibration._settings:
            if target is scale.input:
                inputs[leg] = value
        if sorted(inputs) != list(range(im.LEGS)):
            errors.append("meters: input: chip {} has one for two legs".format(number + 1))


def readings(image):
    """What the instruments say now, for tools/calibrate: lists by the site's legs, None where
    stale. What is a point's ends in _2 for the second."""
    live, site = image.live, image.site
    legs = range(site[im.LEG_COUNT])

    def fresh(age, first):
        return [live[first + leg] for leg in legs] if live[age] < 500 else None

    mains = -1
    for node in range(site[im.NODE_COUNT]):
        if site[im.NODE_INSTRUMENT + node] == im.INSTRUMENT_CT:
            mains = node
    node = max(mains, 0)
    age = im.NODE_AGE_MS + node
    said = {
        "grid_mv": fresh(im.GRID_AGE_MS, im.GRID_MV),
        "grid_mhz": live[im.GRID_MHZ],
        "house_mv": fresh(im.HOUSE_AGE_MS, im.HOUSE_MV),
        "mains_ma": fresh(age, im.NODE_MA + node * im.LEGS) if mains >= 0 else None,
        "mains_w": fresh(age, im.NODE_W + node * im.LEGS) if mains >= 0 else None,
    }
    for point in range(im.POINTS):
        pilot = [live[im.POINT_HIGH_MV + point], live[im.POINT_LOW_MV + point]]
        for name, age, value in (
            ("evse_ma", im.POINT_MA_AGE_MS + point, _behind(image, point, im.POINT_MA)),
            ("fast_ma", im.FAST_AGE_MS, _behind(image, point, im.POINT_FAST_MA)),
            ("pilot_mv", im.POINT_PILOT_AGE_MS + point, pilot),
            (
                "proximity_ohm",
                im.POINT_PROXIMITY_AGE_MS + point,
                live[im.POINT_PROXIMITY_OHM + point],
            ),
        ):
            said[of_point(name, point)] = value if live[age] < 500 else None
    return said


def of_point(name, point):
    """What a point's reading is called."""
    return "{}_{}".format(name, point + 1) if point else name


def _behind(image, point, block):
    """Currents of a point, which are in the order of its device's legs, by the site's; None of a
    point that no device has."""
    live, site = image.live, image.site
    device = site[im.POINT_DEVICE + point]
    if device < 0:
        return None
    found = [0] * site[im.LEG_COUNT]
    for k in range(site[im.DEVICE_LEGS + device]):
        found[site[im.DEVICE_LEG + device * im.LEGS + k]] = live[block + point * im.LEGS + k]
    return found
