"""What a volume of the abdomen can be and usually is: one table of limits, each with its reason.

What lies outside the possible is an error, since no body or scanner is so; what lies outside the usual is a warning.
docs/reliability.md shows this table, and a test compares the two.
"""

from typing import NamedTuple


class Limit(NamedTuple):
    """How small and how large a quantity can be and usually is, both ends included, in `unit`, and why."""

    quantity: str
    unit: str
    least_possible: float
    least_usual: float
    most_usual: float
    most_possible: float
    reason: str

    def possible(self, value: float) -> bool:
        """Whether a body and a scanner can have this value; NaN they cannot."""
        return self.least_possible <= value <= self.most_possible

    def usual(self, value: float) -> bool:
        """Whether the value is no surprise."""
        return self.least_usual <= value <= self.most_usual


SLICES = Limit(
    *("slices", "", 5, 8, 500, 2000),
    "CHAOS has 26 to 50, the sample's volumes 26 to 46; fewer than five show no organ as a whole",
)
PIXEL_SPACING = Limit(
    *("pixel spacing", "mm", 0.1, 0.3, 4.5, 10),
    "sample 1.25 to 2.03; 0.3 is 512 pixels over an infant; above 4.5 a kidney is a few pixels wide",
)
FIELD_OF_VIEW = Limit(
    *("field of view", "mm", 80, 200, 550, 1000),
    "sample 320 to 520; scanners offer about 500 (gehealthcare.com, Large field of view magnetic resonance imaging), "
    "a bore is 600 to 700 wide; a newborn's trunk is about 100",
)
SLICE_DISTANCE = Limit(
    *("slice distance", "mm", 0.3, 0.8, 12, 30),
    "sample 5.5 to 9; 3D sequences have 1 to 5; beyond 30 a kidney lies between two slices",
)
HEIGHT = Limit(
    *("height", "mm", 40, 60, 600, 2800),
    "sample 192 to 354; an adult's liver alone is 94 to 213 high at the midclavicular line (Kratzer 2003, 2,080 "
    "subjects); nobody is taller than 2800",
)
GREY_SPREAD = Limit(
    *("grey spread", "grey values", 8, 64, 65535, 65535),
    "from the 0.5th to the 99.5th percentile: sample 262 to 1172; below 8 only the body's outline is left",
)
BLANK_SLICES = Limit(
    *("blank slices", "%", 0, 0, 5, 25),
    "of one grey value, at the ends of a volume: the sample's T2-SPIR, which was resampled, has one of 31 to 46 "
    "(2 to 3 %), T1 none",
)
LIVER = Limit(
    *("liver volume", "mL", 50, 200, 4000, 26000),
    "sample 1103 to 3432; adults 1505 ± 385 (doi 10.1016/j.ejrad.2018.07.005); newborns 139, at 16 to 18 years 1181 "
    "(doi 10.3389/fped.2021.629645); a polycystic one had 25,700 (mp.pl, Polish Archives of Internal Medicine, "
    "article 15576)",
)
KIDNEY = Limit(
    *("kidney volume", "mL", 1, 10, 500, 10000),
    "each, and some of it may lie outside the slices: sample 111 to 293; men 202, women 154, by MRI (Cheong 2007); "
    "newborns 1.4 to 15.6 by ultrasound; a polycystic one weighed 8.7 kg (karger.com/cru/article/4/2/109)",
)
SPLEEN = Limit(
    *("spleen volume", "mL", 1, 30, 950, 13000),
    "sample 121 to 437; adults 107 to 315 (Prassopoulos 1997, 140 patients); massive from 943 (radiopaedia.org, "
    "Splenomegaly); the largest one removed weighed 12.1 kg (Successful Surgical Removal of the Largest Known Spleen)",
)
LIMITS = (
    *(SLICES, PIXEL_SPACING, FIELD_OF_VIEW, SLICE_DISTANCE, HEIGHT, GREY_SPREAD, BLANK_SLICES),
    *(LIVER, KIDNEY, SPLEEN),
)
# By the organs' names in base.anatomy.
ORGAN_LIMITS = {"liver": LIVER, "right_kidney": KIDNEY, "left_kidney": KIDNEY, "spleen": SPLEEN}
