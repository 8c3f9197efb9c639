# shellcheck shell=bash disable=SC2034  # what is set here is for the script that sources this file
# For scripts that need a broker: source this file. A server started here listens on the loopback interface only, on
# a port that the system chose, and in a process group of its own, so that Ctrl-C does not reach it before the
# program that uses it.

nats_server_pid=
nats_server_url=
nats_server_websocket=
nats_server_folder=

# Prints where nats-server is; fails when it is not installed. Debian puts it where only root's PATH looks.
find_nats_server() {
  command -v nats-server && return
  local path
  for path in /usr/sbin/nats-server /usr/local/sbin/nats-server /usr/local/bin/nats-server; do
    if [[ -x $path ]]; then
      echo "$path"
      return
    fi
  done
  return 1
}

# Starts a server and sets nats_server_pid, nats_server_url, and nats_server_websocket where it has such a listener.
# --jetstream gives it JetStream, whose files are gone when it is stopped. Other arguments go to the server; the last of
# two that contradict each other holds. Fails with the server's log when it does not start.
start_nats_server() {
  local program waited
  program=$(find_nats_server) || return
  nats_server_folder=$(mktemp -d "${TMPDIR:-/tmp}/cliffracer-nats-XXXXXX")
  if [[ ${1:-} == --jetstream ]]; then
    shift
    set -- -js -sd "$nats_server_folder/jetstream" "$@"
  fi
  set -m
  "$program" -a 127.0.0.1 -p -1 -l "$nats_server_folder/log" "$@" < /dev/null > /dev/null 2>&1 &
  nats_server_pid=$!
  set +m
  for ((waited = 0; waited < 200; ++waited)); do
    if grep -q 'Server is ready' "$nats_server_folder/log" 2> /dev/null; then
      nats_server_url=nats://$(sed -nE 's/.*Listening for client connections on ([0-9.:]+).*/\1/p' \
        "$nats_server_folder/log")
      nats_server_websocket=$(sed -nE 's/.*Listening for websocket clients on (wss?:[^ ]+).*/\1/p' \
        "$nats_server_folder/log")
      return
    fi
    kill -0 "$nats_server_pid" 2> /dev/null || break
    sleep 0.05
  done
  cat "$nats_server_folder/log" >&2
  stop_nats_server
  return 1
}

# Stops what start_nats_server started, if anything.
stop_nats_server() {
  if [[ -n $nats_server_pid ]]; then
    kill "$nats_server_pid" 2> /dev/null || true
    wait "$nats_server_pid" 2> /dev/null || true
    nats_server_pid=
  fi
  if [[ -n $nats_server_folder ]]; then
    rm -rf "$nats_server_folder"
    nats_server_folder=
  fi
}
