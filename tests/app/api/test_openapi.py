"""The OpenAPI, tried out by schemathesis: whatever is sent, the answer is as the schema says, and never a 500."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import CheckFunction, not_a_server_error
from schemathesis.python.asgi import HOST
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance
from schemathesis.specs.openapi.schemas import OpenApiSchema

from app.db import now
from app.errors import ServiceError
from app.models import Ping
from tests.service import Service, model
from tests.service import settings as service_settings

TOKEN = "a-token-of-some-length"
OPERATIONS = [
    "add_to_upload", "add_webhook", "begin_upload", "cancel_run", "create_project", "create_token",
    "delete_checkpoint", "delete_mitigation", "delete_prescription", "delete_run", "delete_webhook", "download_file",
    "download_prescription", "edit_checkpoint", "edit_run",
    "end_upload", "follow_run", "get_badge", "get_badge_link", "get_checkpoint", "get_curves", "get_figure",
    "get_health", "get_last_verdict",
    "get_last_verdict_as", "get_metrics", "get_mitigation", "get_policy_schema", "get_prescription",
    "get_prescription_figure", "get_project",
    "get_report", "get_report_as_html", "get_report_as_markdown", "get_rows_as_parquet", "get_run",
    "get_scaling", "get_side_by_side", "get_spectra_side_by_side",
    "get_table", "get_table_csv", "get_upload", "get_verdict", "get_verdict_as",
    "has_blob", "limit_project", "list_checkpoints", "list_checks", "list_deliveries", "list_diagnostics",
    "list_mitigations",
    "list_prescriptions", "list_projects", "list_runs", "list_tensors", "list_tokens", "list_verdicts", "list_webhooks",
    "load_demo", "pin_checkpoint", "put_blob", "put_checkpoint", "read_audit_log", "request_check",
    "request_mitigation", "request_prescription",
    "request_run", "request_verdict",
    "revoke_token", "send_checkpoint", "tus_options", "unpin_checkpoint", "who_am_i",
]  # fmt: skip


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    made = Service(service_settings(tmp_path_factory.mktemp("api"), allowed_hosts=(HOST,), token=TOKEN, rate_limit=0))
    made.client = made.caller(TOKEN)
    made.workers.ping = lambda identity: answer(made, identity)  # type: ignore[method-assign]
    for _ in range(3):
        made.upload(model())
        made.run(1)
    made.work()
    yield made
    made.close()


def answer(service: Service, identity: int) -> None:
    with service.database.writing() as session:
        session.get_one(Ping, identity).answered_at = now()


@pytest.fixture(scope="module")
def schema(service: Service) -> OpenApiSchema:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    found = schemathesis.openapi.from_asgi("/api/v1/openapi.json", service.client.app, headers=headers)
    for path in ("/api/v1/runs/{id}/tables/{diagnostic}", "/api/v1/runs/{id}/tables/{diagnostic}.csv"):
        leave_out_the_length(found.raw_schema["paths"][path]["get"], "weight")
    return found


def leave_out_the_length(operation: dict[str, Any], name: str) -> None:
    """As a count in the pattern it costs each case a second, and no client sends it. test_tables.py tries it."""
    [parameter] = [each for each in operation["parameters"] if each["name"] == name]
    [text] = [each for each in parameter["schema"]["anyOf"] if each["type"] == "string"]
    del text["maxLength"]


def test_every_operation_is_tried(schema: OpenApiSchema) -> None:
    found = [each["operationId"] for path in schema.raw_schema["paths"].values() for each in path.values()]
    assert sorted(found) == OPERATIONS


NOTHING = (
    "get_health", "get_metrics", "get_policy_schema", "list_diagnostics", "list_projects", "list_webhooks",
    "load_demo", "tus_options", "who_am_i",
)  # fmt: skip
TRIED = [
    (identity, mode)
    for identity in OPERATIONS
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or identity not in NOTHING  # which take nothing
]


# A form has nothing but text: what the schema tells from text, a null or a list, arrives as text. Facts are text too.
# A policy may be any text to the schema, and few texts are policies. A name must be printable, which no pattern says.
# A source's address, a blob's digest and metadata in base64 are right or wrong in ways that no schema says.
# tus answers 412 to whoever does not say its version, which the check does not know for a refusal.
TUS = ("begin_upload", "get_upload", "add_to_upload", "end_upload")
EXCLUDED: dict[str, list[CheckFunction]] = {
    "create_token": [positive_data_acceptance],
    "send_checkpoint": [negative_data_rejection, positive_data_acceptance],
    "request_prescription": [positive_data_acceptance],
    "get_side_by_side": [positive_data_acceptance],  # a report is named once, and a column is one that it has
    "get_spectra_side_by_side": [positive_data_acceptance],
    "request_run": [positive_data_acceptance],
    "request_verdict": [positive_data_acceptance],
    "put_blob": [positive_data_acceptance],
    "put_checkpoint": [positive_data_acceptance],
    **{identity: [negative_data_rejection, positive_data_acceptance] for identity in TUS},
}
EXCLUDED["begin_upload"].append(not_a_server_error)  # 507 where the disk has no room for the length
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")


def excluded(identity: str, case: Case[Any]) -> list[CheckFunction]:
    """A cursor is opaque: no schema tells one that was given out from one that was made up."""
    made_up = [positive_data_acceptance] if "cursor" in (case.query or {}) else []
    return [*EXCLUDED.get(identity, []), *made_up]


@pytest.mark.parametrize(("identity", "mode"), TRIED)
def test_answers_are_as_the_schema_says(schema: OpenApiSchema, identity: str, mode: GenerationMode) -> None:
    operation = schema.find_operation_by_id(identity)

    @settings(
        max_examples=40,
        derandomize=True,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def answers(case: Case[Any]) -> None:
        case.call_and_validate(headers={"Authorization": f"Bearer {TOKEN}"}, excluded_checks=excluded(identity, case))

    answers()


def test_the_tour_passes_by_every_operation_and_every_code(service: Service) -> None:
    text = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
    for path, operations in service.get("/api/v1/openapi.json")["paths"].items():
        for method in operations:
            assert f"`{method.upper()} {path}" in text, (method, path)
    for error in descendants(ServiceError):
        assert f"| `{error.code}` | {error.status} |" in text, error


def descendants(kind: type[ServiceError]) -> list[type[ServiceError]]:
    return [each for below in kind.__subclasses__() for each in (below, *descendants(below))]


def test_what_is_created_takes_an_idempotency_key_where_the_docs_say_so(service: Service) -> None:
    without = {
        path.removeprefix("/api/v1/")
        for path, methods in service.get("/api/v1/openapi.json")["paths"].items()
        if "201" in methods.get("post", {}).get("responses", {})
        and "Idempotency-Key" not in [each["name"] for each in methods["post"].get("parameters", [])]
    }
    assert without == {"tokens", "projects", "uploads"}
    text = (Path(__file__).parents[3] / "docs" / "api.md").read_text()
    assert "(A token is shown once and not stored, a project has its name, and a resumable upload its address.)" in text
