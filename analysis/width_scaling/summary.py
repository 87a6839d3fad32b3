"""What a family's top singular values say in words: does the law hold, and does the recipe transfer?

Two questions. The law holds where σ₁ / √(η/λ) grows as d^0.75. The recipe transfers where σ₁ itself stays the same, so
that every layer's gain does; under the law λ ∝ √d at η ∝ 1/d makes it so.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

from analysis.diagnostic import Finding, Scalar, Severity, Summary, Table
from analysis.errors import escape
from analysis.findings.subjects import names, unmeasured_findings, worst_first
from analysis.findings.widths import WIDTH_DRIFT, WIDTH_EVIDENCE
from analysis.findings.widths import WIDTH_EXPONENT as WIDTH_LAW
from analysis.findings.wording import join_words, quantity, two_places
from analysis.names import WORDS
from analysis.outcome import Outcome
from analysis.width_scaling.family import Family, Kind, Scaling, family, is_measured, scaling
from analysis.width_scaling.law import WIDTH_EXPONENT, Estimate, Pair, reject_by_holm
from analysis.width_scaling.premises import premises
from analysis.width_scaling.questions import questions
from analysis.width_scaling.recipe import repair_decay
from analysis.width_scaling.trajectory import Moment, in_words, losing_pace, trajectory

OF_MODELS = ("exponent", "drift", "joint", "ratio")
BY_CHANCE = " All matrices together stay within 16 %, and of several kinds one is often that far off by chance."


def summarise(table: Table) -> Summary:
    missing = [*unmeasured_findings(table.rows, "kind_class", "singular values to compare"), *_zero(table)]
    models = family(table)
    if models is None:
        return Summary("No weight could be measured in all models.", {"members": len(table.facts)}, tuple(missing))
    fits = scaling(models)
    moments = trajectory(models)
    findings = [*_law(fits), *_drifts(fits), *losing_pace(moments), *premises(fits), *missing]
    members, law_pairs = range(len(models.settings)), fits.overall.instead if fits.overall else ()
    groups: dict[tuple[int, ...], Mapping[str, Scalar]] = {
        **{(index,): {**_member(models, index), **_moment(moments, index)} for index in members},
        **{
            (models.narrowest, index): {**_pairs(fits, models.narrowest, index), **_moment(moments, index)}
            for index in models.wider
        },
        **{(pair.base, pair.target): _pairs(fits, pair.base, pair.target) for pair in law_pairs},
    }
    headline = in_words(moments) if moments else _headline(fits)
    asked = (*questions(models), *worst_first(findings))
    return Summary(headline, _numbers(fits), asked, groups)


def _zero(table: Table) -> Iterator[Finding]:
    """What was measured and has no logarithm."""
    zero_rows = [row for row in table.rows if row.value("kind_class") is not None and not is_measured(row)]
    if zero_rows:
        text = f"{quantity(len(zero_rows), 'weight is', 'weights are')} zero in one of the models, and left out"
        some = [row.weight.label for row in zero_rows[:6]]
        which = join_words([*some, f"{len(zero_rows) - 6} more"] if len(zero_rows) > 6 else some)
        why = f"{which}: a σ₁ of 0 grows with no exponent. Of the other models nothing is said there either."
        yield Finding(Severity.NOTE, text, why, names(zero_rows), {"zero": len(zero_rows)}, WIDTH_EVIDENCE)


def interval_in_words(found: Estimate) -> str:
    """Its careful interval in words; nothing where there is none."""
    ends = found.widest
    return f" (95 % interval {two_places(ends[0])} to {two_places(ends[1])})" if ends else ""


def _headline(fits: Scaling) -> str:
    models, overall = fits.family, fits.overall
    if overall is None:
        return f"No matrix that the law speaks of was measured in all of {quantity(len(models.names), 'model')}."
    low, high = min(s.width for s in models.settings), max(s.width for s in models.settings)
    drift, exponent, ratio = overall.fit.drift, overall.fit.exponent, overall.fit.ratio
    if exponent is not None:
        itself = f"; σ₁ itself as d^{two_places(drift.value)}" if drift is not None else ""
        law = f"σ₁ / √(η/λ) grows as d^{two_places(exponent.value)}{interval_in_words(exponent)}"
        wide = ": too wide an interval to decide" if exponent.is_undecided else ""
        return f"{law} over widths {low:g} to {high:g}, where the law says 0.75{wide}{itself}."
    if drift is not None:
        power = f"{two_places(drift.value)}{interval_in_words(drift)}"
        return f"σ₁ grows as d^{power} over widths {low:g} to {high:g}. {_missing_in_words(models)}."
    if ratio is not None:
        power = f"{two_places(ratio.value)}{interval_in_words(ratio)}"
        return f"At width {low:g} σ₁ grows as (η/λ)^{power}, where the law says 0.5."
    return _pair_in_words(models, max(overall.checked, key=lambda pair: abs(math.log(pair.measured))))


def _missing_in_words(found: Family) -> str:
    if found.other_optimizers:
        return f"The law is of AdamW, and says nothing of {join_words(list(map(escape, found.other_optimizers)))}"
    if found.asks_decay:
        return "Nothing is compared with the law before it is known which form of weight decay the numbers are"
    has_no_decay = any(s.weight_decay == 0.0 for s in found.settings)
    return f"Too few models have {'a known η and a λ above 0' if has_no_decay else 'known η and λ'} to fit the law"


def _pair_in_words(found: Family, pair: Pair) -> str:
    base, target = found.settings[pair.base], found.settings[pair.target]
    law = f", where the law says {two_places(pair.predicted)}" if pair.predicted is not None else ""
    way = f"From width {base.width:g} to {target.width:g}"
    if base.width == target.width:
        first, second = escape(found.names[pair.base]), escape(found.names[pair.target])
        way = f"From {first} to {second}, both of width {base.width:g},"
    return f"{way} σ₁ changes by a factor of {two_places(pair.measured)}{law}; two models give no interval."


def _numbers(fits: Scaling) -> dict[str, Scalar]:
    """Flat: exponent, exponent.low, exponent.high of all matrices, exponent.q, exponent.q.low, … of each kind."""
    models = fits.family
    steady = [s.steps_eta_lambda for s in models.settings if s.steps_eta_lambda is not None]
    numbers: dict[str, Scalar] = {
        "members": len(models.names),
        "narrowest": min(s.width for s in models.settings),
        "widest": max(s.width for s in models.settings),
        "steady": min(steady) if steady else None,
        "shape_gap": fits.shape_gap,
        "exponent.law": WIDTH_EXPONENT,
        "drift.law": 0.0,  # under the rule λ ∝ √d at η ∝ 1/d
    }
    kinds = {"": fits.overall} | {f".{_key(kind)}": kind for kind in fits.kinds}
    for suffix, kind in kinds.items():
        for name in OF_MODELS if kind is not None else ():
            assert kind is not None
            numbers |= _flat(f"{name}{suffix}", getattr(kind.fit, name))
    for what, field in (("law", "checked"), ("transfer", "pairs")):
        verdicts = [getattr(pair, what) for kind in fits.matrices for pair in getattr(kind, field)]
        numbers |= {f"{what}.{word}": verdicts.count(word) for word in ("pass", "warn", "fail")}
    return numbers


def _key(kind: Kind) -> str:
    return kind.layers.role


def _flat(name: str, found: Estimate | None) -> dict[str, Scalar]:
    if found is None:
        return {}
    low, high = found.widest or (None, None)
    spread_low, spread_high = found.spread or (None, None)
    ends = {
        "low": low,
        "high": high,
        "error": found.error,
        "spread_low": spread_low,
        "spread_high": spread_high,
        "blocks_low": found.low,
        "blocks_high": found.high,
    }
    return {name: found.value, **{f"{name}.{end}": value for end, value in ends.items()}}


def _member(found: Family, at: int) -> Mapping[str, Scalar]:
    """How one model was trained, and √(η/λ), by which the law divides its σ₁."""
    setting = found.settings[at]
    return {
        "width": setting.width,
        "scale": None if setting.ratio is None else math.sqrt(setting.ratio),
        "steps_eta_lambda": setting.steps_eta_lambda,
    }


def _pairs(fits: Scaling, base: int, target: int) -> Mapping[str, Scalar]:
    """What one wider model is beside the narrowest, or beside the narrowest that the law speaks of."""
    overall = [fits.overall] if fits.overall else []
    numbers: dict[str, Scalar] = {"width": fits.family.settings[target].width}
    for suffix, kind in [("", kind) for kind in overall] + [(f".{_key(kind)}", kind) for kind in fits.kinds]:
        for pair in (*kind.pairs, *kind.instead):
            if (pair.base, pair.target) == (base, target):
                fields = {name: getattr(pair, name) for name in ("measured", "log_ratio", "law", "transfer")}
                numbers |= {f"{name}{suffix}": value for name, value in fields.items()}
                numbers.setdefault("predicted", pair.predicted)
    return numbers


def _moment(moments: Sequence[Moment], at: int) -> Mapping[str, Scalar]:
    """What one step of a training run is beside the first."""
    return {
        f"run.{name}": getattr(m, name) for m in moments if m.at == at for name in ("step", "sigma", "norm", "rate")
    }


def name_kind(kind: Kind) -> str:
    return WORDS.get(kind.layers.role, kind.layers.role)


def _law(fits: Scaling) -> Iterator[Finding]:
    """Where the exponent of d is not the law's.

    Steps of one run are on their way to the steady state: not judged. Nor is a family whose η may be a base rate.
    """
    if trajectory(fits.family) or fits.family.asks_rate:
        return
    for kind in _departing(fits):
        exponent = kind.fit.exponent
        assert exponent is not None
        word = "more" if exponent.value > WIDTH_EXPONENT else "less"
        power = two_places(exponent.value)
        text = f"{name_kind(kind)}: σ₁ grows {word} with width than the law says: d^{power}, not d^0.75"
        why = f"Beside √(η/λ){interval_in_words(exponent)}. The rule λ ∝ √d does not keep this σ₁ the same."
        which, facts = names(kind.layers.rows), {"exponent": exponent.value, "p": exponent.p_value(WIDTH_EXPONENT)}
        yield Finding(Severity.WARN, text[:1].upper() + text[1:], why, which, facts, WIDTH_LAW)
    if failures := [kind for kind in fits.matrices if _breaks_law(kind)]:
        text = f"The law does not predict how σ₁ changes in {join_words([name_kind(kind) for kind in failures])}"
        pairs = [max(kind.checked, key=lambda pair: abs(pair.log_ratio or 0.0)) for kind in failures]
        parts = [
            f"{name_kind(kind)} {two_places(pair.measured)} against {two_places(pair.predicted or 0.0)}"
            for kind, pair in zip(failures, pairs, strict=True)
        ]
        which = names(row for kind in failures for row in kind.layers.rows)
        together = fits.overall is not None and _worst_pair(fits.overall) != "pass"
        severity = _severity([_worst_pair(kind) for kind in failures], together)
        why = f"Measured factor against the law's: {', '.join(parts)}. Within 16 % passes, beyond 42 % fails."
        if severity is Severity.NOTE:
            why += BY_CHANCE
        if any(kind.fit.exponent for kind in failures):
            why += " The interval of the exponent holds 0.75 all the same: it is wide, and does not outweigh that."
        yield Finding(severity, text, why, which, {"kinds": len(failures)}, WIDTH_LAW)


def _severity(verdicts: Sequence[Outcome | None], is_sure: bool) -> Severity:
    """Of kinds with a pair that does not pass: less than a failure is no warning by itself, being one of many."""
    if "fail" in verdicts:
        return Severity.BAD
    return Severity.WARN if is_sure else Severity.NOTE


def _departing(fits: Scaling) -> list[Kind]:
    """The kinds whose exponent is not the law's, by their interval and by a test corrected for how many there are."""
    tests = [(kind, kind.fit.exponent) for kind in fits.matrices if kind.fit.exponent is not None]
    flags = reject_by_holm([exponent.p_value(WIDTH_EXPONENT) for _, exponent in tests])
    pairs = zip(tests, flags, strict=True)
    return [kind for (kind, exponent), no in pairs if no and exponent.agrees(WIDTH_EXPONENT) is False]


def _breaks_law(kind: Kind) -> bool:
    """Whether its pairs are not the law's: where an exponent agrees with it, only where a pair fails altogether."""
    if kind.fit.exponent is None:
        return _worst_pair(kind) in ("warn", "fail")
    return kind.fit.exponent.agrees(WIDTH_EXPONENT) is not False and _worst_pair(kind) == "fail"


def _drifts(fits: Scaling) -> Iterator[Finding]:
    """Where σ₁ does not stay the same, from the narrowest model to the widest: settings do not transfer."""
    models = fits.family
    if models.other_optimizers:
        return  # that σ₁ has to stay is of the rule for AdamW
    if not models.wider or models.settings[models.wider[-1]].width == models.settings[models.narrowest].width:
        return
    target = models.wider[-1]
    drifts = [(kind, pair) for kind in fits.matrices for pair in kind.pairs if pair.target == target]
    drifts = [(kind, pair) for kind, pair in drifts if pair.transfer != "pass"]
    if drifts:
        widths = f"from width {models.settings[models.narrowest].width:g} to {models.settings[target].width:g}"
        parts = join_words([f"{name_kind(kind)} ×{two_places(pair.measured)}" for kind, pair in drifts])
        which = names(row for kind, _ in drifts for row in kind.layers.rows)
        evidence = {f"measured.{_key(kind)}": pair.measured for kind, pair in drifts}
        severity = _severity([pair.transfer for _, pair in drifts], _is_drift_sure(fits, target))
        why = _repair(fits, target) + (BY_CHANCE if severity is Severity.NOTE else "")
        yield Finding(severity, f"σ₁ drifts {widths}: {parts}", why, which, evidence, WIDTH_DRIFT)


def _is_drift_sure(fits: Scaling, target: int) -> bool:
    """Whether σ₁ of all matrices drifts by as much, or that of a kind by a test corrected for how many there are."""
    pairs = fits.overall.pairs if fits.overall else ()
    if any(pair.target == target and pair.transfer != "pass" for pair in pairs):
        return True
    drifts = [kind.fit.drift for kind in fits.matrices if kind.fit.drift is not None]
    flags = reject_by_holm([drift.p_value(0.0) for drift in drifts])
    return any(no and drift.agrees(0.0) is False for drift, no in zip(drifts, flags, strict=True))


def _repair(fits: Scaling, target: int) -> str:
    """What λ would bring σ₁ back, where λ is known."""
    why = "Settings transfer where σ₁, and so each layer's gain, stays the same: within 16 % passes, beyond 42 % fails."
    decay = fits.family.settings[target].weight_decay
    if not decay or fits.overall is None or not fits.family.has_law:
        return why
    (pair,) = (pair for pair in fits.overall.pairs if pair.target == target)
    formula = f"{decay:.3g} · {two_places(pair.measured)}² = {repair_decay(decay, pair.measured):.3g}"
    return f"{why} Over all matrices, at the same η, λ R² would bring it back: {formula}."


def _worst_pair(kind: Kind) -> Outcome | None:
    """The worst that the law comes out as over its pairs."""
    order = list(Outcome)
    verdicts = [pair.law for pair in kind.checked if pair.law is not None]
    return max(verdicts, key=order.index) if verdicts else None
