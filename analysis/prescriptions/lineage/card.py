"""The lines of a model card that name a base, as the Hugging Face Hub reads them."""

import yaml

from analysis.prescriptions.lineage.verdict import Verdict

RELATIONS = ("finetune", "adapter", "quantized", "merge")  # that the Hub knows


def model_card(verdict: Verdict | None) -> bytes:
    """YAML of a card's head: `base_model` and, where the weights say it, `base_model_relation`; a comment else."""
    if verdict is None or not verdict.is_kin:
        return b"# No base could be named from the weights.\n"
    lines = {"base_model": verdict.candidate}
    if (relation := verdict.relation_on_hub) is not None:
        lines["base_model_relation"] = relation
    comment = "# A guess from the weights: replace the name by the base's id on the Hub, and check the relation.\n"
    return (comment + yaml.safe_dump(lines, sort_keys=False, allow_unicode=True)).encode()
