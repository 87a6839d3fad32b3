"""Which tensors of two checkpoints are the same to the last digit, whatever they are called and stored as."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from analysis.runtime.pytorch import Tensor, torch

CHUNK = 1 << 20  # numbers at a time


@dataclass(frozen=True, slots=True)
class Shared:
    """A model's tensors against a base's, by their digests; `size` are parameters."""

    same: tuple[str, ...]  # under their own name
    renamed: Mapping[str, str]  # the model's name → the base's
    differ: tuple[str, ...]
    identical_size: int
    size: int

    @property
    def share(self) -> float:
        """Share of the model's parameters that the base has to the last digit, 0 to 1: what was frozen."""
        return self.identical_size / self.size if self.size else 0.0


def digest_tensor(tensor: Tensor) -> str:
    """sha-256 of the shape and the values: in float32, which half precision fits in; in float64 what does not fit."""
    hasher = hashlib.sha256(str(tuple(tensor.shape)).encode())
    wide = torch.float32 if tensor.is_floating_point() and tensor.dtype != torch.float64 else tensor.dtype
    flat = tensor.detach().reshape(-1)
    for part in torch.split(flat, CHUNK) if flat.numel() else ():
        values = part.to(wide)
        if wide == torch.float64 and bool((values.float().double() == values).all()):
            values = values.float()
        hasher.update(values.contiguous().view(torch.uint8).numpy().tobytes())
    return hasher.hexdigest()


def compare_digests(
    base: Mapping[str, str], model: Mapping[str, str], sizes: Mapping[str, int], partners: Mapping[str, str]
) -> Shared:
    """Digests by name; `partners` are the model's names that mean another name of the base, as prefixes do."""
    by_digest: dict[str, list[str]] = defaultdict(list)
    for name, digest in base.items():
        by_digest[digest].append(name)
    same: list[str] = []
    new_names: dict[str, str] = {}
    differ: list[str] = []
    for name, digest in model.items():
        if base.get(partners.get(name, name)) == digest:
            same.append(name)
        elif digest in by_digest:
            new_names[name] = by_digest[digest][0]
        else:
            differ.append(name)
    identical = sum(sizes[name] for name in (*same, *new_names))
    return Shared(tuple(same), new_names, tuple(differ), identical, sum(sizes[name] for name in model))
