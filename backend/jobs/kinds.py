"""All that can be asked, by name."""

from collections.abc import Mapping

from backend.jobs.corridor import CORRIDOR
from backend.jobs.home_range import HOME_RANGE
from backend.jobs.overlap import OVERLAP
from backend.jobs.question import Kind, KindName

KINDS: Mapping[KindName, Kind] = {
    "home-range": HOME_RANGE,
    "overlap": OVERLAP,
    "corridor": CORRIDOR,
}
