"""Scores ways to weight the members: python weights.py WINDOWS.json MEMBERS.bin. Needs numpy."""

import json
import sys
from collections import defaultdict

import numpy as np

LEVELS = np.array([0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975])
SCORED = slice(2, 11)
NETWORKS = ["ttm/base", "tsmixer/base", "s-mamba/base", "time-moe/base"]
BASELINES = ["mstl", "ets"]

windows = json.load(open(sys.argv[1]))
numbers = np.fromfile(sys.argv[2], dtype=np.float32)
for window in windows:
    for key in ("context", "target"):
        window[key] = np.array([np.nan if v is None else v for v in window[key]], dtype=float)
    window["said"], window["tried"] = {}, {}
for row in json.load(open(f"{sys.argv[2]}.json")):
    own = numbers[row["at"] : row["at"] + row["steps"] * 13].reshape(-1, 13).astype(float)
    windows[row["i"]]["tried" if row["trial"] else "said"][row["member"]] = own


def pinball(actual, quantiles):
    seen = np.isfinite(actual)
    error = actual[seen, None] - quantiles[seen]
    return np.maximum(LEVELS * error, (LEVELS - 1) * error)


for window in windows:
    window["trial_loss"] = {
        member: pinball(window["context"][-len(own) :], own).mean() for member, own in window["tried"].items()
    }


def weighted(extras, sharpness):
    """Networks with a weight of 1 together and extras {member: prior}, by what each lost in the trial."""

    def forecast(window):
        priors = {name: 1 / len(NETWORKS) for name in NETWORKS} | extras
        said = {name: prior for name, prior in priors.items() if name in window["said"]}
        if window["season"] > 1:
            said.pop("ets", None)
        losses = np.array([window["trial_loss"].get(name, np.nan) for name in said])
        logits = np.log(list(said.values()))
        if np.nanmin(losses) > 0:
            logits = logits - np.where(np.isnan(losses), 0, sharpness * (losses / np.nanmin(losses) - 1))
        shares = np.exp(np.maximum(logits - logits.max(), -30))
        return sum(share * window["said"][name] for share, name in zip(shares / shares.sum(), said, strict=True))

    return forecast


def score(forecast):
    """WQL by group."""
    sums = defaultdict(lambda: np.zeros(2))
    for window in windows:
        loss = 2 * pinball(window["target"], forecast(window))[:, SCORED].mean(axis=1).sum()
        sums[window["group"]] += (loss, np.nansum(np.abs(window["target"])))
    return {group: loss / size for group, (loss, size) in sums.items()}


single = [score(lambda window, name=name: window["said"][name]) for name in NETWORKS]
best = {group: min(one[group] for one in single) for group in single[0]}


def show(name, forecast):
    ratios = {group: own / best[group] for group, own in score(forecast).items()}
    mean = np.exp(np.mean(np.log(list(ratios.values()))))
    groups = "  ".join(f"{ratios[group]:.3f}" for group in ("m4/Hourly-h", "m4/Weekly-h"))
    print(f"{name:44} {mean:.4f}  {max(ratios.values()):.3f}  {groups}")


def recent(prior, *points):
    return {f"ttm/base:last-{n}": prior for n in points}


baselines = dict.fromkeys(BASELINES, 0.05)
print(f"{'':44} mean    worst  m4-hourly  m4-weekly")
show("plain average of the networks", weighted({}, 0))
show("networks, by a trial", weighted({}, 8))
before = dict.fromkeys([*BASELINES, "seasonal-naive"], 0.025)
show("and the baselines, as it was", weighted(before, 4))
show("and the baselines, without seasonal naive", weighted(baselines, 8))
show("and the last points", weighted(recent(0.05, 256, 128), 8))
for sharpness in (4, 6, 8, 10, 16):
    show(f"and both, sharpness {sharpness}", weighted(recent(0.05, 256, 128) | baselines, sharpness))
for prior in (0.01, 0.025, 0.1):
    show(f"and both, baselines begin at {prior}", weighted(recent(0.05, 256, 128) | dict.fromkeys(BASELINES, prior), 8))
show("and both, the last 64 points too", weighted(recent(0.05, 256, 128, 64) | baselines, 8))
