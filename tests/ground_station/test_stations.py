"""Three stations, wrong clocks, days without network: the database ends as the truth."""

from pathlib import Path

import pytest

from backend.db.migrate import migrate
from tests.ground_station.several import differences


@pytest.mark.db
def test_three_stations_with_wrong_clocks_make_the_true_table(
    tmp_path: Path, database_url: str
) -> None:
    migrate(database_url)
    assert differences(tmp_path, database_url, collars=12, hours=48) == []
