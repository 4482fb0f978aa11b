# Sourced by the scripts beside it: what they need is installed, and a throw-away Postgres started.
# shellcheck shell=bash

fail() { printf '\nerror: %s\n' "$1" >&2; [ -z "${2:-}" ] || printf '\nhint: %s\n' "$2" >&2; exit 3; }

# The folder of Postgres's programs: Debian keeps them off the PATH.
find_postgres() {
  if command -v initdb >/dev/null 2>&1; then dirname "$(command -v initdb)"; return; fi
  { ls -d /usr/lib/postgresql/*/bin 2>/dev/null || true; } | sort -V | tail -1
}

have() {
  case $1 in
    postgres) [ -n "$(find_postgres)" ] ;;
    # Debian ships Python without what a virtual environment needs.
    venv) python3 -c 'import ensurepip, venv' >/dev/null 2>&1 ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
  esac
}

# need PROGRAM PACKAGE: installs Debian's package when the program is missing, or says that it is.
need() {
  have "$1" && return
  local as_root=()
  if [ "$(id -u)" != 0 ]; then as_root=(sudo -n); fi
  if command -v apt-get >/dev/null 2>&1 && { [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; }; then
    echo "installing $2" >&2
    "${as_root[@]}" apt-get update -qq >/dev/null &&
      "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$2" >/dev/null || true
  fi
  have "$1" || fail "the tests need $1" "install it with your system's package manager (Debian's package is $2) and run this again"
}

# Debian's own Rust is too old, so it is not installed here.
need_rust() {
  have cargo || fail "this needs Rust's toolchain" "CONTRIBUTING.md names the version, https://rustup.rs tells how to install it"
}

scratch=$(mktemp -d "${TMPDIR:-/tmp}/tidegate-test.XXXXXX")
chmod 755 "$scratch"
cleanup() {
  if [ -f "$scratch/pg/postmaster.pid" ]; then
    as_postgres "$postgres/pg_ctl" -D "$scratch/pg" -m immediate stop >/dev/null 2>&1 || true
  fi
  rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# Postgres refuses to run as root.
as_postgres() {
  if [ "$(id -u)" = 0 ]; then (cd / && runuser -u postgres -- "$@"); else "$@"; fi
}

start_postgres() {
  need postgres postgresql
  postgres=$(find_postgres)
  mkdir "$scratch/pg"
  [ "$(id -u)" != 0 ] || chown postgres "$scratch/pg"
  as_postgres "$postgres/initdb" -D "$scratch/pg" -A trust -U tidegate -E UTF8 --locale=C.UTF-8 >"$scratch/initdb.log" 2>&1 ||
    { cat "$scratch/initdb.log" >&2; fail "Postgres could not be set up"; }
  local port
  for _ in 1 2 3 4 5; do
    port=$((20000 + RANDOM % 20000))
    if as_postgres "$postgres/pg_ctl" -D "$scratch/pg" -w -l "$scratch/pg/log" \
      -o "-p $port -k $scratch/pg -c listen_addresses=127.0.0.1 -c max_connections=200" start >/dev/null 2>&1; then
      export TIDEGATE_TEST_POSTGRES="postgres://tidegate@127.0.0.1:$port/postgres?sslmode=disable"
      return
    fi
  done
  fail "Postgres did not start"
}
