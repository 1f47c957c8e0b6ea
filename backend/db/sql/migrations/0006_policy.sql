-- always
-- Who may see what: every read of a position goes through the functions named seen_*.
-- A viewer is [{"study": 3, "role": "ecologist"}, {"study": null, "role": "guest"}]: a study that is
-- null means all, and what belongs to none. Everybody has the role public in public studies.

create or replace function default_policy()
returns table (role text, sensitivity text, cells_per_degree integer, delay interval)
language sql immutable
begin atomic
    select r.role, s.sensitivity,
        case when r.trusted then 0 when r.role = 'guest' then s.guest else s.public end,
        r.delay
    from (values
        ('admin', true, interval '0'), ('operator', true, '0'), ('ecologist', true, '0'),
        ('guest', false, '1 day'), ('public', false, '7 days')
    ) as r (role, trusted, delay)
    cross join (values
        ('open', 0, 0), ('low', 1000, 1000), ('medium', 100, 100), ('high', 10, 10),
        ('extreme', 1, null)
    ) as s (sensitivity, guest, public);
end;
comment on function default_policy is 'Categories of GBIF: grid cells of 0.001, 0.01, 0.1 and 1 degree, or nothing.';

create or replace view animal_policy as
select a.animal, coalesce(a.study, 0) as study,
    coalesce(a.sensitivity, t.sensitivity, s.sensitivity, 'high') as sensitivity
from animal a
left join taxon_sensitivity t on t.taxon = a.taxon
left join study s on s.study = a.study;
comment on view animal_policy is 'Which rule holds for an animal: its own, its taxon''s, its study''s, else high.';

-- Never inlined: planned once for a connection, not in each query that asks.
create or replace function access(viewer jsonb)
returns table (study bigint, sensitivity text, cells_per_degree integer, until timestamptz)
language plpgsql stable
rows 20
as $$
#variable_conflict use_column
begin
    return query
    select distinct on (held.study, d.sensitivity)
        held.study, d.sensitivity, rule.cells_per_degree,
        case when rule.delay = '0' then 'infinity' else now() - rule.delay end
    from (
        select coalesce(s.study, 0) as study, r.role
        from jsonb_to_recordset(viewer) as r (study bigint, role text)
        join (select study.study from study union all select null) as s
            on r.study is null or r.study = s.study
        union
        select study.study, 'public' from study where study.public
    ) held
    join default_policy() d on d.role = held.role
    left join location_policy everywhere
        on everywhere.study is null and everywhere.role = d.role
        and everywhere.sensitivity = d.sensitivity
    left join location_policy own
        on own.study = held.study and own.role = d.role and own.sensitivity = d.sensitivity
    cross join lateral (
        select
            case when own.role is not null then own.cells_per_degree
                 when everywhere.role is not null then everywhere.cells_per_degree
                 else d.cells_per_degree end as cells_per_degree,
            coalesce(own.delay, everywhere.delay, d.delay) as delay
    ) rule
    where rule.cells_per_degree is not null
    order by held.study, d.sensitivity,
        rule.cells_per_degree = 0 desc, rule.cells_per_degree desc, rule.delay;
end
$$;
comment on function access is 'What a viewer may see: the most exact rule of the roles held; withheld: no row.';

-- The centre of the cell of a regular grid: the same for every fix in it, whoever asks, however often.
create or replace function given(deg double precision, cells_per_degree integer, edge integer)
returns double precision
language sql immutable parallel safe
as $$
    select case when cells_per_degree = 0 then deg
        else (least(floor(deg * cells_per_degree), edge * cells_per_degree - 1) + 0.5)
            / cells_per_degree end
$$;
comment on function given is 'A coordinate as it may be given: itself, or its cell''s centre; edge is 90 or 180.';

-- Never inlined: the planner would guess that hardly anything is in a box, and sort all there is
-- instead of reading a page by the index. Of a function it guesses a third.
create or replace function in_box(
    lat double precision, lon double precision,
    west double precision, south double precision, east double precision, north double precision
)
returns boolean
language plpgsql immutable parallel safe
as $$
begin
    return lat between south and north
        and (lon between west and east or west > east and (lon >= west or lon <= east));
end
$$;
comment on function in_box is 'Whether a position is in a box [degrees]; west > east crosses the antimeridian.';

create or replace function visible(outlier smallint)
returns boolean
language sql immutable parallel safe
as $$ select outlier & 8 <> 0 or outlier & 7 = 0 $$;
comment on function visible is 'Movebank''s summary of the four outlier flags.';

create or replace function worn(of_collar integer, at timestamptz)
returns table (animal bigint, study bigint, sensitivity text)
language sql stable
as $$
    select d.animal, coalesce(p.study, c.study, 0), coalesce(p.sensitivity, 'extreme')
    from collar c
    left join (deployment d join animal_policy p on p.animal = d.animal)
        on d.collar = c.collar and d.during @> at
    where c.collar = of_collar
$$;
comment on function worn is 'Who wore a collar at a time, and which rule holds; on no animal it counts as extreme.';

-- The same over all time: periods on an animal, and those between them.
create or replace function worn_periods(of_collar integer)
returns table (during tstzrange, animal bigint, study bigint, sensitivity text)
language sql stable
as $$
    select d.during, d.animal, p.study, p.sensitivity
    from deployment d
    join animal_policy p on p.animal = d.animal
    where d.collar = of_collar
    union all
    select spare, null, coalesce(c.study, 0), 'extreme'
    from collar c
    cross join unnest('{(,)}'::tstzmultirange - coalesce(
        (select range_agg(d.during) from deployment d where d.collar = of_collar), '{}'
    )) spare
    where c.collar = of_collar
$$;
comment on function worn_periods is 'Who wore a collar when, and which rule holds.';

-- One row, to look up by "study sensitivity"; never inlined, so that it is made once for a query.
create or replace function access_map(viewer jsonb)
returns table (cells jsonb, until jsonb)
language plpgsql stable
rows 1
as $$
begin
    return query
    select jsonb_object_agg(a.study || ' ' || a.sensitivity, a.cells_per_degree),
        jsonb_object_agg(a.study || ' ' || a.sensitivity, a.until::text)
    from access(viewer) a;
end
$$;
comment on function access_map is 'What a viewer may see, to look up by study and sensitivity.';

-- Never flattened (offset 0): what holds for a collar is found once, not for each of its fixes.
create or replace function seen_span(viewer jsonb, of_collar integer)
returns table (
    since timestamptz, until timestamptz, animal bigint, study bigint, cells_per_degree integer
)
language sql stable
as $$
    select
        coalesce(lower(w.during), '-infinity'),
        least(upper(w.during), (m.until ->> (w.study || ' ' || w.sensitivity))::timestamptz),
        w.animal, nullif(w.study, 0), (m.cells ->> (w.study || ' ' || w.sensitivity))::integer
    from worn_periods(of_collar) w
    cross join access_map(viewer) m
    where (m.cells ->> (w.study || ' ' || w.sensitivity)) is not null
    offset 0
$$;
comment on function seen_span is 'From when until when a viewer may see a collar''s fixes, whose they are and how precisely.';

-- All collars: the order and the index are those of the fixes, so that a page reads no more than
-- itself. The outer join, which no row survives, keeps the planner from asking for the spans of each
-- time of a fix: they stay those of its collar, between the times that the caller asks for.
drop function if exists seen_fix(jsonb);
create or replace function seen_fix(
    viewer jsonb, since timestamptz default '-infinity', until timestamptz default 'infinity'
)
returns table (
    collar integer, generation integer, record bigint, recorded_at timestamptz,
    lat double precision, lon double precision, altitude_m real, accuracy_m real,
    reason smallint, outlier smallint, animal bigint, study bigint, cells_per_degree integer
)
language sql stable
as $$
    select
        f.collar, f.generation, f.record, f.recorded_at,
        given(f.lat, s.cells_per_degree, 90), given(f.lon, s.cells_per_degree, 180),
        case when s.cells_per_degree = 0 then f.altitude_m end,
        case when s.cells_per_degree = 0 then f.accuracy_m end,
        case when s.cells_per_degree = 0 then f.reason end,
        f.outlier, s.animal, s.study, s.cells_per_degree
    from fix f
    left join lateral (
        select p.*
        from seen_span(viewer, f.collar) p
        where p.until > seen_fix.since and p.since < seen_fix.until
        offset 0
    ) s on true
    where f.recorded_at >= seen_fix.since and f.recorded_at < seen_fix.until
      and coalesce(f.recorded_at >= s.since and f.recorded_at < s.until, false)
$$;
comment on function seen_fix is 'Fixes of a time as a viewer may see them.';

-- One collar: its spans first, then the fixes of each by fix_once. Of bounds not known beforehand the
-- planner guesses that next to nothing is between them, and would read all collars' by their time:
-- compared as rows they fit fix_once alone.
create or replace function seen_fix_in(
    of_collar integer, since timestamptz, until timestamptz, animal bigint, study bigint,
    cells integer
)
returns table (
    collar integer, generation integer, record bigint, recorded_at timestamptz,
    lat double precision, lon double precision, altitude_m real, accuracy_m real,
    reason smallint, outlier smallint, animal bigint, study bigint, cells_per_degree integer
)
language sql stable
as $$
    select
        f.collar, f.generation, f.record, f.recorded_at,
        given(f.lat, cells, 90), given(f.lon, cells, 180),
        case when cells = 0 then f.altitude_m end,
        case when cells = 0 then f.accuracy_m end,
        case when cells = 0 then f.reason end,
        f.outlier, seen_fix_in.animal, seen_fix_in.study, cells
    from fix f
    where f.collar = of_collar
      and (f.collar, f.recorded_at) >= (of_collar, since)
      and (f.collar, f.recorded_at) < (of_collar, until)
$$;
comment on function seen_fix_in is 'Fixes of a collar in a span of seen_span, as a viewer of that span may see them.';

-- Never inlined: planned at its first call, which an answer without hidden fixes never makes.
create or replace function seen_newest(viewer jsonb, of_collar integer, before timestamptz)
returns table (
    collar integer, generation integer, record bigint, recorded_at timestamptz,
    lat double precision, lon double precision, altitude_m real, accuracy_m real,
    reason smallint, outlier smallint, animal bigint, study bigint, cells_per_degree integer
)
language plpgsql stable
rows 1
as $$
#variable_conflict use_column
begin
    return query
    select s.*
    from seen_fix(viewer) s
    where s.collar = of_collar and s.recorded_at < before and visible(s.outlier)
    order by s.recorded_at desc, s.generation desc, s.record desc
    limit 1;
end
$$;
comment on function seen_newest is 'The newest fix of a collar before a time that a viewer may see, by fix_once backwards.';

create or replace function seen_latest(viewer jsonb)
returns table (
    collar integer, generation integer, record bigint, recorded_at timestamptz,
    lat double precision, lon double precision, altitude_m real, accuracy_m real,
    reason smallint, outlier smallint, animal bigint, study bigint, cells_per_degree integer
)
language sql stable
as $$
    with newest as (
        select l.*, d.animal, coalesce(p.study, c.study, 0) as study, g.cells_per_degree as cells
        from latest_fix l
        join collar c on c.collar = l.collar
        left join deployment d on d.collar = l.collar and d.during @> l.recorded_at
        left join animal_policy p on p.animal = d.animal
        left join access(viewer) g
            on g.study = coalesce(p.study, c.study, 0)
            and g.sensitivity = coalesce(p.sensitivity, 'extreme')
            and l.recorded_at < g.until
    )
    select
        n.collar, n.generation, n.record, n.recorded_at,
        given(n.lat, n.cells, 90), given(n.lon, n.cells, 180),
        case when n.cells = 0 then n.altitude_m end,
        case when n.cells = 0 then n.accuracy_m end,
        case when n.cells = 0 then n.reason end,
        0::smallint, n.animal, nullif(n.study, 0), n.cells
    from newest n
    where n.cells is not null
    union all
    -- the newest may not be seen, or not yet: the newest that may
    select older.*
    from newest n
    cross join lateral seen_newest(
        viewer, n.collar, (select max(until) from access(viewer))
    ) older
    where n.cells is null
$$;
comment on function seen_latest is 'The newest fix of each collar that a viewer may see.';

create or replace function seen_animal(viewer jsonb)
returns table (animal bigint, cells_per_degree integer, until timestamptz)
language sql stable
as $$
    select p.animal, g.cells_per_degree, g.until
    from animal_policy p
    join access(viewer) g on g.study = p.study and g.sensitivity = p.sensitivity
$$;
comment on function seen_animal is 'The animals a viewer may see anything of, and how precisely.';

create or replace function seen_period(viewer jsonb)
returns table (deployment bigint, collar integer, animal bigint, during tstzrange)
language sql stable
as $$
    select d.deployment, d.collar, d.animal, d.during * tstzrange(null, a.until)
    from deployment d
    join seen_animal(viewer) a on a.animal = d.animal
    where not isempty(d.during * tstzrange(null, a.until))
$$;
comment on function seen_period is 'Deployments of the animals a viewer may see, as far as the delay lets.';

create or replace function seen_collar(viewer jsonb)
returns table (collar integer)
language sql stable
as $$
    select c.collar
    from collar c
    join access(viewer) g on g.study = coalesce(c.study, 0) and g.sensitivity = 'extreme'
    where g.cells_per_degree = 0
    union
    select d.collar
    from deployment d
    join seen_animal(viewer) a on a.animal = d.animal
    where a.cells_per_degree = 0
$$;
comment on function seen_collar is 'Collars whose workings a viewer may see: who hears a collar says where it is.';

-- The cells a shape touches, as one rectangle: it tells no more than the cells of its fixes would.
-- Of an empty shape, an empty one.
create or replace function given_shape(geometry jsonb, cells_per_degree integer)
returns jsonb
language sql immutable parallel safe
as $$
    select case
        when geometry is null then null
        when cells_per_degree = 0 then geometry
        else (
            select jsonb_build_object('type', 'Polygon', 'coordinates',
                case when west is null then '[]' else jsonb_build_array(jsonb_build_array(
                    jsonb_build_array(west, south), jsonb_build_array(east, south),
                    jsonb_build_array(east, north), jsonb_build_array(west, north),
                    jsonb_build_array(west, south))) end)
            from (
                select
                    floor(min((position ->> 0)::float8) * cells_per_degree) / cells_per_degree as west,
                    floor(min((position ->> 1)::float8) * cells_per_degree) / cells_per_degree as south,
                    (floor(max((position ->> 0)::float8) * cells_per_degree) + 1)
                        / cells_per_degree as east,
                    (floor(max((position ->> 1)::float8) * cells_per_degree) + 1)
                        / cells_per_degree as north
                from jsonb_path_query(geometry,
                    'strict $.coordinates.** ? (@.type() == "array" && @[0].type() == "number")'
                ) as positions (position)
            ) as cells
        ) end
$$;
comment on function given_shape is 'A GeoJSON geometry as it may be given: itself, or the rectangle of the cells it touches.';

create or replace function seen_home_range(viewer jsonb)
returns table (home_range bigint, cells_per_degree integer)
language sql stable
as $$
    select h.home_range, a.cells_per_degree
    from home_range h
    join seen_animal(viewer) a on a.animal = h.animal
    where h.to_time < a.until
$$;
comment on function seen_home_range is 'Home ranges whose every fix a viewer may see, and how precisely.';

create or replace function seen_corridor(viewer jsonb)
returns table (corridor bigint, cells_per_degree integer)
language sql stable
as $$
    select c.corridor, herd.cells_per_degree
    from corridor c
    cross join lateral (
        select count(*) as animals, min(a.until) as until,
            case when bool_and(a.cells_per_degree = 0) then 0
                else min(nullif(a.cells_per_degree, 0)) end as cells_per_degree
        from unnest(c.herd) as member (animal)
        join seen_animal(viewer) a on a.animal = member.animal
    ) herd
    where herd.animals = cardinality(c.herd) and c.to_time < herd.until
$$;
comment on function seen_corridor is 'Corridors of herds of which a viewer may see every animal, as coarsely as the coarsest.';

-- Days as they are counted everywhere; 0007 keeps them ready where the licence of TimescaleDB lets it.
create or replace view fix_day as
select collar, (date_trunc('day', recorded_at at time zone 'UTC'))::date as day,
    count(*) as fixes, count(*) filter (where not visible(outlier)) as outliers,
    min(recorded_at) as first_at, max(recorded_at) as last_at
from fix
group by 1, 2;
comment on view fix_day is 'Fixes of each collar and UTC day.';
