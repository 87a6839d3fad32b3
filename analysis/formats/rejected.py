"""What a file is when it is no checkpoint: each kind has its own message, with the reason and the next step."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from analysis.errors import CheckpointError, DamagedFile, UnknownFormat, escape
from analysis.formats.safetensors import LONGEST_HEADER

TENSORFLOW = (
    "Only TensorFlow reads its own variables. Run where it is: numpy.savez('model.npz', **{name.removesuffix("
    "'/.ATTRIBUTES/VARIABLE_VALUE'): tf.train.load_variable(path, name) for name, _ in tf.train.list_variables(path)"
    "}), with path the name of the .index file without its ending (of a SavedModel 'variables/variables'), and give "
    "model.npz."
)
SAVE = "Save the weights with torch.save(model.state_dict(), 'model.pt')"


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file that is known and not read: how its first bytes look, what it is, and what to do."""

    code: str
    looks: Callable[[bytes], bool]
    text: str  # follows the file's name
    error: type[CheckpointError] = UnknownFormat


def _starts(*magics: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(magics)


def _is_html(head: bytes) -> bool:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")) or (
        text.startswith((b"<?xml", b"<!--")) and b"<html" in text
    )


def _is_text(head: bytes) -> bool:
    """UTF-8 without control characters. A character may be cut off at the end of the head."""
    for end in range(len(head), max(len(head) - 4, 0), -1):
        try:
            text = head[:end].decode("utf-8")
        except UnicodeDecodeError:
            continue
        return not re.search(r"[\x00-\x08\x0e-\x1f]", text)
    return False


def _is_saved_model(head: bytes) -> bool:
    """A protobuf SavedModel: field 1 (schema version 1), then field 2 (meta graph)."""
    return head.startswith(b"\x08\x01\x12") and b"serve" in head[:512]


def _is_cut_safetensors(head: bytes) -> bool:
    """A safetensors header of a length that nobody writes, or cut off within it."""
    return len(head) >= 8 and head[8:10] in (b"{", b'{"', b"{}") and int.from_bytes(head[:8], "little") < 2**48


KINDS = (
    Kind(
        "lfs-pointer",
        _starts(b"version https://git-lfs.github.com/spec/"),
        "is a git-lfs pointer, not the file itself. Run git lfs pull in the repository, and give it again.",
    ),
    Kind(
        "html-page",
        _is_html,
        "is a web page: a download that failed, or went to a page in place of the file. Download the file itself "
        "(on Hugging Face: the address with /resolve/, not /blob/).",
    ),
    Kind("gguf-model", _starts(b"ggjt", b"tjgg", b"ggml", b"lmgg"), "is a GGML model, older than GGUF. "
         "Give the safetensors it was converted from."),
    Kind("compressed-file", _starts(b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18"),
         "is compressed. Unpack it (gunzip, bunzip2, unxz or unzstd), and give what is inside."),
    Kind("archive", _starts(b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07"), "is an archive. Unpack it, and give the "
         "checkpoint inside."),
    Kind("archive", lambda head: head[257:262] == b"ustar", "is a tar archive. Unpack it with tar -xf, and give the "
         "checkpoint inside. (PyTorch before 0.1.10 saved so too: load and save it with a later one.)"),
    Kind("tensorflow-file", _is_saved_model, "is a TensorFlow SavedModel, a program whose "
         f"weights lie next to it. {TENSORFLOW}"),
    Kind("bad-header", _is_cut_safetensors, "looks like safetensors, but states an impossible length of its header "
         f"(at most {LONGEST_HEADER:,} bytes). It is damaged: download or copy it again.", DamagedFile),
    Kind("text-file", _is_text, "is text, and holds no weights. Give the checkpoint itself: a .safetensors file or a "
         "PyTorch state dict."),
)  # fmt: skip


def rejection(path: Path, head: bytes) -> CheckpointError:
    """The error for a file that no format recognises."""
    name = escape(path.name)
    if not head:
        return DamagedFile(f"{name} is empty: 0 bytes. Download or copy it again.", "empty-file")
    for kind in KINDS:
        if kind.looks(head):
            return kind.error(f"{name} {kind.text}", kind.code)
    return UnknownFormat(
        f"{name} is in no format that is read here: it starts with the bytes {head[:8].hex(' ')}. "
        f"Give safetensors, or a PyTorch state dict. {SAVE}."
    )
