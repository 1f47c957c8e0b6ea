"""Requests made from the API's own description: none fails, none is answered 5xx."""

from tests.backend.any_request import ask
from tests.backend.conftest import Herd
from tests.backend.factories import serving


def test_requests_from_the_description_are_answered_as_described(own_herd: Herd) -> None:
    url = own_herd.database_url
    with serving(url, key=None) as client:
        said = ask(
            f"{client.base_url}api/v1/openapi.json", url,
            *("--phases", "examples,fuzzing", "--max-examples", "1", "--seed", "1"),
        )  # fmt: skip
    assert said.requests > 100
    assert said.failures == 0, said.text
