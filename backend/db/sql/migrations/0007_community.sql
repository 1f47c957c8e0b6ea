-- always
-- What the Community licence of TimescaleDB allows: chunks that compress by themselves, and days that
-- are kept ready. No answer depends on it. Nothing is thrown away: retention is for the operator to add.
create or replace function timescaledb_edition()
returns text
language sql stable
as $$
    select case
        when not exists (select from pg_extension where extname = 'timescaledb') then 'none'
        when current_setting('timescaledb.license', true) = 'timescale' then 'community'
        else 'apache' end
$$;
comment on function timescaledb_edition is 'none, apache or community.';

do $$
declare
    target record;
begin
    if timescaledb_edition() <> 'community' then
        return;
    end if;
    for target in
        select * from (values
            ('fix', 'collar', 'recorded_at', interval '90 days'),
            ('status', 'collar', 'recorded_at', interval '360 days'),
            ('activity', 'collar', 'recorded_at', interval '180 days'),
            ('reception', 'collar', 'received_at', interval '90 days')
        ) as wanted (name, segment, time_column, age)
        join timescaledb_information.hypertables h on h.hypertable_name = wanted.name
        where not h.compression_enabled
    loop
        execute format(
            'alter table %I set (timescaledb.compress, timescaledb.compress_segmentby = %L, '
            'timescaledb.compress_orderby = %L)', target.name, target.segment, target.time_column);
        perform add_compression_policy(target.name::regclass, target.age, if_not_exists => true);
    end loop;
    if to_regclass('fix_day_kept') is null then
        execute $view$
            create materialized view fix_day_kept
            with (timescaledb.continuous, timescaledb.materialized_only = false) as
            select collar, time_bucket('1 day', recorded_at) as day, count(*) as fixes,
                count(*) filter (where outlier & 8 = 0 and outlier & 7 <> 0) as outliers,
                min(recorded_at) as first_at, max(recorded_at) as last_at
            from fix
            group by 1, 2
            with no data
        $view$;
        perform add_continuous_aggregate_policy('fix_day_kept', start_offset => null,
            end_offset => interval '1 day', schedule_interval => interval '1 hour');
    end if;
    create or replace view fix_day as
    select collar, (day at time zone 'UTC')::date as day, fixes, outliers, first_at, last_at
    from fix_day_kept;
exception
    when insufficient_privilege then
        raise notice 'TimescaleDB Community, but without its compression: %', sqlerrm;
end
$$;
