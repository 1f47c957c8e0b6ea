-- What only the collections of OGC API - Features ask for.

-- name: latest_page
-- A page by latest_fix's key. Boxes are asked of positions as they are given.
select s.*, a.name
from seen_latest(%(viewer)s) s
left join animal a using (animal)
where (%(collar)s::integer is null or s.collar = %(collar)s)
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

-- name: newest_home_ranges
-- The newest of each animal and method; from the one at which a page was cut.
select home_range
from (
    select distinct on (h.animal, h.method) h.home_range
    from home_range h
    join seen_home_range(%(viewer)s) using (home_range)
    where %(animal)s::bigint is null or h.animal = %(animal)s
    order by h.animal, h.method, h.computed_at desc, h.home_range desc
) newest
where home_range >= %(begin)s::bigint
order by home_range
