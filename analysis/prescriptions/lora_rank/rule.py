"""The rule `lora-rank`: a rank for each module from the spectrum of its update."""

from collections.abc import Mapping
from functools import partial

import numpy as np

from analysis.diagnostic import Option, Options, Scalar
from analysis.errors import OptionError, PrescriptionError, TensorError, UnmeasuredLayer, UnreachableTarget
from analysis.findings.wording import percent, quantity
from analysis.prescriptions.lora_rank.adapters import is_foreign, write_adapter
from analysis.prescriptions.lora_rank.patterns import ranks_as_settings
from analysis.prescriptions.lora_rank.ranks import DEFAULTS, Spectrum, above_noise, budget, count, facts
from analysis.prescriptions.lora_rank.updates import Update, Updates, open_updates
from analysis.prescriptions.members import Members
from analysis.prescriptions.prescription import Answer, Output, Rule
from analysis.prescriptions.writing import to_bytes, to_yaml

RULE = Option(
    "rule",
    "energy",
    "energy: the least k with Σ s² of at least `value` of all. frobenius: the same with its square root. nuclear: the "
    "same with Σ s. ratio: all s ≥ s₁ / value. noise: all s above the threshold for unknown noise, for whole "
    "fine-tunes only. budget: `value` parameters in all, the directions with the most s² / (m + n) first.",
    choices=("energy", "frobenius", "nuclear", "ratio", "noise", "budget"),
)
VALUE = Option("value", 0.0, "What the rule takes; 0: 0.9 for a share, 10 for a ratio.", minimum=0.0, maximum=1e15)
MOST = Option("max_rank", 0, "Largest rank of a module, as servers limit it; 0: any.", minimum=0.0, maximum=1e6)


def prescribe(members: Members, options: Options) -> Answer:
    updates = open_updates(members)
    rule, value = options.text("rule"), value_of(options)
    if rule == "noise" and any(update.rank is not None for update in updates.updates):
        raise PrescriptionError(
            "the median singular value of a LoRA update is 0, so that noise has no threshold: use another rule"
        )
    spectra = {update.name: spectrum_of(update) for update in updates.updates}
    ranks = choose(updates, spectra, rule, value, options.integer("max_rank") or 10**9)
    if not any(ranks.values()):
        raise UnreachableTarget("no update has a direction above rounding: nothing was trained, or a cast only")
    return _answer(updates, spectra, ranks)


def value_of(options: Options) -> float:
    """What the rule takes, or its default. Raises OptionError where the rule cannot take it."""
    rule, value = options.text("rule"), options.number("value")
    if rule == "noise":
        return 0.0
    if value == 0.0 and rule in DEFAULTS:
        return DEFAULTS[rule]
    if rule in ("energy", "frobenius", "nuclear") and not 0.0 < value <= 1.0:
        raise OptionError(f"option value: {value:g} is no share from 0 to 1, which the rule {rule} takes")
    if rule in ("ratio", "budget") and value < 1.0:
        what = "a ratio of 1 or more" if rule == "ratio" else "a number of parameters"
        raise OptionError(f"option value: {value:g} is not {what}, which the rule {rule} takes")
    return value


def spectrum_of(update: Update) -> Spectrum:
    """Raises UnmeasuredLayer where the update holds NaN or cannot be decomposed."""
    try:
        result, edge = update.read()
    except TensorError as error:
        raise UnmeasuredLayer(error.message if update.name in error.message else f"{update.name}: {error}") from error
    values = result.values.cpu().numpy()
    none = float(values[0]) * np.finfo(np.float64).eps * max(update.rows, update.columns) if len(values) else 0.0
    return Spectrum(values, update.rows + update.columns, int(np.count_nonzero(values > max(edge, none))))


def choose(updates: Updates, spectra: Mapping[str, Spectrum], rule: str, value: float, most: int) -> dict[str, int]:
    """K of each module, at most its directions above rounding and `most`."""
    if rule == "budget":
        return budget(spectra, value, most)
    ranks = {}
    for update in updates.updates:
        spectrum = spectra[update.name]
        if rule == "noise":
            k = above_noise(spectrum.values, update.rows, update.columns)
        else:
            k = count(spectrum.values, rule, value)
        ranks[update.name] = min(max(k, 1), spectrum.firm, most)
    return ranks


def _answer(updates: Updates, spectra: Mapping[str, Spectrum], ranks: Mapping[str, int]) -> Answer:
    details: dict[str, dict[str, Scalar]] = {
        update.name: {
            **({"rank_before": update.rank} if update.rank is not None else {}),
            **facts(spectra[update.name], ranks[update.name]),
        }
        for update in updates.updates
    }
    settings = ranks_as_settings({update.module: ranks[update.name] for update in updates.updates})
    patterns = {name: settings[name] for name in ("rank_pattern", "alpha_pattern")}
    axolotl = {
        "lora_r": settings["r"], "lora_alpha": settings["lora_alpha"],
        "lora_target_modules": settings["target_modules"],
        "lora_rank_pattern": patterns["rank_pattern"], "lora_alpha_pattern": patterns["alpha_pattern"],
    }  # fmt: skip
    files = {"rank_pattern.json": to_bytes(patterns), "axolotl.yaml": to_yaml(axolotl)}
    total = sum(spectra[name].sides * rank for name, rank in ranks.items())
    return Answer(
        entries=ranks,
        details=details,
        extra={"max_rank": max(ranks.values()), "trained_parameters": total, "left_out": list(updates.left_out)},
        notes=(*_notes(spectra, ranks), *updates.notes),
        files={} if is_foreign(updates) else files,
        folders=(partial(write_adapter, updates, ranks),),
    )


def _notes(spectra: Mapping[str, Spectrum], ranks: Mapping[str, int]) -> list[str]:
    energy = sum(spectrum.energy for spectrum in spectra.values())
    part = sum(float(np.square(spectra[name].values[:rank]).sum()) for name, rank in ranks.items())
    none = [name for name, rank in ranks.items() if not rank]
    cut_names = [
        name for name, rank in ranks.items() if rank and rank == spectra[name].firm < len(spectra[name].values)
    ]
    notes = [
        f"The kept directions hold {percent(part / energy)} of this update. That does not say that a LoRA of these "
        "ranks would have learned the same.",
        f"The largest rank is {max(ranks.values())}: give a server that much room (vLLM: --max-lora-rank).",
    ]
    if none:
        notes.append(
            f"{quantity(len(none), 'module')} without a direction: left out of target_modules, as PEFT takes no r = 0."
        )
    if cut_names and any(spectra[name].firm < len(spectra[name].values) for name in cut_names):
        notes.append(
            f"{quantity(len(cut_names), 'module')} end where rounding begins: what is below is no part of the update."
        )
    return notes


LORA_RANK = Rule(
    name="lora-rank",
    title="LoRA rank",
    reference="PEFT convert_to_lora; sd-scripts 48d368fa resize_lora.py; Gavish and Donoho, arXiv 1305.5870; "
    "EVA, arXiv 2410.07170",
    description="Gives each module the rank that its measured update needs, and writes the adapter with these ranks.",
    inputs="a LoRA adapter, alone or after its base, or a base and a model that was trained from it",
    value="rank",
    validated_on=(
        "The error in ‖ΔW‖ is exact, and no paper shows that a LoRA trained anew at these ranks does as well;"
        " adapters resized by energy against their first directions as stored, at the same ranks, measured "
        "here with 3 seeds and 95 % intervals: LLaMA, 90% of the energy: better, −0.073 (−0.090 to −0.057) in"
        " nats a byte; LLaMA, 50% of the energy: better, −0.104 (−0.129 to −0.080) in nats a byte; MiniLM, "
        "90% of the energy: better, −0.158 (−0.208 to −0.109) in nats a text; MiniLM, 50% of the energy: "
        "better, −0.286 (−0.448 to −0.125) in nats a text."
    ),
    compute=prescribe,
    options=(RULE, VALUE, MOST),
    outputs=(
        Output("adapter/", "PEFT", "the resized or extracted adapter; of a kohya or diffusers file lora.safetensors"),
        Output("rank_pattern.json", "PEFT", "`rank_pattern` and `alpha_pattern` alone, for training anew"),
        Output("axolotl.yaml", "axolotl", "the same as settings of a configuration"),
    ),
    fewest=1,
    most=2,
    weights=True,
)
