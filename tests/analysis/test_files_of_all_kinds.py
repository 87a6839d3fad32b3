"""Files as people reported them, from the bytes to the report: each kind that was once read wrong, in one test.

What has its tests where it is decided (formats, tensors, findings) is not repeated here.
"""

import collections
import datetime
import functools
import json
import re
import warnings
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from analysis.diagnostics import requests
from analysis.engine.single import analyze
from analysis.formats import open_checkpoint

NORMS, BOTH = requests({"norms": {}}), requests({"esd": {}, "norms": {}})


def normal(*shape: int) -> Tensor:
    found: Tensor = torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape))) / shape[-1] ** 0.5
    return found


def reported(*paths: Path, both: bool = False) -> Any:
    return json.loads(json.dumps(analyze(open_checkpoint(paths), BOTH if both else NORMS).to_json()))


def rows(report: Any) -> dict[str, Any]:
    return {row["tensor"]: row for row in report["tables"]["norms"]}


def largest(matrix: Tensor) -> float:
    """λ₁, by torch."""
    return float(torch.linalg.matrix_norm(matrix.double(), 2)) ** 2


def saved(tensors: dict[str, Tensor], folder: Path) -> Path:
    save_file(tensors, folder / "model.safetensors")
    return folder / "model.safetensors"


def test_weights_and_their_average_are_one_model(tmp_path: Path) -> None:
    """Real-ESRGAN: params beside params_ema."""
    weights = {f"body.{layer}.conv.weight": normal(32, 64, 3, 3) for layer in range(2)}
    averages = {name: tensor + 1e-3 for name, tensor in weights.items()}
    torch.save({"params": weights, "params_ema": averages}, tmp_path / "a.pth")
    report = reported(tmp_path / "a.pth")
    assert len(report["tables"]["norms"]) == 2
    assert all("--part params_ema" in left["reason"] for left in report["coverage"]["skipped"])
    assert len(report["coverage"]["skipped"]) == 2


def test_a_convolution_of_one_dimension_with_a_long_kernel(tmp_path: Path) -> None:
    """silero: 64 channels in, 128 out, 40 taps, without "conv" in its name."""
    kernel = normal(128, 64, 40)
    tensors = {"frontend.0.weight": kernel, "frontend.0.bias": torch.zeros(128)}
    (row,) = reported(saved(tensors, tmp_path))["tables"]["norms"]
    assert (row["slices"], row["shape"]) == (40, [128, 64])
    assert row["spectral_norm"] == pytest.approx(max(largest(kernel[:, :, tap]) for tap in range(40)), rel=1e-4)


@pytest.mark.parametrize(
    ("name", "heads"),
    [
        ("transformer.layer.0.rel_attn.q", (4, 48)),  # XLNet
        ("transformer.layer.0.rel_attn.o", (4, 48)),
        ("params.encoder.layer_0.attention.query.kernel", (4, 32)),  # T5X
    ],
)
def test_a_projection_whose_heads_are_apart_is_one_matrix(name: str, heads: tuple[int, int], tmp_path: Path) -> None:
    tensor = normal(128, *heads)
    found = rows(reported(saved({name: tensor}, tmp_path)))
    assert found[name]["spectral_norm"] == pytest.approx(largest(tensor.flatten(1)), rel=1e-4)


def power_law(alpha: float) -> Tensor:
    """A 200 × 300 matrix whose eigenvalues have exactly this tail."""
    generator = torch.Generator().manual_seed(0)
    left = torch.linalg.qr(torch.randn(200, 200, dtype=torch.float64, generator=generator))[0]
    right = torch.linalg.qr(torch.randn(300, 300, dtype=torch.float64, generator=generator))[0][:, :200]
    quantiles = (torch.arange(200, dtype=torch.float64) + 0.5) / 200
    found: Tensor = left * (1 - quantiles).pow(-0.5 / (alpha - 1)) @ right.T
    return found.float().contiguous()


def test_the_number_beside_a_sentence_lies_where_the_sentence_says(tmp_path: Path) -> None:
    """α 1.97 beside "very heavy tail" is not printed as 2.0, nor 6.04 beside "under-trained" as 6.0."""
    report = reported(saved({"a.weight": power_law(1.97), "b.weight": power_law(6.0)}, tmp_path), both=True)
    for finding in report["findings"]:
        for shown in map(float, re.findall(r"α ([\d.]+\d)", finding["why"])):
            assert shown < 2 or "heavy tail" not in finding["text"]
            assert shown > 6 or "under-trained" not in finding["text"]
    summary = report["summary"]["esd"]
    assert summary["under_trained"] != summary["over_trained"] or "Mostly" not in summary["headline"]


class Settings:
    def __init__(self) -> None:
        self.rate = 0.1


@pytest.mark.parametrize(
    "beside",
    [
        Settings(), functools.partial(print), range(3), datetime.datetime(2024, 1, 1), collections.deque([1]),
        {(1, 2): 3}, int, {1, 2}, Path("x"), b"bytes", 3 + 4j,
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_whatever_stands_beside_the_state_dict_it_is_read(beside: object, tmp_path: Path) -> None:
    """Lightning keeps hyperparameters of any class there."""
    weights = {"model.encoder.layer.0.attention.self.query.weight": normal(64, 64)}
    torch.save({"state_dict": weights, "hyper_parameters": {"x": beside}, "epoch": 1}, tmp_path / "last.ckpt")
    assert list(rows(reported(tmp_path / "last.ckpt"))) == list(weights)


@pytest.mark.parametrize("name", ["mean_std.npz", "tokenizer.zip", "traced.pt"])
def test_another_zip_in_the_folder_is_left_aside_and_named(name: str, tmp_path: Path) -> None:
    torch.save({"fc.weight": normal(64, 64)}, tmp_path / "pytorch_model.bin")
    if name == "traced.pt":
        with warnings.catch_warnings(action="ignore"):  # that there are newer ways
            torch.jit.save(torch.jit.script(torch.nn.Linear(8, 8)), tmp_path / name)
    elif name == "mean_std.npz":
        np.savez(tmp_path / name, mean=np.ones(3))
    else:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("vocab.txt", "a")
    checkpoint = open_checkpoint([tmp_path])
    assert list(checkpoint.stored) == ["fc.weight"]
    assert name in str(checkpoint.facts["ignored_files"])


def test_no_two_weights_of_a_report_have_one_label(tmp_path: Path) -> None:
    """Chgnet and silero: names that differ in a word at the front or in the middle."""
    inner = ("twoBody_atom.mlp_core", "twoBody_atom.mlp_gate", "mlp_out")
    names = [
        f"{kind}_conv_layers.{layer}.{part}.layers.{place}.weight"
        for kind in ("atom", "bond") for layer in range(2) for part in inner for place in (0, 3)
    ]  # fmt: skip
    names += ["_model.encoder.3.reparam_conv.weight", "_model_8k.encoder.3.reparam_conv.weight"]
    tensors = {name: normal(32, 32, 3) if "reparam" in name else normal(32, 48) for name in names}
    labels = Counter(row["label"] for row in reported(saved(tensors, tmp_path))["tables"]["norms"])
    assert max(labels.values()) == 1
    assert len(labels) == len(names)


def test_arrays_in_fortran_order_have_their_own_numbers(tmp_path: Path) -> None:
    """No message sends such a file through safetensors.numpy, which scrambles it: it is read as it is."""
    array = np.asfortranarray(normal(40, 60).numpy())
    np.savez(tmp_path / "x.npz", w=array)
    assert rows(reported(tmp_path / "x.npz"))["w"]["spectral_norm"] == pytest.approx(
        largest(torch.from_numpy(array)), rel=1e-4
    )
