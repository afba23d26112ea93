"""The base of every error that a user can mend."""


class UmurlError(Exception):
    """A problem the user can mend: its one-line text says what, where, and the command that mends it."""
