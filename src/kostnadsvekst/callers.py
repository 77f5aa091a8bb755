"""Whose line a warning points to: the user's, however many functions of this package lie between."""

_PACKAGE = __name__.partition(".")[0]


def level_of_caller() -> int:
    """Frames from the function that warns to the first one outside of this package.

    The ``stacklevel`` of a warning, so that it points to the user's own line however many functions of this
    package lie between.
    """
    import inspect

    frame, level = inspect.currentframe(), 0
    while frame is not None and frame.f_globals.get("__name__", "").startswith(f"{_PACKAGE}."):
        frame, level = frame.f_back, level + 1
    return level
