"""Reports: what the service shows of a finished run is what the analysis finds in the same file."""

from pathlib import Path

import numpy as np
import pytest

from analysis.diagnostic import Column, Diagnostic, Finding, Measurement, Row, Scope, Severity, Summary, Table
from analysis.diagnostics import requests
from analysis.formats import open_checkpoint
from analysis.report import analyze
from analysis.weight import WeightInfo
from app import leases, reports, units
from app.errors import NotFound
from app.models import Result, Unit
from tests.service import Service, model


def test_the_report_of_a_run_is_the_report_of_the_command_line(analysed: Service, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(model())
    expected = analyze(open_checkpoint([path]), requests()).to_json()
    assert analysed.get("/api/v1/runs/1/report") == expected
    assert expected["coverage"]["analysed"] == 5


def test_a_diagnostic_that_was_not_asked_for_has_no_table(service: Service) -> None:
    service.upload(model())
    service.run(1, diagnostics={"norms": {}})
    with service.database.reading() as session:
        assert reports.table(session, 1, "norms").rows == ()
        with pytest.raises(NotFound, match="it has: norms"):
            reports.table(session, 1, "esd")
        with pytest.raises(NotFound):
            reports.report(session, 2)


def test_only_the_weight_that_is_looked_at_brings_its_curves(analysed: Service) -> None:
    name = "model.layers.1.mlp.up_proj.weight"
    with analysed.database.reading() as session:
        rows = {row.weight.name: row for row in reports.table(session, 1, "esd", curves_of=name).rows}
    eigenvalues = rows[name].measurement.curves["eigenvalues"]
    assert eigenvalues.dtype == np.float32
    assert len(eigenvalues) == 24
    assert (np.diff(eigenvalues) >= 0).all()
    assert all(not row.measurement.curves for other, row in rows.items() if other != name)


def test_a_second_delivery_changes_nothing(service: Service) -> None:
    service.upload(model())
    service.run(1)
    service.work()
    before = service.get("/api/v1/runs/1/report")
    with service.database.writing() as session:
        again = session.get_one(Unit, 1)
        again.done, again.state = 0, Unit.WAITING
        count = session.query(Result).count()
    service.hands.send("analyse", 1)
    service.work()
    with service.database.reading() as session:
        assert session.query(Result).count() == count
    assert service.get("/api/v1/runs/1/report") == before


def test_rows_of_a_lease_that_was_lost_are_not_kept(service: Service) -> None:
    service.upload(model())
    service.run(1)
    service.hands.sent.clear()
    _ingest(service)
    with service.database.writing() as session:
        unit = units.claim(session, service.settings, 1, "cpu")
        assert unit is not None
        claimed = unit.claim
    service.client.post("/api/v1/runs/1/cancel")
    with service.database.writing() as session, pytest.raises(leases.LeaseLost):
        reports.record(session, 1, claimed, [])


def test_coverage_says_what_is_not_there_yet_and_what_never_will_be(service: Service) -> None:
    service.upload(model())
    service.run(1)
    _ingest(service)
    skipped = _skipped(service)
    assert skipped["model.embed_tokens.weight"] == reports.NOT_YET
    service.client.post("/api/v1/runs/1/cancel")
    assert _skipped(service)["model.embed_tokens.weight"] == reports.STOPPED
    assert "bias" in _skipped(service)["model.layers.0.mlp.up_proj.bias"]


def test_coverage_gives_the_reason_of_a_unit_that_failed(service: Service) -> None:
    service.upload(model())
    service.run(1)
    _ingest(service)
    with service.database.writing() as session:
        unit = units.claim(session, service.settings, 1, "cpu")
        assert unit is not None
        units.give_up(session, unit, "out of memory")
    service.work()
    assert _skipped(service)["model.embed_tokens.weight"] == "out of memory"
    assert service.get("/api/v1/runs/1")["state"] == "done"
    assert service.get("/api/v1/runs/1/report")["coverage"]["analysed"] == 4


def test_two_checkpoints_share_one_report(service: Service) -> None:
    service.upload(model(1))
    service.upload(model(2))
    service.run(1, 2)
    service.work()
    report = service.get("/api/v1/runs/1/report")
    assert [row["group"] for row in report["tables"]["norms"]] == [[0]] * 3 + [[1]] * 5
    assert report["coverage"]["tensors"] == 4 + 7


def test_only_new_rows_are_news(analysed: Service) -> None:
    with analysed.database.reading() as session:
        everything = reports.since(session, 1, set())
        assert len(everything) == 10
        heard = set(list(everything)[:-1])
        assert list(reports.since(session, 1, heard).values()) == [everything[max(everything)]]


def test_names_longer_than_an_index_entry_get_digests() -> None:
    def digest(tensor: str, name: str) -> str:
        return reports.weight_digest(WeightInfo(name, tensor, 2, 2, 1, "other", None))

    assert len(digest("x" * 65_536, "x" * 65_536)) == 32
    assert digest("\ud800", "\ud800") != digest("?", "?")
    assert digest("experts.w", "experts.0.w") != digest("experts.0.w", "experts.0.w")


def _ingest(service: Service) -> None:
    from workers.intake import ingest_checkpoint

    service.hands.sent.clear()
    ingest_checkpoint(service.database, service.storage, service.settings, 1)
    service.hands.sent = [task for task in service.hands.sent if task[0] == "analyse"]


def _skipped(service: Service) -> dict[str, str]:
    left = service.get("/api/v1/runs/1/report")["coverage"]["skipped"]
    return {each["tensor"]: each["reason"] for each in left}


def test_the_curves_of_a_weight_are_known_by_name(analysed: Service) -> None:
    with analysed.database.reading() as session:
        found = reports.curve_names(session, 1, "model.layers.1.mlp.up_proj.weight", 0)
        assert {("esd", "eigenvalues"), ("esd", "candidate_D")} <= found
        assert reports.curve_names(session, 1, "model.layers.1.mlp.up_proj.weight", 1) == frozenset()
        assert reports.curve_names(session, 1, "nobody", 0) == frozenset()


def test_only_the_columns_that_are_given_flag() -> None:
    column = Column("a", "A", "", healthy=(2.0, 6.0))
    summary = Summary("", {}, (Finding(Severity.WARN, "", "", ("warned",)),))
    known = Diagnostic("d", "D", Scope.ONE, "", "", (column,), lambda weights, options: Measurement({}),
                       lambda table: summary)  # fmt: skip
    rows = tuple(
        Row(WeightInfo(name, name, 2, 2, 1, "other", None), (0,), Measurement({"a": value}))
        for name, value in (("out", 9.0), ("in", 3.0), ("warned", 3.0))
    )
    assert reports.flagged(Table(known, rows)) == {"out", "warned"}
    assert reports.flagged(Table(known, rows), ()) == {"warned"}
