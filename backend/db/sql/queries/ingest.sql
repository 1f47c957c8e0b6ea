-- What the loader does. Every step takes its locks in ascending key order.

-- name: add_missing_collars
-- A collar that authenticated is known to the station's keys; the registry learns of it here.
insert into collar (collar, name)
select collar, 'collar ' || collar
from unnest(%(collars)s::integer[]) as heard (collar)
where not exists (select from collar known where known.collar = heard.collar)
order by collar
on conflict do nothing

-- name: add_missing_stations
insert into station (station)
select station
from unnest(%(stations)s::text[]) as heard (station)
where not exists (select from station known where known.station = heard.station)
order by station
on conflict do nothing

-- name: add_missing_gates
insert into record_gate (collar, generation)
select collar, generation
from unnest(%(collars)s::integer[], %(generations)s::integer[]) as staged (collar, generation)
where not exists (
    select from record_gate known
    where (known.collar, known.generation) = (staged.collar, staged.generation)
)
order by collar, generation
on conflict do nothing

-- name: lock_gates
-- In ascending order: the lock on the row is what makes loaders take turns.
select gate.stored::text
from record_gate gate
join unnest(%(collars)s::integer[], %(generations)s::integer[]) as staged (collar, generation)
    using (collar, generation)
order by collar, generation
for update of gate

-- name: pass_gates
update record_gate gate
set stored = gate.stored + new.records
from unnest(%(collars)s::integer[], %(generations)s::integer[], %(ranges)s::int8multirange[])
    as new (collar, generation, records)
where (gate.collar, gate.generation) = (new.collar, new.generation)

-- name: advance_latest
insert into latest_fix as latest
select collar, generation, record, to_timestamp(0) + at_us * interval '1 microsecond',
    lat, lon, altitude_m, accuracy_m, reason
from unnest(
    %(collar)s::integer[], %(generation)s::integer[], %(record)s::bigint[],
    %(recorded_at_us)s::bigint[], %(lat_deg)s::double precision[], %(lon_deg)s::double precision[],
    %(altitude_m)s::real[], %(accuracy_m)s::real[], %(reason)s::smallint[]
) as new (collar, generation, record, at_us, lat, lon, altitude_m, accuracy_m, reason)
order by collar
on conflict (collar) do update
set (generation, record, recorded_at, lat, lon, altitude_m, accuracy_m, reason)
    = (excluded.generation, excluded.record, excluded.recorded_at, excluded.lat, excluded.lon,
       excluded.altitude_m, excluded.accuracy_m, excluded.reason)
where (excluded.recorded_at, excluded.generation, excluded.record)
    > (latest.recorded_at, latest.generation, latest.record)

-- name: add_dead_letter
insert into dead_letter as known (station, collar, kind, reason, content)
values (%(station)s, %(collar)s, %(kind)s, %(reason)s, %(content)s)
on conflict (kind, collar, content) do update set reason = excluded.reason, refused_at = now()

-- name: remove_dead_letter
delete from dead_letter
where (kind, collar, content) = (%(kind)s, %(collar)s, %(content)s)
