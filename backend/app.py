"""The application: settings in, FastAPI out; nothing happens at import."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from backend import problems, schemas
from backend.alerts import watch
from backend.alerts.bulletin import Bulletin
from backend.alerts.deliver import Mail
from backend.audit import AuditLog
from backend.compat import direct_read, earthranger, sensors, tracking_export
from backend.conditional import Conditional
from backend.db import embedded
from backend.db.pool import open_pool
from backend.deps import PROBLEMS
from backend.forward import step
from backend.guard import Guard
from backend.jobs.runner import Runner
from backend.limits import Limits
from backend.ogc import routes as ogc
from backend.oidc import Tokens
from backend.routes import (
    alerts,
    analyses,
    corridors,
    files,
    fixes,
    forwarders,
    health,
    home_ranges,
    overlaps,
    page,
    people,
    records,
    registry,
    session,
    stream,
    tiles,
    tracks,
)
from backend.settings import Settings

API = "/api/v1"

_DESCRIPTION = """
Positions of wild animals, from collars that run on the animal's own movement.

Positions are GeoJSON (RFC 7946, WGS84), times RFC 3339 in UTC, errors problem documents (RFC 9457)
that name the value and what was expected. Parameters that an operation does not know are refused.
Time ranges include `from` and exclude `to`.

Send a key as `Authorization: Bearer capra_...`, or a token of the OpenID Connect issuer this
service trusts. What of a position a caller sees depends on their role in the study and on how
sensitive the species is: exact, the centre of a grid cell (`precision_deg` says which), later, or
nothing. Every read of exact positions is audited.

Home ranges, overlaps and corridors are computed by a POST. The same question on the same fixes is
answered from the store (200); else within `Prefer: wait=N` seconds (201), or later (202): then
`Location` says how far it is, where its result will be, and a DELETE there stops it.
"""


def create_app(settings: Settings) -> FastAPI:
    """The API and the map page.

    The database need not be there: requests answer 503 until it is. Without a `database_url` the
    embedded server is started with the application.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        dsn = embedded.resolve(settings.database_url)
        app.state.pool = open_pool(dsn, settings.pool_size, settings.pool_wait_s)
        # pools of their own: who downloads slowly keeps a connection for long, and
        app.state.downloads = open_pool(dsn, settings.downloads_size, settings.pool_wait_s)
        writer = open_pool(dsn, 1, settings.pool_wait_s)  # its callers hold one of the first
        app.state.audit = AuditLog(writer)
        app.state.bulletin = Bulletin(dsn)
        app.state.bulletin.start()
        workers = [*watch.workers(dsn, _mail(settings)), step.worker(dsn)]
        for worker in workers:
            worker.start()
        app.state.runner = Runner(dsn)
        app.state.runner.start()
        try:
            yield
        finally:
            app.state.runner.close()
            for worker in workers:
                worker.end()
            for worker in workers:
                worker.close()
            await app.state.bulletin.close()
            app.state.audit.close()
            writer.close()
            app.state.downloads.close()
            app.state.pool.close()

    app = FastAPI(
        title="Capra",
        version=version("capra"),
        description=_DESCRIPTION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # both pages of documentation load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        generate_unique_id_function=_operation_id,
    )
    app.state.settings = settings
    app.state.limits = Limits(settings.known_per_minute, settings.public_per_minute)
    issuer = settings.oidc_issuer
    app.state.tokens = Tokens(issuer, settings.oidc_audience) if issuer else None
    api = APIRouter(prefix=API, responses=PROBLEMS)
    for module in (
        registry,
        fixes,
        tracks,
        tiles,
        home_ranges,
        overlaps,
        corridors,
        analyses,
        records,
        files,
        alerts,
        stream,
        forwarders,
        people,
        session,
        health,
    ):
        api.include_router(module.router)
    app.include_router(api)
    for module in (ogc, sensors, earthranger, tracking_export, direct_read):
        app.include_router(module.router)
    page.add_page(app, settings)
    problems.add_handlers(app)
    app.add_middleware(Conditional)
    app.add_middleware(Guard, allowed_hosts=settings.allowed_hosts)
    app.openapi = _described(app)  # type: ignore[method-assign]
    return app


def _mail(settings: Settings) -> Mail | None:
    """The server for e-mail, where one is set."""
    if settings.smtp_host is None:
        return None
    secret = settings.smtp_password
    return Mail(
        settings.smtp_host,
        settings.smtp_port,
        settings.smtp_sender,
        settings.smtp_user,
        secret.get_secret_value() if secret else None,
        settings.smtp_tls,
    )


def _operation_id(route: APIRoute) -> str:
    return route.name


_OPEN_CHANGES = ("begin_session", "end_session")
_CLOSED_READS = ("list_keys", "list_roles", "list_rules", "list_taxa", "list_audit")
_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key, or an OIDC token"},
    "apikey": {"type": "apiKey", "in": "header", "name": "apikey", "description": "A key"},
}


def _described(app: FastAPI) -> Any:
    """The framework's description, corrected.

    Invalid input answers 400 here, never 422; who may ask is decided beyond the framework's sight.
    """
    describe = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema:
            return app.openapi_schema
        document = describe()
        for path in document["paths"].values():
            for method, operation in path.items():
                operation["responses"].pop("422", None)
                changes = method != "get" and operation["operationId"] not in _OPEN_CHANGES
                needed = changes or operation["operationId"] in _CLOSED_READS
                operation["security"] = [*([] if needed else [{}]), *({n: []} for n in _SCHEMES)]
        document["components"]["securitySchemes"] = _SCHEMES
        models = document["components"]["schemas"]
        for unused in ("HTTPValidationError", "ValidationError"):
            models.pop(unused, None)
        models["Problem"] = schemas.Problem.model_json_schema()
        return document

    return openapi
