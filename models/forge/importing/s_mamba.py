"""Official S-Mamba state dicts; config.json holds the arguments of its run.py."""

import re

from torch import Tensor

from ..architectures.s_mamba import ACTIVATIONS, SMamba, SMambaConfig
from .settings import Settings

ARGUMENTS = {
    *("is_training", "model_id", "data", "root_path", "data_path", "target", "freq", "checkpoints", "label_len"),
    *("enc_in", "dec_in", "c_out", "n_heads", "d_layers", "moving_avg", "factor", "distil", "embed", "do_predict"),
    *("num_workers", "itr", "train_epochs", "batch_size", "patience", "learning_rate", "des", "loss", "lradj"),
    *("use_amp", "use_gpu", "gpu", "use_multi_gpu", "devices", "device_ids", "exp_name", "inverse", "detail_freq"),
    *("target_root_path", "target_data_path", "efficient_training", "partial_start_index", "output_attention"),
    "channel_independence",
}
# Every official layer also makes these and never uses them.
DEAD = re.compile(r"^encoder\.attn_layers\.\d+\.(man|man2|a)\.")


def build_s_mamba(raw: dict) -> SMamba:
    settings = Settings(raw)
    settings.expect("model", "S_Mamba")
    settings.expect("features", "M", "S", "MS")
    settings.expect("class_strategy", "projection", "average", "cls_token")
    activation = settings.take("activation", "gelu")
    if activation not in ACTIVATIONS:
        raise ValueError(f"config.json: activation is {activation!r}, known: {', '.join(map(repr, ACTIVATIONS))}")
    settings.ignore(ARGUMENTS)
    config = settings.build(SMambaConfig, activation=activation)
    settings.done()
    return SMamba(config)


def without_dead_weights(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: one for name, one in tensors.items() if not DEAD.match(name)}
