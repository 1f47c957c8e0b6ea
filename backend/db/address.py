"""Tells a database URL that can never work from one whose server is only away."""

from psycopg import Error
from psycopg.conninfo import conninfo_to_dict

from backend.db.errors import BadAddress, malformed

_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_NUMBERS = (
    "connect_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
)


def check(url: str) -> str:
    """Return `url` if a server could answer it, some day.

    Args:
        url: a libpq URL or keyword string.

    Raises:
        BadAddress: it is malformed, has an unknown keyword or an impossible value. No value is in
            the message: a password that holds an @ or a / would be taken for the host or the port.
    """
    try:
        given = conninfo_to_dict(url)
    except Error as error:
        raise BadAddress(malformed(str(error))) from None  # its text quotes the password
    parts = {name: str(value) for name, value in given.items() if value is not None}
    hosts, ports = parts.get("host", "").split(","), parts.get("port", "").split(",")
    if any("@" in host and not host.startswith(("/", "@")) for host in hosts):
        raise BadAddress("its host holds an @ (an @ in a password is %40)")
    for port in filter(None, ports):
        if not _is_number(port) or not 1 <= int(port) <= 65535:
            raise BadAddress("its port is not a number of 1..65535 (a / in a password is %2F)")
    if len(ports) not in (1, max(len(hosts), len(parts.get("hostaddr", "").split(",")))):
        raise BadAddress(f"it has {len(ports)} ports for {len(hosts)} hosts")
    for name in _NUMBERS:
        if name in parts and not _is_number(parts[name].removeprefix("-")):
            raise BadAddress(f"its {name} is not a number")
    if parts.get("sslmode", "prefer") not in _SSL_MODES:
        raise BadAddress(f"its sslmode is none of {', '.join(_SSL_MODES)}")
    return url


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 10
