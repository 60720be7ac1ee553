"""Public models on the windows of an evaluation manifest, in the scores of docs/evaluation.md.

    python measure.py --data DIR --manifest ../zero-shot/manifest.json --models fracast,auto-ets --out results.jsonl

One line of JSON per set and model: WQL, MASE, the same relative to the textbook's seasonal naive, windows, seconds.
"""

import argparse
import csv
import gzip
import io
import json
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist

import numpy as np

LEVELS = np.arange(1, 10) / 10
MEDIAN = 4
# The central intervals whose bounds are the levels.
COVERAGES = [20, 40, 60, 80]
# Of M4 weekly the year; the manifest's 1 is that of its seasonal naive and of MASE, as in the competition.
STATISTICAL_SEASON = {"P1W": 52}

# [windows, context] and steps to [windows, steps, levels]; NaN where missing.
Forecast = Callable[[np.ndarray, int], np.ndarray]


@dataclass(frozen=True)
class Windows:
    """One length of context a row, NaN-padded on the left; actual: [windows, steps]."""

    history: np.ndarray
    actual: np.ndarray


def rows_of(path: Path) -> list[list[str]]:
    with gzip.open(path, "rb") as file:
        return list(csv.reader(io.TextIOWrapper(file, encoding="utf-8-sig")))


def read_windows(folder: Path, entry: dict) -> Windows:
    context, steps = entry.get("contextLimit", 512), entry["predictionLength"]
    if entry["layout"] == "rows":
        return m4_windows(folder, entry, context)
    header, *rows = rows_of(folder / entry["file"])
    time_column = header.index(entry["time"])
    values = np.array([[float(cell) for i, cell in enumerate(row) if i != time_column] for row in rows])
    split = entry["split"]
    train = values[: split["train"]]
    if entry.get("standardise") == "train":
        values = (values - train.mean(axis=0)) / train.std(axis=0)
    first = split["train"] + split["validation"]
    origins = range(first, first + split["test"] - steps + 1, entry.get("stride", 1))
    history = np.concatenate([values[origin - context : origin].T for origin in origins])
    actual = np.concatenate([values[origin : origin + steps].T for origin in origins])
    return Windows(history, actual)


def m4_windows(folder: Path, entry: dict, context: int) -> Windows:
    def series(file: str) -> dict[str, np.ndarray]:
        return {
            row[0]: np.array([float(cell) for cell in row[1:] if cell not in ("", "NA")])
            for row in rows_of(folder / file)[1:]
        }

    train, test = series(entry["file"]), series(entry["split"]["test"])
    history = np.full((len(train), context), np.nan)
    for i, values in enumerate(train.values()):
        kept = values[-context:]
        history[i, context - len(kept) :] = kept
    return Windows(history, np.array([test[name][: entry["predictionLength"]] for name in train]))


def seasonal_naive(season: int) -> Forecast:
    """The textbook's: the last cycle, normal around it, wider with the root of the cycles (FPP3, 5.5)."""

    def forecast(history: np.ndarray, steps: int) -> np.ndarray:
        difference = history[:, season:] - history[:, :-season]
        deviation = np.sqrt(np.nanmean(difference**2, axis=1))
        centre = np.tile(history[:, -season:], (1, -(-steps // season)))[:, :steps]
        width = deviation[:, None] * np.sqrt(np.arange(steps) // season + 1)
        return centre[..., None] + width[..., None] * np.array([NormalDist().inv_cdf(level) for level in LEVELS])

    return forecast


def fracast() -> Forecast:
    """The wheel's own weights in float32; beyond its 48 steps it is rolled as its own code does."""
    from fracast import FracastModel

    model = FracastModel.from_pretrained(weights="fp32")
    columns = [int(np.argmin(np.abs(np.array(model.quantiles) - level))) for level in LEVELS]

    def forecast(history: np.ndarray, steps: int) -> np.ndarray:
        batches = range(0, len(history), 64)
        blocks = [model.forecast_batch(history[start : start + 64], horizon=steps) for start in batches]
        return np.concatenate(blocks).astype(np.float64)[..., columns]

    return forecast


def statistical(name: str, season: int) -> Forecast:
    """AutoETS or AutoTheta of statsforecast, fitted to each context."""
    from statsforecast.models import AutoETS, AutoTheta, SeasonalNaive

    family = {"auto-ets": AutoETS, "auto-theta": AutoTheta}[name]

    def one(context: np.ndarray, steps: int) -> np.ndarray:
        values = context[np.isfinite(context)]
        try:
            answer = family(season_length=season).forecast(values, h=steps, level=COVERAGES)
        except Exception as error:  # a context that it can't fit
            warnings.warn(f"{name}: {error}; seasonal naive stands in", stacklevel=2)
            answer = SeasonalNaive(season_length=season).forecast(values, h=steps, level=COVERAGES)
        low = [answer[f"lo-{coverage}"] for coverage in reversed(COVERAGES)]
        high = [answer[f"hi-{coverage}"] for coverage in COVERAGES]
        return np.stack([*low, answer["mean"], *high], axis=-1)

    return lambda history, steps: np.stack([one(context, steps) for context in history])


def scores(windows: Windows, quantiles: np.ndarray, season: int) -> dict[str, float]:
    history, actual = windows.history, windows.actual
    error = actual[..., None] - quantiles
    pinball = np.maximum(LEVELS * error, (LEVELS - 1) * error).sum(axis=(0, 1))
    denominator = np.nanmean(np.abs(history[:, season:] - history[:, :-season]), axis=1)
    scaled = denominator > 0
    absolute = np.abs(quantiles[..., MEDIAN] - actual).mean(axis=1)
    return {
        "WQL": float((2 * pinball / np.abs(actual).sum()).mean()),
        "MASE": float((absolute[scaled] / denominator[scaled]).mean()),
    }


def measure(folder: Path, entry: dict, models: list[str]) -> Iterator[dict]:
    windows = read_windows(folder, entry)
    season, steps = entry["seasonality"], entry["predictionLength"]
    makers: dict[str, Callable[[], Forecast]] = {
        "fracast": fracast,
        "auto-ets": lambda: statistical("auto-ets", STATISTICAL_SEASON.get(entry["freq"], season)),
        "auto-theta": lambda: statistical("auto-theta", STATISTICAL_SEASON.get(entry["freq"], season)),
    }
    naive = scores(windows, seasonal_naive(season)(windows.history, steps), season)
    for name in models:
        forecast = makers[name]()
        started = time.perf_counter()
        own = scores(windows, forecast(windows.history, steps), season)
        yield {
            "set": entry["name"],
            "model": name,
            **own,
            "relativeWQL": own["WQL"] / naive["WQL"],
            "relativeMASE": own["MASE"] / naive["MASE"],
            "windows": len(windows.history),
            "seconds": round(time.perf_counter() - started, 1),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--manifest", type=Path, required=True)
    parser.add_argument("--models", default="fracast,auto-ets,auto-theta")
    parser.add_argument("--sets", help="comma-separated names, all when absent")
    parser.add_argument("--out", type=Path, help="JSON lines, appended")
    options = parser.parse_args()
    entries = json.loads(options.manifest.read_text())
    wanted = options.sets.split(",") if options.sets else [entry["name"] for entry in entries]
    for entry in entries:
        if entry["name"] not in wanted:
            continue
        for result in measure(options.data, entry, options.models.split(",")):
            line = json.dumps(result)
            print(line, flush=True)
            if options.out:
                with options.out.open("a") as file:
                    file.write(line + "\n")


if __name__ == "__main__":
    main()
