"""What is frozen into a board is all its program imports; and the README's map shows all of it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.on_micropython import CHECKOUT

FIRMWARE = CHECKOUT / "firmware"


def frozen(manifest: Path) -> set[str]:
    """The files a manifest names, as paths below `firmware/`."""
    found: set[str] = set()
    language = {
        "include": lambda path: None,
        "require": lambda name: None,
        "module": lambda name, **options: None,
        "package": lambda name, files, **options: found.update(files),
    }
    exec(manifest.read_text(), language)
    return found


def imports(path: Path) -> Iterator[str]:
    """Dotted names of our own modules a file imports when it runs, those in functions too."""
    package = ("firmware", *path.relative_to(FIRMWARE).parts[:-1])
    waiting: list[ast.AST] = [ast.parse(path.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else ()
            stem = ".".join((*base, *(node.module or "").split("."))).strip(".")
            yield stem
            yield from (f"{stem}.{alias.name}" for alias in node.names)
        waiting += ast.iter_child_nodes(node)


def needed(start: str) -> set[str]:
    """Every file the program that starts there imports, at any depth."""
    found, waiting = set(), [start]
    while waiting:
        for name in imports(FIRMWARE / waiting.pop()):
            module = Path(*name.split("."))
            packages = [one / "__init__.py" for one in (module, *module.parents)]
            for path in (module.with_suffix(".py"), *packages):
                if path.parts[0] == "firmware" and (CHECKOUT / path).is_file():
                    inner = str(path.relative_to("firmware"))
                    if inner not in found:
                        found.add(inner)
                        waiting.append(inner)
    return found


@pytest.mark.parametrize("folder", [".", "bridge"])
def test_everything_the_program_imports_is_frozen(folder):
    start = Path(folder) / "main.py"
    listed = frozen(FIRMWARE / folder / "manifest.py")
    assert needed(str(start)) - listed - {str(start)} == set()
    assert {name for name in listed if not (FIRMWARE / name).is_file()} == set()


def test_the_map_in_the_readme_names_every_module():
    told = (FIRMWARE / "README.md").read_text()
    names = {path.stem for path in FIRMWARE.glob("*.py")} - {"__init__"}
    assert {name for name in names if f"`{name}`" not in told} == set()
