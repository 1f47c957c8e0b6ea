"""Bearer tokens of an OpenID Connect issuer: people of an institute, by the log-in they have.

The issuer says who somebody is; what they may is a matter of roles here. One never seen before
gets an account without a role.
"""

from __future__ import annotations

import json
import threading
import urllib.request
from typing import Any

import jwt
from psycopg import Connection
from psycopg.rows import dict_row

from backend.auth import Principal, _roles
from backend.db.queries import query
from backend.errors import Unauthenticated

_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]
_LEEWAY_S = 30
_TIMEOUT_S = 5


class Tokens:
    """Checks tokens of one issuer, by the keys it publishes."""

    def __init__(self, issuer: str, audience: str) -> None:
        """Nothing is fetched before the first token comes.

        Args:
            issuer: URL, exactly as it stands in `iss`.
            audience: what must stand in `aud`: these tokens are meant for us.
        """
        self._issuer, self._audience = issuer, audience
        self._keys: jwt.PyJWKClient | None = None
        self._lock = threading.Lock()

    def principal(self, database: Connection[Any], text: str) -> Principal:
        """Who a token says its bearer is.

        Raises:
            Unauthenticated: it is expired, not for us, not signed by the issuer, ...
        """
        try:
            claims = jwt.decode(
                text,
                self._client().get_signing_key_from_jwt(text).key,
                algorithms=_ALGORITHMS,
                audience=self._audience,
                issuer=self._issuer,
                leeway=_LEEWAY_S,
                options={"require": ["exp", "iat", "sub", "iss", "aud"]},
            )
        except (jwt.PyJWTError, OSError, ValueError, KeyError) as error:
            raise Unauthenticated(f"this token is not good: {error}") from error
        return self._person(database, claims)

    def _client(self) -> jwt.PyJWKClient:
        with self._lock:
            if self._keys is None:
                address = self._issuer.rstrip("/") + "/.well-known/openid-configuration"
                with urllib.request.urlopen(address, timeout=_TIMEOUT_S) as answer:
                    about = json.load(answer)
                self._keys = jwt.PyJWKClient(about["jwks_uri"], timeout=_TIMEOUT_S)
            return self._keys

    def _person(self, database: Connection[Any], claims: dict[str, Any]) -> Principal:
        who = {"issuer": self._issuer, "subject": str(claims["sub"])}
        name = str(claims.get("name") or claims.get("preferred_username") or claims["sub"])
        with database.cursor(row_factory=dict_row) as cursor:
            row = cursor.execute(query("find_person"), who).fetchone()
            if row is None:
                new = who | {"name": name, "email": claims.get("email")}
                cursor.execute(query("add_person"), new)
                row = cursor.execute(query("find_person"), who).fetchone()
        assert row is not None  # just added, here or by another
        if row["revoked"]:
            raise Unauthenticated("this account is disabled")
        actor = f"{row['account_name']} #{row['account']} token"
        scopes = frozenset({"read", "write", "ingest", "admin"})
        return Principal(actor, row["account"], _roles(row["roles"]), scopes)
