import math

import pytest
import torch

from forge.architectures.seasonality import PRIOR_PAIRS, UNRELATED, CycleCopier, SeasonFinder, last_value

CONTEXT, PREDICTION = 512, 96
TIME = torch.arange(CONTEXT, dtype=torch.float32)
NONE = (0, 0, 0, 0)


@pytest.fixture(scope="module")
def finder():
    return SeasonFinder(CONTEXT, PREDICTION)


def wave(period: float, size: float = 1.0) -> torch.Tensor:
    return size * torch.sin(2 * math.pi * TIME / period)


def noise(size: float, seed: int = 0) -> torch.Tensor:
    return size * torch.randn(CONTEXT, generator=torch.Generator().manual_seed(seed))


def lags(finder, x, candidates=NONE, mask=None):
    mask = torch.ones_like(x) if mask is None else mask
    x = (x - (x * mask).sum() / mask.sum()) * mask
    x = x / x.std()
    return [int(lag) for lag in finder(x[None], mask[None], torch.tensor([candidates]))[0]]


def test_finds_the_shortest_of_equal_multiples(finder):
    assert lags(finder, wave(24))[0] == 24


def test_finds_whole_days_inside_noise_and_gaps(finder):
    mask = (torch.rand(CONTEXT, generator=torch.Generator().manual_seed(1)) > 0.4).float()
    assert lags(finder, wave(24) + noise(0.2), mask=mask)[0] % 24 == 0


def test_finds_a_day_around_a_long_outage(finder):
    mask = torch.ones(CONTEXT)
    mask[150:300] = 0
    assert lags(finder, wave(24) + noise(0.1), mask=mask)[0] == 24


def test_takes_the_calendar_where_the_free_peak_is_blurred(finder):
    wandering = wave(96) + noise(0.05).cumsum(0)
    assert lags(finder, wandering, (96, 0, 0, 0))[0] == 96


def test_takes_day_and_week_when_both_are_known(finder):
    assert sorted(lags(finder, wave(24) + wave(168, 0.4) + noise(0.3), (24, 168, 0, 0))) == [24, 168]


def test_passes_over_a_few_steps_beside_a_longer_candidate(finder):
    wandering = wave(96) + noise(0.05).cumsum(0)
    assert lags(finder, wandering, (4, 96, 0, 0)) == lags(finder, wandering, (96, 0, 0, 0))
    quarters = wave(4) + noise(0.3)
    assert lags(finder, quarters, (4, 0, 0, 0))[0] == 4


def test_leaves_a_wrong_calendar_for_a_clear_free_season(finder):
    assert lags(finder, wave(31) + noise(0.1), (24, 168, 0, 0))[0] == 31


def test_the_second_lag_is_never_next_to_the_first(finder):
    for seed in range(20):
        first, second = lags(finder, noise(1, seed).cumsum(0))
        assert abs(first - second) > max(1, first // 8)


def test_an_empty_window_gives_lags_that_serve_as_indices(finder):
    empty = torch.zeros(1, CONTEXT)
    found = finder(empty, empty, torch.tensor([NONE]))
    assert ((found >= 2) & (found <= 384)).all()


def test_errors_equal_the_back_test_written_out(finder):
    generator = torch.Generator().manual_seed(4)
    mask = (torch.rand(CONTEXT, generator=generator) > 0.2).float()
    x = torch.randn(CONTEXT, generator=generator) * mask
    errors = finder.errors(x[None], mask[None])[0]
    for lag in (2, 24, 95, 96, 200, 384):
        total, count = 0.0, 0.0
        for step in range(1, PREDICTION + 1):
            apart = lag * math.ceil(step / lag)
            pairs = mask[apart:] * mask[:-apart]
            total += ((x[apart:] - x[:-apart]) ** 2 * pairs).sum().item() / PREDICTION
            count += pairs.sum().item() / PREDICTION
        expected = (total + PRIOR_PAIRS * UNRELATED) / (count + PRIOR_PAIRS)
        assert errors[lag].item() == pytest.approx(expected, rel=1e-4)


def test_copies_the_last_cycle_and_repeats_it_over_the_horizon():
    copier = CycleCopier(10, 6)
    x = torch.arange(10.0)[None]
    copy, mean = copier(x, torch.ones(1, 10), torch.tensor([[4.0]]), torch.tensor([[99.0]]))
    assert copy[0].tolist() == [0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 6, 7]
    assert mean[0, 10:].tolist() == [4, 5, 4, 5, 4, 5]


def test_a_missing_copy_comes_from_the_cycle_before_and_then_from_the_last_value():
    copier = CycleCopier(8, 4)
    x = torch.tensor([[1.0, 2, 3, 0, 5, 0, 7, 0]])
    mask = torch.tensor([[1.0, 1, 1, 0, 1, 0, 1, 0]])
    copy, mean = copier(x, mask, torch.tensor([[4.0]]), last_value(x, mask))
    assert copy[0, 8:].tolist() == [5, 2, 7, 7]
    assert mean[0, 8:].tolist() == [3, 2, 5, 7]


def test_last_value_skips_missing_points():
    assert last_value(torch.tensor([[1.0, 2, 0]]), torch.tensor([[1.0, 1, 0]])).tolist() == [[2.0]]
    assert last_value(torch.zeros(1, 3), torch.zeros(1, 3)).tolist() == [[0.0]]
