# shellcheck shell=bash
# Sourced by the other scripts: installs what is missing, or says what to install.

say() { printf '%s\n' "$*" >&2; }

# need PROGRAM PACKAGE...: installs Debian packages unless PROGRAM is there. Asks before sudo.
need() {
  local program=$1 sudo=()
  shift
  if command -v "$program" >/dev/null 2>&1; then return; fi
  if ! command -v apt-get >/dev/null 2>&1; then
    say "missing: $program; install it with your package manager, then run this again"
    exit 1
  fi
  if [ "$(id -u)" -ne 0 ]; then
    if [ ! -t 0 ] || ! command -v sudo >/dev/null 2>&1; then
      say "missing: $program; run: sudo apt-get install $*"
      exit 1
    fi
    read -r -p "$program is missing. Run sudo apt-get install $*? [Y/n] " answer
    case $answer in [nN]*) exit 1 ;; esac
    sudo=(sudo)
  fi
  say "installing $*"
  "${sudo[@]}" apt-get update --quiet --quiet || say "apt-get update failed, going on with the lists that are there"
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install --yes --quiet --quiet "$@" >/dev/null
}

need_cargo() {
  if ! command -v cargo >/dev/null 2>&1; then
    say "missing: cargo; see https://rustup.rs, then run this again"
    exit 1
  fi
  # The bundled SQLite is C.
  need cc gcc libc6-dev
}

need_redis() {
  if command -v valkey-server >/dev/null 2>&1; then return; fi
  need redis-server redis-server
}

# need_space DIRECTORY MEGABYTES: ends everything where less is free.
need_space() {
  local free
  free=$(df --output=avail --block-size=M "$1" | tail -n 1 | tr -dc 0-9)
  if [ "$free" -ge "$2" ]; then return; fi
  say "$1 has $free MB free, and $2 MB are needed: make room, then run this again"
  exit 1
}

fetch() { curl --silent --fail --location --connect-timeout 5 --speed-time 30 --speed-limit 1000 --output "$2" "$1"; }

# amd64 or arm64, as releases name it; fails elsewhere.
release_architecture() {
  case $(uname -s)-$(uname -m) in
    Linux-x86_64) echo amd64 ;;
    Linux-aarch64) echo arm64 ;;
    *) return 1 ;;
  esac
}

# fetch_release BASE ARCHIVE CHECKSUMS DIRECTORY: a file of a release, checked. Fails where it cannot be reached, and ends
# everything where it is not what its publisher made.
fetch_release() {
  local base=$1 archive=$2 checksums=$3 directory=$4
  fetch "$base/$checksums" "$directory/checksums" || return 1
  say "downloading $archive"
  fetch "$base/$archive" "$directory/$archive" || return 1
  if ! (cd "$directory" && grep " $archive\$" checksums | sha256sum --check --status); then
    say "$base/$archive does not match its checksum; not used"
    exit 1
  fi
}
