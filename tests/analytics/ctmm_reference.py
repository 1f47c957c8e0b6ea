"""Tracks with the results of R's ctmm 1.3.0: golden ones, and real ones by path."""

import json

from analytics.ctmm.model import MovementModel
from tests.analytics.tracks import GOLDEN, stored_track

SIMULATED = ["ouf_1000", "ouf_irregular_600"]
REAL = {
    "buffalo_Cilla": ("ctmm_buffalo.csv", "Cilla"),
    "buffalo_Pepper": ("ctmm_buffalo.csv", "Pepper"),
    "coati_Aleja": ("ctmm_coati.csv", "Aleja"),
}


def simulated(name):
    figures = json.loads((GOLDEN / "sim_ouf_ctmm.json").read_text(encoding="utf-8"))[name]
    return stored_track(GOLDEN / f"sim_{name}.csv"), figures


def real(folder, name):
    text = (folder / "reference" / "ctmm" / f"{name}.json").read_text(encoding="utf-8")
    file, individual = REAL[name]
    return stored_track(folder / "tracks" / file, individual), json.loads(text)


def model_of(figures):
    """The movement model of a fit in the package's form."""
    taus = figures["tau_raw"] or []
    position_s, velocity_s = [*(taus if isinstance(taus, list) else [taus]), 0, 0][:2]
    scatter = figures["sigma_par"]
    return MovementModel(
        float(position_s),
        float(velocity_s),
        scatter["major"],
        scatter["minor"],
        scatter["angle"],
        figures["isotropic"],
    )
