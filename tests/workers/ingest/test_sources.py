"""Places: each lists and reads by ranges, and nothing outside of it, against servers that speak the same protocols."""

import hashlib
import os
from pathlib import Path

import pytest

from app.settings import Settings
from app.uploads.sources import Address, Found, SourceFault
from tests.places import COMMIT, FakeHub, s3, serving
from workers.ingest import sources as places
from workers.ingest.sources import Folder, Hub, Store, place

DOCS = Path(__file__).parents[3] / "docs" / "uploads.md"
CONTENT = bytes(range(256)) * 100


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "BLOCK", 1000)


def fault(code: str) -> object:
    assert f"| `{code}` |" in DOCS.read_text()
    return pytest.raises(SourceFault, check=lambda error: error.code == code)


def check(found: places.Place, name: str = "m.safetensors") -> Found:
    """It is listed, and read from any byte on in blocks."""
    (file,) = [each for each in found.list() if each.name == name]
    assert file.bytes == len(CONTENT)
    for start in (0, 999, 1000, len(CONTENT) - 1, len(CONTENT)):
        blocks = list(found.read(file, start))
        assert b"".join(blocks) == CONTENT[start:]
        assert all(len(block) <= 1000 for block in blocks)
    return file


def test_a_folder_or_a_file_of_it(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("m.safetensors", "config.json"):
        (tmp_path / name).write_bytes(CONTENT)
    folder = place(Address("folder", str(tmp_path), str(tmp_path)), Settings())
    assert [file.name for file in folder.list()] == ["config.json", "m.safetensors"]
    check(folder)
    check(Folder(tmp_path, tmp_path / "m.safetensors"))


def test_what_is_not_there_or_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert Folder(tmp_path, tmp_path).list() == []
    for path in ("nothing", "nothing/below"):
        with fault("source-missing"):  # type: ignore[attr-defined]
            Folder(tmp_path, tmp_path / path).list()
    with fault("source-missing"):  # type: ignore[attr-defined]
        list(Folder(tmp_path, tmp_path).read(Found("pipe", str(tmp_path / "pipe"), 5, "v"), 0))


def test_links_do_not_lead_out(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (outside / "m.safetensors").write_bytes(CONTENT)
    (root / "true.safetensors").write_bytes(CONTENT)
    (root / "inner.safetensors").symlink_to(root / "true.safetensors")
    check(Folder(root, root), "inner.safetensors")  # within is fine
    (root / "folder").symlink_to(outside)
    (root / "file.safetensors").symlink_to(outside / "m.safetensors")
    for path in ("folder", "folder/m.safetensors", "file.safetensors"):
        with fault("source-outside"):  # type: ignore[attr-defined]
            Folder(root, root / path).list()
    found = {file.name: file.left_out for file in Folder(root, root).list()}
    outside_reason = "a link that leads out of the allowed folder"
    assert found == {"file.safetensors": outside_reason, "inner.safetensors": None, "true.safetensors": None}


def test_a_link_that_appears_later_does_not_either(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "m.safetensors").write_bytes(CONTENT)
    (file,) = Folder(root, root).list()
    (tmp_path / "secret").write_bytes(CONTENT)
    (root / "m.safetensors").unlink()
    (root / "m.safetensors").symlink_to(tmp_path / "secret")
    with fault("source-outside"):  # type: ignore[attr-defined]
        list(Folder(root, root).read(file, 0))


def test_a_file_that_changes_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(CONTENT)
    (file,) = Folder(tmp_path, tmp_path).list()
    reading = Folder(tmp_path, tmp_path).read(file, 0)
    next(reading)
    path.write_bytes(CONTENT[:-1] + b"!")
    os.utime(path, (1, 1))
    with fault("source-changed"):  # type: ignore[attr-defined]
        list(reading)


def test_an_object_store(monkeypatch: pytest.MonkeyPatch) -> None:
    with s3(monkeypatch) as bucket:
        import obstore

        for key in ("run/m.safetensors", "run/config.json", "run/deep/n.safetensors", "runner/n.safetensors"):
            obstore.put(bucket, key, CONTENT)
        prefix = place(Address("store", "s3://models", "run"), Settings())
        assert sorted(file.name for file in prefix.list()) == ["config.json", "m.safetensors"]
        file = check(prefix)
        check(Store("s3://models", "run/m.safetensors"))
        for bucket_name, key in (("models", "nothing"), ("nowhere", "run")):
            with fault("source-missing"):  # type: ignore[attr-defined]
                Store(f"s3://{bucket_name}", key).list()
        reading = prefix.read(file, 0)
        next(reading)
        obstore.put(bucket, "run/m.safetensors", CONTENT[::-1])
        with fault("source-changed"):  # type: ignore[attr-defined]
            list(reading)


def test_the_hub() -> None:
    files = {"m.safetensors": CONTENT, "config.json": b"{}", "onnx/m.bin": b"x", "README.md": b"x"}
    with serving(FakeHub(files)) as hub:
        settings = Settings(source_hub_endpoint=hub.address)
        model = place(Address("hub", "org/name", "v1"), settings)
        assert [file.name for file in model.list()] == ["m.safetensors", "config.json", "README.md"]
        file = check(model)
        assert file.key == f"org/name@{COMMIT}/m.safetensors"
        assert file.sha256 == hashlib.sha256(CONTENT).hexdigest()
        assert all(end - start <= 1000 for _, start, end in hub.ranges)
        with fault("source-missing"):  # type: ignore[attr-defined]
            Hub("org/other", "main", hub.address).list()
        with fault("source-refused"):  # type: ignore[attr-defined]
            Hub("org/gated", "main", hub.address).list()


def test_without_its_library_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for library in ("obstore", "huggingface_hub"):
        monkeypatch.setitem(__import__("sys").modules, library, None)
    for kind, root in (("store", "s3://models"), ("hub", "org/name")):
        with fault("source-unavailable"):  # type: ignore[attr-defined]
            place(Address(kind, root, "x"), Settings())  # type: ignore[arg-type]
