"""Each test of the collar's pure modules passes on MicroPython too, in a heap of 64 KiB."""

from pathlib import Path

import pytest

from tests import on_micropython

pytestmark = pytest.mark.micropython


def relative(path: Path) -> str:
    return str(path.relative_to(on_micropython.CHECKOUT / "tests" / "firmware"))


@pytest.mark.parametrize("path", on_micropython.files(), ids=relative)
def test_file_passes_on_micropython_as_a_whole(path: Path) -> None:
    expected = on_micropython.expected(path)
    assert expected, f"{path} holds no plain test function"
    outcome = on_micropython.run(path)
    assert outcome.exit_code == 0, outcome.output
    assert not outcome.failed, outcome.output
    assert outcome.passed == expected


def test_failing_test_is_reported_with_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "test_bad.py"
    path.write_text("def test_good():\n    pass\n\ndef test_bad():\n    assert 1 == 2\n")
    monkeypatch.setattr(on_micropython, "CHECKOUT", tmp_path)
    outcome = on_micropython.run(path)
    assert outcome.passed == {"test_good"}
    assert outcome.failed == {"test_bad"}
    assert "AssertionError" in outcome.output


def test_file_that_cannot_be_imported_is_no_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "test_broken.py"
    path.write_text("import functools\n\ndef test_good():\n    pass\n")
    monkeypatch.setattr(on_micropython, "CHECKOUT", tmp_path)
    outcome = on_micropython.run(path)
    assert outcome.exit_code != 0
    assert not outcome.passed


def test_heap_is_as_small_as_the_board_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "test_large.py"
    path.write_text("def test_large():\n    bytearray(70_000)\n")
    monkeypatch.setattr(on_micropython, "CHECKOUT", tmp_path)
    assert "MemoryError" in on_micropython.run(path).output
