"""Named queries: found by name, and each one valid SQL for the present schema."""

import re
from typing import Any

import psycopg
import pytest

from backend.db import queries
from backend.db.errors import UnknownQuery


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownQuery, match=r"no query named 'nosuch'; known: .*fix_page"):
        queries.query("nosuch")


def test_key_words_are_lower_case() -> None:
    for name, text in queries._all().items():
        code = re.sub(r"--.*|'[^']*'", "", text)
        assert not re.search(r"\b[A-Z]{2,}\b", code), f"upper case in query {name}"


@pytest.mark.db
def test_the_server_accepts_every_query(connection: psycopg.Connection[Any]) -> None:
    """With every parameter null: names and types are right, whatever it then refuses."""
    with connection.transaction():  # temporary tables last as long
        for name in sorted(queries._all(), key=lambda name: not name.startswith("create_")):
            text = queries.query(name)
            values = dict.fromkeys(re.findall(r"%\((\w+)\)s", text))
            try:
                with connection.transaction():
                    connection.execute(text, values or None)  # as who has no value calls it
            except psycopg.errors.IntegrityError:
                pass  # a null where the schema wants a value
