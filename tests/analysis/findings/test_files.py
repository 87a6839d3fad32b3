"""What is odd about the files is said behind the findings about the model."""

from analysis.diagnostic import Finding, Severity, Summary
from analysis.facts import EXTRA_TENSORS, FILE_NOTES, LINKS
from analysis.findings.files import WHY, add_files

FOUND = {"entries": Summary("E.", {}, (Finding(Severity.BAD, "t", "w"),)), "esd": Summary("S.", {})}


def test_a_note_about_the_file_is_the_last_finding() -> None:
    found = add_files(FOUND, [{EXTRA_TENSORS: "the index does not name 1 tensor (a)", "epoch": 3}])
    assert [finding.text for finding in found["entries"].findings] == ["t", "The index does not name 1 tensor (a)"]
    assert found["entries"].findings[1].severity is Severity.NOTE
    assert found["esd"] == FOUND["esd"]


def test_of_several_checkpoints_the_note_names_its_own() -> None:
    found = add_files(FOUND, [{}, {LINKS: "the zip marks 1 member (x) as a link"}], ["base", "tuned"])
    assert found["entries"].findings[1].text == "tuned: the zip marks 1 member (x) as a link"


def test_without_notes_nothing_changes() -> None:
    assert add_files(FOUND, [{"epoch": 3, LINKS: 4}]) == FOUND
    assert add_files({}, [{LINKS: "x"}]) == {}


def test_each_note_says_why() -> None:
    assert set(WHY) == set(FILE_NOTES)
