-- What computations use, and those that are under way.

-- name: used_fixes
-- One fix per animal and time, should two collars have recorded at once.
select distinct on (d.animal, f.recorded_at)
    d.animal, extract(epoch from f.recorded_at)::float8 as at_s, f.lat, f.lon, f.accuracy_m, f.reason
from deployment d
join animal a using (animal)
join fix f on f.collar = d.collar
where (%(animals)s::bigint[] is null or d.animal = any(%(animals)s))
  and (%(study)s::bigint is null or a.study = %(study)s)
  and visible(f.outlier)
  and f.recorded_at >= greatest(lower(d.during), %(from_time)s, '-infinity'::timestamptz)
  and f.recorded_at < least(upper(d.during), %(to_time)s, 'infinity'::timestamptz)
order by d.animal, f.recorded_at, f.collar, f.generation, f.record

-- name: pending_analysis
-- One that is under way for the same question on the same data, by analysis_under_way.
select analysis from analysis where input_hash = %(input_hash)s and state in ('queued', 'running')

-- name: join_analysis
-- One more waits for it.
update analysis
set accounts = case when %(account)s = any(accounts) then accounts
    else accounts || %(account)s::bigint end
where input_hash = %(input_hash)s and state in ('queued', 'running')
returning analysis

-- name: add_analysis
-- No row when another asked the same meanwhile.
insert into analysis (kind, question, input_hash, animals, accounts)
values (%(kind)s, %(question)s, %(input_hash)s, %(animals)s, array[%(account)s::bigint])
on conflict (input_hash) where state in ('queued', 'running') do nothing
returning analysis

-- name: waiting_analyses
select count(*) as waiting
from analysis
where state in ('queued', 'running') and %(account)s = any(accounts)

-- name: due_analyses
-- Oldest first: those that nobody computes. Who computes one holds its advisory lock; of those that
-- say they run, the computer was lost.
select a.analysis
from analysis a
where a.state in ('queued', 'running') and not exists (
    select from pg_locks l
    where l.locktype = 'advisory' and l.database = (
            select oid from pg_database where datname = current_database()
        )
        and l.classid = %(lock)s::integer::oid and l.objid = (a.analysis & 2147483647)::oid
)
order by a.analysis
limit %(limit)s

-- name: lock_analysis
-- Held by the session that computes it, to its end.
select pg_try_advisory_lock(%(lock)s::integer, (%(analysis)s::bigint & 2147483647)::integer)

-- name: unlock_analysis
select pg_advisory_unlock(%(lock)s::integer, (%(analysis)s::bigint & 2147483647)::integer)

-- name: begin_analysis
update analysis
set state = 'running', attempt = attempt + 1, progress = 0, step = null,
    started_at = coalesce(started_at, now())
where analysis = %(analysis)s and state in ('queued', 'running')
returning question, attempt

-- name: requeue_analysis
-- Given up by a service that ends; this was no failure of the computation.
update analysis
set state = 'queued', attempt = attempt - 1, progress = 0, step = null
where analysis = %(analysis)s and state = 'running'

-- name: progress_analysis
-- No row: it was cancelled, or somebody else computes it.
update analysis
set progress = %(progress)s, step = %(step)s
where analysis = %(analysis)s and attempt = %(attempt)s and state = 'running'
returning analysis

-- name: finish_analysis
-- No row: as progress_analysis.
update analysis
set state = %(state)s, result = %(result)s, problem = %(problem)s, finished_at = now(),
    input_hash = coalesce(%(input_hash)s, input_hash), animals = coalesce(%(animals)s::bigint[], animals),
    progress = case when %(state)s = 'done' then 1 else progress end
where analysis = %(analysis)s and attempt = %(attempt)s and state = 'running'
returning pg_notify('capra_analysis', '')

-- name: leave_analysis
-- The last who waits for it cancels it; %(anybody)s: whoever waits.
update analysis
set accounts = case when accounts = array[%(account)s::bigint] or %(anybody)s then accounts
        else array_remove(accounts, %(account)s::bigint) end,
    state = case when accounts = array[%(account)s::bigint] or %(anybody)s then 'cancelled'
        else state end,
    finished_at = case when accounts = array[%(account)s::bigint] or %(anybody)s then now() end
where analysis = %(analysis)s and state in ('queued', 'running')
    and (%(account)s = any(accounts) or %(anybody)s)
returning state, pg_notify('capra_analysis', '')

-- name: forget_analyses
delete from analysis where finished_at < now() - interval '30 days'

-- name: analyses
-- Newest first by the primary key: what the viewer asked for, or all, and still may see.
select a.analysis, a.kind, a.question, a.animals, a.state, a.progress, a.step, a.result, a.problem,
    a.asked_at, a.started_at, a.finished_at, %(account)s = any(a.accounts) as mine
from analysis a
where (%(analysis)s::bigint is null or a.analysis = %(analysis)s)
  and (%(analysis)s::bigint is not null or %(account)s = any(a.accounts))
  and (%(state)s::text is null or a.state = %(state)s)
  and (%(after)s::bigint is null or a.analysis < %(after)s)
  and (%(finished_after)s::timestamptz is null or a.finished_at > %(finished_after)s)
  and cardinality(a.animals) = (
      select count(*)
      from unnest(a.animals) as member (animal)
      join seen_animal(%(viewer)s) s on s.animal = member.animal
      where s.cells_per_degree = 0 and s.until = 'infinity'
  )
order by a.analysis desc
limit %(limit)s

-- name: analysis_state
select state, result, problem from analysis where analysis = %(analysis)s
