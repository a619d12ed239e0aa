"""A file of the configuration is read as it is written, or refused by file and line, before Snakemake reads it."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from unit.study.configs import ROOT

from chaosliver.base.errors import InputError
from chaosliver.study.configfiles import check_call, check_command, configfiles_of, read_file

# Nine values in nine lists in ... : 9 ** 9 values in 600 bytes.
LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]\n" for level in range(1, 9)
)
# The same of keys: Snakemake, which merges mappings key by key, would not end.
LAUGHING_KEYS = "a0: &a0 {x: 1}\n" + "".join(
    f"a{level}: &a{level} {{{', '.join(f'k{key}: *a{level - 1}' for key in range(9))}}}\n" for level in range(1, 12)
)
WRONG = {
    "a key twice": (
        "results: a\nstudy: [b]\nresults: c\n",
        r"line 3: the key results stands there twice .*in line 1\)",
    ),
    "an inner key twice": (
        "baseline:\n  recipe:\n    epochs: 1\n    loss: bce\n    epochs: 3\n",
        r"line 5: the key baseline\.recipe\.epochs stands there twice \(first in line 3\)\. Keep one",
    ),
    "a key twice in braces": (
        "training: {threads: 1, threads: 2}\n",
        r"line 1: the key training\.threads stands there",
    ),
    "a key twice in an alias": ("a: &a {x: 1, x: 2}\nb: *a\n", r"line 1: the key a\.x stands there twice"),
    "a key twice in JSON": (
        '{\n\t"a": {"b": 1, "b": 2}\n}',
        r"the key b stands twice in one object\. Keep one of them",
    ),
    "a tab": ("baseline:\n\tseeds: [1]\n", r"line 2, column 1: has a tab, where YAML takes spaces alone\. Indent by"),
    "a tab after spaces": ("baseline:\n  a: 1\n  \tb: 1\n", r"line 3, column 3: has a tab, where YAML takes spaces"),
    "an open bracket": ("study: [a, b\nx: 3\n", r"line 1, column 8: has a bracket that opens here and does not close"),
    "an open quote": ('results: "x\nstudy: [a]\n', r"line 1, column 10: has a quote that opens here and does not"),
    "a second colon": ("results: a: b\n", r"line 1, column 11: has a second colon"),
    "a line out of line": ("a:\n    b: 1\n  c: 2\n", r"line 3, column 3: has something out of line\. Indent alike"),
    "a key without a colon": ("study:\n  - a\n  b\n  c: 1\n", r"line 4, column 3: has a key without a colon"),
    "no YAML": ("a: 1\nb: @x\n", r"line 2, column 4: has something that is no YAML\. Compare the line"),
    "an alias of nothing": ("a: *b\n", r"line 1, column 4: has a name after \* that no & gives"),
    "two documents": ("a: 1\n---\nb: 2\n", r"line 2, column 1: has a second document after ---\. Keep one"),
    "a control character": ("a: 1\nb: \x07\n", r"line 2: has a character that YAML does not allow\. Delete it"),
    "another encoding": ("a: 1\nname: Größe\n".encode("latin-1"), r"line 2: holds a letter that is not UTF-8\. Save"),
    "UTF-16": ("a: 1\n".encode("utf-16"), r"line 1: holds a letter that is not UTF-8"),
    "an empty file": ("", r"is empty\. Write at least one key and its value"),
    "only comments": ("# later\n", r"is empty\. Write at least one key"),
    "a list": ("- a\n- b\n", r"holds no keys at its top level\. Write at least one key"),
    "a text": ("results\n", r"holds no keys at its top level"),
    "a JSON list": ("[1]", r"holds no keys at its top level"),
    "a date": ("a: 1\npatients: 2020-01-01\n", r"line 2: patients: YAML takes 2020-01-01 for a date\. Put it between"),
    "an octal patient as a key": (
        "accept_findings: {010: [mask-order]}\n",
        r"line 1: accept_findings\.010: YAML takes 010 for an octal number",
    ),
    "an octal patient": (
        "splits: {a: {test: ['1', 010]}}\n",
        r"line 1: splits\.a\.test\.1: YAML takes 010 for an octal",
    ),
    "a number to the base of 60": ("a: 1:30\n", r"line 1: a: YAML takes 1:30 for a number to the base of 60"),
    "a number as a key": (
        "experiments:\n  010: {}\n",
        r"line 2: the key experiments\.010 is not text to YAML\. Put it",
    ),
    "yes as a key": ("yes: 1\n", r"line 1: the key yes is not text to YAML"),
    "a list as a key": ("a:\n  ? [b]\n  : 1\n", r"line 2: the key a is not text to YAML"),
    "no number": ("a: [1, .nan]\n", r"line 1: a\.1: \.nan is no finite number\. Write one"),
    "infinity": ("a: {b: -.INF}\n", r"line 1: a\.b: -\.INF is no finite number"),
    "a number beyond all": ("a: 1.0e+400\n", r"line 1: a: 1\.0e\+400 is no finite number"),
    "NaN in JSON": ('{"a": NaN}', r"NaN is no finite number\. Write one"),
    "a number of 5000 digits": (f"a: {'9' * 5000}\n", r"line 1: a: a number of 5000 digits is more than any setting"),
    "a billion laughs": (LAUGHS, r"line 5: aliases \(\*name\) grow to more than 50000 values\. Write the values out"),
    "a billion keys": (LAUGHING_KEYS, r"line \d: aliases \(\*name\) grow to more than 50000 values"),
    "an alias in itself": ("a: &a [*a]\n", r"line 1: aliases \(\*name\) grow"),
    "200 levels": (f"a: {'[' * 200}{']' * 200}\n", r"line 1: nests deeper than 50 levels"),
    "100,000 levels": ("[" * 100_000, r"nests deeper than 50 levels"),
    "100,000 levels of keys": ("{a: " * 100_000, r"line 1: nests deeper than 50 levels"),
    "a large file": ("#" * 1_000_001, r"is larger than 1 MB and no configuration"),
    "an object of Python": (
        'a: !!python/object/apply:os.system ["touch planted"]\n',
        r"line 1: a: the type .*os\.system",
    ),
    "a tag of one's own": ("a: !mine 3\n", r"line 1: a: the type !mine has no place in a configuration"),
    "a template that runs code": (
        "__use_yte__: true\n__definitions__:\n  - open('planted', 'w')\n",
        r"__use_yte__ would run code that the file holds\. Leave it out",
    ),
}


def write(folder, content):
    path = folder / "mine.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("wrong", WRONG)
def test_what_yaml_would_settle_in_silence_or_stumble_over_is_refused_with_file_and_line(tmp_path, monkeypatch, wrong):
    monkeypatch.chdir(tmp_path)
    content, sentence = WRONG[wrong]
    path, began = write(tmp_path, content), time.process_time()
    with pytest.raises(InputError, match=rf"^{path}: (?:{sentence})"):
        read_file(path)
    assert list(tmp_path.iterdir()) == [path]
    # Not of our speed: a bomb would take hours.
    assert time.process_time() - began < 60


@pytest.mark.parametrize("kind", ["missing", "folder", "endless"])
def test_what_is_no_file_is_refused_with_what_to_do(tmp_path, kind):
    path = {"missing": tmp_path / "no.yaml", "folder": tmp_path, "endless": Path("/dev/zero")}[kind]
    cause = "no such file" if kind == "missing" else "is no file"
    with pytest.raises(InputError, match=rf"^{path}: {cause}\. Correct the name after --configfile; if it is a target"):
        read_file(path)


def test_every_configuration_of_the_repository_is_read_as_yaml_reads_it():
    for path in (ROOT / "config").glob("*.yaml"):
        assert read_file(path) == yaml.safe_load(path.read_text())


def test_a_byte_order_mark_an_alias_a_merge_and_json_with_tabs_are_read(tmp_path):
    assert read_file(write(tmp_path, "\ufeffresults: x\n")) == {"results": "x"}
    text = "a: &a {x: 1, y: [0.5, 1e-4, -3, 0, null, true]}\nb: *a\nc: {<<: *a, x: 2}\n'010': '2020-01-01'\n"
    inner = [0.5, "1e-4", -3, 0, None, True]
    assert read_file(write(tmp_path, text)) == {
        "a": {"x": 1, "y": inner},
        "b": {"x": 1, "y": inner},
        "c": {"x": 2, "y": inner},
        "010": "2020-01-01",
    }
    assert read_file(write(tmp_path, '{\n\t"a": [1, 2.5]\n}')) == {"a": [1, 2.5]}


def test_a_patient_may_be_a_number_where_findings_are_accepted(tmp_path):
    (tmp_path / "a.yaml").write_text("accept_findings:\n  3: [mask-order]\n  '5': [liver-order]\n")
    assert read_file(tmp_path / "a.yaml") == {"accept_findings": {3: ["mask-order"], "5": ["liver-order"]}}


def test_the_files_and_settings_of_a_call_are_those_that_snakemake_takes():
    call = ["-n", "--configfile", "a.yaml", "b.yaml", "--cores", "2", "--config", "x=1", "y=", "--configfiles=c.yaml"]
    call += ["-C", "z=3", "--", "all", "b=4"]
    assert configfiles_of(call) == ([Path("a.yaml"), Path("b.yaml"), Path("c.yaml")], ["x=1", "y=", "z=3"])
    assert configfiles_of(["all"]) == ([], [])


@pytest.mark.parametrize("setting", ["study", "recipe.epochs=3", "1=2"])
def test_a_setting_that_is_no_key_and_value_is_refused_with_what_to_do(tmp_path, monkeypatch, setting):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=rf"^--config {setting}: is not KEY=VALUE .*--configfile FILE"):
        check_command(["--config", "results=x", setting])
    check_command(["--config", "results=x", "exam="])


def test_the_workflows_own_file_is_checked_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_call([])
    (tmp_path / "config").mkdir()
    (tmp_path / "config/config.yaml").write_text("a: 1\na: 2\n")
    with pytest.raises(SystemExit, match=r"^config/config\.yaml: line 2: the key a stands there twice"):
        check_call([])


def snakemake(*arguments):
    command = [sys.executable, "-m", "snakemake", "-n", "--cores", "1", *arguments]
    # A dry run writes to stdout, and what ends it before that to stderr.
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    done = subprocess.run(command, cwd=ROOT, text=True, timeout=120, check=False, **pipes)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout
    return done.stdout.splitlines()


@pytest.mark.parametrize("wrong", ["missing", "a billion keys"])
def test_snakemake_ends_with_the_sentence_alone(tmp_path, wrong):
    path = tmp_path / "none.yaml" if wrong == "missing" else write(tmp_path, WRONG[wrong][0])
    *_, last = snakemake("--configfile", str(path))
    with pytest.raises(InputError) as refused:
        read_file(path)
    assert last == str(refused.value)


def test_a_wrong_value_is_the_last_line_that_snakemake_shows(tmp_path):
    lines = snakemake("--configfile", str(write(tmp_path, "training: {threads: 0}\n")))
    assert lines[-1] == "  config key training.threads: 0 is less than the minimum of 1"


def test_without_the_default_profile_the_snakefile_still_refuses_a_key_that_stands_twice(tmp_path):
    path = write(tmp_path, "training: {threads: 1, threads: 2}\n")
    *_, last = snakemake("--workflow-profile", "none", "--configfile", str(path))
    assert last == f"{path}: line 1: the key training.threads stands there twice (first in line 1). Keep one of them"
