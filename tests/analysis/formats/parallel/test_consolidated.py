"""Meta's parts, merged exactly, and what is wrong with others said."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from analysis.errors import CheckpointError, DamagedFile, MissingShard
from analysis.formats import open_checkpoint
from tests.analysis.formats.parallel.llamas import PARAMS, cut, llama, write, write_safetensors

WHOLE = llama()


def check_whole(paths: list[Path], whole: dict[str, Tensor] = WHOLE) -> None:
    checkpoint = open_checkpoint(paths)
    assert checkpoint.stored.keys() == whole.keys()
    for name, tensor in whole.items():
        assert torch.equal(checkpoint.read(name), tensor), name
    assert {info.name for info in checkpoint.tensors} == whole.keys()


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("embedding", [0, 1])
@pytest.mark.parametrize("params", [PARAMS, None])
def test_parts_make_the_model(count: int, embedding: int, params: dict[str, int] | None, tmp_path: Path) -> None:
    paths = write(cut(WHOLE, count, embedding), tmp_path, params)
    check_whole([tmp_path])
    check_whole(paths[::-1])


def test_parts_as_safetensors(tmp_path: Path) -> None:
    write_safetensors(cut(WHOLE, 2), tmp_path)
    check_whole([tmp_path])


def test_more_parts_than_heads_of_keys(tmp_path: Path) -> None:
    """As Llama 3.1 405B in 16 parts, of eight heads of keys: two parts in a row have the same."""
    write(cut(WHOLE, 8), tmp_path)
    check_whole([tmp_path])


def test_two_parts_that_should_share_keys_and_do_not(tmp_path: Path) -> None:
    parts = cut(WHOLE, 8)
    parts[5]["layers.1.attention.wk.weight"] += 1
    write(parts, tmp_path)
    with pytest.raises(DamagedFile, match=r"layers\.1\.attention\.wk\.weight.*different saves"):
        open_checkpoint([tmp_path])


def test_queries_keys_and_values_in_one_tensor(tmp_path: Path) -> None:
    whole = dict(WHOLE)
    parts = cut(whole, 2)
    for held in (whole, *parts):
        for layer in range(2):
            front = f"layers.{layer}.attention."
            held[f"{front}wqkv.weight"] = torch.cat([held.pop(f"{front}w{leaf}.weight") for leaf in "qkv"])
    write(parts, tmp_path)
    check_whole([tmp_path], whole)


def test_whole_tensors_in_several_files(tmp_path: Path) -> None:
    """As Mixtral: each tensor is in one file."""
    names = list(WHOLE)
    write([{name: WHOLE[name] for name in names[place::2]} for place in range(2)], tmp_path)
    check_whole([tmp_path])


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("embedding", [0, 1])
@pytest.mark.parametrize("params", [{**PARAMS, "vocab_size": 40}, None])
def test_missing_parts_are_named(count: int, embedding: int, params: dict[str, int] | None, tmp_path: Path) -> None:
    paths = write(cut(WHOLE, count, embedding), tmp_path, params)
    with pytest.raises(MissingShard, match=rf"one of {count} parts.* parts {', '.join(map(str, range(1, count)))} are"):
        open_checkpoint(paths[:1])
    with pytest.raises(MissingShard, match="parts 0 are not there"):
        open_checkpoint(paths[1:])


def test_a_model_whose_heads_are_not_as_wide_as_it_is(tmp_path: Path) -> None:
    """As Mistral Small: the outputs of its queries are fewer than its width, and one file is all of it."""
    whole = llama(size=2)
    write([whole], tmp_path, PARAMS | {"head_dim": 2})
    check_whole([tmp_path], whole)


def test_replicas_that_differ_a_little_are_named(tmp_path: Path) -> None:
    """As those of Llama 3 70B (github.com/AI-Hypercomputer/jetstream-pytorch/pull/101)."""
    parts = cut(WHOLE, 2)
    parts[1]["norm.weight"] = parts[1]["norm.weight"] + 0.02
    write(parts, tmp_path)
    checkpoint = open_checkpoint([tmp_path])
    assert checkpoint.stored.keys() == WHOLE.keys() - {"norm.weight"}
    assert "copies in the 2 parts differ by up to" in checkpoint.aside["norm.weight"].reason


def spoil(what: str, parts: list[dict[str, Tensor]]) -> None:
    second = parts[1]
    if what == "norms of another model":
        second["norm.weight"] = -second["norm.weight"]
    elif what == "a tensor more":
        second["layers.2.attention.wq.weight"] = second["layers.1.attention.wq.weight"]
    elif what == "another shape":
        second["layers.0.attention.wo.weight"] = second["layers.0.attention.wo.weight"][:, :-1].contiguous()
    elif what == "another type":
        second["output.weight"] = second["output.weight"].float()
    else:
        for place, part in enumerate(parts):
            part["layers.0.feed_forward.experts.moe_w_in_eD_F"] = torch.full((4, 4), float(place))


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("norms of another model", "bad-offsets"),
        ("a tensor more", "bad-offsets"),
        ("another shape", "bad-offsets"),
        ("another type", "bad-offsets"),
        ("an unknown layer", "tensor-parallel"),
    ],
)
def test_parts_that_do_not_belong_together(what: str, code: str, tmp_path: Path) -> None:
    parts = cut(WHOLE, 2)
    spoil(what, parts)
    write(parts, tmp_path)
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint([tmp_path])
    assert caught.value.code == code


@pytest.mark.parametrize("params", [{"dim": 2**60, "n_heads": 2**60}, {"dim": -1, "n_heads": True}, {"dim": 0}])
def test_params_that_make_no_sense_say_nothing(params: dict[str, int], tmp_path: Path) -> None:
    write(cut(WHOLE, 2), tmp_path, params)
    check_whole([tmp_path])


@pytest.mark.parametrize(("params", "code"), [({"n_kv_heads": 3}, "bad-offsets"), ({"dim": 64}, "missing-shard")])
def test_params_of_another_model(params: dict[str, int], code: str, tmp_path: Path) -> None:
    write(cut(WHOLE, 2), tmp_path, PARAMS | params)
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint([tmp_path])
    assert caught.value.code == code


def test_more_parts_than_the_model_has(tmp_path: Path) -> None:
    parts = cut(WHOLE, 2)
    write([*parts, *parts], tmp_path)
    with pytest.raises(DamagedFile, match="2 make the model"):
        open_checkpoint([tmp_path])


def test_one_number_twice(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write(cut(WHOLE, 2), tmp_path / folder)
    with pytest.raises(DamagedFile, match=r"consolidated\.00\.pth is there twice"):
        open_checkpoint([tmp_path / "a" / "consolidated.00.pth", tmp_path / "b" / "consolidated.00.pth"])
