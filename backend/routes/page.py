"""The map page at `/`, its files and MapLibre GL, all from this machine."""

from fastapi import APIRouter, FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles

from backend.settings import Settings

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data:",  # icons of MapLibre's controls
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


def add_page(app: FastAPI, settings: Settings) -> None:
    """Serve the page and its files; without MapLibre the page says how to get it."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    def page() -> FileResponse:
        return FileResponse(settings.static_dir / "index.html")

    app.include_router(router)
    if settings.maplibre_dir.is_dir():
        maplibre = StaticFiles(directory=settings.maplibre_dir)
        app.mount("/static/maplibre", maplibre, name="maplibre")
    app.mount("/static", StaticFiles(directory=settings.static_dir), name="static")
