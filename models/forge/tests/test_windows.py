import numpy as np
import pytest

from forge.data.corpus import Series
from forge.data.pool import generate_pool
from forge.data.variates import VARIATES, VariateSampler, aligned_items
from forge.data.windows import WindowSampler, standardise


@pytest.fixture(scope="module")
def pool():
    return generate_pool(1, 1e-3)


def a_series(length: int, **changes) -> Series:
    values = np.sin(np.arange(length) * 2 * np.pi / 24).astype(np.float32) + 5
    return Series(
        **{"name": "sine@1", "group": "sine", "values": values, "candidates": (24, 168, 0, 0), "held_out": False}
        | changes
    )


def test_batches_have_the_model_inputs_and_depend_on_the_seed_alone(pool):
    series = [a_series(2000), a_series(60, group="short")]
    first, again = (WindowSampler(pool, series, 512, 96, 0.5, np.random.default_rng(9)).batch(32) for _ in range(2))
    assert first.past.shape == first.past_mask.shape == (32, 512)
    assert first.future.shape == first.future_mask.shape == (32, 96)
    assert first.candidates.dtype == np.int64
    for one, other in zip(vars(first).values(), vars(again).values(), strict=True):
        assert np.isfinite(one).all()
        assert np.array_equal(one, other)


def test_missing_points_are_zero_and_do_not_move_the_scale():
    values = np.array([[np.nan, 10, 12, np.nan, 14, 16, 100, np.nan]])
    batch = standardise(values, np.zeros((1, 4)), context=6)
    observed = np.array([10, 12, 14, 16])
    expected = (observed - observed.mean()) / observed.std()
    assert np.allclose(batch.past[0, [1, 2, 4, 5]], expected)
    assert batch.past[0, [0, 3]].tolist() == [0, 0]
    assert batch.past_mask[0].tolist() == [0, 1, 1, 0, 1, 1]
    assert batch.future_mask[0].tolist() == [1, 0]


def test_a_flat_context_teaches_nothing():
    batch = standardise(np.full((1, 20), 7.0), np.zeros((1, 4)), context=16)
    assert batch.past.any() == batch.future_mask.any() == False  # noqa: E712


def test_items_have_all_their_variates_and_depend_on_the_seed_alone(pool):
    series = [a_series(2000, name=f"sine/{i}@1") for i in range(3)]
    seen = set()
    samplers = []
    for _ in range(2):
        rng = np.random.default_rng(4)
        samplers.append(VariateSampler(WindowSampler(pool, series, 512, 96, 0.5, rng), rng))
    for _ in range(20):
        first, again = (sampler.batch(48) for sampler in samplers)
        items, variates = first.past.shape[:2]
        seen.add(variates)
        assert first.past.shape == first.past_mask.shape == (items, variates, 512)
        assert first.future.shape == first.future_mask.shape == (items, variates, 96)
        assert first.candidates.shape == (items, 4)
        for one, other in zip(vars(first).values(), vars(again).values(), strict=True):
            assert np.isfinite(one).all()
            assert np.array_equal(one, other)
    assert seen <= set(VARIATES)
    assert len(seen) > 3


def test_channels_of_an_item_are_those_of_one_group_and_length():
    series = [
        a_series(500, name="a/1@1"),
        a_series(500, name="a/2@1"),
        a_series(250, name="a/1@2"),
        a_series(500, name="b/1@1", group="b"),
        a_series(500, name="m4/H1", group="m4/Hourly"),
        a_series(500, name="m4/H2", group="m4/Hourly"),
    ]
    assert [[one.name for one in item] for item in aligned_items(series)] == [["a/1@1", "a/2@1"]]
