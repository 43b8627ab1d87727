#!/usr/bin/env bash
# Install the Debian packages that this machine lacks: apt.sh [--optional] PACKAGE...
# With --optional, a package that this system does not offer or allow gives a warning only.
set -euo pipefail
optional=
if [ "$1" = --optional ]; then optional=yes; shift; fi

if ! command -v dpkg >/dev/null; then
    command -v fluidsynth >/dev/null || {
        echo "FluidSynth is missing: brew install fluid-synth ffmpeg (see docs/install.md for a soundfont)" >&2
        exit 1
    }
    exit 0
fi

missing=()
for package in "$@"; do
    dpkg -s "$package" 2>/dev/null | grep -q '^Status: .* installed$' || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

give_up() {
    echo "$1" >&2
    [ -n "$optional" ] && exit 0
    exit 1
}
install=(apt-get install -y --no-install-recommends "${missing[@]}")
if [ "$(id -u)" = 0 ]; then
    root=()
elif command -v sudo >/dev/null && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
    root=(sudo)
elif command -v sudo >/dev/null; then
    give_up "System packages are missing; run: sudo ${install[*]}"
else
    give_up "System packages are missing; run: su -c '${install[*]}'"
fi

echo "Installing system packages: ${missing[*]}"
${root[@]+"${root[@]}"} apt-get update -qq || true
for package in "${missing[@]}"; do
    apt-get install -s -qq --no-install-recommends "$package" >/dev/null 2>&1 ||
        give_up "This system offers no package '$package'${optional:+; the tests that need it will be skipped}."
done
${root[@]+"${root[@]}"} env DEBIAN_FRONTEND=noninteractive "${install[@]}" -qq >/dev/null ||
    give_up "apt could not install them; to see why, run: ${root[*]:+sudo }${install[*]}"
