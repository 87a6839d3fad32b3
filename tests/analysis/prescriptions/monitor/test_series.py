"""The long table and the lines for wandb.log, read back as their tools read them."""

import csv
import io
import json
import sys

import pytest

from analysis.errors import OptionError
from analysis.prescriptions.monitor.series import COLUMNS, Reading, as_csv, as_jsonl, as_parquet, check_parquet
from tests.conftest import missing

READINGS = [
    Reading(10, "a,b.weight", "mlp.up_proj", 3, "operator_norm", 1.25),
    Reading(10, "lm_head.weight", "", None, "operator_norm", 0.1 + 0.2),
    Reading(20, "a,b.weight", "mlp.up_proj", 3, "operator_norm", 1.5),
]


def test_the_table_reads_back() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv("my run", READINGS).decode())))
    assert tuple(rows[0]) == COLUMNS
    assert [float(row["value"]) for row in rows] == [one.value for one in READINGS]
    assert (rows[0]["tensor"], rows[0]["layer"], rows[1]["layer"], rows[1]["run"]) == ("a,b.weight", "3", "", "my run")


def test_each_step_is_a_line() -> None:
    lines = [json.loads(line) for line in as_jsonl(READINGS).decode().splitlines()]
    assert [line["step"] for line in lines] == [10, 20]
    assert lines[0]["operator_norm/lm_head.weight"] == 0.1 + 0.2
    assert set(lines[1]) == {"step", "operator_norm/a,b.weight"}
    assert as_jsonl([]) == b""


def test_parquet_has_the_same_rows_with_types() -> None:
    try:
        import pyarrow.parquet as pq
    except ImportError:
        missing("the package pyarrow is not installed: make setup")
    check_parquet()
    table = pq.read_table(io.BytesIO(as_parquet("my run", READINGS)))
    assert tuple(table.column_names) == COLUMNS
    assert table.column("value").to_pylist() == [one.value for one in READINGS]
    assert table.column("layer").to_pylist() == [3, None, 3]
    assert [str(kind) for kind in table.schema.types] == [
        "string", "int64", "string", "string", "int64", "string", "double",
    ]  # fmt: skip


def test_without_pyarrow_parquet_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(OptionError, match=r"pip install 'eigenscope\[tables\]'"):
        check_parquet()
