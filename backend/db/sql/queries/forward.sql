-- Fixes sent on to other servers. Marks are locked in ascending order of collars. A forwarder's
-- steps are taken under an advisory lock of its own.

-- name: forwarders_due
-- Those that may try now, or whose settings changed, or one of them; who waits longest first.
select forwarder, study, name, kind, address, token, provider, subject_type, role, since, batch,
    every_s, size, refusals, attempts,
    md5((address, token, provider, subject_type, role, since, batch)::text) as settings,
    planned_at < now() - interval '30 seconds' as to_plan, planned_as
from forwarder f
where active
    and (%(forwarder)s::bigint is null or forwarder = %(forwarder)s)
    and (next_try_at <= now()
         or planned_as <> md5((address, token, provider, subject_type, role, since, batch)::text))
    and (planned_at < now() - interval '30 seconds'
         or planned_as <> md5((address, token, provider, subject_type, role, since, batch)::text)
         or exists (
             select from forward_mark m where m.forwarder = f.forwarder and m.arrivals > m.looked
         ))
order by next_try_at, forwarder

-- name: renew_forwarder
-- With other settings: what was refused is tried again.
with again as (
    delete from forwarded where forwarder = %(forwarder)s and error is not null
), marks as (
    update forward_mark
    set since = '-infinity', arrivals = arrivals + 1
    where forwarder = %(forwarder)s
)
update forwarder
set planned_as = %(settings)s, size = batch, refusals = 0, attempts = 0, next_try_at = now(),
    last_error = null, last_error_at = null
where forwarder = %(forwarder)s

-- name: plan_forwarder
-- Collars that the study's animals wear or wore: new ones, those of which other rules hold now, and
-- those of which the delay may have let go of something.
with planned as (
    update forwarder set planned_at = now() where forwarder = %(forwarder)s
), given as materialized (
    select * from access(%(viewer)s)
), worn_by as (
    select distinct d.collar
    from deployment d
    join animal a on a.animal = d.animal
    where a.study = %(study)s
), seen as (
    select c.collar, bool_or(g.until < 'infinity') as delayed,
        md5(string_agg((
            w.during, w.animal, w.study, g.cells_per_degree,
            case when g.until < 'infinity' then now() - g.until end
        )::text, ',' order by w.during)) as seen_as
    from worn_by c
    cross join lateral worn_periods(c.collar) w
    left join given g on g.study = w.study and g.sensitivity = w.sensitivity
    group by c.collar
)
insert into forward_mark as mark (forwarder, collar, seen_as)
select %(forwarder)s, s.collar, s.seen_as
from seen s
left join forward_mark m on m.forwarder = %(forwarder)s and m.collar = s.collar
left join latest_fix l on l.collar = s.collar
where m.collar is null or m.seen_as <> s.seen_as
    or s.delayed and l.recorded_at > m.since and m.arrivals = m.looked
order by s.collar
on conflict (forwarder, collar) do update
set arrivals = mark.arrivals + 1, seen_as = excluded.seen_as,
    since = case when mark.seen_as = excluded.seen_as then mark.since else '-infinity' end

-- name: forward_due
-- Marks to look at; once nothing is left to send, nothing before the bound is.
select m.collar, m.arrivals,
    least(
        (
            select min(g.until)
            from worn_periods(m.collar) w
            join access(%(viewer)s) g on g.study = w.study and g.sensitivity = w.sensitivity
            where g.until < 'infinity'
        ),
        (select f.recorded_at from fix f where f.collar = m.collar order by f.recorded_at desc limit 1)
    ) as bound
from forward_mark m
where m.forwarder = %(forwarder)s and m.arrivals > m.looked
order by m.collar
limit 1000

-- name: forward_batch
-- By fix_once from each mark on, and by the primary key of forwarded. Outliers stay here. Planned for
-- its values, what is ordered by is a column, and the index is read forwards or backwards.
select s.collar, s.generation, s.record, s.recorded_at, s.lat, s.lon, s.altitude_m, s.accuracy_m,
    s.cells_per_degree, s.animal, a.name
from (
    select m.forwarder, m.collar, m.since
    from forward_mark m
    where m.forwarder = %(forwarder)s and m.collar = any(%(collars)s::integer[])
) m
cross join lateral (
    select s.*
    from seen_fix(%(viewer)s) s
    where s.collar = m.collar and s.study = %(study)s and s.animal is not null
        and visible(s.outlier)
        and s.recorded_at >= greatest(m.since, %(since)s::timestamptz)
        and not exists (
            select
            from forwarded d
            where d.forwarder = m.forwarder and d.collar = s.collar
                and d.recorded_at >= m.since and d.recorded_at = s.recorded_at and d.generation = s.generation
                and d.record = s.record
        )
    order by case when %(newest)s then s.recorded_at end desc, s.recorded_at, s.generation, s.record
    limit %(size)s
) s
join animal a on a.animal = s.animal
order by case when %(newest)s then s.recorded_at end desc, s.recorded_at, s.collar, s.generation, s.record
limit %(size)s

-- name: note_forwarded
insert into forwarded (forwarder, collar, recorded_at, generation, record, error)
select %(forwarder)s, collar, recorded_at, generation, record, %(error)s
from unnest(
    %(collars)s::integer[], %(times)s::timestamptz[], %(generations)s::integer[],
    %(records)s::bigint[]
) as done (collar, recorded_at, generation, record)
on conflict do nothing

-- name: note_forwarder
update forwarder
set size = %(size)s, refusals = %(refusals)s, attempts = %(attempts)s,
    next_try_at = now() + %(wait)s::interval, sent = sent + %(sent)s,
    last_sent_at = case when %(sent)s > 0 then now() else last_sent_at end,
    last_error = coalesce(%(error)s, last_error),
    last_error_at = case when %(error)s::text is null then last_error_at else now() end
where forwarder = %(forwarder)s

-- name: move_marks
-- What came meanwhile leaves its mark due.
with read as (
    select m.collar, r.arrivals, r.bound
    from forward_mark m
    join unnest(%(collars)s::integer[], %(arrivals)s::bigint[], %(bounds)s::timestamptz[])
        as r (collar, arrivals, bound) using (collar)
    where m.forwarder = %(forwarder)s and m.arrivals = r.arrivals
    order by m.collar
    for update of m
)
update forward_mark m
set looked = case when %(done)s then r.arrivals else m.looked end,
    since = greatest(m.since, r.bound)
from read r
where m.forwarder = %(forwarder)s and m.collar = r.collar

-- name: troubled_forwarders
select name, last_error
from forwarder
where active and last_error_at > coalesce(last_sent_at, '-infinity')
order by forwarder
