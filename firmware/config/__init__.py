# islet: the site's configuration, checked against the tables in options.py.
# GPL-3.0-or-later
#
# `load` reads the JSON document, checks every option against its row and fills `image.site`.
# It never guesses: an unknown, missing or impossible option is an error that names the field and
# what is allowed, and the app then energises nothing and keeps its page up to mend it.

import struct

import islet_data

from firmware import image as im
from firmware.base import strict_json
from firmware.config import check, lists, rules, wiring
from firmware.config.options import LISTS, OPTIONS, REQUIRED, WAS

LONGER_IS_STRICTER = ("grid_code_overrides.enter_delay_s", "grid_code_overrides.enter_ramp_s")
MAX_BYTES = 8192  # 8.6 kB of JSON takes 28 kB of heap on the chip


class Config:
    """The checked configuration: `settings` by path, a list's as its rows by path; `names` by
    list, whose rows are the image's; `errors` and `warnings` as sentences, `weaker` as rows
    (path, value, why) of what is weaker than the rules; `wiring` by device, see wiring.py."""

    def __init__(self):
        self.settings: dict = {row[0]: None if row[5] is REQUIRED else row[5] for row in OPTIONS}
        self.settings.update((row[0], []) for row in LISTS)
        self.names: dict = {row[0]: [] for row in LISTS}
        self.errors = []
        self.warnings = []
        self.weaker = []
        self.wiring = {}

    def __getitem__(self, path):
        return self.settings[path]


def _grid_code(site, config):
    names, packed = islet_data.GRIDCODES
    if config["grid_code"] not in names:  # the option's row says so
        return
    packed = packed[names.index(config["grid_code"])]
    for i in range(im.DEAD_GRID_MS - im.TRIP_KIND + 1):
        site[im.TRIP_KIND + i] = struct.unpack_from("<i", packed, 4 * i)[0]
    for row in OPTIONS:  # overrides come after the code they override
        if row[0].startswith("grid_code_overrides.") and config[row[0]] is not None:
            value = check.whole(config[row[0]], row[7])
            _compare(row[0], value, site[row[6]], row[7], config)
            site[row[6]] = value
    _unbalance(site, config)


def _unbalance(site, config):
    """A site's own limit is for both directions together, whatever its code counts."""
    most_va = config["unbalance_va"]
    if most_va is None:
        return
    coded = [va for va in site[im.UNBALANCE_VA : im.UNBALANCE_VA + 2] if va]
    if coded and not 0 < most_va <= min(coded):
        why = "weaker than the grid code's {}".format(min(coded))
        config.weaker.append(("unbalance_va", most_va, why))
    site[im.UNBALANCE_VA] = site[im.UNBALANCE_VA + 1] = most_va
    site[im.UNBALANCE_TOGETHER] = 1


def _compare(path, value, coded, factor, config):
    """Remember an override that is weaker than the code it overrides."""
    if (value < coded) == (path in LONGER_IS_STRICTER) and value != coded:
        why = "weaker than the grid code's {:g}".format(coded / factor)
        config.weaker.append((path, config[path], why))


def load(text, image, rights):
    """Check the JSON `text` and fill image.site and the owner's reserves; return a Config.

    A `text` (str or bytes) of None could not even be read. `rights`: the board's Rights.

    image.site is only to be trusted if `config.errors` is empty.
    """
    config = Config()
    document = _document(text, config.errors)
    if document is None:
        return config
    site = image.site
    known = [row[0] for row in OPTIONS + LISTS]
    again = "; python -m tools.site upgrade FILE rewrites it"
    check.unknown(document, known, "", config.errors, [(was, now + again) for was, now in WAS])
    lists.names(document, config)
    config.settings.update(check.rows(OPTIONS, document, "", config.names, config.errors, site))
    lists.rows(site, config)
    _grid_code(site, config)
    if not config.errors:
        rules.derive(site, config, rights)
        rules.judge(site, config, rights)
    if not config.errors:
        requests = image.requests
        requests[im.RESERVE_PERMILLE] = int(config["owner.reserve_percent"] * 10)
        requests[im.OUTAGE_RESERVE_PERMILLE] = int(config["owner.outage_reserve_percent"] * 10)
        config.wiring = wiring.hashes(config, site)
    return config


def _document(text, errors):
    """The JSON object in a text, else None, and why."""
    why = "is not an object"
    if text is None:
        why = "cannot be read as text"
    elif len(text) > MAX_BYTES:
        why = "{} bytes, at most {}".format(len(text), MAX_BYTES)
    else:
        try:
            document = strict_json.loads(text)
            if isinstance(document, dict):
                return document
        except ValueError as error:
            why = "is not JSON, {}".format(error)
    errors.append("configuration: " + why)
    return None
