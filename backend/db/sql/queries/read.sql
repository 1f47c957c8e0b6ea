-- What the API reads. Every fix query has the form of the key (collar, recorded_at, generation, record).

-- name: has_animal
select from animal where animal = %(value)s

-- name: sees_any_exactly
-- Whether a viewer may see any position exactly: then the read is audited.
select exists (
    select from access(%(viewer)s) where cells_per_degree = 0
) as exactly

-- name: seen_animal
select from seen_animal(%(viewer)s) where animal = %(value)s

-- name: not_seen_exactly
-- The first of some animals that a viewer does not see exactly and at once, in their order.
select named.animal, s.animal is not null as seen
from unnest(%(animals)s::bigint[]) with ordinality as named (animal, place)
left join seen_animal(%(viewer)s) s on s.animal = named.animal
where s.animal is null or s.cells_per_degree <> 0 or s.until <> 'infinity'
order by named.place
limit 1

-- name: seen_collar
select from seen_collar(%(viewer)s) where collar = %(value)s
union all
select from seen_period(%(viewer)s) where collar = %(value)s
limit 1

-- name: animals
-- A page by the primary key; deployments by deployment_animal, as far as the delay lets.
select
    a.animal, a.name, a.taxon, a.sex, a.study, a.sensitivity, a.mass_g, a.comments,
    case when v.cells_per_degree = 0 then 0.00001 else 1.0 / v.cells_per_degree end::float8
        as precision_deg,
    coalesce(
        (
            select json_agg(
                json_build_object(
                    'deployment', d.deployment, 'collar', d.collar,
                    'from_time', lower(d.during),
                    'to_time', case when upper(d.during) <= v.until then upper(d.during) end
                ) order by d.during
            )
            from deployment d
            where d.animal = a.animal and coalesce(lower(d.during) < v.until, true)
        ),
        '[]'
    ) as deployments
from animal a
join seen_animal(%(viewer)s) v on v.animal = a.animal
where (%(animal)s::bigint is null or a.animal = %(animal)s)
  and (%(study)s::bigint is null or a.study = %(study)s)
  and (%(after)s::bigint is null or a.animal > %(after)s)
order by a.animal
limit %(limit)s

-- name: collars
-- A page by the primary key; the last status by status_once, backwards: one row per collar.
select
    c.collar, c.name, c.study, c.maker, c.model, c.serial, c.added_at,
    worn.animal,
    coalesce(g.records, 0) as records,
    l.recorded_at as last_fix_at,
    s.last_status
from collar c
join seen_collar(%(viewer)s) v on v.collar = c.collar
left join deployment d on d.collar = c.collar and d.during @> now()
left join seen_animal(%(viewer)s) worn on worn.animal = d.animal
left join lateral (
    select f.recorded_at
    from latest_fix f
    cross join lateral worn(f.collar, f.recorded_at) w
    join access(%(viewer)s) g
        on g.study = w.study and g.sensitivity = w.sensitivity and g.cells_per_degree = 0
    where f.collar = c.collar and f.recorded_at < g.until
) l on true
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
    cross join lateral worn(status.collar, status.recorded_at) w
    join access(%(viewer)s) g
        on g.study = w.study and g.sensitivity = w.sensitivity and g.cells_per_degree = 0
    where status.collar = c.collar and status.recorded_at < g.until
    order by recorded_at desc
    limit 1
) s on true
where (%(collar)s::integer is null or c.collar = %(collar)s)
  and (%(study)s::bigint is null or c.study = %(study)s)
  and (%(after)s::integer is null or c.collar > %(after)s)
order by c.collar
limit %(limit)s

-- name: fix_columns
-- Fixes as bytes, column by column; `backend.fix_columns` puts a page in the place of all.
select
    string_agg(int4send(collar), null), string_agg(int4send(generation), null),
    string_agg(int8send(record), null), string_agg(timestamptz_send(recorded_at), null),
    string_agg(float8send(lat), null), string_agg(float8send(lon), null),
    string_agg(float4send(coalesce(altitude_m, 'NaN')), null),
    string_agg(float4send(coalesce(accuracy_m, 'NaN')), null),
    string_agg(int2send(coalesce(reason, (-1)::smallint)), null),
    string_agg(int2send(outlier), null), string_agg(int8send(coalesce(animal, 0)), null),
    string_agg(int4send(cells_per_degree), null)
from seen_fix('[]') page

-- name: fix_page
-- By fix_recorded_at, in its order. Boxes are asked of positions as they are given.
select s.*
from seen_fix(
    %(viewer)s,
    coalesce(%(from_time)s, '-infinity'::timestamptz), coalesce(%(to_time)s, 'infinity'::timestamptz)
) s
where (%(after_time)s::timestamptz is null
       or (s.recorded_at, s.collar, s.generation, s.record)
        > (%(after_time)s, %(after_collar)s, %(after_generation)s, %(after_record)s))
  and (%(west)s::float8 is null
       or in_box(s.lat, s.lon, %(west)s, %(south)s, %(east)s, %(north)s))
  and (%(visible)s::boolean is null or visible(s.outlier) = %(visible)s)
order by s.recorded_at, s.collar, s.generation, s.record
limit %(limit)s

-- name: fix_page_of_animal
-- Of an animal or of a collar: each span by fix_once, then merged; at most one page is read of each.
select f.*
from (
    select collar from deployment where animal = %(animal)s
    union
    select %(collar)s::integer where %(animal)s::bigint is null
) c
cross join lateral seen_span(%(viewer)s, c.collar) p
cross join lateral (
    select s.*
    from seen_fix_in(
        c.collar, greatest(p.since, %(from_time)s), least(p.until, %(to_time)s),
        p.animal, p.study, p.cells_per_degree
    ) s
    where s.recorded_at >= coalesce(%(from_time)s, '-infinity'::timestamptz)
      and s.recorded_at < coalesce(%(to_time)s, 'infinity'::timestamptz)
      and (%(after_time)s::timestamptz is null
           or (s.recorded_at, s.collar, s.generation, s.record)
            > (%(after_time)s, %(after_collar)s, %(after_generation)s, %(after_record)s))
      and (%(west)s::float8 is null
           or in_box(s.lat, s.lon, %(west)s, %(south)s, %(east)s, %(north)s))
      and (%(visible)s::boolean is null or visible(s.outlier) = %(visible)s)
    order by s.recorded_at, s.generation, s.record
    limit %(limit)s
) f
where (%(animal)s::bigint is null or p.animal = %(animal)s)
  and (%(collar)s::integer is null or c.collar = %(collar)s)
order by f.recorded_at, f.collar, f.generation, f.record
limit %(limit)s

-- name: newest_fix
-- Where reading on ends; by fix_recorded_at, or fix_once of each part of a hypertable.
select max(recorded_at) from fix

-- name: fix_one
-- By fix_once: its entries of the collar are read, as the time is not known, but no other fix.
select f.*
from seen_span(%(viewer)s, %(collar)s) p
cross join lateral seen_fix_in(
    %(collar)s, p.since, p.until, p.animal, p.study, p.cells_per_degree
) f
where f.generation = %(generation)s and f.record = %(record)s

-- name: latest
-- A page by latest_fix's key, or all. Boxes are asked of positions as they are given.
select s.*, a.name
from seen_latest(%(viewer)s) s
left join animal a using (animal)
where (%(study)s::bigint is null or s.study = %(study)s)
  and (%(collar)s::integer is null or s.collar = %(collar)s)
  and (%(animal)s::bigint is null or s.animal = %(animal)s)
  and (%(after_collar)s::integer is null or s.collar > %(after_collar)s)
  and s.recorded_at >= coalesce(%(from_time)s, '-infinity'::timestamptz)
  and s.recorded_at < coalesce(%(to_time)s, 'infinity'::timestamptz)
  and (%(west)s::float8 is null
       or in_box(s.lat, s.lon, %(west)s, %(south)s, %(east)s, %(north)s))
order by s.collar
limit %(limit)s

-- name: seen_animals
select animal
from seen_animal(%(viewer)s)
where (%(animal)s::bigint is null or animal = %(animal)s)
  and (%(after)s::bigint is null or animal > %(after)s)
order by animal
limit %(limit)s

-- name: track_points
-- Newest first, per animal, by fix_once backwards. Outliers are no part of a track.
select
    t.animal, t.name, t.taxon, v.cells_per_degree,
    case when v.cells_per_degree = 0 then 0.00001 else 1.0 / v.cells_per_degree end::float8
        as precision_deg,
    f.recorded_at_s, f.lat, f.lon
from animal t
join seen_animal(%(viewer)s) v on v.animal = t.animal
left join lateral (
    select e.recorded_at, extract(epoch from e.recorded_at)::bigint as recorded_at_s, e.lat, e.lon
    from (select distinct collar from deployment where animal = t.animal) d
    cross join lateral seen_span(%(viewer)s, d.collar) p
    cross join lateral (
        select s.recorded_at, s.lat, s.lon
        from seen_fix_in(
            d.collar, greatest(p.since, %(from_time)s), least(p.until, %(to_time)s),
            p.animal, p.study, p.cells_per_degree
        ) s
        where visible(s.outlier)
        order by s.recorded_at desc
        limit %(limit)s
    ) e
    where p.animal = t.animal
    order by e.recorded_at desc
    limit %(limit)s
) f on true
where t.animal = any(%(animals)s)
order by t.animal, f.recorded_at desc

-- name: statuses
-- With a collar: status_once. For who may know exactly where the collar was.
select s.*
from status s
cross join lateral worn(s.collar, s.recorded_at) w
join access(%(viewer)s) g
    on g.study = w.study and g.sensitivity = w.sensitivity and g.cells_per_degree = 0
where s.recorded_at < g.until
  and (%(collar)s::integer is null or s.collar = %(collar)s)
  and s.recorded_at >= coalesce(%(from_time)s, '-infinity'::timestamptz)
  and s.recorded_at < coalesce(%(to_time)s, 'infinity'::timestamptz)
  and (%(after_time)s::timestamptz is null
       or (s.recorded_at, s.collar, s.generation, s.record)
        > (%(after_time)s, %(after_collar)s, %(after_generation)s, %(after_record)s))
order by s.recorded_at, s.collar, s.generation, s.record
limit %(limit)s

-- name: receptions
-- With a collar: reception_collar. Who heard it tells where it was.
select
    r.station, r.collar, r.received_at, r.epoch, r.counter, r.freq_hz, r.sf, r.rssi_dbm, r.snr_db,
    r.frame_bytes
from reception r
cross join lateral worn(r.collar, r.received_at) w
join access(%(viewer)s) g
    on g.study = w.study and g.sensitivity = w.sensitivity and g.cells_per_degree = 0
where r.received_at < g.until
  and (%(collar)s::integer is null or r.collar = %(collar)s)
  and (%(station)s::text is null or r.station = %(station)s)
  and r.received_at >= coalesce(%(from_time)s, '-infinity'::timestamptz)
  and r.received_at < coalesce(%(to_time)s, 'infinity'::timestamptz)
  and (%(after_time)s::timestamptz is null
       or (r.received_at, r.collar, r.epoch, r.counter, r.station)
        > (%(after_time)s, %(after_collar)s, %(after_epoch)s, %(after_counter)s, %(after_station)s))
order by r.received_at, r.collar, r.epoch, r.counter, r.station
limit %(limit)s

-- name: days
-- Whole days only, of collars of which the viewer may know exactly where they were then.
select d.collar, d.day::text as day, d.fixes, d.outliers, d.first_at, d.last_at
from fix_day d
cross join lateral worn(d.collar, d.last_at) w
join access(%(viewer)s) g
    on g.study = w.study and g.sensitivity = w.sensitivity and g.cells_per_degree = 0
where (d.day + 1)::timestamp at time zone 'UTC' <= g.until
  and (%(collar)s::integer is null or d.collar = %(collar)s)
  and d.day >= coalesce(%(from_day)s::date, '-infinity'::date)
  and d.day < coalesce(%(to_day)s::date, 'infinity'::date)
  and (%(after_collar)s::integer is null
       or (d.collar, d.day) > (%(after_collar)s, %(after_day)s::date))
order by d.collar, d.day
limit %(limit)s

-- name: service_health
select
    current_setting('server_version') as postgresql,
    (select extversion from pg_extension where extname = 'timescaledb') as timescaledb,
    timescaledb_edition() as edition,
    (select max(migration) from migration) as migration

-- name: edition
select timescaledb_edition()

-- name: examination
-- The count of fixes is the planner's; exact would read them all.
select
    current_setting('server_version'), timescaledb_edition(),
    (select extversion from pg_extension where extname = 'timescaledb'),
    current_setting('fsync'),
    (select count(*) from collar),
    (
        select greatest(0, sum(reltuples))::bigint
        from pg_class
        where oid = 'fix'::regclass
            or oid in (select inhrelid from pg_inherits where inhparent = 'fix'::regclass)
    ),
    (select count(*) from latest_fix where recorded_at > now() + interval '1 day'),
    (select count(*) from dead_letter),
    (select max(recorded_at) from latest_fix),
    (select count(*) from membership where study is null and role = 'admin')
