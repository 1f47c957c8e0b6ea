"""Many fixes, made inside PostgreSQL: collars that wander, one fix each half hour or hour."""

from typing import Any

import psycopg

_ANIMALS = """
insert into study (name, sensitivity) values ('bench', 'open') on conflict do nothing;
insert into collar (collar, name, study)
select n, 'collar ' || n, 1 from generate_series(1, {collars}) n;
insert into animal (animal, name, taxon, study)
select n, 'animal ' || n, 'Capra ibex', 1 from generate_series(1, {collars}) n;
insert into deployment (collar, animal, during)
select n, n, '[2020-01-01, 2100-01-01)' from generate_series(1, {collars}) n
"""

_FIXES = """
insert into fix (collar, generation, record, recorded_at, lat, lon, altitude_m, accuracy_m, reason)
select
    collar, 0, n, timestamptz '2024-01-01' + n * interval '{step_s} s',
    round((46.66 + 0.002 * (collar % 100) + 0.02 * sin(n / 50.0 + collar))::numeric, 5),
    round((10.20 + 0.003 * (collar % 97) + 0.02 * cos(n / 70.0 + collar))::numeric, 5),
    2000 + (n % 900), 5, 0
from generate_series({first}, {last}) n, generate_series(1, {collars}) collar
order by n
"""

_LATEST = """
insert into latest_fix
select f.collar, f.generation, f.record, f.recorded_at, f.lat, f.lon, f.altitude_m, f.accuracy_m,
    f.reason
from collar c
cross join lateral (
    select * from fix where fix.collar = c.collar order by recorded_at desc limit 1
) f
on conflict do nothing
"""


def fill(dsn: str, collars: int, fixes_each: int, step_s: int = 3600) -> None:
    """Put `collars` animals with `fixes_each` fixes each into an empty, migrated database."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("set synchronous_commit = off")
        run(connection, _ANIMALS, collars=collars)
        each = max(1, 2_000_000 // collars)
        for first in range(1, fixes_each + 1, each):
            last = min(first + each - 1, fixes_each)
            run(connection, _FIXES, collars=collars, first=first, last=last, step_s=step_s)
        run(connection, _LATEST)
        connection.execute("vacuum analyze")


def run(connection: psycopg.Connection[Any], text: str, **values: int) -> None:
    """Run statements with whole numbers written into them."""
    connection.execute(text.format(**values))  # type: ignore[arg-type]
