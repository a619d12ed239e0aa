"""The original study's scripts as modules, with stand-ins for the packages that this project does not install."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import torch
from PIL import Image


class ToTensor:
    """What torchvision's class of that name does with a grey picture: float32 [1, rows, columns] from 0 to 1."""

    def __call__(self, picture):
        return torch.from_numpy(np.asarray(picture, np.float32)[None] / 255)


def transform_invert(tensor, transform):
    """The original's own tool, which its blog does not print: [1, rows, columns] from 0 to 1 as a grey picture."""
    return Image.fromarray((tensor[0].numpy() * 255).astype(np.uint8))


def img_as_float(image):
    """What skimage's function of that name does with 16 bit."""
    assert image.dtype == np.uint16
    return image / 65535


STAND_INS = {
    "torchvision": {},
    "torchvision.transforms": {
        "transforms": SimpleNamespace(ToTensor=ToTensor, Compose=lambda steps: steps[0]),
    },
    "denseunet": {"DenseUNet_65": None, "DenseUNet_167": None},
    "tools": {},
    "tools.common_tools": {"transform_invert": transform_invert},
    "skimage": {"img_as_float": img_as_float},
}


def load_script(folder: Path, name: str, monkeypatch) -> ModuleType:
    """A script of the study, imported from its folder; what it imports of its fellows is found there as well."""
    for module, members in STAND_INS.items():
        stand_in = ModuleType(module)
        vars(stand_in).update(members)
        monkeypatch.setitem(sys.modules, module, stand_in)
    for fellow in ("unet", "dataset"):
        monkeypatch.setitem(sys.modules, fellow, _imported(folder / f"{fellow}.py"))
    return _imported(folder / f"{name}.py")


def _imported(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"original_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    # The folder is read-only, and no business of Python's cache.
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
    return module
