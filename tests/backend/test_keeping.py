"""The commands of who keeps the server: keys, the audit, the doctor."""

import argparse

import httpx
import psycopg
import pytest

from backend.admin_command import add_commands
from tests.backend.factories import bearer, serving

pytestmark = pytest.mark.db


def command(url: str, *words: str) -> int:
    parser = argparse.ArgumentParser()
    add_commands(parser.add_subparsers())
    args = parser.parse_args([*words, "--database", url])
    return int(args.run(args))


def test_a_key_is_shown_once_and_opens_until_it_is_revoked(
    migrated_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(migrated_url, "keys", "add", "QGIS of Anna", "--role", "ecologist") == 0
    key = capsys.readouterr().out.split()[0]
    prefix = key.split("_")[1]
    assert command(migrated_url, "keys", "list") == 0
    listed = capsys.readouterr().out
    assert prefix in listed and "QGIS of Anna" in listed and key not in listed
    with serving(migrated_url, key=None) as client:
        assert client.get("/api/v1/session", headers=bearer(key)).json()["account"] is not None
        assert command(migrated_url, "keys", "revoke", prefix) == 0
        assert client.get("/api/v1/session", headers=bearer(key)).status_code == 401


def test_a_link_signs_in_once(migrated_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(migrated_url, "keys", "link", "http://127.0.0.1:8000/") == 0
    page, ticket = capsys.readouterr().out.strip().split("#ticket=")
    assert page == "http://127.0.0.1:8000/"
    with serving(migrated_url, key=None) as client:
        codes = [sign_in(client, ticket) for _ in range(2)]
    assert codes == [201, 401]


def sign_in(client: httpx.Client, key: str) -> int:
    return client.post("/api/v1/session", json={"key": key}).status_code


def test_a_key_that_is_not_there_cannot_be_revoked(
    migrated_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(migrated_url, "keys", "revoke", "nosuch") == 1
    assert "no key 'nosuch'" in capsys.readouterr().err


def test_the_audit_tells_its_head_and_misses_a_head_it_never_had(
    migrated_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command(migrated_url, "keys", "add", "somebody")
    capsys.readouterr()
    assert command(migrated_url, "audit", "verify") == 0
    head = capsys.readouterr().out.split()[-1]
    assert command(migrated_url, "audit", "verify", "--head", head) == 0
    assert command(migrated_url, "audit", "verify", "--head", "f" * 64) == 1
    assert "no longer holds the head" in capsys.readouterr().err


def test_a_key_may_be_of_one_study_that_is_there(
    migrated_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with psycopg.connect(migrated_url) as connection:
        connection.execute("insert into study (name) values ('ibex')")
    words = ("keys", "add", "Anna", "--role", "guest", "--study")
    assert [command(migrated_url, *words, study) for study in ("1", "2")] == [0, 2]
    assert "there is no such study" in capsys.readouterr().err


def test_the_doctor_looks_for_who_administers(
    migrated_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(migrated_url, "doctor") == 1
    assert "nobody administers yet" in capsys.readouterr().out
    command(migrated_url, "keys", "add", "keeper", "--role", "admin")
    command(migrated_url, "doctor")
    assert "nobody administers" not in capsys.readouterr().out


def test_the_doctor_says_what_a_database_without_tables_needs(
    database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with psycopg.connect(database_url) as connection:
        assert connection.execute("select to_regclass('fix')").fetchone() == (None,)
    assert command(database_url, "doctor") == 1
    assert "capra migrate" in "".join(capsys.readouterr())
