"""The model card of a fine-tune."""

from ..items.compare import Comparison, table


def tuned_card(manifest: dict, comparison: Comparison) -> str:
    training = manifest["training"]
    windows, base = training["windows"], training["base"]
    origin = f"`{base['package']}` {base['version']}" if "package" in base else f"the training run `{base['run']}`"
    what = f"adapters of rank {training['lora']}, merged into the weights" if training["lora"] else "head and decoder"
    runs = "\n".join(
        f"| {one['learningRate']:g} | {one['seed']} | {one['bestEpoch']} of {one['epochs']} | {one['validation']} | "
        f"{'yes' if i in training['soup']['of'] else 'no'} |"
        for i, one in enumerate(training["fineTunes"])
    )
    return f"""# {manifest["name"]}

{origin}, a zero-shot model, taught one item: `{training["item"]}` ({", ".join(training["channels"])}), a point every
{training["freq"]}. It answers for any series, but was measured on this item alone.

## Training

The newest {training["fraction"]:.0%} of {windows["train"]} training windows; {windows["validation"]} windows after
them to stop by, {windows["test"]} later ones to measure on. Tuned: {what} ({training["weightsTrained"]:,} of
{manifest["parameters"]:,} weights); the rest is the base's. Pinball loss over {len(manifest["levels"])} levels.

| learning rate | seed | best epoch | validation | in the {training["soup"]["kind"]} soup |
| --- | --- | --- | --- | --- |
{runs}

What is kept is {training["shareOfFineTune"]:.0%} of their mean and the rest of the base (WiSE-FT), the share that is
best on the validation part: {manifest["metrics"]["validation"]}, the base alone
{manifest["metrics"]["validationOfBase"]}.

## Measured

On the test part, {comparison.windows} origins, {comparison.steps} steps, standardised by the training part; MSE and MAE
are of the median:

```
{chr(10).join(table(comparison))}
```

Licence: {manifest["licence"]}, and of the base.
"""
