"""The one kind of error that a user can put right."""


class InputError(ValueError):
    """Something the user gave is wrong. The message names the file or key, the cause and the remedy."""
