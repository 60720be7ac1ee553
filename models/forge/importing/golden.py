"""Golden cases of the original code: imports each, checks it in PyTorch, and says so in one line of JSON a case.

The Node side of `npm run evaluate -- golden` reads these lines and checks the exported graphs in its turn.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path

from torch import nn

from .families import BUILDERS
from .package import import_package
from .parity import Comparison, compare, read_scenarios
from .reference import run_scenario


def find_cases(data: Path) -> list[Path]:
    """Every `<family>/<case>` below `data` with a golden.json. Refuses a family that nobody imports."""
    cases = sorted(path.parent for path in data.glob("*/*/golden.json"))
    if not cases:
        raise FileNotFoundError(f"{data} has no <family>/<case>/golden.json")
    for case in cases:
        if case.parent.name not in BUILDERS:
            raise ValueError(f"{case}: unknown family {case.parent.name}, known: {', '.join(BUILDERS)}")
    return cases


def check_cases(data: Path, out: Path) -> Iterator[str]:
    """One line of JSON a case. A case that cannot be imported has an `error` instead of scenarios."""
    for case in find_cases(data):
        family, name = case.parent.name, case.name
        line = {"family": family, "case": name, "folder": str(case), "package": str(out / family / name)}
        try:
            model = import_package(case, family, f"{family}/{name}", out / family / name, details=True)
            line["scenarios"] = [
                {"name": scenario, "comparisons": [_stated(one) for one in comparisons]}
                for scenario, comparisons in check_case(model, case)
            ]
        except Exception as error:  # whatever is wrong with one case, the others get their lines
            known = isinstance(error, ValueError | FileNotFoundError)
            line["error"] = str(error) if known else f"{type(error).__name__}: {error}"
        yield json.dumps(line)


def check_case(model: nn.Module, case: Path) -> Iterator[tuple[str, list[Comparison]]]:
    for scenario in read_scenarios(case):
        yield scenario.name, compare(scenario, run_scenario(model, scenario))


def _stated(comparison: Comparison) -> dict:
    error = comparison.error
    return {
        "tensor": comparison.tensor,
        "error": None if math.isnan(error) else error,
        "allowed": comparison.allowed,
        "passed": comparison.passed,
    }
