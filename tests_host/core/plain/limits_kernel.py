# islet test: what the kernels of claims, leases and grants compute, said plainly; runs on the
# device too.

from firmware import image as im


def claim(table, at, rows, low, high, reason, node, leg, value, low_reason, wish):
    if not wish:
        low, high = min(0, low), max(0, high)
    low_reason = reason if low_reason < 0 else low_reason
    row = (max(low, -2000000), min(high, 2000000), reason, low_reason, node, leg, value)
    for i, field in enumerate(row):
        table[at + rows * i] = field


def arbitrate(table, first, sources, results, devices):
    claims = list(table[first : first + 2 * sources * devices])
    for device in range(devices):
        ends = [claims[i] for i in range(device, len(claims), devices)]
        low, high = ends[0], ends[sources]
        winners = [0, 0]
        for source in range(1, sources):
            bottom, top = [
                max(low, min(high, end)) for end in (ends[source], ends[source + sources])
            ]
            winners = [source if bottom > low else winners[0],
                       source if top < high else winners[1]]  # fmt: skip
            low, high = bottom, top
        for i, value in enumerate((low, high, winners[0], winners[1])):
            table[results + i * devices + device] = value


def hold(said, table, rows, steps, leases, back, held, up_s):
    ends = []
    for row in range(rows):
        places = range(leases + row * steps, leases + row * steps + steps)
        stand = [[said[at + i * rows * steps] for i in (0, 1, 2)] for at in places]
        stand = [step for step in stand if step[2] > up_s]
        timed = [step[2] for step in stand if step[2] < 1000000000]
        if not timed:
            stand.append([said[back + row], said[back + rows + row]])
        table[held + row] = max([-2000000] + [step[0] for step in stand])
        table[held + rows + row] = min([2000000] + [step[1] for step in stand])
        ends += timed
    return min([1000000000] + ends)


def strictest(table, found, at, issuers, stride, apart):
    lows = [-2000000] + [table[at + i * stride] for i in range(issuers)]
    highs = [2000000] + [table[at + apart + i * stride] for i in range(issuers)]
    found[0], found[1] = max(lows), min(highs)
    found[2] = lows.index(max(lows)) - 1
    found[3] = highs.index(min(highs)) - 1


def said(table, requests, bits, sequence, ttl, dt_ms):
    changed = 0
    for device in range(8):
        if not bits >> device & 1:
            continue
        seq, ms, stood = table[3 * device : 3 * device + 3]
        now = requests[sequence + device]
        ms = 0 if now != seq else min(1000000000, ms + dt_ms)
        stands = int(ms < requests[ttl + device])
        if now != seq or stands != stood:
            changed |= 1 << device
        for i, value in enumerate((now, ms, stands)):
            table[3 * device + i] = value
    return changed


def enter(grants, commands, device, dt_ms):
    """Grants: the present bucket, its age, the answer, then 32 lows and 32 highs."""
    low = min(0, commands[im.GRANT_LOW + device])
    high = max(0, commands[im.GRANT_HIGH + device])
    now, ms = grants[0], grants[1] + dt_ms
    if ms >= 500:
        now, ms = (now + 1) % 32, 0
        grants[4 + now], grants[36 + now] = low, high
    grants[0], grants[1], grants[2], grants[3] = now, ms, low, high
    grants[4 + now] = min(low, grants[4 + now])
    grants[36 + now] = max(high, grants[36 + now])


def since(grants, ms):
    ms = min(15000, ms) - grants[1]
    turns = [(grants[0] - back) % 32 for back in range(1 + max(0, (ms + 499) // 500))]
    grants[2] = min([grants[4 + turn] for turn in turns])
    grants[3] = max([grants[36 + turn] for turn in turns])
