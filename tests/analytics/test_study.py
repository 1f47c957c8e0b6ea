"""Studies: what a key depends on, what is kept, what another run does, who may fail."""

import json
from dataclasses import replace

import numpy as np
import pytest

from analytics.errors import ParameterError
from analytics.executor import Threads, executor
from analytics.location_error import LocationError
from analytics.methods import METHODS
from analytics.store import Store
from analytics.study import Done, Job, compute, jobs_of, run_study
from analytics.track import Track
from analytics.track_file import AnimalTrack
from tests.analytics.dask_cluster import dask_cluster
from tests.analytics.test_executor import wait_until_busy
from tests.analytics.tracks import IN_THE_ALPS, cloud, track


def job(animal="Alva", method="kde", **members):
    members = {"track": cloud(projection=IN_THE_ALPS), "levels_percent": (50.0, 95.0)} | members
    return Job(animal, method=method, **members)


def herd(methods=("mcp", "kde"), animals=4):
    return [
        job(f"animal {seed}", method, track=cloud(seed=seed, projection=IN_THE_ALPS))
        for seed in range(animals)
        for method in methods
    ]


def run(jobs, store=None):
    with Threads(2) as threads:
        done = list(run_study(jobs, threads, store))
    assert {one.job for one in done} == set(jobs)
    assert len(done) == len(jobs)
    return {one.job: one for one in done}


def areas(done: Done):
    return [one.area_km2 for one in done.result.home_range.isopleths]


def test_a_key_is_the_same_for_the_same_question():
    assert job().key == job().key == job(options={"mode": "exact"}).key


@pytest.mark.parametrize(
    "other",
    [
        job("Bruna"),
        job(method="mcp"),
        job(levels_percent=(95.0,)),
        job(options={"cell_m": 50.0}),
        job(period="2026"),
        job(keep_ud=True),
        job(track=cloud(seed=2, projection=IN_THE_ALPS)),
        job(track=cloud()),
    ],
)
def test_a_key_depends_on_everything_that_is_asked(other):
    assert other.key != job().key


def test_a_key_depends_on_the_error_of_each_fix():
    errors = np.full(40, 10.0)
    keys = {job(method="akde", options={"error_m": e}).key for e in (errors, errors + 1, 10.0)}
    assert len(keys) == 3


def test_a_key_depends_on_the_version(monkeypatch):
    before = job().key
    monkeypatch.setattr("analytics.study.software_version", lambda: "capra 99")
    assert job().key != before


def test_a_stored_result_is_the_result(tmp_path):
    store, asked = Store(tmp_path), job(method="akde", keep_ud=True)
    result = compute(asked)
    store.put(asked.key, result, animal="Alva")
    again = store.get(asked.key, with_ud=True)
    assert again.home_range == result.home_range
    assert dict(again.intervals) == dict(result.intervals)
    assert (again.about, again.effective_size) == (result.about, result.effective_size)
    assert np.array_equal(again.ud.density_per_m2, result.ud.density_per_m2)
    assert again.ud.grid == result.ud.grid


def test_a_stored_result_says_whose_it_is(tmp_path):
    asked = job()
    run([asked], Store(tmp_path))
    (file,) = tmp_path.iterdir()
    members = json.loads(file.read_text())
    assert file.name == asked.key + ".json"
    assert (members["animal"], members["method"]) == ("Alva", "kde")
    assert members["estimate"]["software_version"].startswith("capra ")


def test_another_run_does_only_what_is_missing(tmp_path, monkeypatch):
    jobs, store = herd(), Store(tmp_path)
    first = run(jobs[:5], store)
    computed = []
    monkeypatch.setattr(
        "analytics.study.compute", lambda job: computed.append(job) or compute(job)
    )
    second = run(jobs, store)
    assert set(computed) == set(jobs[5:])
    assert [second[one].reused for one in jobs] == [True] * 5 + [False] * 3
    assert all(areas(second[one]) == areas(first[one]) for one in jobs[:5])


@pytest.mark.parametrize("left", ["", "{", '{"about": 1}', "[]"])
def test_a_damaged_result_is_computed_anew(tmp_path, left):
    asked, store = job(), Store(tmp_path)
    run([asked], store)
    (tmp_path / f"{asked.key}.json").write_text(left)
    assert not run([asked], store)[asked].reused
    assert run([asked], store)[asked].reused


def test_a_cut_while_writing_leaves_no_result(tmp_path, monkeypatch):
    asked, store = job(keep_ud=True), Store(tmp_path)
    result = compute(asked)

    def cut(file):
        raise OSError("no space left")

    monkeypatch.setattr("analytics.store.os.fsync", cut)
    with pytest.raises(OSError, match="no space"):
        store.put(asked.key, result)
    assert list(tmp_path.iterdir()) == []


def test_an_animal_that_is_refused_does_not_stop_the_others():
    bad = job("short", track=cloud(fixes=3))
    done = run([bad, *herd()])
    assert done[bad].result is None
    assert "3 fixes, at least 5" in done[bad].failure
    assert sum(one.result is not None for one in done.values()) == 8


def test_a_refusal_is_tried_again(tmp_path):
    bad = job("short", track=cloud(fixes=3))
    for _ in range(2):
        assert not run([bad], Store(tmp_path))[bad].reused


def test_warnings_belong_to_the_job_that_caused_them():
    line = np.repeat(np.arange(20.0), 3)  # fixes in groups: cross-validation runs into its limit
    grouped = [
        job(f"grouped {k}", "kde-lscv", track=track(line, line % (3 + k))) for k in range(3)
    ]
    quiet = [job(f"quiet {k}", "kde", track=cloud(seed=k)) for k in range(3)]
    done = run([one for pair in zip(grouped, quiet, strict=True) for one in pair])
    for one in grouped:
        (said,) = done[one].result.warnings
        assert said.startswith("cross-validation did not converge")
    assert all(done[one].result.warnings == () for one in quiet)


def animal(error_m=None, hdop=None):
    times_s = 1_577_836_800 + 30 * 86_400.0 * np.arange(40)  # 2020-01-01, every 30 days
    fixes = cloud()
    error = None if error_m is None else LocationError.of_axis(error_m)
    own = Track(times_s, fixes.x_m, fixes.y_m, error=error)
    return AnimalTrack("Alva", own, hdop, {})


def test_fixes_are_parted_by_year_and_between_times():
    jobs = jobs_of(animal(), METHODS["kde"], {}, by="year", to_s=1_672_531_200.0)
    assert [one.period for one in jobs] == ["2020", "2021", "2022"]
    assert sum(len(one.track) for one in jobs) == 37
    assert [one.period for one in jobs_of(animal(), METHODS["kde"], {})] == [""]


def test_errors_come_from_the_file_when_asked_for():
    errors = np.linspace(5.0, 44.0, 40)
    (first, *_) = jobs_of(animal(errors), METHODS["akde"], {"error_m": "file"}, by="year")
    assert first.track.error.axis_m == pytest.approx(errors[: len(first.track)])
    (whole,) = jobs_of(animal(hdop=errors), METHODS["bridge"], {}, uere_m=3.0)
    assert whole.track.error.axis_m == pytest.approx(3.0 * errors / np.sqrt(2))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (animal(), "the file has no column of location error$"),
        (animal(hdop=np.ones(40)), "or --uere METRES: it has HDOP"),
        (animal(np.r_[np.nan, np.ones(39)]), "Alva lacks 1 of 40"),
    ],
)
def test_errors_that_the_file_does_not_have_are_refused(source, message):
    with pytest.raises(ParameterError, match=message):
        jobs_of(source, METHODS["bridge"], {})


def test_what_comes_back_from_a_worker_is_what_is_made_here():
    asked = job()
    writable = replace(asked, track=asked.track)
    for name in ("times_s", "x_m", "y_m"):
        object.__setattr__(writable.track, name, getattr(asked.track, name).copy())
    assert areas(Done(asked, compute(writable))) == areas(Done(asked, compute(asked)))


class Watched(Store):
    """A store that says how often each result was stored."""

    def __init__(self, folder):
        super().__init__(folder)
        self.stored = []

    def put(self, key, result, **names):
        self.stored.append(key)
        super().put(key, result, **names)


def test_a_study_on_a_cluster_survives_a_killed_worker(tmp_path, monkeypatch):
    monkeypatch.setenv("CAPRA_TEST_SLOW", str(tmp_path))
    jobs, store = herd(("mcp", "kde"), animals=6), Watched(tmp_path / "results")
    monkeypatch.setattr("analytics.study.compute", slow_compute)
    with dask_cluster(tmp_path) as processes, executor(processes.address) as cluster:
        cluster.wait_for(2)
        study = run_study(jobs, cluster, store)
        done = [next(study), next(study)]
        victim = processes.workers["w0"].pid
        cut = wait_until_busy(tmp_path, victim)
        processes.kill(victim)
        done += study
    assert not (tmp_path / f"{cut}.{victim}.ended").exists()
    assert sorted(store.stored) == sorted(one.key for one in jobs)
    assert {one.job for one in done} == set(jobs)
    here = run(jobs)
    assert all(areas(one) == areas(here[one.job]) for one in done)
    assert all(one.reused for one in run(jobs, store).values())


def slow_compute(asked):
    """As `compute`, long enough to be cut; says in the folder of the environment what it does."""
    import os
    import time
    from pathlib import Path

    mark = Path(os.environ["CAPRA_TEST_SLOW"]) / f"{asked.key}.{os.getpid()}.begun"
    mark.touch()
    time.sleep(0.2)
    result = compute(asked)
    mark.with_suffix(".ended").touch()
    return result
