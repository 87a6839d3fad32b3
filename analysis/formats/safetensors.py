"""safetensors: eight bytes of length, a JSON header, then the tensors back to back.

https://huggingface.co/docs/safetensors#format. The header is checked here, every offset against the file, before
anything is read at one.
"""

import struct
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from analysis.errors import DamagedFile, UnknownFormat, escape
from analysis.formats.dtypes import SAFETENSORS_DTYPES
from analysis.formats.hostile_json import parse, text_facts
from analysis.formats.stored import MOST_DIMENSIONS, Contents, Format, Stored

LONGEST_HEADER = 100_000_000  # bytes; the format's own limit, MAX_HEADER_SIZE in safetensors/src/tensor.rs
METADATA = "__metadata__"
ADAPTER = "lora_adapter_metadata"  # of diffusers: the configs of the adapters in the file, as JSON
LIBRARY = "format"  # "pt", "np" …: the library that wrote the file, no fact about the model
LARGEST_SIZE = 2**62  # elements in a tensor


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
    metadata = header.pop(METADATA, None)
    tensors = {name: _read_entry(path, name, entry, 8 + length, size) for name, entry in header.items()}
    _check_overlap(tensors)
    _check_end(tensors, 8 + length, size)
    said = {key: value for key, value in metadata.items() if key != LIBRARY} if isinstance(metadata, Mapping) else {}
    adapter = said.get(ADAPTER)
    facts = {key: value for key, value in said.items() if key != ADAPTER}
    return Contents(tensors, text_facts(facts), adapter=adapter if isinstance(adapter, str) else "")


def _read_entry(path: Path, name: str, entry: Any, base: int, size: int) -> Stored:
    """One entry of the header, checked; `base` is where the tensors begin, `size` where the file ends."""
    try:
        code, shape, (begin, end) = entry["dtype"], tuple(entry["shape"]), entry["data_offsets"]
    except (TypeError, KeyError, ValueError):
        raise _bad(name, "its entry has no dtype, shape and pair of offsets", "bad-header") from None
    if not isinstance(code, str) or code not in SAFETENSORS_DTYPES:
        raise UnknownFormat(
            f"tensor {escape(name)} has the dtype {escape(code)}, which is not known here", "unknown-dtype"
        )
    if len(shape) > MOST_DIMENSIONS or not all(_is_count(number) for number in (*shape, begin, end)):
        raise _bad(name, "its shape and offsets are not whole numbers from 0 up", "bad-header")
    if base + max(begin, end) > size:
        missing = base + max(begin, end) - size
        raise _bad(name, f"it ends {missing:,} bytes behind the end of the file", "truncated-file")
    stored = Stored(path, base + begin, shape, SAFETENSORS_DTYPES[code].name)
    wanted = SAFETENSORS_DTYPES[code].nbytes(stored.size) if stored.size < LARGEST_SIZE else None
    if end - begin != wanted:
        text = f"shape {escape(list(shape))} of {code} does not take the {end - begin:,} bytes that it has"
        raise _bad(name, text, "bad-offsets")
    return stored


def _is_count(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < LARGEST_SIZE


def _check_overlap(tensors: Mapping[str, Stored]) -> None:
    spans = sorted((t.start, t.start + t.nbytes, name) for name, t in tensors.items() if t.nbytes)
    for (_, end, name), (begin, _, other) in pairwise(spans):
        if begin < end:
            raise _bad(name, f"it overlaps with tensor {escape(other)}", "bad-offsets")


def _check_end(tensors: Mapping[str, Stored], begin: int, size: int) -> None:
    """The library refuses such a file too: what follows may be a second one, which nobody would see."""
    end = max((t.start + t.nbytes for t in tensors.values()), default=begin)
    if size > end:
        text = f"{size - end:,} bytes follow its last tensor: two files in one, or a damaged one."
        raise DamagedFile(f"{text} Download or save it again.", "trailing-bytes")


def _bad(name: str, reason: str, code: str) -> DamagedFile:
    advice = "The file is cut off or damaged: download or copy it again."
    return DamagedFile(f"tensor {escape(name)}: {reason}. {advice}", code)


SAFETENSORS = Format("safetensors", "safetensors", _recognises, _contents)
