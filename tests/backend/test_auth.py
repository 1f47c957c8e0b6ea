"""Keys, sessions, tokens, roles, limits and the audit: who may, and who did."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import jwt
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from backend.db import accounts, audit, registry
from backend.errors import TooMany
from backend.limits import Limits
from tests.backend.conftest import Herd
from tests.backend.factories import bearer, key_for, serving

pytestmark = pytest.mark.db
API = "/api/v1"
MOVEBANK = "/movebank/service/direct-read"


@pytest.fixture
def public(migrated_url: str) -> Iterator[httpx.Client]:
    """The application, asked by nobody known."""
    with serving(migrated_url, key=None) as client:
        yield client


def test_the_database_holds_no_secret_of_a_key(migrated_url: str) -> None:
    key = key_for(migrated_url)
    with psycopg.connect(migrated_url) as connection:
        rows = connection.execute("select api_key::text from api_key").fetchall()
    assert key.split("_", 2)[2] not in str(rows)
    assert len(key.split("_", 2)[2]) == 43  # 256 bits


@pytest.mark.parametrize(
    ("change", "reason"),
    [("expires_at = now()", "expired"), ("revoked_at = now()", "revoked")],
)
def test_a_key_that_ended_opens_nothing(
    public: httpx.Client, migrated_url: str, change: str, reason: str
) -> None:
    key = key_for(migrated_url)
    with psycopg.connect(migrated_url) as connection:
        connection.execute(f"update api_key set {change}")  # type: ignore[call-overload]
    refused = public.get(f"{API}/animals", headers=bearer(key))
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
    assert refused.json()["detail"] == f"this key is {reason}"


def test_a_wrong_secret_with_a_known_prefix_is_refused(
    public: httpx.Client, migrated_url: str
) -> None:
    key = key_for(migrated_url)
    wrong = key[:-1] + ("A" if key[-1] != "A" else "B")
    assert public.get(f"{API}/animals", headers=bearer(wrong)).status_code == 401


def test_a_key_without_the_scope_may_not_write(public: httpx.Client, migrated_url: str) -> None:
    key = key_for(migrated_url, scopes=("read",))
    refused = public.post(f"{API}/animals", json={"name": "Alva"}, headers=bearer(key))
    assert refused.status_code == 403
    assert refused.json()["detail"] == "this key has no scope 'write'"


def test_a_key_does_not_outlive_the_one_it_is_made_with(
    public: httpx.Client, migrated_url: str
) -> None:
    made = key_for(migrated_url)
    ends = []
    for days in (1, None):
        asked = {"name": "next", "scopes": ["read"], "days": days}
        answer = public.post(f"{API}/keys", json=asked, headers=bearer(made)).json()
        made = answer["key"]
        ends.append(datetime.fromisoformat(answer["expires_at"]))
    assert abs(ends[1] - ends[0]) < timedelta(seconds=1)


def test_a_role_holds_in_its_study_only(public: httpx.Client, migrated_url: str) -> None:
    with psycopg.connect(migrated_url) as connection:
        connection.execute("insert into study (name) values ('one'), ('two')")
    key = bearer(key_for(migrated_url, "ecologist", study=1))
    for study, status in ((1, 201), (2, 403), (None, 403)):
        body = {"name": f"Alva {study}", "study": study}
        assert public.post(f"{API}/animals", json=body, headers=key).status_code == status
    seen = public.get(f"{API}/animals", headers=key).json()["animals"]
    assert [one["name"] for one in seen] == ["Alva 1"]


def test_a_collar_of_another_study_cannot_be_put_on_an_own_animal(
    public: httpx.Client, migrated_url: str
) -> None:
    with psycopg.connect(migrated_url) as connection:
        connection.execute("insert into study (name) values ('one'), ('two')")
        connection.execute("insert into animal (name, study) values ('Alva', 1)")
        for collar, study in ((1, 1), (2, 2), (3, None)):
            connection.execute("insert into collar values (%s, %s)", (collar, f"{collar}"))
            connection.execute("update collar set study = %s where collar = %s", (study, collar))
    key = bearer(key_for(migrated_url, "ecologist", study=1))
    for collar, status in ((1, 201), (2, 403), (3, 403)):
        body = {"collar": collar, "animal": 1, "from_time": "2026-01-01T00:00:00Z"}
        assert public.post(f"{API}/deployments", json=body, headers=key).status_code == status


def test_the_delay_holds_for_what_wore_what(public: httpx.Client, migrated_url: str) -> None:
    now = datetime.now(UTC)
    with psycopg.connect(migrated_url) as connection:
        connection.execute("insert into study (name, sensitivity) values ('one', 'open')")
        connection.execute("insert into animal (name, study) values ('Alva', 1)")
        connection.execute("insert into collar (collar, name) values (1, 'a'), (2, 'b'), (3, 'c')")
        for collar, first_h, end_h in ((1, 900, 800), (2, 700, 1), (3, 1, None)):
            end = None if end_h is None else now - timedelta(hours=end_h)
            registry.deploy(connection, collar, 1, now - timedelta(hours=first_h), end)
    key = bearer(key_for(migrated_url, "guest", study=1))
    shown = public.get(f"{API}/animals/1", headers=key).json()["deployments"]
    assert [(one["collar"], one["to_time"] is None) for one in shown] == [(1, False), (2, True)]
    asked = f"{MOVEBANK}?study_id=1&entity_type="
    for entity, column in (("deployment", 1), ("tag", 0)):
        lines = public.get(asked + entity, headers=key).text.splitlines()[1:]
        assert [line.split(",")[column] for line in lines] == ["1", "2"]


def test_nobody_known_sees_no_animal_of_a_study_that_is_not_public(
    own_herd: Herd, public: httpx.Client
) -> None:
    assert public.get(f"{API}/latest").json()["features"] == []
    assert public.get(f"{API}/animals/{own_herd.gian}").status_code == 404


def test_the_first_start_makes_one_key_and_never_another(migrated_url: str) -> None:
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        key = accounts.first_key(connection)
        assert key is not None
        assert accounts.first_key(connection) is None
    with serving(migrated_url, key=key) as client:
        assert client.get(f"{API}/audit").status_code == 200


def test_a_one_time_link_works_once(public: httpx.Client, migrated_url: str) -> None:
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        ticket = accounts.admin_ticket(connection)
    assert public.get(f"{API}/session", headers=bearer(ticket)).status_code == 401
    first = public.post(f"{API}/session", json={"key": ticket})
    assert first.status_code == 201
    assert "HttpOnly" in first.headers["set-cookie"]
    assert public.get(f"{API}/session").json()["actor"].startswith("administrator #")
    assert public.post(f"{API}/session", json={"key": ticket}).status_code == 401


def test_a_change_under_the_cookie_must_come_from_the_page(
    public: httpx.Client, migrated_url: str
) -> None:
    public.post(f"{API}/session", json={"key": key_for(migrated_url)}).raise_for_status()
    own = str(public.base_url).rstrip("/")
    for origin, status in (("https://evil.example", 403), (own, 201)):
        made = public.post(f"{API}/studies", json={"name": "s"}, headers={"Origin": origin})
        assert made.status_code == status


def test_every_exact_read_is_in_the_audit_before_it_is_answered(
    own_herd: Herd, client: httpx.Client, connection: psycopg.Connection[Any]
) -> None:
    before = audit.verify(connection).rows
    for path in ("fixes", "latest", "tracks", "home-ranges", "corridors", "fixes/export"):
        client.get(f"{API}/{path}").raise_for_status()
    client.get(f"{API}/studies")  # no position in it
    found = connection.execute("select what ->> 'path' from audit where audit > %s", (before,))
    paths = [path.removeprefix(f"{API}/") for (path,) in found]
    assert paths == ["fixes", "latest", "tracks", "home-ranges", "corridors", "fixes/export"]


def test_what_cannot_be_audited_is_not_answered(
    own_herd: Herd, client: httpx.Client, connection: psycopg.Connection[Any]
) -> None:
    client.get(f"{API}/latest").raise_for_status()
    connection.execute("alter table audit rename to away")
    for path in ("latest", "fixes", "fixes/export", "tracks"):
        answer = client.get(f"{API}/{path}")
        assert answer.status_code == 503
        assert "coordinates" not in answer.text
    connection.execute("alter table away rename to audit")
    client.get(f"{API}/latest").raise_for_status()


def test_a_changed_audit_is_found_and_its_rows_resist(
    connection: psycopg.Connection[Any],
) -> None:
    audit.append(connection, [audit.Entry("Anna", "read", {"n": n}) for n in range(5)])
    whole = audit.verify(connection)
    assert whole.broken_at is None
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        connection.execute("delete from audit")
    with connection.transaction(force_rollback=True):
        connection.execute("alter table audit disable trigger audit_append_only")
        connection.execute("update audit set actor = 'Beat' where audit = %s", (whole.rows - 2,))
        assert audit.verify(connection).broken_at == whole.rows - 2


def test_a_caller_that_asks_too_often_is_told_when_to_come_again(migrated_url: str) -> None:
    with serving(migrated_url, key=None, public_per_minute=3) as client:
        answers = [client.get(f"{API}/health") for _ in range(2)]
        answers += [client.get(f"{API}/latest") for _ in range(4)]
    assert [one.status_code for one in answers] == [200] * 5 + [429]
    assert int(answers[-1].headers["retry-after"]) >= 1


def test_a_bucket_fills_evenly() -> None:
    now = 0.0
    limits = Limits(60, 60, clock=lambda: now)
    for _ in range(60):
        limits.take("a", known=True)
    with pytest.raises(TooMany) as refused:
        limits.take("a", known=True)
    assert refused.value.retry_after_s == 1
    now = 1.0
    limits.take("a", known=True)


class Issuer:
    """An OpenID Connect issuer with one key, on a port of its own."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(issuer.document(self.path)).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def document(self, path: str) -> dict[str, Any]:
        if path.endswith("openid-configuration"):
            return {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        jwk = jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [jwk | {"kid": "one", "use": "sig", "alg": "RS256"}]}

    def token(self, **changes: Any) -> str:
        now = datetime.now(UTC)
        claims = {"iss": self.url, "aud": "capra", "sub": "anna", "name": "Anna", "iat": now}
        claims |= {"exp": now + timedelta(minutes=5)} | changes
        return jwt.encode(claims, self._key, "RS256", headers={"kid": "one"})


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    issuer = Issuer()
    yield issuer
    issuer.server.shutdown()
    issuer.server.server_close()


def test_a_person_comes_with_a_token_and_gets_roles_here(
    migrated_url: str, issuer: Issuer
) -> None:
    with serving(migrated_url, key=issuer.token(), oidc_issuer=issuer.url) as client:
        first = client.get(f"{API}/session").json()
        assert (first["actor"], first["roles"]) == (f"Anna #{first['account']} token", [])
        with psycopg.connect(migrated_url) as connection:
            accounts.set_role(connection, first["account"], "ecologist")
        assert client.post(f"{API}/animals", json={"name": "Alva"}).status_code == 201


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "another"},
        {"iss": "http://elsewhere.example"},
        {"exp": datetime(2020, 1, 1, tzinfo=UTC)},
    ],
)
def test_a_token_not_meant_for_us_is_refused(
    migrated_url: str, issuer: Issuer, changes: dict[str, Any]
) -> None:
    token = issuer.token(**changes)
    with serving(migrated_url, key=token, oidc_issuer=issuer.url) as client:
        assert client.get(f"{API}/session").status_code == 401


def test_an_answer_that_did_not_change_is_not_sent_again(reader: httpx.Client, herd: Herd) -> None:
    first = reader.get(f"{API}/fixes", params={"limit": 5})
    again = reader.get(
        f"{API}/fixes", params={"limit": 5}, headers={"If-None-Match": first.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")


def test_a_change_of_what_another_changed_is_refused(own_herd: Herd, client: httpx.Client) -> None:
    path = f"{API}/animals/{own_herd.gian}"
    etag = client.get(path).headers["etag"]
    for name, status in (("Giachen", 200), ("Gion", 412)):
        changed = client.patch(path, json={"name": name}, headers={"If-Match": etag})
        assert changed.status_code == status
    assert client.get(path).json()["name"] == "Giachen"


def test_an_outlier_leaves_the_track_and_the_latest_position_and_comes_back(
    own_herd: Herd, client: httpx.Client
) -> None:
    def newest() -> tuple[str, int]:
        latest = client.get(f"{API}/latest").json()["features"][0]["id"]
        (track,) = client.get(f"{API}/tracks?animal={own_herd.flurina}").json()["features"]
        return latest, track["properties"]["fixes"]

    for flag, expected in ((True, ("1-0-59", 59)), (False, ("1-0-60", 60))):
        body = {"fixes": ["1-0-60"], "manually_marked_outlier": flag}
        assert client.patch(f"{API}/fixes", json=body).json() == {"changed": 1}
        assert newest() == expected
        assert client.get(f"{API}/fixes/1-0-60").json()["properties"]["visible"] is not flag
