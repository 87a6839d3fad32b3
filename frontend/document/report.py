"""A report as one HTML file that opens anywhere, without a network: what is said, every number, and figures alive."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from analysis.diagnostic import Finding, Severity, Summary, Table, abbreviate
from frontend import states
from frontend.document import assets
from frontend.document.grids import grids
from frontend.document.pictures import LONGEST, Picture, choose_layers, pictures
from frontend.verdict import verdict

TEMPLATES = Path(__file__).parents[1] / "templates"
FIRST = 10  # findings that are open


class Covered(Protocol):
    """How much of a checkpoint was analysed."""

    @property
    def tensors(self) -> int: ...
    @property
    def analysed(self) -> int: ...
    def reasons(self) -> list[tuple[str, int]]: ...


class Coverage(Covered, Protocol):
    """The same of a run; of one with several checkpoints, with what each is covered by."""

    @property
    def members(self) -> Sequence[Covered]: ...


class Reported(Protocol):
    """What of a report is written down; `analysis.report.Report` is one."""

    @property
    def coverage(self) -> Coverage: ...
    @property
    def tables(self) -> tuple[Table, ...]: ...
    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def summaries(self) -> Mapping[str, Summary]: ...


@dataclass(frozen=True, slots=True)
class Part:
    """The coverage of one checkpoint."""

    name: str
    part: Covered


def layers_shown(report: Reported) -> list[str]:
    """The weights whose figures the file carries, where their curves are in the report's tables."""
    return choose_layers(report.tables, _worst_first(report.summaries))


def write(report: Reported, title: str, version: str, steps: Mapping[int, float] = {}) -> str:
    """The whole file. The figures of layers are those whose curves the tables hold."""
    summaries = report.summaries
    findings = _worst_first(summaries)
    names = list(dict.fromkeys(row.weight.name for table in report.tables for row in table.rows))
    keys = {name: str(place) for place, name in enumerate(names)}
    tables = [table.in_network_order() for table in report.tables]
    drawn, left_out = pictures(tables, choose_layers(tables, findings), steps, keys)
    return _render(
        title=abbreviate(title, LONGEST),
        version=version,
        verdict=verdict(summaries),
        sayings=_sayings(report.tables, summaries),
        findings=[(states.severity(f.severity), f, keys.get(f.weights[0], "") if f.weights else "") for f in findings],
        first=FIRST,
        coverage=_coverage(report),
        grids=grids(tables, keys),
        names=[abbreviate(name, LONGEST) for name in names],
        pictures=[picture for picture in drawn if not picture.weight],
        held=sorted({int(picture.weight) for picture in drawn if picture.weight}),
        chosen=next((picture.weight for picture in drawn if picture.weight), ""),
        labels=_labels(tables, keys),
        left_out=left_out,
        data=_data(drawn),
    )


def _worst_first(summaries: Mapping[str, Summary]) -> list[Finding]:
    order = list(Severity)
    found = (finding for summary in summaries.values() for finding in summary.findings)
    return sorted(found, key=lambda finding: order.index(finding.severity))


def _sayings(tables: Iterable[Table], summaries: Mapping[str, Summary]) -> list[tuple[str, str]]:
    """What each diagnostic says, but for those whose sentences lead."""
    names = [table.diagnostic.name for table in tables if table.diagnostic.name != "entries"][1:]
    titles = {table.diagnostic.name: table.diagnostic.title for table in tables}
    return [(titles[name], summaries[name].headline) for name in names if summaries[name].headline]


def _coverage(report: Reported) -> list[Part]:
    if len(report.names) < 2:
        return [Part("", report.coverage)]
    pairs = zip(report.names, report.coverage.members, strict=True)
    return [Part(abbreviate(name, LONGEST), part) for name, part in pairs] or [Part("", report.coverage)]


def _labels(tables: Iterable[Table], keys: Mapping[str, str]) -> dict[str, str]:
    weights = {row.weight.name: row.weight for table in tables for row in table.rows}
    return {keys[name]: abbreviate(weight.label, LONGEST) for name, weight in weights.items()}


def _data(drawn: Iterable[Picture]) -> str:
    """The figures as JSON that may stand in a script element: no text in it can end that."""
    entries = [{**asdict(picture), "drawing": None} for picture in drawn]
    heads = json.dumps(entries, separators=(",", ":"))
    drawings = ",".join(picture.drawing for picture in drawn)
    return f'{{"pictures":{heads},"drawings":[{drawings}]}}'.replace("<", "\\u003c")


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip


def _render(**shown: Any) -> str:
    scripts = {"plotly": assets.plotly_text(), "script": assets.script_text()}
    return (
        _environment()
        .get_template("document/report.html")
        .render(
            **shown,
            **scripts,
            policy=assets.policy(scripts.values()),
            style=assets.style_text(),
            print_style=assets.print_style_text(),
        )
    )
