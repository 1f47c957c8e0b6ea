"""What the backend can be told from outside; read once by whoever builds the application."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

_WEB = Path(__file__).parent / "web"


class Settings(BaseSettings):
    """Settings of the API, from arguments or from variables `CAPRA_...`."""

    model_config = SettingsConfigDict(env_prefix="CAPRA_", frozen=True, extra="ignore")

    database_url: str | None = Field(
        default=None, description="libpq URL or DSN; without one the embedded server is used"
    )
    pool_size: int = Field(default=8, ge=1, le=200, description="database connections at most")
    downloads_size: int = Field(
        default=8, ge=1, le=200, description="database connections at most for exports, beside it"
    )
    pool_wait_s: float = Field(
        default=3.0, gt=0, description="how long a request waits for a connection [s]"
    )
    known_per_minute: int = Field(
        default=6000, ge=0, description="requests a minute of one key or person; 0: any number"
    )
    public_per_minute: int = Field(
        default=600, ge=0, description="requests a minute of an unknown address; 0: any number"
    )
    session_hours: float = Field(
        default=12, gt=0, description="how long a sign-in to the map page lasts [h]"
    )
    oidc_issuer: str | None = Field(
        default=None, description="URL of the OpenID Connect issuer whose tokens are good here"
    )
    oidc_audience: str = Field(default="capra", description="what the tokens' `aud` must hold")
    smtp_host: str | None = Field(
        default=None, description="server that takes e-mail of alerts; without one none is sent"
    )
    smtp_port: int = Field(default=587, ge=1, le=65535, description="its port")
    smtp_tls: bool = Field(default=True, description="whether it is spoken to by STARTTLS")
    smtp_user: str | None = Field(default=None, description="name to sign in there with")
    smtp_password: SecretStr | None = Field(default=None, description="and the password")
    smtp_sender: str = Field(default="capra@localhost", description="who the e-mail is from")
    import_bytes: int = Field(
        default=2 << 30, gt=0, description="largest file that is imported, unpacked [bytes]"
    )
    analyses_waiting: int = Field(
        default=20, ge=1, description="computations that one caller may have waiting"
    )
    allowed_hosts: tuple[str, ...] = Field(
        default=("localhost", "127.0.0.1", "::1"),
        description="names this service answers to; '*' is any. Keeps other web sites from "
        "reading a service on loopback through a name of theirs (DNS rebinding)",
    )
    static_dir: Path = Field(default=_WEB / "static", description="page, script and style")
    maplibre_dir: Path = Field(
        default=_WEB / "node_modules" / "maplibre-gl" / "dist",
        description="MapLibre GL as npm has it",
    )
