"""An item from a wide CSV file: a time column and one column a channel."""

import csv
import gzip
from datetime import datetime, timezone
from pathlib import Path

import numpy as np

from .step import Step
from .table import ItemTable, to_table

_MISSING = {"", "na", "nan", "null", "none"}


def read_csv(path: Path, item: str, time_column: str | None = None, step: Step | None = None) -> ItemTable:
    """`.csv` or `.csv.gz`; the time column is the first unless named. Times without a zone are UTC; empty is a gap."""
    if not path.is_file():
        raise FileNotFoundError(f"--csv {path} is no file")
    open_text = gzip.open if path.suffix == ".gz" else open
    try:
        with open_text(path, "rt", encoding="utf-8-sig", newline="") as text:
            rows = list(csv.reader(text))
    except (gzip.BadGzipFile, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"--csv {path} cannot be read: {error}") from error
    rows = [(number, row) for number, row in enumerate(rows, start=1) if row]
    if len(rows) < 3:
        raise ValueError(f"--csv {path} has {max(len(rows) - 1, 0)} rows below its header: training needs hundreds")
    header = [one.strip() for one in rows[0][1]]
    if time_column is not None and time_column not in header:
        raise ValueError(f"--csv {path} has no column {time_column}; it has {', '.join(header)}: correct --time-column")
    time = header.index(time_column) if time_column else 0
    channels = [one for i, one in enumerate(header) if i != time]
    if not channels or "" in channels or len(set(channels)) < len(channels):
        raise ValueError(f"--csv {path}: its header must name a time column and different channels, not {header}")

    times = np.empty(len(rows) - 1)
    values = np.empty((len(rows) - 1, len(channels)))
    for i, (number, row) in enumerate(rows[1:]):
        if len(row) != len(header):
            raise ValueError(f"{path} row {number} has {len(row)} cells, its header {len(header)}")
        times[i] = _time(row[time], f"{path} row {number}")
        cells = row[:time] + row[time + 1 :]
        values[i] = [_value(cell, f"{path} row {number}, {one}") for cell, one in zip(cells, channels, strict=True)]
    return to_table(item, channels, times, values, step)


def _time(text: str, where: str) -> float:
    """Seconds since 1970 of an ISO-8601 time; without a zone it is UTC."""
    try:
        time = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError as error:
        raise ValueError(f"{where}: {text!r} is no time; write it like 2024-05-01T13:00:00Z") from error
    return (time if time.tzinfo else time.replace(tzinfo=timezone.utc)).timestamp()


def _value(text: str, where: str) -> float:
    if text.strip().lower() in _MISSING:
        return float("nan")
    try:
        value = float(text)
    except ValueError as error:
        raise ValueError(f"{where}: {text!r} is no number; leave the cell empty where nothing was measured") from error
    if not np.isfinite(value):
        raise ValueError(f"{where}: {text!r} is not finite; leave the cell empty where nothing was measured")
    return value
