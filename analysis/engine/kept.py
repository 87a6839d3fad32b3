"""Results of what was measured before, found again by what they were measured on, so that nothing is computed twice.

The key of an entry is a digest of all that decides it: this program's analysis code, the numerical libraries, the kind
of device, the diagnostic with every option, and of each tensor of the group its bytes, type, shape and how it lies. So
an entry of other options, another version or another tensor has another key. Reading and hashing a tensor costs more
than looking it up: where a file is known to be the same (its `source`), the digest of each of its tensors is an entry
too. Rows that say why nothing could be measured are not kept.
"""

import base64
import hashlib
import json
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Lock
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from analysis.diagnostic import Measurement, Request, Row, Scope
from analysis.runtime.pytorch import Tensor, torch
from analysis.tensors.matching import Aligned
from analysis.tensors.matrices import matrices
from analysis.weight import Factors, Grid, TensorInfo, WeightInfo

Task = tuple[Request, tuple[int, ...]]  # a diagnostic, and a group of positions
Found = list[tuple[str, Row]]
LIBRARIES = ("numpy", "scipy", "torch")
CHECK = 16  # bytes of an entry's own digest, at its front
AT_ONCE = 64  # new entries that are put together


@runtime_checkable
class Store(Protocol):
    """Where entries are kept. It may forget any of them at any time."""

    def get(self, keys: Collection[str]) -> Mapping[str, bytes]:
        """Those of the entries that are there."""
        ...

    def put(self, entries: Mapping[str, bytes]) -> None: ...


class Kept:
    """What is known of a run's tensors, and what is new. Several threads may ask at once.

    `sources` identify the contents of each checkpoint of the run, in its order; "" where nothing does.
    """

    def __init__(self, store: Store, sources: Sequence[str], device: str = "cpu") -> None:
        self._store, self._sources = store, tuple(sources)
        self._under = f"{code_digest()} {device.partition(':')[0]}"
        self._known: dict[str, bytes | None] = {}  # None: it is not there
        self._new: dict[str, bytes] = {}
        self._lock = Lock()
        self.hits: set[str] = set()

    # --- keys ---

    def place(self, position: int, info: TensorInfo) -> str | None:
        """The key of a tensor's digest, by its file; None where the file is not known."""
        source = self._sources[position]
        return self._key("tensor", source, repr(info)) if source else None

    def place_beside(self, position: int, aligned: Aligned) -> str | None:
        """The same of what a checkpoint holds of a tensor of the base: an adapter's change needs the base too."""
        sources = [self._sources[0], self._sources[position]]
        if not all(sources):
            return None
        partner = repr(aligned.partners[position - 1]) if position else ""
        return self._key("beside", *sources, repr(aligned.base), partner)

    def _entry_key(self, request: Request, digests: Sequence[str], plans: Sequence[WeightInfo]) -> str:
        options = json.dumps(dict(request.options), sort_keys=True)
        names = [plan.name for plan in plans] if request.diagnostic.named else []
        return self._key("result", request.diagnostic.name, options, repr(names), *digests)

    def _key(self, *parts: str) -> str:
        return digest_of_texts(self._under, *parts)

    # --- looking up ---

    def expect(self, position: int, infos: Iterable[TensorInfo], requests: Sequence[Request]) -> None:
        """Looks up at once what will be asked of these tensors, each by itself."""
        places = {info.name: (info, self.place(position, info)) for info in infos}
        self._fetch([place for _, place in places.values() if place is not None])
        digests = [(info, digest) for info, place in places.values() if (digest := self.digest_at(place)) is not None]
        self._fetch([self._entry_key(r, [digest], matrices(info)) for info, digest in digests for r in requests])

    def expect_beside(self, rows: Iterable[Aligned], tasks_of: Callable[[Aligned], Sequence[Task]]) -> None:
        """The same of tensors of the base with their partners."""
        asked = [(row, request, group) for row in rows for request, group in tasks_of(row)]
        held = {(row.base.called, position): row for row, _, group in asked for position in group}
        places = [self.place_beside(position, row) for (_, position), row in held.items()]
        self._fetch([place for place in places if place is not None])
        keys = [
            self._key_of(request, group, self.digests_beside(row, group), matrices(row.base))
            for row, request, group in asked
        ]
        self._fetch([key for key in keys if key is not None])

    def digests_beside(self, aligned: Aligned, positions: Iterable[int]) -> dict[int, str | None]:
        """The digests that are known of a tensor of the base and its partners at these positions."""
        return {position: self.digest_at(self.place_beside(position, aligned)) for position in positions}

    def digest_at(self, place: str | None) -> str | None:
        """The digest of the tensor there, where it is known."""
        found = None if place is None else self._get(place)
        return None if found is None else found.decode("ascii", "replace")

    def remember(self, place: str | None, digest: str) -> None:
        if place is not None:
            self._add(place, digest.encode())

    def find(
        self, tasks: Iterable[Task], plans: Sequence[WeightInfo], digests: Mapping[int, str | None]
    ) -> dict[tuple[str, tuple[int, ...]], list[Row]]:
        """The rows of the tasks that are known, one for each matrix that is planned."""
        found = {}
        for request, group in tasks:
            key = self._key_of(request, group, digests, plans)
            data = None if key is None else self._get(key)
            rows = None if data is None else _unpack(data, plans, group)
            if rows is not None:
                found[request.diagnostic.name, group] = rows
        return found

    def keep(
        self, tasks: Iterable[Task], plans: Sequence[WeightInfo], digests: Mapping[int, str | None], rows: Found
    ) -> None:
        """The rows of the tasks, measured just now, are known from now on."""
        for request, group in tasks:
            key = self._key_of(request, group, digests, plans)
            own = [row for name, row in rows if name == request.diagnostic.name and row.group == group]
            if key is not None and len(own) == len(plans) and all(map(_may_be_kept, own)):
                self._add(key, _pack(own))

    def _key_of(
        self, request: Request, group: tuple[int, ...], digests: Mapping[int, str | None], plans: Sequence[WeightInfo]
    ) -> str | None:
        of_group = [digests.get(position) for position in group]
        known = [digest for digest in of_group if digest is not None]
        if request.diagnostic.scope is Scope.FAMILY or len(known) < len(of_group):
            return None
        return self._entry_key(request, known, plans)

    def _get(self, key: str) -> bytes | None:
        if key not in self._known:
            self._fetch([key])
        data = self._known[key]
        if data is not None:
            with self._lock:
                self.hits.add(key)
        return data

    def _fetch(self, keys: Collection[str]) -> None:
        unknown = [key for key in keys if key not in self._known]
        found = self._store.get(unknown) if unknown else {}
        with self._lock:
            self._known |= {key: _checked(found[key]) if key in found else None for key in unknown}

    # --- what is new ---

    def _add(self, key: str, data: bytes) -> None:
        with self._lock:
            self._known[key] = data
            self._new[key] = hashlib.blake2b(data, digest_size=CHECK).digest() + data

    def take(self) -> dict[str, bytes]:
        """The entries that are new since the last call."""
        with self._lock:
            new, self._new = self._new, {}
        return new

    def put(self, least: int = 1) -> None:
        """Puts what is new into the store, if it is that many entries."""
        if len(self._new) >= least:
            self._store.put(self.take())


# --- entries ---


def _may_be_kept(row: Row) -> bool:
    """Not where nothing was measured, nor where the note names the weight: it may be another's next time."""
    note, values = row.measurement.note or "", row.measurement.values
    if row.weight.name in note or row.weight.tensor in note:
        return False
    return any(value is not None for value in values.values()) or note in ("", row.weight.unfit)


def _pack(rows: Sequence[Row]) -> bytes:
    records = [
        {
            "shape": [row.weight.rows, row.weight.columns],
            "values": dict(row.measurement.values),
            "note": row.measurement.note,
            "curves": {
                name: [curve.dtype.str, base64.b64encode(curve.tobytes()).decode()]
                for name, curve in row.measurement.curves.items()
            },
        }
        for row in rows
    ]
    return zlib.compress(json.dumps(records).encode(), 1)


def _unpack(data: bytes, plans: Sequence[WeightInfo], group: tuple[int, ...]) -> list[Row] | None:
    records: list[dict[str, Any]] = json.loads(zlib.decompress(data))
    if len(records) != len(plans):
        return None
    return [
        Row(
            replace(plan, rows=record["shape"][0], columns=record["shape"][1]),
            group,
            Measurement(
                record["values"],
                {
                    name: np.frombuffer(base64.b64decode(data), dtype).copy()
                    for name, (dtype, data) in record["curves"].items()
                },
                record["note"],
            ),
        )
        for plan, record in zip(plans, records, strict=True)
    ]


def _checked(entry: bytes) -> bytes | None:
    """What an entry holds; None where it is not what was put there."""
    data = entry[CHECK:]
    return data if hashlib.blake2b(data, digest_size=CHECK).digest() == entry[:CHECK] else None


# --- digests ---


def digest_of(
    tensor: Tensor,
    infos: Sequence[TensorInfo],
    grid: Grid | None = None,
    changes: Sequence[Factors | str | None] = (),
    merged: bool = False,
) -> str:
    """Of a tensor as it was read, and of how it lies: two with the same digest give the same matrices.

    `changes` are the factors of an update, in whole and of each matrix, or why there are none.
    """
    hasher = hashlib.blake2b(digest_size=32)
    lies = [(i.transposed, i.layout, i.groups, i.first, i.axes, i.unfit, i.role, tuple(i.shape)) for i in infos]
    factors = [change for change in changes if isinstance(change, Factors)]
    others = [None if isinstance(change, Factors) else change or "" for change in changes]
    parts = [tensor, *(side for each in factors for side in (each.left, each.right))]
    shapes = [(tuple(part.shape), str(part.dtype)) for part in parts]
    hasher.update(repr((lies, grid, others, merged, shapes)).encode())
    for part in parts:
        hasher.update(_bytes(part))
    return hasher.hexdigest()


def _bytes(tensor: Tensor) -> memoryview:
    whole = tensor.detach().cpu().contiguous()
    if not whole.numel():
        return memoryview(b"")
    flat: NDArray[np.uint8] = whole.reshape(-1).view(torch.uint8).numpy()
    return flat.data


def digest_of_texts(*parts: str) -> str:
    """Of several texts, so that no two lists of them have the same."""
    return hashlib.blake2b(json.dumps(parts).encode(), digest_size=32).hexdigest()


@cache
def code_digest() -> str:
    """Of the sources of the analysis and the versions of the libraries: a later version finds no earlier one's entries.

    The whole package counts, because a diagnostic may use any of it.
    """
    versions = " ".join(map(_version_of, ("eigenscope", *LIBRARIES)))
    return digest_of_texts(versions, digest_of_sources(Path(__file__).parents[1]))


def digest_of_sources(root: Path) -> str:
    """Of every Python file in a folder."""
    hasher = hashlib.blake2b(digest_size=32)
    for path in sorted(root.rglob("*.py")):
        content = path.read_bytes()
        hasher.update(f"{path.relative_to(root)} {len(content)} ".encode() + content)
    return hasher.hexdigest()


def _version_of(library: str) -> str:
    try:
        return f"{library} {version(library)}"
    except PackageNotFoundError:
        return f"{library} ?"
