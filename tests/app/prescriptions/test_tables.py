"""Prescriptions of a run: computed from its tables alone."""

import pytest

from analysis.errors import PrescriptionError
from app import prescriptions
from app.errors import Conflict, NotFound
from tests.service import Service, model


def run_of(service: Service, **diagnostics: dict[str, object]) -> None:
    service.upload(model(layers=4, width=64))
    service.run(1, diagnostics=diagnostics)
    service.work()


def test_what_it_lacks_is_a_conflict_that_names_it(service: Service) -> None:
    run_of(service, norms={})
    with service.database.reading() as session:
        with pytest.raises(Conflict, match="has no table snr"):
            prescriptions.compute(session, 1, "trainable", {})
        with pytest.raises(PrescriptionError, match="reads the weights"):
            prescriptions.compute(session, 1, "lora-rank", {})
        with pytest.raises(NotFound, match="position 1"):
            prescriptions.compute(session, 1, "trainable", {}, 1)


def test_a_run_that_is_not_done_has_none(service: Service) -> None:
    service.upload(model(layers=4, width=64))
    service.run(1, diagnostics={"snr": {}})
    with service.database.reading() as session, pytest.raises(Conflict, match="complete when it is done"):
        prescriptions.compute(session, 1, "trainable", {})


def test_every_rule_on_tables_answers_or_says_why_not(service: Service) -> None:
    run_of(service, snr={}, esd={}, farms={})
    with service.database.reading() as session:
        for known in prescriptions.FROM_TABLES:
            estimator = {"estimator": "alpha_hill_top10"} if any(o.name == "estimator" for o in known.options) else {}
            try:
                found = prescriptions.compute(session, 1, known.name, estimator)
            except PrescriptionError as error:
                assert error.message  # noqa: PT017
            else:
                assert found.entries
