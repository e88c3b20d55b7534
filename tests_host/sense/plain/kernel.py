# islet: what kernel.py computes, said plainly; the two are tested for equality.
# GPL-3.0-or-later


def _channel(samples, frames, stride, c):
    return [samples[n * stride + c] for n in range(frames)]


def _even(code, steps):
    """The code as if 512, 1536, 2560 and 3584 were no wider than the others."""
    code_at = code
    for at, step in ((512, steps[0]), (1536, steps[1])):
        code -= step if code_at < at else 0
    for at, step in ((2560, steps[2]), (3584, steps[3])):
        code += step if code_at > at else 0
    return code


def scan(samples, frames, stride, offsets, rows, steps):
    for c in range(stride):
        codes = _channel(samples, frames, stride, c)
        even = [_even(code, steps) for code in codes]
        total = sum(even)
        squares = sum([(code - offsets[c]) ** 2 for code in even]) >> 4
        rails = sum([1 for code in codes if code in (0, 4095)])
        bad = 1 if min(codes) == max(codes) or rails >= 3 else 0
        _, before, _, _, _, _, _, w_total, w_squares, w_bad = [rows[10 * c + i] for i in range(10)]
        row = (total, squares, min(codes), max(codes), rails, bad, before)
        window = (w_total + total, w_squares + squares, w_bad + bad)
        for i, value in enumerate(row + window):
            rows[10 * c + i] = value


def fast(rows, channels, fields, count, gains, shifts, live):
    bad = 0
    for i in range(count):
        c = channels[i]
        squares = 5 * (rows[10 * c + 1] + rows[10 * c + 6])
        live[fields[i]] = rms(squares, gains[c], shifts[c])
        bad += rows[10 * c + 5]
    return bad


def clear(rows, stride):
    for c in range(stride):
        for i in (7, 8, 9):
            rows[10 * c + i] = 0


def product(samples, frames, stride, a, b, a0, b0):
    first = _channel(samples, frames, stride, a)
    second = _channel(samples, frames, stride, b)
    return sum([(first[n] - a0) * (second[n] - b0) for n in range(frames)]) >> 4


def product_late(samples, frames, stride, a, b, a0, b0, before):
    first = [before] + _channel(samples, frames, stride, a)
    second = _channel(samples, frames, stride, b)
    return sum([(first[n] - a0) * (second[n] - b0) for n in range(frames)]) >> 4


def crossing(samples, frames, stride, c, middle, hysteresis, state):
    codes = [state[0]] + _channel(samples, frames, stride, c)
    found = -1
    for n in range(frames):
        last, x = codes[n] - middle, codes[n + 1] - middle
        if state[1] and x >= 0:
            state[1] = 0
            if found < 0 and last < 0:
                found = n * 256 + min(255, -last * 256 // (x - last))
        elif not state[1] and x < -hysteresis:
            state[1] = 1
    state[0] = codes[-1]
    return found


def plateaus(samples, frames, stride, c, lowest, highest, result):
    codes = _channel(samples, frames, stride, c)
    middle, margin = (lowest + highest) // 2, (highest - lowest) // 32
    high = [code for code in codes if code >= highest - margin]
    low = [code for code in codes if code <= lowest + margin]
    pairs = [(codes[n - 1], codes[n]) for n in range(1, frames)]
    result[0], result[1] = sum(high), len(high)
    result[2], result[3] = sum(low), len(low)
    result[4] = sum([1 for before, code in pairs if before <= middle < code])


def rms(squares, gain, shift):
    if squares == 0:
        return 0
    while squares < 2**28:
        squares *= 4
        shift += 1
    root = 1 << 14
    while (root + 1) ** 2 <= squares:
        root += 1
    return root * gain >> shift
