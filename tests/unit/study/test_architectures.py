"""What a configuration may set of each network, and the sizes of image that each can halve."""

import jsonschema
import pytest

from chaosliver.study.architectures import NETWORKS, SETTINGS, input_multiple


def test_the_networks_and_their_settings():
    assert {name: network.settings for name, network in NETWORKS.items()} == {
        "unet": ("channels", "depth", "dropout"),
        "fast": ("channels", "depth"),
        "denseunet65": ("dropout",),
        "denseunet167": ("dropout",),
    }


@pytest.mark.parametrize(
    ("network", "multiple"),
    [
        ({"name": "unet", "depth": 4}, 16),
        ({"name": "unet", "depth": 2}, 4),
        ({"name": "fast", "depth": 3}, 16),
        ({"name": "fast", "depth": 1}, 4),
        ({"name": "denseunet65"}, 32),
        ({"name": "denseunet167"}, 32),
    ],
)
def test_images_are_multiples_of_two_to_the_number_of_halvings(network, multiple):
    assert input_multiple(network) == multiple


# Of each setting: what it may be, and what it may not.
LIMITS = {
    "channels": ([1, 64], [0, 1.5, "1", None]),
    "depth": ([1, 8], [0, 9, 2.5, "1"]),
    "dropout": ([0, 0.5, 0.99], [-0.1, 1, "0.1"]),
}


@pytest.mark.parametrize("setting", LIMITS)
def test_each_setting_has_its_limits(setting):
    assert set(SETTINGS) == set(LIMITS)
    valid = jsonschema.Draft202012Validator(SETTINGS[setting]).is_valid
    right, wrong = LIMITS[setting]
    assert all(map(valid, right))
    assert not any(map(valid, wrong))
