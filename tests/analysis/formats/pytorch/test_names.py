"""The names that state dicts are made of."""

import importlib

import pytest
import torch

from analysis.errors import UnsafeFile
from analysis.formats.dtypes import DTYPES
from analysis.formats.pytorch.names import CALLS, FROM_TYPE, STORAGES, WRAPPER, global_of, is_storage, key_of
from analysis.formats.pytorch.objects import Foreign, Global, Storage, View

OF_OTHER_LIBRARIES = ("jax.", "numpy.core.")  # not installed here, and as NumPy 1 calls it


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"), ("posix", "system"), ("nt", "system"), ("builtins", "eval"), ("builtins", "exec"),
        ("__builtin__", "eval"), ("subprocess", "Popen"), ("torch", "load"), ("torch.hub", "load"),
        ("runpy", "run_path"), ("numpy", "load"), ("pickle", "loads"), ("sys", "modules"),
        ("os.path", "join"), ("socket", "socket"),
    ],
)  # fmt: skip
def test_the_tools_of_attacks_are_refused(module: str, name: str) -> None:
    with pytest.raises(UnsafeFile) as caught:
        global_of(module, name)
    assert caught.value.code == "pickle-code"
    assert f"{module.replace('__builtin__', 'builtins')}.{name}" in caught.value.message


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("omegaconf.listconfig", "ListConfig"), ("functools", "partial"), ("builtins", "getattr"), ("__main__", "Net"),
        ("torch.nn.modules.linear", "Linear"), ("code.models", "Net"), ("ntpath_models", "Net"), ("osmosis", "Net"),
        ("torch.utils.data", "DataLoader"), ("sysid", "Model"), ("", ""),
    ],
)  # fmt: skip
def test_any_other_name_is_a_name(module: str, name: str) -> None:
    assert global_of(module, name) == f"{module}.{name}"


def test_the_names_are_those_of_torch_and_python() -> None:
    missing = []
    for full in (*CALLS, FROM_TYPE, WRAPPER):
        module, _, name = full.rpartition(".")
        if not full.startswith(OF_OTHER_LIBRARIES) and not hasattr(importlib.import_module(module), name):
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


def test_a_storage_is_one_of_torch() -> None:
    assert is_storage(Global("torch.FloatStorage"))
    assert not is_storage(Global("evil.FloatStorage"))
    assert not is_storage(Global("torch.nn.FloatStorage"))


def test_keys_are_plain_values_or_stand_for_themselves() -> None:
    assert key_of("a") == "a"
    assert key_of((1, 2)) == (1, 2)
    nested = key_of(((1, 2), 3))
    assert isinstance(nested, Foreign)
    assert nested.arguments == (((1, 2), 3),)
