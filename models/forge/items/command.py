"""`forge train` of one item, from a CSV file or from stored observations."""

import argparse
from pathlib import Path

FAMILIES = ("tsmixer", "s-mamba")  # here, so that --help needs no PyTorch
SCHEDULES = ("constant", "halving", "linear", "cosine")
MODELS = Path(__file__).resolve().parents[2]
SOURCES = ("--csv", "--from-postgres")
NAME = "train-item"
# the papers' ETT recipes
DEFAULTS = {
    "tsmixer": {
        "context": 512, "d_model": 48, "layers": 3, "dropout": 0.5, "learning_rate": 1e-4, "schedule": "linear",
        "epochs": 100, "patience": 5, "min_gain": 1e-3,
    },
    "s-mamba": {
        "context": 96, "d_model": 256, "layers": 2, "dropout": 0.1, "learning_rate": 5e-5, "schedule": "halving",
        "epochs": 10, "patience": 3, "min_gain": 0.0,
    },
}  # fmt: skip


def is_for_item(arguments: list[str]) -> bool:
    """`forge train` with a source of one item is this command; without one it trains a zero-shot model."""
    return arguments[:1] == ["train"] and any(one.split("=")[0] in SOURCES for one in arguments)


def register(commands: argparse._SubParsersAction) -> None:
    one = commands.add_parser(
        NAME,
        help="train with --csv or --from-postgres: the paper's model on one item",
        prog="forge train",
        description="Trains S-Mamba or PatchTSMixer as published on the channels of one item, with early stopping by a "
        "later part of its history, and makes a package of it unless what is there forecasts the last part better.",
        allow_abbrev=False,
    )
    one.add_argument("--family", required=True, choices=FAMILIES)
    add_source(one)
    add_package(one)
    sizes = one.add_argument_group("sizes (defaults: those of the papers for ETT)")
    sizes.add_argument("--context", type=int, help="points that the model sees (tsmixer 512, s-mamba 96)")
    sizes.add_argument("--prediction", type=int, default=96, help="steps ahead (default 96)")
    sizes.add_argument("--d-model", type=int, help="width (tsmixer 48, s-mamba 256)")
    sizes.add_argument("--layers", type=int, help="tsmixer 3, s-mamba 2")
    sizes.add_argument("--dropout", type=float, help="tsmixer 0.5, s-mamba 0.1")
    sizes.add_argument("--patch", type=int, default=8, help="tsmixer: points of a patch (default 8)")
    sizes.add_argument("--expansion", type=int, default=3, help="tsmixer: width of an MLP, times (default 3)")
    sizes.add_argument("--head-dropout", type=float, default=0.7, help="tsmixer (default 0.7)")
    sizes.add_argument(
        "--mode", choices=("common_channel", "mix_channel"), default="common_channel",
        help="tsmixer: each channel alone (default), or all together in their order",
    )  # fmt: skip
    sizes.add_argument("--d-ff", type=int, help="s-mamba: width of the feed-forward layer (default: --d-model)")
    sizes.add_argument("--d-state", type=int, default=2, help="s-mamba: states of a feature (default 2)")
    add_training(one)
    one.add_argument("--loss", choices=("mse", "mae"), default="mse")
    one.set_defaults(run=_train)


def add_source(parser: argparse.ArgumentParser) -> None:
    source = parser.add_argument_group("the item")
    source.add_argument("--csv", type=Path, metavar="FILE", help="a time column and a column a channel; may end in .gz")
    source.add_argument(
        "--from-postgres", metavar="URL", help="stored observations: postgres://user@host:5432/database"
    )
    source.add_argument("--item", help="item_id in the database; for a CSV file what to call it (default: its name)")
    source.add_argument("--channels", type=_names, metavar="A,B", help="only these, in this order (default: all)")
    source.add_argument("--time-column", metavar="NAME", help="of the CSV file (default: its first column)")
    source.add_argument("--freq", metavar="DURATION", help="spacing, like PT15M or P1D (default: stored or found)")
    source.add_argument(
        "--split", default="0.7,0.1,0.2", metavar="A,B,C",
        help="shares, or numbers of steps, of training, validation and test, in order of time (default 0.7,0.1,0.2)",
    )  # fmt: skip


def add_package(parser: argparse.ArgumentParser) -> None:
    package = parser.add_argument_group("the package")
    package.add_argument("--name", required=True, help="family/name; also the folder below models/")
    package.add_argument("--version", default="1.0.0", help="of the package (default 1.0.0)")
    package.add_argument("--out", type=Path, metavar="DIR", help="package folder (default models/NAME)")
    package.add_argument(
        "--models", type=Path, default=MODELS, metavar="DIR", help="packages to compare with (default models/)"
    )
    package.add_argument("--register-worse", action="store_true", help="also when another forecasts the item better")


def add_training(parser: argparse.ArgumentParser) -> None:
    training = parser.add_argument_group("training")
    training.add_argument("--learning-rate", type=float, help="tsmixer 1e-4, s-mamba 5e-5")
    training.add_argument(
        "--schedule", choices=SCHEDULES, help="of the learning rate (tsmixer linear, s-mamba halving)"
    )
    training.add_argument("--batch", type=int, default=32, help="windows a step (default 32)")
    training.add_argument("--epochs", type=int, help="at most (tsmixer 100, s-mamba 10)")
    training.add_argument("--patience", type=int, help="epochs without progress before it stops (tsmixer 5, s-mamba 3)")
    training.add_argument("--min-gain", type=float, help="what counts as progress (tsmixer 0.001, s-mamba 0)")
    training.add_argument("--weight-decay", type=float, default=0.0, help="of AdamW (default 0)")
    add_machine(training)


def add_machine(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--seed", type=int, default=1)
    group.add_argument("--precision", choices=("float32", "bfloat16"), default="float32", help="of the multiplications")
    group.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    group.add_argument("--threads", type=int, default=1, help="processor threads of PyTorch (default 1)")
    group.add_argument(
        "--work", type=Path, metavar="DIR", help="checkpoints, to go on from (default models/forge/.work/items/NAME)"
    )


def _names(text: str) -> list[str]:
    return [one.strip() for one in text.split(",")]


def _train(options: argparse.Namespace) -> int:
    from .run import train_command

    for key, value in DEFAULTS[options.family].items():
        if getattr(options, key) is None:
            setattr(options, key, value)
    options.d_ff = options.d_ff or options.d_model
    return 0 if train_command(options, lambda text: print(text, flush=True)) else 1
