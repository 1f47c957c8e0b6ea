-- Observed corridors: what they are computed from, what is stored of them.

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
    l.width_median_m, l.width_widest_m, l.width_sections,
    case when c.cells_per_degree = 0 then l.width_bottleneck_lon_lat
        when l.width_bottleneck_lon_lat is not null then array[
            given(l.width_bottleneck_lon_lat[1], c.cells_per_degree, 180),
            given(l.width_bottleneck_lon_lat[2], c.cells_per_degree, 90)] end
        as width_bottleneck_lon_lat,
    given_shape(l.geometry, c.cells_per_degree) as geometry,
    c.herd, c.fixes, c.from_time, c.to_time, c.computed_at, c.software_version,
    case when c.cells_per_degree = 0 then c.parameters
        else '{"left_out": [], "warnings": []}' end as parameters,
    case when c.cells_per_degree = 0 then 0.00001 else 1.0 / c.cells_per_degree end::float8
        as precision_deg
from (
    select *
    from corridor
    join seen_corridor(%(viewer)s) using (corridor)
    where (%(corridor)s::bigint is null or corridor = %(corridor)s)
      and (%(animal)s::bigint is null or herd @> array[%(animal)s::bigint])
      and (%(after)s::bigint is null or corridor < %(after)s)
    order by corridor desc
    limit %(limit)s
) c
join corridor_level l using (corridor)
order by c.corridor desc, l.animals
