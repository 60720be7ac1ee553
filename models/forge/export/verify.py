"""Proves a model package without PyTorch: hashes, golden answers, batch invariance, ordered quantiles."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime


@dataclass(frozen=True)
class Check:
    name: str
    passed: bool
    detail: str


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def open_session(folder: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])


def package_forecast(folder: Path) -> Callable[..., np.ndarray]:
    """A function from windows that stand alone, their masks and candidates, to quantiles; a multivariate model sees
    each as an item of one channel."""
    session = open_session(folder)
    names = [one.name for one in session.get_inputs()]

    def forecast(past: np.ndarray, mask: np.ndarray, candidates: np.ndarray) -> np.ndarray:
        if len(session.get_inputs()[0].shape) == 2:
            return session.run(None, dict(zip(names, (past, mask, candidates), strict=True)))[0]
        items = (past[:, None], mask[:, None], candidates)
        return session.run(None, dict(zip(names, items, strict=True)))[0][:, 0]

    return forecast


def verify_package(folder: Path) -> Iterator[Check]:
    manifest = json.loads((folder / "manifest.json").read_text())
    for name, expected in manifest["files"].items():
        path = folder / name
        if not path.exists():
            yield Check(f"sha256 {name}", False, "the file is missing")
            return
        actual, size = sha256(path), path.stat().st_size
        matches = actual == expected["sha256"] and size == expected["bytes"]
        yield Check(f"sha256 {name}", matches, f"{size} bytes, {actual[:12]}…")
    session = open_session(folder)
    golden = json.loads((folder / "golden.json").read_text())
    yield _signature(session, manifest)
    for case in golden["cases"]:
        yield _golden(session, case, golden["tolerance"])
    yield _batch_invariance(session, golden)
    if any(one["name"] == "season_candidates" for one in manifest["inputs"]):  # an imported model has no such promise
        yield _ordered(session, manifest)


def to_array(tensor: dict) -> np.ndarray:
    return np.array(tensor["data"], dtype=tensor["dtype"]).reshape(tensor["dims"])


def _signature(session: onnxruntime.InferenceSession, manifest: dict) -> Check:
    dtypes = {"tensor(float)": "float32", "tensor(int64)": "int64"}
    tensors = (*session.get_inputs(), *session.get_outputs())
    found = [(one.name, dtypes.get(one.type), _sizes(one.shape)) for one in tensors]
    stated = [(one["name"], one["dtype"], _sizes(one["shape"])) for one in (*manifest["inputs"], *manifest["outputs"])]
    dynamic = all(isinstance(one.shape[0], str) for one in tensors)
    return Check(
        "signature", found == stated and dynamic, ", ".join(f"{name} {dtype} {dims}" for name, dtype, dims in found)
    )


def _sizes(shape: list[int | str]) -> list[int | str]:
    """Without the batch axis; what a free dimension is called does not matter."""
    return [size if isinstance(size, int) else "free" for size in shape[1:]]


def _golden(session: onnxruntime.InferenceSession, case: dict, tolerance: dict) -> Check:
    actual = session.run(None, {name: to_array(tensor) for name, tensor in case["inputs"].items()})
    worst, passed = 0.0, True
    for value, expected in zip(actual, map(to_array, case["outputs"].values()), strict=True):
        error = np.abs(value - expected)
        worst = max(worst, float(error.max()))
        passed &= bool((error <= tolerance["absolute"] + tolerance["relative"] * np.abs(expected)).all())
    return Check(f"golden: {case['name']}", passed, f"largest difference {worst:.1e}")


def _batch_invariance(session: onnxruntime.InferenceSession, golden: dict) -> Check:
    cases = [{name: to_array(tensor) for name, tensor in case["inputs"].items()} for case in golden["cases"]]
    names, first = list(cases[0]), cases[0]
    alike = [case for case in cases if all(case[name].shape[1:] == first[name].shape[1:] for name in names)]
    rows = {name: np.concatenate([case[name] for case in alike]) for name in names}
    together = session.run(None, rows)[0]
    count = len(together)
    alone = np.concatenate(
        [session.run(None, {name: rows[name][i : i + 1] for name in names})[0] for i in range(count)]
    )
    worst = float(np.abs(together - alone).max())
    return Check(
        "batch invariance", worst < 1e-4, f"{count} windows together and alone, largest difference {worst:.1e}"
    )


def _ordered(session: onnxruntime.InferenceSession, manifest: dict) -> Check:
    rng = np.random.default_rng(5)
    shape = (64, *(size if isinstance(size, int) else 3 for size in manifest["inputs"][0]["shape"][1:]))
    walks = np.cumsum(rng.standard_normal(shape), axis=-1)
    walks[32:] = rng.standard_t(2, (32, *shape[1:]))
    walks = (walks - walks.mean(axis=-1, keepdims=True)) / walks.std(axis=-1, keepdims=True)
    mask = (rng.random(shape) > rng.random((64, *[1] * (len(shape) - 1)))).astype(np.float32)
    inputs = {
        "past_values": (walks * mask).astype(np.float32),
        "past_observed_mask": mask,
        "season_candidates": rng.choice([0, 7, 24, 168], (64, 4)).astype(np.int64),
    }
    quantiles = session.run(None, inputs)[0]
    narrowest = float(np.diff(quantiles, axis=-1).min())
    finite = bool(np.isfinite(quantiles).all())
    return Check("quantiles never cross", finite and narrowest >= 0, f"64 rough windows, narrowest gap {narrowest:.1e}")
