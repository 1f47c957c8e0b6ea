"""What can go wrong between Capra and its database, in one place.

```
DatabaseError
├── MigrationError          a migration cannot be applied
├── UnknownQuery            no named query of that name
└── IngestError
    ├── BadRow              one row can never be stored: field, value, what was expected
    └── BusyConnection      the connection is already inside a transaction
```

Errors of the driver (`psycopg.Error`) pass through unchanged: they say best whether trying again
helps.
"""


class DatabaseError(Exception):
    """Base of everything this folder raises itself."""


class MigrationError(DatabaseError):
    """A migration cannot be applied."""


class UnknownQuery(DatabaseError):
    """No named query of that name."""

    def __init__(self, name: str, known: list[str]) -> None:
        self.name = name
        super().__init__(f"no query named {name!r}; known: {', '.join(sorted(known))}")


class RegistryError(DatabaseError, ValueError):
    """The registry of collars, animals and deployments refuses an entry."""


class IngestError(DatabaseError):
    """A batch cannot be loaded."""


class BadRow(IngestError, ValueError):
    """One row can never be stored; nothing of its batch was.

    Attributes:
        row: the row itself, so that the caller can drop the frame it came from.
        field: name of the field at fault.
        value: its value.
        expected: what would have been accepted.
    """

    def __init__(self, row: tuple[object, ...], field: str, value: object, expected: str) -> None:
        self.row = row
        self.field = field
        self.value = value
        self.expected = expected
        super().__init__(f"{type(row).__name__}.{field} = {value!r}: expected {expected}")


class BusyConnection(IngestError):
    """The connection is already inside a transaction; loading needs one of its own."""
