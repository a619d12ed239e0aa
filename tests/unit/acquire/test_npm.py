"""A package's file through a stand-in for npm: only what was expected is kept, and each failure has its sentence."""

import hashlib
import io
import os
import sys
import tarfile

import pytest

from chaosliver.acquire.npm import fetch_package_file
from chaosliver.base.errors import InputError

MEMBER = "package/dist/one.js"


@pytest.fixture
def packed(tmp_path):
    """A package as npm packs it, and its SHA-512."""
    path = tmp_path / "packed.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in ((MEMBER, b"let one = 1;"), ("package/package.json", b"{}")):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path, hashlib.sha512(path.read_bytes()).hexdigest()


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """Let a line of Python be npm; it has `sys` and `shutil`."""

    def install(line):
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "npm").write_text(f"#!{sys.executable}\nimport shutil, sys\n{line}\n")
        (folder / "npm").chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin")

    return install


def fetch(tmp_path, sha512, member=MEMBER):
    file = tmp_path / "made/one.js"
    fetch_package_file(package="@two/one@1.2.3", sha512=sha512, member=member, file=file)
    return file


def test_the_file_of_the_package_is_kept(tmp_path, npm, packed):
    npm(f"assert sys.argv[1] == 'pack' and sys.argv[-1] == '@two/one@1.2.3'; shutil.copy({str(packed[0])!r}, '.')")
    assert fetch(tmp_path, packed[1]).read_bytes() == b"let one = 1;"
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["one.js"]


def test_another_content_is_refused(tmp_path, npm, packed):
    npm(f"shutil.copy({str(packed[0])!r}, '.')")
    with pytest.raises(InputError, match=r"@two/one@1\.2\.3: npm fetched a package with SHA-512 .* is expected\. Ask"):
        fetch(tmp_path, "0" * 128)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("prefix", ["npm error", "npm ERR!"])
def test_what_npm_says_is_told(tmp_path, npm, prefix):
    said = f"npm warn old\\n{prefix} code ENOTFOUND\\n{prefix} syscall\\n{prefix} a log"
    npm(f"print('{said}', file=sys.stderr); sys.exit(1)")
    with pytest.raises(InputError, match=r"could not fetch it \(code ENOTFOUND; syscall\)\. Check the network"):
        fetch(tmp_path, "0" * 128)


def test_a_package_that_does_not_come_is_no_package(tmp_path, npm):
    npm("")
    with pytest.raises(InputError, match=r"could not fetch it \(it says nothing\)"):
        fetch(tmp_path, "0" * 128)


def test_without_npm_it_is_said_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"npm, which fetches it, is not installed\. Install Node\.js with npm"):
        fetch(tmp_path, "0" * 128)


def test_an_npm_that_hangs_is_left(tmp_path, npm, monkeypatch):
    npm("import time; time.sleep(60)")
    monkeypatch.setattr("chaosliver.acquire.npm.SECONDS", 0.5)
    with pytest.raises(InputError, match=r"did not fetch it within 0\.5 seconds"):
        fetch(tmp_path, "0" * 128)
