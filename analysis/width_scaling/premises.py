"""What the width law takes for granted, and where a family does not keep it: as findings.

The law is of AdamW with decoupled decay, in its steady state, at known η and λ > 0. What is missing is named, with what
can be said all the same.
"""

from collections.abc import Iterator, Mapping, Sequence

from analysis.diagnostic import Finding, Scalar, Severity
from analysis.errors import escape
from analysis.facts import find_contradictions
from analysis.findings.wording import format_value, join_words, quantity, short
from analysis.names import WORDS
from analysis.width_scaling.family import Family, Scaling
from analysis.width_scaling.law import STEADY, WIDTHS
from analysis.width_scaling.trajectory import trajectory

DECAYING = ("cosine", "linear", "polynomial", "inverse_sqrt", "cosine_with_restarts", "cosine_with_min_lr")
NAMED = {"learning_rate": "learning rate", "weight_decay": "weight decay", "step": "number of steps"}
GAP = 0.05  # between normalised spectra (our number; the paper says "approximately invariant")
FEW = 3  # layers of a kind below which resampling them says little


def premises(scaling: Scaling) -> Iterator[Finding]:
    """What to doubt, and what is missing."""
    family = scaling.family
    yield from _contradictory(family)
    yield from _override_findings(family)
    yield from _missing(family)
    yield from _sources(family)
    yield from _guess_findings(family)
    yield from _without_decay(family)
    yield from _unsteady(family)
    yield from _training(family)
    yield from _widths(family)
    yield from _joint_findings(scaling)
    yield from _shapes(scaling)


def list_models(family: Family, members: Sequence[int]) -> str:
    """The models' names, of many the first few."""
    some = [escape(family.names[index]) for index in members[:4]]
    return join_words([*some, f"{len(members) - 4} more"] if len(members) > 4 else some)


def _contradictory(family: Family) -> Iterator[Finding]:
    wrong = family.contradictions
    if wrong:
        text = f"The stated width of {list_models(family, wrong)} contradicts the shapes"
        pairs = [
            f"{escape(family.names[at])}: {family.stated[at]:g} stated, {family.shapes[at]:g} in the matrices"
            for at in wrong
        ]
        why = f"{'; '.join(pairs)}. The widths of the shapes were used for all: correct the stated ones."
        yield Finding(Severity.WARN, text, why, (), {"contradictions": len(wrong)})


def _override_findings(family: Family) -> Iterator[Finding]:
    """Where people say of a model what its own files do not: the stated facts were used."""
    pairs = [
        (at, name)
        for at, (file_facts, facts) in enumerate(zip(family.found, family.facts, strict=False))
        for name in find_contradictions(file_facts, {name: facts[name] for name in file_facts.keys() & facts.keys()})
    ]
    if pairs:
        text = f"What is stated of {list_models(family, sorted({at for at, _ in pairs}))} contradicts the files"
        parts = [
            f"{escape(family.names[at])}: {name.replace('_', ' ')} {_describe(family.facts[at][name])} stated, "
            f"{_describe(family.found[at][name])} in the files"
            for at, name in sorted(pairs)
        ]
        why = f"{'; '.join(parts[:6])}. What is stated was used: take it back where the files are right."
        yield Finding(Severity.WARN, text, why, (), {"overruled": len(pairs)})


def _describe(value: Scalar) -> str:
    return escape(format_value(value, 4))


def _missing(family: Family) -> Iterator[Finding]:
    if family.other_optimizers:
        return
    lacking = {name: family.missing(name) for name in ("learning_rate", "weight_decay")}
    if any(lacking.values()):
        parts = [f"the {NAMED[name]} of {list_models(family, at)}" for name, at in lacking.items() if at]
        text = f"Not known: {join_words(parts)}"
        why = (
            "Without them the law's √(η/λ) cannot be taken out there: exponents and ratios of σ₁ itself are given, and "
            "nothing is compared with 0.75. Give them as facts of the checkpoints (lr= and wd= on the command line)."
        )
        yield Finding(Severity.NOTE, text, why, (), {name: len(at) for name, at in lacking.items()})
    elif steps := family.missing("step"):
        text = f"Not known: the {NAMED['step']} of {list_models(family, steps)}"
        why = f"Whether steps · η · λ reached {STEADY:g}, from where on the law holds, cannot be said."
        yield Finding(Severity.NOTE, text, why, (), {"step": len(steps)})


def _without_decay(family: Family) -> Iterator[Finding]:
    none = [index for index, setting in enumerate(family.settings) if setting.weight_decay == 0.0]
    if none and not family.other_optimizers:
        text = f"{list_models(family, none)} trained without weight decay: the law says nothing there"
        why = (
            "With λ = 0 there is no steady state, and weights grow as long as training goes on. What σ₁ itself does "
            "with width is given; the law is checked on the other models only."
        )
        yield Finding(Severity.WARN, text, why, (), {"without_decay": len(none)})


def _unsteady(family: Family) -> Iterator[Finding]:
    steps = {
        index: s.steps_eta_lambda
        for index, s in enumerate(family.settings)
        if s.steps_eta_lambda is not None and s.weight_decay
    }
    indices = [index for index, value in steps.items() if value < STEADY]
    if indices and family.has_law:
        lowest = min(steps.values())
        text = f"{list_models(family, indices)} did not reach the steady state"
        why = (
            f"steps · η · λ is {short(lowest)} at the least, and {STEADY:g} or more is wanted: there σ₁ still holds "
            "what it was at the start, and the law need not hold."
        )
        yield Finding(Severity.WARN, text, why, (), {"steady": lowest})


def _training(family: Family) -> Iterator[Finding]:
    """What the facts say of optimizer, schedule and parametrisation."""
    if family.other_optimizers:
        why = (
            "The law is of AdamW with decoupled weight decay, w ← w - η λ w - η u. Others have another steady state: "
            "nothing is held against 0.75, and there is no recipe."
        )
        which = join_words([escape(name) for name in family.other_optimizers])
        yield Finding(Severity.NOTE, f"The optimizer is {which}, not AdamW", why)
        return
    indices = [i for i, f in enumerate(family.facts) if str(f.get("schedule", "")).lower() in DECAYING]
    peak = [i for i in indices if family.settings[i].mean_learning_rate is None and family.settings[i].step is not None]
    if peak:
        why = (
            "steps · η · λ was computed with the peak η, and is less with the mean. Give mean_learning_rate (mean_lr= "
            "on the command line) to be sure of the steady state."
        )
        yield Finding(
            Severity.NOTE, f"The learning rate of {list_models(family, peak)} decays, and its mean is not known", why
        )
    if any(str(f.get("parametrisation", "standard")).lower() not in ("standard", "sp") for f in family.facts):
        why = "η must be the one that the matrices got: the base rate of μP times d₀/d. Check that the facts say that."
        yield Finding(Severity.NOTE, "The parametrisation is not the standard one", why)


def _sources(family: Family) -> Iterator[Finding]:
    """Learning rates that the files do not state as the peak, and that nobody confirmed."""
    told = list(zip(family.found or family.facts, family.facts, strict=True))
    at = [i for i, (found, facts) in enumerate(told) if _is_read_elsewhere(found, facts)]
    if at and not family.other_optimizers:
        places = join_words(sorted({escape(told[i][0]["learning_rate_from"]) for i in at}))
        text = f"The learning rate of {list_models(family, at)} is {places}"
        why = "The law takes the peak. Give it as a fact (lr= on the command line) where it was another."
        yield Finding(Severity.NOTE, text, why, (), {"read_elsewhere": len(at)})


def _is_read_elsewhere(found: Mapping[str, Scalar], facts: Mapping[str, Scalar]) -> bool:
    return "learning_rate_from" in found and found.get("learning_rate") == facts.get("learning_rate")


def _guess_findings(family: Family) -> Iterator[Finding]:
    """Widths that nobody states and on which the matrices do not agree."""
    unsure = family.guessed_widths
    if unsure:
        text = f"The width of {list_models(family, unsure)} is a guess from the shapes"
        told = "; ".join(f"{escape(family.names[at])}: {family.settings[at].width:g}" for at in unsure[:6])
        why = f"{told}, and fewer than half of the matrices say so. Give it as a fact (width= on the command line)."
        yield Finding(Severity.WARN, text, why, (), {"guessed": len(unsure)})


def _widths(family: Family) -> Iterator[Finding]:
    count = len({setting.width for setting in family.settings})
    if count == 1 and not trajectory(family):
        why = "How σ₁ depends on width takes models of two widths for a check, of three for an exponent."
        yield Finding(Severity.NOTE, f"All models have the width {family.settings[0].width:g}", why)
    elif 1 < count < WIDTHS:
        why = "Two widths are checked against the law; an exponent with an interval takes three or more."
        yield Finding(Severity.NOTE, "Two widths: no exponents", why, (), {"widths": count})


def _joint_findings(scaling: Scaling) -> Iterator[Finding]:
    overall = scaling.overall
    if overall is None:
        return
    for reason in overall.fit.why:
        if "cannot be told apart" in reason and overall.fit.exponent is not None:
            why = "The exponent of d takes that of η/λ as the law has it, 0.5. Vary λ at one width to fit both."
            yield Finding(Severity.NOTE, reason, why)
    yield from _few_blocks_findings(scaling)


def _few_blocks_findings(scaling: Scaling) -> Iterator[Finding]:
    """Kinds of weight of few blocks, where what is said has an interval over the blocks."""
    counts = {kind.layers.role: len(set(kind.layers.blocks.tolist())) for kind in scaling.matrices}
    fewest = min(counts.values())
    if fewest >= FEW or len({setting.width for setting in scaling.family.settings}) == 1:
        return
    roles = [WORDS.get(role, role) for role, count in counts.items() if count == fewest]
    kinds = "each kind of weight" if len(roles) == len(counts) else join_words(roles)
    text = f"{quantity(fewest, 'block')} for {kinds}: intervals by resampling blocks are too narrow"
    why = "They say how blocks differ."
    if scaling.overall and scaling.overall.fit.drift is not None:
        why += " Intervals from the scatter of the models about the line are beside them."
    yield Finding(Severity.NOTE, text, why, (), {"blocks": fewest})


def _shapes(scaling: Scaling) -> Iterator[Finding]:
    wide = [
        row
        for kind in scaling.matrices
        for row in kind.layers.rows
        if isinstance(gap := row.value("shape_gap"), float) and gap > GAP
    ]
    if wide:
        text = f"The shape of the spectrum changes with width in {quantity(len(wide), 'matrix', 'matrices')}"
        why = (
            f"The largest gap between normalised spectra is {short(scaling.shape_gap or 0.0)}, above {GAP:g}: there σ₁ "
            "alone does not tell how the matrix scales."
        )
        names = tuple(row.weight.name for row in wide)
        yield Finding(Severity.WARN, text, why, names, {"shape_gap": scaling.shape_gap})
