"""The name of a run: one training, or all networks of an experiment on the test cohort."""

from typing import NamedTuple

# The run in which all networks of an experiment segment the test cohort together.
TEST_COHORT = "test_cohort"
# In place of a fold's number: every development patient trains, and nobody is held out.
EVERYONE = "all"
# What a run's part of a path looks like.
RUN_PATTERN = rf"fold\d+_seed\d+|{TEST_COHORT}"


class Run(NamedTuple):
    """One training: an experiment's fold and seed."""

    experiment: str
    fold: str
    seed: str

    @classmethod
    def parse(cls, experiment: str, name: str) -> "Run":
        """The run of an experiment whose part of a path is `name`."""
        fold, seed = name.removeprefix("fold").split("_seed")
        return cls(experiment, fold, seed)

    @property
    def name(self) -> str:
        """The run's part of a path."""
        return f"fold{self.fold}_seed{self.seed}"


def labels_of(experiment: str, run: str) -> dict[str, str]:
    """The columns by which tables tell a run from others: its experiment, fold and seed."""
    return (Run(experiment, "all", "all") if run == TEST_COHORT else Run.parse(experiment, run))._asdict()
