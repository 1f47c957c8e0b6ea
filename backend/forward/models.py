"""What the API takes and answers about forwarders."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from backend.outgoing import Url
from backend.params import Number, Time
from backend.registry_models import Input, Name, change_of, page_of
from backend.schemas import Answer, Utc

Kind = Literal["earthranger", "gundi"]
Rights = Literal["public", "guest", "ecologist", "operator", "admin"]
Word = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9._-]+$")]


class NewForwarder(Input):
    """A server that fixes of a study are sent on to, as they come and once each."""

    study: Number
    name: Name = Field(examples=["the park's EarthRanger"])
    kind: Kind
    address: Url = Field(
        description="Where it is, without the path of its API",
        examples=["https://earthranger.invalid"],
    )
    token: Annotated[str, Field(min_length=1, max_length=4000, pattern=r"^[!-~]+$")] = Field(
        description="EarthRanger's token or Gundi's API key; never answered again"
    )
    provider: Word | None = Field(
        default=None, description="Of kind `earthranger`: the provider key there"
    )
    subject_type: Word | None = Field(
        default=None, description="What the animals are there, such as a subject subtype"
    )
    role: Rights = Field(
        default="guest",
        description="By whose rights under the location policy: how precisely and how soon they "
        "are sent. Fixes that this role may not see are not sent",
    )
    since: Time | None = Field(default=None, description="Nothing recorded before is sent")
    batch: int = Field(default=100, ge=1, le=1000, description="Fixes per request, at most")
    every_s: Annotated[int, Field(ge=0, le=86_400)] | None = Field(
        default=None,
        description="Seconds between requests; null: 60 for Gundi, which asks for that, else none",
    )
    active: bool = Field(default=True, description="False: it pauses")


ForwarderChange = change_of(NewForwarder, "study", "kind")


class Refusal(Answer):
    """A fix that the other side does not take."""

    fix: str = Field(description="collar-generation-record")
    error: str


class Forwarder(Answer):
    """A forwarder and how it goes; its token is not answered."""

    forwarder: int
    study: int
    name: str
    kind: Kind
    address: str
    provider: str | None
    subject_type: str | None
    role: Rights
    since: Utc | None
    batch: int
    every_s: int
    active: bool
    added_at: Utc
    waiting: int = Field(description="Fixes still to send; 10000 stands for that many and more")
    sent: int = Field(
        description="What is sent stays as it was: neither EarthRanger nor Gundi lets an "
        "observation be changed or taken back, so one marked as an outlier later is still there"
    )
    refused: int
    refusals: list[Refusal] = Field(description="The last ten that were refused")
    last_sent_at: Utc | None
    last_error: str | None
    last_error_at: Utc | None
    next_try_at: Utc


Forwarders = page_of(Forwarder, "forwarders")
