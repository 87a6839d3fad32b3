"""The weight that a LoRA adapter makes of its base, without PEFT: W = W₀ + s·B·A.

Covers rank and alpha patterns, rsLoRA, (in, out) storage, embeddings, convolutions, DoRA, and factors that began as
parts of the base (PiSSA, OLoRA). Shapes: A is (r, n) and B (m, r) for m outputs and n inputs. For an embedding of v
rows and width d they are (r, v) and (d, r), and their product is transposed; for a convolution both have its number of
dimensions. The formulas are those of peft.tuners.lora.layer, whose merge the tests compare with.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from analysis.adapters.config import AdapterConfig
from analysis.adapters.names import AdaptedModule
from analysis.errors import AdapterError, SettingsError, escape
from analysis.runtime.pytorch import Tensor, torch
from analysis.runtime.shapes import Float
from analysis.weight import Factors, TensorInfo


@dataclass(frozen=True, slots=True)
class Product:
    """s·B·A oriented as the base's matrices are: `left` (m, r) with the scaling in it, `right` (r, n·kernel)."""

    left: Float[Tensor, "m r"]
    right: Float[Tensor, "r n"]

    def tensor(self) -> Float[Tensor, "m n"]:
        return self.left @ self.right

    def minus(self, other: "Product") -> "Product":
        """Less another one, still a product: [L, -L'] · [R; R']."""
        return Product(torch.cat([self.left, -other.left], 1), torch.cat([self.right, other.right]))

    def transposed(self) -> "Product":
        return Product(self.right.mT, self.left.mT)


def merge(
    config: AdapterConfig, module: AdaptedModule, info: TensorInfo, base: Tensor, parts: Mapping[str, Tensor]
) -> tuple[Tensor, Factors | None]:
    """The tuned weight as the base stores it, and the factors of the update where it has a low rank.

    `parts`: the adapter's tensors for this module by what they are ("lora_A"), in the dtype of `base`. Raises
    AdapterError, naming the module, shapes and ranks, where they do not fit.
    """
    product = _product(config, module, info, base.shape, parts)
    is_transposed = _stored_inputs_first(config, module, info, product, parts)
    matrix = _orient(base, is_transposed)  # (m, n·kernel)
    start = _start(config, module, info, matrix, product.left.shape[1])
    residual = matrix if start is None else matrix - start.tensor()
    tuned = torch.addmm(residual, product.left, product.right)
    magnitude = parts.get("lora_magnitude_vector")
    factors = None
    if magnitude is None:
        update = product if start is None else product.minus(start)
        factors = Factors(update.left, update.right)
    else:
        tuned = _with_magnitudes(tuned, magnitude, module, by_column="lora_embedding_A" in parts)
    return (tuned.mT if is_transposed else tuned).reshape(base.shape).contiguous(), factors


def scaling(config: AdapterConfig, module: str, rank: int) -> float:
    """What multiplies B·A: alpha / r, alpha / √r for rsLoRA, for AdaLoRA alpha / (r + 1e-5) as in PEFT."""
    if config.method == "ADALORA":
        began = config.count("init_r")  # however many of them were pruned since
        return (max(config.number("lora_alpha"), 0.0) or began) / (began + 1e-5)
    alpha = config.of_module("lora_alpha", "alpha_pattern", module)
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not math.isfinite(alpha):
        raise AdapterError(f"{escape(module)}: alpha_pattern gives it {escape(alpha)}, which is not a finite number")
    return alpha / math.sqrt(rank) if config.flag("use_rslora") else alpha / rank


def _product(
    config: AdapterConfig, module: AdaptedModule, info: TensorInfo, shape: "torch.Size", parts: Mapping[str, Tensor]
) -> Product:
    """s·B·A as the two matrices that make it up, embeddings already turned to (rows, width)."""
    embedding = "lora_embedding_A" in parts
    A, B = (parts.get(f"lora_embedding_{side}" if embedding else f"lora_{side}") for side in "AB")
    if A is None or B is None:
        missing = "A" if A is None else "B"
        raise SettingsError(f"{escape(module.module)}: lora_{missing} is missing. Save the adapter again.")
    if config.method == "ADALORA":
        A = _with_singular_values(module, A, parts.get("lora_E"))
    if A.ndim < 2 or B.ndim != A.ndim or B.shape[2:].numel() != 1:
        raise _mismatch(module, A, B, info, "which no LoRA layer has")
    rank = _checked_rank(config, module, A, B, info)
    product = Product(scaling(config, module.module, rank) * B.flatten(1), A.flatten(1))
    return _common_rows(product.transposed() if embedding else product, info, shape)


def _with_singular_values(module: AdaptedModule, A: Tensor, values: Tensor | None) -> Tensor:
    """AdaLoRA keeps the singular values of its update apart: B · diag(E) · A."""
    if values is None or values.shape != (len(A), 1):
        raise AdapterError(f"{escape(module.module)}: lora_E is missing or not one value for each row of lora_A")
    return A * values


def _checked_rank(config: AdapterConfig, module: AdaptedModule, A: Tensor, B: Tensor, info: TensorInfo) -> int:
    rank = A.shape[0]
    if B.shape[1] != rank:
        raise _mismatch(module, A, B, info, f"so that A has rank {rank} and B has rank {B.shape[1]}")
    if config.method == "ADALORA":
        return rank  # it prunes ranks as it trains, and saves what is left
    config_rank = config.settings.get("r")
    if (
        rank != config_rank and config_rank is not None and not config.pattern("rank_pattern")
    ):  # else the tensors tell, and no pattern is needed
        wrong = _mismatch(module, A, B, info, f"rank {rank}, where adapter_config.json says {escape(config_rank)}")
        raise SettingsError(wrong.message)
    return rank


def _common_rows(product: Product, info: TensorInfo, shape: "torch.Size") -> Product:
    """The update of the rows that the base has, where tokens were added before the training."""
    rows = shape[0]
    if info.role in ("embedding", "head") and len(product.left) > rows:
        return Product(product.left[:rows], product.right)
    return product


def _stored_inputs_first(
    config: AdapterConfig, module: AdaptedModule, info: TensorInfo, product: Product, parts: Mapping[str, Tensor]
) -> bool:
    """Whether the base stores (in, out). The shapes say it; where they are square, the layer's kind or the config."""
    m, n = len(product.left), product.right.shape[1]
    straight = (info.shape[0], math.prod(info.shape[1:])) == (m, n)
    is_transposed = info.shape == (n, m) and "lora_embedding_A" not in parts
    if not straight and not is_transposed:
        raise AdapterError(
            f"{escape(module.module)}: the adapter's update is {m} × {n}, and {escape(info.name)} of the base is "
            f"{' × '.join(map(str, info.shape))}. It was trained on another base."
        )
    if straight and is_transposed:
        return stored_inputs_first(config, info)
    return is_transposed


def stored_inputs_first(config: AdapterConfig, info: TensorInfo) -> bool:
    """Whether a weight is stored (in, out), where its shape does not tell because it is square.

    PEFT decides by the kind of layer and saves what held for the last one, so that the config alone would turn a plain
    linear layer beside a Conv1D: it is asked only where the base's names say nothing.
    """
    return info.transposed or (info.role == "other" and config.flag("fan_in_fan_out"))


def _orient(base: Tensor, transposed: bool) -> Float[Tensor, "m n"]:
    return base.mT if transposed else base.flatten(1)


def _start(
    config: AdapterConfig, module: AdaptedModule, info: TensorInfo, oriented: Float[Tensor, "m n"], rank: int
) -> Product | None:
    """What PiSSA and OLoRA take out of the base before they train (`pissa_init` and `olora_init` of PEFT).

    For PiSSA it is the r leading singular triplets, for OLoRA s times the first r columns of Q and rows of R, W = QR.
    """
    init = str(config.init).lower()
    if init not in ("pissa", "olora"):
        return None
    if init == "pissa":
        left, values, right = torch.linalg.svd(oriented, full_matrices=False)
        return Product(left[:, :rank] * values[:rank], right[:rank])
    if info.transposed:
        raise AdapterError(f"{escape(module.module)}: OLoRA does not define its start for a weight stored (in, out)")
    left, right = torch.linalg.qr(oriented)
    return Product(scaling(config, module.module, rank) * left[:, :rank], right[:rank])


def _with_magnitudes(
    tuned: Float[Tensor, "m n"], magnitude: Tensor, module: AdaptedModule, by_column: bool
) -> Float[Tensor, "m n"]:
    """DoRA: each output (of an embedding, each column) has the length that was trained for it, arXiv:2402.09353 (5)."""
    lengths = torch.linalg.norm(tuned, dim=0 if by_column else 1)
    if magnitude.numel() != len(lengths):
        raise AdapterError(
            f"{escape(module.module)}: {magnitude.numel()} magnitudes of DoRA for {len(lengths)} outputs of the base"
        )
    factor = magnitude.flatten() / lengths
    weight: Tensor = tuned * (factor if by_column else factor.unsqueeze(1))
    return weight


def _mismatch(module: AdaptedModule, A: Tensor, B: Tensor, info: TensorInfo, what: str) -> AdapterError:
    shapes = (" × ".join(map(str, tensor.shape)) for tensor in (A, B))
    return AdapterError(
        f"{escape(module.module)}: A is {next(shapes)} and B is {next(shapes)}, {what}. "
        f"The base's {escape(info.name)} is {' × '.join(map(str, info.shape))}."
    )


def merge_expert(
    config: AdapterConfig, module: AdaptedModule, info: TensorInfo, base: Tensor, parts: Mapping[str, Tensor]
) -> tuple[Tensor, Factors | None]:
    """The weights of experts whose factors lie together (ParamWrapper of PEFT): A (e · r, in) and B (out, r · e).

    One expert's where the base stores them apart, with the factors of its update; all of them where they are fused.
    """
    A, B = parts.get("lora_A"), parts.get("lora_B")
    if A is None or B is None or len(A) % module.experts or B.shape[1] != len(A):
        raise AdapterError(f"{escape(module.module)}: its factors are not those of {module.experts} experts")
    rank = len(A) // module.experts
    right = A.reshape(module.experts, rank, -1)  # (e, r, in)
    left = scaling(config, module.pattern_name, rank) * B.reshape(len(B), rank, module.experts).permute(2, 0, 1)
    if module.half:
        outputs = left.shape[1] // 2
        left = left[:, :outputs] if module.half == "gate" else left[:, outputs:]
    if module.expert is not None:
        factors = Factors(left[module.expert], right[module.expert])
        return base + factors.left @ factors.right, factors
    update = left @ right  # (e, out, in)
    is_transposed = update.shape != base.shape or (info.transposed and base.shape[1] == base.shape[2])
    if (update.mT if is_transposed else update).shape != base.shape:
        raise _mismatch(module, A, B, info, "which the experts of the base are not")
    return base + (update.mT if is_transposed else update), None
