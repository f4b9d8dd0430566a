# shellcheck shell=bash
# Where an instance lives, who runs it, how a failure is told. Sourced by the commands of bin/.
#
# As root: state in /var/lib/dmp, sockets in /run/dmp, services as the system user "dmp", PostgreSQL as
# "postgres". As anybody else: everything as that person, state beside the code, sockets in a short path.
# DMP_STATE and DMP_RUN name other places, so that several instances can live side by side.
set -euo pipefail
umask 022

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
COMMAND=${0##*/}
STEP=  # process of the step under way
LOCK=  # descriptor that holds the instance's lock; no child may keep it

say() { printf '[%3d s] %s\n' "$SECONDS" "$*"; }
have() { command -v "$1" >/dev/null; }

die() {
  printf 'bin/%s : %s\n' "$COMMAND" "$*" >&2
  exit 1
}

as_root() { ((EUID == 0)); }

short_hash() { printf %s "$1" | sha256sum | cut -c1-8; }

choose_places() {
  if as_root; then
    SERVICE_USER=dmp DATABASE_USER=postgres
    STATE=${DMP_STATE:-/var/lib/dmp}
    RUN=${DMP_RUN:-/run/dmp}
    # Another state without a place for its sockets: never those of the first instance.
    [[ -n ${DMP_RUN:-} || $STATE == /var/lib/dmp ]] || RUN=/run/dmp-$(short_hash "$STATE")
    VENV=$STATE/venv
  else
    SERVICE_USER=$(id -un) DATABASE_USER=$(id -un)
    local home=$ROOT/.state
    [[ -w $ROOT || -d $home ]] || home=${XDG_STATE_HOME:-$HOME/.local/state}/dmp
    STATE=${DMP_STATE:-$home}
    # Not XDG_RUNTIME_DIR: it vanishes when the person logs out, under a detached instance.
    RUN=${DMP_RUN:-/tmp/dmp-$EUID-$(short_hash "$STATE")}
    VENV=$ROOT/.venv
    [[ -w $ROOT || -d $VENV ]] || VENV=$STATE/venv
  fi
  APP=$ROOT
  LOGS=$STATE/log
}

# -- identities ---------------------------------------------------------------------------------------
# become_* replace the shell; as_* run and come back. A child dies with the shell that started it
# (pdeathsig), so that even a killed bin/run leaves nothing behind. INT is PostgreSQL's fast shutdown.

become_service() {
  [[ -z $LOCK ]] || exec {LOCK}>&-
  if as_root; then
    exec setpriv --reuid="$SERVICE_USER" --regid="$(id -g "$SERVICE_USER")" --init-groups --pdeathsig TERM "$@"
  fi
  exec setpriv --pdeathsig TERM "$@"
}

become_postgres() {
  [[ -z $LOCK ]] || exec {LOCK}>&-
  cd /
  local clean=(env -i "PATH=$PGBIN:/usr/bin:/bin" LC_ALL=C.UTF-8)
  if as_root; then
    exec setpriv --reuid=postgres --regid=postgres --clear-groups --pdeathsig INT "${clean[@]}" "$@"
  fi
  exec setpriv --pdeathsig INT "${clean[@]}" "$@"
}

as_service() { (become_service "$@"); }
as_postgres() { (become_postgres "$@"); }

# -- steps -------------------------------------------------------------------------------------------
disk_is_full() { (($(free_megabytes) < 50)); }
free_megabytes() { df --output=avail --block-size=1M "$STATE" | tail -n 1 | tr -d ' '; }

# quietly LOG SENTENCE COMMAND...: the output goes to a log; a failure shows its end, then the sentence.
# In the background, so that a signal is heard at once; in a group of its own, so that all of it can be ended.
quietly() {
  local log=$LOGS/$1.log sentence=$2
  shift 2
  if in_background "$@" >>"$log" 2>&1; then return; fi
  ! disk_is_full || die "Le disque de $STATE est plein ($(free_megabytes) Mo libres) : libérez de la place, puis recommencez."
  tail -n 15 "$log" >&2
  die "$sentence (journal : $log)."
}

in_background() {
  local status=0
  set -m
  "$@" </dev/null &
  STEP=$!
  set +m
  wait "$STEP" || status=$?
  STEP=
  return "$status"
}

drop_step() {
  [[ -n $STEP ]] || return 0
  kill -s TERM -- "-$STEP" 2>/dev/null || true
  wait "$STEP" 2>/dev/null || true
}

# -- places --------------------------------------------------------------------------------------------
# own_directory PATH MODE [OWNER]: made when missing; never taken over from somebody else.
own_directory() {
  [[ ! -L $1 ]] || die "$1 est un lien : indiquez un vrai répertoire."
  mkdir -p "$1" 2>/dev/null || die "Impossible de créer $1 : $(id -un) n'en a pas le droit, ou le disque est plein."
  chmod "$2" "$1"
  [[ -z ${3:-} ]] || ! as_root || chown "$3:" "$1"
}

refuse_foreign() {
  [[ ! -e $1 || -O $1 ]] ||
    die "$1 appartient à $(stat -c %U "$1") et bin/$COMMAND est lancé par $(id -un) : relancez avec ce compte, ou indiquez un autre répertoire par $2."
}

refuse_long_socket() {
  local socket=$RUN/pg/.s.PGSQL.5432
  [[ $RUN =~ ^/[A-Za-z0-9/._-]+$ ]] || die "DMP_RUN doit être un chemin absolu, sans espace ni accent : $RUN"
  ((${#socket} <= 107)) || die "DMP_RUN est trop long pour une socket Unix (107 octets) : $RUN"
}

make_places() {
  refuse_long_socket
  refuse_foreign "$STATE" DMP_STATE
  refuse_foreign "$RUN" DMP_RUN
  if as_root; then
    own_directory "$STATE" 755
    own_directory "$RUN" 755
  else
    own_directory "$STATE" 700
    own_directory "$RUN" 700
  fi
  own_directory "$LOGS" 750
}

drop_sockets() {
  [[ -n $LOCK ]] || return 0
  rm -rf "$RUN/pg" "$RUN/redis"
  rmdir "$RUN" 2>/dev/null || true
}

refuse_small_disk() {
  local free
  free=$(free_megabytes)
  ((free >= 1024)) || die "Il reste $free Mo sur le disque de $STATE ; il faut au moins 1024 Mo libres."
}

# -- one instance a state ----------------------------------------------------------------------------
# The lock dies with its holder, so there is no stale pid file: held means running, and the number in it
# was written by the holder.
take_lock() {
  local holder
  exec {LOCK}<>"$STATE/lock"
  if ! flock -n "$LOCK"; then
    holder=$(<"$STATE/lock")
    exec {LOCK}>&-
    die "Déjà démarré (processus $holder) : arrêtez-le par bin/stop, ou indiquez un autre répertoire par DMP_STATE."
  fi
  printf '%s\n' $$ >"$STATE/lock"
}
