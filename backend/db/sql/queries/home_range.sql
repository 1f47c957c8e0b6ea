-- Home ranges: what they are computed from, what is stored of them.

-- name: home_range_by_hash
select home_range from home_range where input_hash = %(input_hash)s

-- name: add_home_range
-- No row when another computed the same meanwhile.
insert into home_range
    (animal, method, parameters, from_time, to_time, fixes, software_version, input_hash)
values (
    %(animal)s, %(method)s, %(parameters)s,
    to_timestamp(%(from_time_s)s), to_timestamp(%(to_time_s)s),
    %(fixes)s, %(software_version)s, %(input_hash)s
)
on conflict (input_hash) do nothing
returning home_range

-- name: add_isopleth
insert into home_range_isopleth (home_range, level_percent, area_km2, geometry)
values (%(home_range)s, %(level_percent)s, %(area_km2)s, %(geometry)s)

-- name: home_ranges
-- A page by the primary key: the newest of each animal and method by home_range_animal, or all; the
-- widest isopleth first, to draw in this order.
with page as (
    select h.home_range, v.cells_per_degree
    from home_range h
    join seen_home_range(%(viewer)s) v using (home_range)
    where (%(home_range)s::bigint is null or h.home_range = %(home_range)s)
      and (%(animal)s::bigint is null or h.animal = %(animal)s)
      and (%(after)s::bigint is null or h.home_range > %(after)s)
      and (%(history)s or h.home_range = (
          select newest.home_range
          from home_range newest
          join seen_home_range(%(viewer)s) using (home_range)
          where newest.animal = h.animal and newest.method = h.method
          order by newest.computed_at desc, newest.home_range desc
          limit 1
      ))
    order by h.home_range
    limit %(limit)s
)
select
    h.home_range, h.animal, a.name, h.method, i.level_percent, i.area_km2,
    given_shape(i.geometry, v.cells_per_degree) as geometry,
    h.fixes, h.from_time, h.to_time, h.computed_at, h.software_version,
    case when v.cells_per_degree = 0 then h.parameters else '{}' end as parameters,
    case when v.cells_per_degree = 0 then 0.00001 else 1.0 / v.cells_per_degree end::float8
        as precision_deg
from page v
join home_range h using (home_range)
join animal a using (animal)
join home_range_isopleth i using (home_range)
order by h.home_range, i.level_percent desc
