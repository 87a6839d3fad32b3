from collections.abc import Sequence
from typing import Any

import pytest

from analysis.other_tensors import OtherTensors
from analysis.prescriptions.lineage.digests import Shared
from analysis.prescriptions.lineage.likeness import Likeness
from analysis.prescriptions.lineage.verdict import SENTENCES, Verdict, choose_base, judge

NOTHING = Shared((), {}, ("w",), 0, 100)
BY_KIND = {
    "none": (1.0, 0.0), "cast": (0.99999, 2e-3), "rounded": (0.999999, 1e-4), "scaled": (1.0, 0.1),
    "permuted": (0.01, 1.4), "rotated": (0.01, 1.4), "noise": (0.999, 0.03), "trained": (0.9998, 0.02),
    "new": (0.01, 1.41),
}  # fmt: skip


def like(kind: Any, relative: Any = None, size: float = 1000) -> Any:
    cosine, usual = BY_KIND[kind]
    return Likeness(kind, cosine, usual if relative is None else relative, 0.02, None, int(size))


def verdict(*kinds: Any, others: Any = None, quantised: Any = False) -> Any:
    return judge("base", [like(kind) for kind in kinds], NOTHING, others, quantised)


@pytest.mark.parametrize(
    ("kinds", "relation"),
    [
        (["none"] * 4, "same"),
        (["cast"] * 4, "cast"),
        (["none", "cast", "cast"], "cast"),
        (["cast", "rounded", "rounded"], "rounded"),
        (["scaled"] * 3, "scaled"),
        (["permuted"] * 3, "permuted"),
        (["none", "none", "permuted", "permuted"], "permuted"),
        (["permuted", "rotated", "rotated"], "rotated"),
        (["noise"] * 3, "noise"),
        (["trained"] * 3, "near"),
        (["none", "none", "trained"], "near"),
        (["trained"] * 19 + ["new"], "near"),
        (["trained", "new", "trained"], "part"),
        (["new"] * 3, "unrelated"),
        ([], "unlike"),
    ],
)
def test_the_relation_follows_from_the_kinds(kinds: Sequence[str], relation: str) -> None:
    found = verdict(*kinds)
    assert found.relation == relation
    assert found.is_kin == (relation not in ("unrelated", "unlike"))
    assert found.sentence("model").startswith("model and base: ")


def test_norms_alone_are_said() -> None:
    others = OtherTensors(3, ("a.norm", "b.norm"), (), "")
    found = verdict(*["none"] * 4, others=others)
    assert found.relation == "vectors-only"
    assert found.sentence("m") == "m and base: every matrix has the same values; 2 other tensors differ."
    assert found.relation_on_hub == "finetune"


def test_a_quantised_copy_is_named_as_one() -> None:
    for kinds in (["noise"] * 4, ["trained", "noise", "trained"]):
        assert verdict(*kinds, quantised=True).relation == "quantised"
    assert verdict(*["noise"] * 4, quantised=True).relation_on_hub == "quantized"


def test_few_matrices_are_a_suspicion() -> None:
    assert verdict("trained").sentence("m").endswith("(only 1 matrix: a suspicion).")
    assert "suspicion" not in verdict(*["trained"] * 3).sentence("m")
    assert "suspicion" not in verdict("none").sentence("m")


def at(name: Any, distance: Any, relation: str = "near") -> Any:
    return Verdict(name, relation, 0.999, distance, 9, 0.0, {})


def test_the_nearest_candidate_is_the_base() -> None:
    choice: Any = choose_base([at("far", 0.3), at("near", 0.02), at("other", 1.41, "unrelated")], "m")
    assert choice.best.candidate == "near"
    assert choice.reason == "m and near: the weights agree up to a median distance of 0.02 (median cosine 0.9990)."


def test_an_exact_relation_comes_first() -> None:
    choice: Any = choose_base([at("near", 0.001), at("turned", 1.4, "permuted")], "m")
    assert choice.best.candidate == "turned"


def test_two_that_are_as_near_are_both_named() -> None:
    choice: Any = choose_base([at("one", 0.02), at("two", 0.03), at("three", 0.4)], "m")
    assert choice.best is None
    assert choice.reason == "The weights of m agree with one and two to about the same distance."
    copies = choose_base([at("one", 0.0, "same"), at("two", 0.0, "same")], "m")
    assert copies.best is None


def test_none_and_an_adapter() -> None:
    assert (
        choose_base([at("one", 1.41, "unrelated")], "m").reason
        == "The weights of m agree with none of the 1 candidates."
    )
    choice: Any = choose_base([at("one", None, "fits"), at("two", None, "unlike")], "m")
    assert choice.best is None
    assert choice.reason == "An adapter's weights do not name its base; its shapes fit one."


def test_no_sentence_accuses() -> None:
    assert not any(word in text for text in SENTENCES.values() for word in ("stolen", "copied from", "theft"))
