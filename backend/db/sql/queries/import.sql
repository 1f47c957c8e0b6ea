-- name: has_study
select from study where study = %(study)s

-- name: sees_study
-- Whether a viewer may see anything of a study.
select from access(%(viewer)s) where study = %(study)s limit 1

-- name: lock_study_for_import
-- Two imports into one study at once would number each other's rows.
select pg_advisory_xact_lock(x'496d706f'::integer, %(study)s::integer)

-- name: imported_names
-- Numbers of collars and animals, in the order of their names; null where there is none. Animal 0: on
-- no animal.
select c.collar, case when named.animal = '' then 0 else a.animal end
from unnest(%(tags)s::text[], %(animals)s::text[]) with ordinality as named (tag, animal, place)
left join lateral (
    select collar
    from collar
    where collar.study = %(study)s and named.tag in (collar.serial, collar.name)
    order by named.tag = collar.serial desc nulls last, collar
    limit 1
) c on true
left join animal a on a.study = %(study)s and a.name = named.animal
order by named.place

-- name: add_imported_collars
insert into collar (collar, name, study, serial)
select nextval('imported_collar'), tag, %(study)s, tag
from (select distinct unnest(%(tags)s::text[]) as tag) tags
where not exists (
    select from collar c where c.study = %(study)s and tags.tag in (c.serial, c.name)
)
returning collar

-- name: add_imported_animals
insert into animal (name, taxon, study)
select animal, nullif(max(taxon), ''), %(study)s
from unnest(%(animals)s::text[], %(taxa)s::text[]) as named (animal, taxon)
where animal <> ''
group by animal
on conflict (study, name) do nothing

-- name: imported_headers
select header, terms
from imported_header
where study = %(study)s and md5(terms) in (select md5(unnest(%(terms)s::text[])))

-- name: add_imported_headers
insert into imported_header (study, terms)
select %(study)s, unnest(%(terms)s::text[])
returning header, terms

-- name: import_deployments
select deployment, collar, animal,
    (extract(epoch from lower(during)) * 1000000)::bigint,
    (extract(epoch from upper(during)) * 1000000)::bigint
from deployment
where collar = any(%(collars)s::integer[])
order by deployment

-- name: insert_imported_deployments
insert into deployment (collar, animal, during)
select collar, animal, tstzrange(
    timestamptz 'epoch' + first_us * interval '1 microsecond',
    timestamptz 'epoch' + end_us * interval '1 microsecond'
)
from unnest(
    %(collars)s::integer[], %(animals)s::bigint[], %(firsts_us)s::bigint[], %(ends_us)s::bigint[]
) as shown (collar, animal, first_us, end_us)

-- name: extend_deployments
update deployment d
set during = tstzrange(
    timestamptz 'epoch' + first_us * interval '1 microsecond',
    timestamptz 'epoch' + end_us * interval '1 microsecond'
)
from unnest(%(deployments)s::bigint[], %(firsts_us)s::bigint[], %(ends_us)s::bigint[])
    as shown (deployment, first_us, end_us)
where d.deployment = shown.deployment

-- name: go_by_indexes
-- For the rest of this transaction: tables that were filled a moment ago have no statistics yet, by
-- which the planner would see that they are not empty.
select set_config(name, 'off', true)
from unnest('{enable_seqscan,enable_hashjoin,enable_mergejoin}'::text[]) as name

-- name: known_to_import
-- What is stored for the tag and millisecond of rows: whether any says the same, whether all came
-- with this import, and the last number. A record that came by radio is the same position again.
-- Rows that name no sensor mean GPS, as an export says of them.
-- By fix_once and imported_event_pkey. The limits keep each look-up one by its whole key, whatever
-- the planner knows of the tables: joined, it would read all fixes of a tag for each row. All rows
-- are of a time range, by which other chunks are left out once and not at each look-up.
with came as materialized (
    select row_, collar, timestamptz 'epoch' + time_us * interval '1 microsecond' as at, lat, lon,
        header, words
    from unnest(
        %(row)s::integer[], %(collar)s::integer[], %(time_us)s::bigint[],
        %(lat)s::double precision[], %(lon)s::double precision[], %(header)s::integer[],
        %(words)s::text[]
    ) as came (row_, collar, time_us, lat, lon, header, words)
)
select c.row_, heard.known is not null or coalesce(stored.same, false),
    coalesce(stored.own, false), stored.last
from came c
left join lateral (
    select true as known
    from fix f
    where c.collar <= 65535 and f.collar = c.collar and f.recorded_at = c.at and f.generation > 0
        and f.recorded_at between %(first)s and %(last)s
    limit 1
) heard on true
cross join lateral (
    select
        bool_or(
            e.recorded_at = c.at and f.lat is not distinct from c.lat
            and f.lon is not distinct from c.lon
            and case
                when e.header = c.header and e.words = c.words then true
                else '{"sensor-type": "gps"}' || coalesce(told(e.header, e.words), '{}')
                    = '{"sensor-type": "gps"}' || coalesce(told(c.header, c.words), '{}')
            end
        ) as same,
        bool_and(e.xmin = pg_current_xact_id()::xid) as own,
        max(e.record %% 16) as last
    from imported_event e
    left join lateral (
        select lat, lon
        from fix f
        where f.collar = e.collar and f.recorded_at = e.recorded_at and f.generation = 0
            and f.record = e.record
            and f.recorded_at between %(first)s and %(last)s
        limit 1
    ) f on true
    where e.collar = c.collar
      and e.recorded_at >= date_trunc('milliseconds', c.at)
      and e.recorded_at < date_trunc('milliseconds', c.at) + interval '1 millisecond'
) stored
where heard.known or stored.last is not null

-- name: note_imported_terms
insert into imported_term (study, term)
select %(study)s, unnest(%(terms)s::text[])
on conflict do nothing
