"""A folder of torch.distributed.checkpoint, as FSDP, torchtitan and Accelerate write: `.metadata` and `*.distcp`.

torch/distributed/checkpoint/metadata.py and filesystem.py. The metadata say of each tensor its size and its chunks, and
of each chunk the file, offset and length at which it lies, as an archive of torch.save. They are read as data.
"""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from analysis.errors import CheckpointError, DamagedFile, MissingShard, UnsafeFile, escape
from analysis.formats.arrays import Piece, join
from analysis.formats.companions import DISTRIBUTED
from analysis.formats.pytorch.archive import read_archive
from analysis.formats.pytorch.machine import LARGEST_PICKLE, unpickle
from analysis.formats.pytorch.objects import Foreign, View
from analysis.formats.pytorch.state import locate_tensor
from analysis.formats.stored import Array, Contents, Stored

CLASS = "torch.distributed.checkpoint.metadata."
MOST_CHUNKS = 200_000
Place = tuple[str, int, int]  # file, offset, bytes


def is_distributed(path: Path) -> bool:
    """Whether the file is the metadata of such a folder."""
    if path.name != DISTRIBUTED or not path.is_file():
        return False
    with path.open("rb") as file:
        return CLASS.removesuffix(".").encode() in file.read(4096)


def read_distributed(metadata: Path, files: Sequence[Path]) -> Contents:
    """The tensors of the folder, put together of their chunks. Raises CheckpointError where some are not there."""
    if metadata.stat().st_size > LARGEST_PICKLE:
        raise UnsafeFile(f"{DISTRIBUTED} has more than {LARGEST_PICKLE:,} bytes", "unbounded")
    value = unpickle(io.BytesIO(metadata.read_bytes())).value
    tensors, places = _field(value, "state_dict_metadata"), _places(_field(value, "storage_data"))
    if len(places) > MOST_CHUNKS:
        raise UnsafeFile(f"{DISTRIBUTED} lists {len(places):,} chunks; at most {MOST_CHUNKS:,} are read", "unbounded")
    by_name = {path.name: path for path in files}
    arrays: dict[str, Array] = {}
    for name, entry in tensors.items():
        if isinstance(entry, Foreign) and entry.name == f"{CLASS}TensorStorageMetadata":
            arrays[str(name)] = _tensor(str(name), entry, places, by_name)
    return Contents(_without_root(arrays))


def _without_root(tensors: Mapping[str, Array]) -> dict[str, Array]:
    """The names without the key of the application's state under which the model stands, where there is one."""
    model = {name: array for name, array in tensors.items() if name.startswith("model.")}
    if not model or any(name.removeprefix("model.") in tensors for name in model):
        return dict(tensors)
    return {name.removeprefix("model.") if name in model else name: array for name, array in tensors.items()}


def _field(value: Any, name: str) -> dict[Any, Any]:
    fields = value.state.get(name) if isinstance(value, Foreign) else None
    if not isinstance(fields, dict):
        raise DamagedFile(f"{DISTRIBUTED} has no {name}. Save the checkpoint again.", "bad-header")
    return fields


def _places(storage: Mapping[Any, Any]) -> dict[tuple[str, tuple[int, ...]], Place]:
    """Where each chunk lies, by its tensor's name and its offsets in it."""
    places: dict[tuple[str, tuple[int, ...]], Place] = {}
    for index, info in storage.items():
        if not isinstance(index, Foreign) or not isinstance(info, Foreign):
            raise DamagedFile(f"{DISTRIBUTED} has storage data that are none. Save it again.", "bad-header")
        offset = index.state.get("offset")
        path, extents = info.state.get("relative_path"), (info.state.get("offset"), info.state.get("length"))
        if not isinstance(path, str) or not _counts(extents):
            raise DamagedFile(f"{DISTRIBUTED} has a chunk without its file and offset. Save it again.", "bad-header")
        places[str(index.state.get("fqn")), tuple(offset) if _counts(offset) else ()] = (path, extents[0], extents[1])
    return places


def _counts(numbers: Any) -> TypeGuard[Sequence[int]]:
    return isinstance(numbers, tuple | list) and all(type(n) is int and 0 <= n < 2**56 for n in numbers)


def _tensor(name: str, entry: Foreign, places: Mapping[Any, Place], there: Mapping[str, Path]) -> Array:
    """One tensor, of one chunk or of several."""
    size, chunks = entry.state.get("size"), entry.state.get("chunks")
    if not _counts(size) or not isinstance(chunks, list) or not chunks:
        raise DamagedFile(f"tensor {escape(name)} has no size or no chunks. Save it again.", "bad-header")
    pieces = []
    for chunk in chunks:
        offsets = chunk.state.get("offsets") if isinstance(chunk, Foreign) else None
        if not _counts(offsets):
            raise DamagedFile(f"tensor {escape(name)} has a chunk without offsets. Save it again.", "bad-header")
        place = places.get((name, tuple(offsets))) or places.get((name, ()))
        if place is None:
            raise MissingShard(f"a chunk of tensor {escape(name)} is in no file. Save the checkpoint again.")
        pieces.append(Piece(tuple(offsets), _chunk(name, place, there)))
    if len(pieces) == 1 and pieces[0].array.shape == tuple(size):
        return pieces[0].array
    try:
        return join(tuple(pieces), tuple(size), pieces[0].array.dtype)
    except ValueError as error:
        raise DamagedFile(f"tensor {escape(name)}: {error}. Give all files of the folder.", "bad-offsets") from None


def _chunk(name: str, place: Place, there: Mapping[str, Path]) -> Stored:
    file, offset, length = place
    if file not in there:
        raise MissingShard(f"{DISTRIBUTED} names the file {escape(file)}, which is not there. Give the whole folder.")
    try:
        source, machine = read_archive(there[file], offset, length)
    except CheckpointError as error:
        raise type(error)(f"{escape(file)}, tensor {escape(name)}: {error}", error.code) from None
    if not isinstance(machine.value, View):
        raise DamagedFile(f"{escape(file)} has no tensor for {escape(name)}. Save it again.", "bad-header")
    return locate_tensor(name, machine.value, source)
