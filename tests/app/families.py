"""A family of little models in a service, with the facts that are true of them."""

from collections.abc import Mapping, Sequence

from safetensors.torch import save

from tests import families
from tests.service import Service, prepare

ASKED: Mapping[str, Mapping[str, object]] = {"top_singular_value": {}}


def upload(service: Service, rule: str = "λ constant", widths: Sequence[float] = families.WIDTHS) -> list[int]:
    """Their checkpoints, read; nothing is stated about them."""
    ids = [
        int(service.upload(save(families.model(given)), f"d{given.width:g}.safetensors")["id"])
        for given in families.settings(rule, widths)
    ]
    service.work()
    return ids


def state(service: Service, ids: Sequence[int], rule: str = "λ constant") -> None:
    """States η, λ and steps of each."""
    for identity, given in zip(ids, families.settings(rule), strict=False):
        answer = service.client.patch(f"/api/v1/checkpoints/{identity}", json={"facts": families.facts(given)})
        assert answer.status_code == 200, answer.text


def analysed(service: Service, rule: str = "λ constant") -> list[int]:
    """Their checkpoints with facts, and run 1 over them."""
    return prepare(service, _analyse, rule)


def _analyse(service: Service, rule: str) -> list[int]:
    ids = upload(service, rule)
    state(service, ids, rule)
    service.run(*ids, diagnostics=ASKED)
    service.work()
    return ids
