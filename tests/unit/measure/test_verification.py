"""What was altered, anywhere in a study, is named."""

import pytest

from chaosliver.base.cards import write_card
from chaosliver.base.errors import InputError
from chaosliver.base.files import sha256_of, write_tsv
from chaosliver.base.indexes import write_index
from chaosliver.measure.verification import verify


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "png/8bit/t2_spir/1"
    folder.mkdir(parents=True)
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(name.encode())
    write_index(folder.with_suffix(".tsv"), folder, [{"file": "a.png"}, {"file": "b.png"}])
    model = tmp_path / "models/small/fold0_seed1"
    (model / "snapshots").mkdir(parents=True)
    for name in ("weights.safetensors", "snapshots/epoch2.safetensors"):
        (model / name).write_bytes(name.encode())
    snapshot = {"weights_sha256": sha256_of(model / "snapshots/epoch2.safetensors")}
    facts = {"weights_sha256": sha256_of(model / "weights.safetensors"), "snapshots": {"2": snapshot}}
    write_card(model / "card.json", facts)
    # Tables of figures lie in a folder of their own, and are no indexes.
    write_tsv(tmp_path / "dice/small/fold0_seed1.tsv", ("dice",), [{"dice": 0.5}])
    return tmp_path


def test_untouched_results_are_as_they_were_made(results, caplog):
    caplog.set_level("INFO")
    verify(results=results, origins={})
    assert "all is as it was made: 1 folders and 1 networks" in caplog.text


def test_all_that_was_altered_or_lost_is_named_at_once_with_what_to_do(results):
    (results / "png/8bit/t2_spir/1/a.png").write_bytes(b"altered")
    (results / "png/8bit/t2_spir/1/b.png").unlink()
    (results / "models/small/fold0_seed1/snapshots/epoch2.safetensors").write_bytes(b"altered")
    (results / "models/small/fold0_seed1/weights.safetensors").unlink()
    with pytest.raises(InputError) as caught:
        verify(results=results, origins={})
    lines = str(caught.value).splitlines()
    assert lines[0] == "4 file(s) are not what was made:"
    index, card = results / "png/8bit/t2_spir/1.tsv", results / "models/small/fold0_seed1/card.json"
    assert f"a.png: its content differs from what {index} lists" in lines[1]
    assert f"b.png: is missing, but {index} lists it. Make the folder anew with: rm {index}" in lines[2]
    assert f"weights.safetensors: is missing, but {card} describes it" in lines[3]
    assert f"epoch2.safetensors: is not what {card} describes. Make it anew with: rm {card}" in lines[4]


TREES = ("raw", "masks", "png", "augmented", "predictions", "logits", "triplets")


@pytest.mark.parametrize("tree", TREES)
def test_every_tree_of_indexed_folders_is_checked(tmp_path, caplog, tree):
    folder = tmp_path / tree / "some" / "fold0_seed1"
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(b"made")
    write_index(folder.with_suffix(".tsv"), folder, [{"file": "a.png"}])
    caplog.set_level("INFO")
    verify(results=tmp_path, origins={})
    assert "1 folders" in caplog.text
    (folder / "a.png").write_bytes(b"altered")
    with pytest.raises(InputError, match=r"1 file\(s\) are not what was made:\n.*a\.png"):
        verify(results=tmp_path, origins={})


def test_an_edited_card_and_another_trainings_card_are_named(results):
    card = results / "models/small/fold0_seed1/card.json"
    verify(results=results, origins={"small/fold1_seed1": {"seed": 5}, "other/fold0_seed1": {"seed": 5}})
    with pytest.raises(
        InputError, match=r"^1 file\(s\) .*\n.*card\.json: describes another training .* differs in seed"
    ):
        verify(results=results, origins={"small/fold0_seed1": {"seed": 5}})
    card.write_text(card.read_text().replace("{", '{"seed": 5,', 1))
    with pytest.raises(InputError, match=r"^1 file\(s\) .*\n.*card\.json: was altered since it was written"):
        verify(results=results, origins={"small/fold0_seed1": {"seed": 5}})
