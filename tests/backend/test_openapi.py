"""The API's description: complete, and true about errors."""

from typing import Any

import pytest

from analytics import methods
from backend.app import create_app
from backend.settings import Settings

METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The description, made without a database."""
    return create_app(Settings(database_url="host=/nowhere")).openapi()


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [path[m] for path in document["paths"].values() for m in METHODS if m in path]


def test_every_operation_has_a_name_of_its_own(document: dict[str, Any]) -> None:
    names = [operation["operationId"] for operation in operations(document)]
    assert len(set(names)) == len(names)
    assert "list_fixes" in names


def test_every_operation_and_parameter_is_described(document: dict[str, Any]) -> None:
    for operation in operations(document):
        assert operation["summary"]
        assert operation["description"]
        for parameter in operation.get("parameters", []):
            assert parameter["schema"].get("description") or parameter["in"] == "path"


def test_errors_are_described_as_problems_and_never_as_422(document: dict[str, Any]) -> None:
    for operation in operations(document):
        responses = operation["responses"]
        assert "422" not in responses
        for status in ("400", "503"):
            assert list(responses[status]["content"]) == ["application/problem+json"]
    assert "HTTPValidationError" not in document["components"]["schemas"]


STREAMS = ("export_fixes", "export_events", "export_reference", "stream", "get_tile")


def test_every_answer_has_a_model(document: dict[str, Any]) -> None:
    for operation in operations(document):
        status, good = next(one for one in operation["responses"].items() if one[0] < "3")
        if status == "204" or operation["operationId"] in STREAMS:
            continue
        (content,) = good["content"].values()
        assert content["schema"]["$ref"].startswith("#/components/schemas/")


def test_every_reference_is_defined(document: dict[str, Any]) -> None:
    defined = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= defined


def references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [found for child in node for found in references(child)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
    return own + [found for child in node.values() for found in references(child)]


def test_unused_models_are_not_described(document: dict[str, Any]) -> None:
    used = {name.rpartition("/")[2] for name in references(document)}
    assert set(document["components"]["schemas"]) == used


def test_methods_of_home_ranges_are_listed_and_explained(document: dict[str, Any]) -> None:
    members = document["components"]["schemas"]["HomeRangeRequest"]["properties"]
    assert members["method"]["enum"] == list(methods.METHODS)
    for name, method in methods.METHODS.items():
        assert f"{name}: {method.help}" in members["method"]["description"]
        assert all(option.name in members["options"]["description"] for option in method.options)
