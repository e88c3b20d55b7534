# islet: what Home Assistant is told of the site, so that it shows it without being configured.
# GPL-3.0-or-later
#
# A message for each entity, for one of all would be as long as the site is large. They are
# retained, and sent again at every connection and whenever Home Assistant says that it is there.

import json

import islet_data

from firmware import image as im
from firmware.base.viper import const
from firmware.people.names import POINT, least_offer, takes_offer

# which devices
_ANY, _OFFER, _SETPOINT, _STORE, _TOLD = const(0), const(1), const(2), const(3), const(4)

# of, which, platform, key, name, value's template or none: a command, options as they stand in
# JSON; literals all, so that they stay in a chip's flash
ENTITIES = (
    ("site", _ANY, "sensor", "why", "Why", "{{ value_json.why.text[:255] }}", ""),
    ("site", _ANY, "sensor", "grid_w", "Grid",
     "{{ value_json.nodes[0].w | sum if value_json.nodes[0].w else None }}",
     '"device_class":"power","unit_of_measurement":"W","state_class":"measurement"'),
    ("site", _ANY, "binary_sensor", "fault", "Fault",
     "{{ 'ON' if value_json.alerts.faults or value_json.alerts.trips "
     "or value_json.alerts.silent else 'OFF' }}",
     '"device_class":"problem"'),
    ("site", _ANY, "select", "goal", "Goal", "{{ value_json.policy.goal }}", ""),
    ("device", _ANY, "sensor", "w", "Power", "{{ value_json.w }}",
     '"device_class":"power","unit_of_measurement":"W","state_class":"measurement"'),
    ("device", _ANY, "sensor", "why", "Why", "{{ value_json.why[:255] }}", ""),
    ("device", _STORE, "sensor", "soc", "State of charge",
     "{{ value_json.soc_permille / 10 if value_json.soc_permille is number else None }}",
     '"device_class":"battery","unit_of_measurement":"%","state_class":"measurement"'),
    ("device", _TOLD, "switch", "limit", "Stopped",
     "{{ 'ON' if value_json.stopped else 'OFF' }}",
     '"payload_on":"{\\"low\\":0,\\"high\\":0,\\"until_released\\":true}",'
     '"payload_off":"{\\"release\\":true}","state_on":"ON","state_off":"OFF"'),
    ("device", _OFFER, "number", "charge_ma", "Up to, for one hour", "",
     '"device_class":"current","unit_of_measurement":"mA","step":1000'),
    ("device", _SETPOINT, "number", "target_w", "Target, for one hour", "",
     '"device_class":"power","unit_of_measurement":"W"'),
    ("point", _ANY, "sensor", "pilot", "Pilot", "{{ value_json.pilot_text }}", ""),
    ("point", _ANY, "binary_sensor", "contactor", "Contactor",
     "{{ 'ON' if value_json.contactor == 'closed' else 'OFF' }}", ""),
    ("point", _ANY, "switch", "authorise", "Authorised",
     "{{ 'ON' if value_json.authorised else 'OFF' }}",
     '"payload_on":"true","payload_off":"false","state_on":"ON","state_off":"OFF"'),
)  # fmt: skip


def _told_apart(prefix):
    """In letters, digits, - and _, and no two alike: islet/house and islet-house are two sites."""
    return "".join(
        chr(code) if bytes((code,)).isalpha() or 48 <= code < 58 else "_{:02x}".format(code)
        for code in prefix
    ).replace("_2f", "-")


class Discovery:
    """Messages below the discovery's prefix; `plain` names of devices and points by what stands in
    a topic for them; `goals` that the site can follow."""

    def __init__(self, prefix, own, state, plain, goals):
        self._prefix = prefix
        self._own = own.decode()
        self._id = "islet-" + _told_apart(own)
        self._state = state
        self._plain = plain
        self._goals = goals
        self.status = (prefix + "/status").encode()
        self.due = False

    def messages(self):
        """(topic, payload) of each entity."""
        for row in ENTITIES:
            of, which = row[0], row[1]
            if of == "site":
                yield self._message(row, "", None)
                continue
            rows = self._state.names.all_of(of)
            for short, name in self._plain[of].items():
                if self._has(row[3], rows[name]) if of == POINT else self._is(rows[name], which):
                    yield self._message(row, short, rows[name])

    def _has(self, key, point):
        """Nobody authorises where nothing waits for it."""
        return key != "authorise" or self._state.image.site[im.POINT_AUTH_REQUIRED + point]

    def _is(self, device, which):
        site = self._state.image.site
        if which == _OFFER:
            return takes_offer(site, device)
        setpoint = site[im.DEVICE_KIND + device] == im.KIND_CONVERTER
        if which == _SETPOINT:
            return setpoint
        if which == _TOLD:
            return setpoint or takes_offer(site, device)
        return which == _ANY or site[im.DEVICE_KIND + device] != im.KIND_POINT

    def _message(self, entity, short, row):
        of, _, platform, key, name, template, options = entity
        names, site = self._state.names, self._state.image.site
        way = self._own + "/" + (of + "/" + short + "/" if short else "")
        unique = "_".join([part for part in (self._id, of if short else "", short, key) if part])
        config = {
            "name": name,
            "unique_id": unique,
            "default_entity_id": platform + "." + unique,
            "availability_topic": self._own + "/online",
            "payload_available": "1",
            "payload_not_available": "0",
            "origin": {"name": "islet", "sw_version": islet_data.VERSION},
        }
        if template:
            config["value_template"] = template
            config["state_topic"] = way + "state"
        if platform in ("select", "number", "switch"):
            config["command_topic"] = way + "set/" + key
        if key == "goal":
            config["options"] = self._goals
        elif key == "charge_ma":
            config["min"], config["max"] = least_offer(site, row), site[im.DEVICE_MAX_MA + row]
        elif key == "target_w":
            config["min"] = -site[im.DEVICE_DISCHARGE_W + row]
            config["max"] = site[im.DEVICE_CHARGE_W + row]
        if row is None:
            config["device"] = {"identifiers": [self._id], "name": self._state.name}
        else:
            device = names.device(site[im.POINT_DEVICE + row] if of == POINT else row)
            config["device"] = {
                "identifiers": [self._id + "_" + device],
                "name": device,
                "via_device": self._id,
            }
        text = json.dumps(config)
        if options:
            text = text[:-1] + "," + options + "}"
        return "/".join((self._prefix, platform, unique, "config")).encode(), text.encode()
