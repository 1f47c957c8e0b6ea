-- What the loader does in one transaction, in this order. Every step takes its locks in ascending key order.

-- name: stage_tables
create temp table if not exists stage_fix (
    collar integer, generation integer, record bigint, recorded_at timestamptz,
    lat double precision, lon double precision, altitude_m real, accuracy_m real, reason smallint
) on commit delete rows;
create temp table if not exists stage_status (
    collar integer, generation integer, record bigint, recorded_at timestamptz,
    voltage_mv integer, stored_mj bigint, income_mj_per_day bigint,
    fixes bigint, failed_fixes bigint, frames bigint, brownouts bigint, temperature_c smallint
) on commit delete rows;
create temp table if not exists stage_reception (
    station text, collar integer, received_at timestamptz, epoch bigint, counter bigint,
    freq_hz bigint, sf smallint, rssi_dbm real, snr_db real, frame_bytes smallint
) on commit delete rows

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

-- name: lock_gates
-- One pass in ascending order, new gates and old ones alike: the lock on the row is what makes loaders take turns.
insert into record_gate as gate (collar, generation)
select distinct collar, generation
from (
    select collar, generation from stage_fix
    union
    select collar, generation from stage_status
) as staged
order by collar, generation
on conflict (collar, generation) do update set stored = gate.stored

-- name: merge_fixes
-- Answers the number of new fixes. The gate decides; "on conflict" is for a gate that was lost.
with new as (
    insert into fix
    select distinct on (s.collar, s.generation, s.record) s.*
    from stage_fix s
    join record_gate g using (collar, generation)
    where not s.record <@ g.stored
    order by s.collar, s.generation, s.record, s.recorded_at
    on conflict do nothing
    returning *
),
newest as (
    insert into latest_fix as latest
    select distinct on (collar)
        collar, generation, record, recorded_at, lat, lon, altitude_m, accuracy_m, reason
    from new
    order by collar, recorded_at desc, generation desc, record desc
    on conflict (collar) do update
    set (generation, record, recorded_at, lat, lon, altitude_m, accuracy_m, reason)
        = (excluded.generation, excluded.record, excluded.recorded_at, excluded.lat, excluded.lon,
           excluded.altitude_m, excluded.accuracy_m, excluded.reason)
    where (excluded.recorded_at, excluded.generation, excluded.record)
        > (latest.recorded_at, latest.generation, latest.record)
)
select count(*) from new

-- name: pass_fixes
update record_gate gate
set stored = gate.stored + staged.records
from (
    select collar, generation, range_agg(int8range(record, record, '[]')) as records
    from stage_fix
    group by collar, generation
) as staged
where (gate.collar, gate.generation) = (staged.collar, staged.generation)
  and not staged.records <@ gate.stored

-- name: merge_statuses
with new as (
    insert into status
    select distinct on (s.collar, s.generation, s.record) s.*
    from stage_status s
    join record_gate g using (collar, generation)
    where not s.record <@ g.stored
    order by s.collar, s.generation, s.record, s.recorded_at
    on conflict do nothing
    returning *
)
select count(*) from new

-- name: pass_statuses
update record_gate gate
set stored = gate.stored + staged.records
from (
    select collar, generation, range_agg(int8range(record, record, '[]')) as records
    from stage_status
    group by collar, generation
) as staged
where (gate.collar, gate.generation) = (staged.collar, staged.generation)
  and not staged.records <@ gate.stored

-- name: merge_receptions
-- Time first: a loader that waits for a new chunk must not hold rows that come after it.
with new as (
    insert into reception
    select *
    from stage_reception
    order by received_at, station, collar, epoch, counter
    on conflict do nothing
    returning *
)
select count(*) from new
