-- What clients of other systems ask for.

-- name: study_named
-- By its number, else by its name.
select study
from study
where study::text = %(text)s or name = %(text)s
order by study::text = %(text)s desc
limit 1

-- name: studies_among
-- Null: all of them. Two are enough to know that it is not one.
select study
from study
where %(among)s::bigint[] is null or study = any(%(among)s)
order by study
limit 2

-- name: direct_studies
-- Studies of which anything may be seen; whether there is more than that, and who is in them.
select
    s.study as id, s.name, s.principal_investigator as principal_investigator_name,
    s.licence as license_type, s.citation, 'true' as i_can_see_data,
    exists (
        select
        from animal_policy p
        left join seen_animal(%(viewer)s) v
            on v.animal = p.animal and v.cells_per_degree = 0 and v.until = 'infinity'
        where p.study = s.study and v.animal is null
    )::text as there_are_data_which_i_cannot_see,
    (select count(*) from animal a where a.study = s.study) as number_of_individuals
from study s
where (%(study)s::bigint is null or s.study = %(study)s)
  and s.study in (select study from access(%(viewer)s))
order by s.study

-- name: direct_individuals
select
    a.animal as id, a.name as local_identifier, a.taxon as taxon_canonical_name, a.sex,
    a.comments, a.study as study_id
from animal a
join seen_animal(%(viewer)s) v using (animal)
where a.study = %(study)s
  and (%(animal)s::bigint is null or a.animal = %(animal)s)
  and (%(names)s::text[] is null or a.name = any(%(names)s))
order by a.animal

-- name: direct_tags
-- Of animals of which anything may be seen.
select distinct c.collar as id, c.name as local_identifier, c.maker as manufacturer_name, c.model,
    c.serial as serial_no, %(study)s::bigint as study_id
from seen_period(%(viewer)s) d
join collar c on c.collar = d.collar
join animal a on a.animal = d.animal
where a.study = %(study)s
order by 1

-- name: direct_deployments
select d.deployment as id, d.collar as tag_id, c.name as tag_local_identifier,
    d.animal as individual_id, a.name as individual_local_identifier,
    lower(d.during) as deploy_on_timestamp,
    nullif(upper(d.during), 'infinity') as deploy_off_timestamp
from seen_period(%(viewer)s) d
join collar c on c.collar = d.collar
join animal a on a.animal = d.animal
where a.study = %(study)s
order by 1

-- name: earthranger_subjects
with latest as materialized (
    select distinct on (s.animal) s.animal, s.recorded_at, s.lat, s.lon
    from seen_latest(%(viewer)s) s
    where s.animal is not null and (%(animal)s::bigint is null or s.animal = %(animal)s)
    order by s.animal, s.recorded_at desc
)
select a.animal, a.name, a.taxon, a.sex, a.study, l.recorded_at, l.lat, l.lon,
    1.0::float8 / nullif(v.cells_per_degree, 0) as precision_deg
from animal a
join seen_animal(%(viewer)s) v on v.animal = a.animal
left join latest l on l.animal = a.animal
where (%(animal)s::bigint is null or a.animal = %(animal)s)
    and (%(study)s::bigint is null or a.study = %(study)s)
order by a.animal

-- name: earthranger_sources
-- Of animals of which anything may be seen; names of a manufacturer may be in several studies.
select c.collar, c.name, c.serial, c.maker, c.model, c.study, c.added_at
from collar c
where c.collar > %(after)s
    and (%(collar)s::bigint is null or c.collar = %(collar)s)
    and (%(manufacturer)s::text is null or %(manufacturer)s in (c.serial, c.name))
    and exists (
        select
        from seen_period(%(viewer)s) d
        where d.collar = c.collar and (%(animal)s::bigint is null or d.animal = %(animal)s)
    )
order by c.collar
limit %(limit)s

-- name: earthranger_assignments
select d.deployment, d.collar, d.animal, lower(d.during) as begins,
    nullif(upper(d.during), 'infinity') as ends
from seen_period(%(viewer)s) d
where (%(animals)s::bigint[] is null or d.animal = any(%(animals)s))
    and (%(collars)s::bigint[] is null or d.collar = any(%(collars)s))
order by d.deployment

-- name: earthranger_track
-- Newest first, by fix_once backwards.
select f.recorded_at, f.lat, f.lon
from deployment d
cross join lateral (
    select s.recorded_at, s.lat, s.lon
    from seen_fix(%(viewer)s) s
    where s.collar = d.collar and visible(s.outlier)
        and s.recorded_at >= greatest(lower(d.during), %(from_time)s, '-infinity'::timestamptz)
        and s.recorded_at < least(upper(d.during), %(to_time)s, 'infinity'::timestamptz)
    order by s.recorded_at desc
    limit %(limit)s
) f
where d.animal = %(animal)s and (%(collar)s::bigint is null or d.collar = %(collar)s)
order by f.recorded_at desc
limit %(limit)s
