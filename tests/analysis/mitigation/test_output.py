"""The forms: changes laid on a tensor in whatever way its matrices lie in it, and the names of what is written."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from analysis.attention import Facts
from analysis.mitigation import MitigationOptions, write_mitigated
from analysis.mitigation.output import apply_changes, join_changes
from analysis.tensors.matrices import Header, describe, matrices, weights
from analysis.weight import Factors, TensorInfo
from tests.analysis.mitigation import planted

HEADS: Facts = {"heads": 4, "kv_heads": 2, "qkv_order": "group after group"}


def info(name: str, shape: tuple[int, ...]) -> TensorInfo:
    (found,) = describe({name: Header(shape, "float32", 0)}, HEADS)
    return found


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("layers.0.q_proj.weight", (7, 5)),
        ("h.0.attn.c_attn.weight", (5, 15)),  # stored (in, out)
        ("layers.0.mlp.gate_up_proj.weight", (8, 5)),  # two matrices, one below the other
        ("h.0.self_attention.query_key_value.weight", (16, 5)),  # group after group
        ("features.0.conv.weight", (6, 3, 2, 2)),
        ("layers.0.mlp.experts.down_proj", (3, 4, 5)),
    ],
)
def test_a_change_of_each_matrix_lands_on_that_matrix(name: str, shape: tuple[int, ...]) -> None:
    tensor, place = torch.randn(shape), info(name, shape)
    planned = matrices(place)
    changes = [Factors(torch.randn(w.rows, 2).double(), torch.randn(2, w.columns * w.slices).double()) for w in planned]
    new = apply_changes(place, tensor, changes)
    pairs = zip(weights(place, tensor), weights(place, new), changes, strict=True)
    for before, after, change in pairs:
        assert torch.allclose(after.matrix - before.matrix, (change.left @ change.right).float(), atol=1e-5)


def test_the_changes_of_a_fused_projection_are_one_change_of_the_whole() -> None:
    """An adapter has one pair of factors for q, k and v: each lands on the outputs that it has in the tensor."""
    place = info("h.0.self_attention.query_key_value.weight", (16, 5))
    changes = [Factors(torch.randn(w.rows, 2).double(), torch.randn(2, 5).double()) for w in matrices(place)]
    assert [len(change.left) for change in changes] == [8, 4, 4]
    whole = join_changes(place, [(len(change.left), change) for change in changes])
    expected = apply_changes(place, torch.zeros(16, 5, dtype=torch.float64), changes)
    assert torch.allclose(whole.left @ whole.right, expected)
    apart = join_changes(place, [(8, changes[0]), (4, None), (4, changes[2])])
    expected = apply_changes(place, torch.zeros(16, 5, dtype=torch.float64), [changes[0], None, changes[2]])
    assert torch.allclose(apart.left @ apart.right, expected)


def test_what_has_no_change_stays_and_fewer_rows_are_the_first(tmp_path: Path) -> None:
    place, tensor = info("embed_tokens.weight", (9, 4)), torch.randn(9, 4)
    assert torch.equal(apply_changes(place, tensor, [None]), tensor)
    new = apply_changes(place, tensor, [Factors(torch.ones(6, 1).double(), torch.ones(1, 4).double())])
    assert torch.allclose(new[:6], tensor[:6] + 1)
    assert torch.equal(new[6:], tensor[6:])


def test_a_grown_vocabulary_keeps_its_new_rows(tmp_path: Path) -> None:
    """Five tokens were added: theirs is no part of the base, and they stay what they are."""
    out, into = (
        torch.linalg.qr(torch.randn(side, 6, generator=torch.Generator().manual_seed(side))).Q for side in (40, 8)
    )
    old, new = (out * torch.tensor(values) @ into.mT for values in ([9.0, 8, 7, 6, 5, 0], [9.0, 8, 7, 6, 5, 30]))
    base = planted.saved(tmp_path / "base", {"model.embed_tokens.weight": old})
    grown = torch.cat([new, torch.randn(5, 8)])
    tuned = planted.saved(tmp_path / "tuned", {"model.embed_tokens.weight": grown})
    (tmp_path / "mended").mkdir()
    found = write_mitigated(base, tuned, tmp_path / "mended", MitigationOptions(factor=0.0, k=5))
    after = load_file(tmp_path / "mended/model.safetensors")["model.embed_tokens.weight"]
    assert (found.before, found.after) == (1, 0)
    assert torch.allclose(after[:40], old, atol=1e-4)
    assert torch.equal(after[40:], grown[40:])


def test_a_turned_tensor_is_mended_in_its_own_orientation(tmp_path: Path) -> None:
    """The same layer saved (in, out) as Conv1D and (out, in) as Linear."""
    out, into = (
        torch.linalg.qr(torch.randn(side, 6, generator=torch.Generator().manual_seed(side))).Q for side in (30, 10)
    )
    old, new = (out * torch.tensor(values) @ into.mT for values in ([9.0, 8, 7, 6, 5, 0], [9.0, 8, 7, 6, 5, 30]))
    bias = torch.zeros(30)
    base = planted.saved(tmp_path / "base", {"h.0.mlp.c_fc.weight": old.mT, "h.0.mlp.c_fc.bias": bias})
    tuned = planted.saved(tmp_path / "tuned", {"h.0.mlp.c_fc.weight": new, "h.0.mlp.c_fc.bias": bias})
    (tmp_path / "mended").mkdir()
    found = write_mitigated(base, tuned, tmp_path / "mended", MitigationOptions(factor=0.0, k=5))
    assert (found.before, found.after) == (1, 0)
    after = load_file(tmp_path / "mended/model.safetensors")["h.0.mlp.c_fc.weight"]
    assert torch.allclose(after, old, atol=1e-4)
