"""Parameters are counted from the header of the weights as torch counts them."""

import pytest
import safetensors.torch
from unit.tables.examples import write_header

from chaosliver.base.errors import InputError
from chaosliver.network.architectures.registry import build_network
from chaosliver.tables.parameters import count_parameters


def test_shapes_are_multiplied_and_what_is_only_measured_is_left_out(tmp_path):
    header = {
        "__metadata__": {"format": "pt"},
        # 24 + 5 + 1, the last a scalar.
        "down.0.weight": {"dtype": "F32", "shape": [2, 3, 4], "data_offsets": [0, 96]},
        "down.0.bias": {"dtype": "F32", "shape": [5], "data_offsets": [96, 116]},
        "scale": {"dtype": "F32", "shape": [], "data_offsets": [116, 120]},
        "norm.running_mean": {"dtype": "F32", "shape": [7], "data_offsets": [120, 148]},
        "norm.running_var": {"dtype": "F32", "shape": [7], "data_offsets": [148, 176]},
        "norm.num_batches_tracked": {"dtype": "I64", "shape": [], "data_offsets": [176, 184]},
    }
    assert count_parameters(write_header(tmp_path / "weights.safetensors", header)) == 30


@pytest.mark.parametrize(
    "network",
    [{"name": "unet", "channels": 4, "depth": 3, "dropout": 0.1}, {"name": "fast", "channels": 4, "depth": 2}],
    ids=lambda network: network["name"],
)
def test_the_count_is_that_of_torch(tmp_path, network):
    built = build_network(network)
    path = tmp_path / "weights.safetensors"
    safetensors.torch.save_file(built.state_dict(), path)
    assert count_parameters(path) == sum(tensor.numel() for tensor in built.parameters())


NO_HEADERS = {
    "missing": None,
    "empty": b"",
    "three bytes": b"abc",
    "no JSON": b"\x04\0\0\0\0\0\0\0{{{{",
    "an absurd length": b"\xff" * 8 + b"{}",
    "a list": b"\x02\0\0\0\0\0\0\0[]",
    "no shape": b"\x08\0\0\0\0\0\0\0" + b'{"w":{}}',
    "a shape in words": b"\x12\0\0\0\0\0\0\0" + b'{"w":{"shape":"a"}}',
    "deeply nested": (100_000).to_bytes(8, "little") + b"[" * 100_000,
}


@pytest.mark.parametrize("content", list(NO_HEADERS.values()), ids=list(NO_HEADERS))
def test_a_file_without_a_header_is_refused_by_its_name(tmp_path, content):
    path = tmp_path / "weights.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=r"weights\.safetensors: is missing or not a file of weights"):
        count_parameters(path)
