"""Synthetic series: a dozen generators, each vectorised over the series of a chunk.

Every generator takes `(rng, count, length)` and returns `(values [count, length], season candidates [count, 4])`.
The candidates are what a caller would know from the frequency: true calendar cycles, or zeros for free periods.
"""

import numpy as np
from numpy.random import Generator

from .frequency import MAX_CANDIDATES

Chunk = tuple[np.ndarray, np.ndarray]

# (short season, long season, candidates that the frequency gives)
CALENDARS = (
    (24, 168, (24, 168)),
    (48, 336, (48, 336)),
    (96, 672, (96,)),
    (144, 1008, (6, 144)),
    (288, 2016, (12, 288)),
    (7, 365, (7, 365)),
    (12, 0, (12,)),
    (4, 0, (4,)),
    (52, 0, (52,)),
)
CALENDAR_WEIGHTS = np.array([0.28, 0.12, 0.15, 0.07, 0.06, 0.16, 0.07, 0.02, 0.07])
FREE_PERIOD_SHARE = 0.25


def standardise_rows(x: np.ndarray) -> np.ndarray:
    x = np.nan_to_num(x, nan=0.0, posinf=0.0, neginf=0.0)
    centred = x - x.mean(axis=1, keepdims=True)
    return np.clip(centred / (centred.std(axis=1, keepdims=True) + 1e-9), -60, 60)


def _log_uniform(rng: Generator, low: float, high: float, size) -> np.ndarray:
    return np.exp(rng.uniform(np.log(low), np.log(high), size))


def _draw_seasons(rng: Generator, count: int) -> Chunk:
    """Periods [count, 2] (0: none) and candidates [count, 4]."""
    periods = np.zeros((count, 2))
    candidates = np.zeros((count, MAX_CANDIDATES))
    calendar = rng.choice(len(CALENDARS), size=count, p=CALENDAR_WEIGHTS)
    free = rng.random(count) < FREE_PERIOD_SHARE
    for row in range(count):
        if free[row]:
            period = _log_uniform(rng, 3, 200, None)
            periods[row] = (period, period * rng.integers(2, 9) if rng.random() < 0.3 else 0)
            continue
        short, long, known = CALENDARS[calendar[row]]
        periods[row] = (short, long)
        candidates[row, : len(known)] = known
    return periods, candidates


def _no_seasons(rng: Generator, count: int) -> np.ndarray:
    """Series without seasons still come with the candidates of some frequency."""
    return _draw_seasons(rng, count)[1]


def _walk(rng: Generator, count: int, length: int) -> np.ndarray:
    walk = np.cumsum(rng.standard_normal((count, length)), axis=1)
    return walk / np.sqrt(length)


def _ar1(innovations: np.ndarray, phi: np.ndarray) -> np.ndarray:
    """x_t = phi x_{t-1} + e_t along axis 1, scaled to unit variance; `phi` [count, 1]."""
    out = np.empty_like(innovations)
    state = innovations[:, :1] / np.sqrt(np.maximum(1 - phi**2, 1e-3))
    for t in range(innovations.shape[1]):
        state = phi * state + innovations[:, t : t + 1]
        out[:, t : t + 1] = state
    return out * np.sqrt(np.maximum(1 - phi**2, 1e-3))


def _coloured(rng: Generator, count: int, length: int, exponent: np.ndarray) -> np.ndarray:
    """Noise with power spectrum 1/f^exponent, unit variance; the doubled length avoids the wrap-around."""
    frequencies = np.arange(1, length + 1)
    spectrum = rng.standard_normal((count, length)) + 1j * rng.standard_normal((count, length))
    spectrum *= frequencies[None, :] ** (-exponent / 2)
    x = np.fft.irfft(np.concatenate([np.zeros((count, 1)), spectrum], axis=1), n=2 * length, axis=1)[:, :length]
    return x / (x.std(axis=1, keepdims=True) + 1e-9)


def _noise(rng: Generator, count: int, length: int) -> np.ndarray:
    """One of white, AR(1), Student t3, 1/f, heteroscedastic a row; unit variance."""
    kind = rng.integers(0, 5, count)
    white = rng.standard_normal((count, length))
    out = white.copy()
    rows = kind == 1
    out[rows] = _ar1(white[rows], rng.uniform(0.3, 0.97, (rows.sum(), 1)))
    rows = kind == 2
    out[rows] = rng.standard_t(3, (rows.sum(), length)) / np.sqrt(3)
    rows = kind == 3
    out[rows] = _coloured(rng, rows.sum(), length, rng.uniform(0.2, 2.2, (rows.sum(), 1)))
    rows = kind == 4
    volatility = np.exp(_coloured(rng, rows.sum(), length, rng.uniform(0.8, 2.2, (rows.sum(), 1))) * 0.7)
    out[rows] = white[rows] * volatility / np.sqrt((volatility**2).mean(axis=1, keepdims=True))
    return out


def _trend(rng: Generator, count: int, length: int) -> np.ndarray:
    """None, linear, bent, exponential, saturating or a smooth wander; unit range."""
    t = np.linspace(0, 1, length)[None, :]
    kind = rng.integers(0, 6, (count, 1))
    sign = rng.choice([-1.0, 1.0], (count, 1))
    bend = rng.uniform(0.1, 0.95, (count, 1))
    bent = t + np.maximum(t - bend, 0) * rng.uniform(-3, 3, (count, 1))
    rate = rng.uniform(0.5, 4, (count, 1))
    exponential = (np.exp(rate * t) - 1) / (np.exp(rate) - 1)
    saturating = 1 / (1 + np.exp(-rng.uniform(4, 20, (count, 1)) * (t - bend)))
    wander = _coloured(rng, count, length, rng.uniform(1.8, 3.0, (count, 1)))
    choices = (np.zeros((count, length)), np.broadcast_to(t, (count, length)), bent, exponential, saturating, wander)
    return sign * np.choose(kind, choices)


def disturb(rng: Generator, x: np.ndarray) -> np.ndarray:
    """Adds noise of .01-.7 standard deviations and, for half of the rows, a trend or wander."""
    count, length = x.shape
    deviation = x.std(axis=1, keepdims=True) + 1e-9
    noise = _noise(rng, count, length) * _log_uniform(rng, 0.01, 0.7, (count, 1))
    amount = np.where(rng.random((count, 1)) < 0.5, _log_uniform(rng, 0.2, 4, (count, 1)), 0)
    return x + deviation * (noise + amount * _trend(rng, count, length))


def _phase(periods: np.ndarray, length: int, offset: np.ndarray) -> np.ndarray:
    """Position in the cycle, in [0, 1); `periods`, `offset` [count, 1]."""
    return ((np.arange(length)[None, :] + offset) / np.maximum(periods, 1)) % 1.0


def _smooth_profile(rng: Generator, phase: np.ndarray, harmonics: int, decay: float = 1.0) -> np.ndarray:
    """A random smooth periodic function of `phase`, about unit variance a row."""
    count = phase.shape[0]
    out = np.zeros_like(phase)
    for k in range(1, harmonics + 1):
        a, b = rng.standard_normal((2, count, 1)) / k**decay
        out += a * np.cos(2 * np.pi * k * phase) + b * np.sin(2 * np.pi * k * phase)
    return out / (out.std(axis=1, keepdims=True) + 1e-9)


def _table_profile(rng: Generator, phase: np.ndarray, slots: int) -> np.ndarray:
    """A piecewise constant periodic function of `phase` with `slots` random values."""
    table = rng.standard_normal((phase.shape[0], slots))
    index = np.minimum((phase * slots).astype(int), slots - 1)
    return np.take_along_axis(table, index, axis=1)


def profiles(rng: Generator, count: int, length: int) -> Chunk:
    """Human activity: a daily profile whose height and shape depend on the day of the week, over a moving level."""
    periods, candidates = _draw_seasons(rng, count)
    short, long = periods[:, :1], periods[:, 1:]
    offset = np.floor(rng.uniform(0, 1, (count, 1)) * np.maximum(long, short))
    phase = _phase(short, length, offset)
    workday = _smooth_profile(rng, phase, 5, 0.8)
    table = _table_profile(rng, phase, 7)
    workday = np.where(short <= 13, table, workday)
    restday = workday * rng.uniform(0.2, 1.1, (count, 1)) + 0.5 * _smooth_profile(rng, phase, 3) * rng.random(
        (count, 1)
    )

    has_long = long > 0
    day = np.floor(_phase(np.maximum(long, 1), length, offset) * 7).astype(int)
    yearly = short == 7
    rest = (day >= 5) & has_long & ~yearly & (rng.random((count, 1)) < 0.75)
    height = 1 + np.take_along_axis(rng.standard_normal((count, 7)), day, axis=1) * rng.choice(
        [0, 0.05, 0.2], (count, 1)
    )
    height = np.where(has_long & ~yearly, height, 1.0)
    level = np.where(rest, -rng.exponential(1.0, (count, 1)) * rng.choice([-0.3, 0, 1, 1], (count, 1)), 0.0)
    long_wave = _smooth_profile(rng, _phase(np.maximum(long, 1), length, offset), 2) * rng.exponential(0.6, (count, 1))
    level = level + np.where(yearly, long_wave, 0.0)

    # each cycle has its own height and level, as weather has days
    cycles = int(np.ceil(length / 3)) + 2
    phi = rng.uniform(0, 0.95, (count, 1))
    fate = _ar1(rng.standard_normal((count, cycles)), phi)
    mood = _ar1(rng.standard_normal((count, cycles)), phi)
    cycle = np.floor((np.arange(length)[None, :] + offset % short) / short).astype(int)
    amplitude = np.exp(np.take_along_axis(fate, cycle, axis=1) * rng.choice([0, 0.1, 0.3, 0.6], (count, 1)))
    ramp = np.take_along_axis(mood, cycle, axis=1) * (1 - phase) + np.take_along_axis(mood, cycle + 1, axis=1) * phase
    level = level + ramp * rng.choice([0, 0.2, 0.5, 1.0], (count, 1))

    drift = _coloured(rng, count, length, rng.uniform(1.2, 2.4, (count, 1))) * rng.choice(
        [0, 0.2, 0.6, 1.5], (count, 1)
    )
    swell = np.exp(_coloured(rng, count, length, np.full((count, 1), 2.4)) * rng.choice([0, 0.2, 0.5], (count, 1)))
    x = np.where(rest, restday, workday) * height * amplitude * swell + level + drift
    dark = rng.random((count, 1)) < 0.08  # solar-like: nothing below a floor
    x = np.where(dark, np.maximum(x, np.quantile(x, 0.5, axis=1, keepdims=True)), x)
    positive = rng.random((count, 1)) < 0.25  # multiplicative world
    return np.where(positive, np.exp(0.6 * x / (x.std(axis=1, keepdims=True) + 1e-9)), x), candidates


def harmonics(rng: Generator, count: int, length: int) -> Chunk:
    periods, candidates = _draw_seasons(rng, count)
    offset = rng.uniform(0, 1, (count, 1)) * periods[:, :1]
    x = _smooth_profile(rng, _phase(periods[:, :1], length, offset), 4, rng.choice([0.5, 1.0, 2.0]))
    second = _smooth_profile(rng, _phase(np.maximum(periods[:, 1:], 2), length, offset), 3)
    x += np.where(periods[:, 1:] > 0, second * rng.exponential(0.7, (count, 1)), 0.0)
    envelope = np.exp(_coloured(rng, count, length, np.full((count, 1), 2.2)) * rng.choice([0, 0.3, 0.7], (count, 1)))
    return x * envelope, candidates


def exponential_smoothing(rng: Generator, count: int, length: int) -> Chunk:
    """ETS and seasonal random walks: level, damped trend and season states driven by one innovation."""
    periods, candidates = _draw_seasons(rng, count)
    period = np.clip(np.round(periods[:, 0]), 2, 400).astype(int)
    alpha = rng.beta(1, 3, count)
    beta = alpha * rng.beta(1, 12, count) * (rng.random(count) < 0.5)
    gamma = rng.beta(1, 5, count) * (rng.random(count) < 0.8)
    phi = rng.uniform(0.8, 1.0, count)
    sigma = _log_uniform(rng, 0.05, 1.0, count)
    season = _smooth_profile(rng, np.arange(400)[None, :] / period[:, None], 4, 0.7)
    season *= (rng.random((count, 1)) < 0.85) * _log_uniform(rng, 0.2, 3, (count, 1))
    errors = _noise(rng, count, length) * sigma[:, None]
    level, slope = np.zeros(count), rng.standard_normal(count) * 0.01
    out = np.empty((count, length))
    rows = np.arange(count)
    for t in range(length):
        slot = t % period
        error = errors[:, t]
        base = level + phi * slope
        out[:, t] = base + season[rows, slot] + error
        slope = phi * slope + beta * error
        level = base + alpha * error
        season[rows, slot] += gamma * error
    multiplicative = rng.random((count, 1)) < 0.3
    deviation = out.std(axis=1, keepdims=True) + 1e-9
    return np.where(multiplicative, np.exp(np.clip(out / deviation * 0.5, -6, 6)), out), candidates


def gaussian_processes(rng: Generator, count: int, length: int) -> Chunk:
    """Sums and products of 1-5 stationary kernels, drawn by circulant embedding."""
    lag = np.minimum(np.arange(2 * length), 2 * length - np.arange(2 * length)).astype(float)[None, :]
    periods, candidates = _draw_seasons(rng, count)
    kernel = np.zeros((count, 2 * length))
    size = rng.integers(1, 6, (count, 1))
    for term in range(5):
        scale = _log_uniform(rng, 3, length, (count, 1))
        period = np.where(rng.random((count, 1)) < 0.8, periods[:, :1], np.maximum(periods[:, 1:], 5))
        width = rng.uniform(0.4, 1.5, (count, 1))
        periodic = np.exp(-2 * (np.sin(np.pi * lag / period) / width) ** 2) * np.exp(-((lag / length) ** 2) * 0.3)
        smooth = np.exp(-0.5 * (lag / scale) ** 2)
        rough = (1 + np.sqrt(3) * lag / scale) * np.exp(-np.sqrt(3) * lag / scale)
        rational = (1 + 0.5 * (lag / scale) ** 2) ** -0.5
        part = np.choose(
            rng.choice(5, (count, 1), p=[0.25, 0.25, 0.15, 0.2, 0.15]), (periodic, periodic, smooth, rough, rational)
        )
        multiply = (rng.random((count, 1)) < 0.4) & (term > 0)
        combined = np.where(multiply, kernel * part, kernel + part * rng.exponential(1.0, (count, 1)))
        kernel = np.where(term < size, combined, kernel)
    power = np.maximum(np.fft.rfft(kernel, axis=1).real, 0)
    spectrum = (rng.standard_normal(power.shape) + 1j * rng.standard_normal(power.shape)) * np.sqrt(power)
    return np.fft.irfft(spectrum, n=2 * length, axis=1)[:, :length], candidates


def arima(rng: Generator, count: int, length: int) -> Chunk:
    """AR(2) with stationary roots, one moving-average term, integrated 0 or 1 times, half of them seasonal."""
    periods, candidates = _draw_seasons(rng, count)
    errors = _noise(rng, count, length)
    errors[:, 1:] += rng.uniform(-0.8, 0.8, (count, 1)) * errors[:, :-1]
    x = _ar1(_ar1(errors, rng.uniform(-0.5, 0.98, (count, 1))), rng.uniform(-0.5, 0.9, (count, 1)))
    integrate = rng.random(count) < 0.4
    x[integrate] = np.cumsum(x[integrate] + rng.standard_normal((integrate.sum(), 1)) * 0.03, axis=1)
    seasonal_phi = rng.uniform(0.4, 1.0, count) * (rng.random(count) < 0.5)
    period = np.clip(np.round(periods[:, 0]), 2, 400).astype(int)
    rows = np.arange(count)
    for t in range(2, length):
        back = t - period
        x[:, t] += np.where(back >= 0, seasonal_phi * x[rows, np.maximum(back, 0)], 0)
    return x, candidates


def random_walks(rng: Generator, count: int, length: int) -> Chunk:
    """Prices and stocks: drifts, fat tails, clustered volatility, half of them geometric."""
    steps = _noise(rng, count, length) + rng.standard_normal((count, 1)) * rng.choice([0, 0.03, 0.15], (count, 1))
    steps[:, 1:] += steps[:, :-1] * rng.uniform(-0.3, 0.7, (count, 1)) * (rng.random((count, 1)) < 0.4)
    walk = np.cumsum(steps, axis=1)
    geometric = np.exp(np.clip(walk / (walk.std(axis=1, keepdims=True) + 1e-9) * 0.5, -5, 5))
    noise = rng.standard_normal((count, length)) * rng.choice([0, 0, 0.5, 2.0], (count, 1))
    return np.where(rng.random((count, 1)) < 0.5, walk + noise, geometric), _no_seasons(rng, count)


def waves(rng: Generator, count: int, length: int) -> Chunk:
    periods, candidates = _draw_seasons(rng, count)
    phase = _phase(periods[:, :1], length, rng.uniform(0, 400, (count, 1)))
    duty = rng.uniform(0.1, 0.9, (count, 1))
    square = (phase < duty) * 1.0
    triangle = np.where(phase < duty, phase / duty, (1 - phase) / (1 - duty))
    pulse = np.exp(-0.5 * ((phase - 0.5) / rng.uniform(0.02, 0.15, (count, 1))) ** 2)
    decay = np.exp(-phase * rng.uniform(1, 8, (count, 1)))
    x = np.choose(rng.integers(0, 5, (count, 1)), (square, triangle, pulse, decay, phase))
    cycle = np.floor(np.arange(length)[None, :] / np.maximum(periods[:, :1], 3)).astype(int)
    heights = np.exp(rng.standard_normal((count, int(length / 3) + 2)) * rng.choice([0, 0, 0.3], (count, 1)))
    return x * np.take_along_axis(heights, cycle, axis=1), candidates


def mean_reverting(rng: Generator, count: int, length: int) -> Chunk:
    rate = _log_uniform(rng, 2, 300, (count, 1))
    x = _ar1(_noise(rng, count, length), np.exp(-1 / rate))
    jumps = (rng.random((count, length)) < 0.003) * rng.standard_normal((count, length)) * 4
    return x + _ar1(jumps, np.exp(-1 / rate)), _no_seasons(rng, count)


def counts(rng: Generator, count: int, length: int) -> Chunk:
    base, candidates = profiles(rng, count, length)
    shape = standardise_rows(base) * rng.uniform(0.2, 0.9, (count, 1))
    rate = np.exp(np.clip(shape, -4, 3)) * _log_uniform(rng, 0.3, 60, (count, 1))
    dispersion = rng.gamma(rng.choice([1.0, 5.0, 50.0], (count, 1)), size=(count, length))
    dispersion /= dispersion.mean(axis=1, keepdims=True)
    return rng.poisson(rate * dispersion).astype(float), candidates


def steps(rng: Generator, count: int, length: int) -> Chunk:
    """Regimes: a level that jumps now and then, over a weak season."""
    jumps = (rng.random((count, length)) < _log_uniform(rng, 0.001, 0.02, (count, 1))) * rng.standard_normal(
        (count, length)
    )
    season, candidates = harmonics(rng, count, length)
    return np.cumsum(jumps, axis=1) + season * rng.choice([0, 0.1, 0.4], (count, 1)), candidates


def coloured_noise(rng: Generator, count: int, length: int) -> Chunk:
    return _coloured(rng, count, length, rng.uniform(0, 2.6, (count, 1))), _no_seasons(rng, count)


def intermittent(rng: Generator, count: int, length: int) -> Chunk:
    base, candidates = profiles(rng, count, length)
    chance = np.clip(_log_uniform(rng, 0.03, 0.6, (count, 1)) * np.exp(0.7 * standardise_rows(base)), 0, 0.95)
    size = np.ceil(rng.gamma(rng.choice([0.7, 2.0, 8.0], (count, 1)), size=(count, length)) * 3)
    return np.where(rng.random((count, length)) < chance, size, 0.0), candidates


def spikes(rng: Generator, count: int, length: int) -> Chunk:
    periods, candidates = _draw_seasons(rng, count)
    phase = _phase(periods[:, :1], length, rng.uniform(0, 400, (count, 1)))
    regular = (phase < np.maximum(1.5 / periods[:, :1], rng.uniform(0, 0.08, (count, 1)))) * 1.0
    stray = (
        (rng.random((count, length)) < 0.01) * rng.exponential(1.0, (count, length)) * (rng.random((count, 1)) < 0.5)
    )
    return (regular + stray) * rng.choice([-1, 1], (count, 1)), candidates


UNDISTURBED = (counts, intermittent, random_walks)

# series at scale 1
MIXTURE = (
    (profiles, 34_000),
    (harmonics, 12_000),
    (exponential_smoothing, 14_000),
    (gaussian_processes, 14_000),
    (arima, 7_000),
    (random_walks, 9_000),
    (waves, 4_000),
    (mean_reverting, 6_000),
    (counts, 4_000),
    (steps, 4_000),
    (coloured_noise, 3_000),
    (intermittent, 3_000),
    (spikes, 2_000),
)
