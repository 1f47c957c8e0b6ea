"""What was acknowledged is there once, whatever is killed."""

from pathlib import Path

from tests.backend.killing import kill


def test_no_acknowledged_row_is_lost_or_doubled_by_kills_of_api_and_database(
    server_folder: Path,
) -> None:
    assert kill(server_folder, kills=3, seed=20261122).fault() is None
