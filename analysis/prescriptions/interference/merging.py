"""Two published merges of several updates, as readings of what a merge by directions would give."""

from collections.abc import Sequence

import numpy as np

from analysis.prescriptions.interference.joint import Directions
from analysis.runtime.shapes import Float64

Matrix = Float64[np.ndarray, "m n"]


def tsv_merge(updates: Sequence[Directions], side: int) -> Matrix:
    """TSV-M (arXiv 2412.00081): each update's leading ⌊K/T⌋ directions, made orthogonal to those of the others.

    `side` is K, the smaller side of the matrices. The left and right vectors are replaced by the nearest orthonormal
    ones, P Qᵀ of their SVD P S Qᵀ.
    """
    rank = side // len(updates)
    left = np.concatenate([update.left[:, :rank] for update in updates], axis=1)
    right = np.concatenate([update.right[:, :rank] for update in updates], axis=1)
    values = np.concatenate([update.values[:rank] for update in updates])
    result: Matrix = (_nearest(left) * values) @ _nearest(right).T
    return result


def iso_merge(merged: Matrix) -> Matrix:
    """Iso-C (arXiv 2502.04959): the sum of the updates with every singular value replaced by their mean."""
    left, values, right = np.linalg.svd(merged, full_matrices=False)
    result: Matrix = values.mean() * (left @ right)
    return result


def _nearest(vectors: Float64[np.ndarray, "m k"]) -> Float64[np.ndarray, "m k"]:
    left, _, right = np.linalg.svd(vectors, full_matrices=False)
    result: Float64[np.ndarray, "m k"] = left @ right
    return result
