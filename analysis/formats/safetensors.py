"""safetensors: eight bytes of length, a JSON header, then the tensors back to back.

https://huggingface.co/docs/safetensors#format. The header is checked here, every offset against the file, before
anything is read at one.
"""

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.errors import DamagedFile, UnknownFormat, escape
from analysis.formats.dtypes import SAFETENSORS_DTYPES
from analysis.formats.hostile_json import check_name, parse, text_facts
from analysis.formats.stored import MOST_DIMENSIONS, MOST_LISTED, Contents, Format, Stored, too_many_dimensions

LONGEST_HEADER = 100_000_000  # bytes; the format's own limit, MAX_HEADER_SIZE in safetensors/src/tensor.rs
METADATA = "__metadata__"
ADAPTER = "lora_adapter_metadata"  # of diffusers: the configs of the adapters in the file, as JSON
LIBRARY = "format"  # "pt", "np" …: the library that wrote the file, no fact about the model
NO_FACTS = (ADAPTER, LIBRARY, "tensor_names")
OF_TENSOR = '{"_type": '  # how torchao begins what it says of each tensor, under the tensor's name
LARGEST_SIZE = 2**62  # elements in a tensor


def check_new_name(name: str, there: bool, remedy: str, what: str = "tensor") -> None:
    """Refuses, with DamagedFile, a name that `there` says came before, and one that safetensors cannot hold."""
    check_name(name)
    if there:
        raise DamagedFile(f"{what} {escape(name)} is in it twice. {remedy}", "duplicate-tensor")
    if name == METADATA:
        raise DamagedFile(f"the name {METADATA} is reserved by safetensors. Give that {what} another.", "bad-name")


def _recognises(head: bytes) -> bool:
    return len(head) > 8 and head[8:9] == b"{" and 2 <= _length(head) <= LONGEST_HEADER


def _length(head: bytes) -> int:
    (length,) = struct.unpack("<Q", head[:8])
    return int(length)


def _contents(path: Path) -> Contents:
    size = path.stat().st_size
    with path.open("rb") as file:
        length = _length(file.read(8))
        if 8 + length > size:
            raise DamagedFile(
                f"the file is cut off: its header takes {length:,} bytes, and it ends after {size:,}. "
                "Download or copy it again.",
                "truncated-file",
            )
        header = parse(file.read(length), "its header")
    metadata = _read_metadata(header.pop(METADATA, None))
    entries = {name: _read_entry(path, name, entry, 8 + length, size) for name, entry in header.items()}
    _check_places(entries, 8 + length, size)
    tensors = {name: stored for name, stored in entries.items() if len(stored.shape) <= MOST_DIMENSIONS}
    aside = {name: too_many_dimensions(stored) for name, stored in entries.items() if name not in tensors}
    facts = {key: value for key, value in metadata.items() if key not in NO_FACTS and not value.startswith(OF_TENSOR)}
    return Contents(tensors, text_facts(facts), aside, adapter=metadata.get(ADAPTER, ""))


def _read_metadata(metadata: Any) -> dict[str, str]:
    """The metadata; DamagedFile where they are not text by text, which the library refuses."""
    if metadata is None:
        return {}
    if not isinstance(metadata, dict):
        text = f"its {METADATA} is not an object of texts, and safetensors does not load it. Save the file again."
        raise DamagedFile(text, "bad-header")
    if wrong := [key for key, value in metadata.items() if not isinstance(value, str)]:
        text = f"its {METADATA} holds under {escape(wrong[0])} what is not text, and safetensors does not load it."
        raise DamagedFile(f"{text} Save the file again, with str(value).", "bad-header")
    return metadata


def _read_entry(path: Path, name: str, entry: Any, base: int, size: int) -> Stored:
    """One entry of the header, checked; `base` is where the tensors begin, `size` where the file ends."""
    try:
        code, extents, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
    except (TypeError, KeyError, ValueError):
        raise _bad(name, "its entry has no dtype, shape and pair of offsets", "bad-header") from None
    if not isinstance(code, str) or code not in SAFETENSORS_DTYPES:
        raise UnknownFormat(
            f"tensor {escape(name)} has the dtype {escape(code)}, which is not known here", "unknown-dtype"
        )
    shape = tuple(extents) if isinstance(extents, list) else (None,)
    if len(shape) > MOST_LISTED or not all(_is_count(number) for number in (*shape, begin, end)):
        raise _bad(name, "its shape and offsets are not whole numbers from 0 up", "bad-header")
    if base + max(begin, end) > size:
        missing = base + max(begin, end) - size
        raise _bad(name, f"it ends {missing:,} bytes behind the end of the file", "truncated-file")
    tensor = Stored(path, base + begin, shape, SAFETENSORS_DTYPES[code].name)
    length = SAFETENSORS_DTYPES[code].nbytes(tensor.size) if tensor.size < LARGEST_SIZE else None
    if end - begin != length:
        text = f"shape {escape(list(shape))} of {code} does not take the {end - begin:,} bytes that it has"
        raise _bad(name, text, "bad-offsets")
    return tensor


def _is_count(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < LARGEST_SIZE


def _check_places(tensors: Mapping[str, Stored], begin: int, size: int) -> None:
    """DamagedFile where tensors overlap, or where bytes lie between or behind them, which nobody would see.

    The library refuses such a file too.
    """
    end = begin
    for start, stop, name in sorted((t.start, t.start + t.nbytes, name) for name, t in tensors.items()):
        if start < end:
            raise _bad(name, "it overlaps with the tensor before it", "bad-offsets")
        if start > end:
            raise _bad(name, f"the {start - end:,} bytes before it belong to no tensor", "bad-offsets")
        end = stop
    if size > end:
        text = f"{size - end:,} bytes follow its last tensor: two files in one, or a damaged one."
        raise DamagedFile(f"{text} Download or save it again.", "trailing-bytes")


def _bad(name: str, reason: str, code: str) -> DamagedFile:
    advice = "The file is cut off or damaged: download or copy it again."
    return DamagedFile(f"tensor {escape(name)}: {reason}. {advice}", code)


SAFETENSORS = Format("safetensors", "safetensors", _recognises, _contents)
