"""What tells copies of a tensor from others of its shape: the digest of its bytes, and a sample of its values.

Copies are found among all tensors of one shape, of which there may be tens of thousands. Equal digests tell equal bytes
at once. For the rest all cosines are needed: products of blocks of samples give them in single precision, and the
nearest of each is asked again by itself.
"""

import hashlib
import math
from collections.abc import Iterator, Sequence

import numpy as np

from analysis.diagnostic import Finding, Row, Severity
from analysis.findings import causes
from analysis.findings.subjects import name_of, names, subject
from analysis.findings.wording import lower_first, quantity
from analysis.runtime.arrays import Numbers, as_array, double, dtype_name
from analysis.runtime.shapes import Float, Float32

SAMPLE = 512  # values: two independent ones have a cosine of 0 ± 0.044
STRIDE = 0.6180339887498949  # of the golden section: positions that keep clear of any period of rows or columns
ALIKE = 0.98  # cosine of two layers from which on one was made from the other; other pairs stay below 0.9
SHORTEST = 64  # values in a sample whose cosines say something
MOST = 0.9999999  # what a cosine is at most where bytes differ
ROUNDING = 1e-4  # of a product in single precision, with room
SHARED = 0.5  # of the layers, from which on being copies is how the model was made
BLOCK = 512  # samples whose cosines with all earlier ones are held at once
Pair = tuple[Row, Row, float]


def digest(slices: Float[Numbers, "s m n"]) -> str:
    """Sixteen hexadecimal digits of the bytes and the type, in blocks of rows."""
    hasher = hashlib.blake2b(f"torch.{dtype_name(slices)}".encode(), digest_size=8)
    for matrix in as_array(slices):
        height = max(1, (1 << 20) // max(1, matrix.shape[1]))
        for start in range(0, len(matrix), height):
            hasher.update(np.ascontiguousarray(matrix[start : start + height]).view(np.uint8).data)
    return hasher.hexdigest()


def sample(slices: Float[Numbers, "s m n"]) -> Float32[np.ndarray, " p"]:
    """Values at places that hang on the shape alone, over their largest: cosines of whole tensors come from these."""
    array = as_array(slices)
    count = array.size
    size = min(SAMPLE, count)
    places = (
        np.unique((np.arange(size) * STRIDE % 1.0 * count).astype(np.int64)) if count > SAMPLE else np.arange(count)
    )
    values = double(array[np.unravel_index(places, array.shape)])
    largest = float(np.abs(values).max())
    shares: Float32[np.ndarray, " p"] = (values / largest if largest > 0.0 else values).astype(np.float32)
    return shares


def cosine(one: Float32[np.ndarray, " p"], other: Float32[np.ndarray, " p"]) -> float:
    """Of two samples; 0 where one of them is zero."""
    norm = math.sqrt(float(np.dot(one, one)) * float(np.dot(other, other)))
    return float(np.dot(one, other)) / norm if norm > 0.0 else 0.0


def find_copies(rows: Sequence[Row]) -> list[Pair]:
    """Each row that repeats an earlier one of its shape, with that one and the size of their cosine.

    Of several earlier ones the nearest, and of equally near ones the first.
    """
    shapes: dict[tuple[int, int, int], list[Row]] = {}
    for row in rows:
        info = row.weight
        shapes.setdefault((info.rows, info.columns, info.slices), []).append(row)
    return [pair for some in shapes.values() for pair in _of_one_shape(some)]


def _of_one_shape(rows: Sequence[Row]) -> list[Pair]:
    nearest = {other: (one, size) for one, other, size in _near(rows)}
    first: dict[object, int] = {}
    for place, row in enumerate(rows):
        earlier = first.setdefault(row.value("digest"), place)
        if earlier != place:
            nearest[place] = (earlier, 1.0)
    found = sorted((one, other, size) for other, (one, size) in nearest.items())
    return [(rows[one], rows[other], size) for one, other, size in found]


def _near(rows: Sequence[Row]) -> list[tuple[int, int, float]]:
    """The places of rows that are nearly an earlier one: the nearest, the row, and their cosine."""
    places = [place for place, row in enumerate(rows) if len(row.measurement.curves.get("sample", ())) >= SHORTEST]
    if len(places) < 2:
        return []
    units = _units([rows[place] for place in places])
    found = []
    for start in range(0, len(places), BLOCK):
        block = np.abs(units[start : start + BLOCK] @ units[: start + BLOCK].T)
        for at in range(len(block)):
            block[at, start + at :] = 0.0  # itself, and what comes later
        nearest = block.argmax(axis=1)
        for at in map(int, np.flatnonzero(block.max(axis=1) >= ALIKE - ROUNDING)):
            one, other = places[nearest[at]], places[start + at]
            if (size := likeness(rows[one], rows[other])) >= ALIKE:
                found.append((one, other, size))
    return found


def _units(rows: Sequence[Row]) -> Float32[np.ndarray, "r p"]:
    """The samples at length 1; those of zeros stay zero."""
    samples = np.stack([np.asarray(row.measurement.curves["sample"], np.float32) for row in rows])
    norms = np.sqrt(np.einsum("rp,rp->r", samples, samples))[:, None]
    units: Float32[np.ndarray, "r p"] = np.divide(samples, norms, out=np.zeros_like(samples), where=norms > 0.0)
    return units


def likeness(one: Row, other: Row) -> float:
    """The size of the cosine of two samples; 1 where all bytes are equal, and 0 where the samples are too short."""
    if one.value("digest") == other.value("digest"):
        return 1.0
    samples = one.measurement.curves.get("sample"), other.measurement.curves.get("sample")
    if samples[0] is None or samples[1] is None or len(samples[0]) < SHORTEST:
        return 0.0
    return min(abs(cosine(samples[0], samples[1])), MOST)


def copy_findings(pairs: Sequence[Pair], measured: int) -> Iterator[Finding]:
    """Of pairs of rows with the cosine of their values; 1 where all bytes are equal."""
    if len(pairs) > max(2.0, SHARED * measured / 2.0):
        weights = tuple(dict.fromkeys(name for one, other, _ in pairs for name in (one.weight.name, other.weight.name)))
        text = f"{len(weights)} of {quantity(measured, 'matrix', 'matrices')} are copies of each other"
        why = (
            "Layers that share their values by design, an average kept next to the weights, or layers not trained yet."
        )
        yield Finding(Severity.NOTE, text, why, weights, {"copies": len(pairs)}, causes.COPY)
        return
    for one, other, cosine in pairs:
        is_tied = {one.weight.role, other.weight.role} == {"embedding", "head"}
        relation = "a copy of" if cosine == 1.0 else "nearly a copy of"
        text = f"{_name_with_block(other)} is {relation} {lower_first(_name_with_block(one))}"
        why = "All bytes are equal." if cosine == 1.0 else f"The cosine of their values is {cosine:.4f}."
        severity = Severity.NOTE if is_tied else Severity.WARN
        yield Finding(severity, text, why, names([one, other]), {"cosine": cosine}, causes.COPY)


def started_alike(pairs: Sequence[Pair]) -> Iterator[Finding]:
    """One note on layers that still resemble the siblings as whose copies they started."""
    if not pairs:
        return
    rows = list({row.weight.name: row for one, other, _ in pairs for row in (one, other)}.values())
    cosines = [cosine for *_, cosine in pairs]
    text = f"{len(rows)} matrices of equal roles are nearly the same: their blocks started as copies"
    why = (
        f"Cosines up to {max(cosines):.4f}, and others of their role resemble them too, as where a framework copies "
        "one block (torch.nn.TransformerEncoder). Training has parted them little."
    )
    yield Finding(Severity.NOTE, text, why, names(rows), {"cosine": max(cosines), "pairs": len(pairs)}, causes.COPY)


def _name_with_block(row: Row) -> str:
    return subject([row]) if row.weight.depth is not None else name_of(row)
