"""The policy that `eigenscope policy init` writes: good defaults with their reasons, out of the usual ranges."""

from analysis.diagnostic import Column
from analysis.gate.metrics import columns

PARTLY = 0.5  # the share of layers with an α in its usual range: half of them
MOSTLY = 0.8  # and most of them


def starter() -> str:
    """The file's text, YAML with comments."""
    alpha, intruders, change, loss = (
        _range(columns()[key].column)
        for key in ("esd.alpha", "intruders.count", "update.relative_norm", "norms.rank_loss")
    )
    return TEMPLATE.format(alpha=alpha, intruders=intruders, change=change, loss=loss, partly=PARTLY, mostly=MOSTLY)


def _range(column: Column | None) -> str:
    assert column is not None
    assert column.usual is not None
    return "[{:g}, {:g}]".format(*column.usual)


TEMPLATE = """\
# What a checkpoint must keep to: eigenscope check model.safetensors --policy eigenscope.yml
# yaml-language-server: $schema=eigenscope.schema.json
#
# A rule is about a column (a value of each layer) or a summary (a number of the model), and says where it should lie.
# Evidence that is missing makes a rule insufficient, unless it says `missing: pass` or `missing: fail`.
# A weight that cannot be measured (NaN, infinity) closes the gate whatever the rules say of missing evidence.
version: 1
insufficient: fail   # a gate without enough evidence stays closed

rules:
  - name: most of the model was read
    summary: coverage.parameters
    min: 0.9

  - name: most matrices are not random
    # What stands above noise, and not α, says whether a layer was trained.
    column: entries.state
    aggregate: share
    where: {{equals: random}}
    max: 0.5

  - name: half of the layers have an α of 2 to 6
    # Where the fits (KS) of most trained layers lie: this says that α is usual, not that a layer was trained. Weak fits
    # do not count; where all are weak, as in small models, there is nothing to say.
    summary: esd.share_usual
    min: {partly}
    missing: pass

  - name: most layers have an α of 2 to 6
    summary: esd.share_usual
    min: {mostly}
    severity: warn
    missing: pass

  - name: the typical α is usual
    # The usual range of α. Low-confidence fits are left out.
    column: esd.alpha
    aggregate: median
    between: {alpha}
    weak: drop

  - name: no layer lost rank
    column: norms.rank_loss
    between: {loss}

  - name: no worse than the last report
    # On the first run, without a baseline, it passes. A column with a usual range gets worse where it leaves it.
    column: esd.alpha
    aggregate: median
    max_regression: "10%"
    weak: drop
    no_baseline: pass

# For fine-tunes: these need the base, as in `eigenscope check tuned/ --base base/`.
#
#  - name: no intruder dimensions
#    column: intruders.count
#    between: {intruders}
#    severity: warn
#
#  - name: no layer moved far
#    column: update.relative_norm
#    aggregate: p95
#    between: {change}
#
# More to choose from: every column in docs/diagnostics.md, for layers by name, role or depth:
#
#  - name: attention keeps its width
#    column: norms.stable_rank
#    layers: {{role: [q, k, v], depth: [0, 5], except: "*pooler*"}}
#    aggregate: min
#    max_regression: 2.0
#    better: higher
"""
