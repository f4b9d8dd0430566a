# What bin/run, bin/test and bin/stop share: packages, Python, PostgreSQL, Redis. Sourced, never run.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
AS_ROOT=$([ "$(id -u)" = 0 ] && echo yes || true)

say() { printf '\033[2m[%3ds]\033[0m %s\n' "$SECONDS" "$*"; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

# As a given system user when we are root, as ourselves otherwise. Ambient directories may be closed to him.
as() {
  local user=$1; shift
  if [ -n "$AS_ROOT" ]; then (cd / && exec setpriv --reuid="$user" --regid="$user" --init-groups "$@"); else "$@"; fi
}

# Debian packages that are missing, installed without starting any service nor making any cluster.
packages() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
  done
  [ ${#missing[@]} = 0 ] && return 0
  [ -n "$AS_ROOT" ] || fail "Il manque des paquets, et seul root peut les installer : apt-get install ${missing[*]}"
  say "Paquets Debian : ${missing[*]}"
  mkdir -p /etc/postgresql-common
  [ -e /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf
  local policy=/usr/sbin/policy-rc.d ours=''
  [ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' > $policy; chmod +x $policy; ours=yes; }
  local done=yes
  { DEBIAN_FRONTEND=noninteractive apt-get update -qq &&
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      -o DPkg::Lock::Timeout=300 "${missing[@]}"; } > /tmp/dmp-apt.log 2>&1 || done=''
  [ -z "$ours" ] || rm -f $policy
  [ -n "$done" ] || fail "Les paquets n'ont pas pu être installés : voyez /tmp/dmp-apt.log."
}

# The first Python from 3.11 to 3.13 that this user can really run.
find_python() {
  local user=$1 candidate
  for candidate in "${PYTHON:-}" /usr/bin/python3.13 /usr/bin/python3.12 /usr/bin/python3.11 /usr/bin/python3 python3; do
    [ -n "$candidate" ] || continue
    candidate=$(command -v "$candidate") || continue
    as "$user" "$candidate" -c 'import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' \
      2>/dev/null && { echo "$candidate"; return; }
  done
  fail "Il faut Python 3.11, 3.12 ou 3.13 avec le module venv, utilisable par l'utilisateur $user."
}

# A virtual environment with exactly what the lock file names, checked by its hashes.
python_env() {
  local venv=$1 lock=$2 user=$3 stamp python
  stamp=$(sha256sum "$lock" | cut -d' ' -f1)
  grep -qs "$stamp" "$venv/.installed" && return 0
  python=$(find_python "$user")
  [ -x "$venv/bin/python" ] || "$python" -m venv "$venv" || fail "L'environnement Python n'a pas pu être créé dans $venv."
  say "Paquets Python ($("$venv/bin/python" -V))"
  "$venv/bin/pip" install -q --disable-pip-version-check --require-hashes -r "$lock" ||
    fail "Les paquets Python n'ont pas pu être installés."
  echo "$stamp" >> "$venv/.installed"
}

pg_bin() {
  local found
  found=$(find /usr/lib/postgresql -maxdepth 3 -name initdb 2>/dev/null | sort -V | tail -1)
  [ -n "$found" ] || fail "PostgreSQL 15 ou plus récent est introuvable."
  [ "$(echo "$found" | cut -d/ -f5)" -ge 15 ] || fail "Il faut PostgreSQL 15 ou plus récent."
  dirname "$found"
}

# A private cluster on a unix socket: cluster DATA SOCKETS OWNER MEMBERS… ; each member may be any dmp role.
cluster_up() {
  local data=$1 sockets=$2 durable=$3 owner member bin; shift 3
  bin=$(pg_bin)
  owner=$([ -n "$AS_ROOT" ] && echo postgres || id -un)
  mkdir -p "$data" "$sockets"; chmod 700 "$data"; chmod 755 "$sockets"
  [ -z "$AS_ROOT" ] || chown "$owner" "$data" "$sockets"
  if [ ! -s "$data/PG_VERSION" ]; then
    say "Base de données : création"
    as "$owner" "$bin/initdb" -D "$data" -U postgres --auth=peer --encoding=UTF8 --locale=C.UTF-8 \
      --locale-provider=icu --icu-locale=fr-FR --data-checksums $([ "$durable" = yes ] || echo --no-sync) > /dev/null ||
      fail "La base de données n'a pas pu être créée dans $data."
    as "$owner" sh -c "cat > '$data/pg_hba.conf'" <<< 'local all all peer map=dmp'
    { echo "dmp $owner postgres"
      for member in "$@" $([ -n "$AS_ROOT" ] || id -un); do printf "dmp $member %s\n" dmp_owner dmp_app dmp_counter; done
    } | as "$owner" sh -c "cat > '$data/pg_ident.conf'"
    { echo "listen_addresses = ''"; echo "unix_socket_directories = '$sockets'"; echo "shared_buffers = 256MB"
      echo "max_connections = 100"; echo "max_locks_per_transaction = 256"; echo "log_min_error_statement = panic"
      [ "$durable" = yes ] || printf '%s = off\n' fsync synchronous_commit full_page_writes
    } | as "$owner" sh -c "cat >> '$data/postgresql.conf'"
  fi
  as "$owner" "$bin/pg_ctl" -D "$data" -s status > /dev/null 2>&1 ||
    as "$owner" "$bin/pg_ctl" -D "$data" -l "$data/log" -s -w -t 60 start > /dev/null ||
    fail "PostgreSQL n'a pas démarré : voyez $data/log."
  as "$owner" psql -h "$sockets" -U postgres -d postgres -Atqc "select 1 from pg_roles where rolname = 'dmp_owner'" | grep -q 1 && return 0
  as "$owner" psql -h "$sockets" -U postgres -d postgres -q -v ON_ERROR_STOP=1 <<'SQL'
CREATE ROLE dmp_owner LOGIN CREATEDB;
CREATE ROLE dmp_app LOGIN;
CREATE ROLE dmp_counter LOGIN;
CREATE DATABASE dmp OWNER dmp_owner;
CREATE DATABASE dmp_keys OWNER dmp_owner;
SQL
}

cluster_down() {
  local data=$1 owner
  [ -s "$data/postmaster.pid" ] || return 0
  owner=$([ -n "$AS_ROOT" ] && echo postgres || id -un)
  as "$owner" "$(pg_bin)/pg_ctl" -D "$data" -s -m fast stop > /dev/null 2>&1 || true
}

# A private Redis on a unix socket: redis DIR SOCKET USER
redis_up() {
  local dir=$1 socket=$2 user=$3
  redis-cli -s "$socket" ping > /dev/null 2>&1 && return 0
  mkdir -p "$dir"; [ -z "$AS_ROOT" ] || chown "$user" "$dir"
  as "$user" redis-server --port 0 --unixsocket "$socket" --unixsocketperm 700 --daemonize yes --dir "$dir" \
    --save '' --appendonly yes --maxmemory-policy noeviction --logfile "$dir/log" > /dev/null
  for _ in $(seq 100); do as "$user" redis-cli -s "$socket" ping > /dev/null 2>&1 && return 0; sleep 0.05; done
  fail "Redis n'a pas démarré : voyez $dir/log."
}

redis_down() { [ -S "$1" ] && redis-cli -s "$1" shutdown > /dev/null 2>&1 || true; }
