-- Outlier flags.

-- name: lock_latest
select from latest_fix where collar = any(%(collars)s::integer[]) order by collar for update

-- name: flag_fixes
-- By fix_once, the collar only. What changes is looked at as if it had come anew.
with changed as (
    update fix
    set outlier = (fix.outlier | %(on)s::smallint) & ~%(off)s::smallint
    from unnest(%(collars)s::integer[], %(generations)s::integer[], %(records)s::bigint[])
        as wanted (collar, generation, record)
    where (fix.collar, fix.generation, fix.record)
        = (wanted.collar, wanted.generation, wanted.record)
      and fix.outlier <> (fix.outlier | %(on)s::smallint) & ~%(off)s::smallint
      and (%(studies)s::bigint[] is null
           or (select study from worn(fix.collar, fix.recorded_at)) = any(%(studies)s))
    returning fix.collar, fix.recorded_at
), noted as (
    insert into arrival (collar, earliest)
    select collar, min(recorded_at) from changed group by collar order by collar
    on conflict (collar) do update
    set earliest = least(arrival.earliest, excluded.earliest)
    returning collar
)
select count(*) as changed, (select pg_notify('capra_arrival', '') from noted limit 1) is null
from changed

-- name: renew_latest
with newest as (
    select l.collar, f.*
    from latest_fix l
    left join lateral (
        select generation, record, recorded_at, lat, lon, altitude_m, accuracy_m, reason
        from fix
        where fix.collar = l.collar and visible(fix.outlier)
        order by recorded_at desc, generation desc, record desc
        limit 1
    ) f on true
    where l.collar = any(%(collars)s::integer[])
),
hidden as (
    delete from latest_fix l
    using newest n
    where l.collar = n.collar and n.record is null
)
update latest_fix l
set (generation, record, recorded_at, lat, lon, altitude_m, accuracy_m, reason)
    = (n.generation, n.record, n.recorded_at, n.lat, n.lon, n.altitude_m, n.accuracy_m, n.reason)
from newest n
where l.collar = n.collar and n.record is not null
