"""Findings on all matrices of a block are one finding, and those of single matrices stay as they are."""

from collections.abc import Sequence

import pytest

from analysis.diagnostic import Finding, Measurement, Row, Severity
from analysis.finding import Cause
from analysis.findings import causes
from analysis.findings.whole_blocks import join_blocks
from analysis.weight import WeightInfo

ROLES = ("q", "k", "v", "o")


def row(depth: int | None, role: str) -> Row:
    name = "lm_head.weight" if depth is None else f"model.layers.{depth}.self_attn.{role}_proj.weight"
    return Row(WeightInfo(name, name, 64, 64, 1, role, depth), (0,), Measurement({}))


ROWS = [*(row(depth, role) for depth in range(4) for role in ROLES), row(None, "head")]


def finding(
    row: Row, cause: Cause = causes.RANDOM, severity: Severity = Severity.BAD, times: float | None = None
) -> Finding:
    evidence = {"rms": 1.0} | ({} if times is None else {"times": times})
    return Finding(severity, f"{row.weight.name} is odd", "Nothing is seen.", (row.weight.name,), evidence, cause)


def block(depth: int, *roles: str, cause: Cause = causes.RANDOM) -> list[Finding]:
    return [finding(one, cause) for one in ROWS if one.weight.depth == depth and one.weight.role in roles]


def texts(findings: Sequence[Finding]) -> list[str]:
    return [one.text for one in join_blocks(findings, ROWS)]


def test_a_block_is_one_finding_with_its_parts() -> None:
    other = Finding(Severity.WARN, "another", "", ("lm_head.weight",), {}, causes.OUTLIER)
    findings = [other, *block(2, *ROLES)]
    kept, found = join_blocks(findings, ROWS)
    assert kept is other
    assert found.text == "All 4 matrices of block 2 look like a random initialisation"
    assert found.why == (
        "Query projection (q_proj), key projection (k_proj), value projection (v_proj) and attention output projection "
        "(o_proj). Of the first: nothing is seen."
    )
    assert (found.severity, found.cause) == (Severity.BAD, causes.RANDOM)
    assert found.parts == tuple(findings[1:])
    assert found.weights == tuple(part.weights[0] for part in found.parts)
    assert found.evidence["model.layers.2.self_attn.k_proj.weight.rms"] == 1.0


def test_several_blocks_are_one_finding() -> None:
    found = texts([*block(1, *ROLES), *block(2, *ROLES)])
    assert found == ["All 8 matrices of blocks 1 and 2 look like a random initialisation"]


def test_one_matrix_in_four_may_be_fine() -> None:
    assert texts(block(2, "q", "k", "v")) == ["3 of 4 matrices of block 2 look like a random initialisation"]


@pytest.mark.parametrize(
    "findings",
    [
        block(2, "q", "k"),
        [*block(2, "q", "k"), *block(2, "v", "o", cause=causes.ZERO)],
        [*block(1, "q"), *block(2, "k"), *block(3, "v")],
        [finding(one, severity=Severity.NOTE) for one in ROWS[8:12]],
        [finding(one, causes.OUTLIER) for one in ROWS[8:12]],
        [finding(one, causes.SCALE, times=times) for one, times in zip(ROWS[8:12], (3.0, 0.3, 3.0, 0.3), strict=True)],
        [Finding(Severity.BAD, "x", "", tuple(one.weight.name for one in ROWS[8:12]), {}, causes.RANDOM)],
    ],
    ids=["half", "two causes", "three blocks", "notes", "outliers", "larger and smaller", "one finding already"],
)
def test_others_stay_as_they_are(findings: list[Finding]) -> None:
    assert join_blocks(findings, ROWS) == findings


def test_a_finding_that_reaches_into_another_block_is_not_joined() -> None:
    wide = Finding(Severity.BAD, "x", "", (ROWS[0].weight.name, ROWS[8].weight.name), {}, causes.RANDOM)
    findings = [wide, *block(2, "k", "v", "o")]
    assert join_blocks(findings, ROWS) == findings


@pytest.mark.parametrize(
    ("times", "text"),
    [((90.0, 99.0, 100.0, 95.0), "90.0 to 100 times as large as"), ((0.1, 0.1, 0.1, 0.1), "10.0 times smaller than")],
)
def test_scales_have_their_range(times: tuple[float, ...], text: str) -> None:
    (found,) = texts(
        [finding(one, causes.SCALE, Severity.WARN, ratio) for one, ratio in zip(ROWS[8:12], times, strict=True)]
    )
    assert found == f"All 4 matrices of block 2 are {text} their siblings"


def test_a_block_that_repeats_another() -> None:
    pairs = [(ROWS[at].weight.name, ROWS[at + 4].weight.name) for at in range(4, 8)]
    copies = [Finding(Severity.WARN, "x", "", pair, {"cosine": 1.0}, causes.COPY) for pair in pairs]
    assert texts(copies) == ["All 8 matrices of blocks 1 and 2 are copies of each other"]
    near = Finding(Severity.WARN, "x", "", pairs[0], {"cosine": 0.99}, causes.COPY)
    assert texts([near, *copies[1:]]) == ["All 8 matrices of blocks 1 and 2 are copies of each other, or nearly"]
