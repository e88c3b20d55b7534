# islet: what kernel.py computes, said plainly; the two are tested for equality.
# GPL-3.0-or-later


def _channel(samples, frames, stride, c):
    return [samples[n * stride + c] for n in range(frames)]


def scan(samples, frames, stride, offsets, result):
    for c in range(stride):
        codes = _channel(samples, frames, stride, c)
        result[4 * c] = sum(codes)
        result[4 * c + 1] = sum([(code - offsets[c]) ** 2 for code in codes]) >> 4
        result[4 * c + 2] = min(codes)
        result[4 * c + 3] = max(codes)


def rails(samples, frames, stride, c):
    return sum([1 for code in _channel(samples, frames, stride, c) if code in (0, 4095)])


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
    middle, margin = (lowest + highest) // 2, (highest - lowest) // 8
    high = [code for code in codes if code >= highest - margin]
    low = [code for code in codes if code <= lowest + margin]
    pairs = [(codes[n - 1], codes[n]) for n in range(1, frames)]
    result[0], result[1] = sum(high), len(high)
    result[2], result[3] = sum(low), len(low)
    result[4] = sum([1 for before, code in pairs if before <= middle < code])


def root(square):
    result = 0
    while (result + 1) ** 2 <= square:
        result += 1
    return result
