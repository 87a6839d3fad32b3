"""Where the leading singular vectors live: spread over all inputs and outputs, or on a few.

A singular vector of noise spreads over a third of its coordinates; one that sits on a few names the outputs or inputs
that rule the weight, such as outlier channels and rare tokens (Martin and Mahoney, JMLR 22, 2021, section 3.4: vector
localisation).
"""

import math
from collections.abc import Sequence
from statistics import median

import numpy as np

from analysis.diagnostic import (
    Column,
    Diagnostic,
    Finding,
    Measurement,
    Option,
    Options,
    Row,
    Scalar,
    Scope,
    Severity,
    Summary,
    Table,
)
from analysis.diagnostics.options import single
from analysis.figure import ByDepth, Figure, Heatmap, Line
from analysis.findings.causes import READING
from analysis.findings.subjects import evidence, group_alike, names, number, subject, unmeasured_findings, worst_first
from analysis.findings.wording import quantity
from analysis.linalg.kernels import mirror
from analysis.linalg.lanczos import leading
from analysis.linalg.spectrum import blocks, scaled_gram
from analysis.runtime.pytorch import Tensor, torch
from analysis.runtime.shapes import Float, Float64
from analysis.weight import Weight

FULL = 512  # eigenvalues up to which the whole decomposition is as fast
STEPS, TOLERANCE = 160, 1e-8  # of Lanczos beyond, and its residual over λ₁
NAMED = 16  # coordinates below which half of a vector on one of them says nothing
LOCAL = 0.5  # of a vector's square on one coordinate: more than all others together
ZERO = "the matrix is zero"

LEADING = Option(
    "leading", 10, "How many of the largest singular values' vectors to look at.", minimum=1.0, maximum=64.0
)


def _columns(side: str, what: str) -> tuple[Column, ...]:
    return (
        Column(
            f"{side}_participation",
            f"Spread, first {what}",
            f"Share of the {what}s that take part in the first singular vector, 1/(n Σv⁴). Near 1/3 as in noise; low "
            f"where a few {what}s rule; 1 where all weigh the same.",
            absent=ZERO,
        ),
        Column(
            f"{side}_least",
            f"Spread, least {what}",
            f"The least such share among the leading vectors. Low: one of them sits on a few {what}s.",
            absent=ZERO,
        ),
        Column(
            f"{side}_least_at",
            "Which vector",
            f"Which leading vector that is, 1 for that of σ₁. A place: high only means that a weaker direction sits on "
            f"a few {what}s.",
            kind="integer",
            absent=ZERO,
        ),
        Column(
            f"{side}_peak",
            f"Peak {what}",
            f"Largest share that a single {what} has of a leading vector, 0 to 1. Above 0.5 that vector is all but one "
            f"{what}.",
            absent=ZERO,
            usual=(0.0, LOCAL),
        ),
        Column(
            f"{side}_peak_at",
            f"Which {what}",
            f"Index of that {what}, from 0. A place, not a quantity: high is no better than low.",
            kind="integer",
            absent=ZERO,
        ),
        Column(
            f"{side}_spread",
            f"Spread of {what}s",
            f"The share for each leading vector, that of σ₁ first; low where few {what}s rule.",
            kind="curve",
            absent=ZERO,
        ),
    )


COLUMNS = (
    *_columns("left", "output"),
    *_columns("right", "input"),
    Column("vectors", "Vectors", "How many leading vectors were looked at; more reach further down.", kind="integer"),
    Column("order", "Vector", "1 for the largest singular value, higher for smaller ones.", kind="curve", absent=ZERO),
)


def compute(weights: Sequence[Weight], options: Options) -> Measurement:
    (weight,) = weights
    if weight.spectrum.largest == 0.0:
        return Measurement({"vectors": 0}, note=ZERO)
    left, right = singular_vectors(strongest(weight), options.integer("leading"))
    values: dict[str, Scalar] = {"vectors": left.shape[1]}
    curves = {"order": single(np.arange(1.0, left.shape[1] + 1.0))}
    for side, vectors in (("left", left), ("right", right)):
        shares = np.square(vectors)  # (m, v) or (n, v), columns of sum 1
        spread = participation(shares)
        place, peak = divmod(int(np.argmax(shares)), shares.shape[1])[0], float(shares.max())
        values |= {f"{side}_participation": float(spread[0]), f"{side}_least": float(spread.min())}
        values |= {f"{side}_least_at": int(np.argmin(spread)) + 1}
        values |= {f"{side}_peak": peak, f"{side}_peak_at": place}
        curves[f"{side}_spread"] = single(spread)
    return Measurement(values, curves)


def strongest(weight: Weight) -> Float[Tensor, "m n"]:
    """The matrix, or of a convolution the kernel position with the largest singular value."""
    return weight.slices[int(np.argmax(weight.spectrum.slices[:, -1]))]


def participation(shares: Float64[np.ndarray, "n v"]) -> Float64[np.ndarray, " v"]:
    """1 / (n Σ p²) of the shares p of each vector: 1/n where one coordinate has all, 1 where all have the same."""
    spread: Float64[np.ndarray, " v"] = 1.0 / (len(shares) * np.square(shares).sum(axis=0))
    return spread


def singular_vectors(
    matrix: Float[Tensor, "m n"], count: int
) -> tuple[Float64[np.ndarray, "m v"], Float64[np.ndarray, "n v"]]:
    """Left and right vectors of the largest singular values, in columns, fewer where the rest of them are nearly 0.

    By the Gram matrix of the smaller side, whose leading vectors are good to rounding over their gaps.
    """
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    steps = tall.shape[1] if tall.shape[1] <= FULL else STEPS
    gram, exponent = scaled_gram(tall)
    values, short = leading(mirror(gram), min(count, tall.shape[1]), steps, TOLERANCE)
    short = short[:, values > 1e-12 * values[0]] * math.ldexp(1.0, -exponent)
    long, short = images(tall, short), short / short.norm(dim=0)
    sides = (long / long.norm(dim=0)).cpu().numpy(), short.cpu().numpy()
    return sides if tall is matrix else sides[::-1]


def images(tall: Float[Tensor, "n k"], short: Float64[Tensor, "k v"]) -> Float64[Tensor, "n v"]:
    """W v by rows in float64, in place: results kept between blocks leave holes of a block's size in memory."""
    long, row = short.new_empty(len(tall), short.shape[1]), 0
    for (block,) in blocks(tall[None]):
        torch.matmul(block.to(torch.float64), short, out=long[row : row + len(block)])
        row += len(block)
    return long


def summarise(table: Table) -> Summary:
    rows = [row for row in table.rows if row.value("left_peak") is not None]
    numbers: dict[str, Scalar] = {
        "measured": len(rows),
        "local_outputs": len(_local(rows, "left")),
        "local_inputs": len(_local(rows, "right")),
        "median_left_participation": median(table.numbers("left_participation")) if rows else None,
        "median_right_participation": median(table.numbers("right_participation")) if rows else None,
    }
    findings = [
        _finding(group, side, what)
        for side, what in (("left", "output"), ("right", "input"))
        for group in group_alike(_local(rows, side))
    ]
    missing = unmeasured_findings(table.rows, "left_peak", "singular vectors")
    return Summary(_headline(numbers), numbers, worst_first([*findings, *missing]))


def _local(rows: Sequence[Row], side: str) -> list[Row]:
    """Rows with a leading vector on a single one of many outputs (left) or inputs (right)."""
    return [
        row
        for row in rows
        if number(row, f"{side}_peak") > LOCAL and (row.weight.rows if side == "left" else row.weight.columns) >= NAMED
    ]


def _finding(rows: Sequence[Row], side: str, what: str) -> Finding:
    top = max(rows, key=lambda row: number(row, f"{side}_peak"))
    place, peak = number(top, f"{side}_peak_at"), number(top, f"{side}_peak")
    has = "has a leading vector" if len(rows) == 1 else "have leading vectors"
    why = (
        f"{top.weight.label}: {what} {place:.0f} makes up {peak:.0%} of one. Such a row or column is far larger than "
        "the others; rounding to few bits hurts it first."
    )
    columns = (f"{side}_peak", f"{side}_peak_at", f"{side}_least")
    text = f"{subject(rows)} {has} on a single {what}"
    return Finding(Severity.NOTE, text, why, names(rows), evidence(rows, *columns), READING)


def _headline(numbers: dict[str, Scalar]) -> str:
    count = int(numbers["measured"] or 0)
    if not count:
        return "No matrix has singular vectors."
    local = max(int(numbers["local_outputs"] or 0), int(numbers["local_inputs"] or 0))
    noun = quantity(count, "matrix", "matrices")
    return (
        f"{local} of {noun} have a leading vector on a single output or input."
        if local
        else (f"The leading vectors of {noun} spread over many outputs and inputs.")
    )


VECTORS = Diagnostic(
    name="vectors",
    title="Leading vectors",
    scope=Scope.ONE,
    reference="Martin and Mahoney, JMLR 22, 2021, section 3.4",
    description="Whether the directions that each weight amplifies most spread out or sit on single outputs or inputs.",
    columns=COLUMNS,
    compute=compute,
    summarise=summarise,
    options=(LEADING,),
    figures=(
        Figure(
            "outputs-by-depth",
            "Most local output vector by depth",
            "Largest share of a single output in a leading vector. Near 1: one row rules.",
            ByDepth(y="left_peak"),
        ),
        Figure(
            "inputs-by-role",
            "Most local input vector by block and role",
            "Largest share of a single input in a leading vector. Near 1: one column rules.",
            Heatmap(color="right_peak"),
        ),
        Figure(
            "spread",
            "Spread of the leading vectors",
            "Share of the outputs that take part in each leading vector. A third is noise. Marked: the least.",
            Line(x="order", y="left_spread", x0="left_least_at", y0="left_least"),
        ),
    ),
    caveat="Compared with noise, whose vectors spread. A vector on few outputs or inputs is a place to look at, "
    "and no fault by itself.",
)
