# islet: addresses of IPv4, as text and as 4 bytes; what the configuration says of this host's.
# GPL-3.0-or-later

NOTHING = b"\0\0\0\0"
_FIELDS = ("network.address", "network.mask", "network.router", "network.dns")


def host_name(settings, chip):
    """Of a board that nobody named by `chip`, its own number: two of them in a house differ."""
    return settings["network.name"] or "islet-{:02x}{:02x}".format(chip[-2], chip[-1])


def fixed(settings):
    """(address, mask, router and name server, 4 bytes each; what is wrong, as sentences). None
    for the first where there is no fixed address or something is wrong: then it is left to DHCP,
    for the page must be reached to mend it."""
    if not settings["network.address"]:
        return None, []
    given, errors = [], []
    for field in _FIELDS:
        text = settings[field]
        given.append(numbers(text) if text else NOTHING)
        if given[-1] is None:
            errors.append("{}: {} is no address like 192.168.0.20".format(field, text))
    if not errors:
        wrong = usable(given[0], given[1], given[2])
        if wrong:
            errors.append("network.{}: no host on such a network has it".format(wrong))
    return None if errors else given, errors


def dotted(address):
    return "{}.{}.{}.{}".format(*address)


def numbers(text):
    """4 bytes of an address written with dots; None when it is a name."""
    parts = text.split(".")
    if len(parts) == 4 and all(part.isdigit() and int(part) < 256 for part in parts):
        return bytes([int(part) for part in parts])
    return None


def host(address):
    """Whether 4 bytes can be one host's address."""
    return len(address) == 4 and 0 < address[0] < 224 and address[0] != 127


def mask_bits(mask):
    """How many bits the network has, -1 when its ones are not in front."""
    bits = 0
    for i in range(32):
        if mask[i >> 3] & 0x80 >> (i & 7):
            if bits < i:
                return -1
            bits += 1
    return bits


def same_network(a, b, mask):
    for i in range(4):
        if (a[i] ^ b[i]) & mask[i]:
            return False
    return True


def _edge(address, mask):
    """The network's own address, or its broadcast."""
    low = high = True
    for i in range(4):
        part = address[i] & (mask[i] ^ 255)
        low = low and not part
        high = high and part == mask[i] ^ 255
    return low or high


def usable(address, mask, router):
    """What is wrong with them, "" when nothing is; an empty router is none."""
    if not 8 <= mask_bits(mask) <= 30:
        return "mask"
    if not host(address) or _edge(address, mask):
        return "address"
    if router != NOTHING:
        if not host(router) or router == address or not same_network(address, router, mask):
            return "router"
    return ""
