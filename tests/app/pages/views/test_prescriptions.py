"""What the section “What to do” offers of a run, and how it tells what the rules said."""

from analysis.prescriptions import rule
from app.models import Checkpoint, Run
from app.pages.views.prescriptions import PrescriptionsView, preview, view
from app.runs import reports
from tests.prescriptions import ask, compared
from tests.service import Service, model


def shown(service: Service) -> PrescriptionsView:
    with service.database.reading() as session:
        report = reports.report(session, 1)
        found = view(session, session.get_one(Run, 1), report.tables, report.names)
    assert found is not None
    return found


def kinds(found: PrescriptionsView) -> dict[str, list[str]]:
    return {group.title: [choice.kind for choice in group.choices] for group in found.groups}


def test_one_checkpoint_is_offered_what_one_is_enough_for(service: Service) -> None:
    service.upload(model())
    service.run(1)
    service.work()
    offered = kinds(shown(service))
    assert offered["From the tables"] == ["trainable", "sparsity", "learning-rate", "weight-decay"]
    assert not {"interference", "lineage"} & set(offered["From the weights"])
    assert {"quantisation", "traps"} <= set(offered["From the weights"])


def test_a_comparison_offers_rules_on_several_first_with_its_checkpoints(service: Service) -> None:
    groups = {group.title: group for group in shown(compared(service)).groups}
    choices = {choice.kind: choice for choice in groups["From the weights"].choices}
    assert set(list(choices)[:5]) == {"lora-rank", "interference", "monitor", "slices", "lineage"}
    names = ["base.safetensors", "LoRA r=2", "full.safetensors"]
    assert choices["lora-rank"].one_of == list(enumerate(names))[1:]
    assert choices["lineage"].some_of == choices["traps"].one_of == list(enumerate(names))
    assert {f.name for f in choices["lora-rank"].fields} >= {"lora-rank.rule", "lora-rank.value"}


def test_weights_that_are_gone_are_told_and_not_offered(service: Service) -> None:
    compared(service)
    with service.database.writing() as session:
        session.get_one(Checkpoint, 2).released_at = 1.0
    (group,) = (each for each in shown(service).groups if each.title == "From the weights")
    assert group.note == "Retention deleted the weights of LoRA r=2: upload them again to read them."
    assert group.choices
    with service.database.writing() as session:
        for identity in (1, 3):
            session.get_one(Checkpoint, identity).released_at = 1.0
    (group,) = (each for each in shown(service).groups if each.title == "From the weights")
    assert group.choices == []


def test_what_a_worker_said_has_a_line_a_preview_and_a_figure(service: Service) -> None:
    ask(compared(service), "lora-rank", position=2, options={"value": 0.5})
    (said,) = shown(service).said
    assert (said.line, said.look.moving, said.preview, said.figure, said.files) == (
        "Waits for a worker.",
        True,
        None,
        "",
        [],
    )
    service.work()
    (said,) = shown(service).said
    assert said.line == "base.safetensors, full.safetensors. value=0.5"
    assert (said.look.moving, said.figure) == (False, "/api/v1/runs/1/prescriptions/1/figure")
    assert said.preview is not None
    assert said.preview.titles[0] == "rank"
    assert said.preview.rows[0][1][0] == "1"
    assert said.validated_on == rule("lora-rank").validated_on


def test_a_preview_is_in_the_networks_order_and_says_how_many_more() -> None:
    entries = {f"h.{at}.w": at / 7 for at in (10, 2, *range(3, 10), 11)}
    found = preview(entries, {"h.2.w": {"kept_energy": 0.5}}, "rank")
    assert found.titles == ["rank", "kept energy"]
    assert found.rows[0] == ("h.2.w", ["0.286", "0.500"])
    assert found.rows[1] == ("h.3.w", ["0.429", "–"])
    assert (len(found.rows), found.more) == (8, 2)
