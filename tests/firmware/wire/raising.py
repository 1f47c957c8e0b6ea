"""`raised` for tests that run on both interpreters and so without pytest."""


def raised(error, function, *args):
    """Call the function and return the error it raises, which must be an `error`."""
    try:
        function(*args)
    except error as e:
        return e
    raise AssertionError(f"{error.__name__} not raised")
