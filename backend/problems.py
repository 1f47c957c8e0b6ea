"""Errors as problem documents (RFC 9457), by one table from exception to status.

To add an error: raise it anywhere below the routes, and give it a line in `TABLE`.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any, NamedTuple

import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from psycopg_pool import PoolClosed, PoolTimeout
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from backend import errors

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5


class Kind(NamedTuple):
    """What a client can tell apart: the last part of `type`, the status and a title."""

    name: str
    status: HTTPStatus
    title: str


BAD_PARAMETER = Kind("bad-parameter", HTTPStatus.BAD_REQUEST, "A value cannot be used")
UNKNOWN_PARAMETER = Kind(
    "unknown-parameter", HTTPStatus.BAD_REQUEST, "A parameter is not known here"
)
NOT_FOUND = Kind("not-found", HTTPStatus.NOT_FOUND, "There is no such thing")
CANNOT_COMPUTE = Kind(
    "cannot-compute", HTTPStatus.CONFLICT, "The stored data do not allow this computation"
)
UNAUTHENTICATED = Kind("unauthenticated", HTTPStatus.UNAUTHORIZED, "A good credential is needed")
FORBIDDEN = Kind("forbidden", HTTPStatus.FORBIDDEN, "This is not allowed")
TOO_MANY = Kind("too-many-requests", HTTPStatus.TOO_MANY_REQUESTS, "Too many requests")
CONFLICT = Kind("conflict", HTTPStatus.CONFLICT, "It contradicts what is stored")
CHANGED = Kind("changed", HTTPStatus.PRECONDITION_FAILED, "Another changed it meanwhile")
AWAY = Kind("database-away", HTTPStatus.SERVICE_UNAVAILABLE, "The database does not answer")
BUSY = Kind("busy", HTTPStatus.SERVICE_UNAVAILABLE, "Too much is asked for at once")
EMPTY = Kind("database-empty", HTTPStatus.SERVICE_UNAVAILABLE, "The database has no tables yet")
FAULT = Kind("fault", HTTPStatus.INTERNAL_SERVER_ERROR, "A fault in this service")

TOO_LARGE = Kind("too-large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body is too large")

TABLE: dict[type[Exception], Kind] = {
    errors.UnknownParameter: UNKNOWN_PARAMETER,
    errors.BadRequest: BAD_PARAMETER,
    errors.NotFound: NOT_FOUND,
    errors.CannotCompute: CANNOT_COMPUTE,
    errors.NotReady: EMPTY,
    errors.Unauthenticated: UNAUTHENTICATED,
    errors.Forbidden: FORBIDDEN,
    errors.TooMany: TOO_MANY,
    errors.TooLarge: TOO_LARGE,
    errors.Busy: BUSY,
    errors.Conflict: CONFLICT,
    errors.Changed: CHANGED,
    psycopg.errors.UndefinedTable: EMPTY,
    psycopg.OperationalError: AWAY,
    PoolTimeout: AWAY,
    PoolClosed: AWAY,
    Exception: FAULT,
}

_DETAILS = {
    AWAY: "the database does not answer, or is busy; this service tries again at every request",
    EMPTY: "the database has no tables yet: run 'capra migrate'",
    FAULT: "a fault in this service; its log says more",
}


def add_handlers(app: FastAPI) -> None:
    """Answer every error of the application with a problem document."""
    for error in TABLE:
        app.add_exception_handler(error, _answer)
    app.add_exception_handler(RequestValidationError, _answer_validation)
    app.add_exception_handler(HTTPException, _answer_http)


def problem(
    kind: Kind, detail: str, instance: str, headers: dict[str, str] | None = None, **more: Any
) -> JSONResponse:
    """A problem document as a response."""
    content = {**_document(kind, detail, instance), **more}
    headers = dict(headers or {})
    if kind.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    return JSONResponse(content, kind.status, headers, MEDIA_TYPE)


def document(name: str, detail: str, instance: str) -> dict[str, Any]:
    """A problem that was kept by the name of its kind, as a document."""
    return _document(next(kind for kind in TABLE.values() if kind.name == name), detail, instance)


def _document(kind: Kind, detail: str, instance: str) -> dict[str, Any]:
    return {
        "type": f"urn:capra:problem:{kind.name}",
        "title": kind.title,
        "status": kind.status.value,
        "detail": detail,
        "instance": instance,
    }


def _kind_of(error: Exception) -> Kind:
    return next(TABLE[base] for base in type(error).__mro__ if base in TABLE)


async def _answer(request: Request, error: Exception) -> JSONResponse:
    kind = _kind_of(error)
    detail = _DETAILS.get(kind, str(error))
    if kind.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("%s %s: %s: %s", request.method, request.url.path, kind.name, error)
    more: dict[str, Any] = {}
    if isinstance(error, errors.BadRequest):
        more = {"parameter": error.name, "expected": error.expected}
    headers = {"WWW-Authenticate": "Bearer"} if kind is UNAUTHENTICATED else {}
    if isinstance(error, errors.TooMany):
        headers["Retry-After"] = str(error.retry_after_s)
    return problem(kind, detail, request.url.path, headers, **more)


async def _answer_validation(request: Request, error: Exception) -> JSONResponse:
    """Name every value at fault; the first unknown parameter decides the kind."""
    assert isinstance(error, RequestValidationError)
    faults = [_fault(request, fault) for fault in error.errors()]
    first = faults[0]
    kind = TABLE[type(first)]
    return problem(
        kind,
        "; ".join(str(fault) for fault in faults),
        request.url.path,
        parameter=first.name,
        expected=first.expected,
    )


def _fault(request: Request, fault: dict[str, Any]) -> errors.BadRequest:
    where, *path = fault["loc"]
    name = ".".join(str(part) for part in path) or str(where)
    value = fault["input"]
    match fault["type"], where:
        case "extra_forbidden", "query":
            return errors.UnknownParameter(name, value, _known_parameters(request))
        case "extra_forbidden", _:
            return errors.BadRequest(name, value, "no member of this name")
        case "missing", _:
            return errors.BadRequest(name, None, "a value, which is required here")
        case "json_invalid", _:
            return errors.BadRequest("body", fault["ctx"]["error"], "valid JSON")
    reason = str(fault["msg"]).removeprefix("Value error, ").removeprefix("expected ")
    reason = reason.replace("Input should be ", "").partition(", unable to parse")[0]
    if not path and isinstance(value, dict):  # a rule between parameters
        value = "&".join(f"{key}={one}" for key, one in value.items())
    return errors.BadRequest(name, value, reason)


def _known_parameters(request: Request) -> list[str]:
    """Names this operation takes, from the API's own description."""
    name = getattr(request.scope.get("route"), "name", None)
    for path in request.app.openapi()["paths"].values():
        for operation in path.values():
            if operation["operationId"] == name:
                return [p["name"] for p in operation.get("parameters", []) if p["in"] == "query"]
    return []


def _methods(request: Request) -> set[str]:
    """The methods of a described address; the framework tells those of the first that fits."""
    return {
        method.upper()
        for path, operations in request.app.openapi()["paths"].items()
        if compile_path(path)[0].match(request.url.path)
        for method in operations
    }


async def _answer_http(request: Request, error: Exception) -> JSONResponse:
    """Errors of the framework itself: no such path, no such method."""
    assert isinstance(error, HTTPException)
    status = HTTPStatus(error.status_code)
    name = status.phrase.lower().replace(" ", "-")
    detail = f"{request.method} {request.url.path}: {error.detail}"
    headers = dict(error.headers or {})
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        known = set(headers.get("Allow", "").replace(" ", "").split(",")) - {""}
        headers["Allow"] = ", ".join(sorted(known | _methods(request)))
    return problem(Kind(name, status, status.phrase), detail, request.url.path, headers)
