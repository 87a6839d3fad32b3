"""Other files in place of a checkpoint."""

import io
import tarfile

import numpy as np

from tests.hostile.base import Hostile, written, zipped


def tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("model.safetensors"))
    return buffer.getvalue()


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 90868376\n"
OTHERS = (
    Hostile("empty file", written(b""), "empty-file"),
    Hostile("three bytes", written(b"\x00\x01\x02"), "unknown-format"),
    Hostile("zeros", written(bytes(10_000)), "unknown-format"),
    Hostile("random bytes", written(np.random.default_rng(0).bytes(10_000)), "unknown-format"),
    Hostile("git-lfs pointer", written(POINTER), "lfs-pointer"),
    Hostile("HTML page", written(b"\n<!DOCTYPE html><html><body>404: not found"), "html-page"),
    Hostile("text", written("Läuft.\n".encode() * 1000), "text-file"),
    Hostile("JSON", written(b'{"error": "Repository not found"}', "model.bin"), "text-file"),
    Hostile("gzip", written(b"\x1f\x8b\x08" + bytes(100)), "compressed-file"),
    Hostile("tar", written(tar(), "model.pt"), "archive"),
    Hostile("7z", written(b"7z\xbc\xaf\x27\x1c" + bytes(100)), "archive"),
    Hostile("another zip", written(zipped({"readme.txt": b"hello"}), "model.pt"), "archive"),
    Hostile(
        "Keras 3, zipped again",
        written(zipped({"a/config.json": b"{}", "a/model.weights.h5": b""}), "model.pt"),
        "keras-archive",
    ),
    Hostile("GGML", written(b"tjgg\x03\x00\x00\x00" + bytes(100)), "gguf-model"),
    Hostile("SavedModel", written(b"\x08\x01\x12\x99\x01\x0a\x12\x12\x05serve" + bytes(100)), "tensorflow-file"),
    Hostile("no file", lambda folder: [folder / "nowhere.pt"], "missing-file"),
)
