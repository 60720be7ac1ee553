"""A training run to a model package: graph, golden answers, and a manifest with what was measured."""

import json
from collections.abc import Callable
from pathlib import Path

from torch import nn

from ..architectures.ttm import LEVELS, FlipAveraged, Respread, TinyTimeMixer, TtmConfig
from ..data.corpus import read_corpus
from ..data.frequency import MAX_CANDIDATES
from ..evaluation.held_out import HeldOut, coverage, held_out_windows, score, smallest_useful_context
from ..evaluation.zero_shot import geometric_mean, measure_all
from ..training.checkpoint import averaged_weights, load_checkpoint
from .golden import golden_cases
from .graph import INPUTS, OUTPUT, export_graph
from .onnx_file import OPSET
from .verify import package_forecast, sha256

TRAINING_DATA = [
    "synthetic series of thirteen generators (forge/data/synthetic.py)",
    "example series of the darts, nixtla, skforecast and statsmodels repositories (forge/data/corpus.py)",
    "M4 hourly and weekly, train parts",
]
SPREADS = (1.0, 0.95, 0.9)
COVERAGE_SLACK = 0.01  # an interval may cover this much less than it says on the held-out series
FLIP_GAIN = 0.002  # flip averaging doubles the cost: it has to earn this much on the held-out series


def export_package(run: Path, data: Path, folder: Path, name: str, version: str, report: Callable[[str], None]) -> None:
    checkpoint = load_checkpoint(run)
    if checkpoint is None:
        raise FileNotFoundError(f"{run} has no checkpoint: give the --out folder of forge train")
    config = TtmConfig(**checkpoint["config"])
    single = TinyTimeMixer(config)
    single.load_state_dict(averaged_weights(checkpoint))
    single.eval()

    held_out = held_out_windows(read_corpus(data), config.context_length, config.prediction_length)
    plain, flipped = score(single, held_out)["all"], score(FlipAveraged(single), held_out)["all"]
    flip = plain - flipped > FLIP_GAIN
    averaged: nn.Module = FlipAveraged(single) if flip else single
    report(f"held out: {plain:.4f} plain, {flipped:.4f} flip-averaged; {'averaged' if flip else 'plain'} it is")
    spread = choose_spread(averaged, held_out)
    model = averaged if spread == 1 else Respread(averaged, spread)
    ratio = score(model, held_out)["all"]
    covered = {str(nominal): round(coverage(model, held_out, nominal), 4) for nominal in (0.8, 0.95)}
    report(f"held out: {ratio:.4f} with the spread times {spread}, coverage {covered}")
    min_context, by_context = smallest_useful_context(model, held_out, config.context_length)
    report(f"held out by points of context: {', '.join(f'{k}: {v:.3f}' for k, v in by_context.items())}")

    folder.mkdir(parents=True, exist_ok=True)
    export_graph(model, folder / "model.onnx", config.context_length, MAX_CANDIDATES)
    golden = json.dumps(golden_cases(model, config.context_length), separators=(",", ":"))
    (folder / "golden.json").write_text(golden + "\n")
    report(f"exported to {folder}")

    manifest = {
        "schemaVersion": 1,
        "name": name,
        "family": name.split("/")[0],
        "version": version,
        "contextLength": config.context_length,
        "predictionLength": config.prediction_length,
        "channelPolicy": "independent",
        "levels": list(LEVELS),
        "minContext": min_context,
        "inputs": _inputs(config),
        "outputs": [_tensor(OUTPUT, "float32", config.prediction_length, len(LEVELS))],
        "opset": OPSET,
        "files": {
            file: {"sha256": sha256(folder / file), "bytes": (folder / file).stat().st_size}
            for file in ("model.onnx", "golden.json")
        },
        "parameters": sum(one.numel() for one in single.parameters()),
        "licence": "Apache-2.0",
        "architecture": config.to_dict() | {"flipAveraging": flip, "spread": spread},
        "training": {
            "data": TRAINING_DATA,
            "samples": checkpoint["samples"],
            "minutes": round(checkpoint["elapsed"] / 60, 1),
            "seed": checkpoint["plan"]["seed"],
            "recipe": checkpoint["plan"],
        },
        "metrics": {
            "command": f"npm run forge -- verify models/{name} --data DIR",
            "heldOut": {
                "yardstick": "seasonal naive without intervals",
                "relativeWql": round(ratio, 4),
                "coverage": covered,
                "relativeWqlPlain": round(plain, 4),
                "relativeWqlFlipAveraged": round(flipped, 4),
                "relativeWqlByContext": {str(kept): round(ratio, 4) for kept, ratio in by_context.items()},
            },
            "zeroShot": _zero_shot(folder, data, report),
        },
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")


def choose_spread(model: nn.Module, held_out: HeldOut) -> float:
    """The spread with the smallest loss of those whose intervals still cover what they say; pinball loss alone would
    trade coverage away."""

    def honest(spread: float) -> bool:
        respread = Respread(model, spread)
        return all(coverage(respread, held_out, nominal) >= nominal - COVERAGE_SLACK for nominal in (0.8, 0.95))

    candidates = [spread for spread in SPREADS if spread == 1 or honest(spread)]
    return min(candidates, key=lambda spread: score(Respread(model, spread), held_out)["all"])


def _inputs(config: TtmConfig) -> list[dict]:
    values, mask, candidates = INPUTS
    return [
        _tensor(values, "float32", config.context_length),
        _tensor(mask, "float32", config.context_length),
        _tensor(candidates, "int64", MAX_CANDIDATES),
    ]


def _tensor(name: str, dtype: str, *shape: int) -> dict:
    return {"name": name, "dtype": dtype, "shape": ["batch", *shape]}


def _zero_shot(folder: Path, data: Path, report: Callable[[str], None]) -> dict:
    """Relative to seasonal naive on the six evaluation sets, by the exported graph; ETT windows a horizon apart."""
    sets = {}
    for name, result in measure_all(data, package_forecast(folder)):
        sets[name] = {key: round(value, 4) for key, value in result.items() if key.startswith(("relative", "coverage"))}
        report(f"{name}: {sets[name]}")
    return {
        "yardstick": "seasonal naive with intervals",
        "sets": sets,
        "relativeWql": round(geometric_mean([one["relativeWql"] for one in sets.values()]), 4),
        "relativeMase": round(geometric_mean([one["relativeMase"] for one in sets.values()]), 4),
    }
