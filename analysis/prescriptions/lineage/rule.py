"""The rule `lineage`: which of several candidates a model's weights agree with, and up to what."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from analysis.diagnostic import Options, Scalar
from analysis.findings.wording import percent, quantity
from analysis.prescriptions.lineage.candidates import Compared, compare_candidate, digests_of
from analysis.prescriptions.lineage.card import model_card
from analysis.prescriptions.lineage.verdict import choose_base
from analysis.prescriptions.members import Members
from analysis.prescriptions.prescription import Answer, Output, Rule

LISTED = 5  # matrices that a note names


def prescribe(members: Members, options: Options) -> Answer:
    model = members.names[-1]
    digests = digests_of(members.checkpoints[-1]) if members.checkpoints[-1].kind == "model" else {}
    comparisons = [compare_candidate(members, index, digests) for index in range(len(members.checkpoints) - 1)]
    choice = choose_base([entry.verdict for entry in comparisons], model)
    pick = _shown(comparisons, choice.best.candidate if choice.best else None)
    details: dict[str, dict[str, Scalar]] = {
        name: {"kind": like.kind, "relative": like.relative, "chance": like.chance,
               "spectrum_distance": like.spectrum_distance}
        for name, like in pick.likenesses.items()
    }  # fmt: skip
    return Answer(
        entries={name: like.cosine for name, like in pick.likenesses.items()},
        details=details,
        extra={
            "base": choice.best.candidate if choice.best else None,
            "relation": choice.best.relation if choice.best else None,
            "verdict": choice.reason,
            "candidates": [_candidate(entry, model) for entry in comparisons],
        },
        notes=(choice.reason, *_notes(comparisons, pick, model)),
        files={"model_card.yaml": model_card(choice.best)},
    )


def _shown(compared: Sequence[Compared], best: str | None) -> Compared:
    """The candidate whose matrices are listed: the one that is named, else the one with the highest cosine."""
    matches = [each for each in compared if each.verdict.candidate == best]
    return matches[0] if matches else max(compared, key=lambda each: each.verdict.cosine or -2.0)


def _candidate(each: Compared, model: str) -> dict[str, Any]:
    verdict = each.verdict
    return {
        "name": verdict.candidate, "relation": verdict.relation, "relation_on_hub": verdict.relation_on_hub,
        "sentence": verdict.sentence(model), "median_cosine": verdict.cosine, "median_distance": verdict.distance,
        "matrices": verdict.compared, "identical_parameters": verdict.identical, "kinds": dict(verdict.kinds),
        "other_tensors_changed": list(verdict.others_changed), "not_compared": list(each.left),
        **({"invariants": asdict(each.invariants)} if each.invariants else {}),
    }  # fmt: skip


def _notes(compared: Sequence[Compared], shown: Compared, model: str) -> list[str]:
    notes = [entry.verdict.sentence(model) for entry in compared]
    notes += [entry.invariants.sentence(entry.verdict.candidate) for entry in compared if entry.invariants]
    share = shown.verdict.identical
    if 0.0 < share < 1.0:
        notes.append(
            f"{percent(share)} of the parameters of {model} are those of {shown.verdict.candidate}, digit for digit."
        )
    if tensor_names := shown.verdict.others_changed:
        rest = f" and {len(tensor_names) - LISTED} more" if len(tensor_names) > LISTED else ""
        notes.append(f"Norms, biases and others that differ: {', '.join(tensor_names[:LISTED])}{rest}.")
    if shown.left:
        notes.append(f"Not compared: {quantity(len(shown.left), 'matrix', 'matrices')}, as {shown.left[0]}.")
    notes.append("Two sets of weights that agree do not say which came first, nor how one was made from the other.")
    return list(dict.fromkeys(notes))


LINEAGE = Rule(
    name="lineage",
    title="Lineage and identity",
    reference="Cosine and distance of weights; compare MoTHer, arXiv 2405.18432, and GhostSpec, arXiv 2511.06390",
    description="Says which of the candidates the weights of a model agree with: the same, near, cast, permuted or "
    "unrelated.",
    inputs="one or more candidates for the base, and the model last",
    value="cosine",
    validated_on="Small models held back, in every guise, fine-tuned and of another seed (docs/truth.md); no survey of "
    "published models was made.",
    compute=prescribe,
    outputs=(Output("model_card.yaml", "the Hugging Face Hub", "base_model and its relation, as a guess for a card"),),
    fewest=2,
    most=None,
    weights=True,
)
