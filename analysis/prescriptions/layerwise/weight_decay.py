"""The rule `weight-decay`: AlphaDecay's map, as published or with the mean kept."""

import numpy as np
from numpy.typing import NDArray

from analysis.diagnostic import Option, Options
from analysis.prescriptions.exponents import estimator_option, why_not_apart
from analysis.prescriptions.layerwise.dialects import weight_decay_files
from analysis.prescriptions.layerwise.layers import Scaled, scaled_layers
from analysis.prescriptions.layerwise.learning_rate import TOOLS
from analysis.prescriptions.layerwise.maps import block_sigmoid, ratios
from analysis.prescriptions.members import Members
from analysis.prescriptions.naming import block_of
from analysis.prescriptions.prescription import Answer, Doubt, Rule

MAP = Option("map", "alphadecay", "alphadecay: linear in α. sqrt, log2: √α or log₂ α over its mean. step: by rank. "
             "layerwise_sigmoid: a sigmoid of α standardised inside each block, from 0 to 2; no low or high.",
             choices=("alphadecay", "sqrt", "log2", "step", "layerwise_sigmoid"))  # fmt: skip
BASE = Option("base", 0.1, "The weight decay of the layers that are not scaled, in AdamW's decoupled form.",
              minimum=1e-12, maximum=1e3)  # fmt: skip
LOW = Option("low", 0.6667, "Least ratio to the base.", minimum=0.0, maximum=1e3)
HIGH = Option("high", 3.0, "Largest ratio to the base: 3 in the authors' commands, 5 for AdamW at 60M.",
              minimum=0.0, maximum=1e3)  # fmt: skip
KEEP = Option("keep_mean", False, "Divide by the mean ratio over parameters, so that the mean decay stays the base's. "
              "Ours; the published rule raises the mean.")  # fmt: skip


def prescribe(members: Members, options: Options) -> Answer:
    form, estimator, base = options.text("map"), options.text("estimator"), options.number("base")
    choice = scaled_layers(members, estimator)
    alphas = [layer.alpha for layer in choice.layers]
    factors = _ratios(choice, form, options)
    weights = np.array([layer.parameters for layer in choice.layers], np.float64)
    mean, by_parameters = float(factors.mean()), float((factors * weights).sum() / weights.sum())
    scales = factors / by_parameters if options.flag("keep_mean") else factors
    values = {layer.tensor: base * float(ratio) for layer, ratio in zip(choice.layers, scales, strict=True)}
    reason = why_not_apart(alphas, [layer.error for layer in choice.layers])
    note = (
        f"The published rule multiplies the mean decay by {by_parameters:.3g} over the parameters of these layers, so "
        "that a gain over one decay for all may be one of more decay; keep_mean takes that out."
    )
    return Answer(
        entries=values,
        estimator=estimator,
        details={layer.tensor: {"alpha": layer.alpha, "ratio": values[layer.tensor] / base} for layer in choice.layers},
        extra={"base": base, "mean_ratio": mean, "mean_ratio_by_parameters": by_parameters},
        notes=(*choice.notes, note, "axolotl's parameter groups take no weight decay."),
        doubt=None if reason is None else Doubt(reason, base),
        files=weight_decay_files(values, base),
    )


def _ratios(found: Scaled, form: str, options: Options) -> NDArray[np.float64]:
    alphas = [layer.alpha for layer in found.layers]
    if form == "layerwise_sigmoid":
        return block_sigmoid(alphas, [block_of(layer.tensor) for layer in found.layers])
    return ratios(alphas, "linear" if form == "alphadecay" else form, options.number("low"), options.number("high"))


WEIGHT_DECAY = Rule(
    name="weight-decay",
    title="Weight decay per layer",
    reference="AlphaDecay, arXiv 2506.14562; hed-ucas/AlphaDecay 23ce27c WeightDecayUnbalance.py",
    description="Decays layers with a light tail more and those with a heavy tail less.",
    inputs="one checkpoint",
    value="weight decay",
    validated_on="The authors pre-trained LLaMA-like models of 60M to 1B, with no uniform run at the same mean decay; "
    "not compared here.",
    compute=prescribe,
    options=(MAP, BASE, estimator_option("alpha_hill_median"), LOW, HIGH, KEEP),
    outputs=TOOLS,
)
