# shellcheck shell=bash
# Sourced by sglang.sh and vllm.sh. Environments and models lie in the user's cache, where all clones share them.

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/llm-service/engines
PYTHON=${PYTHON:-python3.11}
UV_VERSION=0.13.8

# What the machine trusts, for networks whose proxy signs with a certificate of its own; uv brings a list otherwise.
if [ -e /etc/ssl/certs/ca-certificates.crt ]; then export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-true}; fi

# Without .pyc files the engines' processes take minutes to start.
unset PYTHONDONTWRITEBYTECODE

if [ "$(uname -s)" != Linux ] || ! "$PYTHON" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))' 2> /dev/null; then
  echo 'The real engines need Linux and Python 3.11 with venv; install it, or name it in PYTHON.' >&2
  exit 3
fi

# key FILE...: a short hash of what these files hold
key() {
  cat "$@" | sha256sum | cut -c1-12
}

# once DIR COMMAND...: makes DIR by `COMMAND... DIR`, unless that was done before. Whoever comes meanwhile waits;
# what was begun and not finished is made anew.
once() {
  local dir=$1
  shift
  mkdir -p "$(dirname "$dir")"
  (
    flock 9
    if [ ! -e "$dir/.ready" ]; then
      rm -rf "$dir"
      "$@" "$dir" >&2
      touch "$dir/.ready"
    fi
  ) 9> "$dir.lock"
}

# retried COMMAND...: three tries, because a network breaks
retried() {
  local try
  for try in 1 2 3; do
    if "$@"; then return; fi
    echo "Try $try of 3 failed: $*" >&2
    sleep $((try * 5))
  done
  return 1
}

# new_venv DIR: an empty environment with uv in it
new_venv() {
  "$PYTHON" -m venv "$1"
  retried "$1/bin/python" -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION"
}

# pip_install VENV ARGUMENT...: installs and compiles
pip_install() {
  local venv=$1
  shift
  retried "$venv/bin/uv" pip install --quiet --compile-bytecode --python "$venv/bin/python" "$@"
}

# site_packages VENV: prints where its packages lie
site_packages() {
  "$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))'
}

# tiny_model VENV VARIANT: prints where the model lies, after making it if need be
tiny_model() {
  local maker="$HERE/python/make_tiny_model.py"
  local dir
  dir="$CACHE/models-$(key "$maker")/$2"
  once "$dir" "$1/bin/python" "$maker" --variant "$2"
  echo "$dir"
}
