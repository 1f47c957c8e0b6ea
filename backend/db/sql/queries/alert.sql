-- name: note_arrival
-- In order of collars: two loaders cannot wait for each other in a ring.
with noted as (
    insert into arrival (collar, earliest)
    select collar, timestamptz 'epoch' + us * interval '1 microsecond'
    from unnest(%(collars)s::integer[], %(times_us)s::bigint[]) as came (collar, us)
    order by collar
    on conflict (collar) do update
    set earliest = least(arrival.earliest, excluded.earliest)
    returning collar
)
select pg_notify('capra_arrival', '') from noted limit 1

-- name: note_rule
-- A new rule looks at the past: as if all it is about had come anew.
with noted as (
    insert into arrival (collar, earliest)
    select distinct c.collar, %(since)s::timestamptz
    from collar c
    left join deployment d on d.collar = c.collar
    left join animal a on a.animal = d.animal
    where (%(study)s::bigint is null or coalesce(a.study, c.study) = %(study)s)
        and (%(animals)s::bigint[] is null or d.animal = any(%(animals)s))
    order by c.collar
    on conflict (collar) do update
    set earliest = least(arrival.earliest, excluded.earliest)
    returning collar
)
select pg_notify('capra_arrival', '') from noted limit 1

-- name: take_arrivals
-- Aside, in a short transaction: a loader must not wait until what is taken has been looked at.
-- Forwarders hear of it here, each by its mark of the collar.
with taken as (
    delete from arrival
    where collar in (
        select collar from arrival order by collar limit 500 for update skip locked
    )
    returning collar, earliest
), kept as (
    insert into arrival_taken (collar, earliest)
    select collar, earliest from taken
    on conflict (collar) do update
    set earliest = least(arrival_taken.earliest, excluded.earliest)
), marked as (
    select m.forwarder, m.collar, t.earliest
    from forward_mark m
    join taken t using (collar)
    order by m.forwarder, m.collar
    for update of m
), told as (
    update forward_mark m
    set since = least(m.since, k.earliest), arrivals = m.arrivals + 1
    from marked k
    where (m.forwarder, m.collar) = (k.forwarder, k.collar)
    returning m.collar
)
select pg_notify('capra_forward', '') from told limit 1

-- name: arrivals_taken
delete from arrival_taken returning collar, earliest

-- name: lock_alerts
-- One evaluation at a time; others come later.
select pg_try_advisory_xact_lock(x'416c6572'::integer, 0) as held

-- name: rules_of_arrivals
-- Rules that look at a collar or at an animal that wore it, and since when.
select r.alert_rule, r.kind, r.study, r.settings, r.animals, r.deliver, r.name, r.added_at,
    f.geometry, min(came.earliest) as earliest,
    array_agg(distinct came.collar) as collars,
    array_remove(array_agg(distinct d.animal), null) as moved
from alert_rule r
left join fence f on f.fence = r.fence and (f.study is null or f.study = r.study)
cross join unnest(%(collars)s::integer[], %(times)s::timestamptz[]) as came (collar, earliest)
join collar c on c.collar = came.collar
left join deployment d on d.collar = came.collar
left join animal a on a.animal = d.animal
where r.active and (r.fence is null or f.active)
    and (r.study is null or r.study = coalesce(a.study, c.study))
    and (r.animals is null or d.animal = any(r.animals))
group by r.alert_rule, f.geometry
order by r.alert_rule

-- name: rules_of_time
-- Rules that time alone can bring about, or that were never looked at.
select r.alert_rule, r.kind, r.study, r.settings, r.animals, r.deliver, r.name, r.added_at,
    null::jsonb as geometry, now() as earliest, null::integer[] as collars, null::bigint[] as moved
from alert_rule r
where r.active and r.kind in ('silence', 'station-down')
order by r.alert_rule

-- name: rule_animals
select a.animal
from animal a
where (%(study)s::bigint is null or a.study = %(study)s)
    and (%(animals)s::bigint[] is null or a.animal = any(%(animals)s))
order by a.animal

-- name: rule_collars
select c.collar, d.animal
from collar c
left join deployment d on d.collar = c.collar and d.during @> now()
left join animal a on a.animal = d.animal
where (%(study)s::bigint is null or coalesce(a.study, c.study) = %(study)s)
    and (%(animals)s::bigint[] is null or d.animal = any(%(animals)s))
    and (%(collars)s::integer[] is null or c.collar = any(%(collars)s))
order by c.collar

-- name: alert_track
-- By fix_once. Fixes marked as outliers cause no alert.
select extract(epoch from f.recorded_at)::float8 as at, f.lat, f.lon, f.collar, f.generation,
    f.record
from deployment d
join fix f on f.collar = d.collar and d.during @> f.recorded_at
where d.animal = %(animal)s and f.recorded_at >= %(since)s and visible(f.outlier)
order by f.recorded_at, f.generation, f.record

-- name: alert_alarms
select extract(epoch from m.recorded_at)::float8 as at, m.alarm, m.collar, m.generation, m.record
from deployment d
join alarm m on m.collar = d.collar and d.during @> m.recorded_at
where d.animal = %(animal)s and m.recorded_at >= %(since)s
order by m.recorded_at, m.generation, m.record

-- name: alert_voltages
select extract(epoch from recorded_at)::float8 as at, voltage_mv, collar, generation, record
from status
where collar = %(collar)s and recorded_at >= %(since)s
order by recorded_at, generation, record

-- name: alert_heard_collar
-- First and last of every hour is enough; and the last before, whenever that was.
select extract(epoch from max(received_at))::float8 as at
from reception
where collar = %(collar)s and received_at < %(since)s
having max(received_at) is not null
union all
select extract(epoch from unnest(array[min(received_at), max(received_at)]))::float8
from reception
where collar = %(collar)s and received_at >= %(since)s
group by date_trunc('hour', received_at)
order by 1

-- name: alert_heard_station
-- The same for a station.
select extract(epoch from max(received_at))::float8 as at
from reception
where station = %(station)s and received_at < %(since)s
having max(received_at) is not null
union all
select extract(epoch from unnest(array[min(received_at), max(received_at)]))::float8
from reception
where station = %(station)s and received_at >= %(since)s
group by date_trunc('hour', received_at)
order by 1

-- name: alert_stations
select station from station order by station

-- name: alerts_of_subject
-- By alert_of_rule.
select alert, began_at, ended_at, details, fixes
from alert
where alert_rule = %(rule)s and subject = %(subject)s and withdrawn_at is null
    and (ended_at is null or ended_at >= %(since)s)
order by began_at, alert

-- name: add_alert
insert into alert (
    alert_rule, kind, study, collar, animal, station, began_at, ended_at, fixes, details,
    identity, subject
)
values (
    %(rule)s, %(kind)s, %(study)s, %(collar)s, %(animal)s, %(station)s, %(began_at)s,
    %(ended_at)s, %(fixes)s, %(details)s, %(identity)s, %(subject)s
)
on conflict (identity) do update
set began_at = excluded.began_at, ended_at = excluded.ended_at, fixes = excluded.fixes,
    details = excluded.details, withdrawn_at = null
returning alert, (xmax = 0) as new

-- name: change_alert
update alert
set began_at = %(began_at)s, ended_at = %(ended_at)s, fixes = %(fixes)s, details = %(details)s
where alert = %(alert)s
    and (began_at, ended_at, fixes, details)
        is distinct from (%(began_at)s, %(ended_at)s, %(fixes)s::jsonb, %(details)s::jsonb)

-- name: end_alert
update alert set ended_at = %(ended_at)s where alert = %(alert)s and ended_at is null

-- name: withdraw_alert
update alert set withdrawn_at = now() where alert = %(alert)s

-- name: add_deliveries
insert into alert_delivery (alert, channel)
select %(alert)s, channel_key(channel)
from alert_rule, jsonb_array_elements(deliver) as channel
where alert_rule = %(rule)s
on conflict do nothing

-- name: tell_alert
select pg_notify('capra_alert', %(alert)s::text)

-- name: unwatchable
select unwatchable(%(viewer)s, %(kind)s, %(study)s, %(animals)s)

-- name: receivers_due
-- Who waits longest first, by alert_delivery_due.
select hashtext(channel) as receiver
from alert_delivery
where delivered_at is null and next_try_at <= now()
group by receiver
order by min(next_try_at)

-- name: next_delivery
-- The channel as the rule has it now; null: not any more.
select coalesce(halted(r), false) as halted, d.alert, d.channel, d.attempts,
    (select c from jsonb_array_elements(r.deliver) c where channel_key(c) = d.channel limit 1) as receiver,
    a.kind, a.began_at, a.ended_at, a.details,
    a.fixes, a.collar, a.animal, a.station, a.withdrawn_at, r.name as rule, n.name as animal_name,
    s.name as study
from alert_delivery d
join alert a using (alert)
left join alert_rule r using (alert_rule)
left join animal n on n.animal = a.animal
left join study s on s.study = a.study
where d.delivered_at is null and d.next_try_at <= now() and hashtext(d.channel) = %(receiver)s
order by d.next_try_at
limit 1

-- name: mark_delivery
update alert_delivery
set attempts = attempts + 1, error = %(error)s,
    delivered_at = case when %(error)s::text is null then now() end,
    next_try_at = case when %(wait)s::interval is null then 'infinity'
        else now() + %(wait)s::interval end
where alert = %(alert)s and channel = %(channel)s

-- name: newest_alert
select coalesce(max(alert), 0) as alert from alert

-- name: least_until
-- Up to when a viewer sees what they see exactly; null: to the present.
select nullif(min(until), 'infinity') as until
from access(%(viewer)s)
where cells_per_degree = 0

-- name: alerts
-- A page by the primary key: of animals seen exactly, of collars and stations whose workings are seen.
-- Shown is false of what a viewer may see later, null of what they may not see.
select
    a.alert, a.kind, a.alert_rule, a.study, a.animal, a.collar, a.station, a.began_at, a.ended_at,
    a.raised_at, a.withdrawn_at, a.details,
    (
        select coalesce(jsonb_agg(concat_ws('-', f ->> 0, f ->> 1, f ->> 2)), '[]')
        from jsonb_array_elements(a.fixes) as f
    ) as fixes,
    (
        select coalesce(
            jsonb_agg(
                jsonb_build_object(
                    'channel', d.channel, 'attempts', d.attempts,
                    'delivered_at', d.delivered_at, 'error', d.error
                ) order by d.channel
            ),
            '[]'
        )
        from alert_delivery d
        where d.alert = a.alert and %(works)s
    ) as deliveries,
    seen.shown
from alert a
cross join lateral (
    select case
        when a.animal is not null then (
            select case when count(*) = count(s.animal)
                then bool_and(coalesce(a.ended_at, now()) <= s.until and a.raised_at <= s.until) end
            from unnest(array[a.animal, (a.details ->> 'other_animal')::numeric::bigint]) as who
            left join seen_animal(%(viewer)s) s on s.animal = who and s.cells_per_degree = 0
            where who is not null
        )
        when a.collar is not null then (
            select case when count(*) = count(g.until)
                then bool_and(at <= g.until and a.raised_at <= g.until) end
            from unnest(array[a.began_at, coalesce(a.ended_at, now())]) as at
            left join lateral (
                select g.until
                from worn(a.collar, at) w
                join access(%(viewer)s) g
                    on g.study = w.study and g.sensitivity = w.sensitivity
                    and g.cells_per_degree = 0
            ) g on true
        )
        when %(watches)s then true
    end as shown
) seen
where (%(after)s::bigint is null or a.alert > %(after)s or a.alert = any(%(numbers)s))
  and (%(since)s::timestamptz is null or a.ended_at is null
       or a.ended_at > %(since)s or a.raised_at > %(since)s)
  and (%(study)s::bigint is null or a.study = %(study)s)
  and (%(animal)s::bigint is null or a.animal = %(animal)s)
  and (%(kind)s::text is null or a.kind = %(kind)s)
  and (%(lasting)s::boolean is null or (a.ended_at is null) = %(lasting)s)
  and (%(withdrawn)s or a.withdrawn_at is null)
  and (%(from_time)s::timestamptz is null or a.began_at >= %(from_time)s)
  and (%(to_time)s::timestamptz is null or a.began_at < %(to_time)s)
  and (seen.shown or (%(later)s and not seen.shown))
order by a.alert
limit %(limit)s
