"""Writes a Time-MoE checkpoint folder at the published 50M configuration, with random weights.

models/forge/.venv/bin/python experiments/time-moe-50m/random_checkpoint.py OUT
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "models"))
from forge.architectures.time_moe import TimeMoe
from forge.architectures.time_moe_layers import TimeMoeConfig

PUBLISHED_50M = {
    "architectures": ["TimeMoeForPrediction"],
    "model_type": "time_moe",
    "hidden_act": "silu",
    "input_size": 1,
    "hidden_size": 384,
    "intermediate_size": 1536,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "num_experts": 8,
    "num_experts_per_tok": 2,
    "horizon_lengths": [1, 8, 32, 64],
    "max_position_embeddings": 4096,
    "rope_theta": 10000,
    "rms_norm_eps": 1e-6,
    "attention_dropout": 0.0,
    "use_dense": False,
    "apply_aux_loss": True,
    "router_aux_loss_factor": 0.02,
}

folder = Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
torch.manual_seed(0)
model = TimeMoe(TimeMoeConfig())  # whose defaults are this configuration
with torch.no_grad():
    for one in model.parameters():
        if one.ndim > 1:
            one.normal_(std=0.02)  # as transformers starts them
(folder / "config.json").write_text(json.dumps(PUBLISHED_50M, indent=2) + "\n")
save_file(model.state_dict(), folder / "model.safetensors")
print(f"{sum(one.numel() for one in model.parameters()):,} parameters in {folder}")
