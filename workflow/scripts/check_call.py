"""Check the files and settings of a call of Snakemake before Snakemake reads them: profiles/default runs this."""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    from chaosliver.study.configfiles import check_call

    check_call(sys.argv[1:])
    # The Snakefile of the call may be another clone's, with a library of its own.
    sys.path.pop(0)
    for name in [name for name in sys.modules if name.split(".")[0] == "chaosliver"]:
        del sys.modules[name]
