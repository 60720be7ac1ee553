"""An item from the observations that Tidecast keeps in PostgreSQL (docs/sql.md)."""

from contextlib import closing
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
import pg8000.dbapi

from .step import Step
from .table import ItemTable, to_table

TIMEOUT_SECONDS = 10
ITEMS_NAMED = 10


def read_postgres(url: str, item: str, step: Step | None = None) -> ItemTable:
    """All observations of the item, every channel, on the stored spacing of its series unless `step` is given."""
    with closing(_connect(url)) as connection:
        cursor = connection.cursor()
        try:
            series = _rows(
                cursor, "SELECT series_id, channel, freq FROM series WHERE item_id = %s ORDER BY channel", item
            )
            if not series:
                raise ValueError(_unknown(cursor, item))
            points = _rows(
                cursor,
                "SELECT series_id, extract(epoch FROM ts)::float8, value FROM observations"
                " WHERE series_id = ANY(%s) ORDER BY ts",
                [one[0] for one in series],
            )
        except pg8000.dbapi.DatabaseError as error:
            raise ValueError(
                f"{_shown(url)} cannot be read: {_message(error)}; is it a database of Tidecast?"
            ) from error
    if not points:
        raise ValueError(f"item {item} has no observations: send some first")
    stored = {one[2] for one in series if one[2]}
    if step is None and len(stored) > 1:
        raise ValueError(
            f"the channels of item {item} have the spacings {', '.join(sorted(stored))}: give --freq or --channels"
        )
    if step is None and stored:
        step = Step.parse(stored.pop())
    return _align(item, series, points, step)


def _align(item: str, series: list, points: list, step: Step | None) -> ItemTable:
    """One row a time: channels that were observed at the same time share it."""
    column = {one[0]: i for i, one in enumerate(series)}
    times, row = np.unique([one[1] for one in points], return_inverse=True)
    values = np.full((len(times), len(series)), np.nan)
    values[row, [column[one[0]] for one in points]] = [one[2] for one in points]
    return to_table(item, [one[1] for one in series], times, values, step)


def _connect(url: str) -> pg8000.dbapi.Connection:
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql") or not parts.hostname:
        raise ValueError(f"--from-postgres {_shown(url)}: give a URL like postgres://user:password@host:5432/database")
    encrypted = parse_qs(parts.query).get("sslmode", ["disable"])[0] not in ("disable", "allow", "prefer")
    try:
        return pg8000.dbapi.connect(
            user=unquote(parts.username or "postgres"),
            password=unquote(parts.password) if parts.password else None,
            host=parts.hostname,
            port=parts.port or 5432,
            database=unquote(parts.path.lstrip("/")) or None,
            timeout=TIMEOUT_SECONDS,
            ssl_context=True if encrypted else None,
            application_name="tidecast-forge",
        )
    except (pg8000.dbapi.Error, OSError) as error:
        raise ValueError(
            f"{_shown(url)} cannot be reached: {_message(error)}; check that the database runs, and its host, port, "
            "name, user and password in --from-postgres"
        ) from error


def _rows(cursor: pg8000.dbapi.Cursor, statement: str, *arguments) -> list:
    cursor.execute(statement, arguments)
    return list(cursor.fetchall())


def _unknown(cursor: pg8000.dbapi.Cursor, item: str) -> str:
    known = [
        one[0] for one in _rows(cursor, "SELECT DISTINCT item_id FROM series ORDER BY 1 LIMIT %s", ITEMS_NAMED + 1)
    ]
    names = ", ".join(known[:ITEMS_NAMED]) + (", …" if len(known) > ITEMS_NAMED else "")
    return (
        f"there is no item {item}; there are {names}: correct --item"
        if known
        else f"there is no item {item}, and no other"
    )


def _shown(url: str) -> str:
    """Without the password."""
    parts = urlsplit(url)
    return url.replace(f":{parts.password}@", ":…@") if parts.password else url


def _message(error: Exception) -> str:
    """The server's own words, where it spoke."""
    said = error.args[0] if error.args else error
    return said.get("M", str(said)) if isinstance(said, dict) else str(said)
