"""What the API takes and answers about people, their keys and roles, and what they may see."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from backend.params import Number
from backend.registry_models import Input, Name, Sensitivity, Text, change_of
from backend.schemas import Answer, Utc

Role = Literal["guest", "ecologist", "operator", "admin"]
Scope = Literal["read", "write", "ingest", "admin"]

_GRIDS = (0, 0.001, 0.01, 0.1, 1)


def _grid(cell_deg: float) -> float:
    if cell_deg not in _GRIDS:
        raise ValueError("expected 0, 0.001, 0.01, 0.1, 1 or null")
    return cell_deg


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


AccountChange = change_of(NewAccount)


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


class Session(Answer):
    """Who asks, and what they may."""

    actor: str
    account: int | None
    roles: list[Membership]
    scopes: list[Scope]
