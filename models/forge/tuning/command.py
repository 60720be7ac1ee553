"""`forge finetune`: a zero-shot model taught one item."""

import argparse
from pathlib import Path

from ..items.command import SCHEDULES, add_machine, add_package, add_source

SOUPS = ("uniform", "greedy")  # here, so that --help needs no PyTorch


def register(commands: argparse._SubParsersAction) -> None:
    one = commands.add_parser(
        "finetune",
        help="teach a zero-shot model one item",
        description="Few-shot: tunes head and decoder of a zero-shot model, or low-rank adapters, on the history of "
        "one item, with early stopping by a later part of it, and makes a package unless what is there forecasts the "
        "last part better. The mixture with the base that is best on the validation part is what is kept.",
        allow_abbrev=False,
    )
    one.add_argument(
        "--base",
        required=True,
        metavar="BASE",
        help="ttm/base, a package folder, or the --out folder of a training run",
    )
    add_source(one)
    add_package(one)
    few = one.add_argument_group("few-shot")
    few.add_argument("--fraction", type=float, default=1.0, help="newest share of the training windows (default 1)")
    few.add_argument("--lora", type=int, metavar="RANK", help="adapters of this rank instead of head and decoder")
    few.add_argument(
        "--learning-rates", type=_numbers(float), default=[3e-4], metavar="A,B", help="a fine-tune each (default 3e-4)"
    )
    few.add_argument("--seeds", type=_numbers(int), metavar="A,B", help="a fine-tune each (default: --seed)")
    few.add_argument(
        "--soup", choices=SOUPS, default="greedy", help="how several fine-tunes are averaged (default greedy)"
    )
    training = one.add_argument_group("training")
    training.add_argument("--head-dropout", type=float, default=0.0, help="ttm: of the decoder (default 0)")
    training.add_argument(
        "--schedule", choices=SCHEDULES, default="cosine", help="of the learning rate (default cosine)"
    )
    training.add_argument("--batch", type=int, default=32, help="windows of all channels a step (default 32)")
    training.add_argument("--epochs", type=int, default=20, help="at most (default 20)")
    training.add_argument("--patience", type=int, default=5, help="epochs without progress before it stops (default 5)")
    training.add_argument("--weight-decay", type=float, default=0.01, help="of AdamW (default 0.01)")
    add_machine(training)
    one.set_defaults(run=_finetune)


def _numbers(kind: type):
    def parse(text: str) -> list:
        try:
            values = [kind(one) for one in text.split(",")]
        except ValueError:
            values = []
        if not values or min(values) < 0 or (kind is float and min(values) == 0):
            raise argparse.ArgumentTypeError(f"{text!r}: give numbers like {'1e-4,3e-4' if kind is float else '1,2'}")
        return values

    return parse


def _finetune(options: argparse.Namespace) -> int:
    from .run import finetune_command

    return 0 if finetune_command(options, lambda text: print(text, flush=True)) else 1


def base_folder(base: str, models: Path) -> Path:
    """The folder of `ttm/base`, below `models`, or of a path."""
    below = models / base
    return below if (below / "manifest.json").is_file() else Path(base)
