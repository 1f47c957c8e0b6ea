"""Forwarders: the servers that fixes are sent on to."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from psycopg import Connection

from backend.auth import ADMINS, Principal
from backend.db import resources
from backend.errors import BadRequest
from backend.forward import models
from backend.routes.registry import of_table
from backend.routes.resource import Resource, routes

_COLUMNS = """forwarder, study, name, kind, address, provider, subject_type, role, since, batch,
    every_s, active, added_at, sent, last_sent_at, last_error, last_error_at, next_try_at,
    (select count(*) from forwarded d
     where d.forwarder = forwarder.forwarder and error is not null) as refused,
    (select coalesce(jsonb_agg(told.one), '[]') from (
        select jsonb_build_object(
            'fix', concat_ws('-', collar, generation, record), 'error', error) as one
        from forwarded d
        where d.forwarder = forwarder.forwarder and error is not null
        order by at desc, recorded_at desc
        limit 10) as told) as refusals,
    (select count(*) from (
        select
        from (
            select distinct w.collar
            from deployment w
            join animal a on a.animal = w.animal
            where a.study = forwarder.study
        ) w
        left join forward_mark m on m.forwarder = forwarder.forwarder and m.collar = w.collar
        cross join lateral (
            select
            from seen_fix(jsonb_build_array(
                jsonb_build_object('study', forwarder.study, 'role', forwarder.role))) s
            where s.collar = w.collar and s.study = forwarder.study and s.animal is not null
                and visible(s.outlier)
                and s.recorded_at >= greatest(m.since, forwarder.since, '-infinity')
                and not exists (
                    select
                    from forwarded d
                    where d.forwarder = forwarder.forwarder and d.collar = s.collar
                        and d.recorded_at = s.recorded_at and d.generation = s.generation
                        and d.record = s.record
                )
        ) s
        limit 10000) as left_over) as waiting"""
_SECONDS = {"earthranger": 0, "gundi": 60}


def _adapt(values: dict[str, Any], current: dict[str, Any]) -> dict[str, Any]:
    """Members fit the kind; a token goes nowhere but where it was meant for.

    Raises:
        BadRequest: they do not.
    """
    both = current | values
    if (both["kind"] == "earthranger") != (both["provider"] is not None):
        expected = "the provider key, of kind 'earthranger' only"
        raise BadRequest("provider", both["provider"], expected)
    if current and "token" not in values and both["address"] != current["address"]:
        raise BadRequest("token", None, "the token, anew, with another address")
    if both["every_s"] is None:
        values = values | {"every_s": _SECONDS[both["kind"]]}
    return values


def _allow(_: Connection[Any], caller: Principal, forwarder: dict[str, Any]) -> None:
    caller.require_outside([forwarder["address"]])


def _add(database: Connection[Any], values: dict[str, Any]) -> Any:
    """Add one, and let it begin at once."""
    forwarder = resources.add(database, "forwarder", values)
    database.execute("notify capra_forward")
    return forwarder


FORWARDERS = Resource(
    "forwarder", "forwarders", models.Forwarder, models.Forwarders,
    models.NewForwarder, models.ForwarderChange,
    of_table("forwarder", _COLUMNS, ADMINS, "study"), ADMINS,
    add=_add, adapt=_adapt, allow=_allow, removable=True, scope="admin",
)  # fmt: skip

router = APIRouter()
router.include_router(routes(FORWARDERS))
