"""What is measured once is not measured again, and is never taken for anything else."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from analysis.diagnostic import Measurement, Options, Request, Scope, measure
from analysis.diagnostics import DIAGNOSTICS, requests
from analysis.engine import kept as module
from analysis.engine.comparison import compare
from analysis.engine.kept import CHECK, Kept, digest_of, digest_of_sources, digest_of_texts
from analysis.engine.single import analyze
from analysis.formats import open_checkpoint
from analysis.report import Report
from analysis.weight import Factors, Grid, TensorInfo, Weight, WeightInfo
from tests import comparisons as made
from tests.analysis.examples import InMemory, some_tensors

AGAIN = 1  # of some_tensors the weight of which only the reason is said, each time anew: with NaN
BOTH = requests({"esd": {}, "norms": {}})


class Memory:
    """A store that is a dictionary."""

    def __init__(self) -> None:
        self.entries: dict[str, bytes] = {}
        self.asked = 0

    def get(self, keys: Collection[str]) -> Mapping[str, bytes]:
        self.asked += 1
        return {key: self.entries[key] for key in keys if key in self.entries}

    def put(self, entries: Mapping[str, bytes]) -> None:
        self.entries |= entries


@pytest.fixture
def store() -> Memory:
    return Memory()


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The diagnostics that were computed, one for each weight and group."""
    names: list[str] = []

    def spy(request: Request, weights: Sequence[Weight]) -> Measurement:
        names.append(request.diagnostic.name)
        return measure(request, weights)

    monkeypatch.setattr("analysis.engine.single.measure", spy)
    monkeypatch.setattr("analysis.engine.pieces.measure", spy)
    return names


def everything(report: Report) -> Any:
    """A report with its curves, in a form that can be compared."""
    curves = [
        {name: (str(curve.dtype), curve.tobytes()) for name, curve in row.measurement.curves.items()}
        for table in report.tables
        for row in table.rows
    ]
    return report.to_json(), curves


# --- one checkpoint -------------------------------------------------------------------------------------------------


def test_a_second_analysis_of_the_same_file_reads_and_measures_nothing(store: Memory, computed: list[str]) -> None:
    first = analyze(some_tensors(), BOTH, kept=Kept(store, ["a file"]))
    assert everything(first) == everything(analyze(some_tensors(), BOTH))
    computed.clear()
    again, store.asked = some_tensors(), 0
    assert everything(analyze(again, BOTH, kept=Kept(store, ["a file"]))) == everything(first)
    assert set(again.read_names) == {"model.layers.0.self_attn.k_proj.weight"}  # with NaN: that is said anew each time
    assert len(computed) == len(BOTH)
    assert store.asked < 5, "what is expected is looked up at once"


def test_the_same_tensors_in_another_file_are_read_and_not_measured(store: Memory, computed: list[str]) -> None:
    first = analyze(some_tensors(), BOTH, kept=Kept(store, ["a file"]))
    for sources in (["another file"], [""]):
        computed.clear()
        again = some_tensors()
        assert everything(analyze(again, BOTH, kept=Kept(store, sources))) == everything(first)
        assert len(again.read_names) == 5
        assert len(computed) == len(BOTH)


def test_a_request_that_is_new_is_measured_beside_those_that_are_not(store: Memory, computed: list[str]) -> None:
    analyze(some_tensors(), BOTH[:1], kept=Kept(store, ["a file"]))
    computed.clear()
    both = analyze(some_tensors(), BOTH, kept=Kept(store, ["a file"]))
    assert (computed.count("esd"), computed.count("norms")) == (AGAIN, 6)
    assert everything(both) == everything(analyze(some_tensors(), BOTH))


@pytest.mark.parametrize("other", ["options", "device", "version"])
def test_other_options_devices_and_versions_find_nothing(
    store: Memory, computed: list[str], other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    analyze(some_tensors(), requests({"norms": {}}), kept=Kept(store, ["a file"]))
    total = len(computed)
    computed.clear()
    if other == "version":
        monkeypatch.setattr(module, "code_digest", lambda: "a later one")
    asked = requests({"norms": {"conv_norm": 0.5} if other == "options" else {}})
    kept = Kept(store, ["a file"], "cuda:1" if other == "device" else "cpu")
    analyze(some_tensors(), asked, kept=kept)
    assert len(computed) == total


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data[:CHECK] + b"{}", lambda data: b""])
def test_a_damaged_entry_is_computed_again(store: Memory, damage: Any) -> None:
    first = analyze(some_tensors(), BOTH, kept=Kept(store, ["a file"]))
    whole = dict(store.entries)
    store.entries = {key: damage(data) for key, data in whole.items()}
    assert everything(analyze(some_tensors(), BOTH, kept=Kept(store, ["a file"]))) == everything(first)
    assert store.entries == whole


def test_what_needs_too_much_memory_is_refused_and_not_kept(store: Memory, computed: list[str]) -> None:
    report = analyze(some_tensors(), BOTH, memory=1000, kept=Kept(store, ["a file"]))
    assert everything(report) == everything(analyze(some_tensors(), BOTH, memory=1000))
    assert computed == []
    assert store.entries == {}


# --- several --------------------------------------------------------------------------------------------------------


def compared(folder: Path, store: Memory, names: Sequence[str], sources: Sequence[str]) -> Report:
    if not (folder / "base").exists():
        made.write(folder, base=made.model(made.base()), lora=made.adapter(), full=made.model(made.full()))
    paths = [folder / name for name in names]
    asked = requests({"norms": {}, "update": {}, **({"overlap": {}} if len(names) > 2 else {})})
    return compare([open_checkpoint([path]) for path in paths], asked, names, kept=Kept(store, sources))


def test_a_second_comparison_measures_nothing(tmp_path: Path, store: Memory, computed: list[str]) -> None:
    names = ("base", "lora", "full")
    first = compared(tmp_path, store, names, names)
    assert computed
    for sources in (names, ("", "", "")):
        computed.clear()
        assert everything(compared(tmp_path, store, names, sources)) == everything(first)
        assert computed == []


def test_a_new_fine_tune_of_a_known_base(tmp_path: Path, store: Memory, computed: list[str]) -> None:
    compared(tmp_path, store, ("base", "lora"), ("base", "lora"))
    computed.clear()
    report = compared(tmp_path, store, ("base", "full"), ("base", "full"))
    of_base = [row for row in report.tables[0].rows if row.group == (0,)]
    assert len(computed) == sum(len(table.rows) for table in report.tables) - len(of_base)
    assert everything(report) == everything(compared(tmp_path, Memory(), ("base", "full"), ("", "")))


def test_layers_that_were_frozen_are_looked_up(tmp_path: Path, store: Memory, computed: list[str]) -> None:
    random = torch.Generator().manual_seed(5)
    state = {f"model.layers.{i}.mlp.up_proj.weight": torch.randn(32, 24, generator=random) for i in range(4)}
    tuned = {name: tensor.clone() for name, tensor in state.items()}
    tuned["model.layers.3.mlp.up_proj.weight"] += 0.1
    for name, tensors in (("base", state), ("tuned", tuned)):
        computed.clear()
        save_file(tensors, tmp_path / f"{name}.safetensors")
        analyze(open_checkpoint([tmp_path / f"{name}.safetensors"]), BOTH, kept=Kept(store, [name]))
    assert sorted(computed) == ["esd", "norms"]


# --- keys -----------------------------------------------------------------------------------------------------------

INFO = TensorInfo("w", (6, 4), "float32", 96, "q", 0, None)
TENSOR = torch.arange(24, dtype=torch.float32).reshape(6, 4)


@pytest.mark.parametrize(
    ("tensor", "info", "more"),
    [
        (TENSOR + 1, INFO, {}),
        (TENSOR.reshape(4, 6), INFO, {}),
        (TENSOR.view(torch.int32), INFO, {}),
        (TENSOR, replace(INFO, transposed=True), {}),
        (TENSOR, replace(INFO, layout="halves"), {}),
        (TENSOR, replace(INFO, groups=2), {}),
        (TENSOR, replace(INFO, first=2), {}),
        (TENSOR, replace(INFO, axes="io"), {}),
        (TENSOR, replace(INFO, unfit="an embedding"), {}),
        (TENSOR, replace(INFO, role="conv"), {}),
        (TENSOR, INFO, {"grid": Grid(0.1, "4 bits")}),
        (TENSOR, INFO, {"changes": [Factors(torch.ones(6, 1), torch.ones(1, 4))]}),
        (TENSOR, INFO, {"changes": ["it does not fit"]}),
        (TENSOR, INFO, {"merged": True}),
    ],
)
def test_whatever_decides_a_matrix_is_in_its_digest(tensor: Tensor, info: TensorInfo, more: dict[str, Any]) -> None:
    assert digest_of(tensor, [info], **more) != digest_of(TENSOR, [INFO])


def test_a_name_a_place_and_strides_are_not_in_it() -> None:
    other = replace(INFO, name="v", depth=7, where="Block 7", more="copy")
    assert digest_of(TENSOR.mT.contiguous().mT, [other]) == digest_of(TENSOR, [INFO])
    assert digest_of(torch.zeros(0, 4), [INFO]) != digest_of(torch.zeros(4, 0), [INFO])


def test_no_two_lists_of_texts_have_the_same_digest() -> None:
    assert digest_of_texts("a", "b") != digest_of_texts("ab")
    assert digest_of_texts("a", "b") != digest_of_texts("a\0b")


def test_a_changed_source_is_another_version(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1")
    before = digest_of_sources(tmp_path)
    (tmp_path / "a.py").write_text("x = 2")
    assert digest_of_sources(tmp_path) != before
    (tmp_path / "a.py").write_text("x = 1")
    assert digest_of_sources(tmp_path) == before


@pytest.mark.parametrize("diagnostic", [d for d in DIAGNOSTICS if d.scope is Scope.ONE], ids=lambda d: d.name)
def test_no_measurement_depends_on_what_a_weight_is_called(diagnostic: Any) -> None:
    """Else one that is kept under another name would be another."""
    slices = torch.randn(1, 48, 32, generator=torch.Generator().manual_seed(0))
    info = WeightInfo("a.weight", "a.weight", 48, 32, 1, "q", 0)
    renamed = replace(info, name="b", tensor="b", depth=9, where="Block 9", more="copy")
    assert {field.name for field in fields(WeightInfo)} == {
        *("name", "tensor", "depth", "where", "more"),  # these are changed here
        *("rows", "columns", "slices", "role", "unfit"),  # these are in the digest
    }
    one, other = (diagnostic.compute([Weight(each, slices)], diagnostic.settings({})) for each in (info, renamed))
    if diagnostic.named:
        assert one.values != other.values, "then it need not be declared so"
        return
    assert one.values == other.values
    assert one.note == other.note
    assert {k: v.tobytes() for k, v in one.curves.items()} == {k: v.tobytes() for k, v in other.curves.items()}


def test_what_draws_by_a_name_is_kept_by_it(store: Memory, computed: list[str]) -> None:
    asked = requests({"random_matrix": {}, "norms": {}})
    matrix = torch.randn(32, 24, generator=torch.Generator().manual_seed(5))
    for name in ("model.layers.0.mlp.up_proj.weight", "model.layers.1.mlp.up_proj.weight"):
        computed.clear()
        report = analyze(InMemory({name: matrix}), asked, kept=Kept(store, [""]))
        assert everything(report) == everything(analyze(InMemory({name: matrix}), asked))
    assert computed[0] == "random_matrix"
    assert len(computed) == 3, "the norms were looked up"


def test_a_family_is_not_kept(store: Memory) -> None:
    request = Request(next(d for d in DIAGNOSTICS if d.scope is Scope.FAMILY), Options({}))
    kept = Kept(store, ["a", "b"])
    kept.keep([(request, (0, 1))], [], {0: "x", 1: "y"}, [])
    assert kept.take() == {}
