"""What the API takes and answers about studies, animals, collars, stations and fences.

Each resource has an answer (`Study`), what makes a new one (`NewStudy`) and what changes one
(`StudyChange`: members left out stay as they are).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from backend.params import AnimalNumber, CollarNumber, Number, Time
from backend.schemas import Answer, Latitude, Link, Longitude, Precision, Utc

Sensitivity = Literal["open", "low", "medium", "high", "extreme"]
Sex = Literal["m", "f", "u"]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")]
Text = Annotated[str, Field(max_length=10_000, pattern=r"^[^\x00]*$")]
Attributes = Annotated[
    dict[Name, str | int | float | bool | None],
    Field(max_length=1000, description="Whatever else is known, kept as it came"),
]

SENSITIVITY_HELP = (
    "How sensitive positions are, by GBIF's categories: what each role sees of them is the "
    "location policy's matter"
)


class Input(BaseModel):
    """Base of all bodies: no member that is not described."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)

    @model_validator(mode="after")
    def _check_plain(self) -> Self:
        if _has_nul(
            self.model_dump()
        ):  # in a member of any form: no text of the database holds it
            raise ValueError("expected no character U+0000")
        return self


def _has_nul(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_nul, (*value, *value.values())))
    if isinstance(value, list):
        return any(map(_has_nul, value))
    return isinstance(value, str) and "\0" in value


class NewStudy(Input):
    """A study to make."""

    name: Name = Field(examples=["Ibex of the Val Trupchun"])
    principal_investigator: Text | None = None
    contact: Text | None = None
    licence: Text | None = Field(default=None, examples=["CC-BY-4.0"])
    citation: Text | None = None
    public: bool = Field(default=False, description="Whether everybody has the role public in it")
    sensitivity: Sensitivity | None = Field(
        default=None,
        description=SENSITIVITY_HELP + "; of animals for which neither they nor their taxon "
        "state one; null: high",
    )
    attributes: Attributes = {}


class NewAnimal(Input):
    """An animal to register."""

    name: Name = Field(examples=["Flurina"])
    taxon: Name | None = Field(default=None, examples=["Capra ibex"])
    sex: Sex | None = None
    study: Number | None = None
    sensitivity: Sensitivity | None = Field(default=None, description=SENSITIVITY_HELP)
    mass_g: float | None = Field(default=None, gt=0, le=1e9)
    comments: Text | None = None
    attributes: Attributes = {}


class NewCollar(Input):
    """A collar to register; without a number it gets the lowest that is free."""

    collar: Annotated[int, Field(ge=1, le=65535)] | None = None
    name: Name = Field(examples=["collar 7"])
    study: Number | None = None
    maker: Text | None = None
    model: Text | None = None
    serial: Text | None = None
    attributes: Attributes = {}


class NewDeployment(Input):
    """A collar put on an animal."""

    collar: CollarNumber
    animal: AnimalNumber
    from_time: Time
    to_time: Time | None = Field(default=None, description="Exclusive; null: it is still on")
    end_type: Text | None = Field(default=None, examples=["fall-off"])
    comments: Text | None = None
    attributes: Attributes = {}


class NewStation(Input):
    """A ground station."""

    station: Annotated[Name, Field(pattern=r"^[^\x00/]*[^\s\x00/][^\x00/]*$", examples=["hut"])]
    lat: Latitude | None = None
    lon: Longitude | None = None


class FenceShape(Input):
    """GeoJSON: the line that is crossed, or the area that is left or entered."""

    type: Literal["Polygon", "MultiPolygon", "LineString"]
    coordinates: list[Any] = Field(
        min_length=1, examples=[[[[10, 46], [11, 46], [11, 47], [10, 46]]]]
    )


class NewFence(Input):
    """A fence to watch."""

    name: Name
    study: Number | None = None
    geometry: FenceShape
    active: bool = True
    attributes: Attributes = {}


def change_of(new: type[BaseModel], *without: str) -> type[BaseModel]:
    """The same with every member optional; what cannot be null there cannot be set to null."""
    fields: dict[str, Any] = {
        name: (field.annotation, Field(default=None, description=field.description))
        if not field.metadata
        else (Annotated[(field.annotation, *field.metadata)], Field(default=None))
        for name, field in new.model_fields.items()
        if name not in without
    }
    return create_model(
        new.__name__.removeprefix("New") + "Change",
        __base__=Input,
        __doc__="What to change; members left out stay as they are.",
        **fields,
    )


StudyChange = change_of(NewStudy)
AnimalChange = change_of(NewAnimal)
CollarChange = change_of(NewCollar, "collar")
DeploymentChange = change_of(NewDeployment, "collar", "animal")
StationChange = change_of(NewStation, "station")
FenceChange = change_of(NewFence)


class Study(Answer):
    """Animals, collars and people that belong together."""

    study: int
    name: str
    principal_investigator: str | None
    contact: str | None
    licence: str | None
    citation: str | None
    public: bool
    sensitivity: Sensitivity | None
    attributes: dict[str, Any]
    added_at: Utc


class Deployment(Answer):
    """A collar on an animal, from (inclusive) to (exclusive; null: still on)."""

    deployment: int
    collar: int
    from_time: Utc | None
    to_time: Utc | None


class Animal(Answer):
    """An individual and the collars it wore."""

    animal: int
    name: str = Field(examples=["Flurina"])
    taxon: str | None = Field(examples=["Capra ibex"])
    sex: Literal["m", "f", "u"] | None
    study: int | None
    sensitivity: str | None = Field(description="Its own; null: its taxon's, else its study's")
    mass_g: float | None
    comments: str | None
    precision_deg: Precision
    deployments: list[Deployment]


class Animals(Answer):
    """A page of animals, by number."""

    animals: list[Animal]
    links: list[Link]


class Health(Answer):
    """What a collar last said about itself."""

    recorded_at: Utc
    voltage_mv: int
    stored_mj: int = Field(description="Energy in the storage above its lower limit [mJ]")
    income_mj_per_day: int
    brownouts: int = Field(description="Since its log was last reset")
    temperature_c: int | None


class Collar(Answer):
    """A device."""

    collar: int
    name: str
    study: int | None
    maker: str | None
    model: str | None
    serial: str | None
    added_at: Utc
    animal: int | None = Field(description="The animal that wears it now")
    records: int = Field(description="Records stored of it, of all generations and kinds")
    last_fix_at: Utc | None
    last_status: Health | None


class Collars(Answer):
    """A page of collars, by number."""

    collars: list[Collar]
    links: list[Link]


class Station(Answer):
    """A ground station."""

    station: str
    lat: float | None
    lon: float | None


class Fence(Answer):
    """A fence."""

    fence: int
    study: int | None
    name: str
    geometry: dict[str, Any]
    active: bool
    attributes: dict[str, Any]
    added_at: Utc


class DeploymentDetails(Answer):
    """A collar on an animal, from (inclusive) to (exclusive; null: still on)."""

    deployment: int
    collar: int
    animal: int
    from_time: Utc | None
    to_time: Utc | None
    end_type: str | None
    comments: str | None
    attributes: dict[str, Any]


def page_of(item: type[BaseModel], member: str) -> type[BaseModel]:
    """The model of a page of `item`s, which are its `member`."""
    fields: dict[str, Any] = {member: (list[item], ...), "links": (list[Link], ...)}  # type: ignore[valid-type]
    words = member.replace("_", " ")
    return create_model(
        words.title().replace(" ", "") + "Page",
        __base__=Answer,
        __doc__=f"A page of {words}; follow the link `next` for more.",
        **fields,
    )
