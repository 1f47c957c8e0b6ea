-- always
-- What a viewer may see of positions, and of shapes made of them: every read goes through these
-- functions, which ask the rules of 0006_policy.sql. A viewer is what is said there.

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
-- time of a fix: they stay those of its collar, between the times that the caller asks for. For who
-- may see nothing at all no fix is read.
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
    where (select m.cells is not null from access_map(viewer) m)
      and f.recorded_at >= seen_fix.since and f.recorded_at < seen_fix.until
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
