"""The real series: which column of which file, at which step, de-duplicated by hand.

Reads the folder that `--data` names: `corpus/…` and `forecasting/m4/*-train.csv.gz`. ETT, weather and the M4 test
parts are for evaluation and are never opened here.
"""

import csv
import gzip
import io
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .frequency import DAY, HOUR, MINUTE, WEEK, season_candidates, season_candidates_of_months

# M4 train parts that hold the test window of a series, their own (W12, W219, W220) or one that they overlap with: never
# read. tests/test_corpus.py finds them.
M4_WITH_TEST_WINDOWS = ("W12", "W53", "W219", "W220", "W222", "W291", "W292")


@dataclass(frozen=True)
class Series:
    """`values` float32, NaN where missing. A `group` shares its sampling weight; `held_out` is never trained on."""

    name: str
    group: str
    values: np.ndarray
    candidates: tuple[int, ...]
    held_out: bool


@dataclass(frozen=True)
class Source:
    path: str
    columns: tuple[str, ...]
    step: float = 0  # seconds; 0: use `months`
    months: int = 0  # calendar months; 0 with step 0: unknown spacing, no candidates
    ids: tuple[str, ...] = ()
    newest_first: bool = False
    held_out: tuple[str, ...] = field(default=())  # substrings of series names

    def candidates(self, factor: float = 1) -> tuple[int, ...]:
        if self.step:
            return tuple(season_candidates(self.step * factor))
        return tuple(season_candidates_of_months(int(self.months * factor))) if self.months else (0, 0, 0, 0)


# Left out as duplicates: nixtla/{air_passengers*, electricity-short, ercot-like re-exports}, skforecast/{*_no_missing,
# australia_tourism, bdg2_daily, h2o_exog, vic_electricity_classification, visitas…diacienciadedatos, wikipedia_visits},
# darts/monthly-milk-incomplete. Left out as junk: calendar and holiday columns, prices that repeat, index columns.
SOURCES = (
    Source("darts/AirPassengers", ("#Passengers",), months=1),
    Source("darts/ausbeer", ("Y",), months=3),
    Source("darts/australian_tourism", ("*",), months=3, held_out=("NSW", "City")),
    Source("darts/gasrate_co2", ("*",)),
    Source("darts/heart_rate", ("Heart rate",)),
    Source("darts/ice_cream_heater", ("heater", "ice cream"), months=1),
    Source("darts/monthly-milk", ("Pounds per cow",), months=1),
    Source("darts/monthly-sunspots", ("Sunspots",), months=1),
    Source("darts/taxi_new_york_passengers", ("#Passengers",), step=30 * MINUTE, held_out=("",)),
    Source("darts/taylor", ("Y",), step=30 * MINUTE),
    Source("darts/temps", ("Daily minimum temperatures",), step=DAY),
    Source("darts/us_gasoline", ("Gasoline",), step=WEEK, newest_first=True, held_out=("",)),
    Source("darts/wineind", ("Y",), months=1),
    Source("darts/woolyrnq", ("Y",), months=3),
    Source("nixtla/bitcoin_price_usd", ("Close",), step=DAY),
    Source(
        "nixtla/electricity-short-with-ex-vars",
        ("y", "Exogenous1", "Exogenous2"),
        step=HOUR,
        ids=("unique_id",),
        held_out=("FR",),
    ),
    *(
        Source(f"nixtla/ercot_{zone}", (zone,), step=HOUR, held_out=("ercot_WEST",))
        for zone in ("COAST", "EAST", "ERCOT", "FWEST", "NCENT", "NORTH", "SCENT", "SOUTH", "WEST")
    ),
    Source("nixtla/ercot_multiple_ts", ("value",), step=HOUR, ids=("unique_id",), held_out=("/WEST",)),
    Source("nixtla/google_trend_chocolate", ("chocolate",), months=1),
    Source("nixtla/m5_sales_exog_small", ("y",), step=DAY, ids=("unique_id",)),
    Source("nixtla/peyton_manning", ("value",), step=DAY),
    Source(
        "nixtla/tourism", ("Trips",), months=3, ids=("Region", "State", "Purpose"), held_out=("Sydney", "Melbourne")
    ),
    Source("nixtla/usdeur", ("value",), step=DAY),
    Source(
        "skforecast/air_quality_valencia",
        ("so2", "co", "no", "no2", "pm10", "nox", "o3", "veloc.", "pm2.5"),
        step=HOUR,
        held_out=("o3", "pm10"),
    ),
    Source("skforecast/bdg2_hourly_sample", ("building_1", "building_2"), step=HOUR, held_out=("building_2",)),
    Source("skforecast/bicimad_users", ("users",), step=DAY),
    Source(
        "skforecast/bike_sharing_dataset_clean",
        ("users", "temp", "hum", "windspeed"),
        step=HOUR,
        held_out=("windspeed",),
    ),
    Source("skforecast/bitcoin", ("close", "volume"), step=DAY),
    Source(
        "skforecast/consumos-combustibles-mensual",
        ("GLPs", "Gasolinas", "Querosenos", "Gasoleos", "Fueloleos"),
        months=1,
    ),
    Source("skforecast/demo_multi_series", ("value",), step=DAY, ids=("series_id",)),
    Source("skforecast/demo_multi_series_exog", ("air_temperature", "wind_speed"), step=DAY, ids=("series_id",)),
    Source("skforecast/energy_production_shutdown", ("production",), step=DAY),
    Source("skforecast/expenditures_australia", ("turnover",), months=1),
    Source("skforecast/h2o", ("x",), months=1),
    Source("skforecast/intermittent_demand", ("users",), step=HOUR),
    Source(
        "skforecast/public-transport-madrid", ("metro", "bus", "road", "train", "total"), step=DAY, held_out=("bus",)
    ),
    Source("skforecast/simulated_items_sales", ("item_1", "item_2", "item_3"), step=DAY),
    Source("skforecast/uk_daily_flights", ("Number of flights",), step=DAY, held_out=("",)),
    Source("skforecast/vic_electricity", ("Demand", "Temperature"), step=30 * MINUTE),
    Source("skforecast/visitas_por_dia_web_cienciadedatos_2020_2021", ("users",), step=DAY),
    Source("statsmodels/co2", ("co2",), step=WEEK),
    Source("statsmodels/elnino", ("*months",), months=1),
    Source(
        "statsmodels/macrodata",
        ("realgdp", "realcons", "realinv", "cpi", "m1", "tbilrate", "unemp", "infl", "realint"),
        months=3,
    ),
    Source("statsmodels/nile", ("volume",), months=12),
    Source("statsmodels/sunspots", ("SUNACTIVITY",), months=12),
)


def read_corpus(folder: Path) -> list[Series]:
    """Every series at its own step, averaged over 2, 4, 12 and 24 steps where at least 200 points remain, and, where
    the step is an hour or less, interpolated down to a quarter of an hour."""
    series = []
    for source in SOURCES:
        for name, values in _read_source(folder / "corpus" / f"{source.path}.csv.gz", source):
            held_out = any(part in name for part in source.held_out)
            for factor in (1, 2, 4, 12, 24):
                coarse = _average(values, factor)
                if factor > 1 and len(coarse) < 200:
                    break
                group = source.path.replace("nixtla/ercot_", "nixtla/ercot*_")
                group = "nixtla/ercot" if "ercot*" in group else group
                series.append(Series(f"{name}@{factor}", group, coarse, source.candidates(factor), held_out))
            for factor in (1 / 2, 1 / 4):
                if 15 * MINUTE <= source.step * factor < HOUR:
                    fine = _interpolate(values, round(1 / factor))
                    series.append(Series(f"{name}@{factor}", group, fine, source.candidates(factor), held_out))
    return series + read_m4(folder)


def read_m4(folder: Path) -> list[Series]:
    """The M4 train parts, but for those that would give test windows away. Every tenth series is held out whole."""
    steps = {"Hourly": HOUR, "Weekly": WEEK}
    series = []
    for kind, step in steps.items():
        rows = _rows(folder / "forecasting" / "m4" / f"{kind}-train.csv.gz")
        next(rows)
        for index, row in enumerate(rows):
            if row[0] in M4_WITH_TEST_WINDOWS:
                continue
            values = np.array([float(cell) for cell in row[1:] if cell not in ("", "NA")], dtype=np.float32)
            series.append(Series(f"m4/{row[0]}", f"m4/{kind}", values, tuple(season_candidates(step)), index % 10 == 9))
    return series


def _rows(path: Path):
    with gzip.open(path, "rb") as file:
        yield from csv.reader(io.TextIOWrapper(file, encoding="utf-8-sig"))


def _read_source(path: Path, source: Source):
    rows = _rows(path)
    header = next(rows)
    columns = source.columns
    if columns == ("*months",):  # one row a year, one column a month
        table = np.array([[_number(cell) for cell in row[1:]] for row in rows], dtype=np.float32)
        yield source.path, table.reshape(-1)
        return
    if columns == ("*",):
        columns = tuple(header)
    ids = [header.index(name) for name in source.ids]
    wanted = [(name, header.index(name)) for name in columns]
    collected = defaultdict(list)
    for row in rows:
        if len(row) < len(header):  # a last line without all its cells
            continue
        key = "/".join(row[index] for index in ids)
        for name, index in wanted:
            collected[key, name].append(_number(row[index]))
    for (key, name), numbers in collected.items():
        values = np.array(numbers[::-1] if source.newest_first else numbers, dtype=np.float32)
        yield f"{source.path}/{key}/{name}", _without_empty_ends(values)


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return float("nan")


def _without_empty_ends(values: np.ndarray) -> np.ndarray:
    seen = np.flatnonzero(np.isfinite(values))
    return values[seen[0] : seen[-1] + 1] if len(seen) else values[:0]


def _average(values: np.ndarray, factor: int) -> np.ndarray:
    if factor == 1:
        return values
    whole = len(values) // factor * factor
    blocks = values[len(values) - whole :].reshape(-1, factor)
    seen = np.isfinite(blocks)
    total = np.where(seen, blocks, 0).sum(axis=1)
    return np.where(seen.sum(axis=1) > 0, total / np.maximum(seen.sum(axis=1), 1), np.nan).astype(np.float32)


def _interpolate(values: np.ndarray, parts: int) -> np.ndarray:
    """`parts` points for every one, on straight lines; a missing end makes the line missing."""
    fine = np.arange((len(values) - 1) * parts + 1) / parts
    return np.interp(fine, np.arange(len(values)), values).astype(np.float32)
