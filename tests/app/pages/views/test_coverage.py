from analysis.coverage import Coverage, Skipped
from app.pages.views.coverage import LISTED, coverage_view
from app.runs.reports import NOT_YET


def covered(*reasons: str) -> Coverage:
    skipped = tuple(Skipped(str(i), (4,), reason) for i, reason in enumerate(reasons))
    return Coverage(len(reasons) + 1, 1, 1000, 999, skipped)


def test_what_was_left_out_is_told_by_reason() -> None:
    found = coverage_view(covered("flat", "flat", "empty"), moving=False)
    assert (found.reasons, found.coming, found.more) == ("2 × flat; 1 × empty", 0, 0)
    assert coverage_view(covered(*"abcdef"), moving=False).reasons == "1 × a; 1 × b; 1 × c; 3 other reasons"


def test_what_a_running_run_has_not_reached_is_still_to_come() -> None:
    found = coverage_view(covered(NOT_YET, "flat", NOT_YET), moving=True)
    assert (found.coming, found.reasons) == (2, "1 × flat")
    assert [skipped.reason for skipped in found.skipped] == ["flat"]


def test_a_long_list_ends_with_how_many_more() -> None:
    found = coverage_view(covered(*["flat"] * (LISTED + 7)), moving=False)
    assert (len(found.skipped), found.more) == (LISTED, 7)
