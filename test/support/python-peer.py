"""Runs what a test sends, a JSON text of Python code a line, and answers each with its `result` or its error as a line of JSON."""

import json
import math
import sys

import numpy as np
import pandas as pd

answers = sys.stdout
# Progress bars and the like must not come between the answers.
sys.stdout = sys.stderr


def plain(value):
    """What JSON can hold: tables by column, times as ISO-8601, NaN as null."""
    if isinstance(value, pd.DataFrame):
        return {str(column): plain(value[column].tolist()) for column in value.columns}
    if isinstance(value, (pd.Timestamp,)):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


namespace = {}
for line in sys.stdin:
    namespace.pop("result", None)
    try:
        exec(json.loads(line), namespace)
        answer = {"result": plain(namespace.get("result"))}
    except Exception as error:
        answer = {"error": type(error).__name__, "message": str(error)}
    print(json.dumps(answer), file=answers, flush=True)
