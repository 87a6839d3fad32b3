"""Our files as axolotl, compressed-tensors, torchtitan, NeMo Automodel, fairseq2 and mergekit read them.

Each test executes the tool's own module, as it is installed; llm-compressor itself is not: its list of sparsities meets
the targets in the order of compressed-tensors' `match_named_modules`, which is executed here.
"""

import json
import logging
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import yaml
from torch import Tensor, nn

from analysis.prescriptions.prescription import Prescription
from analysis.prescriptions.writing import write
from tests.analysis.prescriptions.golden import llama, members, prescribe, save
from tests.consumers import consumer

LAYERS = 12  # so that the order of numbers is not that of text


def as_module(tensors: dict[str, Tensor]) -> nn.Module:
    """A model with parameters of these names, linear layers where they are matrices, in the order of a LLaMA's."""
    root = nn.Module()
    for name, tensor in tensors.items():
        *path, last = name.split(".")
        if tensor.ndim == 2 and "embed" not in name:
            leaf: nn.Module = nn.Linear(tensor.shape[1], tensor.shape[0], bias=False)
        else:
            leaf = nn.Module()
            leaf.register_parameter(last, nn.Parameter(tensor.clone()))
        _at(root, path[:-1]).add_module(path[-1], leaf)
    return root


def _at(root: nn.Module, path: list[str]) -> nn.Module:
    for word in path:
        if word not in dict(root.named_children()):
            root.add_module(word, nn.Module())
        root = root.get_submodule(word)
    return root


@pytest.fixture
def tensors() -> dict[str, Tensor]:
    """Three matrices a block are enough, and each takes its time to be fitted."""
    parts = ("q_proj", "up_proj", "down_proj", "norm", "embed", "lm_head")
    return {name: tensor for name, tensor in llama(layers=LAYERS).items() if any(part in name for part in parts)}


def asked(kind: str, tensors: dict[str, Tensor], tmp_path: Path, **options: object) -> Prescription:
    found = prescribe(kind, members(save(tensors, tmp_path / "model.safetensors")), **options)
    write(found, tmp_path / "out")
    return found


def test_axolotl_trains_exactly_the_chosen_layers(
    tensors: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    freeze = consumer(monkeypatch, "axolotl.utils.freeze", "axolotl.utils.distributed", "axolotl.utils.logging")
    found, model = asked("trainable", tensors, tmp_path, fraction=0.25), as_module(tensors)
    patterns = yaml.safe_load((tmp_path / "out" / "unfrozen_parameters.yaml").read_text())["unfrozen_parameters"]
    freeze.freeze_layers_except(model, patterns)
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    assert trained == {*found.answer.extra["chosen"], *found.answer.extra["always"]}
    assert len(found.answer.extra["chosen"]) == 3 * 3


def test_axolotls_plugin_picks_the_same_layers_from_the_ratios(
    tensors: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin = consumer(
        monkeypatch, "axolotl.integrations.spectrum.__init__", "axolotl.utils.logging", "requests",
        "axolotl.integrations.spectrum.args", given={"axolotl.integrations.base": {"BasePlugin": object}},
    )  # fmt: skip
    found = asked("trainable", tensors, tmp_path, fraction=0.25, model="an_org/A_model")
    settings = {"base_model": "an_org/A_model", "spectrum_top_fraction": 0.25}
    monkeypatch.chdir(tmp_path / "out")
    plugin.SpectrumPlugin().pre_model_load(settings)
    picked = [f"{name}.weight" for name in settings["unfrozen_parameters"] if not name.startswith("^")]  # type: ignore[attr-defined]
    assert picked == found.answer.extra["chosen"]


def test_axolotl_gives_every_parameter_its_rate(
    tensors: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With LLR also to embeddings and heads, which axolotl takes out of every group of ours."""

    class Trainer:
        def get_decay_parameter_names(self, model: nn.Module) -> list[str]:
            return [name for name, parameter in model.named_parameters() if parameter.ndim == 2]

    given: dict[str, dict[str, Any]] = {
        "transformers.trainer": {"Trainer": Trainer},
        "transformers.trainer_optimizer": {"is_optimizer_factory": None},
        "transformers.utils": {"is_sagemaker_mp_enabled": lambda: False},
        "peft.optimizers": {"create_loraplus_optimizer": None},
    }
    for name in ("transformers", "peft"):
        monkeypatch.setitem(sys.modules, name, SimpleNamespace(__path__=[]))
    module = consumer(monkeypatch, "axolotl.core.trainers.mixins.optimizer", "axolotl.utils.logging", given=given)
    found, model = asked("learning-rate", tensors, tmp_path, map="llr", base=1e-3), as_module(tensors)
    settings = yaml.safe_load((tmp_path / "out" / "axolotl.yaml").read_text())
    trainer = module.OptimizerMixin()
    trainer.args = SimpleNamespace(
        lr_groups=settings["lr_groups"], embedding_lr=settings["embedding_lr"], embedding_lr_scale=None,
        weight_decay=0.1,
    )  # fmt: skip
    groups = trainer.create_optimizer_grouped_parameters(model, {"lr": settings["learning_rate"]})
    check_rates(model, groups, found, "lr", 1e-3)


def check_rates(model: nn.Module, groups: list[dict[str, Any]], found: Prescription, key: str, base: float) -> None:
    """Every parameter is in one group, whose value is its entry's to three digits, and the base's without one."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    values = {names[id(parameter)]: group[key] for group in groups for parameter in group["params"]}
    assert values.keys() == set(names.values())
    assert sum(len(group["params"]) for group in groups) == len(values)
    wanted = {name: float(found.entries.get(name) or base) for name in values}
    assert values == pytest.approx(wanted, abs=6e-4 * base)
    assert len(set(values.values())) > LAYERS


def test_compressed_tensors_leaves_out_exactly_the_listed_layers(
    tensors: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    consumer(monkeypatch, "compressed_tensors.utils.internal")
    match = consumer(monkeypatch, "compressed_tensors.utils.match")
    planted = "model.layers.1.mlp.down_proj.weight"
    tensors[planted][:, 0] *= 8.0  # an outlier among the inputs, which every group of its row pays for
    found, model = asked("quantisation", tensors, tmp_path, top=0, ratio=1.1), as_module(tensors)
    ignore = yaml.safe_load((tmp_path / "out" / "llm_compressor_ignore.yaml").read_text())["ignore"]
    quantised = {f"{name}.weight" for name, _ in match.match_named_modules(model, ["Linear"], ignore)}
    matrices = {name for name, tensor in tensors.items() if tensor.ndim == 2 and "embed" not in name}
    assert matrices - quantised == {*found.answer.extra["chosen"], "lm_head.weight"}
    assert planted in found.answer.extra["chosen"]


@pytest.mark.parametrize("per", ["block", "matrix"])
def test_every_layer_gets_its_own_place_in_the_list_of_sparsities(
    tensors: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, per: str
) -> None:
    consumer(monkeypatch, "compressed_tensors.utils.internal")
    match = consumer(monkeypatch, "compressed_tensors.utils.match")
    found, model = asked("sparsity", tensors, tmp_path, target=0.6, per=per), as_module(tensors)
    recipe = yaml.safe_load((tmp_path / "out" / "llm_compressor.yaml").read_text())
    modifier = recipe["pruning_stage"]["pruning_modifiers"]["SparseGPTModifier"]
    targets = [name for name, _ in match.match_named_modules(model, modifier["targets"])]
    assert len(targets) == len(modifier["sparsity"])
    given = dict(zip(targets, modifier["sparsity"], strict=True))
    for name, value in found.entries.items():
        place = next(target for target in targets if name.startswith(f"{target}."))
        assert given[place] == pytest.approx(value, abs=1e-6)
    assert match.is_match("lm_head", model.get_submodule("lm_head"), modifier["ignore"])


@pytest.mark.parametrize(
    ("kind", "key", "base"), [("learning-rate", "lr", 1e-3), ("weight-decay", "weight_decay", 0.1)]
)
@pytest.mark.parametrize("own", [False, True], ids=["as in the checkpoint", "torchtitan's names"])
def test_torchtitan_groups_every_parameter(
    tensors: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, key: str, base: float,
    own: bool,
) -> None:  # fmt: skip
    @dataclass(kw_only=True, slots=True)
    class Config:
        pass

    module = consumer(
        monkeypatch, "torchtitan.components.optimizer.optimizer", "torchtitan.distributed.flex_shard",
        "torchtitan.tools.logging", "torchtitan.components.optimizer.utils",
        given={"torchtitan.config": {"Configurable": type("Configurable", (), {"Config": Config})},
               "torchtitan.components.checkpointer.utils": {"canonical_fqn": str}},
    )  # fmt: skip
    found = asked(kind, tensors, tmp_path, base=base)
    named = {(titans_name(name, monkeypatch) if own else name): tensor for name, tensor in tensors.items()}
    model = as_module(named)
    monkeypatch.setitem(sys.modules, "torchtitan.components.optimizer", module)
    loader: dict[str, Any] = {}
    exec((tmp_path / "out" / "torchtitan_groups.py").read_text(), loader)
    configs = loader["param_groups"](tmp_path / "out" / "torchtitan.json", betas=(0.9, 0.95))
    groups, _ = module.OptimizersContainer._build_param_groups(model, configs, {"fused": False})
    torch.optim.AdamW(groups["AdamW"])
    if own:
        back = {titans_name(name, monkeypatch): name for name in tensors}
        values = {back[name]: group[key] for group in groups["AdamW"] for name in group["param_names"]}
        assert values == pytest.approx({n: float(found.entries.get(n) or base) for n in tensors}, abs=6e-4 * base)
    else:
        check_rates(model, groups["AdamW"], found, key, base)


def titans_name(name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """As torchtitan's adapter for Llama 3 calls it."""
    module = consumer(
        monkeypatch, "torchtitan.models.llama3.state_dict_adapter", "torchtitan.protocols.state_dict_adapter",
        "torchtitan.models.llama3.model", "torchtitan.models.common.rope",
        given={"torchtitan.protocols.state_dict_adapter": {"StateDictAdapter": Adapter}},
    )  # fmt: skip
    config = SimpleNamespace(enable_weight_tying=False)
    own: dict[str, str] = module.Llama3StateDictAdapter(config, None).from_hf_map
    layer = next((word for word in name.split(".") if word.isdigit()), "")
    return own[name.replace(f".{layer}.", ".{}.") if layer else name].format(layer)


class Adapter:
    def __init__(self, *_: object) -> None:
        pass


@pytest.mark.parametrize(("kind", "key"), [("learning-rate", "lr_mult"), ("weight-decay", "wd_mult")])
def test_nemo_multiplies_every_layers_value(
    tensors: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, key: str
) -> None:
    consumer(monkeypatch, "nemo_automodel.shared.parameter_names")
    module = consumer(
        monkeypatch, "nemo_automodel.components.optim.optimizer", "nemo_automodel.components.optim.dion",
        "nemo_automodel.components.optim.precision_warnings", "nemo_automodel.components.optim.scheduler",
        "nemo_automodel.shared.utils",
    )  # fmt: skip
    found, model = asked(kind, tensors, tmp_path, base=1.0), as_module(tensors)
    told = yaml.safe_load((tmp_path / "out" / "nemo_automodel.yaml").read_text())["param_group_overrides"]
    overrides = module._coerce_param_group_overrides(told)
    groups = module._build_param_groups(list(model.named_parameters()), overrides)
    check_rates(model, [{key: 1.0, **group} for group in groups], found, key, 1.0)


@pytest.mark.parametrize("own", [False, True], ids=["as in the checkpoint", "fairseq2's names"])
def test_fairseq2_gives_every_layer_its_rate(
    tensors: dict[str, Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    @dataclass
    class Group:
        params: list[str]
        lr: float

    module = consumer(
        monkeypatch, "fairseq2.recipe.optim", "fairseq2.logging", "fairseq2.utils.validation",
        given={"fairseq2.recipe.config": {"ParameterGroupConfig": Group, "default": "default"},
               "fairseq2.recipe.model": {"RecipeModel": type("RecipeModel", (), {})},
               "fairseq2.logging": {"log": logging.getLogger("x")}},
    )  # fmt: skip
    monkeypatch.setattr(module, "log", SimpleNamespace(is_enabled_for_info=lambda: False, warning=pytest.fail))
    found = asked("learning-rate", tensors, tmp_path, map="llr", base=1.0)
    names = {name: fairseqs_name(name, monkeypatch) if own else name for name in tensors}
    model = as_module({names[name]: tensor for name, tensor in tensors.items()})
    told = yaml.safe_load((tmp_path / "out" / "fairseq2.yaml").read_text())["groups"]
    groups = [{"lr": 1.0, **group} for group in module.prepare_parameter_groups(model, [Group(**row) for row in told])]
    back = {id(parameter): name for name, parameter in model.named_parameters()}
    values = {back[id(parameter)]: group["lr"] for group in groups for parameter in group["params"]}
    wanted = {names[name]: float(found.entries.get(name) or 1.0) for name in tensors}
    assert values == pytest.approx(wanted, abs=6e-4)


def fairseqs_name(name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """As fairseq2's converter for LLaMA calls it."""
    module = consumer(
        monkeypatch, "fairseq2.models.llama.interop", "fairseq2.models.llama.config",
        "fairseq2.models.utils.checkpoint", "fairseq2.utils.config",
        given={"fairseq2.models.hg": {"HuggingFaceConfig": None, "HuggingFaceConverter": object}},
    )  # fmt: skip
    return next(re.sub(old, new, name) for old, new in module._HG_KEY_MAP.items() if re.match(old, name))


def test_mergekit_reads_the_proposal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pydantic import BaseModel

    class ModelReference(BaseModel, frozen=True):
        path: str

    class Tokenizers(BaseModel):
        pass

    base = llama(layers=1)
    random = torch.Generator().manual_seed(3)
    paths = [save(base, tmp_path / "base.safetensors")]
    for name in ("one", "two"):
        moved = {key: tensor + 0.01 * torch.randn(tensor.shape, generator=random) for key, tensor in base.items()}
        paths.append(save(moved, tmp_path / f"{name}.safetensors"))
    module = consumer(
        monkeypatch, "mergekit.config",
        given={"mergekit.common": {"ModelReference": ModelReference},
               "mergekit.tokenizer.config": {"TokenizerConfig": Tokenizers}},
    )  # fmt: skip
    found = prescribe("interference", members(*paths), base_model="org/base")
    told = yaml.safe_load(found.answer.files["mergekit.yaml"])
    told["base_model"] = {"path": told["base_model"]}
    for each in told["models"]:
        each["model"] = {"path": each["model"]}
    config = module.MergeConfiguration(**told)
    assert config.merge_method == "task_arithmetic"
    assert [each.model.path for each in config.models] == ["one", "two"]
    assert all(0.5 < each.parameters["weight"] < 2.0 for each in config.models)


def test_the_files_are_json_and_yaml(tensors: dict[str, Tensor], tmp_path: Path) -> None:
    asked("learning-rate", tensors, tmp_path)
    for path in (tmp_path / "out").iterdir():
        if path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".yaml":
            assert isinstance(yaml.safe_load(path.read_text()), dict)
