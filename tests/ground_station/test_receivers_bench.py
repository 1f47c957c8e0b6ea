"""The receivers' benchmark in its short form: what it counts is counted, and is nought."""

from tests.bench import link_receivers


def test_short_benchmark_finds_no_crash_no_loss_and_no_lasting_disorder() -> None:
    rows = link_receivers.rows(quick=True)
    counted = [row for row in rows if row["bar"] == "0"]
    assert len(counted) == 22
    assert [row["figure"] for row in counted if row["value"]] == []


def test_parser_that_crashes_or_stays_out_of_step_is_counted(monkeypatch) -> None:
    def crash(bad: bytes) -> bool:
        raise IndexError

    sick = {"crashing": (crash, [b"x"]), "deaf": (lambda bad: False, [b"x"])}
    monkeypatch.setattr(link_receivers, "parsers", lambda: sick)
    values = [row["value"] for row in link_receivers.fuzz_figures(10)]
    assert values == [10, 0, 0, 10]
