"""A pack as one ONNX file, with everything from grey values to mask inside."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...base.errors import InputError
from ...base.files import write_atomically
from ...base.packfiles import Pack, open_pack
from ...base.settings import from_mapping
from ...prepare.images import Encoding
from ..models import load_model
from ..whole import WholeNetwork
from .predictions import common_recipe


def export_pack(*, pack: Path, model: Path) -> None:
    """Write the pack's networks as ONNX, with resampling, normalisation, threshold and largest component inside.

    Inputs and outputs are those of `WholeNetwork.forward`; the file's metadata say what it is. Raises InputError where
    the packages for ONNX are missing, the pack is not whole, or onnxruntime answers otherwise than torch.
    """
    try:
        import onnxscript  # noqa: F401

        from ..recording import answers_as, record
    except ImportError as error:
        raise InputError(f"{error.name} is not installed: pip install --group onnx") from None
    opened = open_pack(pack)
    whole = _whole_network(opened)
    program = record(whole)
    # torch notes the calls behind each step, with the folders of whoever exports it.
    nodes = [*program.model.graph.all_nodes()]
    for function in program.model.functions.values():
        nodes += function.all_nodes()
    for node in nodes:
        node.metadata_props.clear()
    program.model.metadata_props.update(_metadata(opened))

    def write(partial: Path) -> None:
        program.save(partial, external_data=False)
        if not answers_as(whole, partial):
            raise InputError(
                f"{model}: onnxruntime answers otherwise than torch. Install the pinned versions: "
                "pip install --constraint envs/constraints.txt --group onnx"
            )

    write_atomically(model, write)


def _whole_network(pack: Pack) -> WholeNetwork:
    models = [load_model(card, weights) for card, weights in zip(pack.cards, pack.weights, strict=True)]
    recipe = common_recipe(pack.cards, [facts["recipe"] for _, facts in models])
    encoding = from_mapping(Encoding, pack.described["encoding"])
    settings = {key: pack.described[key] for key in ("threshold", "largest_component")}
    whole = WholeNetwork([network for network, _ in models], recipe, encoding, **settings)
    return whole.eval()


def _metadata(pack: Pack) -> Mapping[str, str]:
    """What the file says of itself, as texts."""
    described: dict[str, Any] = pack.described
    return {
        "organ": described["organ"],
        "experiment": described["experiment"],
        "expected": json.dumps(described["expected"], sort_keys=True),
        "trained_on": f"{len(described['patients'])} patients, {described['source']}",
        "pack_sha256": pack.digest,
        "greys": "float32 [slices, rows, columns]: axial, from the feet to the head, to the back, to the left",
        "spacing_mm": "float32 [2]: distance of rows, distance of columns",
        "positions_mm": "float32 [slices]: place of each slice along the body",
    }
