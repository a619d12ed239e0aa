"""Fetching a file of a package of npm, checked by the package's SHA-512."""

import hashlib
import subprocess
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from ..base.errors import InputError
from ..base.files import write_atomically

SECONDS = 300
NPM = ("npm", "pack", "--ignore-scripts", "--prefer-offline", "--fetch-retries=1", "--fetch-timeout=60000")


def fetch_package_file(*, package: str, sha512: str, member: str, file: Path) -> None:
    """Let npm fetch `package` (name@version), and keep its `member` as `file`.

    Raises InputError where npm is not installed, cannot fetch it, or fetches another content.
    """
    with TemporaryDirectory() as folder:
        packed = _fetch(package, Path(folder))
        found = hashlib.sha512(packed.read_bytes()).hexdigest()
        if found != sha512:
            raise InputError(
                f"{package}: npm fetched a package with SHA-512 {found[:16]}..., where {sha512[:16]}... is expected. "
                "Ask where your npm takes its packages from (npm config list)"
            )
        with tarfile.open(packed) as archive:
            content = archive.extractfile(member)
            if content is None:
                raise InputError(f"{package}: {member} is no file of the package. Correct the rule's member")
            data = content.read()
    write_atomically(file, lambda partial: partial.write_bytes(data))


def _fetch(package: str, folder: Path) -> Path:
    """The package as npm packed it into an empty folder."""
    try:
        done = subprocess.run(
            [*NPM, package],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise InputError(
            f"{package}: npm, which fetches it, is not installed. Install Node.js with npm (on Debian: apt-get install "
            "npm; with conda: conda install nodejs), and run again"
        ) from None
    except subprocess.TimeoutExpired:
        raise InputError(f"{package}: npm did not fetch it within {SECONDS} seconds. Check the network") from None
    packed = list(folder.glob("*.tgz"))
    if done.returncode or len(packed) != 1:
        raise InputError(
            f"{package}: npm could not fetch it ({_reason(done.stderr)}). Check the network, or where your npm takes "
            "its packages from (npm config list); it is needed only once"
        )
    return packed[0]


def _reason(said: str) -> str:
    """The first that npm says of its failure, without the prefix, which is another since npm 10."""
    lines = [line.split(maxsplit=2) for line in said.splitlines() if line.startswith(("npm error ", "npm ERR! "))]
    return "; ".join(words[-1] for words in lines[:2]) or "it says nothing"
