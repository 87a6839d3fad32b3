"""NaN in biases and norms stands at the head of a report."""

from analysis.diagnostic import Finding, Severity, Summary
from analysis.findings.vectors import add_gains, add_identities, add_vectors, finding_of
from analysis.tensors.gains import describe_ratio


def test_a_broken_bias_is_said_first() -> None:
    note = Finding(Severity.NOTE, "t", "w")
    found = add_vectors({"entries": Summary("No fault found.", {}, (note,)), "esd": Summary("E.", {})}, ["a.bias"])
    assert found["entries"].headline == "1 bias, norm or other parameter holds NaN or infinity. No fault found."
    assert [finding.severity for finding in found["entries"].findings] == [Severity.BAD, Severity.NOTE]
    assert found["entries"].findings[0].text == "a.bias holds values that are NaN or infinite"
    assert found["esd"].headline == "E."


def test_several_are_counted_and_three_are_named() -> None:
    finding = finding_of(("a", "b", "c", "d", "e"))
    assert finding.text == "a, b, c and 2 more hold values that are NaN or infinite"
    found = add_vectors({"esd": Summary("E.", {})}, "abcde")
    assert found["esd"].headline == "5 biases, norms or other parameters hold NaN or infinity. E."


def test_nothing_broken_changes_nothing() -> None:
    summaries = {"esd": Summary("E.", {})}
    assert add_vectors(summaries, ()) == summaries
    assert add_vectors({}, ["a"]) == {}


def test_of_several_checkpoints_it_says_whose() -> None:
    found = add_vectors({"update": Summary("U.", {})}, ["a.bias"], "tuned")
    assert found["update"].headline == "tuned: 1 bias, norm or other parameter holds NaN or infinity. U."
    assert found["update"].findings[0].text == "tuned: a.bias holds values that are NaN or infinite"


def test_identities_are_a_note_and_nothing_of_training() -> None:
    found = add_identities({"entries": Summary("E.", {})}, ("a", "b"))
    (note,) = found["entries"].findings
    assert (note.severity, note.text) == (Severity.NOTE, "a and b are multiples of the identity")
    assert add_identities({"entries": Summary("E.", {})}, ()) == {"entries": Summary("E.", {})}


def test_a_gain_of_zeros_is_a_warning_and_another_size_a_note() -> None:
    note = Finding(Severity.NOTE, "t", "w")
    odd = {"a.norm.weight": describe_ratio(0.0), "b.norm.weight": describe_ratio(40.0)}
    found = add_gains({"entries": Summary("No fault found.", {}, (note,)), "esd": Summary("E.", {})}, odd)
    assert found["entries"].headline == "1 norm has a gain of zero. No fault found."
    first, _, last = found["entries"].findings
    assert first.severity is Severity.WARN
    assert first.text == "a.norm.weight is all zeros, unlike that norm in other blocks"
    assert (last.severity, last.weights) == (Severity.NOTE, ("b.norm.weight",))
    assert last.text == "b.norm.weight is 40 times the largest gain of the same norm in other blocks"
    assert found["esd"].findings == ()


def test_a_gain_of_another_size_alone_leaves_the_headline() -> None:
    found = add_gains({"entries": Summary("E.", {})}, {"b.norm.weight": describe_ratio(0.01)}, "tuned")
    assert found["entries"].headline == "E."
    assert found["entries"].findings[0].text.startswith("tuned: b.norm.weight is 0.01 times the least gain of ")
    assert add_gains({"entries": Summary("E.", {})}, {}) == {"entries": Summary("E.", {})}
