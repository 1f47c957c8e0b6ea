"""Requests to other servers: which addresses are allowed, and how long one may take.

HTTPS anywhere, HTTP on this machine; no proxy out of the environment, no redirect (what is sent is
for that address alone), no more of an answer than is needed. Errors name the host, never a secret.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Mapping
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

import httpx
from pydantic import AfterValidator, Field

_TIMEOUT_S = 10  # of each step
_DEADLINE_S = 60  # of all of it
_MOST_BYTES = 1 << 20


class Unreached(Exception):
    """No whole answer came; the text says why."""


class Answer(NamedTuple):
    """What the other side said."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def good(self) -> bool:
        """Whether it is a success."""
        return 200 <= self.status < 300


def is_inside(url: str) -> bool:
    """Whether an address names this machine or a private network, by number or as `localhost`."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host.rstrip(".") == "localhost"


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not host or not (
        parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))
    ):
        raise ValueError("expected an address that begins with https://")
    if parts.username or parts.password:
        raise ValueError("expected an address without a password")
    return url


Url = Annotated[str, Field(max_length=2000), AfterValidator(_checked_url)]


def host_of(url: str) -> str:
    """Who is spoken to, as errors name it."""
    return urlsplit(url).netloc.rpartition("@")[2]


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Post JSON.

    Raises:
        Unreached: no answer, not all of it, or one too large.
    """
    ends = time.monotonic() + _DEADLINE_S
    headers = {"Content-Type": "application/json"} | dict(headers)
    try:
        with (
            httpx.Client(timeout=_TIMEOUT_S, trust_env=False) as client,
            client.stream("POST", url, content=body, headers=headers) as answer,
        ):
            parts = bytearray()
            for part in answer.iter_bytes():
                parts += part
                if len(parts) > _MOST_BYTES or time.monotonic() > ends:
                    raise Unreached(f"{host_of(url)}: an answer without end")
            return Answer(answer.status_code, answer.headers, bytes(parts))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise Unreached(f"{host_of(url)}: {type(error).__name__}") from error
