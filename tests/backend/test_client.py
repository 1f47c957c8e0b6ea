"""The Python client against a service over a real socket."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from backend.__main__ import main
from backend.client import Client, ServiceError
from tests.backend.conftest import settle
from tests.backend.factories import key_for, serving

pytestmark = pytest.mark.db


@pytest.fixture(scope="module")
def capra(furnished: str) -> Iterator[Client]:
    key = key_for(furnished)
    with (
        serving(furnished, key=None) as http,
        Client(str(http.base_url), key, trust_env=False) as client,
    ):
        yield client


def test_fixes_are_points_in_order_of_time(capra: Client) -> None:
    frame = capra.fixes()
    assert (len(frame), frame.crs.to_string()) == (105, "OGC:CRS84")
    assert frame["recorded_at"].is_monotonic_increasing
    assert frame.geometry.x.between(10, 11).all() and frame.geometry.y.between(46, 47).all()
    assert set(frame["reason"]) <= {"backbone", "first", "motion"}


def test_fixes_of_an_animal_a_time_and_a_box(capra: Client) -> None:
    begin, end = datetime(2026, 6, 1, 4, tzinfo=UTC), "2026-06-01T10:00:00Z"
    frame = capra.fixes(animal=1, since=begin, until=end)
    assert list(frame["record"]) == [3, 4, 5]
    x, y = frame.geometry.x[0], frame.geometry.y[0]
    box = (x - 1e-6, y - 1e-6, x + 1e-6, y + 1e-6)
    assert list(capra.fixes(animal=1, bbox=box)["record"]) == [3]
    assert len(capra.fixes(visible=False)) == 0


def test_a_long_pull_tells_how_far_it_is(capra: Client) -> None:
    told: list[int] = []
    capra.fixes(progress=told.append)
    assert told == sorted(told) and told[-1] == 105


def test_everything_has_a_frame(capra: Client) -> None:
    assert list(capra.tracks(animal=2).geometry.geom_type) == ["LineString"]
    assert list(capra.latest()["name"].dropna()) == ["Flurina", "Gian"]
    assert sorted(capra.home_ranges(animal=1)["level_percent"]) == [50, 95]
    assert list(capra.corridors()["animals"]) == [2]
    assert len(capra.home_ranges(animal=3)) == 0


def test_lists_go_over_pages(capra: Client) -> None:
    pages = capra._pages("animals", "animals", {"limit": 1})
    assert [one["name"] for one in pages] == [one["name"] for one in capra.animals()]
    assert [one["name"] for one in capra.animals()] == ["Flurina", "Gian", "Unseen"]
    assert capra.alerts() == []


def test_a_refusal_says_what_the_service_said(capra: Client) -> None:
    with pytest.raises(ServiceError, match="no animal 99") as refused:
        capra.fixes(animal=99)
    assert (refused.value.status, refused.value.kind) == (404, "not-found")
    with pytest.raises(ServiceError, match="'from' before 'to'"):
        capra.tracks(since="2026-06-02T00:00:00Z", until="2026-06-01T00:00:00Z")


def test_an_export_is_whole_or_not_there(capra: Client, tmp_path: Path) -> None:
    import geopandas

    told: list[int] = []
    path = capra.export_fixes(tmp_path / "fixes.parquet", collar=2, progress=told.append)
    assert len(geopandas.read_parquet(path)) == 40
    assert told[-1] == path.stat().st_size
    with pytest.raises(ServiceError, match="no animal 99"):
        capra.export_fixes(tmp_path / "second.csv", format="csv", animal=99)
    assert [one.name for one in tmp_path.iterdir()] == ["fixes.parquet"]


def test_a_file_goes_in_and_comes_out(migrated_url: str, tmp_path: Path) -> None:
    with psycopg.connect(migrated_url) as connection:
        connection.execute("insert into study (name) values ('Herd')")
    file = tmp_path / "events.csv"
    header = (
        "timestamp,location-long,location-lat,tag-local-identifier,individual-local-identifier"
    )
    file.write_text(f"{header}\n2026-06-01 00:00:00.000,10.2,46.66,T1,Flurina\n")
    key = key_for(migrated_url)
    with (
        serving(migrated_url, key=None) as http,
        Client(str(http.base_url), key, trust_env=False) as capra,
    ):
        assert capra.import_events(1, file, dry_run=True)["accepted"] == 1
        assert capra.import_events(1, file)["accepted"] == 1
        assert capra.import_events(1, file)["duplicate"] == 1
        assert [one["name"] for one in capra.studies()] == ["Herd"]
        out = capra.export_events(1, tmp_path / "out.csv")
    assert "2026-06-01 00:00:00.000" in out.read_text()


def test_what_takes_its_time_is_followed_to_its_end(migrated_url: str) -> None:
    herd = settle(migrated_url)
    told: list[tuple[float, str]] = []
    with (
        serving(migrated_url, key=None) as http,
        Client(str(http.base_url), key_for(migrated_url), trust_env=False) as capra,
    ):
        frame = capra.compute_home_range(
            herd.flurina, progress=lambda share, step: told.append((share, step))
        )
        assert list(frame["level_percent"]) == [95, 50]
        assert told == sorted(told, key=lambda one: one[0])
        assert told[-1] == (1.0, "done")
        assert told[0][0] < 1
        pair = capra.compute_overlap([herd.flurina, herd.gian], method="kde")
        assert pair["matrices"]["HR"][0][0] == 1
        assert len(capra.compute_corridors([herd.flurina, herd.gian], error_m=12)) == 2
        with pytest.raises(ServiceError, match="has no fixes in this time range") as refused:
            capra.compute_home_range(herd.unseen)
        assert refused.value.kind == "cannot-compute"


def test_who_is_interrupted_leaves_nothing_running(migrated_url: str) -> None:
    herd = settle(migrated_url)

    def interrupt(share: float, step: str) -> None:
        raise KeyboardInterrupt

    with (
        serving(migrated_url, key=None) as http,
        Client(str(http.base_url), key_for(migrated_url), trust_env=False) as capra,
    ):
        options = {"interval": "bootstrap", "replicates": 100_000}
        with pytest.raises(KeyboardInterrupt):
            capra.compute_home_range(herd.flurina, options=options, progress=interrupt)
    with psycopg.connect(migrated_url) as connection:
        assert connection.execute("select state from analysis").fetchall() == [("cancelled",)]


@pytest.mark.parametrize("bad", [False, True])
def test_a_file_goes_in_and_out_by_commands(
    migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], bad: bool,
) -> None:  # fmt: skip
    rows = ["2026-05-01 00:00:00,10.2,46.6,T1,Alva", "2026-05-01 01:00:00,10.2,46.6,T1,Alva"]
    if bad:
        rows.append("2026-05-01 02:00:00,10.2,91,T1,Alva")
    header = (
        "timestamp,location-long,location-lat,tag-local-identifier,individual-local-identifier"
    )
    (tmp_path / "in.csv").write_text("\n".join([header, *rows]))
    monkeypatch.setenv("CAPRA_KEY", key_for(migrated_url))
    with serving(migrated_url) as http:
        study = str(http.post("/api/v1/studies", json={"name": "Ibex"}).json()["study"])
        where = ["--study", study, "--server", str(http.base_url)]
        assert main(["import", str(tmp_path / "in.csv"), *where]) == bad
        assert main(["export", str(tmp_path / "out.csv"), *where]) == 0
    told = capsys.readouterr().out
    assert f"{len(rows)} rows = 2 accepted (0 without a position)" in told
    assert ("rejected: location-lat: expected -90 to 90 (lines 4)" in told) == bad
    assert (tmp_path / "out.csv").read_text().count("2026-05-01") == 2


def test_a_command_without_a_key_says_where_one_comes_from(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("CAPRA_KEY", raising=False)
    assert main(["import", "in.csv", "--study", "1"]) == 1
    assert "CAPRA_KEY" in capsys.readouterr().err
