-- name: export_terms
-- The terms that the rows of an export have.
select term from imported_term where study = %(study)s
union
select unnest(array[
    case when bool_or(f.altitude_m is not null) then 'height-above-msl' end,
    case when bool_or(f.accuracy_m is not null) then 'location-error-numerical' end,
    case when bool_or(f.outlier & 1 > 0) then 'algorithm-marked-outlier' end,
    case when bool_or(f.outlier & 2 > 0) then 'import-marked-outlier' end,
    case when bool_or(f.outlier & 4 > 0) then 'manually-marked-outlier' end,
    case when bool_or(f.outlier & 8 > 0) then 'manually-marked-valid' end
])
from seen_fix(%(viewer)s) f
left join imported_event e
    on e.collar = f.collar and e.recorded_at = f.recorded_at and e.record = f.record
where f.study = %(study)s and (e.collar is null or f.outlier > 0)

-- name: export_is_general
select exists (
    select from access(%(viewer)s) g where g.study = %(study)s and g.cells_per_degree > 0
) as general

-- name: export_headers
-- Of which terms the words of rows are.
select header, terms
from imported_header
where header in (
    select distinct e.header
    from imported_event e
    join collar c on c.collar = e.collar
    where c.study = %(study)s
)

-- name: export_events
-- What a viewer may see of a study. Words beyond place and time only where the place is exact, and
-- searches without a place only of animals that may be seen exactly, now.
-- Both are found once, before they meet: the planner would ask anew for each row.
with exact as materialized (
    select animal, until from seen_animal(%(viewer)s) where cells_per_degree = 0
), failed as materialized (
    select e.collar, e.recorded_at, e.header, e.words
    from imported_event e
    join collar c on c.collar = e.collar
    where c.study = %(study)s
      and (%(from_time)s::timestamptz is null or e.recorded_at >= %(from_time)s)
      and (%(to_time)s::timestamptz is null or e.recorded_at < %(to_time)s)
      and not exists (
        select
        from fix f
        where f.collar = e.collar and f.recorded_at = e.recorded_at and f.generation = 0
            and f.record = e.record
      )
)
select
    f.recorded_at, f.lat, f.lon, f.altitude_m, f.accuracy_m, f.outlier, f.cells_per_degree,
    case when f.cells_per_degree = 0 then e.header end as header,
    case when f.cells_per_degree = 0 then e.words end as words,
    coalesce(c.serial, c.name) as tag, a.name as animal, a.taxon, s.name as study
from seen_fix(%(viewer)s) f
join collar c on c.collar = f.collar
join study s on s.study = f.study
left join animal a on a.animal = f.animal
left join imported_event e
    on f.generation = 0 and e.collar = f.collar and e.recorded_at = f.recorded_at
    and e.record = f.record
where f.study = %(study)s
  and (%(from_time)s::timestamptz is null or f.recorded_at >= %(from_time)s)
  and (%(to_time)s::timestamptz is null or f.recorded_at < %(to_time)s)
union all
select
    e.recorded_at, null, null, null, null, 0, 0, e.header, e.words,
    coalesce(c.serial, c.name), a.name, a.taxon, s.name
from failed e
join collar c on c.collar = e.collar
join study s on s.study = c.study
join deployment d on d.collar = e.collar and d.during @> e.recorded_at
join animal a on a.animal = d.animal
join exact v on v.animal = a.animal and e.recorded_at < v.until
order by tag, recorded_at

-- name: export_reference
select
    coalesce(c.serial, c.name) as "tag-id", a.name as "animal-id", a.taxon as "animal-taxon",
    lower(d.during) as "deploy-on-date", upper(d.during) as "deploy-off-date",
    a.comments as "animal-comments", a.mass_g as "animal-mass", a.sex as "animal-sex",
    d.comments as "deployment-comments", d.end_type as "deployment-end-type",
    d.deployment as "deployment-id", c.maker as "tag-manufacturer-name",
    a.attributes || c.attributes || d.attributes as attributes
from deployment d
join collar c using (collar)
join animal a using (animal)
join seen_animal(%(viewer)s) v on v.animal = a.animal and v.cells_per_degree = 0
where a.study = %(study)s
order by 1, 4
