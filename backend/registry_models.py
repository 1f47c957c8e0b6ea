"""What the API takes and answers about studies, animals, collars, people and what they see.

Each resource has an answer (`Study`), what makes a new one (`NewStudy`) and what changes one
(`StudyChange`: members left out stay as they are).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model, model_validator

from backend.params import AnimalNumber, CollarNumber, Number, Time
from backend.schemas import Answer, Latitude, Link, Longitude, Utc

Sensitivity = Literal["open", "low", "medium", "high", "extreme"]
Role = Literal["guest", "ecologist", "operator", "admin"]
Scope = Literal["read", "write", "ingest", "admin"]
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


_GRIDS = (0, 0.001, 0.01, 0.1, 1)


def _grid(cell_deg: float) -> float:
    if cell_deg not in _GRIDS:
        raise ValueError("expected 0, 0.001, 0.01, 0.1, 1 or null")
    return cell_deg


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


class NewAccount(Input):
    """A person or a program."""

    name: Name
    email: Text | None = None
    issuer: Name | None = Field(default=None, description="OpenID Connect issuer they come by")
    subject: Name | None = Field(default=None, description="Who they are there (`sub`)")


class NewMembership(Input):
    """A role for an account."""

    account: Number
    study: Number | None = Field(default=None, description="Null: in all studies")
    role: Role


class NewKey(Input):
    """A key to make."""

    name: Name = Field(examples=["QGIS on my laptop"])
    account: Number | None = Field(default=None, description="Null: your own")
    scopes: list[Scope] = Field(default=["read"], min_length=1, max_length=4)
    days: int | None = Field(default=365, ge=1, le=36_500, description="Null: it never expires")


class SignIn(Input):
    """A key, or the ticket of a one-time link."""

    key: Annotated[str, Field(min_length=1, max_length=200)]


class Rule(Input):
    """What a role sees of positions of a category."""

    study: Number | None = Field(default=None, description="Null: everywhere")
    role: Literal["public", "guest", "ecologist", "operator", "admin"]
    sensitivity: Sensitivity
    cell_deg: Annotated[float, AfterValidator(_grid)] | None = Field(
        json_schema_extra={"enum": [*_GRIDS, None]},
        description="Width of the grid's cells [degrees]; 0: exact, null: withheld",
    )
    delay_h: float = Field(default=0, ge=0, le=87_600, description="Nothing younger [h]")


class TaxonSensitivity(Input):
    """How sensitive the positions of a species are."""

    taxon: Name = Field(examples=["Capra ibex"])
    sensitivity: Sensitivity
    reason: Text | None = None


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
AccountChange = change_of(NewAccount)


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


class Account(Answer):
    """A person or a program."""

    account: int
    name: str
    email: str | None
    issuer: str | None
    subject: str | None
    added_at: Utc
    disabled_at: Utc | None


class Membership(Answer):
    """A role of an account."""

    account: int
    study: int | None
    role: Role


class Key(Answer):
    """A key; the secret is not kept."""

    api_key: int
    account: int
    account_name: str
    kind: str
    name: str
    prefix: str
    scopes: list[str]
    added_at: Utc
    expires_at: Utc | None
    last_used_at: Utc | None
    revoked_at: Utc | None


class MadeKey(Key):
    """A key just made."""

    key: str = Field(description="Shown this once: send it as `Authorization: Bearer ...`")


class AuditEntry(Answer):
    """A row of the audit."""

    audit: int
    at: Utc
    actor: str
    action: str
    what: dict[str, Any]
    hash: str = Field(description="SHA-256 over the row and the hash of the one before")


class StatusRecord(Answer):
    """What a collar said about itself."""

    collar: int
    generation: int
    record: int
    recorded_at: Utc
    voltage_mv: int
    stored_mj: int
    income_mj_per_day: int
    fixes: int
    failed_fixes: int
    frames: int
    brownouts: int
    temperature_c: int | None


class Reception(Answer):
    """A frame heard by a station."""

    station: str
    collar: int
    received_at: Utc
    epoch: int
    counter: int
    freq_hz: int
    sf: int
    rssi_dbm: float
    snr_db: float
    frame_bytes: int


class Day(Answer):
    """Fixes of a collar on a day (UTC)."""

    collar: int
    day: str = Field(examples=["2026-06-01"])
    fixes: int
    outliers: int
    first_at: Utc
    last_at: Utc


class Session(Answer):
    """Who asks, and what they may."""

    actor: str
    account: int | None
    roles: list[Membership]
    scopes: list[Scope]


class Flags(Input):
    """Outlier flags for fixes; Movebank's names. Nothing is ever deleted."""

    fixes: list[Annotated[str, Field(pattern=r"^\d{1,10}-\d{1,10}-\d{1,16}$")]] = Field(
        min_length=1, max_length=10_000, examples=[["1-0-42"]]
    )
    algorithm_marked_outlier: bool | None = Field(default=None, description="Null: as it is")
    import_marked_outlier: bool | None = None
    manually_marked_outlier: bool | None = None
    manually_marked_valid: bool | None = None


class Flagged(Answer):
    """How many fixes got other flags."""

    changed: int


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
