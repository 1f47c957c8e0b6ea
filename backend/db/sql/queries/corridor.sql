-- Observed corridors: what they are computed from, what is stored of them.

-- name: corridor_fixes
-- By animal, oldest first; one fix per time, should two collars have recorded at once.
select distinct on (d.animal, f.recorded_at)
    d.animal, extract(epoch from f.recorded_at)::float8, f.lat, f.lon, f.accuracy_m, f.reason
from deployment d
join fix f on f.collar = d.collar
where (%(animals)s::bigint[] is null or d.animal = any(%(animals)s))
  and f.recorded_at >= greatest(lower(d.during), %(from_time)s, '-infinity'::timestamptz)
  and f.recorded_at < least(upper(d.during), %(to_time)s, 'infinity'::timestamptz)
order by d.animal, f.recorded_at, f.collar, f.generation, f.record

-- name: corridor_by_hash
select corridor from corridor where input_hash = %(input_hash)s

-- name: add_corridor
-- No row when another computed the same meanwhile.
insert into corridor
    (herd, parameters, from_time, to_time, fixes, software_version, input_hash)
values (
    %(herd)s, %(parameters)s,
    to_timestamp(%(from_time_s)s), to_timestamp(%(to_time_s)s),
    %(fixes)s, %(software_version)s, %(input_hash)s
)
on conflict (input_hash) do nothing
returning corridor

-- name: add_corridor_level
insert into corridor_level (
    corridor, animals, share_percent, area_km2, area_grid_km2, width_narrowest_m, width_median_m,
    width_widest_m, width_sections, width_bottleneck_lon_lat, geometry
)
values (
    %(corridor)s, %(animals)s, %(share_percent)s, %(area_km2)s, %(area_grid_km2)s,
    %(width_narrowest_m)s, %(width_median_m)s, %(width_widest_m)s, %(width_sections)s,
    %(width_bottleneck_lon_lat)s::float8[], %(geometry)s
)

-- name: corridors
-- Newest first, a page of them by the primary key; land of the most animals last, to draw in this order.
select
    c.corridor, l.animals, l.share_percent, l.area_km2, l.area_grid_km2, l.width_narrowest_m,
    l.width_median_m, l.width_widest_m, l.width_sections, l.width_bottleneck_lon_lat, l.geometry,
    c.herd, c.fixes, c.from_time, c.to_time, c.computed_at, c.software_version, c.parameters
from (
    select *
    from corridor
    where (%(corridor)s::bigint is null or corridor = %(corridor)s)
      and (%(animal)s::bigint is null or herd @> array[%(animal)s::bigint])
      and (%(after)s::bigint is null or corridor < %(after)s)
    order by corridor desc
    limit %(limit)s
) c
join corridor_level l using (corridor)
order by c.corridor desc, l.animals
