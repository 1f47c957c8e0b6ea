"""The shape of a benchmark's row, the same for every subject."""


def row(figure: str, value: float, unit: str, bar: str | None, holds: bool, given: str) -> dict:
    """A row; `bar` is such as ">= 0.9", None where a figure has none; `given` is the input."""
    return {
        "figure": figure,
        "value": float(value),
        "unit": unit,
        "bar": bar,
        "holds": bool(holds),
        "input": given,
    }
