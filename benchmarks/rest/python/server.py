"""The peer of `npm run bench -- rest`: the same ONNX file behind FastAPI and uvicorn, as one would write it.

POST /forecasts takes the same body as Tidecast does for inline series and answers the same numbers: window, scale, one run,
quantiles in the units of the series. It keeps nothing and checks little. MODEL names the package's folder.
"""

import json
import os
from datetime import UTC, datetime, timedelta

import numpy as np
import onnxruntime
from fastapi import FastAPI
from pydantic import BaseModel

folder = os.environ["MODEL"]
with open(os.path.join(folder, "manifest.json")) as file:
    manifest = json.load(file)
CONTEXT, LEVELS = manifest["contextLength"], manifest["levels"]
SEASONS = next(one["shape"][1] for one in manifest["inputs"] if one["name"] == "season_candidates")

options = onnxruntime.SessionOptions()
options.intra_op_num_threads = int(os.environ.get("THREADS", "1"))
session = onnxruntime.InferenceSession(os.path.join(folder, "model.onnx"), options, providers=["CPUExecutionProvider"])
app = FastAPI()


class Series(BaseModel):
    item_id: str
    freq: str
    start: datetime
    target: list[float | None]


class Request(BaseModel):
    series: list[Series]
    horizon: int
    model: str = "ttm"


@app.get("/health/ready")
def ready():
    return {"status": "ok"}


@app.post("/forecasts")
def forecasts(request: Request):
    return {"forecasts": [forecast(series, request.horizon) for series in request.series]}


def forecast(series: Series, horizon: int):
    target = np.array([np.nan if value is None else value for value in series.target], dtype=np.float64)[-CONTEXT:]
    seen = np.isfinite(target)
    loc, scale = target[seen].mean(), target[seen].std() or 1.0
    values, mask = np.zeros((1, CONTEXT), np.float32), np.zeros((1, CONTEXT), np.float32)
    values[0, CONTEXT - len(target) :] = np.where(seen, (target - loc) / scale, 0)
    mask[0, CONTEXT - len(target) :] = seen
    seasons = np.zeros((1, SEASONS), np.int64)
    seasons[0, 0] = 24
    feeds = {"past_values": values, "past_observed_mask": mask, "season_candidates": seasons}
    (output,) = session.run(["quantiles"], feeds)
    quantiles = np.sort(output.reshape(-1, len(LEVELS))[:horizon].astype(np.float64) * scale + loc, axis=1)
    cutoff = series.start.astimezone(UTC) + timedelta(hours=len(series.target) - 1)
    return {
        "item_id": series.item_id,
        "cutoff": cutoff.isoformat(),
        "ts": [(cutoff + timedelta(hours=step)).isoformat() for step in range(1, horizon + 1)],
        "levels": LEVELS,
        "mean": quantiles.mean(axis=1).tolist(),
        "quantiles": {str(level): quantiles[:, i].tolist() for i, level in enumerate(LEVELS)},
    }
