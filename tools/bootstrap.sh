#!/usr/bin/env bash
# Brings in what the Makefile needs and what is missing here.
#
#   tools/bootstrap.sh venv   a Python >= 3.11 with venv and tkinter, and with it a whole .venv and requirements.txt
#   tools/bootstrap.sh dev    the packages for tests and checks, into the same .venv
#   tools/bootstrap.sh tools  programs of the tests: a screen without a monitor, a MariaDB server (never started here)
#
# System packages are installed as root or through a sudo that asks nothing; else the line to type is printed.
# PYTHON chooses the interpreter, for example: make PYTHON=/usr/bin/python3.12 install
set -euo pipefail
cd "$(dirname "$0")/.."
readonly VENV=.venv
readonly MARIADB=mariadb-server

say() { printf 'botbook: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

# ---------------------------------------------------------------- system packages

as_root=()

may_install() {
    command -v apt-get >/dev/null || return 1
    if [ "$(id -u)" = 0 ]; then return 0; fi
    command -v sudo >/dev/null && sudo -n true 2>/dev/null || return 1
    as_root=(sudo -n)
}

apt_line() {
    if command -v apt-get >/dev/null; then
        echo "sudo apt-get update && sudo apt-get install -y --no-install-recommends $*"
    else
        echo "the install command of your system, for what Debian calls: $*"
    fi
}

install_packages() {
    say "installing: $*"
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y)
    "${apt[@]}" update >/dev/null || say "the package lists could not be refreshed; trying with those here"
    "${apt[@]}" install --no-install-recommends "$@" >/dev/null </dev/null
}

# A database server must not start by itself on somebody's machine: Debian asks this file before starting anything.
install_without_services() {
    local policy=${POLICY_FILE:-/usr/sbin/policy-rc.d}
    if [ -e "$policy" ]; then install_packages "$@"; return; fi
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod 755 "$policy"
    local status=0
    trap "${as_root[*]} rm -f $policy" EXIT
    install_packages "$@" || status=$?
    "${as_root[@]}" rm -f "$policy"
    trap - EXIT
    return "$status"
}

# ---------------------------------------------------------------- Python

is_new() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
is_whole() { "$1" -c 'import ensurepip, tkinter, venv' 2>/dev/null; }
is_the_systems() { case "$("$1" -c 'import sys; print(sys.base_prefix)')" in /usr) true ;; *) false ;; esac; }

candidates() {
    if [ -n "${PYTHON:-}" ]; then echo "$PYTHON"; return; fi
    printf '%s\n' python3 /usr/bin/python3 python3.14 python3.13 python3.12 python3.11
}

whole_python() {
    local python
    for python in $(candidates); do
        if is_new "$python" && is_whole "$python"; then command -v "$python"; return 0; fi
    done
    return 1
}

new_python() {
    local python
    for python in /usr/bin/python3 $(candidates); do
        if [ -n "${PYTHON:-}" ] && [ "$python" != "$PYTHON" ]; then continue; fi
        if is_new "$python"; then command -v "$python"; return 0; fi
    done
    return 1
}

# Packages that give this interpreter what it lacks; nothing for one that somebody built.
packages_for() {
    is_the_systems "$1" || return 0
    local version
    version="python$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')"
    if [ "$(readlink -f /usr/bin/python3)" = "$(readlink -f "$(command -v "$1")")" ]; then version=python3; fi
    echo "$version-venv" "${version/python3.*/python3}-tk"
}

choose_python() {
    local python packages
    if whole_python; then return; fi
    if ! python=$(new_python); then
        may_install && install_packages python3 python3-venv python3-tk && whole_python && return
        fail "Python 3.11 or newer is needed${PYTHON:+ ($PYTHON is not)}. Type: $(apt_line python3 python3-venv python3-tk)" \
             "- or name one: make PYTHON=/path/to/python3 install"
    fi
    packages=$(packages_for "$python")
    [ -n "$packages" ] ||
        fail "$python lacks tkinter or venv and is not the system's own. Type: make PYTHON=/usr/bin/python3 install"
    # shellcheck disable=SC2086 # two words, two packages
    may_install && install_packages $packages && is_whole "$python" && echo "$python" && return
    fail "$python lacks tkinter or venv. Type: $(apt_line "$packages")"
}

# ---------------------------------------------------------------- the three jobs

pip_install() {
    "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
        --only-binary :all: --require-hashes -r "$@"
}

make_venv() {
    if ! "$VENV/bin/python" -m pip -V >/dev/null 2>&1 || ! "$VENV/bin/python" -c 'import tkinter' 2>/dev/null; then
        local python
        python=$(choose_python)
        [ ! -e "$VENV" ] || say "$VENV is broken; making it anew"
        rm -rf "$VENV"
        "$python" -m venv "$VENV" || { rm -rf "$VENV"; fail "$python could not make $VENV"; }
    fi
    pip_install requirements.txt
}

# The file is whole, and ccxt's own wishes are not followed (requirements-dev.override): nothing is resolved anew.
add_dev() { pip_install requirements-dev.txt --no-deps; }

add_tools() {
    local missing=()
    command -v Xvfb >/dev/null || missing+=(xvfb)
    command -v xauth >/dev/null || missing+=(xauth)
    command -v xdotool >/dev/null || missing+=(xdotool)
    [ -e /usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf ] || missing+=(fonts-dejavu-core)
    PATH="$PATH:/usr/sbin" command -v mariadbd >/dev/null || missing+=("$MARIADB")
    [ "${#missing[@]}" -gt 0 ] || return 0
    if may_install && install_without_services "${missing[@]}"; then return 0; fi
    say "missing for some tests: ${missing[*]}. Those tests are skipped. Type: $(apt_line "${missing[*]}")"
    [ -z "${BOTBOOK_CI:-}" ] || fail "nothing may be skipped here (BOTBOOK_CI is set)"
}

case "${1:-}" in
    venv) make_venv ;;
    dev) add_dev ;;
    tools) add_tools ;;
    *) fail "usage: tools/bootstrap.sh venv|dev|tools" ;;
esac
