"""Sources: what is not allowed is not even looked at."""

from pathlib import Path

import pytest

from app.errors import BadSource, SourceNotAllowed
from app.settings import Settings
from app.uploads import sources
from app.uploads.sources import Address, Found, SourceFault, choose, parse

ALLOWED = Settings(
    source_roots=(Path("/models"), Path("/mnt/y")), source_stores=("s3://bucket/team", "gs://all"), source_hub=True
)


@pytest.mark.parametrize(
    ("url", "kind", "root", "path"),
    [
        ("file:///models/a/b.safetensors", "folder", "/models", "/models/a/b.safetensors"),
        ("file:///models", "folder", "/models", "/models"),
        ("file:///mnt/y/with%20space%3F", "folder", "/mnt/y", "/mnt/y/with space?"),
        ("s3://bucket/team/run-7/", "store", "s3://bucket", "team/run-7"),
        ("s3://bucket/team", "store", "s3://bucket", "team"),
        ("gs://all/any/where", "store", "gs://all", "any/where"),
        ("hf://org/name", "hub", "org/name", "main"),
        ("hf://org/na.me-1@refs/pr/1", "hub", "org/na.me-1", "refs/pr/1"),
    ],
)
def test_what_is_allowed_is_taken_apart(url: str, kind: str, root: str, path: str) -> None:
    assert parse(url, ALLOWED) == Address(kind, root, path)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "file:///modelsX/a", "file:///", "s3://bucket/teamX/a", "s3://bucket", "s3://other/team",
        "gs://bucket/team/a", "az://all/a",
    ],
)  # fmt: skip
def test_what_is_elsewhere_is_not_allowed(url: str) -> None:
    with pytest.raises(SourceNotAllowed):
        parse(url, ALLOWED)


@pytest.mark.parametrize(
    "url",
    [
        "file:///models/../etc/passwd", "file:///models/%2e%2e/etc", "file:///models/./a", "file:///models//a",
        "file:///models/a%00b", "file:///models/a\\..\\b", "file://host/models/a", "file:models/a", "file:///models?x",
        "s3://bucket/team/../other", "s3://bucket@evil/team", "s3://user:key@bucket/team", "s3:///team", "s3://bu%63ket/team",
        "hf://org", "hf://org/../name", "hf://org/name@../x", "hf://evil.example:80/org/name", "hf://org/name?x", "http://a/b",
        "https://169.254.169.254/", "ftp://a", "", "models/a", "file:///models/a\nb", "hf://org/name@a b",
    ],
)  # fmt: skip
def test_what_is_malformed_is_refused(url: str) -> None:
    with pytest.raises(BadSource):
        parse(url, ALLOWED)


@pytest.mark.parametrize("url", ["file:///models/a", "s3://bucket/team/a", "hf://org/name"])
def test_everything_is_off_by_itself(url: str) -> None:
    with pytest.raises(SourceNotAllowed, match="EIGENSCOPE_SOURCE_"):
        parse(url, Settings())


def found(*names: str) -> list[Found]:
    return [Found(name, name, 1, "v") for name in names]


def test_of_a_folder_the_weights_come_first_and_what_is_left_out_last() -> None:
    """Which files those are is the table's, in tests/analysis/formats/test_companions.py."""
    chosen = choose(found("config.json", "optimizer.pt", "README.md", "pytorch_model.bin"))
    assert [(file.name, file.left_out) for file in chosen] == [
        ("pytorch_model.bin", None), ("config.json", None), ("optimizer.pt", "state of the optimizer"),
    ]  # fmt: skip


def test_a_folder_without_weights_is_no_checkpoint() -> None:
    with pytest.raises(SourceFault) as caught:
        choose(found("README.md", "optimizer.pt"))
    assert caught.value.code == "source-missing"


def test_partial_files_name_their_checkpoint() -> None:
    assert sources.owner_of(sources.partial_name(12, 3)) == 12
    assert sources.owner_of("0f" * 16) is None


def test_what_cannot_be_had_is_left_out_with_its_reason() -> None:
    link = Found("b.safetensors", "b", 0, "", left_out="a link that leads out of the allowed folder")
    chosen = choose([*found("a.safetensors"), link])
    assert [(file.name, file.left_out) for file in chosen] == [("a.safetensors", None), (link.name, link.left_out)]
    with pytest.raises(SourceFault, match=r"Left out: b.safetensors \(a link"):
        choose([link])
