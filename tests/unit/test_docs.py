"""The documentation names what exists: files, headings, targets of make and Snakemake, keys of the configuration."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from snakemake.cli import get_argument_parser

from chaosliver.study.configuration import read_schema

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "workflow/scripts/chaosliver"
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md")})
# In the other two such names are the library's modules.
WITH_KEYS = [page for page in PAGES if page not in (ROOT / "benchmarks/README.md", ROOT / "docs/architecture.md")]
SCHEMA = read_schema(ROOT / "workflow/schemas/config.schema.yaml")
EXPERIMENT = SCHEMA["$defs"]["experiment"]
# An experiment holds any part of the baseline, and what it is based on.
SCHEMA["properties"]["experiments"]["additionalProperties"] = {
    "properties": EXPERIMENT["properties"] | {"based_on": {"type": "string"}}
}
# Overlays that a page shows or makes.
OF_THE_READER = {"my_study.yaml", "one_thread.yaml"}
BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", flags=re.MULTILINE | re.DOTALL)


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose_of(page: Path) -> str:
    return BLOCK.sub("", text_of(page))


def blocks_of(page: Path, language: str) -> list[str]:
    return [text for _, found, text in BLOCK.findall(text_of(page)) if found == language]


def commands_of(page: Path) -> Iterator[str]:
    """The commands in a page's blocks and between its backticks, without their comments."""
    for line in "\n".join(blocks_of(page, "")).splitlines():
        yield from re.split(r"\s*(?:&&|\|)\s*", re.sub(r"\s+#.*", "", line).strip())
    # A command may go over the end of a line.
    yield from (" ".join(code.split()) for code in re.findall(r"`([^`]+)`", prose_of(page)))


def anchors_of(page: Path) -> set[str]:
    """The headings of a page as a link names them."""
    headings = re.findall(r"^#+ (.+)$", prose_of(page), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def under(schema: dict, key: str) -> list[dict]:
    """The parts of the schema that a key leads to: none where it is unknown; `*` and `<name>` stand for any key."""
    while "$ref" in schema:
        schema = SCHEMA["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    named, others = schema.get("properties", {}), schema.get("additionalProperties")
    free = [others] if isinstance(others, dict) else []
    if key.startswith(("*", "<")):
        return [*named.values(), *free]
    return [named[key]] if key in named else free


def wrong_keys(value: object, schema: dict, place: str = "") -> list[str]:
    """The keys of a configuration, or of a part of it, that the schema does not know."""
    wrong = []
    for key, inner in value.items() if isinstance(value, dict) else ():
        parts = under(schema, key)
        wrong += wrong_keys(inner, parts[0], f"{place}.{key}") if parts else [f"{place}.{key}"]
    return wrong


def rules() -> set[str]:
    files = [ROOT / "workflow/Snakefile", *(ROOT / "workflow/rules").glob("*.smk")]
    return {name for file in files for name in re.findall(r"^rule (\w+):", text_of(file), flags=re.MULTILINE)}


def make_targets() -> set[str]:
    lines = re.findall(r"^([a-z][\w -]*):(?!=)", text_of(ROOT / "Makefile"), flags=re.MULTILINE)
    return {target for line in lines for target in line.split()}


def snakemake_calls() -> Iterator[str]:
    """What follows `snakemake` in every such command."""
    for page in PAGES:
        for command in commands_of(page):
            match = re.match(r"(?:[A-Z_]+=\S+ )?(?:\.venv/bin/)?snakemake( .*)", command)
            # `...` stands for what the reader knows.
            if match and "..." not in command and not re.search(r"\b[A-Z]{3,}\b", match[1]):
                yield match[1]


def test_the_readme_has_at_most_150_lines():
    assert len(text_of(ROOT / "README.md").splitlines()) <= 150


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_or_heading_leads_somewhere(page):
    targets = re.findall(r"\]\(([^)\s]+)\)", text_of(page))
    for target in targets:
        if not re.match(r"[a-z]+:", target):
            file, _, heading = target.partition("#")
            linked = (page.parent / file).resolve() if file else page
            assert linked.exists(), target
            assert not heading or heading in anchors_of(linked), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_that_is_named_by_its_path_exists(page):
    kept = {path.name for path in ROOT.iterdir()} - {"results"}
    for code in re.findall(r"`(\w+/[\w./-]*)`", prose_of(page)):
        assert code.split("/")[0] not in kept or (ROOT / code).exists(), code
    for name in re.findall(r"`(\w+\.smk)`", prose_of(page)):
        assert (ROOT / "workflow/rules" / name).is_file(), name


def test_every_make_target_that_is_named_exists():
    named = {
        target
        for page in PAGES
        for command in commands_of(page)
        for target in re.findall(r"^make ([a-z][\w-]*)", command)
    }
    assert {"demo", "test", "setup"} <= named
    assert named <= make_targets()


def test_every_snakemake_command_has_known_options_targets_and_files():
    calls = list(snakemake_calls())
    assert len(calls) >= 8
    parser = get_argument_parser(profiles=[])
    for call in calls:
        arguments = parser.parse_args(shlex.split(call))
        assert set(arguments.targets) <= rules(), call
        assert all((ROOT / profile / "config.yaml").is_file() for profile in arguments.profile or []), call
        assert all((ROOT / file).is_file() or str(file) in OF_THE_READER for file in arguments.configfile or []), call


def test_every_key_in_a_configuration_that_is_shown_exists():
    study = yaml.safe_load((ROOT / "config/config.yaml").read_text(encoding="utf-8"))
    shown = [
        yaml.safe_load(block)
        for page in (ROOT / "README.md", ROOT / "config/README.md")
        for block in blocks_of(page, "yaml")
    ]
    assert len(shown) >= 3
    for overlay in shown:
        assert wrong_keys(overlay, SCHEMA) == []
        assert set(overlay.get("study", [])) <= set(study["experiments"]) | set(overlay.get("experiments", {}))


@pytest.mark.parametrize("page", WITH_KEYS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_key_that_is_named_with_its_place_exists(page):
    """Such as `archives.*.sha256`, or within an experiment `recipe.choose`; `prices.tsv` is a file."""
    for code in re.findall(r"`([a-z]\w*(?:\.[\w*<>]+)+)`", prose_of(page)):
        keys = code.split(".")
        parts = [whole for whole in (SCHEMA, EXPERIMENT) if keys[0] in whole["properties"]]
        if parts and keys[-1] not in {"tsv", "py", "md", "json", "yaml"}:
            for key in keys:
                parts = [part for whole in parts for part in under(whole, key)]
            assert parts, code


def keys_of(schema: dict) -> Iterator[str]:
    """All keys that a schema names, at any depth."""
    for key, part in schema.get("properties", {}).items():
        yield key
        yield from keys_of(part)


def test_each_key_of_the_schema_is_explained():
    explained = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", prose_of(ROOT / "config/README.md")))))
    keys = {key for schema in (SCHEMA, *SCHEMA["$defs"].values()) for key in keys_of(schema)}
    assert len(keys) > 60
    assert keys <= explained


@pytest.mark.parametrize("page", [page for page in PAGES if page not in WITH_KEYS], ids=lambda page: page.stem)
def test_every_name_of_the_library_exists(page):
    """Such as `network.training.train_epoch`: a package, modules within it, and what the last one defines."""
    for code in re.findall(r"`([a-z_]+(?:\.\w+)+)`", prose_of(page)):
        place, names = LIBRARY, code.split(".")
        while names and (place / names[0]).is_dir():
            place /= names.pop(0)
        if place == LIBRARY or not names or code.endswith(".smk"):
            continue
        module = place / f"{names.pop(0)}.py"
        assert module.is_file(), code
        assert all(re.search(rf"^ *(?:def|class) {name}\b", text_of(module), re.MULTILINE) for name in names), code


def test_the_library_is_listed_package_by_package_and_module_by_module():
    rows = re.findall(
        r"^\| `([a-z.]+)` \| [^|]+ \| `([a-z0-9_ ]+)` \|$", text_of(ROOT / "docs/architecture.md"), re.MULTILINE
    )
    listed = [f"{package}.{module}" for package, modules in rows for module in modules.split()]
    files = [path.relative_to(LIBRARY) for path in LIBRARY.rglob("*.py") if path.stem != "__init__"]
    assert sorted(listed) == sorted(".".join(file.with_suffix("").parts) for file in files)


def test_the_releases_agree():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    releases = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)$", text_of(ROOT / "CHANGELOG.md"), re.MULTILINE)
    assert releases[0] == (citation["version"], str(citation["date-released"]))
    assert citation["version"] == project["version"]
