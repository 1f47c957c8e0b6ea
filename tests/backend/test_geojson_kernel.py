"""What the compiled writer writes is what the same columns say by plain Python."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.fix_columns import REASONS, FixColumns

BEGIN = datetime(2000, 1, 1, tzinfo=UTC)
metres = st.none() | st.integers(-(10**7), 10**7).map(lambda mm: mm / 1000)
fixes = st.fixed_dictionaries(
    {
        "collar": st.integers(1, 2**31 - 1),
        "generation": st.integers(0, 2**31 - 1),
        "record": st.integers(0, 2**63 - 1),
        "time_us": st.integers(-(10**16), 10**17) | st.just(0),
        "lat": st.integers(-90 * 10**7, 90 * 10**7).map(lambda e7: e7 / 1e7),
        "lon": st.integers(-180 * 10**7, 180 * 10**7).map(lambda e7: e7 / 1e7),
        "altitude_m": metres,
        "accuracy_m": metres,
        "reason": st.none() | st.integers(0, 15),
        "outlier": st.integers(0, 15),
        "animal": st.none() | st.integers(1, 2**63 - 1),
        "cells_per_degree": st.sampled_from([0, 1, 10, 100, 1000]),
    }
)
KINDS = ("i4", "i4", "i8", "i8", "f8", "f8", "f4", "f4", "i2", "i2", "i8", "i4")
NULLS = {"altitude_m": np.nan, "accuracy_m": np.nan, "reason": -1, "animal": 0}


def columns(rows: list[dict[str, Any]]) -> FixColumns:
    return FixColumns(
        *(
            np.array([NULLS.get(name) if row[name] is None else row[name] for row in rows], kind)
            for name, kind in zip(FixColumns._fields, KINDS, strict=False)
        )
    )


def _rounded(metre: float | None) -> float | None:
    return None if metre is None else round(float(np.float32(metre)), 3)


def feature(row: dict[str, Any]) -> dict[str, Any]:
    at = BEGIN + timedelta(microseconds=row["time_us"])
    digits = "microseconds" if at.microsecond else "seconds"
    reason = row["reason"]
    properties = {
        "collar": row["collar"],
        "generation": row["generation"],
        "record": row["record"],
        "recorded_at": at.replace(tzinfo=None).isoformat(timespec=digits) + "Z",
        "animal": row["animal"],
        "accuracy_m": _rounded(row["accuracy_m"]),
        "altitude_m": _rounded(row["altitude_m"]),
        "reason": None if reason is None else REASONS.get(reason, f"reason {reason}"),
        "visible": bool(row["outlier"] & 8 or not row["outlier"] & 7),
        "precision_deg": 1 / row["cells_per_degree"] if row["cells_per_degree"] else 0.00001,
    }
    return {
        "type": "Feature",
        "id": f"{row['collar']}-{row['generation']}-{row['record']}",
        "geometry": {"type": "Point", "coordinates": [row["lon"], row["lat"]]},
        "properties": properties,
    }


@settings(deadline=None)  # the first compiles
@given(st.lists(fixes, min_size=1, max_size=5))
def test_compiled_text_says_what_the_columns_say(rows: list[dict[str, Any]]) -> None:
    text = b"[" + columns(rows).geojson() + b"]"
    assert json.loads(text) == [feature(row) for row in rows]
