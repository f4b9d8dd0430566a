# shellcheck shell=bash
# The environment of the services: secrets from $STATE/env, the rest from our own environment, then defaults.

# What was needed to install (proxies, package tools, somebody's PG* and cloud variables) does not reach a service.
forget_environment() {
  local name
  for name in $(compgen -e); do
    case $name in
      DMP_DATABASE_URL | DMP_KEYS_DATABASE_URL | DMP_REDIS_URL | DMP_ROLE | DMP_TEST_DATABASE) unset "$name" ;;
      DMP_* | PATH | HOME | USER | LOGNAME | TERM | COLUMNS | NO_COLOR | LANG | LC_* | TZ | TMPDIR) ;;
      SSL_CERT_FILE | SSL_CERT_DIR | HTTPS_PROXY | https_proxy | NO_PROXY | no_proxy) ;;
      *) unset "$name" ;;
    esac
  done
  export PATH=$VENV/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin PYTHONUNBUFFERED=1
  ! as_root || [[ $SERVICE_USER == root ]] || serve_as_dmp
}

# The system account writes neither into the code nor into the virtual environment.
serve_as_dmp() {
  export HOME=$STATE/home USER=$SERVICE_USER LOGNAME=$SERVICE_USER PYTHONPYCACHEPREFIX=$STATE/home/pycache
}

# new_key [BYTES]: random, in base64.
new_key() { head -c "${1:-32}" /dev/urandom | base64 -w 0; }

# Made once, never again: with another key, no content and no identity of this state could be read.
make_secrets() {
  local file=$STATE/env
  [[ ! -s $file ]] || return 0
  [[ ! -s $STATE/pg/PG_VERSION ]] ||
    die "$file manque alors que la base existe : remettez-le depuis votre sauvegarde, sans lui rien n'est lisible."
  say "Secrets de cette installation dans $file"
  (umask 077 && cat >"$file.new") <<END
# Secrets de cette installation, tirés au premier démarrage. À sauvegarder à part des bases de données :
# sans ce fichier, ni les documents ni les identités ne peuvent être lus. Il l'emporte sur l'environnement.
DMP_SECRET_KEY=$(new_key 48)
DMP_IDENTITY_KEY=$(new_key)
DMP_MASTER_KEYS=1:$(new_key)
END
  ! as_root || chown "$SERVICE_USER:" "$file.new"
  mv "$file.new" "$file"
}

# Read as data, never sourced: the file belongs to the service user, and we may be root.
read_secrets() {
  local line
  while IFS= read -r line; do
    [[ $line =~ ^(DMP_[A-Z_]+)=(.*)$ ]] || continue
    export "${BASH_REMATCH[1]}=${BASH_REMATCH[2]}"
  done <"$STATE/env"
}

load_settings() {
  read_secrets
  PORTAL_PORT=${DMP_PORTAL_PORT:-8000} BACKOFFICE_PORT=${DMP_BACKOFFICE_PORT:-8001}
  export DMP_DEMO=${DMP_DEMO:-1}
  export DMP_ALLOWED_HOSTS=${DMP_ALLOWED_HOSTS:-127.0.0.1,localhost}
  export DMP_PORTAL_URL=${DMP_PORTAL_URL:-http://localhost:$PORTAL_PORT}
  export DMP_BACKOFFICE_URL=${DMP_BACKOFFICE_URL:-http://localhost:$BACKOFFICE_PORT}
  export DMP_MEDIA_ROOT=${DMP_MEDIA_ROOT:-$STATE/media} DMP_TOMBSTONES=${DMP_TOMBSTONES:-$STATE/tombstones/journal}
  if [[ -z ${DMP_SMTP_URL:-} ]]; then export DMP_MAIL_DIR=${DMP_MAIL_DIR:-$STATE/mail}; fi
  if [[ $DMP_DEMO == 1 ]]; then
    export DMP_PRINTER_DIR=${DMP_PRINTER_DIR:-$STATE/imprimante}
    demo_issuer
  fi
}

# The demonstration signs its own tokens, under a name that can exist nowhere (RFC 2606).
demo_issuer() {
  export DMP_DEMO_ISSUER_DIR=${DMP_DEMO_ISSUER_DIR:-$STATE/issuer}
  export DMP_PSC_ISSUER=${DMP_PSC_ISSUER:-https://demonstration.invalid} DMP_PSC_AUDIENCE=${DMP_PSC_AUDIENCE:-dmp}
  export DMP_PSC_JWKS=${DMP_PSC_JWKS:-$DMP_DEMO_ISSUER_DIR/jwks.json}
}

# The folders of the journals of destructions, one a line.
tombstone_places() { tr : '\n' <<<"$DMP_TOMBSTONES" | xargs -d '\n' dirname; }

make_service_places() {
  local directory journals
  ! as_root || own_directory "$STATE/home" 700 "$SERVICE_USER"
  mapfile -t journals < <(tombstone_places)
  for directory in "$DMP_MEDIA_ROOT" "${journals[@]}" "${DMP_MAIL_DIR:-}" "${DMP_DEMO_ISSUER_DIR:-}" "${DMP_PRINTER_DIR:-}"; do
    [[ -n $directory ]] || continue
    [[ -e $directory ]] || own_directory "$directory" 700 "$SERVICE_USER"
    as_service test -w "$directory" -a -x "$directory" ||
      die "Le compte $SERVICE_USER ne peut pas écrire dans $directory : changez ses droits, ou indiquez un autre répertoire."
  done
}
