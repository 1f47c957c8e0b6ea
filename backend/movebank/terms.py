"""Movebank's terms as its files spell them, and what they mean here.

Source: the Movebank attribute dictionary (vocabulary MVB of NERC) and the headers of published
studies. Files have hyphens and colons (`gps:hdop`), the API underscores; order is fixed at both
ends of an event file, the middle is alphabetical.
"""

from __future__ import annotations

EVENT_ID = "event-id"
VISIBLE = "visible"
TIMESTAMP = "timestamp"
LON = "location-long"
LAT = "location-lat"
SENSOR = "sensor-type"
TAXON = "individual-taxon-canonical-name"
TAG = "tag-local-identifier"
ANIMAL = "individual-local-identifier"
STUDY = "study-name"
ALTITUDE = "height-above-msl"
ACCURACY = "location-error-numerical"

FIRST = (EVENT_ID, VISIBLE, TIMESTAMP, LON, LAT)
LAST = (SENSOR, TAXON, TAG, ANIMAL, STUDY)

MARKS = {
    "algorithm-marked-outlier": 1,
    "import-marked-outlier": 2,
    "manually-marked-outlier": 4,
    "manually-marked-valid": 8,
}
"""The bit of each flag in `fix.outlier`; the last overrides the others."""

ACCURACIES = (ACCURACY, "eobs:horizontal-accuracy-estimate")
"""Where a horizontal accuracy [m] may stand, the first that a row has counts."""

NUMBERS = frozenset({
    "bar:barometric-pressure",
    "external-temperature",
    "gps:dop",
    "gps:hdop",
    "gps:pdop",
    "gps:vdop",
    "gps:satellite-count",
    "gps-time-to-fix",
    "ground-speed",
    "heading",
    "height-above-ellipsoid",
    ALTITUDE,
    ACCURACY,
    "eobs:horizontal-accuracy-estimate",
    "tag-voltage",
    "vertical-error-numerical",
})  # fmt: skip
"""Terms whose values are numbers: one that is not is at fault."""

SENSORS = {"gps": 653, "gnss": 0, "argos-doppler-shift": 82798, "radio-transmitter": 673}
"""Sensors that give positions, with Movebank's numbers (0: none known)."""

MISSPELT = {
    "gps-dop": "gps:dop",
    "gps-hdop": "gps:hdop",
    "gps-pdop": "gps:pdop",
    "gps-vdop": "gps:vdop",
    "gps-satellite-count": "gps:satellite-count",
    "latitude": LAT,
    "longitude": LON,
    "lat": LAT,
    "lon": LON,
}
"""What is often written for a term, and is none."""

REFERENCE = (
    "tag-id", "animal-id", "animal-taxon", "deploy-on-date", "deploy-off-date", "animal-comments",
    "animal-life-stage", "animal-mass", "animal-nickname", "animal-ring-id", "animal-sex",
    "attachment-type", "deploy-on-latitude", "deploy-on-longitude", "deployment-comments",
    "deployment-end-type", "deployment-id", "location-accuracy-comments", "manipulation-type",
    "study-site", "tag-manufacturer-name", "tag-mass", "tag-readout-method", "tag-serial-no",
)  # fmt: skip
"""The columns of reference data, in their order."""

END_TYPES = frozenset({
    "captured", "dead", "dead/fall-off", "equipment-failure", "fall-off", "other", "released",
    "removal", "transmission-end", "unknown", "",
})  # fmt: skip
SEXES = frozenset({"m", "f", "u", ""})


def from_api(name: str) -> str:
    """A term in the spelling of files, from that of the API (`location_long`) or of a file.

    The API's underscore stands for a hyphen or a colon: the term that exists is meant.
    """
    hyphened = name.strip().replace("_", "-")
    for prefix in ("gps", "eobs", "bar", "acc", "argos", "mag", "gls"):
        colon = hyphened.replace(f"{prefix}-", f"{prefix}:", 1)
        if hyphened.startswith(f"{prefix}-") and "_" in name and colon in NUMBERS:
            return colon
    return hyphened if "_" in name else name.strip()
