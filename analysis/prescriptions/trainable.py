"""Which layers to train: Spectrum's list, as axolotl reads it.

Of each type of layer the share with the highest signal-to-noise ratio (Hartford et al., arXiv 2406.06623, section 3;
cognitivecomputations/spectrum at 0ed1756). The ratio is the column `snr_spectrum` of the diagnostic `snr`.
"""

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean

from analysis.diagnostic import Option, Options, Row
from analysis.errors import UnmeasuredLayer, UnreachableTarget, escape
from analysis.findings.wording import quantity
from analysis.prescriptions.members import Members
from analysis.prescriptions.naming import module_of, type_of
from analysis.prescriptions.prescription import Answer, Output, Rule
from analysis.prescriptions.writing import to_bytes, to_yaml

ALWAYS = ("head", "embedding")  # trained whatever their ratio, in Spectrum's order
SLACK = 1e-9  # 0.29 · 100 is 28.999…, and means 29
UNSAFE = re.compile(r"[^A-Za-z0-9.-]+")

FRACTION = Option(
    "fraction",
    0.5,
    "Share of the layers of each type that are trained, rounded down; Spectrum's --top-percent is 100 times that.",
    minimum=1e-6,
    maximum=1.0,
)
MODEL = Option(
    "model",
    "model",
    "The model's name as ORGANISATION/NAME, from which axolotl makes the name of the file that it looks for.",
)


def prescribe(members: Members, options: Options) -> Answer:
    table = members.rows("snr")
    types, fraction = by_type(table), options.number("fraction")
    picks = [name for ratios in types.values() for name in best(ratios, fraction)]
    if not picks:
        raise _too_few(types, fraction)
    always_names = list(dict.fromkeys(row.weight.tensor for role in ALWAYS for row in table if row.weight.role == role))
    entries = {name: ratio for ratios in types.values() for name, ratio in ratios.items()}
    return Answer(
        entries=entries,
        details={name: {"type": type_of(name), "trained": name in picks} for name in entries},
        extra={"chosen": picks, "always": always_names},
        notes=_notes(table, types, fraction),
        files={
            "unfrozen_parameters.yaml": unfrozen(always_names, types, fraction),
            f"model_snr_results/snr_results_{slug(options.text('model'))}.json": to_bytes(_results(types)),
            "requires_grad.json": to_bytes([*always_names, *picks]),
        },
    )


def by_type(rows: Sequence[Row]) -> Mapping[str, Mapping[str, float]]:
    """Of each type the ratio of each tensor, of several matrices in one tensor their mean.

    Raises UnmeasuredLayer where a matrix has no ratio: one NaN breaks the order of the others in Spectrum's code.
    """
    by_kind: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        kind, ratio = type_of(row.weight.tensor), row.value("snr_spectrum")
        if kind is None:
            continue
        if not isinstance(ratio, int | float):
            reason = row.measurement.note or "it has no ratio"
            raise UnmeasuredLayer(f"{escape(row.weight.name)} cannot be ranked: {reason}")
        by_kind[kind][row.weight.tensor].append(float(ratio))
    return {kind: {name: fmean(ratios) for name, ratios in by_kind[kind].items()} for kind in sorted(by_kind)}


def best(ratios: Mapping[str, float], fraction: float) -> list[str]:
    """The share with the highest ratios, the highest first."""
    return sorted(ratios, key=lambda name: -ratios[name])[: count_of(len(ratios), fraction)]


def _too_few(types: Mapping[str, Mapping[str, float]], fraction: float) -> UnreachableTarget:
    top = max(map(len, types.values()), default=0)
    if not top:
        return UnreachableTarget(
            "no matrix lies in a numbered block, so that there are no types of layers to choose of"
        )
    return UnreachableTarget(
        f"a share of {fraction:g} is less than one of the {quantity(top, 'layer')} of a type: ask for a fraction of "
        f"{math.ceil(1000 / top) / 1000:g} or more"
    )


def count_of(layers: int, fraction: float) -> int:
    """⌊L·p⌋, as Spectrum's int(): of three layers a quarter is none.

    >>> count_of(100, 0.29), count_of(3, 0.25)
    (29, 0)
    """
    return math.floor(layers * fraction + SLACK)


def unfrozen(always: Sequence[str], types: Mapping[str, Mapping[str, float]], fraction: float) -> bytes:
    """The list for axolotl: anchored at both ends, the dots as they are, since axolotl escapes them itself."""
    text = b"unfrozen_parameters:\n" + _lines(always)
    for kind, ratios in types.items():
        text += f"# {kind}\n".encode() + _lines(best(ratios, fraction))
    return text


def _lines(names: Sequence[str]) -> bytes:
    return to_yaml([f"^{name}$" for name in names]) if names else b""


def _results(types: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, object]]:
    return {
        module_of(name): {"snr": ratio, "type": kind}
        for kind, ratios in types.items()
        for name, ratio in ratios.items()
    }


def slug(model: str) -> str:
    """A model's name in a file's: "/" and "_" become "-", as in Spectrum; so does what no file name should hold.

    >>> slug("meta-llama/Meta_Llama-3-8B")
    'meta-llama-Meta-Llama-3-8B'
    """
    return UNSAFE.sub("-", model).strip(".") or "model"


def _notes(rows: Sequence[Row], types: Mapping[str, Mapping[str, float]], fraction: float) -> tuple[str, ...]:
    none = [kind for kind, ratios in types.items() if count_of(len(ratios), fraction) == 0]
    several = {row.weight.tensor for row in rows if row.weight.name != row.weight.tensor}
    notes = [
        "The ratio falls as the largest singular value grows, so it compares layers of one type and shape only.",
        "Spectrum's threshold is not the edge of noise: of a long Gaussian matrix nearly all values count as signal.",
    ]
    if none:
        notes.append(f"No layer of these types is trained, as their share is less than one: {', '.join(none)}.")
    if several:
        notes.append(f"{quantity(len(several), 'tensor')} with several matrices: the mean of their ratios counts.")
    return tuple(notes)


TRAINABLE = Rule(
    name="trainable",
    title="Layers to train",
    reference="Hartford et al., Spectrum, arXiv 2406.06623, section 3; cognitivecomputations/spectrum 0ed1756",
    description="Trains the layers of each type with the highest signal-to-noise ratio and freezes the others.",
    inputs="one checkpoint",
    value="SNR",
    validated_on=(
        "The authors fine-tuned two models of 7 and 8 billion parameters; a short training of Spectrum's "
        "quarter of the layers against a random quarter, measured here with 3 seeds and 95 % intervals: "
        "LLaMA, 25% of each type: no clear difference, 0.001 (0.000 to 0.003) in nats a byte; MiniLM, 25% of "
        "each type: no clear difference, 0.027 (−0.019 to 0.073) in nats a text."
    ),
    compute=prescribe,
    options=(FRACTION, MODEL),
    outputs=(
        Output("unfrozen_parameters.yaml", "axolotl", "the list `unfrozen_parameters` of a configuration"),
        Output(
            "model_snr_results/snr_results_<ORGANISATION>-<NAME>.json",
            "axolotl's Spectrum plugin",
            "the ratios, which the plugin reads in place of its own scan",
        ),
        Output("requires_grad.json", "PyTorch", "names of the parameters whose `requires_grad` stays true"),
    ),
)
