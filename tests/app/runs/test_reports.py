"""Reports: what the service shows of a finished run is what the analysis finds in the same file."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from analysis.diagnostic import Column, Diagnostic, Finding, Measurement, Row, Scope, Severity, Summary, Table
from analysis.diagnostics import requests
from analysis.engine.comparison import compare
from analysis.engine.single import analyze
from analysis.formats import open_checkpoint
from analysis.weight import WeightInfo
from app.errors import NotFound
from app.models import Checkpoint, Result, Unit
from app.runs import reports
from app.work import leases, units
from tests import comparisons as made
from tests import families
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
        rows = {row.weight.name: row for row in reports.table(session, 1, "esd", curves_of=(name,)).rows}
    eigenvalues = rows[name].measurement.curves["eigenvalues"]
    assert eigenvalues.dtype == np.float32
    assert len(eigenvalues) == 24
    assert (np.diff(eigenvalues) >= 0).all()
    assert all(not row.measurement.curves for other, row in rows.items() if other != name)


def test_the_tables_of_a_report_share_their_weights(analysed: Service) -> None:
    """Each weight is read once, not once for each table."""
    with analysed.database.reading() as session:
        first, *others = reports.report(session, 1).tables
        alone = reports.table(session, 1, first.diagnostic.name)
    weights = {row.weight.name: row.weight for row in first.rows}
    assert others
    assert all(weights.get(row.weight.name, row.weight) is row.weight for table in others for row in table.rows)
    assert [row.weight for row in alone.rows] == [row.weight for row in first.rows]
    assert alone.rows[0].weight is not first.rows[0].weight


def test_a_second_delivery_changes_nothing(service: Service) -> None:
    service.upload(model())
    service.run(1)
    service.work()
    before = service.get("/api/v1/runs/1/report")
    with service.database.writing() as session:
        again = session.get_one(Unit, 1)
        again.done, again.state = 0, Unit.WAITING
        count = session.query(Result).count()
    service.workers.send("analyse", 1)
    service.work()
    with service.database.reading() as session:
        assert session.query(Result).count() == count
    assert service.get("/api/v1/runs/1/report") == before


def test_rows_of_a_lease_that_was_lost_are_not_kept(service: Service) -> None:
    service.upload(model())
    service.run(1)
    service.workers.sent.clear()
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
    run = service.get("/api/v1/runs/1")
    assert (run["state"], run["reason"]["code"]) == ("done", "incomplete"), "done, and not plainly so"
    assert run["reason"]["message"] == "1 tensor was not measured. First reason: out of memory"
    assert service.get("/api/v1/runs/1/report")["coverage"]["analysed"] == 4


def test_a_commit_whose_answer_was_lost_is_not_counted_twice(service: Service) -> None:
    service.upload(model())
    service.run(1)
    _ingest(service)
    with service.database.writing() as session:
        unit = units.claim(session, service.settings, 1, "cpu")
        assert unit is not None
        claimed = unit.claim
    for _ in range(2):
        with service.database.writing() as session:
            reports.record(session, 1, claimed, [[]], done=0)
    with service.database.reading() as session:
        assert session.get_one(Unit, 1).done == 1


def test_two_checkpoints_share_one_report(service: Service) -> None:
    service.upload(model(1))
    service.upload(model(2))
    service.run(1, 2, diagnostics={"norms": {}})
    service.work()
    report = service.get("/api/v1/runs/1/report")
    assert [row["group"] for row in report["tables"]["norms"]] == [[0]] * 3 + [[1]] * 5
    assert report["coverage"]["tensors"] == 4 + 7
    assert report["coverage"]["analysed"] == 3 + 5
    assert report["checkpoints"] == ["model.safetensors", "model.safetensors (2)"]


ASKED: list[dict[str, dict[str, object]] | None] = [None, {"esd": {}, "update": {}, "norms": {}}]


@pytest.mark.parametrize("asked", ASKED)
def test_the_report_of_a_comparison_is_the_report_of_the_command_line(
    service: Service, tmp_path: Path, asked: dict[str, dict[str, object]] | None
) -> None:
    files = {"base": made.model(made.base()), "lora": made.adapter(), "full": made.model(made.full())}
    for name, content in files.items():
        service.send(name, content)
    service.run(1, 2, 3, diagnostics=asked)
    service.work()
    opened = [open_checkpoint([path]) for path in made.write(tmp_path, **files)]
    expected = compare(opened, requests(asked, 3), list(files)).to_json()
    found = service.get("/api/v1/runs/1/report")
    assert found == json.loads(json.dumps(expected))
    assert found["coverage"]["analysed"] > 0
    progress = service.get("/api/v1/runs/1")["progress"]
    assert progress["total"] == 5 + (asked is not None)  # the base's matrices, and the head that only one has


def test_norms_and_biases_are_compared_in_the_service(service: Service, tmp_path: Path) -> None:
    """By digest, with the words of the command line, which compares values."""
    moved = made.base() | {made.LEFT_OUT: made.base()[made.LEFT_OUT] + 0.1}
    trained = made.base() | {made.QUERY: made.base()[made.QUERY] + 0.1 * torch.ones(made.WIDTH, 1)}
    states = {"base": made.base(), "copy": made.base(), "bias": moved, "step 1": trained, "step 2": trained}
    files = {name: made.model(state) for name, state in states.items()}
    for name, content in files.items():
        service.send(name, content)
    service.run(1, 2, 3, 4, 5, diagnostics={"update": {}})
    service.work()
    opened = [open_checkpoint([path]) for path in made.write(tmp_path, **files)]
    found = service.get("/api/v1/runs/1/report")
    assert found == json.loads(json.dumps(compare(opened, requests({"update": {}}, 5), list(files)).to_json()))
    said = {finding["cause"]: finding for finding in found["findings"] if finding["cause"] != "frozen"}
    assert said["same"]["text"].startswith("copy is identical to base in 5 matrices and 2 other tensors")
    assert said["vectors-only"]["text"] == "bias changed 1 other tensor and none of 5 matrices"
    assert said["vectors-only"]["weights"] == [made.LEFT_OUT]
    assert said["repeated-step"]["text"] == "step 1 and step 2 are the same in 5 matrices"
    assert said["repeated-step"]["why"].endswith("So are all other tensors.")


def test_a_rewritten_adapter_keeps_its_config(service: Service, tmp_path: Path) -> None:
    """A .bin becomes safetensors at the ingest; what it means still stands in the file beside it."""
    torch.save(made.factors(), tmp_path / "adapter_model.bin")
    lora = {"adapter_model.bin": (tmp_path / "adapter_model.bin").read_bytes(), "adapter_config.json": made.config()}
    service.send("base", made.model(made.base()))
    service.send("lora", lora)
    service.run(1, 2)
    service.work()
    assert service.get("/api/v1/runs/1")["state"] == "done"
    rows = service.get("/api/v1/runs/1/report")["tables"]["update"]
    assert len(rows) == made.BLOCKS
    assert all(row["rank"] == made.RANK for row in rows)


def test_rows_of_more_than_ten_checkpoints_stay_in_order(service: Service) -> None:
    for _ in range(12):
        service.upload(model(1))
    service.run(*range(1, 13), diagnostics={"norms": {}})
    service.work()
    groups = [row["group"][0] for row in service.get("/api/v1/runs/1/report")["tables"]["norms"]]
    assert groups == sorted(groups)
    assert set(groups) == set(range(12))


def test_coverage_of_a_comparison_says_what_is_not_there_yet(service: Service) -> None:
    service.send("base", made.model(made.base()))
    service.send("full", made.model(made.full()))
    service.run(1, 2)
    for checkpoint in (1, 2):
        _ingest(service, checkpoint)
    base, full = service.get("/api/v1/runs/1/report")["coverage"]["checkpoints"]
    assert {each["reason"] for each in base["skipped"] if each["tensor"] == made.QUERY} == {reports.NOT_YET}
    assert {each["reason"] for each in full["skipped"] if each["tensor"] == f"bert.{made.QUERY}"} == {reports.NOT_YET}
    service.client.post("/api/v1/runs/1/cancel")
    base, full = service.get("/api/v1/runs/1/report")["coverage"]["checkpoints"]
    assert {each["reason"] for each in full["skipped"] if each["tensor"] == f"bert.{made.QUERY}"} == {reports.STOPPED}


def test_only_new_rows_are_news(analysed: Service) -> None:
    with analysed.database.reading() as session:
        everything = reports.rows_since(session, 1, set())
        assert len(everything) == 15
        heard = set(list(everything)[:-1])
        assert list(reports.rows_since(session, 1, heard).values()) == [everything[max(everything)]]


def test_names_longer_than_an_index_entry_get_digests() -> None:
    def digest(tensor: str, name: str) -> str:
        return reports.weight_digest(WeightInfo(name, tensor, 2, 2, 1, "other", None))

    assert len(digest("x" * 65_536, "x" * 65_536)) == 32
    assert digest("\ud800", "\ud800") != digest("?", "?")
    assert digest("experts.w", "experts.0.w") != digest("experts.0.w", "experts.0.w")


def _ingest(service: Service, checkpoint: int = 1) -> None:
    from workers.ingest.task import ingest_checkpoint

    service.workers.sent.clear()
    ingest_checkpoint(service.database, service.storage, service.settings, checkpoint)
    service.workers.sent = [task for task in service.workers.sent if task[0] == "analyse"]


def _skipped(service: Service) -> dict[str, str]:
    left = service.get("/api/v1/runs/1/report")["coverage"]["skipped"]
    return {each["tensor"]: each["reason"] for each in left}


def test_the_curves_of_a_weight_are_known_by_name(analysed: Service) -> None:
    with analysed.database.reading() as session:
        name = "model.layers.1.mlp.up_proj.weight"
        weight = next(r.weight for r in reports.table(session, 1, "esd").rows if r.weight.name == name)
        found = reports.curve_names(session, 1, weight, 0)
        assert {("esd", "eigenvalues"), ("esd", "candidate_D")} <= found
        assert {diagnostic for diagnostic, _ in found} <= {"esd", "norms", "entries"}
        assert reports.curve_names(session, 1, weight, 1) == frozenset()
        assert reports.curve_names(session, 1, replace(weight, name="nobody"), 0) == frozenset()


def test_only_the_columns_that_are_given_flag() -> None:
    column = Column("a", "A", "", usual=(2.0, 6.0))
    summary = Summary("", {}, (Finding(Severity.WARN, "", "", ("warned",)),))
    known = Diagnostic("d", "D", Scope.ONE, "", "", (column,), lambda weights, options: Measurement({}),
                       lambda table: summary)  # fmt: skip
    rows = tuple(
        Row(WeightInfo(name, name, 2, 2, 1, "other", None), (0,), Measurement({"a": value}))
        for name, value in (("out", 9.0), ("in", 3.0), ("warned", 3.0))
    )
    assert reports.flagged_weights(Table(known, rows)) == {"out", "warned"}
    assert reports.flagged_weights(Table(known, rows), ()) == {"warned"}


def test_a_family_in_the_service_is_that_of_the_command_line(service: Service, tmp_path: Path) -> None:
    """The summary needs curves and facts: both come from rows."""
    given = families.settings("λ constant")
    paths = families.write(tmp_path, "λ constant")
    for path in paths:
        service.upload(path.read_bytes(), path.name)
    service.work()
    with service.database.writing() as session:
        for identity, setting in enumerate(given, 1):
            found = session.get_one(Checkpoint, identity)
            found.facts = {**found.facts, **families.facts(setting)}
    service.run(*range(1, 5), diagnostics={"top_singular_value": {}})
    service.work()
    checkpoints = [open_checkpoint([path]) for path in paths]
    names = [service.get(f"/api/v1/checkpoints/{identity}")["name"] for identity in range(1, 5)]
    asked = requests({"top_singular_value": {}})
    expected = compare(checkpoints, asked, names, facts=[families.facts(setting) for setting in given]).to_json()
    said = service.get("/api/v1/runs/1/report")
    assert said["tables"] == expected["tables"]
    assert said["summary"]["top_singular_value"]["headline"] == expected["summary"]["top_singular_value"]["headline"]
    assert said["summary"]["top_singular_value"]["exponent"] == pytest.approx(0.75, abs=1e-4)
    assert [finding["text"] for finding in said["findings"]] == [finding["text"] for finding in expected["findings"]]


def test_an_adapter_in_a_family_is_refused(service: Service) -> None:
    for name, files in (("base", made.model(made.base())), ("lora", made.adapter())):
        service.send(name, files)
    service.work()
    asked = {"checkpoints": [1, 2], "diagnostics": {"top_singular_value": {}}}
    answer = service.client.post("/api/v1/runs", json=asked)
    assert answer.status_code == 409, answer.text
    assert answer.json()["code"] == "adapter-in-family"
