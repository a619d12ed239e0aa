"""The order in which people expect patients."""


def natural(patient: str) -> tuple[int, int, str]:
    """Sort key that puts patient 2 before patient 10, and names that are no numbers last."""
    return (0, int(patient), "") if patient.isdecimal() else (1, 0, patient)
