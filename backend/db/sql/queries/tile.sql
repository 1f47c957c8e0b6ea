-- Fixes for vector tiles.

-- name: tile_fixes
-- The newest of each animal by fix_once backwards, as many as all come to the bound together.
with chosen as (
    select v.animal
    from seen_animal(%(viewer)s) v
    join animal a using (animal)
    where (%(animal)s::bigint is null or a.animal = %(animal)s)
      and (%(study)s::bigint is null or a.study = %(study)s)
)
select f.*
from chosen c
cross join lateral (
    select e.*
    from (select distinct collar from deployment where animal = c.animal) d
    cross join lateral seen_span(%(viewer)s, d.collar) p
    cross join lateral (
        select s.*
        from seen_fix_in(
            d.collar, greatest(p.since, %(from_time)s), least(p.until, %(to_time)s),
            p.animal, p.study, p.cells_per_degree
        ) s
        where visible(s.outlier)
        order by s.recorded_at desc
        limit (select greatest(2, %(most)s / count(*)) from chosen)
    ) e
    where p.animal = c.animal
    order by e.recorded_at desc
    limit (select greatest(2, %(most)s / count(*)) from chosen)
) f
order by f.animal, f.recorded_at, f.collar, f.generation, f.record
