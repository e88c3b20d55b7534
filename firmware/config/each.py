# islet: walking over the rows of a checked configuration.
# GPL-3.0-or-later


def devices(config, *kinds):
    """(place of its sentences, row, values) of each device of some kinds, or all."""
    for i, device in enumerate(config["devices"]):
        if not kinds or device["kind"] in kinds:
            yield "devices[{}].".format(i), i, device
