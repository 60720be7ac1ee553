"""The model card of a package of one item."""

from .compare import Comparison, table

_FAMILY = {
    "tsmixer": "PatchTSMixer (IBM TSMixer, arXiv 2306.09364)",
    "s-mamba": "S-Mamba (arXiv 2403.11144)",
}


def item_card(manifest: dict, comparison: Comparison) -> str:
    training, architecture = manifest["training"], manifest["architecture"]
    windows = training["windows"]
    groups = "and channel by channel" if manifest["channelPolicy"] == "aligned" else "over all channels"
    sizes = ", ".join(f"{key} {value}" for key, value in architecture.items() if key not in ("family", "channels"))
    return f"""# {manifest["name"]}

{_FAMILY[manifest["family"]]} trained on one item: `{training["item"]}`, {_channels(manifest)},
a point every {training["freq"]}. It is meant for this item and for nothing else.

{manifest["parameters"]:,} parameters; {sizes}. {_policy(manifest)}

## Training

{training["steps"]} steps of history in order of time: {windows["train"]} training windows,
{windows["validation"]} to stop by, {windows["test"]} to measure on. Standardised by the training part;
{training["recipe"]["loss"]} loss, best after epoch {training["bestEpoch"]} of {training["epochs"]},
seed {training["seed"]}.

## The paper's, and ours

The point forecast is the paper's model, window normalisation included; it is the median and the mean of every forecast.
Ours are two things around it. Gaps of a window are filled by straight lines before the model sees it, a short history
by its first value: the paper's model has no mask. And quantiles: the absolute errors on the validation part, lead by
lead {groups} and in deviations of the window, reach to both sides of the point forecast (split conformal prediction).
They are symmetric on purpose: skewed ones would move mean and median away from the forecast that the paper's loss
trained, by the bias of one validation part. A pinball head would be sharper where the spread depends on more than lead
and deviation, at the price of another model than the paper's.

## Measured

On the test part, {comparison.windows} origins, {comparison.steps} steps, standardised by the training part; MSE and MAE
are of the median:

```
{chr(10).join(table(comparison))}
```

Licence: {manifest["licence"]}. `golden.json` holds windows and what PyTorch answers; they are checked when the package
is loaded.
"""


def _channels(manifest: dict) -> str:
    names = manifest["training"]["channels"]
    return f"{len(names)} channels ({', '.join(names)})" if len(names) > 1 else f"channel {names[0]}"


def _policy(manifest: dict) -> str:
    if manifest["channelPolicy"] == "aligned":
        return "It reads all channels together, in this order; one that is absent counts as flat."
    return "It reads each channel alone, with the same weights."
