#!/usr/bin/env bash
# Builds the image and tries it, as root and without a Docker engine (buildah works without a daemon):
#
#   docker/check.sh              on the Dockerfile's base where that can be pulled, else on a stand-in made here
#   BASE=image docker/check.sh   on another base
#
# The stand-in is Debian with the Node of node_modules, so "npm ci" comes first. Only downloads are kept, in
# the user's cache; CI=true installs what is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/llm-service/image
WORK=$(mktemp -d)
IMAGE=localhost/llm-service:check
CONTAINER=llm-service-check
SERVICE=''

# Storage of its own: nothing of the user's images is touched, and one folder goes away at the end.
buildah=(buildah --root "$WORK/storage" --runroot "$WORK/run" --storage-driver vfs)
b() { "${buildah[@]}" "$@"; }

clean_up() {
  if [ -n "$SERVICE" ]; then kill -KILL "$SERVICE" 2> /dev/null || true; fi
  b rm --all > /dev/null 2>&1 || true
  rm -rf "$WORK"
}
trap clean_up EXIT

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

# check SENTENCE COMMAND...
check() {
  local sentence=$1
  shift
  "$@" || fail "$sentence"
  echo "ok: $sentence"
}

need_tools() {
  [ "$(id -u)" = 0 ] || fail 'only root can look into an image this way'
  local missing=() tool
  for tool in buildah curl mmdebstrap; do
    command -v "$tool" > /dev/null || missing+=("$tool")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  [ "${CI:-}" = true ] || fail "install ${missing[*]} first (Debian, Ubuntu: apt-get install ${missing[*]})"
  apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
}

# The base without a registry: Debian without its documentation, Node and npm where the official base has them.
make_stand_in() {
  local tar=$CACHE/bookworm.tar npm container
  if [ ! -s "$tar" ]; then
    timeout 300 mmdebstrap --quiet --format=tar --variant=apt --include=ca-certificates \
      --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
      --dpkgopt='path-exclude=/usr/share/locale/*' bookworm "$tar.part"
    mv "$tar.part" "$tar"
  fi
  container=$(b from scratch)
  b add --quiet "$container" "$tar" / > /dev/null
  b copy --quiet "$container" "$(realpath node_modules/.bin/node)" /usr/local/bin/node > /dev/null
  npm=$(realpath "$(command -v npm)") # …/npm/bin/npm-cli.js
  b copy --quiet "$container" "${npm%/bin/*}" /usr/local/lib/node_modules/npm > /dev/null
  b run --isolation chroot "$container" -- ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
  # A network with a certificate authority of its own: the one that this machine trusts.
  b copy --quiet "$container" /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt > /dev/null
  b config --env NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt "$container"
  b commit --quiet --rm "$container" localhost/stand-in > /dev/null
}

find_base() {
  local wanted
  wanted=${BASE:-$(sed -n 's/^ARG BASE=//p' Dockerfile)}
  if timeout 180 "${buildah[@]}" pull --quiet "$wanted" > /dev/null 2> "$WORK/pull"; then
    BASE=$wanted
  elif [ -n "${BASE:-}" ]; then
    fail "$wanted cannot be pulled: $(tail -1 "$WORK/pull")"
  else
    echo "$wanted cannot be pulled here; a stand-in takes its place."
    make_stand_in
    BASE=localhost/stand-in
  fi
}

config() { b inspect --type image --format "{{$1}}" "$IMAGE"; }

# in_image COMMAND...: runs it the way the image's command runs, on this machine's network
in_image() { b run --isolation chroot --env APP_PORT="$PORT" "$CONTAINER" -- "$@"; }

refuses_without_settings() {
  local said
  said=$(in_image "${COMMAND[@]}" 2>&1) && return 1
  grep -q 'NODE_ENV is production and no engine is named' <<< "$said"
}

# The first word is CMD: what follows runs without a shell.
is_healthy() { in_image "${HEALTHCHECK[@]:1}" 2> "$WORK/health"; }
is_unhealthy() { ! is_healthy; }

start() {
  # Its number is that of the process out here too: chroot isolation makes no new process tree.
  b run --isolation chroot --env APP_PORT="$PORT" --env ENGINE=stub --env AUTH=off "$CONTAINER" -- \
    sh -c 'echo $$ > /tmp/pid; exec "$@"' sh "${COMMAND[@]}" > "$WORK/log" 2>&1 < /dev/null &
  RUN=$!
  local deadline=$((SECONDS + 40))
  while [ $SECONDS -lt $deadline ] && kill -0 "$RUN" 2> /dev/null; do
    SERVICE=$(cat "$ROOT/tmp/pid" 2> /dev/null || true)
    if curl -sf -o /dev/null "$URL/health/live"; then return; fi
    sleep 0.2
  done
  cat "$WORK/log" >&2
  return 1
}

keeps_calls() {
  curl -sf "$URL/health" | grep -q '"store":{"kind":"embedded","ready":true'
}

answers_a_step() {
  curl -sf "$URL/api/interview/step" -H 'Content-Type: application/json' \
    -d '{"system_prompt": "You interview.", "user_prompt": "Candidate: I look at it."}' | grep -q '"action"'
}

shows_its_pages() {
  curl -sf "$URL/docs" | grep -q swagger-ui && curl -sf "$URL/redoc" | grep -q redoc
}

holds_no_dev_dependency() {
  local names name
  names=$(node -p 'Object.keys(require("./package.json").devDependencies).join("\n")')
  for name in $names; do
    [ ! -e "$ROOT/app/node_modules/$name" ] || fail "$name is in the image"
  done
}

ends_with_0_on_sigterm() {
  local code=0 deadline=$((SECONDS + 40))
  kill -TERM "$SERVICE"
  while kill -0 "$SERVICE" 2> /dev/null; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.2
  done
  wait "$RUN" || code=$?
  SERVICE=''
  [ "$code" = 0 ]
}

megabytes() { du -sm "$@" | awk '{ sum += $1 } END { print sum " MB" }'; }

need_tools
mkdir -p "$CACHE/npm"
find_base
echo "base: $BASE, $SECONDS s"

# Without --format docker the HEALTHCHECK is dropped; buildah's own limit of 1024 files is too low for npm ci at times.
FILES=$(ulimit -Hn)
timeout 600 "${buildah[@]}" bud --isolation chroot --format docker --ulimit "nofile=$FILES:$FILES" --layers=false \
  --build-arg BASE="$BASE" --volume "$CACHE/npm:/root/.npm" --tag "$IMAGE" . > "$WORK/build" 2>&1 || {
  cat "$WORK/build" >&2
  fail 'the image does not build'
}
echo "built: $SECONDS s"

b from --quiet --name "$CONTAINER" "$IMAGE" > /dev/null
ROOT=$(b mount "$CONTAINER")
PORT=$(node -p 'const s = require("net").createServer().listen(0); const { port } = s.address(); s.close(); port')
URL=http://127.0.0.1:$PORT
mapfile -t COMMAND < <(config 'range .Docker.Config.Cmd}}{{println .}}{{end')
mapfile -t HEALTHCHECK < <(config 'range .Docker.Config.Healthcheck.Test}}{{println .}}{{end')

check 'its user is not root' [ "$(config .Docker.Config.User)" = 1000 ]
check 'SIGTERM is what stops it' [ "$(config .Docker.Config.StopSignal)" = SIGTERM ]
check 'it holds no development dependency' holds_no_dev_dependency
check 'beside the program it holds its dependencies and nothing else' \
  [ "$(ls -Am "$ROOT/app")" = 'dist, node_modules, package.json' ]
check 'it holds one Node' [ "$(find "$ROOT" -xdev -name node -size +20M)" = "$ROOT/usr/local/bin/node" ]
check 'it holds no npm cache' [ ! -e "$ROOT/root/.npm" ]
check 'it does not start before an engine and who may call are named' refuses_without_settings
check 'its health check fails while nothing runs' is_unhealthy
check 'it starts with the stub' start
check 'the process is not root' [ "$(stat -c %u "/proc/$SERVICE")" = 1000 ]
check 'its health check succeeds' is_healthy
check '/health says ok' grep -q '"status":"ok"' <(curl -sf "$URL/health")
check '/api/interview/step answers' answers_a_step
check 'its own database keeps the calls' keeps_calls
check '/docs and /redoc are there' shows_its_pages
check 'SIGTERM ends it with 0' ends_with_0_on_sigterm

echo "size: $(megabytes "$ROOT"), of it the service's own $(megabytes "$ROOT/app") (node_modules $(megabytes "$ROOT/app/node_modules"))"
echo "all of it: $SECONDS s"
