"""Picks the condition of a picture: docs/package.md, section 11. Needs numpy."""
import numpy as np

BAND_PIXELS, BAND_ROWS = 16384, 16


def log_scale(value):
    """256 log2(1 + value), interpolated between powers of two."""
    power = (value + 1).bit_length() - 1
    return 256 * power + ((value + 1 - (1 << power) << 8) >> power)


class Mean:
    """A sum and how many were summed, over the bands."""

    def __init__(self):
        self.sum = self.count = 0

    def add(self, values):
        self.sum += int(values.sum())
        self.count += values.size

    def __call__(self, scale=256):
        return scale * self.sum // self.count if self.count else 0

    def log(self, scale=256):
        return log_scale(self(scale))


def look_at(band, m):
    """Adds one band, int64 [rows, width, channels], to the means."""
    rows, width, channels = band.shape
    luma = (band @ [77, 150, 29] + 128) >> 8 if channels == 3 else band[:, :, 0]
    y = luma.ravel()
    for name, values in (("level", y), ("square", y * y), ("dark", y < 8), ("bright", y >= 248)):
        m[name].add(values)
    for d in (1, 2, 4):
        m["along%d" % d].add(np.abs(y[d:] - y[:-d]))
        m["down%d" % d].add(np.abs(y[d * width:] - y[:-d * width]))
    step, darker = np.abs(y[1:] - y[:-1]), np.minimum(y[1:], y[:-1])
    m["flat"].add(step == 0)
    m["ripple"].add((step >= 1) & (step <= 3))
    m["shade"].add(step[darker < 32])
    m["edge"].add(np.abs(luma[:, 8::8] - luma[:, 7:-1:8]))
    m["edge"].add(np.abs(luma[8::8] - luma[7:-1:8]))
    if rows >= 3 and width >= 3:
        def at(offset):
            return y[width + 1 + offset:y.size - width - 1 + offset]
        sides = np.stack([at(-1), at(1), at(-width), at(width)])
        corners = at(-width - 1) + at(-width + 1) + at(width - 1) + at(width + 1)
        m["noise"].add(np.abs(corners - 2 * sides.sum(0) + 4 * at(0)))
        m["impulse"].add((at(0) >= sides.max(0) + 32) | (at(0) <= sides.min(0) - 32))
    if channels == 3:
        left, right = band[::2, :-1:4], band[::2, 1::4]
        m["saturation"].add(left.max(2) - left.min(2))
        m["tint"].add(np.abs(left[:, :, 0] - left[:, :, 2] - right[:, :, 0] + right[:, :, 2]))


def statistics(picture):
    """The 16 statistics of a u8 picture [height, width, channels]."""
    height, width, _ = picture.shape
    every = -(-height * width // BAND_PIXELS)
    rows = height if every == 1 else BAND_ROWS
    names = "level square dark bright flat ripple shade edge noise impulse saturation tint".split()
    m = {name: Mean() for name in names + ["%s%d" % (way, d) for way in ("along", "down") for d in (1, 2, 4)]}
    for top in range(0, height, rows * every):
        look_at(picture[top:top + rows].astype(np.int64), m)
    steps = [Mean() for _ in range(4)]  # at distance 1, 2, 4; at distance 1 off the edges
    for way in ("along", "down"):
        for total, d in zip(steps, (1, 2, 4, 1)):
            total.sum += m["%s%d" % (way, d)].sum
            total.count += m["%s%d" % (way, d)].count
    steps[3].sum -= m["edge"].sum
    steps[3].count -= m["edge"].count
    level = m["level"](16)
    return [level, log_scale(m["square"]() - level * level) // 2, m["dark"](4096), m["bright"].log(65535),
            steps[0].log(), steps[1].log(), steps[2].log(), m["along1"].log() - m["down1"].log(),
            m["edge"].log() - steps[3].log(), m["noise"].log(32), m["impulse"].log(65535), m["flat"](4096),
            m["ripple"](4096), m["shade"].log(), m["saturation"].log(), m["tint"].log(128)]


def requantised(accumulators, entries, most):
    """Section 10; Python's right shift rounds down, and its numbers do not overflow."""
    return [max(-most, min(most, ((a + bias) * multiplier + (1 << shift >> 1)) >> shift))
            for a, (bias, multiplier, shift) in zip(accumulators, entries)]


def estimate(estimator, picture):
    """The index of the condition to execute."""
    def layer(part, inputs, most):
        weights, entries = estimator[part]
        return requantised([sum(w * x for w, x in zip(row, inputs)) for row in weights], entries, most)

    inputs = requantised(statistics(picture), estimator["input"][1], 127)
    scores = layer("output", [max(0, h) for h in layer("hidden", inputs, 127)], 32767)
    best, next_best = sorted(scores, reverse=True)[:2]
    return scores.index(best) if best - next_best >= estimator["margin"] else estimator["fallback"]
