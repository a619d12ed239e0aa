"""Slices of another patient, series or place: by their identifiers, and by what they show."""

import numpy as np
import pytest
from scipy import ndimage

from chaosliver.base.volumes import VolumeId
from chaosliver.prepare.strangers import check_identifiers, check_strangers, find_strangers

T2 = VolumeId("t2_spir", "7")
FOLDER = "T2SPIR/DICOM_anon"
FILLED = {
    "PatientID": "SECRET",
    "PatientName": "SECRET^NAME",
    "StudyInstanceUID": "1.2",
    "SeriesInstanceUID": "1.2.3",
    "FrameOfReferenceUID": "1.2.4",
}


def identified(make_image, *identifiers):
    images = [make_image(f"IMG-{n}", 9.0 * n, identifiers=each) for n, each in enumerate(identifiers)]
    return list(check_identifiers(T2, images))


def told(findings):
    for finding in findings:
        assert finding.message.startswith(f"{finding.file}: ")
    return [(finding.severity, finding.flag, finding.file) for finding in findings]


def test_equal_or_empty_identifiers_are_no_finding(make_image):
    assert identified(make_image, FILLED, FILLED, FILLED) == []
    assert identified(make_image, {}, {}, {}) == []


def test_an_identifier_that_some_slices_leave_empty_says_nothing(make_image):
    assert identified(make_image, FILLED, {}, FILLED | {"PatientID": ""}) == []


@pytest.mark.parametrize(
    ("keyword", "flag"),
    [
        ("PatientID", "another-patient"),
        ("PatientName", "another-patient"),
        ("StudyInstanceUID", "another-study"),
        ("SeriesInstanceUID", "another-series"),
        ("FrameOfReferenceUID", "another-frame"),
    ],
)
def test_a_slice_with_another_identifier_is_an_error(make_image, keyword, flag):
    other = FILLED | {keyword: "OTHER"}
    (finding,) = identified(make_image, FILLED, other, FILLED, other, FILLED)
    assert told([finding]) == [("error", flag, f"{FOLDER}/IMG-1.dcm")]
    assert f"its {keyword} is not that of IMG-0; 2 slices so" in finding.message


def test_identifiers_themselves_are_not_told(make_image):
    (finding,) = identified(make_image, FILLED, FILLED | {"PatientID": "OTHER"}, FILLED)
    assert "SECRET" not in finding.message and "OTHER" not in finding.message


def test_another_patient_is_told_once_whatever_else_differs_and_each_one_for_itself(make_image):
    second, third = ({name: f"{n}" for name in FILLED} for n in (2, 3))
    findings = identified(make_image, second, FILLED, FILLED, third, FILLED)
    assert told(findings) == [
        ("error", "another-patient", f"{FOLDER}/IMG-0.dcm"),
        ("error", "another-patient", f"{FOLDER}/IMG-3.dcm"),
    ]
    assert "that of IMG-1; 1 slice so" in findings[0].message


SPACING = (3.0, 2.0)


def patient(seed, slices=9, shape=(60, 100)):
    """Random blobs within a body, which change from slice to slice as an anatomy does, and noise."""
    rng = np.random.default_rng(seed)
    blobs = ndimage.gaussian_filter(rng.normal(size=(slices + 8, *shape)), (2.5, 5, 7))[4:-4]
    rows, columns = np.indices(shape)
    inside = ((rows - 30) / 24) ** 2 + ((columns - 50) / 40) ** 2 < 1
    tissue = 500 + 180 * blobs / blobs.std()
    return (np.clip(tissue, 50, 1000) * inside + np.abs(rng.normal(0, 15, (slices, *shape)))).astype(np.uint16)


def places(slices, step=9.0):
    return [step * number for number in range(slices)]


def strangers(stack, at=None):
    return find_strangers(stack, at or places(len(stack)), SPACING)


@pytest.mark.parametrize("seed", range(5))
def test_a_patients_own_slices_are_alike(seed):
    assert strangers(patient(seed)) == []


@pytest.mark.parametrize("number", [pytest.param(n, id=f"slice {n}") for n in range(9)])
def test_a_slice_of_another_patient_is_found_wherever_it_lies(number):
    stack = patient(0)
    stack[number] = patient(1)[number]
    assert strangers(stack) == [number]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda stack: stack[4][:, ::-1], id="left to right"),
        pytest.param(lambda stack: stack[4][::-1], id="upside down"),
        pytest.param(lambda stack: stack[0], id="from elsewhere"),
        pytest.param(lambda stack: stack[4] // 3, id="three times darker"),
    ],
)
def test_a_slice_turned_over_misplaced_or_of_another_scale_is_found(change):
    stack = patient(0)
    stack[4] = change(stack)
    assert strangers(stack) == [4]


def straightforward(stack, number, spacing):
    """How far a slice is from the nearer neighbour by how far these are apart, with sums instead of means."""
    white = np.percentile(stack, 99.5)
    sigma = (3.0 / spacing[0], 3.0 / spacing[1])
    before, here, after = (
        ndimage.gaussian_filter(np.minimum(plane, white).astype(float), sigma)
        for plane in stack[number - 1 : number + 2]
    )
    return min(np.linalg.norm(before - here), np.linalg.norm(here - after)) / np.linalg.norm(before - after)


@pytest.mark.parametrize("spacing", [(3.0, 2.0), (0.4, 30.0), (30.0, 0.4)])
def test_the_limit_is_the_neighbours_own_difference(spacing):
    """A slice mixed of its own and another patient's, just below and just beyond the limit."""
    own, other = patient(0).astype(float), patient(1)[4].astype(float)

    def mixed(share):
        stack = own.copy()
        stack[4] = (1 - share) * own[4] + share * other
        return stack

    shares = np.linspace(0, 1, 41)
    ratios = [straightforward(mixed(share), 4, spacing) for share in shares]
    assert min(ratios) < 0.9 and max(ratios) > 1.1
    for share, ratio in zip(shares, ratios, strict=True):
        if abs(ratio - 1) > 1e-3:
            assert find_strangers(mixed(share), places(9), spacing) == ([4] if ratio > 1 else [])


def test_beside_a_gap_nothing_is_said():
    stack = patient(0)
    stack[4] = patient(1)[4]
    at = [place + (20.0 if number > 4 else 0.0) for number, place in enumerate(places(9))]
    assert strangers(stack, at) == []
    # The gap is 13.5 mm, not more than half a distance longer than usual.
    assert strangers(stack, [place + (4.5 if number > 4 else 0.0) for number, place in enumerate(places(9))]) == [4]


def test_slices_that_are_equal_and_stacks_of_two_say_nothing():
    stack = np.repeat(patient(0)[:1], 5, axis=0)
    twice = patient(0)
    twice[5] = twice[3]
    assert 4 not in strangers(twice)
    assert strangers(stack) == [] and strangers(patient(0)[:2]) == [] and strangers(np.zeros((4, 5, 6))) == []


def images_of(make_image, stack):
    return [make_image(f"IMG-{n}", 9.0 * n, pixels=plane, spacing=SPACING) for n, plane in enumerate(stack)]


def test_a_stranger_is_a_warning_that_names_its_neighbours(make_image):
    stack = patient(0)
    stack[4], stack[0] = patient(1)[4], patient(2)[0]
    findings = list(check_strangers(T2, images_of(make_image, stack)))
    assert told(findings) == [
        ("warning", "slice-against-neighbours", f"{FOLDER}/IMG-0.dcm"),
        ("warning", "slice-against-neighbours", f"{FOLDER}/IMG-4.dcm"),
    ]
    assert "unlike IMG-1 beside it" in findings[0].message and "unlike IMG-3 and IMG-5 beside" in findings[1].message


def test_blank_slices_are_passed_over(make_image):
    stack = patient(0)
    stack[8], stack[7] = 0, patient(1)[7]
    # The last slice but one is the last that is filled.
    (finding,) = check_strangers(T2, images_of(make_image, stack))
    assert finding.file == f"{FOLDER}/IMG-7.dcm" and "unlike IMG-6 beside it" in finding.message


def test_slices_on_several_grids_are_not_compared(make_image):
    images = images_of(make_image, patient(0)) + images_of(make_image, patient(1, shape=(50, 100)))
    assert list(check_strangers(T2, images)) == []
    assert list(check_strangers(T2, images_of(make_image, np.zeros((3, 4, 5))))) == []
