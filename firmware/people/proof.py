# islet: what people read of a commissioning proof.
# GPL-3.0-or-later

from firmware import image as im

# one row per VERDICT_*
VERDICTS = (
    "It has not shown yet that it obeys, so it stands still: start its proof.",
    "It has shown that it obeys{}.",
    "It did the opposite of what it was told: look at the sign in its settings, or at the "
    "transformers.",
    "It did more or less than it was told: look at its settings and ratings.",
    "It followed later than is declared: declare a longer response, or have it seen to.",
    "It did not move when it was told to: look whether remote control is allowed in its settings.",
    "It did something of its own accord, or went on without its enable.",
    "It could not be put to the proof: something limits it now; see who limits what.",
    "It could not be put to the proof: no instrument but its own sees it.",
    "It could not be put to the proof: the house was never still for long enough.",
    "The proof was stopped.",
)
VOID = (
    "Its proof is void, since the device, its wiring, its settings or the firmware changed: "
    "prove it again."
)
# one row per PROOF_*
PHASES = (
    "",
    "Proof: told to rest; waiting until the house stands still.",
    "Proof: told to draw.",
    "Proof: told to deliver.",
    "Proof: nobody speaks to it; timing how long it goes on, for at most 90 s.",
    "Proof: ended by its enable.",
)


def sentence(commands, device, result, void):
    """What its last proof came to, or the one under way."""
    if commands[im.PROOF_STATE] and commands[im.PROOF_DEVICE] == device:
        return PHASES[commands[im.PROOF_STATE]]
    if void:
        return VOID
    return VERDICTS[result & im.VERDICT_BITS].format(_comes_back(result))


def _comes_back(result):
    return_s = result >> im.PROOF_RETURN_SHIFT
    if return_s == im.PROOF_NEVER:
        return ", but left alone it goes on until its enable ends it"
    return ", and rests {} s after nobody speaks to it any more".format(return_s)


def age_text(age_min, last, void):
    """How long ago, where that is known."""
    if age_min is None or last or void:
        return ""
    if age_min < 120:
        return " Proved {} min ago.".format(age_min)
    if age_min < 2880:
        return " Proved {} h ago.".format(age_min // 60)
    return " Proved {} days ago.".format(age_min // 1440)


def shown(image, names, proofs):
    """For the published state, by the names of the converters: `proofs` has their records."""
    return {names.device(device): _shown(image, device, proofs) for device in proofs.wiring}


def _shown(image, device, proofs):
    commands, now = image.commands, image.readings[im.WALL_MIN]
    _, _, minute, result = proofs.said(device)
    age_min = now - minute + 1 if 0 < minute <= now + 1 else None
    runs = commands[im.PROOF_STATE] and commands[im.PROOF_DEVICE] == device
    void = result != 0 and image.requests[im.PROOF_RECORD + device] == 0
    last = commands[im.PROOF_RESULT] if commands[im.PROOF_OF] == device else 0
    if last & im.VERDICT_BITS <= im.VERDICT_OWN:
        last = 0  # the record says it
    return_s = result >> im.PROOF_RETURN_SHIFT
    return {
        "proved": commands[im.DEVICE_PROVED + device] > 0,
        "phase": im.PROOF_NAMES[commands[im.PROOF_STATE] if runs else im.PROOF_REST],
        "verdict": im.VERDICT_NAMES[(last or result) & im.VERDICT_BITS],
        "response_ms": (result >> im.PROOF_RESPONSE_SHIFT & 255) * 100 if result else None,
        "return_s": return_s if 0 < return_s < im.PROOF_NEVER else None,
        "void": void,
        "age_min": age_min,
        "text": sentence(commands, device, last or result, void) + age_text(age_min, last, void),
    }
