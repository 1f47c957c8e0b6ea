"""What the API answers: the models behind its description, checked against real answers by a test.

Collections of many features are not passed through these models (that would cost ten times the
query); the test is what keeps them true.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer

from backend.params import format_time

Utc = Annotated[AwareDatetime, PlainSerializer(format_time, return_type=str, when_used="json")]
Longitude = Annotated[float, Field(ge=-180, le=180)]
Latitude = Annotated[float, Field(ge=-90, le=90)]
Position = tuple[Longitude, Latitude]
Precision = Annotated[
    float,
    Field(
        description="Positions are given to a grid of this many degrees; more is stored where "
        "`precisionStored` of the collection is smaller",
        examples=[0.00001, 0.1],
    ),
]


class Answer(BaseModel):
    """Base of all answers: no member that is not described."""

    model_config = ConfigDict(extra="forbid")


class Problem(BaseModel):
    """An error, as RFC 9457 has it."""

    type: str = Field(examples=["urn:capra:problem:bad-parameter"])
    title: str = Field(examples=["A value cannot be used"])
    status: int = Field(examples=[400])
    detail: str = Field(
        description="Names the value and what was expected",
        examples=["limit = '0': expected greater than or equal to 1"],
    )
    instance: str = Field(examples=["/api/v1/fixes"])
    parameter: str | None = Field(default=None, examples=["limit"])
    expected: str | None = Field(default=None, examples=["greater than or equal to 1"])


class Link(Answer):
    """A way on from here."""

    rel: Literal["self", "next"]
    type: str
    href: str


class Point(Answer):
    """GeoJSON Point."""

    type: Literal["Point"]
    coordinates: Position


class LineString(Answer):
    """GeoJSON LineString."""

    type: Literal["LineString"]
    coordinates: list[Position] = Field(min_length=2)


class MultiLineString(Answer):
    """GeoJSON MultiLineString: a track that crosses the antimeridian."""

    type: Literal["MultiLineString"]
    coordinates: list[list[Position]]


class Area(Answer):
    """GeoJSON Polygon or MultiPolygon."""

    type: Literal["Polygon", "MultiPolygon"]
    coordinates: list[Any]


class FixProperties(Answer):
    """One position record."""

    collar: int
    generation: int = Field(description="Resets of the collar's log so far")
    record: int = Field(description="Number in the collar's log")
    recorded_at: Utc
    animal: int | None = Field(description="The animal that wore the collar at that time")
    accuracy_m: float | None = Field(description="Horizontal accuracy, not worse than this [m]")
    altitude_m: float | None = Field(description="Height above mean sea level [m]")
    reason: str | None = Field(
        description="Why it was taken; null where positions are generalised",
        examples=["backbone", "first", "motion"],
    )
    visible: bool = Field(description="False: marked as an outlier")
    precision_deg: Precision


class LatestProperties(FixProperties):
    """The newest fix of a collar."""

    name: str | None = Field(description="Name of that animal")


class TrackProperties(Answer):
    """An animal's way."""

    precision_deg: Precision
    animal: int
    name: str
    taxon: str | None
    fixes: int = Field(description="Fixes on this line")
    complete: bool = Field(description="False: older fixes in the range were left out by `limit`")
    from_time: Utc | None = Field(description="Of the first fix on the line")
    to_time: Utc | None = Field(description="Of the last fix on the line")
    recorded_at_s: list[int] = Field(description="Unix time of each fix, in order [s]")


class HomeRangeProperties(Answer):
    """One isopleth of a home range."""

    precision_deg: Precision
    home_range: int
    animal: int
    name: str
    method: str = Field(examples=["kde"])
    about: str = Field(
        description="The method in words", examples=["kernel density, reference bandwidth"]
    )
    level_percent: float = Field(examples=[95.0])
    area_km2: float
    fixes: int
    from_time: Utc = Field(description="First fix used")
    to_time: Utc = Field(description="Last fix used")
    computed_at: Utc
    software_version: str
    parameters: dict[str, Any] = Field(
        description="Everything that fixes the result, and where the method knows them the "
        "`effective_size` of the sample and `area_intervals_km2` of the areas, by level; warnings"
    )


class CorridorProperties(Answer):
    """Land that at least so many animals of a herd use."""

    precision_deg: Precision
    corridor: int = Field(description="Number of the computation")
    animals: int = Field(description="At least so many of the herd use this land")
    share_percent: float = Field(description="The same as part of the herd")
    area_km2: float
    area_grid_km2: float = Field(description="The same counted on the grid of the computation")
    width_narrowest_m: float | None = Field(
        description="The bottleneck, across the direction of travel; null: no way leads through"
    )
    width_median_m: float | None
    width_widest_m: float | None
    width_sections: int | None = Field(description="Places where the width was measured")
    width_bottleneck_lon_lat: Position | None = Field(description="Where it is narrowest")
    herd: list[int] = Field(description="Animals it was computed from", examples=[[1, 2, 3]])
    fixes: int
    from_time: Utc = Field(description="First fix used")
    to_time: Utc = Field(description="Last fix used")
    computed_at: Utc
    software_version: str
    parameters: dict[str, Any] = Field(
        description="Everything that fixes the result; animals left out, and why; warnings"
    )


class FixFeature(Answer):
    """GeoJSON Feature: a fix."""

    type: Literal["Feature"]
    id: str = Field(description="collar-generation-record", examples=["1-0-42"])
    geometry: Point
    properties: FixProperties


class LatestFeature(Answer):
    """GeoJSON Feature: the newest fix of a collar."""

    type: Literal["Feature"]
    id: str
    geometry: Point
    properties: LatestProperties


class TrackFeature(Answer):
    """GeoJSON Feature: a track; without geometry where there are fewer than two fixes."""

    type: Literal["Feature"]
    id: int
    geometry: LineString | MultiLineString | None
    properties: TrackProperties


class HomeRangeFeature(Answer):
    """GeoJSON Feature: an isopleth."""

    type: Literal["Feature"]
    id: str = Field(description="home range-level", examples=["7-95"])
    geometry: Area
    properties: HomeRangeProperties


class CorridorFeature(Answer):
    """GeoJSON Feature: a level of use; without geometry where no land is used by so many."""

    type: Literal["Feature"]
    id: str = Field(description="corridor-animals", examples=["3-2"])
    geometry: Area | None
    properties: CorridorProperties


class Collection(Answer):
    """What all GeoJSON FeatureCollections here have."""

    type: Literal["FeatureCollection"]
    timeStamp: Utc = Field(description="When this answer was made")
    numberReturned: int
    precisionStored: float = Field(description="What is stored of a position [degrees]")
    links: list[Link] = Field(description="`next` where there is more")


class Fixes(Collection):
    """Fixes in order of time."""

    features: list[FixFeature]


class Latest(Collection):
    """The newest fix of each collar."""

    features: list[LatestFeature]


class Tracks(Collection):
    """One line per animal."""

    features: list[TrackFeature]


class HomeRanges(Collection):
    """Isopleths of home ranges, widest first."""

    features: list[HomeRangeFeature]


class Corridors(Collection):
    """Levels of use of corridors: newest computation first, in each the widest land first."""

    features: list[CorridorFeature]


class ServiceHealth(Answer):
    """How the service is doing."""

    status: Literal["ok"]
    version: str
    postgresql: str = Field(examples=["16.14"])
    timescaledb: str | None = Field(description="Null: plain tables", examples=["2.19.3"])
    edition: Literal["none", "apache", "community"] = Field(description="Of TimescaleDB")
    migration: str = Field(description="Last one applied", examples=["0003_corridors"])
