# shellcheck shell=bash disable=SC2034,SC2154  # what is set here is for examples/run; it sets `root`
# What `examples/run dashboard` needs beside a server and a service: the page's folder, a file server for it, and a NATS
# server that a page may talk to.

page_url=
page_server_pid=
dashboard_folder=

# Puts the page and the NATS client for browsers into folder $1, ready for any file server.
prepare_page() {
  local page=$1 packages=$1-packages source=$root/examples/dashboard
  mkdir -p "$page" "$packages"
  cp "$source"/*.html "$source"/*.css "$source"/*.js "$page"
  if ! cmp -s "$source/package-lock.json" "$packages/node_modules/.for-lock"; then
    cp "$source/package.json" "$source/package-lock.json" "$packages"
    (cd "$packages" && quietly npm ci --omit=optional --ignore-scripts --no-audit --no-fund) || return
    cp "$source/package-lock.json" "$packages/node_modules/.for-lock"
  fi
  cp "$packages/node_modules/nats.ws/esm/nats.js" "$page/nats.js"
}

# Serves folder $1 on a free port of the loopback interface and sets page_url.
start_page_server() {
  local waited port
  dashboard_folder=$(mktemp -d "${TMPDIR:-/tmp}/cliffracer-dashboard-XXXXXX")
  touch "$dashboard_folder/page"
  set -m
  python3 -u -m http.server --bind 127.0.0.1 --directory "$1" 0 < /dev/null \
    > "$dashboard_folder/page" 2> "$dashboard_folder/requests" &
  page_server_pid=$!
  set +m
  for ((waited = 0; waited < 200; ++waited)); do
    port=$(sed -nE 's/.* port ([0-9]+) .*/\1/p' "$dashboard_folder/page")
    if [[ -n $port ]]; then
      page_url=http://127.0.0.1:$port
      return
    fi
    kill -0 "$page_server_pid" 2> /dev/null || break
    sleep 0.05
  done
  cat "$dashboard_folder/requests" >&2
  return 1
}

# A page may ask who is there and call the timers' methods, and nothing else. Who comes without a name is the page on
# the WebSocket listener, and the service elsewhere, which here is the loopback interface only.
write_server_configuration() {
  local password
  password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  cat << END
authorization {
  users = [
    { user: service, password: "$password", allowed_connection_types: ["STANDARD"] }
    {
      user: page
      password: "$password"
      allowed_connection_types: ["WEBSOCKET"]
      permissions {
        publish { allow: ["\$SRV.>", "*.rpc.timers.>"] }
        subscribe { allow: ["_INBOX_dashboard.>"] }
      }
    }
  ]
}
no_auth_user: service
websocket {
  listen: "$1"
  no_tls: true
  allowed_origins: ["$page_url"]
  no_auth_user: page
}
END
}

# The same server once more when it has ended, at the addresses that service and page know.
start_dashboard_server() {
  local websocket=${nats_server_websocket#*://} port=-1
  if [[ -n $websocket ]]; then port=${nats_server_url##*:}; fi
  write_server_configuration "${websocket:-127.0.0.1:-1}" > "$dashboard_folder/nats.conf"
  start_nats_server -c "$dashboard_folder/nats.conf" -p "$port"
}

# When the server has ended: starts it again after a while, unless process $1 ends first.
revive_dashboard_server() {
  local waited
  kill -0 "$nats_server_pid" 2> /dev/null && return
  echo "The NATS server has ended. It is started again in 6 s."
  for ((waited = 0; waited < 30; ++waited)); do
    sleep 0.2
    kill -0 "$1" 2> /dev/null || return 0
  done
  stop_nats_server
  start_dashboard_server
  echo "Started the NATS server again (process $nats_server_pid)."
}

stop_page_server() {
  if [[ -n $page_server_pid ]]; then
    kill "$page_server_pid" 2> /dev/null || true
    wait "$page_server_pid" 2> /dev/null || true
    page_server_pid=
  fi
  if [[ -n $dashboard_folder ]]; then rm -rf "$dashboard_folder"; fi
}
