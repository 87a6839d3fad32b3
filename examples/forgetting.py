"""How much of what the base knew is gone, by its embeddings of unrelated text before and after."""

import torch
from scipy.stats import spearmanr
from torch import Tensor


def forgetting(before: Tensor, after: Tensor) -> dict[str, float]:
    """Three measures, each 0 where nothing changed; embeddings are (texts, width).

    forgetting: 1 - Spearman's correlation of the pairwise cosines, over all pairs of texts: what the model holds to be
        alike. At most 2; 1 is no relation left.
    similarity_loss: the same with Pearson's correlation.
    drift: mean of 1 - cosine between a text's two embeddings. Feels a shift of all embeddings alike, which the others
        do not.
    """
    first, second = pairwise(before), pairwise(after)
    same = torch.nn.functional.cosine_similarity(before.double(), after.double())
    return {
        "forgetting": 1.0 - float(spearmanr(first.numpy(), second.numpy()).statistic),
        "similarity_loss": 1.0 - float(torch.corrcoef(torch.stack([first, second]))[0, 1]),
        "drift": float((1.0 - same).mean()),
    }


def pairwise(found: Tensor) -> Tensor:
    """Cosines of each pair of rows, once."""
    unit = torch.nn.functional.normalize(found.double(), dim=1)
    return (unit @ unit.T)[torch.triu_indices(len(unit), len(unit), 1).unbind()]
