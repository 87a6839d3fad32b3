"""A head that the base ties to its embedding, and a tuned checkpoint has apart, is booked as a head."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from analysis.diagnostics import requests
from analysis.engine.comparison import compare
from analysis.formats import open_checkpoint
from analysis.tensors.matching.tied import find_head, head_of, left_as_it_is
from analysis.tensors.matrices import Header, describe

EMBEDDING, Q = torch.randn(50, 8), torch.randn(8, 8)
BASE = {"model.embed_tokens.weight": EMBEDDING, "model.layers.0.self_attn.q_proj.weight": Q}
HEAD, NEW = EMBEDDING + 0.1 * torch.randn(50, 8), EMBEDDING + 0.2 * torch.randn(50, 8)
LORA = {f"base_model.model.model.layers.0.self_attn.q_proj.lora_{s}.weight": torch.randn(*d) for s, d in
        (("A", (2, 8)), ("B", (8, 2)))}  # fmt: skip


def rows(folder: Path, tuned: dict[str, Tensor], adapter: bool) -> dict[tuple[str, str], float]:
    for name, tensors in (("base", BASE), ("tuned", tuned)):
        (folder / name).mkdir()
        save_file(tensors, folder / name / "model.safetensors")
    if adapter:
        (folder / "tuned" / "adapter_config.json").write_text(
            json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 2})
        )
    checkpoints = [open_checkpoint([folder / name]) for name in ("base", "tuned")]
    report = compare(checkpoints, requests({"update": {}}, 2), ["base", "tuned"])
    found = {
        (row.weight.name, row.weight.role): float(str(row.value("relative_norm"))) for row in report.tables[0].rows
    }
    found.pop(("model.layers.0.self_attn.q_proj.weight", "q"))
    return found


def size(tensor: Tensor) -> float:
    return float((tensor - EMBEDDING).norm() / EMBEDDING.norm())


@pytest.mark.parametrize("embedding", [True, False])
def test_of_an_adapter(embedding: bool, tmp_path: Path) -> None:
    saved = {"base_model.model.lm_head.weight": HEAD}
    saved |= {"base_model.model.model.embed_tokens.weight": NEW} if embedding else {}
    assert rows(tmp_path, LORA | saved, adapter=True) == pytest.approx(
        {
            ("lm_head.weight", "head"): size(HEAD),
            ("model.embed_tokens.weight", "embedding"): size(NEW) if embedding else 0.0,
        }
    )


def test_of_a_model_that_untied_it(tmp_path: Path) -> None:
    tuned = {"lm_head.weight": HEAD, "model.embed_tokens.weight": NEW, "model.layers.0.self_attn.q_proj.weight": Q + 1}
    assert rows(tmp_path, tuned, adapter=False) == pytest.approx(
        {("lm_head.weight", "head"): size(HEAD), ("model.embed_tokens.weight", "embedding"): size(NEW)}
    )


def test_a_model_that_kept_the_head_s_name_alone_is_tied_too(tmp_path: Path) -> None:
    tuned = {"lm_head.weight": HEAD, "model.layers.0.self_attn.q_proj.weight": Q + 1}
    assert rows(tmp_path, tuned, adapter=False) == pytest.approx(
        {("model.embed_tokens.weight", "embedding"): size(HEAD)}
    )


def test_lora_on_a_tied_head(tmp_path: Path) -> None:
    A, B = torch.randn(2, 8), torch.randn(50, 2)
    saved = {"base_model.model.lm_head.lora_A.weight": A, "base_model.model.lm_head.lora_B.weight": B}
    found = rows(tmp_path, LORA | saved, adapter=True)
    assert found["lm_head.weight", "head"] == pytest.approx(size(EMBEDDING + B @ A), rel=1e-5)
    assert found["model.embed_tokens.weight", "embedding"] == 0.0


def test_which_head_is_one_of_its_own() -> None:
    held = {name: Header((50, 8), "float32", 1600) for name in ("lm_head.weight", "embed_tokens.weight")}
    sources = {info.called: info for info in describe(held)}
    embedding = sources["embed_tokens.weight"]
    assert find_head(sources, embedding, False, ["embed_tokens.weight"]) == "lm_head.weight"
    assert find_head({"lm_head.weight": sources["lm_head.weight"]}, embedding, False, []) is None
    assert find_head(sources, embedding, True, ["lm_head.weight"]) is None
    assert (head_of(embedding, "lm_head.weight").called, head_of(embedding, "x").name) == (
        "lm_head.weight",
        embedding.name,
    )
    assert left_as_it_is(embedding).tensors == ()
