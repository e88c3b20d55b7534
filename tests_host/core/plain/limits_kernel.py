# islet test: what the kernel of claims and leases computes, said plainly; runs on the device too.


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
