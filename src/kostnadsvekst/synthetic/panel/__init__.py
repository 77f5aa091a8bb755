"""A synthetic panel on which the estimator prints the published tables."""

from kostnadsvekst.synthetic.panel.manifest import build_manifest, render_csv
from kostnadsvekst.synthetic.panel.panel import DEFAULT_SEED, CalibratedPanel, calibrate_panel

__all__ = ["DEFAULT_SEED", "CalibratedPanel", "build_manifest", "calibrate_panel", "render_csv"]
