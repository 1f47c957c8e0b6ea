"""What is shown of a database URL that fails: the fault, never the password."""

from __future__ import annotations

import psycopg
import pytest

from backend.db.address import check
from backend.db.errors import BadAddress, describe

MALFORMED = {
    "postgresql://capra:s3cretpw@[bad/x": "not whole",
    "postgresql://u:p%zzs3cretpw@h/x": "%25",
    "postgresql://u:s3cretpw@h/x?foo=s3cretpw": "unknown keyword",
    "postgresql://u:s3cretpw@h/x?pasword=s3cretpw": "is password meant?",
    "hots=h password=s3cretpw": "is host meant?",
    "s3cretpw": "neither a URL nor",
    "mysql://u:s3cretpw@h/x": "neither a URL nor",
    "password='s3cretpw": "never closed",
    'password s3"cret"pw': "neither a URL nor",
    "postgresql://u:s3cret pw@h/x": "%20",
}
IMPOSSIBLE = {
    "postgresql://u:x@s3cretpw@h/x": "%40",
    "postgresql://u:s3cretpw/rest@h/x": "1..65535",
    "host=h port=99999 password=s3cretpw": "1..65535",
    "host=a,b port=1,2,3 password=s3cretpw": "3 ports for 2 hosts",
    "postgresql://u@h/x?connect_timeout=s3cretpw": "connect_timeout",
    "postgresql://u@h/x?sslmode=s3cretpw": "sslmode is none of",
}
AWAY = "postgresql://capra:s3cretpw@127.0.0.1:9/capra?connect_timeout=1"


@pytest.mark.parametrize(("url", "said"), [*MALFORMED.items(), *IMPOSSIBLE.items()])
def test_url_that_can_never_work_is_refused_without_its_password(url: str, said: str) -> None:
    with pytest.raises(BadAddress) as caught:
        check(url)
    text = str(caught.value)
    assert said in text and "cret" not in text and "\n" not in text


@pytest.mark.parametrize("url", MALFORMED)
def test_what_libpq_says_of_a_malformed_url_is_not_repeated(url: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        psycopg.connect(url)
    assert "cret" not in describe(caught.value) and "\n" not in describe(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        AWAY,
        "postgresql:///capra",
        "postgresql://[::1]:5432,h:5433/capra",
        "postgresql://%2Frun%2Fpostgresql/capra",
        "host=/run/a@b dbname=capra sslmode=verify-full",
        "hostaddr=127.0.0.1,127.0.0.2 port=1,2",
    ],
)
def test_url_of_a_server_that_may_be_away_is_let_through(url: str) -> None:
    assert check(url) == url


def test_server_that_is_away_is_one_line_with_its_address() -> None:
    with pytest.raises(psycopg.OperationalError) as caught:
        psycopg.connect(AWAY)
    line = describe(caught.value)
    assert line == 'connection to server at "127.0.0.1", port 9 failed: Connection refused'


def test_every_server_that_was_tried_is_named() -> None:
    with pytest.raises(psycopg.OperationalError) as caught:
        psycopg.connect("host=127.0.0.1,127.0.0.2 port=9 password=s3cretpw")
    line = describe(caught.value)
    assert "127.0.0.1" in line and "127.0.0.2" in line and "\n" not in line and "cret" not in line


def test_value_that_libpq_refuses_late_is_not_repeated() -> None:
    with pytest.raises(psycopg.OperationalError) as caught:
        psycopg.connect("host=127.0.0.1 port=9 gssencmode=s3cretpw")
    assert "cret" not in describe(caught.value)


@pytest.mark.db
def test_what_the_server_says_is_its_first_line(postgres_server: str) -> None:
    with psycopg.connect(postgres_server) as connection, pytest.raises(psycopg.Error) as caught:
        connection.execute("select nothing from nowhere")
    assert describe(caught.value) == 'relation "nowhere" does not exist'


@pytest.mark.db
def test_connection_that_is_cut_is_one_line(postgres_server: str) -> None:
    with (
        psycopg.connect(postgres_server) as connection,
        pytest.raises(psycopg.OperationalError) as caught,
    ):
        connection.execute("select pg_terminate_backend(pg_backend_pid())")
    assert "\n" not in describe(caught.value) and describe(caught.value)
