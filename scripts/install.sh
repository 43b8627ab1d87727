#!/usr/bin/env bash
# Make .venv hold exactly what constraints.txt says, with this checkout as `divisi` and `helpers`.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}

version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || {
    echo "There is no '$python' here; install Python 3.10 to 3.13 or name one: make PYTHON=python3.12" >&2
    exit 1
}
case $version in
    3.10 | 3.11 | 3.12 | 3.13) ;;
    *)
        echo "'$python' is Python $version and Divisi runs on 3.10 to 3.13; name one: make PYTHON=python3.12" >&2
        exit 1
        ;;
esac

scripts/apt.sh $(cat apt.txt)
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    scripts/apt.sh "python$version-venv"
fi

if [ "$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)" != "$version" ]; then
    "$python" -m venv --clear .venv
fi
.venv/bin/python -m pip install --quiet --disable-pip-version-check \
    "$(grep '^uv==' constraints.txt)"
echo "Installing Python packages into .venv (the first time 5 GB, most of it torch)"
.venv/bin/uv pip install --quiet --python .venv/bin/python \
    -r requirements.txt -r requirements-nussl.txt -r requirements-dev.txt -c constraints.txt
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps nussl==1.1.9
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps -e .
# Chapters, tests and experiments import `helpers` from this checkout, wherever they run.
pwd > "$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/divisi-checkout.pth"
touch .venv/installed
