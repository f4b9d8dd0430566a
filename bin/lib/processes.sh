# shellcheck shell=bash
# Starting, waiting for, watching and stopping the processes of one instance.

declare -A PID_OF=() NAME_OF=()

# launch NAME RUNNER COMMAND...: in its own session, so that Ctrl-C reaches this shell alone and it stops
# things in order. The log is opened here, by the shell: the service cannot choose where it is written.
launch() {
  local name=$1 log=$LOGS/$1.log
  shift
  [[ ! -e $log ]] || (($(stat -c %s "$log") < 10000000)) || mv -f "$log" "$log.1"
  ("$@") >>"$log" 2>&1 </dev/null &
  PID_OF[$name]=$!
  NAME_OF[$!]=$name
}

alive() { kill -0 "${PID_OF[$1]}" 2>/dev/null; }

# A process that is gone takes the others with it (cleanup stops them).
refuse_dead() {
  local name
  for name in "${!PID_OF[@]}"; do
    alive "$name" || tell_dead "$name"
  done
}

tell_dead() {
  ! disk_is_full || die "Le disque de $STATE est plein ($(free_megabytes) Mo libres) et $1 s'est arrêté : libérez de la place, puis recommencez."
  tail -n 15 "$LOGS/$1.log" >&2
  die "Le processus « $1 » s'est arrêté, donc tout s'arrête (journal : $LOGS/$1.log)."
}

# await NAME COMMAND...: until the command succeeds, at most a minute.
await() {
  local name=$1 end=$((SECONDS + 60))
  shift
  until "$@" >/dev/null 2>&1; do
    refuse_dead
    ((SECONDS < end)) || die "Le processus « $name » ne répond pas après 60 s (journal : $LOGS/$name.log)."
    sleep 0.1
  done
}

# Until one process dies; a signal ends the wait through the traps.
watch_over() {
  local gone
  while true; do
    gone=
    wait -n -p gone "${PID_OF[@]}" || true
    [[ -z $gone ]] || tell_dead "${NAME_OF[$gone]}"
    refuse_dead
  done
}

# stop_together SIGNAL NAME...: asks, waits 15 s, then ends their whole sessions.
stop_together() {
  local signal=$1 name end=$((SECONDS + 15))
  shift
  for name; do
    [[ -z ${PID_OF[$name]:-} ]] || kill -s "$signal" "${PID_OF[$name]}" 2>/dev/null || true
  done
  for name; do
    [[ -n ${PID_OF[$name]:-} ]] || continue
    while alive "$name" && ((SECONDS < end)); do sleep 0.05; done
    # What is left of its session: children of one that was killed, or that did not want to stop.
    kill -s KILL -- "-${PID_OF[$name]}" 2>/dev/null || true
    unset "PID_OF[$name]"
  done
}

# What serves first, what it leans on last.
stop_everything() {
  drop_step
  stop_together TERM beat worker backoffice portal
  stop_together TERM redis
  stop_together INT postgres
}
