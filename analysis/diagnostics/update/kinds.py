"""What kind of change a stored tuned weight is of its base: trained, or something that says nothing of training.

Permuted units, a cast, a factor, added noise and a weight drawn anew all have an update ΔW with a size, directions and
intruders, and none of these is what a model learned. They are recognised from the entries, in some passes over them.
The bounds are ours: noise of 32 × 32 to 1536 × 384 gave 0.88 to 1.02 where EDGE allows 0.85 to 1.05.
"""

import math
from functools import partial

from analysis.diagnostics.entries import grid, precision
from analysis.diagnostics.update.origin import LINES, PERMUTED, REORDERED, TRANSPOSED, is_unrelated
from analysis.diagnostics.update.sums import Sums, add_lines, blocks, is_everywhere
from analysis.diagnostics.update.turned_lines import find_order, has_new_lines
from analysis.runtime.pytorch import Tensor, torch
from analysis.runtime.shapes import Float
from analysis.weight import Weight

NONE, CAST, SCALED, NOISE, NEW, TRAINED = "none", "cast", "scaled", "noise", "new", "trained"
ZEROED, PRUNED, QUANTISED, PARTLY_NEW = "zeroed", "pruned", "quantised", "partly-new"
UNTRAINED = (
    CAST,
    QUANTISED,
    PRUNED,
    ZEROED,
    SCALED,
    LINES,
    PERMUTED,
    REORDERED,
    TRANSPOSED,
    NOISE,
    NEW,
    PARTLY_NEW,
)  # what says nothing of training
MOVED = (PERMUTED, REORDERED, TRANSPOSED)  # the same lines in other places: ‖ΔW‖ tells nothing
KINDS = (NONE, *UNTRAINED, TRAINED)
PARALLEL = 0.99  # |cosine| of ΔW and W₀ from which it is a factor: a factor of 2 % stored in bfloat16 has 0.998
LEFT = 0.1  # of the size of ΔW: what factors of rows or columns leave of it where it is they; 0.14 is a cosine of 0.99
SPARSE = 0.01  # of the entries set to 0: what was pruned and trained on looks like noise, and is none
AGREE = 0.99  # of the entries, once the order is undone
CLOSE = 1e-6  # of the largest sum of squares: two rows or columns with such sums may be the same ones
HALF_STEP = 0.51  # of a grid: the farthest that rounding to the nearest moves an entry, and some rounding of its own
SMALL = 32  # rows and columns below which noise has no edge to speak of
EDGE = (0.85, 1.05)  # σ₁ of independent entries over s(√m + √n), power iteration being a little low
STEPS, PROBES = 12, 8  # of the power iteration


def kind_of_change(base: Weight, tuned: Weight) -> str:
    """One of KINDS, found once for all diagnostics. The update of an adapter is always trained, or none."""
    if tuned.factors is not None:
        return TRAINED if tuned.factors.left.any() and tuned.factors.right.any() else NONE
    return tuned.find_once("kind of change", lambda: _kind(base, tuned)) if tuned.base is base else _kind(base, tuned)


def _kind(base: Weight, tuned: Weight) -> str:
    before, after = base.matrix, tuned.matrix
    if is_everywhere(before, after, torch.eq):
        return NONE
    if tuned.of_adapter:
        return TRAINED
    rows, columns = add_lines(before, after)
    return _kind_of_values(base, before, after, rows, columns) or _kind_of_update(before, after, rows, columns)


def _kind_of_values(
    base: Weight, before: Float[Tensor, "m n"], after: Float[Tensor, "m n"], rows: Sums, columns: Sums
) -> str | None:
    """The kind where every entry is 0 or one of the base's, elsewhere or rounded; else None."""
    if not after.any():
        return ZEROED
    if _is_cast(before, after):
        return CAST
    if _is_permuted(before, after, rows, columns):
        return PERMUTED
    is_square = len(base.slices) == 1 and before.shape[0] == before.shape[1]
    return TRANSPOSED if is_square and is_everywhere(before.mT, after, torch.eq) else None


def _kind_of_update(before: Float[Tensor, "m n"], after: Float[Tensor, "m n"], rows: Sums, columns: Sums) -> str:
    """The kind of a change that left no entry, or some, as it was."""
    is_pruned = is_everywhere(before, after, lambda base, tuned: (base == tuned) | (tuned == 0.0))
    if not is_pruned and is_scaled_by_lines(rows, columns):
        return LINES
    if not is_pruned and (kind := _kind_of_order(before, after, rows, columns)):
        return kind
    if is_unrelated(rows.cosine, before.numel()):
        return NEW
    if abs(rows.update_cosine or 0.0) > PARALLEL:
        return SCALED
    if is_pruned:
        return PRUNED
    if is_on_grid_of(before, after):
        return QUANTISED
    if has_new_lines(rows, columns) or has_new_lines(columns, rows):
        return PARTLY_NEW
    return NOISE if _is_noise_added(before, after, rows) else TRAINED


def _kind_of_order(before: Float[Tensor, "m n"], after: Float[Tensor, "m n"], rows: Sums, columns: Sums) -> str | None:
    """Whether rows alone, or columns alone, changed places: as they were, or trained."""
    for one, other, lines in ((before, after, rows), (before.mT, after.mT, columns)):
        order = find_order(one, other, lines)
        if order is not None:
            return PERMUTED if float((one[order] == other).double().mean()) >= AGREE else REORDERED
    return None


def _is_cast(before: Float[Tensor, "m n"], after: Float[Tensor, "m n"]) -> bool:
    """Whether the fine-tuned weight is the base, rounded to a half-precision type, whatever it is stored in."""
    return any(is_everywhere(before, after, partial(_is_rounded, half)) for half in (torch.bfloat16, torch.float16))


def _is_rounded(half: "torch.dtype", base: Tensor, tuned: Tensor) -> Tensor:
    return base.to(half).double() == tuned


def is_scaled_by_lines(rows: Sums, columns: Sums) -> bool:
    """Whether each row, or each column, is the base's times a factor of its own: a norm's gain, or a sign.

    One factor for all is another kind. Nothing of matrices that are so small that factors fit anything.
    """
    if min(len(rows.squares), len(columns.squares)) < SMALL or abs(rows.update_cosine or 0.0) > PARALLEL:
        return False
    return min(rows.residual, columns.residual) <= LEFT


def is_on_grid_of(before: Float[Tensor, "m n"], after: Float[Tensor, "m n"]) -> bool:
    """Whether the tuned is the base rounded to the nearest place on a grid of up to 8 bits, on which the base is not.

    Half a step and no more between the two, but for one entry in a hundred, which formats may clip.
    """
    roundoff = precision.ROUNDOFF.get(str(after.dtype).removeprefix("torch."), 2.0**-24)
    found = grid.grid(after, roundoff)
    if found is None or grid.grid(before, roundoff) is not None:
        return False
    apart = (after.double() - before.double()).abs()
    there, gaps = (_lines(one, found.of) for one in (after.double(), apart))
    steps = [_step(line) for line in there]
    inside = sum(int((gap <= HALF_STEP * step).sum()) for gap, step in zip(gaps, steps, strict=True))
    return inside >= AGREE * apart.numel()


def _lines(matrix: Tensor, of: str) -> list[Tensor]:
    """The parts of a matrix that share a grid."""
    turned = matrix.mT if of == "column" or of.endswith("outputs") else matrix
    size = next((int(word) for word in of.split() if word.isdigit()), 0)
    if of == "tensor":
        return [matrix.flatten()]
    return list(torch.split(turned.flatten(), size) if size else turned)


def _step(line: Tensor) -> float:
    """The least distance of two values that rounding did not make."""
    apart = torch.diff(torch.sort(line).values)
    apart = apart[apart > 1e-4 * float(line.abs().max())]
    return float(apart.min()) if len(apart) else 0.0


def _is_permuted(before: Float[Tensor, "m n"], after: Float[Tensor, "m n"], rows: Sums, columns: Sums) -> bool:
    """Whether the same rows and columns stand in another order.

    Sums of squares of rows do not hang on the order of the columns, nor those of columns on that of the rows. Sorted by
    them, both matrices are one, but for equal rows, which are equal anyhow.
    """
    orders = []
    for lines in (rows, columns):
        one, other = (torch.sort(squares, stable=True) for squares in (lines.squares, lines.tuned))
        if not torch.allclose(one.values, other.values, rtol=CLOSE, atol=CLOSE * float(one.values[-1])):
            return False
        orders.append((one.indices, other.indices))
    (lines_before, ours), (columns_before, theirs) = orders
    agreement = float((before[lines_before][:, columns_before] == after[ours][:, theirs]).double().mean())
    return agreement >= AGREE and agreement > float((before == after).double().mean())


def _is_noise_added(before: Float[Tensor, "m n"], after: Float[Tensor, "m n"], rows: Sums) -> bool:
    """Whether the largest singular value of the update is that of independent entries: Marchenko and Pastur's edge.

    Training leaves directions far above it; equal singular values, as of an orthogonal update, lie far below.
    """
    norm, sides = math.sqrt(float(rows.update.sum())), before.shape
    if norm == 0.0 or min(sides) < SMALL:
        return False
    edge = sum(map(math.sqrt, sides)) / math.sqrt(math.prod(sides))
    update = torch.cat([((tuned - base) / norm).float() for base, tuned in blocks(before, after)])
    if not EDGE[0] * edge <= largest_by_power(update, EDGE[1] * edge) <= EDGE[1] * edge:
        return False
    zeroed = sum(int(((tuned == 0.0) & (base != 0.0)).sum()) for base, tuned in blocks(before, after))
    return zeroed < SPARSE * before.numel()


def largest_by_power(matrix: Float[Tensor, "m n"], enough: float = math.inf) -> float:
    """A lower bound on σ₁: exact where it stands alone, some percent low at the dense edge of noise.

    In float32, whose rounding is far below that. Ends where the bound is above `enough`.
    """
    random = torch.Generator().manual_seed(0)
    values = matrix.float()
    block = torch.randn(PROBES, matrix.shape[1], generator=random).to(matrix.device)
    for _ in range(STEPS + 1):
        images = values @ torch.linalg.qr(block.mT).Q
        bound = float(torch.linalg.matrix_norm(images, 2))
        if bound > enough:
            break
        block = images.mT @ values  # as rows: by columns this product takes seven times as long
    return bound
