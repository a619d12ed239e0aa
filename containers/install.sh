#!/bin/sh
# The pinned packages into /opt/venv, in an image: sh install.sh [INDEX]. The index has torch for CPUs alone.
set -eu
cd "$(dirname "$0")"
python3 -m venv /opt/venv
pip() { /opt/venv/bin/python -m pip install --no-cache-dir "$@"; }
pip pip==26.3
if [ -n "${1:-}" ]; then
    pip --constraint constraints.txt --index-url "$1" torch==2.13.0
fi
pip --constraint constraints.txt --group workflow --group crate --group onnx
