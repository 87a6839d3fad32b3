"""What must be said of odd checkpoints, and what must not: each sentence in the second column was said once, or nearly.

Every situation is a file, read and analysed as the command line does it.
"""

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from analysis.diagnostics import requests
from analysis.engine.comparison import compare
from analysis.engine.single import analyze
from analysis.formats import open_checkpoint
from analysis.report import Report
from tests.analysis.diagnostics.battery import randn
from tests.analysis.findings.odd_models import (
    GAN,
    RL,
    UP,
    UP_SAID,
    VISION,
    State,
    changed,
    flat,
    half_pruned,
    low_rank,
    model,
    nan_in,
    noise,
    orthogonal,
    rounded,
    sequential,
    trained,
)


def words(report: Report) -> str:
    summaries = report.summaries.values()
    headlines = [summary.headline for summary in summaries]
    return "\n".join([*headlines, *(f"{f.severity}: {f.text}. {f.why}" for s in summaries for f in s.findings)])


def write(folder: Path, state: Mapping[str, Tensor]) -> Path:
    folder.mkdir(exist_ok=True)
    save_file({name: value.contiguous() for name, value in state.items()}, folder / "model.safetensors")
    return folder / "model.safetensors"


ALWAYS_FALSE = (
    "hardly trained",
    "over-trained",
    "under-trained",
    "healthy",
    "0 of 0",
    "1 bits",
    "nan %",
    " 1 matrices",
    "1 of them lose ",
)

# what the model is, what must be said, and what must not
SINGLE: dict[str, tuple[State, tuple[str, ...], tuple[str, ...]]] = {
    "one matrix": (
        {"weight": trained(64, 64, 0)},
        (
            "No fault found in the entries of 1 matrix.",
            "The one tail fit is not firm enough",
            "It has full rank in float64",
        ),
        ("of 1 matrix has", "All have", "sibling"),
    ),
    "one random matrix": (
        {"weight": noise(64, 64, 0)},
        ("Untrained: the one matrix looks like its random initialisation",),
        ("1 of 1 fit",),
    ),
    "one matrix of rank 1": (
        {"weight": randn(64, 1) @ randn(1, 64, seed=1)},
        ("has rank 1 of 64", "It has full rank in float64"),
        ("full rank.", "remainder"),
    ),
    "unnamed layers, one redrawn": (
        sequential() | {"4.weight": 0.1 * randn(64, 64)},
        ("Layer 4.weight (64 × 64) looks like a random initialisation",),
        ("\n4 ", "Untrained"),
    ),
    "one role": (
        {f"layers.{at}.q_proj.weight": trained(64, 64, at) for at in range(4)},
        ("No fault found in the entries of 4 matrices.",),
        ("warn",),
    ),
    "all tiny": (
        {f"layers.{at}.weight": randn(4, 3, seed=at) for at in range(5)},
        ("all are too small for most tests",),
        ("Untrained", "warn", "bad"),
    ),
    "one tiny": ({"fc.weight": randn(4, 4)}, ("it is too small for most tests",), ("Untrained", "warn", "bad")),
    "all zeros": (
        changed(model(), torch.zeros_like),
        ("All 16 matrices are all zeros",),
        ("of block", "fault", "No fault"),
    ),
    "one zero matrix": ({"fc.weight": torch.zeros(64, 64)}, ("is all zeros", "It loses rank"), ("No fault",)),
    "an identity": (
        model() | {"proj.weight": torch.eye(64)},
        ("note: proj.weight is a multiple of the identity",),
        ("mask", "warn", "Untrained", "orthogonal"),
    ),
    "identities alone": (
        {"a.weight": torch.eye(64), "b.weight": 0.5 * torch.eye(64)},
        ("The file holds no weight to analyse", "multiple of the identity"),
        ("mask", "Untrained"),
    ),
    "nearly an identity": (
        model() | {"proj.weight": torch.eye(64) + 0.002 * randn(64, 64)},
        ("a multiple of the identity, or nearly", "No fault found in the entries of 17"),
        ("warn", "training spreads"),
    ),
    "orthogonal": (
        model(orthogonal),
        ("Untrained, or orthogonal by design: all matrices are orthogonal",),
        ("random initialisation",),
    ),
    "flat": (
        model(flat),
        ("note: 16 of 16 matrices have nearly flat spectra", "neither that they were trained nor"),
        ("Untrained", "warn"),
    ),
    "one value": (
        model() | {UP: torch.full((128, 64), 0.3)},
        (f"{UP_SAID} has one value in all entries",),
        ("quantised", "steps"),
    ),
    "NaN in one": (
        changed(model(), nan_in, UP),
        (f"bad: {UP_SAID} holds values that are NaN", "1 matrix holds NaN or infinity"),
        ("bias", "gain", "norm holds"),
    ),
    "NaN in all": (
        changed(model(), lambda w: torch.full_like(w, math.nan)),
        ("16 matrices hold NaN or infinity", "of blocks 0–3 hold values"),
        ("bias", "no verdict"),
    ),
    "NaN in a bias": (
        model() | {UP.replace("weight", "bias"): torch.full((128,), math.nan)},
        ("1 bias, norm or other parameter holds NaN or infinity",),
        ("1 matrix holds",),
    ),
    "pruned and quantised": (
        changed(model(), lambda w: rounded(half_pruned(w), 7), UP),
        (f"{UP_SAID} is quantised to about 4 bits", f"{UP_SAID} is pruned: 50 % of its entries are 0"),
        ("No fault",),
    ),
    "quantised": (
        changed(model(), lambda w: rounded(w, 7), UP),
        (f"{UP_SAID} is quantised to about 4 bits",),
        ("pruned",),
    ),
    "rows that are all one": (
        model() | {UP: randn(1, 64).expand(128, 64)},
        (f"{UP_SAID} has 127 rows that repeat another",),
        ("quantised", "steps"),
    ),
    "stored in integers": (
        {
            "fc.weight": (127 * trained(64, 64, 0) / trained(64, 64, 0).abs().max()).round().to(torch.int8),
            "fc.weight_scale": torch.tensor([0.01]),
        },
        (
            "note: Output head is quantised to about 8 bits, as the file says",
            "No fault found in the entries of 1 matrix.",
        ),
        ("wide type", "trained values lie anywhere", "warn"),
    ),
    "one convolution": (
        {"conv1.weight": randn(32, 3 * 49).reshape(32, 3, 7, 7)},
        ("Its stable rank over all kernel positions is",),
        ("Its stable rank is",),  # 32 × 3 are its sides, and the rank of no matrix of them is that large
    ),
    "NaN in one of two": (
        {"a.weight": trained(64, 64, 0), "b.weight": nan_in(trained(64, 64, 1))},
        ("1 matrix holds NaN or infinity. No fault found in the entries of the other matrix.",),
        ("entries of 1 matrix",),
    ),
    "embeddings alone": (
        {"embeddings.word_embeddings.weight": trained(500, 64, 0)},
        ("No fault found in the entries of 1 matrix.",),
        ("warn", "Untrained"),
    ),
    "random embeddings": (
        {"embeddings.word_embeddings.weight": randn(500, 64)},
        ("but it looks random",),
        ("Untrained", "bad"),
    ),
    "a generator": (GAN, ("No fault found in the entries of 3 matrices.",), ("warn", "bad")),
    "an agent at its start": (RL, ("all 2 of the matrices that can be told are orthogonal",), ("all matrices",)),
    "a vision model": (VISION, ("No fault found",), ("warn", "bad", "Untrained")),
    "vectors alone": (
        {"norm.weight": torch.ones(64)},
        ("0 of 64 parameters of the weights were read: no verdict",),
        ("No fault",),
    ),
}

BASE = model()
HALVES = changed(BASE, lambda w: w.bfloat16())
PAIRS: dict[str, tuple[State, tuple[str, ...], tuple[str, ...]]] = {
    "itself": (BASE, ("tuned is identical to base in 16 matrices.",), ("0 other", "intruder", "leads")),
    "itself, in a wider type": (
        {name: tensor.float() for name, tensor in HALVES.items()},
        ("tuned has the same values as base in 16 matrices, stored as float32 in place of bfloat16",),
        ("identical", "rounded", "intruder"),
    ),
    "a norm alone": (
        BASE | {"norm.weight": torch.full((64,), 1.1)},
        ("changed 1 other tensor",),
        ("identical", "nothing was trained", "intruder"),
    ),
    "rounded to halves": (
        changed(BASE, lambda w: w.bfloat16().float()),
        ("tuned: 16 matrices are the base rounded to half precision",),
        ("directions.\n", "tuned changed", "warn"),
    ),
    "an update lost in rounding": (
        changed(BASE, lambda w: low_rank(w, 2e-3).bfloat16()),
        ("hardly larger than the rounding of bfloat16",),
        ("nothing of a task",),
    ),
    "times a factor": (
        changed(BASE, lambda w: 0.7 * w),
        ("16 matrices are the base times a factor",),
        ("forgot more", "tuned changed"),
    ),
    "times −1": (
        changed(BASE, lambda w: -w),
        ("the base times a factor",),
        ("shares nothing", "share nothing", "cannot be"),
    ),
    "zeroed": (
        changed(BASE, torch.zeros_like, UP),
        (f"bad: tuned: {UP_SAID} is all zeros, and the base is not",),
        ("times a factor",),
    ),
    "pruned": (
        changed(BASE, half_pruned),
        ("tuned: 16 matrices are the base with entries set to 0",),
        ("noise", "larger than 10 %"),
    ),
    "quantised to 8 bits": (
        changed(BASE, lambda w: rounded(w, 127)),
        ("the base rounded to a grid of 8 bits or fewer",),
        ("noise", "intruder dimension"),
    ),
    "transposed": (
        {name: value.T if "q_proj" in name else value for name, value in BASE.items()},
        ("Query projection (q_proj) of blocks 0–3 are the base transposed",),
        ("new", "cannot be", "nothing with"),
    ),
    "NaN in one": (
        changed(changed(BASE, lambda w: low_rank(w, 0.03)), nan_in, UP),
        (
            "bad: tuned: MLP up projection (up_proj) of block 1 holds values that are NaN",
            "1 matrix holds NaN or infinity. tuned",
        ),
        ("bias", "gain"),
    ),
    "NaN in one, the rest as it was": (
        changed(BASE, nan_in, UP),
        ("the same values as base in 15 of 16 matrices",),
        ("identical",),
    ),
    "unrelated": (
        model(lambda m, n, s: trained(m, n, s + 500)),
        ("tuned shares nothing with base", "does not look like a fine-tune"),
        ("intruder dimension", "forgot more", "cannot be a fine-tune"),
    ),
    "trained everywhere alike": (
        changed(BASE, lambda w: low_rank(w, 1.0)),
        ("tuned changed 16 matrices by 100 % (median), in 2 directions",),
        ("the largest share", "identical"),
    ),
}


def check(said: str, must: tuple[str, ...], must_not: tuple[str, ...]) -> None:
    assert [word for word in must if word not in said] == [], said
    assert [word for word in (*must_not, *ALWAYS_FALSE) if re.search(rf"(?<![a-z]){re.escape(word)}", said)] == [], said


@pytest.mark.parametrize("name", SINGLE)
def test_one_checkpoint(tmp_path: Path, name: str) -> None:
    state, must, must_not = SINGLE[name]
    check(words(analyze(open_checkpoint([write(tmp_path, state)]), requests())), must, must_not)


@pytest.mark.parametrize("name", PAIRS)
def test_a_pair(tmp_path: Path, name: str) -> None:
    state, must, must_not = PAIRS[name]
    base = BASE | ({"norm.weight": torch.ones(64)} if "norm.weight" in state else {})
    base = HALVES if name == "itself, in a wider type" else base
    files = [write(tmp_path / "base", base), write(tmp_path / "tuned", state)]
    found = [open_checkpoint([file]) for file in files]
    check(words(compare(found, requests(None, 2), ("base", "tuned"))), must, must_not)


def adapter(folder: Path, left: float, seed: int = 3) -> list[Path]:
    """LoRA of rank 4 on queries and values, with B of that size."""
    names = [name.removesuffix(".weight") for name in BASE if "_proj" in name and "self_attn" in name]
    state = {f"base_model.model.{name}.lora_A.weight": randn(4, 64, seed=seed) / 8.0 for name in names}
    state |= {f"base_model.model.{name}.lora_B.weight": left * randn(64, 4, seed=seed + 1) for name in names}
    folder.mkdir()
    save_file(state, folder / "adapter_model.safetensors")
    settings = {"peft_type": "LORA", "r": 4, "lora_alpha": 4, "target_modules": ["q_proj", "v_proj"]}
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    return [folder / "adapter_model.safetensors", folder / "adapter_config.json"]


def beside(folder: Path, *sizes: float) -> str:
    base = open_checkpoint([write(folder / "base", BASE)])
    adapters = [open_checkpoint(adapter(folder / str(at), size)) for at, size in enumerate(sizes)]
    names = ("base", "one", "two")[: 1 + len(sizes)]
    return words(compare([base, *adapters], requests(None, len(names)), names))


def test_an_adapter_with_a_zero_factor_changes_nothing(tmp_path: Path) -> None:
    must_not = ("not known", "identical", "intruder", "frozen", "same matrices")
    check(beside(tmp_path, 0.0), ("one changes nothing: its update is zero in 8 matrices",), must_not)


def test_two_adapters_with_zero_factors_cannot_be_compared(tmp_path: Path) -> None:
    check(beside(tmp_path, 0.0, 0.0), ("No two updates can be compared",), ("meet", "the same update"))


def test_opposite_adapters_did_not_change_the_same(tmp_path: Path) -> None:
    must = ("it is the same update with the opposite sign", "one and two work against each other")
    check(beside(tmp_path, 0.01, -0.01), must, ("they changed mostly the same",))
