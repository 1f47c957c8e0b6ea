-- name: has_study
select from study where study = %(study)s

-- name: sees_study
-- Whether a viewer may see anything of a study.
select from access(%(viewer)s) where study = %(study)s limit 1

-- name: lock_study_for_import
-- Two imports into one study at once would number each other's rows.
select pg_advisory_xact_lock(x'496d706f'::integer, %(study)s::integer)

-- name: has_import_stage
select to_regclass('pg_temp.import_row') is not null

-- name: create_import_stage
-- Rows as they came; a verdict only on those that are not simply to be stored. They stay, empty,
-- for the next import of this session: to make them takes longer than to store a few rows.
create temporary table import_stage (
    line bigint not null,
    tag text not null,
    animal text not null,
    taxon text not null,
    recorded_at timestamptz not null,
    lat double precision,
    lon double precision,
    altitude_m real,
    accuracy_m real,
    outlier smallint not null,
    attributes jsonb not null
) on commit delete rows;
create temporary table import_verdict (
    line bigint primary key,
    number smallint not null default 0,
    reason text
) on commit delete rows;
create temporary table import_name (
    tag text not null,
    animal text not null,
    collar integer not null,
    animal_id bigint
) on commit delete rows;
create temporary view import_row as
select s.line, n.collar, n.animal_id, s.recorded_at, s.lat, s.lon, s.altitude_m, s.accuracy_m,
    s.outlier, s.attributes,
    (extract(epoch from date_trunc('milliseconds', s.recorded_at)) * 1000)::bigint * 16
        + coalesce(v.number, 0) as record
from import_stage s
join import_name n on n.tag = s.tag and n.animal = s.animal
left join import_verdict v on v.line = s.line
where v.line is null or v.number > 0 and v.reason is null

-- name: analyze_import_stage
analyze import_stage

-- name: number_import_repeats
-- Rows of one tag and millisecond: the same again is a repeat, others get numbers.
with doubled as (
    select tag, date_trunc('milliseconds', recorded_at) as at
    from import_stage
    group by 1, 2
    having count(*) > 1
), content as (
    select s.line, s.tag, d.at,
        min(s.line) over (
            partition by s.tag, d.at, s.recorded_at, s.animal, s.lat, s.lon, s.outlier,
                s.attributes - 'event-id'
        ) as first_line
    from import_stage s
    join doubled d on d.tag = s.tag and d.at = date_trunc('milliseconds', s.recorded_at)
), numbered as (
    select line, line > first_line as twice,
        dense_rank() over (partition by tag, at order by first_line) - 1 as number
    from content
)
insert into import_verdict (line, number, reason)
select line, least(number, 16),
    case when twice then 'twice'
         when number > 15 then 'more than 16 different rows of one tag and time' end
from numbered
where twice or number > 0

-- name: add_imported_collars
insert into collar (collar, name, study, serial)
select nextval('imported_collar'), tag, %(study)s, tag
from (select distinct tag from import_stage) tags
where not exists (
    select from collar c where c.study = %(study)s and tags.tag in (c.serial, c.name)
)

-- name: add_imported_animals
insert into animal (name, taxon, study)
select animal, nullif(max(taxon), ''), %(study)s
from import_stage
where animal <> ''
group by animal
on conflict (study, name) do nothing

-- name: name_import_stage
insert into import_name (tag, animal, collar, animal_id)
select named.tag, named.animal, c.collar, a.animal
from (select distinct tag, animal from import_stage) named
join lateral (
    select collar
    from collar
    where collar.study = %(study)s and named.tag in (collar.serial, collar.name)
    order by named.tag = collar.serial desc nulls last, collar
    limit 1
) c on true
left join animal a on a.study = %(study)s and a.name = named.animal

-- name: import_islands
-- Stretches of rows of one tag that name one animal, where no deployment says so yet.
select collar, animal_id, min(recorded_at), max(recorded_at)
from (
    select s.collar, s.animal_id, s.recorded_at,
        row_number() over (partition by s.collar order by s.recorded_at, s.line)
            - row_number() over (
                partition by s.collar, s.animal_id order by s.recorded_at, s.line
            ) as island
    from import_row s
    left join deployment d
        on d.collar = s.collar and d.animal = s.animal_id and d.during @> s.recorded_at
    where s.animal_id is not null and d.deployment is null
) alone
group by collar, animal_id, island
order by collar, 3

-- name: import_deployments
select deployment, collar, animal, lower(during), upper(during)
from deployment
where collar in (select collar from import_name)

-- name: reject_import_island
insert into import_verdict (line, reason)
select line, %(reason)s
from import_row
where collar = %(collar)s and animal_id = %(animal)s
    and recorded_at between %(first)s and %(last)s
on conflict (line) do update set reason = excluded.reason

-- name: reject_import_deployed
insert into import_verdict (line, reason)
select s.line, 'the tag is on another animal at that time'
from import_row s
join deployment d on d.collar = s.collar and d.during @> s.recorded_at
where d.deployment = %(deployment)s and s.animal_id = %(animal)s and d.animal <> s.animal_id
on conflict (line) do update set reason = excluded.reason

-- name: import_island_left
select min(recorded_at), max(recorded_at)
from import_row
where collar = %(collar)s and animal_id = %(animal)s
    and recorded_at between %(first)s and %(last)s

-- name: insert_imported_deployment
insert into deployment (collar, animal, during)
values (%(collar)s, %(animal)s, tstzrange(%(first)s, %(last)s::timestamptz + interval '1 microsecond'))
returning deployment, collar, animal, lower(during), upper(during)

-- name: extend_deployment
update deployment
set during = range_merge(
    during, tstzrange(%(first)s, %(last)s::timestamptz + interval '1 microsecond')
)
where deployment = %(deployment)s
returning deployment, collar, animal, lower(during), upper(during)

-- name: knows_imported_collars
select
from import_name n
where exists (select from fix f where f.collar = n.collar)
    or exists (select from imported_event e where e.collar = n.collar)
limit 1

-- name: mark_import_known
-- By fix_once and imported_event_pkey. A record that came by radio is the same position again.
insert into import_verdict (line, number, reason)
select s.line, s.record % 16,
    case
        when f.generation <> 0
            or (f.collar is null or f.lat = s.lat and f.lon = s.lon)
                and e.attributes - 'event-id' = s.attributes - 'event-id'
        then 'twice'
        else 'other values are stored for this tag and time'
    end
from import_row s
left join lateral (
    select f.collar, f.generation, f.lat, f.lon
    from fix f
    where f.collar = s.collar and f.recorded_at = s.recorded_at
        and (f.generation <> 0 or f.record = s.record)
    order by f.generation desc
    limit 1
) f on true
left join imported_event e
    on e.collar = s.collar and e.recorded_at = s.recorded_at and e.record = s.record
where f.collar is not null or e.collar is not null
on conflict (line) do update set reason = excluded.reason

-- name: count_import
select
    count(*) filter (where v.line is null or v.reason is null),
    count(*) filter (where (v.line is null or v.reason is null) and s.lat is null),
    count(*) filter (where v.reason = 'twice')
from import_stage s
left join import_verdict v on v.line = s.line

-- name: import_rejections
select line, reason from import_verdict where reason <> 'twice' order by line

-- name: insert_imported_fixes
insert into fix (
    collar, generation, record, recorded_at, lat, lon, altitude_m, accuracy_m, reason, outlier
)
select collar, 0, record, recorded_at, lat, lon, altitude_m, accuracy_m, 7, outlier
from import_row
where lat is not null
order by recorded_at

-- name: insert_imported_events
insert into imported_event (collar, record, recorded_at, attributes)
select collar, record, recorded_at, attributes
from import_row
order by collar, recorded_at

-- name: advance_latest_imported
insert into latest_fix (
    collar, generation, record, recorded_at, lat, lon, altitude_m, accuracy_m, reason
)
select distinct on (collar)
    collar, 0, record, recorded_at, lat, lon, altitude_m, accuracy_m, 7
from import_row
where lat is not null and visible(outlier)
order by collar, recorded_at desc, record desc
on conflict (collar) do update
set generation = excluded.generation, record = excluded.record,
    recorded_at = excluded.recorded_at, lat = excluded.lat, lon = excluded.lon,
    altitude_m = excluded.altitude_m, accuracy_m = excluded.accuracy_m, reason = excluded.reason
where latest_fix.recorded_at < excluded.recorded_at

-- name: note_imported_terms
insert into imported_term (study, term)
select %(study)s, unnest(%(terms)s::text[])
on conflict do nothing
