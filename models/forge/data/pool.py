"""The pool of synthetic series that a run draws its windows from."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .synthetic import MIXTURE, UNDISTURBED, disturb, standardise_rows

CHUNK = 250  # series that a generator makes at once


@dataclass(frozen=True)
class SyntheticPool:
    """`values` float16 [series, length], each standardised; `candidates` int16 [series, 4]."""

    values: np.ndarray
    candidates: np.ndarray


def generate_pool(seed: int, scale: float = 1.0, length: int = 1024, report: Callable[[str], None] = lambda _: None):
    """About 110,000 series at scale 1. The same seed gives the same pool."""
    rng = np.random.default_rng(seed)
    values, candidates = [], []
    for generator, share in MIXTURE:
        wanted = max(1, round(share * scale))
        for start in range(0, wanted, CHUNK):
            count = min(CHUNK, wanted - start)
            x, seasons = generator(rng, count, length)
            values.append(standardise_rows(disturb(rng, x) if generator not in UNDISTURBED else x).astype(np.float16))
            candidates.append(seasons.astype(np.int16))
        report(f"{generator.__name__}: {wanted} series")
    return SyntheticPool(np.concatenate(values), np.concatenate(candidates))


def cached_pool(folder: Path, seed: int, scale: float, report: Callable[[str], None]) -> SyntheticPool:
    """The pool of a run, kept in its folder so that a run that goes on does not make it again."""
    path = folder / f"pool-{seed}-{scale:g}.npz"
    if path.exists():
        with np.load(path) as stored:
            return SyntheticPool(stored["values"], stored["candidates"])
    pool = generate_pool(seed, scale, report=report)
    np.savez(path, values=pool.values, candidates=pool.candidates)
    return pool
