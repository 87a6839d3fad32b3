"""Sentences that a table of exponents gives."""

import pytest

from analysis.diagnostic import Finding, Measurement, Row, Scalar, Severity, Table
from analysis.diagnostics.esd.diagnostic import ESD
from analysis.diagnostics.esd.summary import summarise, verdict
from analysis.names import depth_of, label_of, role_of
from analysis.weight import WeightInfo


def row(name: str, alpha: float | None, tail: int = 40, note: str | None = None) -> Row:
    info = WeightInfo(name, name, 100, 100, 1, role_of(name), depth_of(name))
    assert label_of(name, info.role, info.depth) == info.label
    values: dict[str, Scalar] = {"alpha": alpha, "num_pl_spikes": tail}
    if alpha is not None:
        sigma = (alpha - 1.0) / tail**0.5
        values |= {"sigma": sigma, "low_confidence": tail < 20, "warning": verdict(alpha)}
    return Row(info, (0,), Measurement(values, note=note))


def q(depth: int, alpha: float | None, tail: int = 40) -> Row:
    return row(f"encoder.layer.{depth}.attention.self.query.weight", alpha, tail)


def findings(*rows: Row) -> list[Finding]:
    return list(summarise(Table(ESD, rows)).findings)


@pytest.mark.parametrize(
    ("alpha", "said"),
    [(1.99, "over-trained"), (2.0, ""), (6.0, ""), (6.01, "under-trained")],
)
def test_verdict_is_weightwatchers(alpha: float, said: str) -> None:
    assert verdict(alpha) == said


def test_healthy_matrices_are_counted_in_words() -> None:
    summary = summarise(Table(ESD, tuple(q(d, 3.0 + d) for d in range(3))))
    assert summary.headline == "Well trained. 3 of 3 matrices have a healthy tail."
    assert summary.findings == ()
    assert summary.numbers["median_alpha"] == summary.numbers["mean_alpha"] == 4.0
    assert summary.numbers["sd_alpha"] == pytest.approx(1.0)
    assert summary.numbers["share_healthy"] == 1.0


def test_the_headline_names_what_lies_outside() -> None:
    summary = summarise(Table(ESD, (*(q(d, 3.0) for d in range(8)), q(8, 7.0), q(9, 8.0))))
    assert summary.headline == (
        "Mostly well trained. 8 of 10 matrices have a healthy tail. Outside it: query in blocks 8 and 9."
    )


@pytest.mark.parametrize(
    ("alphas", "opening"),
    [
        ([3.0, 9.0], "Partly well trained."),
        ([9.0, 9.0, 3.0], "Mostly under-trained."),
        ([1.5, 1.5, 3.0], "Mostly over-trained."),
    ],
)
def test_openings(alphas: list[float], opening: str) -> None:
    assert summarise(Table(ESD, tuple(q(d, a) for d, a in enumerate(alphas)))).headline.startswith(opening)


def test_one_role_is_one_finding_and_weak_evidence_is_said() -> None:
    found = findings(q(4, 8.44, tail=9), q(5, 7.8, tail=30))
    assert found[0].severity == Severity.WARN
    assert found[0].text == "Query looks under-trained in blocks 4 and 5"
    assert found[0].why == "α 8.4 and 7.8. Block 4 rests on 9 eigenvalues: read it as high, not as a number."
    assert set(found[0].weights) == {f"encoder.layer.{d}.attention.self.query.weight" for d in (4, 5)}
    assert found[1].text == "1 of 2 fits rests on little"


def test_two_standard_errors_outside_are_more_than_a_suspicion() -> None:
    (found,) = findings(row("pooler.dense.weight", 12.4, tail=100))
    assert (found.severity, found.text) == (Severity.BAD, "Pooler is under-trained")


def test_heavy_tails_and_the_usual_one() -> None:
    heavy, usual = findings(q(1, 1.9, tail=20), row("embeddings.position_embeddings.weight", 1.6))
    assert (heavy.severity, heavy.text) == (Severity.WARN, "Query has a very heavy tail in block 1")
    assert (usual.severity, usual.text) == (Severity.NOTE, "Position embedding has a very heavy tail")
    assert "Usual for smooth position tables." in usual.why


def test_many_blocks_are_drawn_together() -> None:
    found = findings(*(q(d, 7.0 + 0.5 * d, tail=15) for d in range(6)))
    assert found[0].text == "Query looks under-trained in blocks 0–5"
    assert found[0].why.startswith("α from 7.0 to 9.5. 6 of them rest on few eigenvalues")


def test_what_has_no_fit_is_said_with_its_reason() -> None:
    (found,) = findings(row("head.weight", None, note="2 eigenvalues; a tail needs 8"))
    assert found.text == "1 matrix has no tail fit"
    assert found.why == "Output head: 2 eigenvalues; a tail needs 8."
    summary = summarise(Table(ESD, (row("head.weight", None, note="x"),)))
    assert summary.headline == "No matrix has a tail to fit."
    assert summary.numbers["median_alpha"] is None


def test_an_empty_table() -> None:
    assert summarise(Table(ESD, ())).headline == "No matrix has a tail to fit."
