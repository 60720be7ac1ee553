"""`forge import` and `forge golden`."""

import argparse
import warnings
from pathlib import Path

FAMILIES = ("ttm", "patchtsmixer", "tsmixer", "s-mamba", "time-moe")  # here, so that --help needs no PyTorch
MODELS = Path(__file__).resolve().parents[2]


def register(commands: argparse._SubParsersAction) -> None:
    one = commands.add_parser("import", help="make a model package of an official checkpoint", allow_abbrev=False)
    one.add_argument(
        "--from",
        dest="source",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder with config.json and model.safetensors (S-Mamba: or checkpoint.pth)",
    )
    one.add_argument("--family", required=True, choices=FAMILIES)
    one.add_argument("--name", required=True, metavar="NAME", help="NAME or FAMILY/NAME; also the folder below models/")
    one.add_argument("--out", type=Path, metavar="DIR", help="package folder (default models/FAMILY/NAME)")
    one.add_argument("--version", default="1.0.0", help="of the package (default 1.0.0)")
    one.add_argument("--licence", help="of the weights, for the manifest and the model card")
    one.add_argument("--details", action="store_true", help="hidden states as outputs too, for comparisons")
    one.set_defaults(run=_import)

    golden = commands.add_parser(
        "golden", help="import golden cases and check them in PyTorch, a line of JSON a case", allow_abbrev=False
    )
    golden.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder with <family>/<case>/")
    golden.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the packages go")
    golden.set_defaults(run=_golden)


def _import(options: argparse.Namespace) -> int:
    import json

    from .package import import_package

    _quieten()
    name = options.name if "/" in options.name else f"{options.family}/{options.name}"
    folder = options.out or MODELS / name
    import_package(options.source, options.family, name, folder, options.details, options.licence, options.version)
    manifest = json.loads((folder / "manifest.json").read_text())
    size = manifest["files"]["model.onnx"]["bytes"] / 1e6
    print(f"{name}: {manifest['parameters']:,} parameters, {size:.1f} MB, in {folder}")
    return 0


def _golden(options: argparse.Namespace) -> int:
    from .golden import check_cases

    _quieten()
    for line in check_cases(options.data, options.out):
        print(line, flush=True)
    return 0


def _quieten() -> None:
    """The exporter warns of operators of packages that nobody needs, and of names that it derives itself."""
    import logging

    import torch

    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)
