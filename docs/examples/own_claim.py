"""From published model 3 to a claim of one's own. Run: python docs/examples/own_claim.py."""

import kostnadsvekst as kv


def main(panel=None):
    """Return the table and the lines that the page shows."""
    panel = kv.load_panel() if panel is None else panel

    # The claim: a krone of free income buys more care where many inhabitants are 80 or older.
    published = kv.SPECIFICATIONS["A3-3"]
    panel = panel.assign(old=1.0 * (panel["age_80_plus"] >= panel["age_80_plus"].median()))
    claim = published.adding("old", "old:free_income").vary(covariance="cluster")

    # Does it hold with errors that respect the municipality, and without leaning on one of them?
    est = kv.estimate(claim, panel)
    wild = est.with_covariance("wild_cluster", terms=["old:free_income"])
    influential = kv.influence(est).of("old:free_income").head(3)

    # And in the models one might as well have written?
    specs = kv.grid(
        claim.without(*kv.NEEDS),
        controls=kv.subsets({"age": kv.NEEDS[:5], "social": kv.NEEDS[5:9], "place": kv.NEEDS[9:]}),
        weights=["population", None],
        sample=[(), "without_oslo", "without_errors"],
    )
    curve = kv.specification_curve(specs, panel, terms=["old:free_income"], draws=999)

    table = kv.table({"Model 3": kv.estimate(published, panel), "Claim": est, "Wild": wild}, hide=["C(year)"])
    return table, wild, influential, curve


if __name__ == "__main__":
    table, wild, influential, curve = main()
    print(table.to("md", "en"))
    print(wild.coefficients.loc["old:free_income"])
    print(influential)
    print(curve.frame["estimate"].describe(), curve.joint.results, sep="\n")
