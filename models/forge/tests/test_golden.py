"""Every golden case of the original code, in PyTorch. `npm run evaluate -- golden` checks them in Node as well."""

import json
from pathlib import Path

import pytest
import torch

from forge.architectures.positions import sincos_table
from forge.importing.families import load_checkpoint
from forge.importing.golden import check_case, find_cases

GOLDEN = Path(__file__).resolve().parents[4] / "shared" / "golden" / "models"
CASES = find_cases(GOLDEN) if GOLDEN.is_dir() else []
pytestmark = pytest.mark.skipif(not CASES, reason="the golden cases of the original code are not on this machine")


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_answers_like_the_original(case):
    model = load_checkpoint(case, case.parent.name)
    wrong = [
        f"{scenario} {one.tensor}: {one.error:.2e}, {one.allowed:.2e} allowed"
        for scenario, comparisons in check_case(model, case)
        for one in comparisons
        if not one.passed
    ]
    assert wrong == []


def test_the_sincos_table_is_the_original_one():
    golden = json.loads((GOLDEN / "patchtsmixer/posenc_sincos/golden.json").read_text())
    table = torch.tensor(golden["pristine_sincos_position_enc"])
    assert torch.allclose(sincos_table(*table.shape), table, atol=1e-6)
