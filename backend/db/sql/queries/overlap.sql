-- Overlap of home ranges.

-- name: overlap_by_hash
select overlap from overlap where input_hash = %(input_hash)s

-- name: add_overlap
-- No row when another computed the same meanwhile.
insert into overlap
    (animals, method, parameters, matrices, from_time, to_time, fixes, software_version, input_hash)
values (
    %(animals)s, %(method)s, %(parameters)s, %(matrices)s,
    to_timestamp(%(from_time_s)s), to_timestamp(%(to_time_s)s),
    %(fixes)s, %(software_version)s, %(input_hash)s
)
on conflict (input_hash) do nothing
returning overlap

-- name: overlaps
-- Newest first by the primary key: those of animals all of which the viewer sees exactly. There is
-- nothing coarse to give of a number that says who was near whom.
select o.overlap, o.animals, names.names, o.method, o.matrices, o.parameters,
    o.from_time, o.to_time, o.fixes, o.computed_at, o.software_version
from overlap o
cross join lateral (
    select array_agg(a.name order by a.animal) as names,
        count(*) filter (where s.cells_per_degree = 0) as exactly, min(s.until) as until
    from unnest(o.animals) as member (animal)
    join animal a on a.animal = member.animal
    join seen_animal(%(viewer)s) s on s.animal = member.animal
) names
where (%(overlap)s::bigint is null or o.overlap = %(overlap)s)
  and (%(animal)s::bigint is null or o.animals @> array[%(animal)s::bigint])
  and (%(after)s::bigint is null or o.overlap < %(after)s)
  and names.exactly = cardinality(o.animals) and o.to_time < names.until
order by o.overlap desc
limit %(limit)s
