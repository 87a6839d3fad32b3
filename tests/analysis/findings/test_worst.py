"""The sentence on a large model that says where to begin."""

from analysis.diagnostic import Finding, Measurement, Row, Severity
from analysis.findings.worst import LARGE, name_worst
from analysis.weight import WeightInfo


def row(depth: int, role: str = "up") -> Row:
    name = f"model.layers.{depth}.mlp.{role}_proj.weight"
    return Row(WeightInfo(name, name, 64, 64, 1, role, depth), (0,), Measurement({}))


def finding(*rows: Row, severity: Severity = Severity.BAD) -> Finding:
    return Finding(severity, "It is bad", "", tuple(one.weight.name for one in rows))


MODEL = [row(depth) for depth in range(LARGE)]


def test_a_small_model_and_a_sound_one_have_none() -> None:
    assert name_worst(MODEL[:-1], [finding(MODEL[0])]) == ""
    assert name_worst(MODEL, []) == ""
    assert name_worst(MODEL, [finding(*MODEL, severity=Severity.NOTE)]) == ""


def test_few_are_all_named() -> None:
    assert name_worst(MODEL, [finding(MODEL[7])]) == "Look at block 7 · MLP up."
    assert name_worst(MODEL, [finding(MODEL[7]), finding(MODEL[7], MODEL[2])]) == (
        "Look at block 7 · MLP up and block 2 · MLP up."
    )


def test_of_many_the_worst_three_are_named_and_all_are_counted_by_role() -> None:
    rows = [*MODEL, *(row(depth, role) for role in ("q", "k", "v", "o", "down") for depth in range(2))]
    warned, bad = finding(*rows[:9], severity=Severity.WARN), finding(rows[-1], rows[-3])
    assert name_worst(rows, [warned, bad]) == (
        "By role: 9 MLP up, 1 MLP down and 1 attention output. "
        "Worst: block 1 · MLP down, block 1 · attention output and block 0 · MLP up."
    )
    every = name_worst(rows, [finding(*rows)])
    assert every.startswith(f"By role: {LARGE} MLP up, 2 query, 2 key, 2 value and 4 of 2 more roles. Worst: ")
