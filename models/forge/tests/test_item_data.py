"""An item's history: read, put on its grid, split, and refused with a remedy where nothing can be learnt from it."""

import gzip

import numpy as np
import pytest
import torch

from forge.items.csv_source import read_csv
from forge.items.gaps import fill_gaps
from forge.items.split import item_windows, parse_split
from forge.items.step import Step
from forge.items.table import ItemTable, to_table

HOUR = 3600.0
SHARES = (0.7, 0.1, 0.2)


def a_csv(folder, *lines: str):
    path = folder / "item.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def a_table(values: np.ndarray, channels: tuple[str, ...] = ("a", "b")) -> ItemTable:
    return ItemTable("boiler", channels, Step(3600), 0.0, values)


def noise(steps: int = 800, channels: int = 2) -> np.ndarray:
    return np.random.default_rng(3).standard_normal((steps, channels))


@pytest.mark.parametrize("text", ["PT15M", "PT1H", "P1D", "P1W", "P1M", "PT90S"])
def test_a_step_is_written_as_it_was_read(text):
    assert str(Step.parse(text)) == text


@pytest.mark.parametrize("text", ["", "P", "1h", "P1M1D", "PT0S"])
def test_what_is_no_step_is_refused(text):
    with pytest.raises(ValueError, match="give an ISO-8601 duration"):
        Step.parse(text)


def test_about_a_month_is_a_calendar_month():
    firsts = np.array([f"2024-{month:02d}-01" for month in range(1, 13)], "datetime64[s]").astype(float)
    step = Step.infer(firsts)
    assert str(step) == "P1M"
    assert np.rint(step.positions(firsts)).tolist() == list(range(12))


def test_rows_in_any_order_and_holes_land_on_the_grid(tmp_path):
    rows = [f"2024-01-01T{hour:02d}:00:00Z,{hour},{'' if hour == 3 else -hour}" for hour in (4, 0, 1, 3)]
    table = read_csv(a_csv(tmp_path, "time,a,b", *rows), "boiler", step=Step.parse("PT1H"))
    np.testing.assert_array_equal(table.values[:, 0], [0, 1, np.nan, 3, 4])
    np.testing.assert_array_equal(table.values[:, 1], [0, -1, np.nan, np.nan, -4])


def test_a_gzipped_file_with_the_time_in_another_column(tmp_path):
    path = tmp_path / "item.csv.gz"
    path.write_bytes(gzip.compress(b"a,when\n1,2024-01-01\n2,2024-01-02\n3,2024-01-03\n"))
    table = read_csv(path, "boiler", time_column="when")
    assert (table.channels, str(table.step), table.values.ravel().tolist()) == (("a",), "P1D", [1, 2, 3])


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["time,a"], "has 0 rows below its header"),
        (["time,a,a", "2024-01-01,1,2", "2024-01-02,1,2"], "different channels"),
        (["time,a", "2024-01-01,1", "yesterday,2"], r"row 3: 'yesterday' is no time"),
        (["time,a", "2024-01-01,1", "2024-01-02,many"], r"row 3, a: 'many' is no number"),
        (["time,a", "2024-01-01,1", "2024-01-02,inf"], "is not finite"),
        (["time,a", "2024-01-01,1", "2024-01-02,1,2"], "row 3 has 3 cells, its header 2"),
        (["time,a", "2024-01-01,1", "2024-01-01,2", "2024-01-02,3", "2024-01-03,3"], "same step of P1D"),
        (["time,a", *(f"2024-01-0{day},1" for day in range(1, 8)), "9024-01-01,1"], "remove the wrong date"),
        (["time,a", *(f"2024-01-0{day},1" for day in range(1, 8)), "2024-01-08T12:00,1"], "the right --freq"),
    ],
)
def test_a_damaged_file_is_refused_by_row_and_cell(tmp_path, lines, message):
    with pytest.raises(ValueError, match=message):
        read_csv(a_csv(tmp_path, *lines), "boiler")


def test_a_file_that_is_not_there_or_no_gzip(tmp_path):
    with pytest.raises(FileNotFoundError, match="is no file"):
        read_csv(tmp_path / "none.csv", "boiler")
    broken = tmp_path / "item.csv.gz"
    broken.write_bytes(b"time,a\n")
    with pytest.raises(ValueError, match="cannot be read"):
        read_csv(broken, "boiler")


def test_channels_are_chosen_in_the_order_given():
    table = a_table(noise())
    assert table.choose(["b", "a"]).channels == ("b", "a")
    np.testing.assert_array_equal(table.choose(["b"]).values[:, 0], table.values[:, 1])
    with pytest.raises(ValueError, match="has no channel c; it has a, b"):
        table.choose(["a", "c"])


def test_channels_of_unequal_length_share_what_they_share():
    values = noise(10)
    values[:3, 0] = values[8:, 1] = np.nan
    assert len(a_table(values).common_range().values) == 5
    values[:8, 0] = np.nan
    with pytest.raises(ValueError, match="a begins after b ends"):
        a_table(values).common_range()
    values[:, 0] = np.nan
    with pytest.raises(ValueError, match="channel a has no value"):
        a_table(values).common_range()


def test_parts_follow_each_other_and_targets_stay_inside_theirs():
    windows = item_windows(a_table(noise(1000)), (600, 200, 200), 48, 24)
    assert (windows.train.first, windows.train.end) == (48, 577)
    assert (windows.validation.first, windows.validation.end) == (600, 777)
    assert (windows.test.first, windows.test.end) == (800, 977)
    train = windows.values[:600]
    torch.testing.assert_close(train.mean(dim=0), torch.zeros(2), atol=1e-6, rtol=0)
    torch.testing.assert_close(train.std(dim=0, unbiased=False), torch.ones(2))
    past, _, future, _ = windows.rows(torch.tensor([100]))
    torch.testing.assert_close(torch.cat([past, future], dim=1)[0], windows.values[52:124])


def test_what_cannot_be_learnt_from_is_refused_with_a_remedy():
    flat, sparse = noise(), noise()
    flat[:, 1], sparse[::2, 0], sparse[1::4, 0] = 7.0, np.nan, np.nan
    with pytest.raises(ValueError, match=r"channel b is constant in the training part: leave it out with --channels a"):
        item_windows(a_table(flat), SHARES, 48, 24)
    with pytest.raises(ValueError, match="channel a is observed at 25%"):
        item_windows(a_table(sparse), SHARES, 48, 24)
    with pytest.raises(ValueError, match=r"100 steps of PT1H .* 70 of them in the training part, which needs 104"):
        item_windows(a_table(noise(100)), SHARES, 48, 24)
    with pytest.raises(ValueError, match="asks for 900 steps, there are 800"):
        item_windows(a_table(noise()), (500, 200, 200), 48, 24)


@pytest.mark.parametrize("text", ["0.7,0.3", "0.7,0.2,-0.1", "a,b,c", "0.7,0.7,0.7"])
def test_a_split_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="--split"):
        parse_split(text)


def test_gaps_are_filled_by_straight_lines_and_ends_by_the_nearest_value():
    x = torch.tensor([[0.0, 0, 2, 0, 0, 8, 0]])
    mask = torch.tensor([[0.0, 0, 1, 0, 0, 1, 0]])
    torch.testing.assert_close(fill_gaps(x, mask), torch.tensor([[2.0, 2, 2, 4, 6, 8, 8]]))
    torch.testing.assert_close(fill_gaps(x, 0 * mask), 0 * x)
    rng = np.random.default_rng(5)
    values, seen = rng.standard_normal(517), rng.random(517) > 0.6
    expected = np.interp(np.arange(517), np.flatnonzero(seen), values[seen])
    filled = fill_gaps(torch.from_numpy(values)[None], torch.from_numpy(seen * 1.0)[None])[0]
    np.testing.assert_allclose(filled, expected, atol=1e-12)


def test_a_table_needs_two_rows():
    with pytest.raises(ValueError, match="has 1 rows"):
        to_table("boiler", ["a"], np.array([0.0]), np.array([[1.0]]))
