"""The names that state dicts are made of."""

import importlib

import pytest
import torch

from analysis.errors import DamagedFile, UnsafeFile
from analysis.formats.dtypes import DTYPES
from analysis.formats.pytorch.names import CALLS, OTHER_NAMES, STORAGES, Storage, View, find_global, key_of


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"), ("posix", "system"), ("builtins", "eval"), ("builtins", "getattr"), ("builtins", "exec"),
        ("subprocess", "Popen"), ("torch", "load"), ("torch.hub", "load"), ("", ""),
        ("torch._utils", "_rebuild_wrapper_subclass"), ("torch.nn.modules.linear", "Linear"),
        ("torch", "Tensor.__reduce_ex__"), ("collections", "OrderedDict.pop"),
        ("numpy", "load"), ("pickle", "loads"), ("sys", "modules"), ("__main__", "Model"),
    ],
)  # fmt: skip
def test_anything_else_is_code(module: str, name: str) -> None:
    with pytest.raises(UnsafeFile) as caught:
        find_global(module, name)
    assert caught.value.code == "pickle-code"
    assert f"{module}.{name}" in caught.value.message


def test_the_names_are_those_of_torch_and_python() -> None:
    missing = []
    for full in (*CALLS, *OTHER_NAMES):
        module, _, name = full.rpartition(".")
        if not hasattr(importlib.import_module(module), name):
            missing.append(full)
    assert missing == []


def test_the_storages_are_those_of_torch() -> None:
    theirs = torch.storage._dtype_to_storage_type_map()
    for name, dtype in STORAGES.items():
        if name != "UntypedStorage":
            assert theirs[getattr(torch, dtype)] == name
        assert dtype in DTYPES


def test_calling_one_describes_a_tensor() -> None:
    storage = Storage("0", "float32", 6)
    view = CALLS["torch._utils._rebuild_tensor_v2"](storage, 1, (2,), (3,), False, {})
    assert view == View(storage, 1, (2,), (3,), "float32")
    assert CALLS["torch._utils._rebuild_parameter"](view, True, {}) is view


@pytest.mark.parametrize("arguments", [(3, 0, (2,), (1,)), (None, 0, (), ())])
def test_a_tensor_of_no_storage_is_none(arguments: tuple[object, ...]) -> None:
    with pytest.raises(TypeError):
        CALLS["torch._utils._rebuild_tensor"](*arguments)


def test_keys_that_would_have_to_be_hashed_deep_are_refused() -> None:
    assert key_of("a") == "a"
    with pytest.raises(DamagedFile):
        key_of(("a",))
