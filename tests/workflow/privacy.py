"""What of the results tells who made them, where, and of whom: searched in every file, also packed and encoded."""

import base64
import binascii
import gzip
import io
import re
import socket
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

# In the environment of every call of Snakemake in these tests.
PLANTED = {"USER": "planted-user", "LOGNAME": "planted-user", "HOSTNAME": "planted-host"}
# In the DICOM headers of every phantom.
PATIENT = "PHANTOM"
# Those hold paths, times and the machine's name, for whoever looks for the cause of a failure.
LOGS = ("logs", ".snakemake", "raw")


def words_of(study: Path) -> tuple[str, ...]:
    """What no result may hold: the user, the machine, the study's and the home folder, and the patients' name."""
    # A short name would be found by chance.
    machine = {name for name in (socket.gethostname(), PLANTED["HOSTNAME"]) if len(name) > 5 and name != "localhost"}
    return (*sorted(machine), PLANTED["USER"], f"{study}", f"{Path.home()}/", "pytest-of-", PATIENT)


def told(folder: Path, words: Sequence[str], left_out: Sequence[str] = LOGS) -> list[str]:
    """Each file below a folder that holds one of the words in its name or content, with the first such word."""
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and not set(name.parts) & set(left_out):
            texts = [str(name).encode(), *layers(path.read_bytes())]
            word = next((word for word in words for text in texts if word.encode() in text), None)
            found += [f"{name}: {word}"] * (word is not None)
    return found


def layers(content: bytes) -> Iterator[bytes]:
    """A file's bytes, and those that are packed or encoded in it: zip, gzip, PNG's texts, data in base64."""
    yield content
    if content.startswith(b"PK\3\4"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for info in archive.infolist():
                yield info.filename.encode()
                yield from layers(archive.read(info))
    elif content.startswith(b"\x1f\x8b"):
        yield from layers(gzip.decompress(content))
    elif content.startswith(b"\x89PNG"):
        for text in re.findall(rb"(?:zTXt|iTXt)[^\0]{1,79}\0+(.{2,4000})", content, re.DOTALL):
            try:
                yield zlib.decompressobj().decompress(text)
            except zlib.error:
                yield text
    for encoded in re.findall(rb"base64,([A-Za-z0-9+/=]{16,})", content):
        try:
            yield from layers(base64.b64decode(encoded))
        except (binascii.Error, zipfile.BadZipFile, zlib.error):
            yield encoded
