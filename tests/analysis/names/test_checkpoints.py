import pytest

from analysis.names.checkpoints import guess, is_usual


@pytest.mark.parametrize(
    ("name", "usual"),
    [
        ("model.safetensors", True),
        ("model-00001-of-00002.safetensors", True),
        ("pytorch_model.bin", True),
        ("adapter_model.safetensors", True),
        ("model.safetensors.index.json", False),
        ("my-model.safetensors", False),
        ("model", False),
        ("unnamed", True),
    ],
)
def test_names_that_every_model_has(name: str, usual: bool) -> None:
    assert is_usual(name) is usual


@pytest.mark.parametrize("path", ["", "/", "./", "..", None])
def test_a_path_without_a_name_gives_none(path: object) -> None:
    assert guess({"name_or_path": path}) is None


def test_hostile_paths_are_only_text() -> None:
    assert guess({"name_or_path": "..\\..\\etc\\passwd"}) == "passwd"
