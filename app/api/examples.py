"""Examples for the OpenAPI of what no model describes: a report, a figure, a table as CSV, a stream of events."""

from typing import Any

WEIGHT = "encoder.layer.0.attention.self.query.weight"
ROW = {"weight": WEIGHT, "label": "Block 0 · query", "role": "q", "depth": 0, "alpha": 3.12, "D": 0.04, "note": None}
SKIPPED = {"tensor": "encoder.layer.0.output.LayerNorm.bias", "shape": [384], "reason": "one-dimensional: a bias"}
REPORT: dict[str, Any] = {
    "coverage": {
        "tensors": 101, "analysed": 39, "parameters": 22713728, "analysed_parameters": 22566912, "weights": 22713728,
        "skipped": [SKIPPED],
    },
    "summary": {"esd": {"headline": "36 of 39 matrices have an α (KS) between 2 and 6.", "median_alpha": 3.4}},
    "tables": {"esd": [ROW]},
    "findings": [
        {
            "diagnostic": "entries", "severity": "warn", "text": "Query projection (query) of block 0 is 3.1 times as "
            "large as its siblings", "why": "Against the median of 5 others of its kind.", "weights": [WEIGHT],
            "evidence": {"rms": 0.12}, "cause": "scale", "check": "its norm in the checkpoint before",
            "confirm": "the gain of the norm next to it", "action": "undo the factor", "harmless": "between norms",
            "source": "docs/truth.md", "page": "docs/findings.md#scale",
        }
    ],
    "options": {"esd": {"xmin": 0.0}},
}  # fmt: skip
FIGURE: dict[str, Any] = {
    "data": [{"type": "scatter", "mode": "markers", "x": [0], "y": [3.1], "marker": {"color": "var(--role-q)"}}],
    "layout": {"xaxis": {"title": {"text": "block"}}, "yaxis": {"title": {"text": "alpha"}}},
}
CSV = "weight,label,role,depth,alpha,note\r\n" + f"{WEIGHT},Block 0 · query,q,0,3.12,\r\n"
PARQUET = "(the bytes of run-1.parquet)"
DOCUMENT = '<!doctype html>\n<html lang="en">…'
MARKDOWN = "# model@main\n\n**No fault found in the entries of 40 matrices.**\n"
EVENTS = 'event: progress\ndata: {"id": 1, "state": "running"}\n\nevent: end\ndata: {"id": 1, "state": "done"}\n\n'
FORM = {"files": ["(the bytes of model.safetensors)"], "name": "run 7"}

VERDICT = {
    "xml": '<testsuites name="eigenscope" tests="1" failures="0"><testsuite name="all-MiniLM-L6-v2">'
    '<testcase name="the typical α is usual"/></testsuite></testsuites>',
    "md": "### ✅ The gate is open: every rule holds.\n",
    "svg": '<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="eigenscope: pass">…</svg>',
}

Responses = dict[int | str, dict[str, Any]]


def ok(example: object, media_type: str = "application/json") -> Responses:
    """The `responses` of a route, with an example of its success."""
    return {200: {"content": {media_type: {"example": example}}}}
