"""The command `corridor`: the land that animals of a herd pass through, from a track file."""

import argparse
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from analytics import arguments
from analytics.progress import console, fail, say_left_out

if TYPE_CHECKING:
    from rich.console import Console

    from analytics.track import Track
    from analytics.track_file import TrackFile

_ERROR_M = 20.0  # of consumer-grade receivers under trees, in each direction


def add_to(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `corridor` to a command line."""
    command = subparsers.add_parser(
        "corridor",
        help="corridors that a herd uses, from a track file",
        description="Draw the land that animals of a herd pass through, by how many of them, with "
        "its widths. Meant for migrations: cut the tracks to them with --from and --to, or part "
        "them with --by. " + arguments.FORMATS,
        epilog="example: capra corridor TRACK.csv -o out.geojson --plot out.png",
    )
    arguments.add_input(command)
    command.add_argument(
        "--error",
        type=arguments.positive,
        metavar="METRES",
        help="standard deviation of a fix in each direction (the file's median, else "
        f"{_ERROR_M:g})",
    )
    command.add_argument(
        "--shares",
        type=arguments.shares,
        metavar="0,10,20",
        help="parts of the herd to draw the land of [percent], 0 being any animal (0,10,20; in "
        "small herds 1, 2 and 3 animals)",
    )
    command.add_argument(
        "--motion-variance",
        choices=("likelihood", "dynamic"),
        default="likelihood",
        help="one for each track, or one for each step (%(default)s)",
    )
    command.add_argument(
        "--max-gap-s",
        type=arguments.positive,
        metavar="SECONDS",
        help="steps that take longer are left out",
    )
    command.add_argument(
        "--cell", type=arguments.positive, metavar="METRES", help="width of the grid's cells"
    )
    arguments.add_output(command)
    command.add_argument(
        "--raster", type=Path, metavar="FILE.tif", help="write the herd's density as GeoTIFF"
    )
    command.set_defaults(run=_corridor)


def _corridor(args: argparse.Namespace) -> int:
    from analytics.errors import AnalyticsError
    from analytics.track_file import TrackFileError

    try:
        return _run(args, console())
    except (AnalyticsError, TrackFileError) as error:
        return fail(str(error))


def _run(args: argparse.Namespace, out: "Console") -> int:
    from analytics import plot
    from analytics.corridors.observed import observed_corridors
    from analytics.errors import AnalyticsWarning
    from analytics.export import check_target, corridor_features, write_features, write_raster
    from analytics.sampling import warn_of_sampling
    from analytics.table import print_corridors

    file = arguments.read(args, one_plane=True)
    if args.output:
        check_target(args.output, file.animals[0].track.projection is not None)
    if args.plot:
        plot.check_target(args.plot)
    say_left_out(out, file)
    herd = _herd(args, file)
    error_m = _error(args, out, file)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", AnalyticsWarning)
        for name, tracks in herd.items():
            for track in tracks:
                warn_of_sampling(track, name)
        with out.status(f"bridges of {len(herd)} animals"):
            found = observed_corridors(
                herd,
                error_m,
                args.motion_variance,
                args.shares,
                max_gap_s=args.max_gap_s,
                cell_m=args.cell,
                skip_unusable=True,
            )
    print_corridors(out, found)
    for warning in said:
        out.print(str(warning.message), style="yellow", markup=False, highlight=False)
    if args.output:
        write_features(args.output, corridor_features(found))
    if args.raster:
        write_raster(args.raster, found.population)
    if args.plot:
        used = [tracks for animal, tracks in herd.items() if animal not in found.left_out]
        plot.draw_corridors(args.plot, found, [track for tracks in used for track in tracks])
    for animal, why in found.left_out.items():
        fail(f"{animal} is left out: {why}")
    return 1 if found.left_out else 0


def _herd(args: argparse.Namespace, file: "TrackFile") -> "dict[str, list[Track]]":
    from analytics.study import parts

    herd = {
        one.animal: [
            one.track.select(part)
            for _, part in parts(one.track.times_s, args.from_s, args.to_s, args.by)
        ]
        for one in file.animals
    }
    return {animal: tracks for animal, tracks in herd.items() if tracks}


def _error(args: argparse.Namespace, out: "Console", file: "TrackFile") -> float:
    """Returns the location error: as given, as the file has it, or assumed, and says which."""
    import numpy as np

    if args.error is not None:
        return float(args.error)
    stated = [one.track.error.axis_m for one in file.animals if one.track.error is not None]
    error_m, source = _ERROR_M, "assumed, the file states none; --error METRES"
    if stated and np.isfinite(np.concatenate(stated)).any():
        error_m, source = float(np.nanmedian(np.concatenate(stated))), "median of the file's"
    out.print(f"location error {error_m:.4g} m ({source})", highlight=False)
    return error_m
