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
    lower(d.during) as deploy_on_timestamp, upper(d.during) as deploy_off_timestamp
from seen_period(%(viewer)s) d
join collar c on c.collar = d.collar
join animal a on a.animal = d.animal
where a.study = %(study)s
order by 1
