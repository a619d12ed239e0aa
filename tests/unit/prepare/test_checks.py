"""One finding per kind of fault, with the slice that it names; none on either side of each limit."""

import numpy as np
import pytest

from chaosliver.base.volumes import VolumeId
from chaosliver.prepare.checks import check_grids, check_masks, check_phases, check_places

T1, T2 = VolumeId("t1_in_phase", "7"), VolumeId("t2_spir", "7")
FOLDER, GROUND = "T2SPIR/DICOM_anon", "T2SPIR/Ground"


def flags(findings):
    """Severity, flag and file of each finding, all of them of the volume T2."""
    found = list(findings)
    for finding in found:
        assert (finding.patient, finding.sequence) == ("7", "t2_spir")
        assert finding.message.startswith(f"{finding.file}: ")
    return [(finding.severity, finding.flag, finding.file) for finding in found]


@pytest.fixture
def at(make_image):
    """Slices IMG-1, IMG-2 ... at places in mm."""
    return lambda *places: [make_image(f"IMG-{number}", place) for number, place in enumerate(places, start=1)]


def test_slices_at_equal_distances_have_no_finding_up_to_half_a_distance_more(at):
    assert flags(check_places(T2, at(-8.5, 0.5, 9.5, 18.5))) == []
    assert flags(check_places(T2, at(0, 10, 20, 35, 45, 55))) == []


def test_a_gap_is_a_warning_at_the_slice_above_it_that_says_how_many_slices_are_missing(at):
    images = at(0, 10, 20, 35.5, 45.5, 55.5, 85.5)
    findings = list(check_places(T2, images))
    assert flags(findings) == [("warning", "gap", images[3].file), ("warning", "gap", images[6].file)]
    for words in ("IMG-3 and IMG-4", "15.5 mm", "usual distance is 10 mm", "1 slice missing"):
        assert words in findings[0].message
    for words in ("IMG-6 and IMG-7", "30 mm", "2 slices missing"):
        assert words in findings[1].message


def test_slices_no_further_apart_than_a_tenth_of_the_usual_distance_share_a_place(at):
    images = at(0, 10, 20, 21, 31, 41)
    findings = list(check_places(T2, images))
    assert flags(findings) == [("error", "same-position", images[3].file)]
    assert "same place as IMG-3" in findings[0].message
    assert flags(check_places(T2, at(0, 10, 20, 21.5, 31.5, 41.5))) == []


def test_slices_all_at_one_place_are_errors(at):
    assert flags(check_places(T2, at(5, 5, 5))) == [
        ("error", "same-position", f"{FOLDER}/IMG-2.dcm"),
        ("error", "same-position", f"{FOLDER}/IMG-3.dcm"),
    ]


def test_slices_of_which_most_share_a_place_are_errors(at):
    assert flags(check_places(T2, at(5, 5, 5, 14))) == [
        ("error", "same-position", f"{FOLDER}/IMG-2.dcm"),
        ("error", "same-position", f"{FOLDER}/IMG-3.dcm"),
    ]


def test_a_single_slice_is_an_error(at):
    assert flags(check_places(T2, at(5))) == [("error", "one-slice", f"{FOLDER}/IMG-1.dcm")]


def named(make_image, *stems):
    """Slices of these stems 9 mm apart, from the lowest to the highest."""
    return [make_image(stem, 9.0 * number) for number, stem in enumerate(stems)]


def test_names_may_rise_or_fall_with_the_places(make_image):
    assert flags(check_places(T2, named(make_image, "a", "b", "c", "d"))) == []
    assert flags(check_places(T2, named(make_image, "d", "c", "b", "a"))) == []


@pytest.mark.parametrize(
    ("stems", "apart"),
    [
        # Mostly rising, mostly falling, and as often one as the other.
        (("a", "c", "b", "d", "e"), "b, c"),
        (("e", "d", "b", "c", "a"), "b, c"),
        (("b", "c", "a"), "a, b, c"),
        # Two of five steps rise.
        (("e", "f", "d", "b", "a", "c"), "a, b, c, e, f"),
        (("b", "a", "d", "c", "f", "e", "h", "g"), "a, b, c, d, e, f and 2 more"),
    ],
)
def test_names_that_neither_rise_nor_fall_with_the_places_are_a_warning(make_image, stems, apart):
    findings = list(check_places(T2, named(make_image, *stems)))
    assert flags(findings) == [("warning", "name-order", f"{FOLDER}/{apart[0]}.dcm")]
    assert f" {apart} lie elsewhere" in findings[0].message


def test_two_slices_at_one_place_do_not_disturb_the_order(make_image, at):
    assert flags(check_places(T2, at(0, 0, 9, 18))) == [("error", "same-position", f"{FOLDER}/IMG-2.dcm")]
    falling = [make_image(stem, place) for stem, place in {"c": 0, "d": 0, "b": 9, "a": 18}.items()]
    assert flags(check_places(T2, falling)) == [("error", "same-position", f"{FOLDER}/d.dcm")]


def test_one_grid_is_no_finding_whatever_its_last_digits(make_image):
    images = [make_image(spacing=(1.5, 2.25)), make_image(spacing=(1.5004, 2.2496))]
    assert flags(check_grids(T2, images)) == []


@pytest.mark.parametrize(
    "other",
    [
        {"spacing": (2.25, 1.5)},
        {"spacing": (1.5006, 2.25)},
        {"pixels": np.zeros((3, 2))},
        {"orientation": (0, 1, 0, 1, 0, 0)},
    ],
)
def test_another_grid_is_an_error_at_the_first_of_its_slices(make_image, other):
    images = [
        make_image("IMG-1", **other),
        *(make_image(f"IMG-{number}") for number in (2, 3, 4)),
        make_image("IMG-5", **other),
    ]
    findings = list(check_grids(T2, images))
    assert flags(findings) == [("error", "mixed-grid", f"{FOLDER}/IMG-1.dcm")]
    first = images[0].slice
    for words in (" x ".join(map(str, first.pixels.shape)), f"{first.spacing}", "IMG-2 (2 x 3, (1.5, 2.25) mm)"):
        assert words in findings[0].message


def test_each_further_grid_is_an_error_of_its_own(make_image):
    images = [make_image(f"IMG-{n}", spacing=(length, 2)) for n, length in enumerate((1, 1, 3, 4))]
    assert [file for _, _, file in flags(check_grids(T2, images))] == [f"{FOLDER}/IMG-2.dcm", f"{FOLDER}/IMG-3.dcm"]
    # Of two alone the first is the usual one.
    assert [file for _, _, file in flags(check_grids(T2, images[1:3]))] == [f"{FOLDER}/IMG-2.dcm"]


def phases(make_image, *times):
    """Both phases, 9 mm apart, with pairs of echo times."""
    both = [
        [make_image(f"{name}{n}", 9.0 * n, echo_time=pair[side]) for n, pair in enumerate(times)]
        for side, name in enumerate(("in", "out"))
    ]
    return check_phases(T2, *both)


def test_in_phase_is_the_longer_echo_time(make_image):
    assert flags(phases(make_image, (4.6, 2.3), (4.6, 2.3))) == []


def test_swapped_phases_are_one_error_that_counts_the_slices(make_image):
    findings = list(phases(make_image, (4.6, 2.3), (2.3, 4.6), (3, 3)))
    assert flags(findings) == [("error", "phases-swapped", f"{FOLDER}/in1.dcm")]
    for words in ("its echo time is 2.3 ms", f"{FOLDER}/out1.dcm is 4.6 ms", "2 slices"):
        assert words in findings[0].message


def test_a_missing_echo_time_is_an_error_at_the_slice_that_lacks_it(make_image):
    findings = list(phases(make_image, (None, 2.3), (4.6, None), (2.3, 4.6)))
    assert "lacks EchoTime" in findings[0].message and "lacks EchoTime" in findings[1].message
    assert flags(findings) == [
        ("error", "no-echo-time", f"{FOLDER}/in0.dcm"),
        ("error", "no-echo-time", f"{FOLDER}/out1.dcm"),
        ("error", "phases-swapped", f"{FOLDER}/in2.dcm"),
    ]


def test_phases_at_other_places_are_not_compared(make_image):
    in_phase = [make_image("a", 0, echo_time=1), make_image("b", 9, echo_time=1)]
    assert flags(check_phases(T2, in_phase, [make_image("c", 4)])) == []


LIVER = [[0, 63, 0], [0, 0, 0]]


def test_masks_of_known_grey_levels_that_differ_are_no_finding(make_image):
    masks = [LIVER, [[55, 70, 110], [135, 175, 200]], [[240, 255, 0], [0, 0, 0]], [[0, 0, 0], [0, 0, 0]]]
    images = [make_image(f"IMG-{number}", mask=mask) for number, mask in enumerate(masks)]
    assert flags(check_masks(T2, [*images, make_image("IMG-9")])) == []


def test_unknown_grey_levels_are_an_error_of_each_mask_that_has_some(make_image):
    images = [
        make_image("IMG-1", mask=LIVER),
        make_image("IMG-9"),
        make_image("IMG-2", mask=[[54, 71, 63], [54, 0, 1]]),
        make_image("IMG-3", mask=[[0, 63, 63], [201, 0, 0]]),
    ]
    findings = list(check_masks(T2, images))
    assert flags(findings) == [
        ("error", "grey-levels", f"{GROUND}/IMG-2.png"),
        ("error", "grey-levels", f"{GROUND}/IMG-3.png"),
    ]
    assert "ranges: 1, 54, 71 (known: 0, liver 55-70, right kidney 110-135, left kidney" in findings[0].message
    assert "ranges: 201 (" in findings[1].message


def test_masks_that_occur_more_than_once_are_one_error_that_names_all_groups(make_image):
    other = [[63, 0, 0], [0, 0, 126]]
    masks = {"a": LIVER, "b": other, "c": LIVER, "d": [[0, 63, 63], [0, 0, 0]], "e": other, "f": LIVER}
    findings = list(check_masks(T2, [make_image(stem, mask=mask) for stem, mask in masks.items()]))
    assert flags(findings) == [("error", "identical-masks", f"{GROUND}/c.png")]
    assert findings[0].message.endswith(": a = c = f, b = e")


@pytest.mark.parametrize(
    ("order", "severity", "file"),
    [
        # Pairs side by side, as resampling along z makes them.
        ("aabcc", "warning", "1"),
        ("aaab", "error", "1"),
        ("aabcb", "error", "4"),
    ],
)
def test_two_slices_side_by_side_may_share_a_mask(make_image, order, severity, file):
    masks = {"a": LIVER, "b": [[63, 0, 0], [0, 0, 126]], "c": [[0, 63, 63], [0, 0, 0]]}
    images = [make_image(str(number), 9.0 * number, mask=masks[name]) for number, name in enumerate(order)]
    assert flags(check_masks(T2, images)) == [(severity, "identical-masks", f"{GROUND}/{file}.png")]


def test_one_mask_in_every_slice_is_an_error_that_names_the_first_few(make_image):
    found = list(check_masks(T2, [make_image(str(number), 9.0 * number, mask=LIVER) for number in range(30)]))
    assert flags(found) == [("error", "identical-masks", f"{GROUND}/1.png")]
    assert found[0].message.endswith("different slices: 0 = 1 = 2 = 3 = 4 = 5 and 24 more")


def test_empty_masks_are_alike_without_a_finding(make_image):
    empty = [[0, 0, 0], [0, 0, 0]]
    images = [make_image(stem, mask=mask) for stem, mask in {"a": LIVER, "b": empty, "c": empty}.items()]
    assert flags(check_masks(T2, images)) == []


@pytest.mark.parametrize("level", [0, 54, 71, 126, 189, 252])
def test_masks_without_any_liver_are_an_error(make_image, level):
    images = [make_image("a", mask=[[0, 0, level], [0, 0, 0]]), make_image("b", mask=[[level, 0, 0], [0, 0, 0]])]
    findings = list(check_masks(T2, images))
    found = flags(findings)
    assert "grey levels 55-70" in findings[-1].message
    assert found[-1] == ("error", "no-liver", GROUND)
    assert (len(found) == 1) == (level not in (54, 71))


@pytest.mark.parametrize("level", [55, 70])
def test_a_single_pixel_of_liver_in_one_slice_will_do(make_image, level):
    images = [make_image("a", mask=[[0, 0, 126], [0, 0, 0]]), make_image("b", mask=[[0, 0, 0], [level, 0, 0]])]
    assert flags(check_masks(T2, [*images, make_image("c", mask=[[0, 0, 252], [0, 0, 0]])])) == []


def test_without_masks_there_is_no_finding(make_image):
    assert flags(check_masks(T2, [make_image("a"), make_image("b")])) == []
