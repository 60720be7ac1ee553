"""Averages of the weights of fine-tunes that began at the same place (arXiv 2203.05482), and of them with that place
(WiSE-FT, arXiv 2109.01903)."""

from collections.abc import Callable, Sequence

from torch import Tensor

Weights = dict[str, Tensor]
Validate = Callable[[Weights], float]  # smaller is better

SOUPS = ("uniform", "greedy")
SHARES = tuple(tenth / 10 for tenth in range(11))


def mean_weights(all_weights: Sequence[Weights]) -> Weights:
    """Norms included; the sums are taken in float64."""
    first = all_weights[0]
    return {
        name: (sum(one[name].double() for one in all_weights) / len(all_weights)).to(first[name].dtype)
        for name in first
    }


def greedy_soup(all_weights: Sequence[Weights], validate: Validate) -> tuple[Weights, list[int]]:
    """From the best fine-tune on: the next joins when the mean is not worse. The mean, and who is in it."""
    order = sorted(range(len(all_weights)), key=lambda i: validate(all_weights[i]))
    chosen, best = [order[0]], validate(all_weights[order[0]])
    for candidate in order[1:]:
        error = validate(mean_weights([all_weights[i] for i in (*chosen, candidate)]))
        if error <= best:
            chosen, best = [*chosen, candidate], error
    return mean_weights([all_weights[i] for i in chosen]), sorted(chosen)


def between(base: Weights, tuned: Weights, share: float) -> Weights:
    """(1 - share) of the base and `share` of the fine-tune."""
    return {name: base[name] + share * (value - base[name]) for name, value in tuned.items()}


def wise(base: Weights, tuned: Weights, validate: Validate) -> tuple[Weights, float, dict[float, float]]:
    """The best mixture with the base on the validation part, its share, and the error of every share tried."""
    errors = {share: validate(between(base, tuned, share)) for share in SHARES}
    share = min(SHARES, key=lambda one: (errors[one], one))
    return between(base, tuned, share), share, errors
