"""The table at the end of a run."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from analytics.methods import RangeResult
from analytics.study import Done

if TYPE_CHECKING:
    from rich.console import Console

    from analytics.corridors.results import ObservedCorridors


def print_table(console: "Console", found: Sequence[Done]) -> None:
    """Prints a line per home range: fixes, times, bandwidth or model, areas, sample size."""
    from rich.markup import escape
    from rich.table import Table

    results = [(done, done.result) for done in found if done.result]
    levels = sorted({i.level_percent for _, r in results for i in r.home_range.isopleths})
    periods = any(done.job.period for done, _ in results)
    sizes = any(result.effective_size is not None for _, result in results)
    table = Table(caption=_caption(results), caption_justify="left")
    for name in ("animal", *(["period"] if periods else []), "method"):
        table.add_column(name, no_wrap=True)
    table.add_column("fixes", justify="right", no_wrap=True)
    for name in ("from", "to"):
        table.add_column(name, min_width=len("2026-06-01"), no_wrap=True)
    table.add_column("bandwidth or model")
    for level in levels:
        table.add_column(f"{level:g} % [km²]".replace("[", r"\["), justify="right")
    if sizes:
        table.add_column("effective size", justify="right")
    for done, result in results:
        estimate = result.home_range.estimate
        cells = [done.job.animal, *([done.job.period] if periods else []), done.job.method]
        cells += [str(estimate.fixes), _day(estimate.from_time_s), _day(estimate.to_time_s)]
        cells += [result.about, *(area_text(result, level) for level in levels)]
        if sizes:
            cells.append("" if result.effective_size is None else _size(result.effective_size))
        table.add_row(*(escape(cell) for cell in cells))
    console.print(table)
    said: dict[tuple[str, str, str], list[str]] = {}
    for done, result in results:
        for warning in result.warnings:
            by = said.setdefault((done.job.animal, done.job.period, warning), [])
            by.append(done.job.method)
    for (animal, period, warning), by in said.items():
        line = f"{' '.join(filter(None, (animal, period)))} {', '.join(by)}: {warning}"
        console.print(line, style="yellow", markup=False, highlight=False)


def print_corridors(out: "Console", found: "ObservedCorridors") -> None:
    """Prints a line per level of use: animals, area, widths."""
    from rich.table import Table

    names = ("animals at least", "of the herd [%]", "area [km²]", "narrowest [m]", "median [m]")
    herd = found.estimate.parameters
    table = Table(
        caption=f"{herd['animals']} animals, {herd['tracks']} tracks, "
        f"{found.estimate.fixes} fixes; widths across the animals' direction",
        caption_justify="left",
    )
    for name in (*names, "widest [m]"):
        table.add_column(name.replace("[", r"\["), justify="right")
    for level in found.levels:
        cells = [str(level.animals), f"{level.share_percent:.3g}", _figures(level.area_km2)]
        widths = level.widths
        sizes = (widths.narrowest_m, widths.median_m, widths.widest_m) if widths else ()
        table.add_row(*cells, *(f"{size:,.0f}" for size in sizes))
    out.print(table)


def _caption(results: Sequence[tuple[Done, RangeResult]]) -> str | None:
    for _, result in results:
        for interval in result.intervals.values():
            return f"in brackets: {interval.confidence_percent:g} % confidence interval"
    return None


def area_text(result: RangeResult, level: float) -> str:
    """Returns the area of an isopleth [km2], with its interval where there is one."""
    for isopleth in result.home_range.isopleths:
        if isopleth.level_percent == level:
            interval = result.intervals.get(level)
            if interval is None:
                return _figures(isopleth.area_km2)
            low, middle, high = map(_figures, (interval.low, interval.estimate, interval.high))
            return f"{middle} ({low} to {high})"
    return ""


def _figures(value: float) -> str:
    """Four figures, never in powers of ten."""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:#.4g}" if value >= 1e-4 else f"{value:.2g}"


def _size(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"


def _day(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).strftime("%Y-%m-%d")
