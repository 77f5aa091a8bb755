"""What the standard errors of period dummies say of the weights of the periods.

In a weighted regression with unit effects on period dummies alone, with n_t the weight of period t (all
weights add up to the number of rows) and period 0 as reference,

    SE(constant)² = σ²/n_0,    SE(b_t)² = σ²(1/n_0 + 1/n_t),

exactly where every unit has the same share of each period's weight, and nearly where units grow apart:
``share_slack`` is granted for that. Ratios of the n_t follow without σ, and σ from their sum.
"""

from collections.abc import Sequence

from kostnadsvekst.report.consistency.intervals import Interval, exact, total
from kostnadsvekst.report.consistency.printed import Printed
from kostnadsvekst.report.consistency.relations import Numbers, Relation

# Relative error of n_t where units' shares of a period differ by some per cent: second order in them.
SHARE_SLACK = 0.004


def inverse_weights(errors: Sequence[Printed], constant: Printed) -> list[Interval] | None:
    """1/n_t up to σ², reference first; None where a standard error is not above that of the constant."""
    first = constant.interval.square()
    rest = [error.interval.square() - first for error in errors]
    if first.low <= 0 or any(inverse.low <= 0 for inverse in rest):
        return None
    return [first, *rest]


def shares_of_periods(relation: Relation, numbers: Numbers, periods: int) -> list[Interval]:
    """Share of each period's weight in all.

    From ``weights_se`` and ``weights_constant`` where the relation names them and they can be used, within
    ``weight_slack`` (relative; without it any share, equal ones if it is zero).
    """
    slack = relation.options.get("weight_slack")
    equal = 1.0 / periods
    box = Interval(0.0, 1.0) if slack is None else Interval(equal * (1 - slack), equal * (1 + slack))
    errors = numbers.all(relation, "weights_se")
    constant = numbers.maybe(relation, "weights_constant")
    inverse = inverse_weights(errors, constant) if constant and len(errors) == periods - 1 else None
    if inverse is None:
        return [box] * periods
    told = shares_from(inverse, float(relation.options.get("share_slack", SHARE_SLACK)))
    common = [share.common(box) for share in told]
    return [box] * periods if any(c is None for c in common) else [c for c in common if c is not None]


def shares_from(inverse: Sequence[Interval], slack: float) -> list[Interval]:
    """Shares whose inverses are known up to a factor, within a relative slack."""
    granted = Interval(1 - slack, 1 + slack)
    weights = [exact(1.0) / i * granted for i in inverse]
    shares = []
    for k, weight in enumerate(weights):
        others = total([w for j, w in enumerate(weights) if j != k])
        shares.append(
            Interval(weight.low / (weight.low + others.high), weight.high / (weight.high + others.low))
        )
    return shares
