"""What the API takes and answers about alerts."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from backend.outgoing import Url
from backend.params import AnimalNumber, NoQuery, Number
from backend.registry_models import Input, Name, Text, change_of, page_of
from backend.schemas import Answer, Link, Utc
from backend.wanted import Period

Kind = Literal[
    "fence", "mortality", "immobility", "low-speed", "proximity", "silence", "low-energy",
    "station-down",
]  # fmt: skip


class Webhook(Input):
    """An address that is sent each alert as JSON, signed."""

    kind: Literal["webhook"]
    url: Url
    secret: Annotated[str, Field(min_length=16, max_length=200)] = Field(
        description="Signs each message (HMAC-SHA-256); never answered again"
    )


class Mailbox(Input):
    """Somebody who is sent an e-mail."""

    kind: Literal["email"]
    to: Annotated[str, Field(max_length=320, pattern=r"^[^@\s,;<>\"]+@[^@\s,;<>\"]+$")]


Channel = Annotated[Webhook | Mailbox, Field(discriminator="kind")]


class NewAlertRule(Input):
    """Something to watch for, and whom to tell."""

    kind: Kind
    name: Name = Field(examples=["leaves the park"])
    study: Number | None = Field(default=None, description="Null: in all")
    animals: list[AnimalNumber] | None = Field(
        default=None, min_length=1, max_length=1000, description="Null: every animal of the study"
    )
    fence: Number | None = Field(default=None, description="Of a rule about a fence: which")
    settings: dict[str, Any] = Field(
        default={}, description="By kind, such as `radius_m`; what is left out has its default"
    )
    deliver: list[Channel] = Field(default=[], max_length=20, description="Whom to tell")
    active: bool = True


AlertRuleChange = change_of(NewAlertRule, "kind")


class AlertRule(Answer):
    """A rule; secrets of its channels are not answered."""

    alert_rule: int
    kind: Kind
    name: str
    study: int | None
    animals: list[int] | None
    fence: int | None
    settings: dict[str, Any]
    deliver: list[dict[str, str]]
    active: bool
    added_at: Utc
    account: int | None = Field(description="Who set it last")
    halted: bool = Field(
        description="True: it tells nobody, as who set it may not see its animals exactly any more"
    )


class Delivery(Answer):
    """Whether an alert was told to a channel of its rule."""

    channel: str = Field(
        description="Which of the rule's: MD5 of its kind, a blank, and its address"
    )
    attempts: int
    delivered_at: Utc | None
    error: Text | None


class Alert(Answer):
    """Something that happened, and what it was concluded from."""

    alert: int
    kind: Kind
    alert_rule: int | None
    study: int | None
    animal: int | None
    collar: int | None
    station: str | None
    began_at: Utc
    ended_at: Utc | None = Field(description="Null: it lasts")
    raised_at: Utc
    withdrawn_at: Utc | None = Field(description="When later data took it back")
    fixes: list[str] = Field(description="The first and the last record it was concluded from")
    details: dict[str, Any]
    deliveries: list[Delivery]


class Alerts(Answer):
    """A page of alerts."""

    alerts: list[Alert]
    links: list[Link]


class AlertQuery(Period):
    """Which alerts; times are those at which they began."""

    study: Number | None = Field(default=None, description="Only of this study")
    animal: AnimalNumber | None = Field(default=None, description="Only of this animal")
    kind: Kind | None = Field(default=None, description="Only of this kind")
    lasting: bool | None = Field(default=None, description="Only what lasts, or what ended")
    withdrawn: bool = Field(default=False, description="Also what later data took back")
    limit: int = Field(default=1000, ge=1, description="Alerts per page; at most 10000")
    after: Number | None = Field(
        default=None, description="Go on behind this one: taken from a next link"
    )


class StreamQuery(NoQuery):
    """What to be told of."""

    study: Number | None = Field(default=None, description="Only of this study")


AlertRules = page_of(AlertRule, "alert_rules")
