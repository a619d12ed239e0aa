"""`as_published` is the original study: each step gives what the study's own scripts give, run in a temporary folder.

docs/original.md names the test of each step.
"""

import argparse
import io
import random
import re
import runpy
import zipfile
from contextlib import redirect_stdout
from pathlib import Path

import Augmentor
import cv2
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from scripts import ToTensor, load_script
from torch import nn

from chaosliver.base.columns import PLACE
from chaosliver.base.indexes import write_index
from chaosliver.base.png import read_png, write_png
from chaosliver.base.settings import from_mapping
from chaosliver.measure.scores import Volume, slice_scores
from chaosliver.network import training
from chaosliver.network.architectures.registry import build_network
from chaosliver.network.batches import load_slices
from chaosliver.network.job.predictions import predict_logits
from chaosliver.network.models import save_model
from chaosliver.network.numerics import Numerics
from chaosliver.network.recipe import Recipe
from chaosliver.prepare.augmentation import Augmentation, operations_of, perform, picture_of
from chaosliver.prepare.dicom import read_slice
from chaosliver.prepare.images import Encoding, encode_volume
from chaosliver.prepare.masks import binary_mask
from chaosliver.prepare.samples import Leaks, Sample, copies_of, list_samples
from chaosliver.study.configuration import read_schema
from chaosliver.study.experiments import resolve_experiments
from chaosliver.study.splits import Split, assign_roles

ROOT = Path(__file__).resolve().parents[2]
CONFIG = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
SCHEMA = read_schema(ROOT / "workflow/schemas/config.schema.yaml")
PUBLISHED = resolve_experiments({**CONFIG, "study": ["as_published"]}, SCHEMA)["as_published"].plain()
ENCODING = from_mapping(Encoding, CONFIG["encodings"][PUBLISHED["encoding"]])


@pytest.fixture
def script(original_study, monkeypatch, tmp_path):
    """A function that loads a script of the study, which then runs in a temporary folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plt, "show", lambda: None)
    torch.manual_seed(1)
    with plt.rc_context():
        yield lambda name: load_script(original_study, name, monkeypatch)
    # The scripts leave their figures open, and interactive mode on.
    plt.close("all")
    plt.ioff()


@pytest.fixture(scope="session")
def raw(shared_data, tmp_path_factory) -> Path:
    """Patients 1 (256 x 256) and 20 (288 x 288), T1 in phase, from the archive of real slices."""
    folder = tmp_path_factory.mktemp("raw")
    with zipfile.ZipFile(shared_data / "CHAOS_Train_Sets.zip") as archive:
        names = [name for name in archive.namelist() if re.search(r"/MR/(1|20)/T1DUAL/.*\.(dcm|png)$", name)]
        archive.extractall(folder, names)
    return folder / "Train_Sets" / "MR"


@pytest.fixture
def channels_first(monkeypatch):
    """The scripts' order in memory, in which dropout draws: this project may choose another."""
    monkeypatch.setattr(Numerics, "layout_of", lambda *_: torch.contiguous_format)


def with_weights_of(theirs: nn.Module, **shape) -> nn.Module:
    """Our network with the weights of theirs, layer by layer in the order of the forward pass."""
    ours = build_network({**PUBLISHED["network"], **shape})
    ours.load_state_dict(in_our_names(theirs))
    return ours


def in_our_names(theirs: nn.Module) -> dict[str, torch.Tensor]:
    named = {}
    for name, tensor in theirs.state_dict().items():
        level, _, rest = name.partition(".")
        kind, number = re.fullmatch(r"([a-z]+)(\d+)", level).groups()
        rest = rest.removeprefix("conv.")
        if kind == "up":
            named[f"up.{int(number) - 6}.{rest}"] = tensor
        elif number == "10":
            named[f"head.{rest}"] = tensor
        elif int(number) <= 5:
            named[f"down.{int(number) - 1}.{rest}"] = tensor
        else:
            named[f"merge.{int(number) - 6}.{rest}"] = tensor
    return named


def trained_somewhat(network: nn.Module) -> nn.Module:
    """Batch statistics, scales and shifts that are not those of a fresh network, and logits between 0 and 1."""
    draw = torch.Generator().manual_seed(3)
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            for tensor, low in ((layer.running_mean, -0.2), (layer.running_var, 0.5), (layer.weight, 0.7)):
                tensor.data.copy_(low + torch.rand(tensor.shape, generator=draw))
    head = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)][-1]
    head.weight.data.mul_(8)
    head.bias.data.fill_(0.5)
    return network


def blobs(count: int, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(5)
    images = torch.rand(count, 1, size, size, generator=draw)
    return images, (images > 0.8).float()


def test_split(script, original_study, tmp_path):
    mr = tmp_path / "CHAOS_Train_Sets/Train_Sets/MR"
    for patient in range(1, 21):
        for part in ("Ground", "DICOM_anon/InPhase"):
            folder = mr / str(patient) / "T1DUAL" / part
            folder.mkdir(parents=True)
            (folder / f"{patient}_1").touch()
    for side in ("train", "val"):
        for part in ("Data", "Ground"):
            (tmp_path / "data" / side / part).mkdir(parents=True)
    # It goes on into the patients' own folders, and ends there.
    with pytest.raises(FileNotFoundError):
        runpy.run_path(str(original_study / "split_dataset_1.py"), run_name="__main__")
    theirs = {side: len(list((tmp_path / "data" / side / "Data").iterdir())) for side in ("train", "val")}
    split = from_mapping(Split, CONFIG["splits"][PUBLISHED["split"]])
    (roles,) = assign_roles([str(patient) for patient in range(1, 21)], split)
    ours = list(roles.values())
    assert theirs == {"train": ours.count("train"), "val": ours.count("test")} == {"train": 16, "val": 4}
    assert split.validation == "held_out"


@pytest.mark.parametrize("patient", ["1", "20"])
def test_images(script, raw, tmp_path, patient):
    drawing = script("conver2png")
    # What matplotlib did by default when the study was made: the pictures that its author published have it too.
    plt.rcParams["image.interpolation"] = "nearest"
    paths = sorted((raw / patient / "T1DUAL/DICOM_anon/InPhase").glob("*.dcm"))[::4]
    ours, windows = encode_volume([read_slice(path).pixels for path in paths], ENCODING)
    for path, pixels, window in zip(paths, ours, windows, strict=True):
        drawing.dicom_2png(str(path), tmp_path / "theirs.png", 256, 256)
        theirs = np.asarray(Image.open(tmp_path / "theirs.png").convert("L"), int)
        assert pixels.shape == theirs.shape == (256, 256)
        assert np.abs(pixels - theirs).max() <= 1
        assert window == (0, 255)
        assert len(np.unique(theirs)) > 50


@pytest.mark.parametrize("patient", ["1", "20"])
def test_masks(script, raw, tmp_path, monkeypatch, patient):
    class WithItemset(np.ndarray):
        """numpy 2 took `itemset` away."""

        def itemset(self, place, value):
            self[place] = value

    imread = cv2.imread
    monkeypatch.setattr(cv2, "imread", lambda path: imread(path).view(WithItemset))
    folder = tmp_path / "Ground"
    folder.mkdir()
    grounds = sorted((raw / patient / "T1DUAL/Ground").glob("*.png"))[10:18:4]
    for path in grounds:
        (folder / path.name).write_bytes(path.read_bytes())
    script("extract_only_liver_2").extract_liver(str(folder))
    for path in grounds:
        theirs = imread(str(folder / "Liver" / path.name))
        ours = binary_mask(read_png(path), tuple(CONFIG["grey_ranges"]["liver"]))
        assert ours.any()
        assert all(np.array_equal(theirs[..., channel], ours) for channel in range(3))


def test_augmentation(script, original_study, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(Augmentor.Pipeline, "sample", lambda self, count: asked.append(count))
    draw = np.random.default_rng(1)
    grey = cv2.resize(draw.integers(0, 256, (12, 10), np.uint8), (96, 96), interpolation=cv2.INTER_CUBIC)
    mask = np.zeros((96, 96), np.uint8)
    mask[20:60, 30:80] = 255
    for part, pixels in (("Data", np.dstack([grey, grey, grey, np.full_like(grey, 255)])), ("Ground", mask)):
        (tmp_path / "data/train" / part).mkdir(parents=True)
        Image.fromarray(pixels).save(tmp_path / "data/train" / part / "a.png")
    with redirect_stdout(io.StringIO()):
        pipeline = runpy.run_path(str(original_study / "augment.py"))["p"]
    settings = from_mapping(Augmentation, CONFIG["augmentations"][PUBLISHED["augmentation"]])
    assert asked == [settings.samples] and not PUBLISHED["keep_originals"] and settings.grey_masks
    operations, altered = operations_of(settings), 0
    for seed in range(120):
        random.seed(seed)
        pipeline._execute(pipeline.augmentor_images[0], multi_threaded=False)
        state = random.getstate()
        theirs = {path.name[0] == "_": path for path in (tmp_path / "data/train/Data/output").iterdir()}
        random.seed(seed)
        image, label = perform([picture_of(grey), Image.fromarray(mask)], operations)
        # Every draw was taken alike, and nothing else was drawn.
        assert random.getstate() == state
        # As its data set reads it.
        image = image.convert("L")
        assert np.array_equal(np.asarray(image), np.asarray(Image.open(theirs[False]).convert("L")))
        assert np.array_equal(np.asarray(label), np.asarray(Image.open(theirs[True])))
        altered += not np.array_equal(np.asarray(image), grey)
        for path in theirs.values():
            path.unlink()
    # 1 - 0.15 * 0.45 * 0.65 of them are.
    assert 106 <= altered <= 119


def test_scaling_of_the_data_set(script, tmp_path):
    draw = np.random.default_rng(2)
    image, mask = draw.integers(0, 256, (2, 256, 256), np.uint8)
    for part, tree, pixels in (("Data", "png/8bit", image), ("Ground", "masks/liver", mask)):
        write_png(tmp_path / "theirs" / part / "a.png", pixels)
        folder = tmp_path / tree / "t1_in_phase/7"
        write_png(folder / "a.png", pixels)
        place = dict(zip(PLACE, (0, 255, 1.5, 1.5, 0, 256, 256), strict=True))
        write_index(folder.with_suffix(".tsv"), folder, [{"file": "a.png", **place}], PLACE)
    theirs = script("dataset").LiverDataset(str(tmp_path / "theirs"), ToTensor(), ToTensor())[0]
    samples = list_samples([tmp_path / "png/8bit/t1_in_phase/7.tsv"], [tmp_path / "masks/liver/t1_in_phase/7.tsv"])
    ((images, masks),) = load_slices(samples, from_mapping(Recipe, PUBLISHED["recipe"]), 10**9, 1).read([np.array([0])])
    assert torch.equal(theirs[0], torch.from_numpy(images[0]))
    assert torch.equal(theirs[1], torch.from_numpy(masks[0]))


def test_network_in_evaluation(script):
    theirs = trained_somewhat(script("unet").Unet(1, 1)).eval()
    ours = with_weights_of(theirs).eval()
    assert sum(tensor.numel() for tensor in ours.parameters()) == 31_042_369
    images, _ = blobs(2, 64)
    with torch.no_grad():
        expected, found = theirs(images), ours(images)
    assert expected.std() > 0.01
    assert (found - expected).abs().max() < 1e-5


def test_network_in_training_with_its_eight_dropouts(script):
    theirs = script("unet").Unet(1, 1).train()
    ours = with_weights_of(theirs).train()
    calls = {"theirs": 0, "ours": 0}

    def count(who):
        return lambda *_: calls.update({who: calls[who] + 1})

    theirs.dropout.register_forward_hook(count("theirs"))
    ours.dropout.register_forward_hook(count("ours"))
    images, _ = blobs(2, 64)
    answers = []
    for network in (theirs, ours):
        torch.manual_seed(11)
        answers.append(network(images))
    assert calls == {"theirs": 8, "ours": 8}
    assert (answers[0] - answers[1]).abs().max() < 1e-5
    assert theirs.dropout.p == PUBLISHED["network"]["dropout"] == 0.2


def test_first_weights_of_one_seed(script):
    torch.manual_seed(4)
    theirs = in_our_names(script("unet").Unet(1, 1))
    torch.manual_seed(4)
    ours = build_network(PUBLISHED["network"]).state_dict()
    assert all(torch.equal(theirs[name], tensor) for name, tensor in ours.items())


class Batches(list):
    """As much of a DataLoader as the script's loop asks for."""

    dataset = range(12)
    batch_size = 4


def test_three_adam_steps(script, tmp_path, channels_first):
    main = script("main")
    theirs = trained_somewhat(main.Unet(1, 1))
    recipe = from_mapping(Recipe, {**PUBLISHED["recipe"], "precision": "float32"})
    trainee = training.make_trainee(PUBLISHED["network"], recipe, 1, torch.device("cpu"))
    trainee.network.load_state_dict(in_our_names(theirs))
    images, masks = blobs(12, 32)
    batches = Batches(zip(images.split(4), masks.split(4), strict=True))
    for part in ("Data", "Ground"):
        write_png(tmp_path / "data/val" / part / "a.png", np.zeros((32, 32), np.uint8))
    torch.manual_seed(6)
    main.train_curve.clear()
    with redirect_stdout(io.StringIO()):
        main.train_model(theirs, nn.BCEWithLogitsLoss(), torch.optim.Adam(theirs.parameters()), batches, num_epochs=2)
    torch.manual_seed(6)
    trainee.network.train()
    losses = [training._step(trainee, *batch) for batch in batches]
    assert losses == pytest.approx(main.train_curve, abs=1e-5)
    expected = in_our_names(theirs)
    # BatchNorm takes back what a bias before it adds: its gradient is rounding alone, which Adam makes a step of.
    idle = re.compile(r"(down|merge)\.\d\.([03]\.bias|[14]\.running_mean)")
    for name, tensor in trainee.network.state_dict().items():
        assert idle.match(name) or (tensor - expected[name]).abs().max() < 1e-5, name
    with torch.no_grad():
        torch.manual_seed(7)
        answer = theirs.train()(images)
        torch.manual_seed(7)
        assert (trainee.network(images) - answer).abs().max() < 1e-4


def test_optimiser_loss_and_batches(script, tmp_path, monkeypatch):
    main, taken = script("main"), {}
    for part in ("Data", "Ground"):
        write_png(tmp_path / "data/train" / part / "a.png", np.zeros((32, 32), np.uint8))
    names = ("model", "loss", "adam", "data")
    monkeypatch.setattr(main, "train_model", lambda *given: taken.update(zip(names, given, strict=True)))
    main.train(argparse.Namespace(batch_size=4))
    recipe = PUBLISHED["recipe"]
    (group,) = taken["adam"].param_groups
    assert isinstance(taken["adam"], torch.optim.Adam) and recipe["optimiser"] == "adam"
    assert group["lr"] == recipe["learning_rate"] == 0.001
    assert group["weight_decay"] == recipe["weight_decay"] == 0
    assert (recipe["schedule"], recipe["warmup_epochs"], recipe["average"]) == ("constant", 0, 0)
    assert isinstance(taken["loss"], nn.BCEWithLogitsLoss) and recipe["loss"] == "bce"
    assert taken["loss"].reduction == "mean"
    assert taken["data"].batch_size == recipe["batch_size"]


class Recorder(nn.Module):
    """Whether it was in training mode in each step, and its weight after it."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(1, 1, 1)
        self.modes = []

    def forward(self, images):
        if torch.is_grad_enabled():
            self.modes.append(self.training)
        return self.layer(images)


def test_epochs_saved_weights_and_evaluation_mode(script, tmp_path):
    main, network = script("main"), Recorder()
    (tmp_path / "model/Aug").mkdir(parents=True)
    for part in ("Data", "Ground"):
        write_png(tmp_path / "data/val" / part / "a.png", np.zeros((8, 8), np.uint8))
    weights = []

    class Adam(torch.optim.Adam):
        def step(self, *given):
            super().step(*given)
            weights.append(network.layer.weight.detach().clone())

    with redirect_stdout(io.StringIO()):
        main.train_model(network, nn.BCEWithLogitsLoss(), Adam(network.parameters()), Batches([blobs(4, 8)]))
    recipe = PUBLISHED["recipe"]
    # One batch an epoch.
    assert len(network.modes) == recipe["epochs"] == 79
    assert network.modes == [epoch == 1 or not recipe["stays_in_evaluation_mode"] for epoch in range(1, 80)]
    saved = {
        int(re.search(r"\d+", path.name).group()): torch.load(path, weights_only=True)["layer.weight"]
        for path in (tmp_path / "model/Aug").iterdir()
    }
    epochs = [*recipe["snapshots"], recipe["epochs"]]
    assert sorted(saved) == [20, 40, 60, 80] == [epoch + 1 for epoch in epochs]
    assert all(torch.equal(saved[epoch + 1], weights[epoch - 1]) for epoch in epochs)
    assert recipe["choose"] == "last"


def test_prediction(script, tmp_path, monkeypatch):
    main = script("main")
    theirs = trained_somewhat(main.Unet(1, 1)).eval()
    load = torch.load
    monkeypatch.setattr(main.torch, "load", lambda path, **_: load(path, weights_only=True))
    torch.save(theirs.state_dict(), tmp_path / "weights.pth")
    draw, rows = np.random.default_rng(8), []
    for number in range(3):
        pixels = draw.integers(0, 256, (64, 64), np.uint8)
        for folder in ("data/val/Data", "data/val/Ground", "png/8bit/t1_in_phase/7"):
            write_png(tmp_path / folder / f"{number}.png", pixels)
        rows.append({"file": f"{number}.png", **dict(zip(PLACE, (0, 255, 1, 1, number, 64, 64), strict=True))})
    index = tmp_path / "png/8bit/t1_in_phase/7.tsv"
    write_index(index, index.with_suffix(""), rows, PLACE)
    (tmp_path / "E:\\MyDocuments\\TorchLearing\\u_net_liver_chaos_8bit\\data\\predict\\test").mkdir()
    main.test(argparse.Namespace(ckpt=str(tmp_path / "weights.pth")))
    grid = {"rows": 64, "columns": 64, "spacing_mm": None}
    recipe = {**PUBLISHED["recipe"], "grid": grid, "precision": "float32"}
    facts = {"network": PUBLISHED["network"], "recipe": recipe, "outputs": 1}
    save_model(tmp_path / "card.json", tmp_path / "w.safetensors", in_our_names(theirs), facts)
    predict_logits(
        cards=[tmp_path / "card.json"],
        weights=[tmp_path / "w.safetensors"],
        trained_as=[{}],
        images=[index],
        threads=1,
        cohort="development",
        folder=tmp_path / "logits",
        index=tmp_path / "logits.tsv",
    )
    order = main.LiverDataset("data/val").imgs
    for number, (source, _) in enumerate(order):
        expected = cv2.imread(str(next(tmp_path.glob(f"E:*/predict_{number}_o.png"))), cv2.IMREAD_GRAYSCALE)
        found = read_png(tmp_path / "logits/t1_in_phase/7" / Path(source).name)
        assert len(np.unique(expected)) > 20
        assert np.abs(found.astype(int) - expected).max() <= 1


def test_dice_of_pooled_slices(script, tmp_path):
    root = tmp_path / "E:\\MyDocuments\\TorchLearing\\u_net_liver_chaos_8bit\\data\\predict\\aug+drop_8bit\\epoch80"
    draw = np.random.default_rng(9)
    reference = np.zeros((5, 256, 256), np.uint8)
    grey = np.zeros_like(reference)
    for number in range(4):
        reference[number, 20 : 60 + 30 * number, 40:200] = 255
        grey[number] = np.clip(reference[number] * 0.6 + draw.normal(40 * number, 60, (256, 256)), 0, 255)
    # A slice without liver that is predicted all the same; the last has nothing at all.
    reference[1] = 0
    for number in range(5):
        write_png(root / f"predict_{number}_g.png", reference[number])
        write_png(root / f"predict_{number}_o.png", grey[number])
        write_png(root / f"predict_{number}_s.png", grey[number])
    printed = io.StringIO()
    with redirect_stdout(printed):
        script("main").dice_calc(None)
    theirs, mean = map(yaml.safe_load, printed.getvalue().splitlines())
    stems = [str(number) for number in range(5)]
    volume = Volume(stems, reference > 0, grey >= 128, [9.0 * n for n in range(5)], (1.5, 1.5), 9.0, grey / 255)
    ours = [row["dice"] for row in slice_scores(volume)]
    assert ours == theirs and ours[4] == 1 and len(set(ours)) == 5
    assert round(float(np.mean(ours)), 3) == mean


def test_copies_of_held_out_slices():
    """The repository has 14 of its 125 held-out images among its training images."""
    leaks = Leaks(CONFIG["splits"][PUBLISHED["split"]]["copies"], validation_slices=0, seed=1)
    assert len(set(copies_of([Sample("1", "t1_in_phase", str(n), *[None] * 9) for n in range(125)], leaks))) == 14


def test_each_step_of_the_document_names_its_test():
    text = (ROOT / "docs/original.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", text))
    assert named and named <= {name for name in globals() if name.startswith("test_")}
