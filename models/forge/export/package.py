"""A training run to a model package: graph, golden answers, and a manifest with what was measured."""

import json
from collections.abc import Callable
from pathlib import Path

from torch import nn

from ..architectures.quantile_head import LEVELS
from ..architectures.recipes import Config, build, restored_config
from ..architectures.zero_shot import FlipAveraged, Respread, univariate
from ..data.corpus import read_corpus
from ..data.frequency import MAX_CANDIDATES
from ..evaluation.held_out import HeldOut, coverage, held_out_windows, score, smallest_useful_context
from ..evaluation.zero_shot import geometric_mean, measure_all
from ..training.checkpoint import averaged_weights, load_checkpoint
from .golden import golden_cases
from .graph import INPUTS, OUTPUT, export_graph
from .onnx_file import OPSET
from .verify import package_forecast, sha256
from .weight_names import keep_unnamed

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
    family = checkpoint.get("family", "ttm")
    if family != name.split("/")[0]:
        raise ValueError(f"{run} holds a run of {family}: give a --name that begins with {family}/")
    config = restored_config(family, checkpoint["config"])
    trained = build(family, config)
    trained.load_state_dict(averaged_weights(checkpoint))
    trained.eval()
    single = univariate(trained)

    held_out = held_out_windows(read_corpus(data), config.context_length, config.prediction_length)
    plain, flipped = score(single, held_out)["all"], score(FlipAveraged(single), held_out)["all"]
    flip = plain - flipped > FLIP_GAIN
    report(f"held out: {plain:.4f} plain, {flipped:.4f} flip-averaged; {'averaged' if flip else 'plain'} it is")
    spread = choose_spread(FlipAveraged(single) if flip else single, held_out)
    refined = _refined(single, flip, spread)
    ratio = score(refined, held_out)["all"]
    covered = {str(nominal): round(coverage(refined, held_out, nominal), 4) for nominal in (0.8, 0.95)}
    report(f"held out: {ratio:.4f} with the spread times {spread}, coverage {covered}")
    min_context, by_context = smallest_useful_context(refined, held_out, config.context_length)
    report(f"held out by points of context: {', '.join(f'{k}: {v:.3f}' for k, v in by_context.items())}")

    folder.mkdir(parents=True, exist_ok=True)
    model, multivariate = _refined(trained, flip, spread), trained.multivariate
    export_graph(model, folder / "model.onnx", config.context_length, MAX_CANDIDATES, multivariate)
    golden = json.dumps(golden_cases(model, config.context_length, multivariate), separators=(",", ":"))
    (folder / "golden.json").write_text(golden + "\n")
    beside = keep_unnamed(folder / "model.onnx", trained)
    report(f"exported to {folder}")

    manifest = {
        "schemaVersion": 1,
        "name": name,
        "family": family,
        "version": version,
        "contextLength": config.context_length,
        "predictionLength": config.prediction_length,
        "channelPolicy": "aligned" if multivariate else "independent",
        "levels": list(LEVELS),
        "minContext": min_context,
        "inputs": _inputs(config, multivariate),
        "outputs": [_tensor(OUTPUT, "float32", *_variates(multivariate), config.prediction_length, len(LEVELS))],
        "opset": OPSET,
        "files": {
            file: {"sha256": sha256(folder / file), "bytes": (folder / file).stat().st_size}
            for file in ("model.onnx", "golden.json", *beside)
        },
        "parameters": sum(one.numel() for one in trained.parameters()),
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


def _refined(model: nn.Module, flip: bool, spread: float) -> nn.Module:
    averaged = FlipAveraged(model) if flip else model
    return averaged if spread == 1 else Respread(averaged, spread)


def _inputs(config: Config, multivariate: bool) -> list[dict]:
    values, mask, candidates = INPUTS
    return [
        _tensor(values, "float32", *_variates(multivariate), config.context_length),
        _tensor(mask, "float32", *_variates(multivariate), config.context_length),
        _tensor(candidates, "int64", MAX_CANDIDATES),
    ]


def _variates(multivariate: bool) -> list[str]:
    return ["variates"] if multivariate else []


def _tensor(name: str, dtype: str, *shape: int | str) -> dict:
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
