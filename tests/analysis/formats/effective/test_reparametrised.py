"""Weights that a model forms before it uses them, against the weights of torch's own modules."""

import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations, prune

from analysis.formats import open_checkpoint
from tests.analysis.formats.effective.files import analysed, opened, skipped


def trained(module: nn.Module, forward: torch.Tensor) -> nn.Module:
    """After some forward passes, so that power iterations have run."""
    for _ in range(5):
        module(forward)
    return module.eval()


def old_weight_norm(module: nn.Module, dim: int | None = 0) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated, and in most files
        made: nn.Module = nn.utils.weight_norm(module, dim=dim)  # type: ignore[arg-type]  # None is documented, and not annotated
        return made


def old_spectral_norm(module: nn.Module) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made: nn.Module = nn.utils.spectral_norm(module)
        return made


def pruned(module: nn.Module) -> nn.Module:
    made: nn.Module = prune.l1_unstructured(module, "weight", 0.7)  # type: ignore[no-untyped-call]  # has no types
    return made


LINEAR: Callable[[], nn.Module] = lambda: nn.Linear(24, 17)  # noqa: E731  # one line a case
CONV: Callable[[], nn.Module] = lambda: nn.Conv1d(24, 17, 5)  # noqa: E731
TURNED: Callable[[], nn.Module] = lambda: nn.ConvTranspose1d(24, 24, 5)  # noqa: E731
CASES: dict[str, Callable[[], nn.Module]] = {
    "weight norm": lambda: old_weight_norm(LINEAR()),
    "weight norm of a convolution": lambda: old_weight_norm(CONV()),
    "weight norm along its last dimension, as in wav2vec 2": lambda: old_weight_norm(CONV(), dim=2),
    "one length for all": lambda: old_weight_norm(LINEAR(), dim=None),
    "weight norm by parametrize": lambda: parametrizations.weight_norm(CONV()),
    "spectral norm": lambda: old_spectral_norm(CONV()),
    "spectral norm of a square transposed convolution": lambda: old_spectral_norm(TURNED()),
    "spectral norm by parametrize": lambda: parametrizations.spectral_norm(LINEAR()),
    "pruning": lambda: pruned(CONV()),
}


@pytest.mark.parametrize("case", CASES)
def test_the_weight_is_the_one_that_torch_uses(case: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = CASES[case]()
    for parameter in module.parameters():
        nn.init.normal_(parameter)
    inputs = torch.randn(3, 24) if case in ("weight norm", "one length for all") or "Linear" in str(module) else None
    module = trained(module, torch.randn(3, 24, 9) if inputs is None else inputs)
    found = opened(tmp_path, {f"net.0.{name}": tensor for name, tensor in module.state_dict().items()})
    assert list(analysed(found)) == ["net.0.weight"]
    (info,) = (info for info in found.tensors if info.skip is None)
    weight = module.weight
    assert isinstance(weight, torch.Tensor)
    torch.testing.assert_close(found.read(info.name), weight.detach(), rtol=1e-5, atol=1e-6)
    assert len(found.tensors) == len(module.state_dict())
    assert all("net.0.weight" in why for name, why in skipped(found).items() if "bias" not in name)


def test_a_pickled_state_dict_and_float64_too(tmp_path: Path) -> None:
    module = pruned(nn.Linear(8, 9).double())
    torch.save(module.state_dict(), tmp_path / "a.pt")
    found = open_checkpoint([tmp_path / "a.pt"])
    assert analysed(found) == {"weight": (9, 8)}
    weight = module.weight
    assert isinstance(weight, torch.Tensor)
    assert torch.equal(found.read("weight_orig"), weight.detach())
    assert skipped(found)["weight_mask"] == "the mask of weight: 0 where it was pruned"


def test_a_parametrization_whose_formula_is_not_in_the_file_is_listed(tmp_path: Path) -> None:
    found = opened(tmp_path, {"a.parametrizations.weight.original": torch.randn(4, 4), "b.weight": torch.randn(4, 4)})
    assert list(analysed(found)) == ["b.weight"]
    assert "formula the file does not tell" in skipped(found)["a.parametrizations.weight.original"]


@pytest.mark.parametrize(
    "tensors",
    [
        {"a.weight_v": torch.randn(4, 4), "a.weight_g": torch.randn(3, 1)},
        {"a.weight_v": torch.randn(4, 4), "a.weight_g": torch.randn(4, 1), "a.weight": torch.randn(4, 4)},
        {"a.weight_orig": torch.randn(4, 4), "a.weight_mask": torch.ones(4)},
        {"a.weight_orig": torch.randn(4, 4), "a.weight_u": torch.randn(3), "a.weight_v": torch.randn(4)},
    ],
)
def test_what_does_not_fit_is_not_put_together(tensors: dict[str, torch.Tensor], tmp_path: Path) -> None:
    assert not opened(tmp_path, tensors).effective.weights


def test_what_a_parametrization_keeps_is_no_weight(tmp_path: Path) -> None:
    """torch.nn.utils.parametrizations.orthogonal has a base beside the tensor that it turns."""
    layer = parametrizations.orthogonal(nn.Linear(8, 8))
    found = opened(tmp_path, dict(layer.state_dict()))
    assert analysed(found) == {}
    assert "no weight by itself" in skipped(found)["parametrizations.weight.0.base"]
