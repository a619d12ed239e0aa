"""Recording a module that is no network of ours: its file answers as it does, on another size; another's does not."""

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from chaosliver.network.recording import INPUTS, answers_as, record


class Scaled(nn.Module):
    """Probability: grey times the distance of columns, over 10,000; mask: where that is above `threshold`."""

    def __init__(self, threshold):
        super().__init__()
        self.threshold = threshold

    def forward(self, greys, spacing_mm, positions_mm):
        probability = greys * spacing_mm[1] / 10_000 + 0 * positions_mm[:, None, None]
        return (probability > self.threshold).to(torch.uint8), probability


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("recorded") / "scaled.onnx"
    record(Scaled(0.05)).save(path, external_data=False)
    return path


def test_a_volume_of_another_size_is_answered_by_name(file):
    greys = np.array([[[100, 300]] * 9] * 3, np.float32)
    volume = (greys, np.float32([9, 2.5]), np.float32([0, 5, 12]))
    session = onnxruntime.InferenceSession(file)
    assert [each.name for each in session.get_outputs()] == ["mask", "probability"]
    mask, probability = session.run(None, dict(zip(INPUTS, volume, strict=True)))
    assert probability[2, 8] == pytest.approx([0.025, 0.075]) and mask[0, 0].tolist() == [0, 1]


def test_another_modules_answer_is_told_apart(file):
    assert answers_as(Scaled(0.05), file)
    other = Scaled(0.05)
    other.forward = lambda greys, spacing_mm, positions_mm: (greys, greys / 10_000)
    assert not answers_as(other, file)
