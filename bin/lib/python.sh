# shellcheck shell=bash
# The virtual environment, from the hashed locks, and the code as the service user can read it.

# prepare_python LOCK [OTHER_LOCK...]: installs the first; the others are contained in it.
prepare_python() {
  local lock=$1 known=$VENV/.locks
  if as_service "$VENV/bin/python" -c '' 2>/dev/null && grep -qsxF "$(lock_sum "$lock")" "$known"; then return; fi
  say "Paquets Python ($lock)"
  local python
  python=$(usable_python)
  rm -f "$known"
  "$VENV/bin/python" -m pip --version >/dev/null 2>&1 ||
    quietly python "L'environnement Python n'a pas pu être créé" "$python" -m venv --clear "$VENV"
  quietly python "L'installation des paquets Python a échoué" install_lock "$ROOT/$lock"
  for lock; do lock_sum "$lock"; done >"$known"
}

lock_sum() { sha256sum <"$ROOT/$1"; }

# uv is ten times faster; pip, with the same hashes, where uv does not find its way. The lock is whole: no package
# is looked for beyond it. The certificates trusted are those of the machine.
install_lock() {
  export UV_PYTHON_DOWNLOADS=never UV_SYSTEM_CERTS=1 UV_NATIVE_TLS=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
  if "$VENV/bin/pip" install -q uv &&
    "$VENV/bin/uv" pip sync -q --require-hashes --python "$VENV/bin/python" "$1"; then
    return
  fi
  "$VENV/bin/pip" install -q --no-deps --require-hashes -r "$1"
}

# A checkout that the service user cannot read (under /root, say) is copied where it can.
choose_code() {
  local prune=(-name '.?*' -prune -o)
  ! as_root || { as_service test -r "$ROOT/manage.py" &&
    [[ -z $(as_service find "$ROOT" "${prune[@]}" ! -readable -print -quit 2>&1) ]]; } || APP=$STATE/app
}

prepare_code() {
  choose_code
  [[ $APP != "$ROOT" ]] || return 0
  say "Le compte $SERVICE_USER ne peut pas lire $ROOT : le code est copié dans $APP"
  quietly python "La copie du code dans $APP a échoué" copy_code
}

copy_code() {
  rm -rf "$APP.new" && mkdir -p "$APP.new" &&
    tar -C "$ROOT" --exclude=./.git --exclude=./.venv --exclude=./.state --exclude=__pycache__ --exclude='./.*_cache' \
      --no-same-owner -cf - . | tar -C "$APP.new" --no-same-owner -xf - &&
    chmod -R a+rX "$APP.new" && rm -rf "$APP" && mv "$APP.new" "$APP" && copy_samples
}

# Sample documents that lie beside the checkout go along.
copy_samples() {
  [[ -d $ROOT/../shared/samples ]] || return 0
  mkdir -p "$STATE/shared" && cp -r "$ROOT/../shared/samples" "$STATE/shared/" && chmod -R a+rX "$STATE/shared"
}
