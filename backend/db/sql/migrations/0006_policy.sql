-- always
-- Who may see what: the rules, and for which animals and collars they hold. Every read goes through
-- the functions named seen_*: those of positions are in 0017_seen_positions.sql.
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

-- Days as they are counted everywhere; 0007 keeps them ready where the licence of TimescaleDB lets it.
create or replace view fix_day as
select collar, (date_trunc('day', recorded_at at time zone 'UTC'))::date as day,
    count(*) as fixes, count(*) filter (where not visible(outlier)) as outliers,
    min(recorded_at) as first_at, max(recorded_at) as last_at
from fix
group by 1, 2;
comment on view fix_day is 'Fixes of each collar and UTC day.';
