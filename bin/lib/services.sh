# shellcheck shell=bash
# The portal, the back office, the worker and beat; and what the database needs before they start.

# django_as DATABASE_ROLE ARGUMENT...: one command of manage.py; all_as takes several, each as one argument.
django_as() (
  connect_as "$1"
  become_service python "$APP/manage.py" "${@:2}"
)
all_as() (
  connect_as "$1"
  become_service python "$APP/bin/lib/manage_all.py" "${@:2}"
)

refuse_taken_port() {
  ! (: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null ||
    die "Le port $1 est déjà pris : arrêtez le programme qui l'occupe, ou choisissez-en un autre par $2."
}

refuse_taken_ports() {
  refuse_taken_port "${DMP_PORTAL_PORT:-8000}" DMP_PORTAL_PORT
  refuse_taken_port "${DMP_BACKOFFICE_PORT:-8001}" DMP_BACKOFFICE_PORT
}

# -- the database, brought to the state of the code ---------------------------------------------------

# What migrations, grants and code tables depend on: the same print means there is nothing to do.
print_of_code() {
  (cd "$APP" && find . \( -name '.*' -o -name tests -o -name benchmarks \) ! -name . -prune -o \
    -type f \( -name '*.py' -o -path '*/data/*' -o -name '*.lock' \) -print0 | sort -z | xargs -0 sha256sum | sha256sum)
}

done_for() { [[ -e $STATE/done-$1 && $(<"$STATE/done-$1") == "$2" ]]; }

# Without the demonstration this is a production: unsafe settings are refused before anything is served.
refuse_unsafe_settings() {
  [[ $DMP_DEMO != 1 ]] || return 0
  quietly checks "Ces réglages ne conviennent pas à une production : corrigez-les, ou choisissez DMP_DEMO=1" \
    django_as dmp_app check --deploy
}

prepare_database() {
  local print
  print=$(print_of_code)
  if ! done_for database "$print"; then
    say "Tables, droits et nomenclatures"
    quietly database "La mise à jour de la base a échoué" update_database
    printf '%s\n' "$print" >"$STATE/done-database"
  fi
  if [[ $DMP_DEMO == 1 ]] && ! done_for demo loaded; then
    say "Données de démonstration (personnes fictives)"
    quietly database "Le chargement des données de démonstration a échoué" django_as dmp_app demo_load
    echo loaded >"$STATE/done-demo"
  fi
}

update_database() {
  all_as dmp_owner migrate 'migrate --database keys' 'database_roles --apply' &&
    all_as dmp_app 'partitions --apply' 'load_code_tables --apply'
}

# A database restored from a backup has forgotten what was destroyed since: that goes again before anything is served.
# Without a line in a journal there is nothing to ask.
destroy_again() {
  local journal
  while read -r journal; do
    [[ -s $journal ]] || continue
    quietly destructions "Ce qui avait été détruit et qu'une sauvegarde a fait revenir n'a pas pu l'être de nouveau" \
      django_as dmp_app destroy_again --apply
    return
  done < <(tr : '\n' <<<"$DMP_TOMBSTONES")
}

# -- the four processes -----------------------------------------------------------------------------------

web() { # web ROLE DATABASE_ROLE PORT
  connect_as "$2"
  export DMP_ROLE=$1 DMP_BIND=127.0.0.1:$3
  # The back office never opens a content: the keys do not enter its process.
  [[ $1 != backoffice ]] || unset DMP_MASTER_KEYS
  become_service setsid gunicorn --config dmp/gunicorn.py dmp.wsgi:application
}

background() { # background ROLE ARGUMENT...
  connect_as dmp_app
  export DMP_ROLE=$1
  become_service setsid celery -A dmp "$@"
}

start_services() {
  say "Portail, guichet, tâches de fond"
  launch portal web portal dmp_app "$PORTAL_PORT"
  launch backoffice web backoffice dmp_counter "$BACKOFFICE_PORT"
  launch worker background worker --concurrency 2 --loglevel WARNING --without-gossip --without-mingle
  launch beat background beat --loglevel WARNING --pidfile=
}

await_services() {
  await portal healthy "$PORTAL_PORT"
  await backoffice healthy "$BACKOFFICE_PORT"
  await worker worker_listens
  refuse_dead
}

# 200 on /healthz, asked as the proxy in front would ask.
healthy() {
  local web line=
  exec {web}<>"/dev/tcp/127.0.0.1/$1" || return 1
  printf 'GET /healthz HTTP/1.0\r\nHost: %s\r\nX-Forwarded-Proto: https\r\n\r\n' "${DMP_ALLOWED_HOSTS%%,*}" >&"$web"
  read -r -t 5 line <&"$web" || true
  exec {web}>&-
  [[ $line == *' 200 '* ]]
}

# A worker that is ready waits on its queue; Redis knows, and asking it costs nothing.
worker_listens() { redis client list | grep ' cmd=brpop '; }
