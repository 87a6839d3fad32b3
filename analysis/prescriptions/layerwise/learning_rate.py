"""The rule `learning-rate`: TempBalance's maps, and LLR's."""

from analysis.diagnostic import Option, Options
from analysis.prescriptions.exponents import estimator_option, why_not_apart
from analysis.prescriptions.layerwise.dialects import learning_rate_files
from analysis.prescriptions.layerwise.layers import scaled_layers, with_ends
from analysis.prescriptions.layerwise.maps import ratios
from analysis.prescriptions.members import Members
from analysis.prescriptions.prescription import Answer, Doubt, Output, Rule

MAP = Option(
    "map",
    "tempbalance",
    "tempbalance: linear in α from 0.5 to 1.5. sqrt, log2: √α or log₂ α over its mean. step: by rank, from 0.5 to 1.5. "
    "llr: linear from 1 to 5, embeddings and heads at 5.",
    choices=("tempbalance", "sqrt", "log2", "step", "llr"),
)
BASE = Option("base", 1e-3, "The learning rate of the layers that are not scaled.", minimum=1e-12, maximum=1e3)
LOW = Option("low", 0.0, "Least ratio to the base; 0: the map's own.", minimum=0.0, maximum=1e3)
HIGH = Option("high", 0.0, "Largest ratio to the base; 0: the map's own.", minimum=0.0, maximum=1e3)
ENDS = {"llr": (1.0, 5.0)}
TOOLS = (
    Output("optimizer_groups.json", "PyTorch", "parameter groups by parameter names; optimizer_groups.py reads them"),
    Output(
        "torchtitan.json",
        "torchtitan 0.3",
        "fields of ParamGroupConfig, patterns over the checkpoint's names and a LLaMA's there; torchtitan_groups.py "
        "reads them",
    ),
    Output("nemo_automodel.yaml", "NeMo Automodel", "`param_group_overrides`, patterns over the checkpoint's names"),
)


def prescribe(members: Members, options: Options) -> Answer:
    form, estimator, base = options.text("map"), options.text("estimator"), options.number("base")
    low, high = ENDS.get(form, (0.5, 1.5))
    low, high = options.number("low") or low, options.number("high") or high
    choice = with_ends(members, estimator) if form == "llr" else scaled_layers(members, estimator)
    alphas = [layer.alpha for layer in choice.layers]
    factors = ratios(alphas, "linear" if form in ("tempbalance", "llr") else form, low, high)
    values = {layer.tensor: base * float(ratio) for layer, ratio in zip(choice.layers, factors, strict=True)}
    if form == "llr":
        values |= dict.fromkeys(choice.ends, max(values.values()))
    reason = why_not_apart(alphas, [layer.error for layer in choice.layers])
    return Answer(
        entries=values,
        estimator=estimator,
        details={layer.tensor: {"alpha": layer.alpha, "ratio": values[layer.tensor] / base} for layer in choice.layers},
        extra={"base": base},
        notes=choice.notes,
        doubt=None if reason is None else Doubt(reason, base),
        files=learning_rate_files(values, base, choice.ends if form == "llr" else ()),
    )


LEARNING_RATE = Rule(
    name="learning-rate",
    title="Learning rate per layer",
    reference="Zhou et al., TempBalance, arXiv 2312.00359, section 3, eq. 4; LLR, arXiv 2605.22297",
    description="Gives layers with a light tail a higher learning rate and those with a heavy tail a lower one.",
    inputs="one checkpoint",
    value="learning rate",
    validated_on="TempBalance: ResNets and VGGs on CIFAR and TinyImageNet, during training; LLR: language models of at "
    "most 1B; not compared here.",
    compute=prescribe,
    options=(MAP, BASE, estimator_option("alpha_hill_median"), LOW, HIGH),
    outputs=(
        *TOOLS,
        Output("axolotl.yaml", "axolotl", "`lr_groups`, with llr `embedding_lr`; excludes loraplus_lr_ratio"),
        Output("fairseq2.yaml", "fairseq2", "`groups` of an optimizer, patterns as for torchtitan"),
    ),
)
