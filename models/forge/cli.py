"""The command line: `npm run forge -- train|import|export|verify|golden|list`."""

import argparse
import json
import sys
from pathlib import Path

from .importing import command as importing
from .items import command as items
from .tuning import command as tuning

MODELS = Path(__file__).resolve().parent.parent


def main(arguments: list[str] | None = None) -> int:
    parser, commands = _parser()
    arguments = sys.argv[1:] if arguments is None else arguments
    if items.is_for_item(arguments):
        arguments = [items.NAME, *arguments[1:]]
    if arguments and arguments[0] in commands:
        _refuse_unknown(commands[arguments[0]], arguments[1:])
    options = parser.parse_args(arguments)
    try:
        return options.run(options)
    except (ValueError, FileNotFoundError) as error:
        print(f"forge {options.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from the last checkpoint", file=sys.stderr)
        return 130


def _parser() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    parser = argparse.ArgumentParser(prog="forge", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="train|import|export|verify|golden|list")

    train = commands.add_parser(
        "train",
        help="train a model from synthetic and real series",
        epilog="With --csv or --from-postgres it trains the paper's model on one item: forge train --csv FILE --help",
        allow_abbrev=False,
    )
    train.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="folder with corpus/ and forecasting/m4/"
    )
    train.add_argument("--family", default="ttm", metavar="NAME", help="ttm (default), tsmixer, s-mamba or time-moe")
    train.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="checkpoints and run.json; goes on from them"
    )
    train.add_argument("--minutes", type=_positive(float), required=True, help="time budget of training itself")
    train.add_argument("--seed", type=int, default=1)
    train.add_argument("--batch", type=_positive(int), help="windows a step (default: the family's)")
    train.add_argument(
        "--pool", type=_positive(float), default=1.0, help="synthetic series, in units of 116,000 (default 1)"
    )
    train.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    train.add_argument("--threads", type=_positive(int), default=1, help="processor threads of PyTorch (default 1)")
    train.set_defaults(run=_train)

    export = commands.add_parser("export", help="make a model package of a training run", allow_abbrev=False)
    made_of = export.add_mutually_exclusive_group(required=True)
    made_of.add_argument("--run", dest="folder", type=Path, metavar="DIR", help="the --out of train")
    made_of.add_argument(
        "--narrow",
        type=Path,
        metavar="PACKAGE",
        help="a package to make a variant of with narrower weights, where its accuracy allows; needs --out",
    )
    export.add_argument("--bits", type=int, choices=(8, 16), default=8, help="of a weight, with --narrow (default 8)")
    export.add_argument("--data", type=Path, required=True, metavar="DIR", help="for the metrics of the manifest")
    export.add_argument(
        "--name", default="ttm/base", help="family/name; also the folder below models/ (default ttm/base)"
    )
    export.add_argument("--version", help="of the package, like 1.0.0; needed with --run")
    export.add_argument("--out", type=Path, metavar="DIR", help="package folder (default models/NAME)")
    export.set_defaults(run=_export)

    importing.register(commands)
    items.register(commands)
    tuning.register(commands)

    verify = commands.add_parser("verify", help="prove a model package with ONNX Runtime alone", allow_abbrev=False)
    verify.add_argument("package", type=Path, nargs="*", help="package folders (default: all below models/)")
    verify.add_argument("--data", type=Path, metavar="DIR", help="also measure on the six evaluation sets")
    verify.add_argument("--stride", type=_positive(int), default=96, help="steps between ETT windows (default 96)")
    verify.set_defaults(run=_verify)

    listing = commands.add_parser("list", help="the model packages of this repository", allow_abbrev=False)
    listing.set_defaults(run=_list)
    return parser, commands.choices


def _refuse_unknown(command: argparse.ArgumentParser, arguments: list[str]) -> None:
    """Names a wrong option before argparse asks for those that are missing."""
    known = [name for action in command._actions for name in action.option_strings if name.startswith("--")]
    for argument in arguments:
        option = argument.split("=")[0]
        if option.startswith("--") and option not in known:
            command.error(f"unknown option {option}; there are {', '.join(known)}")


def _positive(kind: type):
    def parse(text: str):
        try:
            value = kind(text)
        except ValueError:
            value = 0
        if value <= 0:
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a positive {'whole number' if kind is int else 'number'}"
            )
        return value

    return parse


def _say(text: str) -> None:
    print(text, flush=True)


def _train(options: argparse.Namespace) -> int:
    import torch

    from .architectures.recipes import recipe_of
    from .data.corpus import read_corpus
    from .data.pool import cached_pool
    from .training.trainer import Trainer, TrainingPlan

    torch.set_num_threads(options.threads)
    device = options.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    options.out.mkdir(parents=True, exist_ok=True)
    series = read_corpus(_data(options.data))
    _say(f"{len(series)} real series, {sum(one.held_out for one in series)} of them held out")
    pool = cached_pool(options.out, options.seed, options.pool, _say)
    _say(f"{len(pool.values)} synthetic series")
    recipe = recipe_of(options.family)
    plan = TrainingPlan(
        minutes=options.minutes,
        seed=options.seed,
        batch=options.batch or recipe.batch,
        learning_rate=recipe.learning_rate,
    )
    summary = Trainer(options.family, recipe.config, plan, pool, series, options.out, device, _say).run()
    _say(f"trained on {summary['samples'] / 1e6:.2f} M windows in {summary['minutes']} minutes")
    _say(f"next: forge export --run {options.out} --data {options.data} --version …")
    return 0


def _export(options: argparse.Namespace) -> int:
    if options.narrow:
        return _export_narrow(options)
    import torch

    if options.version is None:
        raise ValueError("--version is missing: give the version of the package, like 1.0.0")

    from .export.package import export_package

    torch.set_num_threads(1)
    folder = options.out or MODELS / options.name
    export_package(options.folder, _data(options.data), folder, options.name, options.version, _say)
    return 0


def _export_narrow(options: argparse.Namespace) -> int:
    from .export.narrow import narrow_package

    if options.out is None or options.out.exists():
        raise ValueError("--narrow needs --out, a folder that does not exist yet, like models/ttm/base-float16")
    narrow_package(options.narrow, options.out, options.bits, _data(options.data), _say)
    return 0


def _verify(options: argparse.Namespace) -> int:
    from .export.verify import verify_package

    failed = 0
    for folder in options.package or _packages():
        if not (folder / "manifest.json").exists():
            raise FileNotFoundError(f"{folder} is no model package: it has no manifest.json")
        _say(f"{folder}")
        for check in verify_package(folder):
            _say(f"  {'ok  ' if check.passed else 'FAIL'} {check.name}: {check.detail}")
            failed += not check.passed
        if options.data and not failed and _is_ours(folder):
            _measure(folder, _data(options.data), options.stride)
    return 1 if failed else 0


def _is_ours(folder: Path) -> bool:
    """The evaluation speaks the signature of the models that are trained here; imported ones have their own."""
    inputs = json.loads((folder / "manifest.json").read_text())["inputs"]
    return any(one["name"] == "season_candidates" for one in inputs)


def _measure(folder: Path, data: Path, stride: int) -> None:
    from .evaluation.zero_shot import TABLE_HEAD, geometric_mean, measure_all, table_row
    from .export.verify import package_forecast

    results = {}
    _say(f"  {TABLE_HEAD}")
    for name, result in measure_all(data, package_forecast(folder), stride):
        results[name] = result
        _say(f"  {table_row(name, result)}")
    for key in ("relativeWql", "relativeMase"):
        _say(f"  geometric mean of {key}: {geometric_mean([one[key] for one in results.values()]):.4f}")


def _list(_: argparse.Namespace) -> int:
    for folder in _packages():
        manifest = json.loads((folder / "manifest.json").read_text())
        size = sum(one["bytes"] for one in manifest["files"].values()) / 1e6
        _say(
            f"{manifest['name']} {manifest['version']}: {manifest['parameters']:,} parameters, {size:.1f} MB, "
            f"context {manifest['contextLength']}, prediction {manifest['predictionLength']}"
        )
    return 0


def _packages() -> list[Path]:
    return sorted(path.parent for path in MODELS.glob("*/*/manifest.json"))


def _data(folder: Path) -> Path:
    for part in ("corpus", "forecasting/m4"):
        if not (folder / part).is_dir():
            raise FileNotFoundError(
                f"--data {folder} has no {part}/: give the folder that holds corpus/ and forecasting/"
            )
    return folder
