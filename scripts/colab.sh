#!/usr/bin/env bash
# What the first cell of a notebook runs on Colab: add what is missing there, change nothing else.
# pip is held to the torch and numpy that Colab ships; if they did not fit, it would stop and say so.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/apt.sh $(cat apt.txt)
python3 -m pip list --format=freeze | grep -E '^(torch|torchaudio|torchvision|numpy|scipy|pandas)==' > /tmp/colab-keeps.txt
python3 -m pip install --quiet -r requirements.txt -r requirements-nussl.txt -c /tmp/colab-keeps.txt
python3 -m pip install --quiet --no-deps nussl==1.1.9
python3 -m pip install --quiet --no-deps -e .
