"""What a world has beside positions: every operation finds something to answer or change."""

from __future__ import annotations

import random
import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg

if TYPE_CHECKING:
    from tests.backend.leaks import World

EXPENDABLE = range(1001, 1101)
"""Numbers of rows that may be removed"""
_FAR = {"type": "Polygon", "coordinates": [[[-30, -10], [-29, -10], [-29, -9], [-30, -10]]]}
_NUMBERED = """
insert into fence (fence, study, name, geometry)
select n, 1, 'fence ' || n, %(far)s from unnest(%(numbers)s::bigint[]) n;
insert into alert_rule (alert_rule, study, kind, name)
select n, 1, 'silence', 'rule ' || n from unnest(%(numbers)s::bigint[]) n;
insert into forwarder (forwarder, study, name, kind, address, token, active, every_s, batch, role)
select n, 1, 'forwarder ' || n, 'gundi', 'https://gundi.invalid', 'token', false, 60, 100, 'guest'
from unnest(%(numbers)s::bigint[]) n;
insert into deployment (deployment, collar, animal, during)
select n, 7, 6, tstzrange(day, day + interval '1 hour')
from unnest(%(numbers)s::bigint[]) n
cross join lateral (select timestamptz '1900-01-01' + n * interval '1 day') as d (day)
where n > 1000;
insert into analysis (analysis, kind, question, input_hash, animals, accounts, state, result)
select n, 'home-range', '{"asked": {}}', n, array[least(n, 5)], array[1], 'done', least(n, 5)
from unnest(%(numbers)s::bigint[]) n where n < 1000;
insert into api_key (api_key, account, name, prefix, hash)
select n, 1, 'key ' || n, 'prefix' || n, sha256(n::text::bytea)
from unnest(%(numbers)s::bigint[]) n where n > 1000;
select setval(pg_get_serial_sequence(name, name), 2000)
from unnest('{fence,alert_rule,forwarder,analysis}'::text[]) name;
"""


def fill(connection: psycopg.Connection[Any]) -> None:
    """Six of everything, as there are six collars, and a hundred that may go."""
    connection.execute("insert into account (name) values ('nobody')")
    connection.execute("update station set lat = -10, lon = -30")
    connection.execute("insert into collar (collar, name, study) values (7, 'spare', 1)")
    connection.execute("insert into animal (name, study) values ('Spare', 1)")
    connection.execute("insert into taxon_sensitivity values ('Rupicapra', 'low')")
    values = {"far": psycopg.types.json.Jsonb(_FAR), "numbers": [*range(1, 7), *EXPENDABLE]}
    with psycopg.ClientCursor(connection) as cursor:  # several statements with values
        cursor.execute(_NUMBERED, values)


def body_of(rng: random.Random, world: World, method: str, path: str, collar: int) -> Any:
    """What an operation is sent: rows of no place of a secret, or what is there already."""
    name = path.split("/")[3]
    if method == "patch":
        return {"fixes": [f"{collar}-0-1"]} if name == "fixes" else {}
    new = str(uuid.UUID(int=rng.getrandbits(128)))
    (role, sensitivity), rule = rng.choice(list(world.rules.items()))
    cells = rule.cells_per_degree
    begins = datetime(1000, 1, 1, tzinfo=UTC) + timedelta(hours=rng.randrange(10**6))
    period = {
        "from_time": begins.isoformat(),
        "to_time": (begins + timedelta(hours=1)).isoformat(),
    }
    bodies: dict[str, Any] = {
        "home-ranges": {"animal": collar, "method": "mcp"},
        "overlaps": {"animals": [collar, 1 + collar % 5], "method": "kde"},
        "corridors": {"animals": [collar, 1 + collar % 5], "cell_m": 50},
        "animals": {"name": new, "study": 1},
        "collars": {"name": new, "study": 1},
        "deployments": {"collar": 7, "animal": 6, **period},
        "stations": {"station": new},
        "fences": {"name": new, "study": 1, "geometry": _FAR},
        "alert-rules": {"kind": "silence", "name": new, "study": 1},
        "forwarders": {
            "study": 1, "name": new, "kind": "gundi", "address": "https://gundi.invalid",
            "token": "token", "active": False,
        },
        "session": {"key": world.keys["root"]},
        "roles": {"account": 1, "study": 2, "role": "guest"},
        "policy": {
            "study": 1, "role": role, "sensitivity": sensitivity, "delay_h": rule.delay_h,
            "cell_deg": cells and 1 / cells,
        },
        "taxa": {"taxon": "Nobody", "sensitivity": "low"},
    }  # fmt: skip
    return bodies.get(name, {"name": new})


def file_of(path: str) -> str:
    """A file to import, of a tag and an animal of its own far from all secrets."""
    if path.endswith("events"):
        columns = "timestamp,location-long,location-lat,tag-local-identifier,"
        return (
            columns + "individual-local-identifier\n2020-01-01 00:00:00.000,-30,-10,T,Stranger\n"
        )
    return "tag-id,animal-id,animal-sex\nT,Stranger,f\n"
