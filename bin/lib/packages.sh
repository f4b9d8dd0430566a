# shellcheck shell=bash
# What the system must hold: PostgreSQL 15+, Python 3.11+, Redis, Pango. As root, what is missing is installed.

PGBIN=

# The newest PostgreSQL server at hand, or nothing when it is older than 15.
newest_postgres() {
  local best=0 directory version
  for directory in /usr/lib/postgresql/*/bin; do
    version=${directory#/usr/lib/postgresql/}
    version=${version%/bin}
    if [[ -x $directory/initdb && $version =~ ^[0-9]+$ ]] && ((version > best)); then best=$version; fi
  done
  ((best >= 15)) && echo "/usr/lib/postgresql/$best/bin"
}

# An interpreter that the service user can really run: under root, the first one on PATH may live in /root.
usable_python() {
  local python wanted='import ensurepip, sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'
  for python in "${DMP_PYTHON:-}" /usr/bin/python3 /usr/bin/python3.1{3,2,1} "$(command -v python3 || true)"; do
    [[ -x $python ]] || continue
    if id "$SERVICE_USER" >/dev/null 2>&1; then
      as_service "$python" -c "$wanted" >/dev/null 2>&1 || continue
    else
      "$python" -c "$wanted" >/dev/null 2>&1 || continue
    fi
    echo "$python"
    return
  done
  return 1
}

library() { /sbin/ldconfig -p | grep -F "$1 " >/dev/null; }

# missing_packages [test]: Debian's names of what is not there, looked for by what it brings.
missing_packages() {
  newest_postgres >/dev/null || echo postgresql
  have redis-server || echo redis-server
  usable_python >/dev/null || echo python3-venv
  library libpango-1.0.so.0 || echo libpango-1.0-0
  library libpangoft2-1.0.so.0 || echo libpangoft2-1.0-0
  library libharfbuzz-subset.so.0 || echo libharfbuzz-subset0
  [[ -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf ]] || echo fonts-dejavu-core
  [[ -e /usr/share/fonts/truetype/lato/Lato-Regular.ttf ]] || ! as_root || echo fonts-lato # DejaVu stands in for it
  [[ -e /etc/ssl/certs/ca-certificates.crt ]] || echo ca-certificates
  [[ ${1:-} == test ]] || return 0
  have chromium || echo chromium
  # The tests of certificates put it in front; it never serves here by itself.
  ! as_root || [[ -x /usr/sbin/nginx ]] || echo nginx-light
  # Without clamd its tests skip: no reason to send somebody to an administrator.
  ! as_root || [[ -x /usr/sbin/clamd ]] || echo clamav-daemon
}

# The packages' own services stay down and no default cluster is made: ours are private.
install_packages() (
  export DEBIAN_FRONTEND=noninteractive
  policy=/usr/sbin/policy-rc.d cluster=/etc/postgresql-common/createcluster.d/dmp.conf
  made=("$cluster")
  trap 'rm -f "${made[@]}"' EXIT
  trap 'exit 143' INT TERM
  mkdir -p "${cluster%/*}" && echo 'create_main_cluster = false' >"$cluster"
  if [[ ! -e $policy ]]; then
    made+=("$policy")
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
  fi
  update_lists && apt-get install -y -q --no-install-recommends -o DPkg::Lock::Timeout=300 "$@" || exit
  [[ " $* " != *" redis-server "* ]] || ! have systemctl || systemctl disable --quiet redis-server || true
  [[ " $* " != *" nginx-light "* ]] || ! have systemctl || systemctl disable --quiet nginx || true
)

# apt waits for dpkg's lock by itself, not for the lock of the lists.
update_lists() {
  local try
  for try in {1..60}; do
    apt-get update -q && return
    apt-get update -q 2>&1 | grep -q 'lists/lock' || return 1
    echo "apt est occupé ailleurs, nouvel essai ($try)"
    sleep 5
  done
  return 1
}

# prepare_system [test]
prepare_system() {
  local missing
  mapfile -t missing < <(missing_packages "${1:-}")
  if ((${#missing[@]})); then
    as_root || die "Il manque des paquets ; demandez à un administrateur : apt-get install ${missing[*]}"
    have apt-get || die "Il manque ${missing[*]}, et apt-get n'est pas là pour les installer."
    say "Paquets Debian : ${missing[*]}"
    quietly apt "L'installation des paquets Debian a échoué" install_packages "${missing[@]}"
  fi
  PGBIN=$(newest_postgres) || die "PostgreSQL 15 ou plus récent est nécessaire ; ce système n'en propose pas."
  usable_python >/dev/null || die "Python 3.11, 3.12 ou 3.13 avec le module venv est nécessaire ; ce système n'en propose pas."
}

prepare_service_user() {
  as_root || return 0
  id "$SERVICE_USER" >/dev/null 2>&1 ||
    quietly apt "Le compte système $SERVICE_USER n'a pas pu être créé" \
      useradd --system --user-group --home-dir "$STATE/home" --no-create-home --shell /usr/sbin/nologin "$SERVICE_USER"
  local account
  for account in "$SERVICE_USER" "$DATABASE_USER"; do
    setpriv --reuid="$account" --regid="$(id -g "$account")" --clear-groups test -x "$STATE" -a -x "$RUN" ||
      die "Le compte $account ne peut pas entrer dans $STATE ou $RUN : choisissez des répertoires que tous peuvent traverser."
  done
}
