"""The pages that come out of the code: docs/diagnostics.md from the registry, docs/findings.md from the causes,
docs/glossary.md from the glossary,
docs/prescriptions.md from the rules, docs/errors.md from the error trees, docs/eigenscope.schema.json from both; and as
HTML those pages that the service shows.

`python -m docs.generate` writes them, `--check` fails where a page is not what the code says.
"""

import inspect
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from markdown_it import MarkdownIt

from analysis import errors
from analysis.diagnostic import Column, Diagnostic, Option
from analysis.diagnostics import DIAGNOSTICS
from analysis.errors import EigenscopeError
from analysis.findings.causes import CAUSES
from analysis.findings.changes import CHANGES
from analysis.findings.widths import WIDTHS
from analysis.gate.schema import schema
from analysis.glossary.term import Term
from analysis.glossary.terms import GROUPS, Group
from analysis.prescriptions import PRESCRIPTIONS, Rule
from app import errors as service_errors
from app.errors import ServiceError

HERE = Path(__file__).parent
HELP = HERE.parent / "frontend" / "templates" / "help"
TASKS = ("well-trained", "broken-lora", "transfer", "what-to-prune")
SHOWN = ("evidence", "findings", "truth", *TASKS)  # pages that the service shows too, which has no Markdown
LINKED = (*SHOWN, "glossary")  # and one that it renders itself

Coded = EigenscopeError | ServiceError


def diagnostics_page() -> str:
    lines = [
        "# Diagnostics",
        "",
        "Generated from the registry by `make docs`; do not edit. Letters are explained in [notation](notation.md).",
        "",
    ]
    for diagnostic in DIAGNOSTICS:
        lines += section(diagnostic)
    return "\n".join(lines)


def section(diagnostic: Diagnostic) -> list[str]:
    lines = [f"## `{diagnostic.name}`: {diagnostic.title}", "", diagnostic.description, ""]
    lines += [f"Looks at: {diagnostic.scope.value}. Source: {diagnostic.reference}", ""]
    lines += ["| column | | meaning | usual | None when |", "|---|---|---|---|---|"]
    lines += [column_row(column) for column in diagnostic.columns]
    if diagnostic.options:
        lines += ["", "| option | default | takes | meaning |", "|---|---|---|---|"]
        lines += [option_row(option) for option in diagnostic.options]
    figures = "; ".join(f"`{figure.name}` ({figure.kind.value}): {figure.title}" for figure in diagnostic.figures)
    return [*lines, "", *([f"Figures: {figures}", ""] if figures else [])]


def column_row(column: Column) -> str:
    usual = "" if column.usual is None else "{:g} to {:g}".format(*column.usual)
    unit = f" ({column.unit})" if column.unit else ""
    return f"| `{column.name}` | {column.title}{unit} | {cell(column.meaning)} | {usual} | {cell(column.absent)} |"


def option_row(option: Option) -> str:
    if option.choices:
        takes = ", ".join(f"`{choice}`" for choice in option.choices)
    elif option.minimum is None and option.maximum is None:
        takes = "yes or no" if isinstance(option.default, bool) else "text"
    else:
        takes = f"{option.minimum} to {option.maximum}"
    return f"| `{option.name}` | `{option.default}` | {takes} | {cell(option.meaning)} |"


def cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def findings_page() -> str:
    lines = [
        "# Findings",
        "",
        "Generated from the causes by `make docs`; do not edit. What each finding is about, what to do about it, and",
        "where that is known from. How often they are right was measured: [truth](truth.md).",
        "",
    ]
    for cause in (*CAUSES, *CHANGES, *WIDTHS):
        lines += [f"## {cause.name}", "", f"- **Check** {cause.check}."]
        lines += [f"- **Confirmed by** {_linked(cause.confirm)}.", f"- **Then** {cause.action}."]
        lines += [f"- **Harmless**: {cause.harmless}.", f"- **Source**: {_linked(cause.source)}.", ""]
    return "\n".join(lines)


def glossary_page() -> str:
    lines = [
        "# Glossary",
        "",
        "Generated from the registry by `make docs`; do not edit. Every column and word of the pages: what it means,",
        "its usual values, when not to trust it, and its source. The service shows the same at `/help/glossary`. A",
        "caveat and a source below the title of a group are those of each entry that names no other.",
        "",
    ]
    for group in GROUPS:
        lines += [f"## {group.title}", "", *term_parts(Term("", "", "", caveat=group.caveat, source=group.source))]
        for term in group.terms:
            lines += term_lines(term, group)
    return "\n".join(lines)


def term_lines(term: Term, group: Group) -> list[str]:
    """A term without what its group has said already."""
    unit = f" ({term.unit})" if term.unit else ""
    caveat = "" if term.caveat == group.caveat else term.caveat
    source = "" if term.source == group.source else term.source
    own = term_parts(replace(term, caveat=caveat, source=source))
    return [f"### `{term.name}`: {term.title}{unit}", "", _linked(term.meaning), "", *own]


def term_parts(term: Term) -> list[str]:
    parts = (("Usual", term.usual), ("Caveat", term.caveat), ("No value", term.absent), ("Source", term.source))
    lines = [f"- **{part}** {_linked(text)}" for part, text in parts if text]
    return [*lines, ""] if lines else []


def _linked(text: str) -> str:
    """The path of a page as a link to it.

    >>> _linked("measured; docs/truth.md")
    'measured; [docs/truth.md](truth.md)'
    """
    return re.sub(r"docs/([\w-]+\.md)", r"[docs/\1](\1)", text)


def prescriptions_page() -> str:
    lines = [
        "# Prescriptions",
        "",
        "Generated from the rules by `make docs`; do not edit. A prescription is what a published rule says of each",
        "layer, with files that other tools read. It is no promise: **Validated on** says where the rule was tried.",
        "",
        "```sh",
        "eigenscope prescribe KIND FILE… --option NAME=VALUE … --out FOLDER",
        "```",
        "",
        "writes `FOLDER/prescription.json` and the files of the rule beside it. The record has `kind`, `estimator`,",
        "`parameters`, `report` (the SHA-256 of the report or of the checkpoints), `validated_on`, and `entries`: a",
        "value for each tensor. Where the measured differences between layers are no larger than their errors,",
        "`doubt` says so and has the uniform value. A report of `eigenscope analyze --json` can stand for its",
        "checkpoint where the rule reads tables only. Over the API: `POST /api/v1/runs/{id}/prescriptions`; a rule",
        "that reads the weights is computed there by a worker, and its `state` says how far it is.",
        "",
    ]
    for rule in PRESCRIPTIONS:
        lines += rule_section(rule)
    return "\n".join(lines)


def rule_section(rule: Rule) -> list[str]:
    lines = [f"## `{rule.name}`: {rule.title}", "", rule.description, ""]
    lines += [f"- **Input** {rule.inputs}{'; reads the weights' if rule.weights else '; a report is enough'}."]
    lines += [f"- **Entries** {rule.value}.", f"- **Source** {rule.reference}."]
    lines += [f"- **Validated on** {rule.validated_on}", ""]
    if rule.options:
        lines += ["| option | default | takes | meaning |", "|---|---|---|---|"]
        lines += [*(option_row(option) for option in rule.options), ""]
    if rule.outputs:
        lines += ["| file | read by | holds |", "|---|---|---|"]
        lines += [*(f"| `{each.file}` | {each.tool} | {cell(each.meaning)} |" for each in rule.outputs), ""]
    return lines


def errors_page() -> str:
    lines = [
        "# Errors",
        "",
        "Generated from the error trees by `make docs`; do not edit. A code never changes its meaning. The API puts it",
        "in `code` of an `application/problem+json` answer; the command line prints it beside the message.",
        "",
        "| code | means |",
        "|---|---|",
    ]
    meanings = {
        **dict(coded(EigenscopeError, errors)),
        **errors.REJECTIONS,
        **dict(coded(ServiceError, service_errors)),
    }
    lines += [f"| `{code}` | {cell(meaning)} |" for code, meaning in meanings.items()]
    return "\n".join([*lines, ""])


def coded(root: type[Coded], module: ModuleType) -> Iterator[tuple[str, str]]:
    """The code of each class of a tree, each parent before its children, with what the module's drawing says of it."""
    meanings = drawn(inspect.getdoc(module) or "")

    def walk(kind: type[Coded]) -> Iterator[tuple[str, str]]:
        yield kind.code, meanings[kind.__name__]
        for child in kind.__subclasses__():
            yield from walk(child)

    return walk(root)


def drawn(text: str) -> dict[str, str]:
    """What the tree drawn at the top of a module says of each of its classes."""
    return dict(re.findall(r"^[│├└─ ]*([A-Z][A-Za-z]+) +(?:\d{3} +)?(.*)$", text, re.MULTILINE))


def schema_page() -> str:
    """The JSON Schema of a policy, for editors."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def help_page(name: str) -> str:
    """A page as HTML: its headings can be linked to, its links lead to pages that the service shows, or out of it."""
    source = PAGES[f"{name}.md"]() if f"{name}.md" in PAGES else (HERE / f"{name}.md").read_text()
    html = MarkdownIt("commonmark").enable("table").render(source)
    html = re.sub(r"<h2>([^<]*)</h2>", lambda found: f'<h2 id="{anchor(found[1])}">{found[1]}</h2>', html)
    html = re.sub(r'<a href="([^"]*)">(.*?)</a>', _shown_link, html, flags=re.DOTALL)
    return _caption_tables(html)


def _caption_tables(html: str) -> str:
    """Each table has the heading above it as its caption, for those who hear the page."""
    parts = re.split(r"(<h[123][^>]*>.*?</h[123]>|<table>)", html)
    heading = ""
    for index, part in enumerate(parts):
        if part == "<table>":
            parts[index] = f'<table>\n<caption class="vh">{heading}</caption>'
        elif part.startswith("<h"):
            heading = re.sub(r"<[^>]*>", "", part)
    return "".join(parts)


def anchor(heading: str) -> str:
    """As forges name headings.

    >>> anchor("How sure is it")
    'how-sure-is-it'
    """
    return re.sub(r"[^\w-]", "", heading.lower().replace(" ", "-"))


def _shown_link(link: re.Match[str]) -> str:
    name, _, place = link[1].partition(".md")
    if link[1].startswith("https://"):
        return link[0]
    return f'<a href="/help/{name}{place}">{link[2]}</a>' if name in LINKED else link[2]


PAGES: dict[str, Callable[[], str]] = {
    "diagnostics.md": diagnostics_page,
    "findings.md": findings_page,
    "glossary.md": glossary_page,
    "prescriptions.md": prescriptions_page,
    "errors.md": errors_page,
    "eigenscope.schema.json": schema_page,
}


def files() -> Iterator[tuple[Path, str]]:
    """Each page's file and what belongs in it."""
    for name, page in PAGES.items():
        yield HERE / name, page()
    for name in SHOWN:
        yield HELP / f"{name}.html", help_page(name)


def main(check: bool) -> int:
    stale = []
    for path, text in files():
        if not path.exists() or path.read_text() != text:
            stale.append(path.name)
            if not check:
                path.write_text(text)
    if check and stale:
        sys.stderr.write(f"not what the code says: {', '.join(stale)}; run `make docs`\n")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
