"""The ends of a job that are no defect of ours."""


class InputError(ValueError):
    """Something the user gave is wrong. The message names the file or key, the cause and the remedy."""


class StoppedError(RuntimeError):
    """A signal asked the job to stop. The message says what is saved and how to go on."""
