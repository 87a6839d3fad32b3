"""What is odd about a checkpoint's files, which its facts state: accepted, read, and said."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from analysis.diagnostic import Finding, Scalar, Severity, Summary
from analysis.facts import EXTRA_TENSORS, FILE_NOTES, LINKS, MISSING_INDEX, REPEATED_TENSORS
from analysis.findings.causes import FILE

WHY = {
    MISSING_INDEX: "Nothing says which tensors belong to the model; transformers and others load by the index.",
    EXTRA_TENSORS: "They are measured here. Some loaders take all that a shard holds, others what the index names.",
    REPEATED_TENSORS: "They are measured once. Sharded saves write each tensor once.",
    LINKS: "Its bytes are read here as torch.load reads them; a tool that unpacks the zip would follow the link.",
}


def add_files(
    found: Mapping[str, Summary], facts: Sequence[Mapping[str, Scalar]], names: Sequence[str] = ()
) -> dict[str, Summary]:
    """The summaries by diagnostic, the first of them with what the files' facts say is odd, behind the rest.

    `facts` are those of each checkpoint's files; `names` are the checkpoints' where there are several.
    """
    said = tuple(_findings(facts, names))
    if not said or not found:
        return dict(found)
    first = next(iter(found))
    return {**found, first: replace(found[first], findings=(*found[first].findings, *said))}


def _findings(facts: Sequence[Mapping[str, Scalar]], names: Sequence[str]) -> list[Finding]:
    return [
        Finding(Severity.NOTE, _sentence(text, names[at] if len(names) > 1 else ""), WHY[key], cause=FILE)
        for at, stated in enumerate(facts)
        for key in FILE_NOTES
        if isinstance(text := stated.get(key), str)
    ]


def _sentence(text: str, name: str) -> str:
    return f"{name}: {text}" if name else f"{text[:1].upper()}{text[1:]}"
