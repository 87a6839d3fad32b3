"""The methods of PEFT: which state a change of weights and how it is computed, and why the others do not.

The names are those of `peft_type` in adapter_config.json. docs/adapters.md shows the same for people.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

DIRECT = frozenset({"LORA", "ADALORA", "TRAINABLE_TOKENS", "LN_TUNING"})  # computed here, without PEFT


@dataclass(frozen=True, slots=True)
class Delegated:
    """A method that PEFT computes on a bare layer (skeleton.py), and the settings that PEFT is told: no others.

    `patterns`: settings that may differ by module, and where the config says so. `sizes`: settings that are an extent
    of some tensor, so that a hostile one cannot ask for more memory than the file has. `needed`: settings without
    which the weight cannot be computed from the file, with the reason.
    """

    settings: tuple[str, ...] = ()
    patterns: Mapping[str, str] = field(default_factory=dict)
    sizes: tuple[str, ...] = ("r",)
    fixed: Mapping[str, object] = field(default_factory=dict)
    needed: Mapping[str, tuple[object, str]] = field(default_factory=dict)


_RANDOM = "its random matrices were not saved, and their sizes depend on layers that it does not name"
_RANKS = {"r": "rank_pattern"}
_ALPHAS = {"r": "rank_pattern", "alpha": "alpha_pattern"}

DELEGATED: Mapping[str, Delegated] = MappingProxyType(
    {
        "BOFT": Delegated(("boft_block_size", "boft_block_num", "boft_n_butterfly_factor"), sizes=()),
        "BONE": Delegated(("r", "init_weights")),
        "C3A": Delegated(("block_size",), {"block_size": "block_size_pattern"}, sizes=("block_size",)),
        "DEFT": Delegated(("r", "decomposition_method", "init_scale", "alpha", "para")),
        "DELORA": Delegated(("r",), _RANKS),
        "FOURIERFT": Delegated(("scaling", "random_loc_seed"), sizes=()),
        "GLORA": Delegated(("r", "config_A_B"), fixed={"config_C": "none", "config_D_E": "none"}),
        "GRALORA": Delegated(("r", "hybrid_r", "alpha", "gralora_k"), sizes=("r", "hybrid_r")),
        "HIRA": Delegated(sizes=()),
        "HRA": Delegated(("r", "apply_GS")),
        "IA3": Delegated(sizes=()),
        "LOHA": Delegated(("r", "alpha", "use_effective_conv2d"), _ALPHAS),
        "LOKR": Delegated(
            ("r", "alpha", "use_effective_conv2d", "decompose_both", "decompose_factor"), _ALPHAS, sizes=()
        ),
        "LORA": Delegated(
            ("r", "lora_alpha", "use_rslora", "kasa_config", "use_bdlora"),
            {"r": "rank_pattern", "lora_alpha": "alpha_pattern"},
        ),
        "MISS": Delegated(("r", "mini_r", "init_weights")),
        "OFT": Delegated(
            (
                "r", "oft_block_size", "coft", "eps", "block_share", "use_cayley_neumann", "num_cayley_neumann_terms",
            ),
            sizes=(),
        ),
        "OSF": Delegated(sizes=()),
        "PEANUT": Delegated(("r", "depth", "act_fn", "scaling")),
        "PSOFT": Delegated(
            (
                "r", "psoft_alpha", "psoft_svd", "ab_svd_init", "psoft_orth", "psoft_mag_b", "psoft_mag_a",
                "use_cayley_neumann", "num_cayley_neumann_terms", "cayley_neumann_eps",
            ),
            sizes=(),
            needed={"psoft_svd": ("full", "its fast decomposition of the base drew random numbers")},
        ),
        "PVERA": Delegated(("r",), fixed={"save_projection": True}, needed={"save_projection": (True, _RANDOM)}),
        "RANDLORA": Delegated(
            ("r", "randlora_alpha", "sparse", "very_sparse"),
            fixed={"save_projection": True},
            needed={"save_projection": (True, _RANDOM)},
        ),
        "ROAD": Delegated(("variant", "group_size"), sizes=()),
        "SHIRA": Delegated(("r",)),
        "SUPERTUNING": Delegated(("sparsity", "select_top", "r", "lora_alpha", "save_precomputed_indices")),
        "TINYLORA": Delegated(
            ("r", "u"),
            sizes=("r", "u"),
            fixed={"weight_tying": 1.0, "save_projection": True},
            needed={
                "weight_tying": (1.0, "which of its vectors a layer uses depends on the order of the layers in memory"),
                "save_projection": (True, _RANDOM),
            },
        ),
        "UNILORA": Delegated(
            ("r", "theta_d_length"),
            sizes=("r", "theta_d_length"),
            fixed={"save_indices": True},
            needed={"save_indices": (True, "which numbers a layer uses depends on the order of the layers in memory")},
        ),
        "VBLORA": Delegated(
            ("r", "num_vectors", "vector_length", "topk", "save_only_topk_weights"),
            sizes=("r", "num_vectors", "vector_length", "topk"),
        ),
        "VERA": Delegated(("r",), fixed={"save_projection": True}, needed={"save_projection": (True, _RANDOM)}),
        "WAVEFT": Delegated(("scaling", "wavelet_family", "use_idwt", "random_loc_seed"), sizes=()),
    }
)  # fmt: skip

_BEFORE = "it puts trained vectors before the input and leaves every weight as it is"

REFUSED = MappingProxyType(
    {
        "PROMPT_TUNING": _BEFORE,
        "MULTITASK_PROMPT_TUNING": _BEFORE,
        "P_TUNING": _BEFORE,
        "CPT": _BEFORE,
        "PREFIX_TUNING": "it puts trained keys and values before every attention and leaves every weight as it is",
        "CARTRIDGE": "it puts a trained cache of keys and values before the input and leaves every weight as it is",
        "ADAPTION_PROMPT": "it adds attention to trained prompts and leaves every weight as it is",
        "POLY": "it mixes several adapters anew for every task, so no single changed weight exists",
        "XLORA": "it mixes several adapters anew for every input, so no single changed weight exists",
        "LILY": "it mixes several adapters anew for every input, so no single changed weight exists",
        "SHADOW": "a second network runs next to the model, and the model's weights do not change",
        "BEFT": "it trains only biases, which are not matrices",
        "ADAMSS": "which rows its factors change is not saved: a clustering of all weights and biases finds it anew",
        "FROD": "its bases are not saved with it: they come out of all layers of a kind together",
    }
)
