"""A pack is whole, or refused by the file that is not."""

import json

import pytest
from unit.exams.conftest import DESCRIBED, sign, write_pack

from chaosliver.base.errors import InputError
from chaosliver.base.files import sha256_of
from chaosliver.base.packfiles import open_pack


def test_a_pack_names_its_networks_and_its_training_slices(tmp_path):
    members = [*DESCRIBED["members"], {"card": "network1.json", "weights": "network1.safetensors"}]
    folder = write_pack(tmp_path / "pack", ["b1", "a0"], members=members)
    (folder / "network1.json").write_text("{}")
    (folder / "network1.safetensors").write_bytes(b"others")
    pack = open_pack(sign(folder))
    assert [path.name for path in pack.cards] == ["network0.json", "network1.json"]
    assert [path.name for path in pack.weights] == ["network0.safetensors", "network1.safetensors"]
    assert pack.training_slices == {"a0", "b1"} and pack.described["organ"] == "liver"
    assert pack.digest == sha256_of(folder / "SHA256SUMS")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "SHA256SUMS").unlink(), "is no pack: it has no SHA256SUMS"),
        (lambda folder: (folder / "network0.safetensors").unlink(), r"network0\.safetensors: is missing"),
        (lambda folder: (folder / "network0.safetensors").write_bytes(b"weights2"), "its content differs"),
        (lambda folder: (folder / "pack.json").write_text("{}"), r"pack\.json: its content differs"),
        (lambda folder: (folder / "SHA256SUMS").write_text("abc  ../pack.json\n"), "is no checksum and file name"),
        (lambda folder: (folder / "SHA256SUMS").write_text("abc pack.json\n"), "is no checksum and file name"),
        (lambda folder: (folder / "SHA256SUMS").write_text(""), r"does not list pack\.json"),
        (lambda folder: [(folder / "pack.json").write_text("[]"), sign(folder)], "is not the description of a pack"),
        (lambda folder: [(folder / "pack.json").write_text("{"), sign(folder)], "is not the description of a pack"),
        (
            lambda folder: [(folder / "pack.json").write_text(json.dumps(DESCRIBED | {"format": 1})), sign(folder)],
            "is a pack of format 1, and this version reads format 3",
        ),
        (
            lambda folder: [(folder / "network0.json").unlink(), sign(folder)],
            r"SHA256SUMS: does not list network0\.json",
        ),
        (lambda folder: write_pack(folder, members=[]), r"pack\.json: names no networks"),
        (lambda folder: write_pack(folder, members="ab"), r"pack\.json: names no networks"),
        (lambda folder: write_pack(folder, members=[{"card": "network0.json"}]), r"pack\.json: names no networks"),
        (
            lambda folder: write_pack(
                folder, members=[{"card": "../network0.json", "weights": "network0.safetensors"}]
            ),
            r"SHA256SUMS: does not list \.\./network0\.json",
        ),
        (lambda folder: [(folder / "pack.json").write_text('{"format": 3}'), sign(folder)], "says nothing of members"),
        (
            lambda folder: [(folder / "pack.json").write_text("[" * 100_000), sign(folder)],
            "is not the description of a",
        ),
    ],
    ids=[
        *("no checksums", "no weights", "other weights", "another description", "a path in the checksums"),
        *("one space", "empty checksums", "a list", "no JSON", "another format", "an unlisted card", "no networks"),
        *("networks in words", "no weights named", "a network outside", "no members", "deeply nested"),
    ],
)
def test_a_pack_that_is_not_whole_is_refused_with_the_file_and_a_remedy(tmp_path, damage, words):
    folder = write_pack(tmp_path / "pack")
    damage(folder)
    with pytest.raises(InputError, match=words):
        open_pack(folder)


def test_a_file_beside_the_pack_does_no_harm(tmp_path):
    folder = write_pack(tmp_path / "pack")
    (folder / ".DS_Store").write_bytes(b"x")
    assert open_pack(folder).described["experiment"] == "ours"
