#!/usr/bin/env bash
# Resolve constraints.txt: one file for Python 3.10 to 3.13 on Linux and on Apple silicon.
# torchaudio 2.11 is its last release and works with torch 2.11, so the pair is fixed here.
set -euo pipefail
cd "$(dirname "$0")/.."
printf 'torch==2.11.0\ntorchaudio==2.11.0\n' |
    .venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.10 \
        --no-annotate --no-header --constraints - \
        requirements.txt requirements-nussl.txt requirements-dev.txt requirements-docs.txt \
        -o constraints.new
{ echo "# The exact set that the tests ran under. Written by \`make constraints\`."; cat constraints.new; } > constraints.txt
rm constraints.new
