# shellcheck shell=bash
# The private PostgreSQL cluster and the private Redis: unix sockets only, no TCP port.
# make_cluster and the option lists take "kept" or "throwaway" (tests: fast, loses everything).

# Only this machine's accounts come in, and each only as the roles that are its own.
write_access_rules() {
  local role super=$DATABASE_USER
  {
    printf 'local all "%s" peer\n' "$super"
    printf 'local all dmp_owner,dmp_app,dmp_counter peer map=dmp\n'
  } >"$STATE/pg_hba.conf"
  for role in dmp_owner dmp_app dmp_counter; do
    printf 'dmp "%s" %s\n' "$SERVICE_USER" "$role"
  done >"$STATE/pg_ident.conf"
}

# Made aside, then moved: an interrupted initdb never looks like a cluster.
make_cluster() {
  local kind=$1 data=$STATE/pg options=(--encoding=UTF8 --locale=C.UTF-8 --locale-provider=icu --icu-locale=fr-FR)
  options+=(--auth=peer --username="$DATABASE_USER")
  if [[ $kind == kept ]]; then options+=(--data-checksums); else options+=(--no-sync); fi
  own_directory "$RUN/pg" 755 "$DATABASE_USER"
  [[ ! -s $data/PG_VERSION ]] || { match_cluster_version "$data"; return; }
  say "Base PostgreSQL (${PGBIN//[^0-9]/}) privée dans $data"
  rm -rf "$data" "$data.new" "$STATE"/done-*
  own_directory "$data.new" 700 "$DATABASE_USER"
  quietly postgres "La création de la base PostgreSQL a échoué" as_postgres initdb -D "$data.new" "${options[@]}"
  mv "$data.new" "$data"
}

match_cluster_version() {
  local version
  version=$(<"$1/PG_VERSION")
  PGBIN=/usr/lib/postgresql/$version/bin
  [[ -x $PGBIN/postgres ]] ||
    die "La base de $1 est de PostgreSQL $version, qui n'est plus installé : réinstallez postgresql-$version, ou migrez la base."
}

MEMORY=(/proc/meminfo /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes)

# Errors are logged without the statement, its parameters or the key's values: a log is no place for health data.
# A past segment of the journal is removed, not kept to be written over: what was destroyed stays readable in none.
# A feed of millions of lines writes all over its indexes: an eighth of the memory keeps them at hand.
postgres_options() {
  printf '%s\n' listen_addresses= "unix_socket_directories=$RUN/pg" "hba_file=$STATE/pg_hba.conf" \
    "ident_file=$STATE/pg_ident.conf" max_locks_per_transaction=256 log_destination=stderr \
    log_error_verbosity=terse log_min_error_statement=panic log_parameter_max_length_on_error=0 wal_recycle=off
  if [[ $1 == kept ]]; then
    printf '%s\n' "shared_buffers=$(eighth_of_memory "${MEMORY[@]}")MB"
  else
    printf '%s\n' shared_buffers=256MB fsync=off synchronous_commit=off full_page_writes=off max_wal_size=4GB
  fi
}

# eighth_of_memory FILE...: in megabytes, from 128 to 2048, of the machine's memory or of what its container may take.
eighth_of_memory() {
  cat "$@" 2>/dev/null | awk '
    /^MemTotal:/ { most = $2 / 1024 }
    /^[0-9]+$/ && $1 / 1048576 < most { most = $1 / 1048576 }
    END { part = int(most / 8); print (part < 128 ? 128 : part > 2048 ? 2048 : part) }'
}

start_postgres() {
  local kind=$1 option options=()
  while read -r option; do options+=(-c "$option"); done < <(postgres_options "$kind")
  write_access_rules
  launch postgres become_postgres setsid postgres -D "$STATE/pg" "${options[@]}"
  await postgres as_postgres pg_isready -q -h "$RUN/pg"
  cmp -s "$ROOT/bin/lib/roles.sql" "$STATE/done-roles" || { # a newer version may have a role more
    quietly postgres "La création des rôles PostgreSQL a échoué" make_roles
    cp "$ROOT/bin/lib/roles.sql" "$STATE/done-roles"
  }
}

as_superuser() { as_postgres psql -X -q -v ON_ERROR_STOP=1 -h "$RUN/pg" -d postgres "$@"; }

# Through standard input: the checkout may be unreadable to the account of PostgreSQL.
make_roles() { as_superuser -f - <"$ROOT/bin/lib/roles.sql"; }

refuse_no_backup() {
  [[ -r $1/dmp.dump && -r $2/dmp_keys.dump ]] || die "Ce n'est pas une sauvegarde : dmp.dump ou dmp_keys.dump manque."
}

# restore DATABASE DUMP. Through standard input: the account of PostgreSQL need not read the backup.
restore() {
  as_postgres pg_restore -h "$RUN/pg" --no-owner --no-comments --role=dmp_owner --exit-on-error -d "$1" <"$2" ||
    die "La base $1 ne se restaure pas."
}

start_redis() {
  own_directory "$STATE/redis" 700 "$SERVICE_USER"
  own_directory "$RUN/redis" 700 "$SERVICE_USER"
  local durable=(--appendonly yes)
  [[ $1 == kept ]] || durable=(--appendonly no)
  launch redis become_service setsid redis-server --port 0 --unixsocket "$RUN/redis/redis.sock" --unixsocketperm 700 \
    --dir "$STATE/redis" --save '' "${durable[@]}" --maxmemory-policy noeviction --daemonize no --logfile ''
  await redis redis ping
}

redis() { as_service redis-cli -s "$RUN/redis/redis.sock" "$@"; }

# Roles of the database for the processes started from here on.
connect_as() {
  export DMP_DATABASE_URL="postgresql://$1@/dmp?host=$RUN/pg" DMP_KEYS_DATABASE_URL="postgresql://$1@/dmp_keys?host=$RUN/pg"
  export DMP_REDIS_URL="unix://$RUN/redis/redis.sock"
}
