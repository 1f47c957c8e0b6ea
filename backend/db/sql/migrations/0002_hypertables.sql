-- always
-- Hypertables where the server has TimescaleDB; plain tables, and a notice, where it has not.
-- Runs at every `migrate`, so that a server that gains the extension later is used from then on.
do $$
declare
    reason text;
    target record;
begin
    if not exists (select from pg_extension where extname = 'timescaledb') then
        if not exists (select from pg_available_extensions where name = 'timescaledb') then
            reason := 'this server does not have it';
        -- creating it unloaded would end the session, so ask first
        elsif current_setting('shared_preload_libraries') not like '%timescaledb%' then
            reason := 'shared_preload_libraries does not name it';
        else
            create extension if not exists timescaledb;
        end if;
    end if;
    if reason is not null then
        raise notice 'plain tables, no TimescaleDB: %', reason;
        return;
    end if;
    for target in
        select *
        from (values
            ('fix', 'recorded_at', interval '30 days'),
            ('status', 'recorded_at', interval '180 days'),
            ('reception', 'received_at', interval '30 days')
        ) as wanted (name, time_column, chunk)
        where name not in (select hypertable_name from timescaledb_information.hypertables)
    loop
        perform create_hypertable(target.name::regclass,
            by_range(target.time_column, target.chunk),
            create_default_indexes => false, migrate_data => true);
    end loop;
exception
    when insufficient_privilege then
        raise notice 'plain tables, no TimescaleDB: %', sqlerrm;
end
$$;

-- The Apache edition brings a job that its own licence forbids to run: the server would write that
-- into its log as an error. alter_job is forbidden too, so the table itself is changed.
do $$
begin
    if current_setting('timescaledb.license', true) = 'apache'
        and exists (select from pg_extension where extname = 'timescaledb')
    then
        update _timescaledb_config.bgw_job
        set scheduled = false
        where proc_name = 'policy_job_stat_history_retention' and scheduled;
    end if;
exception
    when insufficient_privilege or undefined_table or undefined_column then
        null; -- a line in the log of a server that is not ours
end
$$;
