import numpy as np
import pytest

from forge.data.pool import generate_pool
from forge.data.synthetic import MIXTURE


@pytest.mark.parametrize("generator", [generator for generator, _ in MIXTURE], ids=lambda one: one.__name__)
def test_a_generator_fills_its_chunk_with_finite_moving_series(generator):
    values, candidates = generator(np.random.default_rng(3), 20, 256)
    assert values.shape == (20, 256)
    assert candidates.shape == (20, 4)
    assert np.isfinite(values).all()
    assert (values.std(axis=1) > 0).mean() > 0.7


def test_a_seed_gives_the_same_pool_and_another_seed_another():
    first, again, other = (generate_pool(seed, 1e-4, 128) for seed in (1, 1, 2))
    assert np.array_equal(first.values, again.values)
    assert np.array_equal(first.candidates, again.candidates)
    assert not np.array_equal(first.values, other.values)


def test_pool_series_are_standardised():
    pool = generate_pool(4, 1e-4, 512)
    assert np.abs(pool.values.astype(np.float32).mean(axis=1)).max() < 0.01
