"""Held-out windows: python windows.py DATA OUT.json. Run with the forge's environment, from the repository root."""

import csv
import gzip
import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, "models")
from forge.data.corpus import read_corpus  # noqa: E402

DATA, OUT = Path(sys.argv[1]), sys.argv[2]
HOURLY = ("electricity-short", "ercot", "air_quality", "bdg2", "bike")
windows = []


def add(group, freq, season, horizon, values, cuts, series):
    for cut in cuts:
        context, target = values[max(0, cut - 512) : cut], values[cut : cut + horizon]
        if np.isfinite(context).sum() < 60 or np.isfinite(target).sum() < horizon // 2 or len(target) < horizon:
            continue
        context = context[np.argmax(np.isfinite(context)) :]
        if not np.isfinite(context[-1]):
            continue
        row = dict(group=group, freq=freq, season=season, horizon=horizon, series=series, cut=int(cut))
        clean = {key: [float(v) if np.isfinite(v) else None for v in own] for key, own in (("context", context), ("target", target))}
        windows.append(row | clean)


def of_corpus(one):
    """Group, spacing, season, horizon and number of windows; None for what is left out."""
    step = one.name.rsplit("@", 1)[1]
    if step not in ("1", "2"):
        return None
    minutes = 30 if "taxi" in one.name else 60 if any(part in one.name for part in HOURLY) else 0
    group = one.name.split("/")[1].split("_")[0]
    if "air_quality" in one.name:
        group += "-" + one.name.split("/")[-1].split("@")[0]
    if "ercot" in one.name:
        group = "ercot"
    if minutes and step == "1":
        return group, f"PT{minutes}M" if minutes < 60 else "PT1H", 1440 // minutes, 96, 14
    if minutes:
        return f"{group}@2", f"PT{2 * minutes}M", 720 // minutes, 48, 8
    if step == "1" and "gasoline" in one.name:
        return group, "P1W", 1, 13, 12
    if step == "1" and ("bus" in one.name or "flights" in one.name):
        return group, "P1D", 7, 28, 12
    return None


for one in read_corpus(DATA):
    if not one.held_out:
        continue
    n = len(one.values)
    if one.name.startswith("m4/"):
        horizon, season, freq = (48, 24, "PT1H") if "/H" in one.name else (13, 1, "P1W")
        cuts = [n - horizon * (1 + k) for k in range(3) if n - horizon * (1 + k) > 80]
        add(f"{one.group}-h", freq, season, horizon, one.values, cuts, one.name)
    elif "@" in one.name and (shape := of_corpus(one)):
        group, freq, season, horizon, count = shape
        first = min(300, n // 2)
        if n - horizon > first:
            cuts = sorted({int(cut) for cut in np.linspace(first, n - horizon, count)})
            add(group, freq, season, horizon, one.values, cuts, one.name)

with gzip.open(DATA / "forecasting" / "weather.csv.gz", "rt") as file:
    table = np.array([[float(cell) for cell in row[1:]] for row in list(csv.reader(file))[1:]])
n = len(table)
for j, values in enumerate(table.T):
    train = values[: int(0.7 * n)]
    values = (values - train.mean()) / (train.std() or 1)
    add("weather", "PT10M", 144, 96, values, [int(cut) for cut in np.linspace(n - int(0.2 * n), n - 96, 8)], f"w{j}")
    hours = values[: n // 6 * 6].reshape(-1, 6).mean(axis=1)
    cuts = [int(cut) for cut in np.linspace(0.6 * len(hours), len(hours) - 96, 6)]
    add("weather-h", "PT1H", 24, 96, hours, cuts, f"wh{j}")

json.dump(windows, open(OUT, "w"))
print(len(windows), "windows")
