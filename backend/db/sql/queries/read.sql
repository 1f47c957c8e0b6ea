-- What the API reads. Every fix query has the form of the key (collar, recorded_at, generation, record).

-- name: has_animal
select from animal where animal = %(value)s

-- name: has_collar
select from collar where collar = %(value)s

-- name: animals
select
    a.animal, a.name, a.taxon, a.sex,
    coalesce(
        json_agg(
            json_build_object(
                'deployment', d.deployment,
                'collar', d.collar,
                'from_time', lower(d.during),
                'to_time', upper(d.during)
            ) order by d.during
        ) filter (where d.deployment is not null),
        '[]'
    ) as deployments
from animal a
left join deployment d using (animal)
where %(animal)s::bigint is null or a.animal = %(animal)s
group by a.animal
order by a.animal

-- name: collars
-- The last status by status_once, backwards: one row per collar.
select
    c.collar, c.name, c.added_at, d.animal,
    coalesce(g.records, 0) as records,
    l.recorded_at as last_fix_at,
    s.last_status
from collar c
left join deployment d on d.collar = c.collar and d.during @> now()
left join latest_fix l on l.collar = c.collar
left join lateral (
    select sum(upper(part) - lower(part))::bigint as records
    from record_gate gate, unnest(gate.stored) as part
    where gate.collar = c.collar
) g on true
left join lateral (
    select json_build_object(
        'recorded_at', recorded_at, 'voltage_mv', voltage_mv, 'stored_mj', stored_mj,
        'income_mj_per_day', income_mj_per_day, 'brownouts', brownouts,
        'temperature_c', temperature_c
    ) as last_status
    from status
    where status.collar = c.collar
    order by recorded_at desc
    limit 1
) s on true
where %(collar)s::integer is null or c.collar = %(collar)s
order by c.collar

-- name: fix_page
-- With a collar: fix_once, in its order. Without: fix_recorded_at.
select
    f.collar, f.generation, f.record, f.recorded_at, f.lat, f.lon,
    f.altitude_m, f.accuracy_m, f.reason, d.animal
from fix f
left join deployment d on d.collar = f.collar and d.during @> f.recorded_at
where (%(collar)s::integer is null or f.collar = %(collar)s)
  and f.recorded_at >= coalesce(%(from_time)s, '-infinity'::timestamptz)
  and f.recorded_at < coalesce(%(to_time)s, 'infinity'::timestamptz)
  and (%(after_time)s::timestamptz is null
       or (f.recorded_at, f.collar, f.generation, f.record)
        > (%(after_time)s, %(after_collar)s, %(after_generation)s, %(after_record)s))
order by f.recorded_at, f.collar, f.generation, f.record
limit %(limit)s

-- name: fix_page_of_animal
-- Each deployment by fix_once, then merged: at most one page is read of each.
select f.*, d.animal
from deployment d
cross join lateral (
    select collar, generation, record, recorded_at, lat, lon, altitude_m, accuracy_m, reason
    from fix
    where fix.collar = d.collar
      and recorded_at >= greatest(lower(d.during), %(from_time)s, '-infinity'::timestamptz)
      and recorded_at < least(upper(d.during), %(to_time)s, 'infinity'::timestamptz)
      and (%(after_time)s::timestamptz is null
           or (recorded_at, fix.collar, generation, record)
            > (%(after_time)s, %(after_collar)s, %(after_generation)s, %(after_record)s))
    order by recorded_at, generation, record
    limit %(limit)s
) f
where d.animal = %(animal)s
order by f.recorded_at, f.collar, f.generation, f.record
limit %(limit)s

-- name: latest
select l.*, d.animal, a.name
from latest_fix l
left join deployment d on d.collar = l.collar and d.during @> l.recorded_at
left join animal a using (animal)
order by l.collar

-- name: track_points
-- Newest first, per animal, by fix_once backwards.
select t.animal, t.name, t.taxon, f.recorded_at_s, f.lat, f.lon
from animal t
left join lateral (
    select e.recorded_at, extract(epoch from e.recorded_at)::bigint as recorded_at_s, e.lat, e.lon
    from deployment d
    cross join lateral (
        select recorded_at, lat, lon
        from fix
        where fix.collar = d.collar
          and recorded_at >= greatest(lower(d.during), %(from_time)s, '-infinity'::timestamptz)
          and recorded_at < least(upper(d.during), %(to_time)s, 'infinity'::timestamptz)
        order by recorded_at desc
        limit %(limit)s
    ) e
    where d.animal = t.animal
    order by e.recorded_at desc
    limit %(limit)s
) f on true
where %(animal)s::bigint is null or t.animal = %(animal)s
order by t.animal, f.recorded_at desc

-- name: service_health
select
    current_setting('server_version') as postgresql,
    (select extversion from pg_extension where extname = 'timescaledb') as timescaledb,
    (select max(migration) from migration) as migration
