# shellcheck shell=bash
# What bin/test looks at before the tests: every check runs, whatever the others say.

FAILED=()

# check NAME COMMAND...: silent when all is well.
check() {
  local name=$1 log=$LOGS/check.log
  shift
  if in_background "$@" >"$log" 2>&1; then
    say "$name : bien"
  else
    FAILED+=("$name")
    cat "$log"
    say "$name : à corriger"
  fi
}

run_checks() {
  check "mise en forme" ruff format --check .
  check "règles d'écriture" ruff check .
  check "gabarits" djlint templates --lint --quiet
  check "types" mypy .
  check "sens des imports" lint-imports
  check "cohérence de Django" python manage.py check --fail-level WARNING
  check "migrations à jour" python manage.py makemigrations --check --dry-run
  check "migrations sans danger" env DJANGO_SETTINGS_MODULE=dmp.settings PYTHONPATH=. python bin/lib/lint_migrations.py
  check "réglages de production" production_check
  check "verrous sans adresse" refuse_addresses requirements.lock requirements-dev.lock
  ! have shellcheck || check "scripts" shellcheck -x bin/run bin/test bin/stop bin/manage .ci/run
}

# The settings of a production as .env.example describes it.
production_check() {
  env DMP_SECRET_KEY="$(new_key 48)" DMP_ROLE=portal DMP_DEMO=0 DMP_TLS=1 DMP_ALLOWED_HOSTS=dmp.example.org \
    DMP_PORTAL_URL=https://dmp.example.org DMP_BACKOFFICE_URL=https://guichet.example.org \
    DMP_PSC_ISSUER=https://psc.example.org DMP_PSC_JWKS=https://psc.example.org/jwks DMP_PSC_AUDIENCE=dmp \
    DMP_PSC_CLIENT_ID=dmp-portail DMP_PSC_CLIENT_SECRET=secret \
    python manage.py check --deploy --fail-level WARNING
}

# A lock with an address would tie every installation to somebody's package index.
refuse_addresses() { ! grep -n '://' "$@"; }
