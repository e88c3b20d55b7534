# islet: how the panel's flat arrays are laid out: a row for each node, device, slot and place.
# GPL-3.0-or-later
#
# plan     a head, then a row for each node of the site; [leg] within a row are the site's legs
# rows     a row for each device of the image; those that the site does not have stay empty
# slots    a ring of moments, in each a row for each device: what it drew or fed back
# book     the witness's: a head, then a row for each place, that is a node's leg
#
# Rows and not columns: an offset is the same however many nodes and devices an image has.
# Currents are mA per leg, within 2e6; every sum stays below 2**28; an age within 1e9 ms.

from firmware.base.viper import const

# --- plan: the head ---------------------------------------------------------------------------

P_ALARM = const(0)  # mA over the rating by load or generation islet does not control
P_ALARM_NODE = const(1)
P_ALARM_LEG = const(2)
P_FRESH_BITS = const(3)  # devices that are measured now
P_WORST_BITS = const(4)  # sent towards zero, not by the panel, and perhaps not yet there
P_LEGS = const(5)  # of the site
P_SUM = const(6)  # [slot][low, high][leg] of islet's devices below a node, while it is paired
P_UNBALANCE = const(198)  # [draw, feed] mA by which they may load a leg beyond another, 0 any
P_TOGETHER = const(200)  # 1: and what is drawn adds to what is fed into another leg
P_MOST = const(201)  # [leg] most that flows beside a device, for the neutral just looked at, and
P_LEAST = const(204)  # [leg] the least
P_HEAD = const(207)

# --- plan: a node -----------------------------------------------------------------------------

P_PARENT = const(0)
P_RATING = const(1)  # mA
P_LIMIT = const(2)  # mA, rating with the continuous-load factor, both directions
P_BUS = const(3)  # mA, busbar fed by the node, 0 none
P_BUS_LOAD = const(4)  # mA, most the busbar may carry to loads
P_STATIC = const(5)  # mA, backfeed the static rule leaves to islet
P_SOURCES = const(6)  # mA, nameplate of other sources at and below the node
P_HERE = const(7)  # mA, nameplate of other sources on the node itself
P_BELOW = const(8)  # bits of the devices at and below it
P_METERED = const(9)  # 1: it has an instrument that sees all of it
P_STATE = const(10)  # FRESH, UNMETERED, STALE
P_DOUBT_MS = const(11)  # for so long islet's own current has moved within a reading's time
P_STILL_MS = const(12)  # for so long islet moved and the reading did not
P_COORDINATED = const(13)  # 1: the busbar's inflows are all known now
P_WHY = const(14)  # [column] why P_ROOM is what it is, WHY_*
P_OWN_LOW = const(18)  # [leg] lowest credible current of islet's devices below, when measured
P_OWN_HIGH = const(21)  # [leg] highest credible
P_LAST = const(24)  # [leg] the last different reading
P_MARK_LOW = const(27)  # [leg] P_OWN_LOW when it came; FROZEN_MA: only another one thaws it
P_MARK_HIGH = const(30)  # [leg] P_OWN_HIGH when it came
P_INFLOW = const(33)  # [leg] into the busbar from sources that are not islet's
P_ROOM = const(36)  # [column][leg] what the place leaves to all of islet's devices below it
P_LOAD_HIGH = const(48)  # [leg] what others draw, as it counts against drawing
P_LOAD_LOW = const(51)  # [leg] and against feeding back
P_AGE = const(54)  # ms, of the reading, as its instrument says
P_OLDEST = const(55)  # it can be no older
P_BEFORE = const(56)  # P_OLDEST of the reading before, when it was replaced
P_LATE = const(57)  # how much later than that an instrument may show a step
P_CHANGED = const(58)  # bits of the legs whose reading is a new one
P_NEAR = const(59)  # youngest slot it may belong to, counted back
P_FAR = const(60)  # oldest
P_REF = const(61)  # [leg] mA before a step of islet's own
P_SHOWN = const(64)  # ms from the step to the reading, 0 not yet
P_HIDDEN = const(65)  # ms of that which its age does not explain
P_WORST = const(66)  # no reading is older, ms, whatever P_OLDEST leaves open
P_EARLY = const(67)  # an age may be said larger than it is by so much, ms
P_USED = const(68)  # [draw, feed][leg] what islet's devices below have or are promised
P_SERVED = const(74)  # [draw, feed][leg] of that, what those served so far have
P_UNSURE = const(80)  # [leg] what devices may deliver beyond that if nobody can tell them
P_COUNT = const(83)  # [leg] devices of one rank that still share what is left
P_SEES = const(86)  # [leg] islet's own current below it, as the witness counts it
P_SHOWS_MS = const(89)  # least time beyond its age until a step of islet's own shows
P_TAKES = const(90)  # TAKES_*: may something below take a step of islet's own
P_SAME_MS = const(91)  # since any of its readings changed
P_DUE = const(92)  # [offer, draw, feed][leg] what its devices were told of late and do not yet
P_PROVED = const(101)  # [offer, draw, feed][leg] what is proved leaves beside what it sees
P_TRIES = const(110)  # bits: legs on which offers make a step to be seen; << 3: what is taken back
P_MANY = const(111)  # bits: 1 more than one that takes an offer is below, 2 told a power
P_NEUTRAL = const(112)  # mA, rating of its neutral
P_REACTIVE = const(113)  # [leg] of its reading, what is not active
P_LESS = const(116)  # [leg] what makes its reading the active part
P_ROW = const(119)

# columns of P_ROOM and P_WHY: the breaker or conductor, then the busbar the node feeds
DRAW = const(0)
DRAW_BUS = const(1)
FEED = const(2)
FEED_BUS = const(3)

FRESH = const(1)
UNMETERED = const(0)
STALE = const(-1)

WHY_BREAKER = const(0)
WHY_BUSBAR = const(1)
WHY_STATIC = const(2)
WHY_STALE = const(3)
WHY_NEUTRAL = const(4)
WHY_BALANCE = const(5)
WHY_LEASE = const(6)  # and the issuer

WIDEST_MA = const(2_000_000)
OPEN_MA = const(1 << 27)  # room where nothing limits
FROZEN_MA = const(1 << 28)

# --- rows: a device ---------------------------------------------------------------------------

D_NODE = const(0)  # -1 none
D_LEGS = const(1)  # how many
D_LEG = const(2)  # [k] leg of the site
D_OFFERS = const(5)  # 1: it takes an offer, mA per leg; 0: signed W
D_RANK = const(6)
D_LEAST_MA = const(7)
D_STALE_MS = const(8)  # its own measurement is fresh up to this
D_SURE = const(9)  # 1: it gives up by itself when nobody tells it anything
D_SETTLES_MS = const(10)  # until it is certainly where it was sent
D_LOW_MA = const(11)  # worst credible per leg while it is not measured
D_HIGH_MA = const(12)
D_LOW_W = const(13)
D_HIGH_W = const(14)
D_FEED_MA = const(15)  # nameplate, as what it may deliver per leg
D_UNSURE = const(16)  # 1: its nameplate counts in full
D_FRESH = const(17)
D_AGE_MS = const(18)  # of its measurement, a step ago
D_TOLD = const(19)  # its setpoint, a step ago
D_WORST_MS = const(20)  # left until it is certainly where it was sent
D_VOLTS = const(21)  # lowest of its legs
D_MA64_PER_W = const(22)  # 64 mA on each of its legs per W
# what it has, what it wants and what it is left
D_HAS = const(23)  # [draw, feed][leg] measured, told, or promised to it
D_WANTS = const(29)  # [draw, feed] but for the panel
D_TAKES = const(31)  # [draw, feed] of its share, what it wants
D_HIGH = const(33)  # what it may draw, and END_*: which place and cause made it so
D_LOW = const(37)  # what it may feed back, as a positive number, and END_*
D_AFTER = const(41)  # [draw, feed] the device that was served before it there, -1 none
# how fast it follows
D_FELL = const(43)  # [draw, feed] what it was told, since when it is timed, -1 not
D_STIRS_MS = const(47)  # since a higher offer, -1
D_STOOD_MA = const(48)
D_OFFERED_MA = const(49)
D_RESTED = const(50)  # it has stood still since its last step
D_TOOK_MS = const(51)  # to follow, seen just now, 0 none
D_NOTICED_MS = const(52)
D_EXCESS_MS = const(53)  # for so long it has drawn more than it is left
D_DEADLINE_MS = const(54)
# its command, as the witness sees it
D_LAST_MA = const(55)
D_REST_MA = const(56)
D_REST_MS = const(57)
D_MOVING_MS = const(58)
D_MOVES_MS = const(59)  # for so long it has moved, so that it may answer something else; 0 no
D_ROSE_MS = const(60)  # since it last went away from zero
D_SEES_MA = const(61)  # [leg] its current, as the witness counts it
D_DUE_MA = const(64)  # [leg] what it was told of late and does not draw, or feed back, yet
D_PROVED_DRAW = const(67)  # most it may draw on what the witness has seen, END_NODE and END_LEG
D_PROVED_FEED = const(70)
# an overload that it may relieve
D_RELIEF = const(73)  # mA it would have to deliver, END_NODE and END_LEG
D_RELIEF_MS = const(76)  # for so long there has been one
D_CREDIT = const(77)  # of that, what others count on
# what it does not use
D_UNUSED = const(78)  # bits of its legs (k) that carry nothing while another one does
D_STILL_MS = const(79)  # [k] for so long; -1: something may flow there unseen
D_BASE_MA = const(82)  # [k] what others drew there before
D_SPARE_MS = const(85)  # for so long it has drawn clearly less than it was told
D_SPARE_TOLD = const(86)  # mA per leg that it was told, a step ago
D_NEEDS = const(87)  # mA per leg that it uses or may begin at once; WIDEST_MA: what it is told
# of the neutral
D_UNEVEN = const(88)  # 1: it may load the site's legs differently
D_SERVED = const(89)  # bits: its drawing 1 has a share, 4 is promised; its feeding back 2, 8
D_NEUTRAL = const(90)  # [draw, feed] mA per leg that neutrals leave it, and END_NODE; -1: that
# the balance of the legs does
D_ROW = const(94)

END_NODE = const(1)
END_LEG = const(2)
END_WHY = const(3)

# --- slots ------------------------------------------------------------------------------------

H_LOW = const(0)  # [leg] lowest credible current
H_HIGH = const(3)  # [leg] highest
H_LOW_W = const(6)  # of what is told a power
H_HIGH_W = const(7)
H_ROW = const(8)
RING = const(32)  # slots, one a step: 3.2 s at the control cycle, a power of two


# --- book: the head ---------------------------------------------------------------------------

B_DT_MS = const(0)
B_STALE_MS = const(1)
B_BEGAN = const(2)  # 1: a command of islet's began to move in the last cycle
B_TICK = const(3)  # bits: TICK_*
B_MA64_PER_W = const(4)  # 64 mA per W on one leg
B_KNOWN = const(5)  # bits of the devices that are measured now and flow through the service
B_NODE = const(6)  # named: the first place, -1 none
B_LEG = const(7)
B_HEAD = const(8)
TICK_LATCH = const(1)  # the latched flows move on
TICK_STIR = const(2)  # a span of listening is over

TAKES_NOTHING = const(0)
TAKES_SOURCE = const(1)  # a source that is not islet's, not said to regulate
TAKES_ALWAYS = const(2)  # declared self-regulating, not proved at commissioning

# --- book: a place, at node * 3 + leg -----------------------------------------------------------

C_OWN = const(0)  # islet's own current where it last moved
C_STEADY_MS = const(1)  # since then
C_OPEN = const(2)  # the window: SHUT, OPEN, SPOILT (islet reacted to something else meanwhile)
C_FROM = const(3)  # own current when the window opened
C_BASE = const(4)  # the flow just before
C_NEXT = const(5)  # the flow that becomes C_BASE
C_LAST = const(6)  # the flow a cycle ago
C_SUM_OWN = const(7)  # what windows gathered
C_SUM_FLOW = const(8)
C_PROVED = const(9)  # size of the own current that the instrument has shown rightly
C_MISSES = const(10)  # 0 good, n misses, -n named: so many successes heal
C_MISS_OFF = const(11)  # the last miss: flow less own, and own, >> 7, own positive
C_MISS_OWN = const(12)
C_HEALED = const(13)  # bits: 1 a step up, 2 a step down was shown since named
C_STIR = const(14)  # of the spans in which nothing of islet's moves, how many something stirs in
C_STIR_FLOW = const(15)  # flow at the span's begin
C_OPEN_MS = const(16)  # since the window opened
C_LOWEST = const(17)  # the flow's extremes in the window: one that goes there and back again
C_HIGHEST = const(18)  # shows that something else stirred
C_BACK = const(19)  # 1: what is beyond the proved is being taken back
C_ROW = const(20)

SHUT = const(0)
OPEN = const(1)
SPOILT = const(2)

HEAL = const(-3)
KEPT_MA = const(600)
WIDE_MA = const(1 << 27)


def node_at(node):
    """Where a node's row of the plan begins."""
    return P_HEAD + node * P_ROW


def place_at(node, leg):
    """Where a place's row of the book begins."""
    return B_HEAD + (node * 3 + leg) * C_ROW
