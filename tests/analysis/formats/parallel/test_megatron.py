"""Megatron's ranks, merged exactly, and what is wrong with others said."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from analysis.errors import CheckpointError, DamagedFile, MissingShard, UnknownFormat
from analysis.formats import open_checkpoint
from tests.analysis.formats.parallel.megatrons import GROUPS, HEADS, INNER, LAYER, SIZE, arguments, model, roots, write

WHOLE = model()


def check_whole(paths: list[Path], whole: dict[str, Tensor] = WHOLE) -> None:
    checkpoint = open_checkpoint(paths)
    assert checkpoint.stored.keys() == whole.keys()
    for name, tensor in whole.items():
        assert torch.equal(checkpoint.read(name), tensor), name


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_the_ranks_make_the_model(ranks: int, tmp_path: Path) -> None:
    paths = write(roots(WHOLE, ranks, arguments(ranks)), tmp_path)
    (tmp_path / "latest.txt").write_text("100")
    check_whole([tmp_path])
    check_whole(paths[::-1])


def test_what_the_arguments_say_is_a_fact(tmp_path: Path) -> None:
    write(roots(WHOLE, 2, arguments(2)), tmp_path)
    checkpoint = open_checkpoint([tmp_path])
    wanted = {"heads": HEADS, "kv_heads": GROUPS, "head_size": SIZE, "width": 16, "step": 100, "parts": 2}
    assert {key: checkpoint.facts[key] for key in wanted} == wanted
    assert {each.reason for each in checkpoint.aside.values()} == {
        "state of the optimizer, no weight",
        "state of the training (schedule, random numbers, loops), no weight",
    }
    assert len(checkpoint.aside) == 4


@pytest.mark.parametrize("told", [{"swiglu": False}, {"swiglu": None}])
def test_layers_without_gates(told: dict[str, Any], tmp_path: Path) -> None:
    whole = model(gated=False)
    args = arguments(2, **told)
    if told["swiglu"] is None:
        del args.swiglu  # as before Megatron had gates: the sizes say it
    write(roots(whole, 2, args, gated=False), tmp_path)
    check_whole([tmp_path], whole)


def test_names_of_older_versions(tmp_path: Path) -> None:
    new = {"linear_qkv": "query_key_value", "linear_proj": "dense", "linear_fc1": "dense_h_to_4h"}
    new |= {"linear_fc2": "dense_4h_to_h", "output_layer": "output_layer"}
    files = roots(WHOLE, 2, arguments(2))

    def old(name: str) -> str:
        return ".".join(new.get(step, step) for step in name.split("."))

    for root in files:
        root["model"] = {"language_model": {old(name): tensor for name, tensor in root["model"].items()}}
    write(files, tmp_path)
    checkpoint = open_checkpoint([tmp_path])
    assert all(torch.equal(checkpoint.read(f"language_model.{old(name)}"), t) for name, t in WHOLE.items())


@pytest.mark.parametrize("rank", [0, 1])
def test_a_rank_alone_names_the_others(rank: int, tmp_path: Path) -> None:
    paths = write(roots(WHOLE, 2, arguments(2)), tmp_path)
    with pytest.raises(
        MissingShard, match=rf"mp_rank_0{rank}/model_optim_rng\.pt is one of 2 parts.*rank {1 - rank} is"
    ):
        open_checkpoint([paths[rank].parent])


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({"pipeline_model_parallel_size": 2}, "2 stages of a pipeline"),
        ({"expert_model_parallel_size": 4}, "4 ranks of experts"),
        ({"expert_tensor_parallel_size": 1}, "divided among other ranks"),
        ({"num_query_groups": 1}, "more ranks than groups"),
        ({"swiglu": "?", "ffn_hidden_size": 7}, "do not say whether"),
    ],
)
def test_what_the_arguments_do_not_settle_is_refused(told: dict[str, Any], text: str, tmp_path: Path) -> None:
    args = arguments(2, **told)
    if told.get("swiglu") == "?":
        del args.swiglu
    write(roots(WHOLE, 2, args), tmp_path)
    with pytest.raises(UnknownFormat, match=text) as caught:
        open_checkpoint([tmp_path])
    assert caught.value.code == "tensor-parallel"


def test_ranks_without_arguments(tmp_path: Path) -> None:
    paths = write(roots(WHOLE, 2, None), tmp_path)
    with pytest.raises(UnknownFormat, match="holds no args"):
        open_checkpoint([tmp_path])
    assert open_checkpoint(paths[:1]).stored.keys() == WHOLE.keys()


def spoil(what: str, files: list[dict[str, Any]]) -> None:
    weights = files[1]["model"]
    if what == "another iteration":
        files[1]["iteration"] = 200
    elif what == "another size":
        files[1]["args"] = arguments(2, hidden_size=32)
    elif what == "a norm of another model":
        weights["decoder.final_layernorm.weight"] *= -1
    elif what == "a tensor less":
        del weights["output_layer.weight"]
    elif what == "another shape":
        weights["output_layer.weight"] = weights["output_layer.weight"][:-1].clone()
    else:
        weights["adapter.weight"], files[0]["model"]["adapter.weight"] = torch.ones(2, 2), torch.zeros(2, 2)


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("another iteration", "bad-header"),
        ("another size", "bad-header"),
        ("a norm of another model", "bad-offsets"),
        ("a tensor less", "bad-offsets"),
        ("another shape", "bad-offsets"),
        ("a layer that is not known", "tensor-parallel"),
    ],
)
def test_ranks_that_do_not_belong_together(what: str, code: str, tmp_path: Path) -> None:
    files = roots(WHOLE, 2, arguments(2))
    spoil(what, files)
    write(files, tmp_path)
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint([tmp_path])
    assert caught.value.code == code


@pytest.mark.parametrize("count", [2**31, 10**30, -2, "2", None, True])
def test_a_number_of_ranks_that_makes_no_sense(count: object, tmp_path: Path) -> None:
    write(roots(WHOLE, 2, arguments(2, tensor_model_parallel_size=count)), tmp_path)
    with pytest.raises(DamagedFile, match="there are 1 ranks, 2 files"):
        open_checkpoint([tmp_path])


def test_more_ranks_than_anybody_has(tmp_path: Path) -> None:
    write(roots(WHOLE, 2, arguments(2**30)), tmp_path)
    with pytest.raises(MissingShard, match="one of 1,073,741,824 parts"):
        open_checkpoint([tmp_path])


def test_odd_halves(tmp_path: Path) -> None:
    files = roots(WHOLE, 2, arguments(2))
    for root in files:
        root["model"][f"{LAYER}mlp.linear_fc1.weight"] = torch.ones(INNER + 1, 16)
    write(files, tmp_path)
    with pytest.raises(DamagedFile, match="two halves"):
        open_checkpoint([tmp_path])


def test_state_of_layers_is_no_weight(tmp_path: Path) -> None:
    files = roots(WHOLE, 2, arguments(2))
    for rank, root in enumerate(files):
        root["model"][f"{LAYER}mlp.linear_fc1._extra_state"] = torch.full((4,), rank, dtype=torch.uint8)
    write(files, tmp_path)
    checkpoint = open_checkpoint([tmp_path])
    assert checkpoint.stored.keys() == WHOLE.keys()
    assert "each rank has of its own" in checkpoint.aside[f"{LAYER}mlp.linear_fc1._extra_state"].reason


def test_arguments_are_data(tmp_path: Path) -> None:
    """Whatever stands in place of the namespace, nothing of it is run."""
    args = Namespace(tensor_model_parallel_size=Namespace(x=1))
    paths = write(roots(WHOLE, 1, args), tmp_path)
    check_whole(paths)
