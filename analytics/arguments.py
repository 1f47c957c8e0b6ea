"""What the commands on track files share: their arguments, and what words of them mean."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analytics.track_file import TrackFile

FORMATS = (
    "Reads Movebank event files, and tables with the columns individual, timestamp (or t_s) and "
    "lon, lat (or x_m, y_m in metres). Needs no database."
)


def levels(text: str) -> tuple[float, ...]:
    """Percentages, ascending, each once."""
    try:
        levels = tuple(float(part) for part in text.split(","))
    except ValueError:
        levels = ()
    if not levels or not all(0 < level <= 100 for level in levels):
        raise argparse.ArgumentTypeError(f"{text!r}: expected percentages such as 50,95")
    return tuple(sorted(set(levels)))


def shares(text: str) -> tuple[float, ...]:
    """Percentages, 0 among them."""
    try:
        shares = tuple(float(part) for part in text.split(","))
    except ValueError:
        shares = ()
    if not shares or not all(0 <= share <= 100 for share in shares):
        raise argparse.ArgumentTypeError(f"{text!r}: expected percentages such as 0,10,20")
    return shares


def setting(text: str) -> tuple[str, str]:
    """NAME=VALUE."""
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r}: expected NAME=VALUE")
    return name.strip(), value.strip()


def positive(text: str) -> float:
    """A number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number above 0")
    return value


def whole(text: str) -> int:
    """A whole number above 0."""
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number above 0")
    return int(text)


def origin(text: str) -> tuple[float, float]:
    """LAT,LON in degrees."""
    try:
        latitude, longitude = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r}: expected LAT,LON such as 46.66,10.20"
        ) from None
    if not (-90 < latitude < 90 and -180 <= longitude <= 180):
        raise argparse.ArgumentTypeError(f"{text!r}: expected degrees within -90..90,-180..180")
    return latitude, longitude


def time(text: str) -> float:
    """A time as Unix seconds; without a zone it is UTC."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        expected = "expected a time such as 2026-06-01 or 2026-06-01T06:00:00Z"
        raise argparse.ArgumentTypeError(f"{text!r}: {expected}") from None
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def add_input(command: argparse.ArgumentParser) -> None:
    """Add what commands on track files share."""
    command.add_argument("track", type=Path, metavar="TRACK.csv")
    command.add_argument(
        "--animal", action="extend", nargs="+", metavar="ID", help="which of them (all)"
    )
    command.add_argument(
        "--origin",
        type=origin,
        metavar="LAT,LON",
        help="where the middle of tracks in metres lies [deg] (nowhere)",
    )
    command.add_argument(
        "--from", dest="from_s", type=time, metavar="TIME", help="fixes from, UTC"
    )
    command.add_argument("--to", dest="to_s", type=time, metavar="TIME", help="fixes before, UTC")
    command.add_argument(
        "--by",
        choices=("all", "year", "month"),
        default="all",
        help="part fixes (%(default)s)",
    )

    command.add_argument(
        "--plane",
        choices=("local", "utm"),
        default="local",
        help="metres around the tracks' middle, or of their UTM zone (%(default)s)",
    )
    choice = command.add_argument_group("which fixes are used; those left out are counted")
    choice.add_argument(
        "--backbone-only",
        action="store_true",
        help="those of the regular schedule, by the file's column of reasons",
    )
    choice.add_argument(
        "--max-speed", type=positive, metavar="M/S", help="none that the animal cannot reach"
    )
    choice.add_argument(
        "--spike-speed",
        type=positive,
        metavar="M/S",
        help="none that it would have gone to and straight back from, both so fast (0.42 for "
        "moose every few hours)",
    )
    choice.add_argument(
        "--max-dop", type=positive, metavar="DOP", help="none of greater dilution of precision"
    )


def read(args: argparse.Namespace, one_plane: bool = False) -> "TrackFile":
    """Returns the animals of a file as the arguments of `add_input` ask for them.

    Raises:
        TrackFileError: as `analytics.track_file.read_tracks`.
    """
    from analytics.clean import Rules
    from analytics.selection import Selection
    from analytics.track_file import read_tracks

    rules = Rules(
        max_speed_mps=args.max_speed, spike_speed_mps=args.spike_speed, max_dop=args.max_dop
    )
    wanted = Selection(args.backbone_only, rules)
    return read_tracks(args.track, args.animal or (), args.origin, one_plane, wanted, args.plane)


def add_output(command: argparse.ArgumentParser) -> None:
    """Add what they write."""
    command.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="write .geojson or .parquet"
    )
    command.add_argument("--plot", type=Path, metavar="FILE", help="draw .png, .svg or .pdf")
