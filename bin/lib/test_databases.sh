# shellcheck shell=bash
# The test databases: made once for the same migrations, in a cluster put aside that each run copies.

# As root beside the system's other caches; else in the person's own.
aside() { if as_root; then printf /var/cache/dmp-tests; else printf '%s/dmp-tests' "${XDG_CACHE_HOME:-$HOME/.cache}"; fi; }

# Whatever the tables are made of; and the month, for the partitions of the traces.
tables_sum() {
  (
    cd "$ROOT" || exit
    cat ./*/migrations/*.py audit/scoped.py bin/lib/roles.sql bin/lib/test_databases.sh requirements.lock
    date +%Y-%m
    "$PGBIN/postgres" --version
  ) | sha256sum | cut -c1-16
}

start_test_postgres() {
  local kept
  kept=$(aside)/$(tables_sum)
  if [[ -d $kept ]]; then
    cp -a "$kept" "$STATE/pg"
    cp "$ROOT/bin/lib/roles.sql" "$STATE/done-roles"
    touch "$kept"
    own_directory "$RUN/pg" 755 "$DATABASE_USER"
    start_postgres throwaway
    return
  fi
  make_cluster throwaway
  start_postgres throwaway
  say "Bases des tests"
  as_superuser -c 'ALTER ROLE dmp_owner CREATEDB CREATEROLE' # pytest makes databases of its own too
  quietly databases "Les bases des tests n'ont pas pu être faites" make_test_databases
  stop_together INT postgres
  put_aside "$kept"
  start_postgres throwaway
}

# One pair by the migrations, and a copy for each of the workers of `pytest -n 2`.
make_test_databases() {
  (cd "$ROOT" && DJANGO_SETTINGS_MODULE=dmp.settings python -c '
import django
from django.test.utils import setup_databases
django.setup()
setup_databases(verbosity=0, interactive=False)') || return
  local worker
  for worker in gw0 gw1; do
    as_superuser -c "CREATE DATABASE test_dmp_$worker OWNER dmp_owner TEMPLATE test_dmp" \
      -c "CREATE DATABASE test_dmp_keys_$worker OWNER dmp_owner TEMPLATE test_dmp_keys"
  done
}

# Whole or not at all, whoever else does the same; six are left.
put_aside() {
  local place made
  place=$(aside)
  mkdir -p "$place"
  made=$(mktemp -d "$place/new.XXXXXX")
  cp -a "$STATE/pg" "$made/pg"
  mv -T "$made/pg" "$1" 2>/dev/null || true
  rm -rf "$made"
  find "$place" -mindepth 1 -maxdepth 1 -printf '%T@ %p\n' | sort -rn | tail -n +7 | cut -d ' ' -f 2- | xargs -r rm -rf
}
