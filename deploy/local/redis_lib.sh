# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # services, home, redis_port ... come from lib.sh
# The shop's Redis as the scripts here see it: where it is, and as whom to ask it. Sourced by lib.sh.
#
# The private Redis knows the users of deploy/redis/users.acl; passwords lie in ORDERSHOP_HOME/redis/users, or, where each
# service has a Redis, in ORDERSHOP_HOME/redis/users-<service>: what is done to one of these is done by of_redis. Somebody
# else's (ORDERSHOP_REDIS_URL) is asked as that says, or, if ORDERSHOP_REDIS_USERS names a folder that make_users.sh has
# made, by everybody as the user of his own.

# The server to start, and the program to ask it: Valkey's where there are none of Redis. Fail where there is neither.
redis_server_program() { command -v redis-server || command -v valkey-server; }
redis_cli_program() { command -v redis-cli || command -v valkey-cli; }

# Somebody else's Redis, given by its address, is used as it is and neither started nor stopped.
redis_is_ours() { [ -z "${ORDERSHOP_REDIS_URL:-}" ]; }

# How the private Redis is arranged, as up.sh --redis chose it: single; sentinel, which has a replica and three sentinels beside
# it, at the ports behind its own; cluster, of three masters, likewise, whose bus has the next three ports; or per-service,
# one for each service that owns something, likewise: `redis` is that of the first.
redis_arrangement() {
  local word=single
  ! redis_is_ours || { read -r word <"$home/redis/arrangement"; } 2>/dev/null || true
  printf '%s' "$word"
}

# What runs beside `redis`, as parts that nobody names.
redis_helpers() {
  case $(redis_arrangement) in
  sentinel) printf '%s\n' redis-replica sentinel-1 sentinel-2 sentinel-3 ;;
  cluster) printf '%s\n' redis-2 redis-3 ;;
  per-service) printf 'redis-%s\n' "${owners[@]:1}" ;;
  esac
}

has_redis_each() { [ "$(redis_arrangement)" = per-service ]; }

# Names of the Redises that hold different data: their services', or one that stands for that of all.
redis_owners() {
  if has_redis_each; then printf '%s\n' "${owners[@]}"; else echo all; fi
}

# Whose Redis a server is.
owner_of_part() { # owner_of_part PART
  if [ "$1" = redis ]; then printf '%s' "${owners[0]}"; else printf '%s' "${1#redis-}"; fi
}

owners_redis_port() { # owners_redis_port OWNER
  local i
  for i in "${!owners[@]}"; do
    [ "${owners[i]}" != "$1" ] || printf '%s' $((redis_port + i))
  done
}

# Runs a command for which that service's Redis is the shop's, or its prefix; where all services share one, that.
of_redis() { # of_redis OWNER COMMAND...
  local redis_owner=$1
  shift
  if has_redis_each; then
    local redis_at redis_places
    redis_at=$(owners_redis_port "$redis_owner")
    redis_places=127.0.0.1:$redis_at
  fi
  "$@"
}

# Does a service need the Redis of that one: is it its own, or has it streams that it reads?
uses_redis_of() { # uses_redis_of SERVICE OWNER
  local entity
  [[ $1 != "$2" && ${read_by[$1]} != all ]] || return 0
  for entity in ${owned[$2]//,/ }; do
    [[ ,${read_by[$1]}, != *,$entity,* ]] || return 0
  done
  return 1
}

own_redis_url() {
  case $(redis_arrangement) in
  sentinel)
    printf 'redis+sentinel://127.0.0.1:%s,127.0.0.1:%s,127.0.0.1:%s/shop' $((redis_port + 2)) $((redis_port + 3)) $((redis_port + 4))
    ;;
  cluster)
    printf 'redis+cluster://127.0.0.1:%s,127.0.0.1:%s,127.0.0.1:%s' "$redis_port" $((redis_port + 1)) $((redis_port + 2))
    ;;
  *) printf 'redis://127.0.0.1:%s/0' "$redis_port" ;;
  esac
}

# In the private cluster the keys of each service are in a slot of their own, that of its prefix. A prefix that
# ORDERSHOP_KEY_PREFIX names is that of all.
has_prefix_each() { [ "$(redis_arrangement)" = cluster ] && [ -z "${ORDERSHOP_KEY_PREFIX:-}" ]; }

has_log_each() { has_redis_each || has_prefix_each; }

# What keys begin with: those of the service that of_redis names, else of who has no prefix of its own.
key_prefix() {
  if ! has_prefix_each; then
    printf '%s' "${ORDERSHOP_KEY_PREFIX:-}"
  elif contains "${redis_owner:-}" "${owners[@]}"; then
    printf '{%s}:' "$redis_owner"
  else
    printf '{shop}:'
  fi
}

# The port of the server that was the master last: what the sentinel tells that has heard of most failovers.
last_master_port() {
  { cat "$home"/sentinel-[123]/sentinel.conf 2>/dev/null || true; } | awk -v port="$redis_port" '
    $2 == "monitor" { told = $5 }
    $2 == "config-epoch" && $4 >= epoch { epoch = $4; last = told }
    END { print last ? last : port }'
}

# The folder of the users' passwords; empty: everybody uses the same user, or none.
redis_users() {
  if redis_is_ours; then
    printf '%s' "$home/redis/users"
    ! has_redis_each || printf -- '-%s' "${redis_owner:-${owners[0]}}"
  else
    printf '%s' "${ORDERSHOP_REDIS_USERS:-}"
  fi
}

# Takes the URL apart: sets redis_scheme, redis_kind (the scheme without TLS), redis_tls (how redis-cli is told of TLS),
# redis_user, redis_places (host:port,...), redis_path (/database, /NAME/database or nothing), redis_database, redis_master
# (NAME, of sentinels), and of a single server redis_host and redis_at.
parse_redis_url() {
  local url=${ORDERSHOP_REDIS_URL:-$(own_redis_url)}
  local place='(\[[^]]+\]|[^]:/@[,]+)(:[0-9]+)?'
  local pattern="^(rediss?(\+sentinel|\+cluster)?)://(([^@:/]+)@)?($place(,$place)*)((/[^/]*)?(/([0-9]*))?)\$"
  redis_host='' redis_at='' redis_master=''
  [[ $url =~ $pattern ]] || refuse_redis_url
  redis_scheme=${BASH_REMATCH[1]} redis_kind=${BASH_REMATCH[1]/#rediss/redis} redis_user=${BASH_REMATCH[4]} redis_places=${BASH_REMATCH[5]} redis_path=${BASH_REMATCH[11]}
  read_redis_tls
  case $redis_kind in
  redis)
    [[ $redis_path =~ ^(/[0-9]*)?$ && $redis_places != *,* ]] || refuse_redis_url
    redis_database=${redis_path#/}
    read_redis_place "$redis_places" 6379
    ;;
  redis+sentinel)
    [[ $redis_path =~ ^/([^/]+)(/([0-9]*))?$ ]] || refuse_redis_url
    redis_master=${BASH_REMATCH[1]} redis_database=${BASH_REMATCH[3]}
    ;;
  redis+cluster) [[ $redis_path =~ ^/?$ ]] || refuse_redis_url ;;
  esac
  redis_database=${redis_database:-0}
}

# The same files as the services have.
read_redis_tls() {
  redis_tls=()
  [ "$redis_scheme" != "$redis_kind" ] || return 0
  redis_tls=(--tls ${ORDERSHOP_REDIS_TLS_CA_FILE:+--cacert "$ORDERSHOP_REDIS_TLS_CA_FILE"}
    ${ORDERSHOP_REDIS_TLS_CERTIFICATE_FILE:+--cert "$ORDERSHOP_REDIS_TLS_CERTIFICATE_FILE"}
    ${ORDERSHOP_REDIS_TLS_KEY_FILE:+--key "$ORDERSHOP_REDIS_TLS_KEY_FILE"})
}

refuse_redis_url() {
  misuse "ORDERSHOP_REDIS_URL must be redis://[user@]host[:port][/database], redis+sentinel://[user@]host:port,.../NAME or" \
    "redis+cluster://[user@]host:port,..., or begin with rediss for TLS; a password comes by ORDERSHOP_REDIS_PASSWORD_FILE"
}

read_redis_place() { # read_redis_place HOST[:PORT] DEFAULT-PORT: sets redis_host and redis_at
  redis_at=$2 redis_host=$1
  if [[ $1 =~ ^(.*[^:]|\[.*\]):([0-9]+)$ ]]; then redis_host=${BASH_REMATCH[1]} redis_at=${BASH_REMATCH[2]}; fi
  redis_host=${redis_host#[} redis_host=${redis_host%]}
}

# Sets redis_host and redis_at to where the master is, or in a cluster, to a node that lives; the first that tells it counts.
# Where nobody does, to the last one that was asked.
find_redis() {
  local place answer
  [ "$redis_kind" != redis ] || return 0
  for place in ${redis_places//,/ }; do
    if [ "$redis_kind" = redis+cluster ]; then
      read_redis_place "$place" 6379
      [ -n "$(ask_redis_place PING 2>/dev/null)" ] || continue # refused for lack of a password, it lives
      return 0
    fi
    read_redis_place "$place" 26379
    answer=$(ask_sentinel SENTINEL GET-MASTER-ADDR-BY-NAME "$redis_master" 2>/dev/null) || continue
    [[ $answer =~ ^([^[:space:]]+)[[:space:]]([0-9]+)$ ]] || continue
    redis_host=${BASH_REMATCH[1]} redis_at=${BASH_REMATCH[2]}
    return 0
  done
}

ask_redis_place() { timeout 2 "$(redis_cli_program)" "${redis_tls[@]}" -h "$redis_host" -p "$redis_at" "$@" </dev/null; }

ask_sentinel() {
  local password=
  if [ -n "${ORDERSHOP_REDIS_SENTINEL_PASSWORD_FILE:-}" ]; then
    IFS= read -r password 2>/dev/null <"$ORDERSHOP_REDIS_SENTINEL_PASSWORD_FILE" || [ -n "$password" ] || password=
  fi
  REDISCLI_AUTH=$password ask_redis_place --no-auth-warning \
    ${ORDERSHOP_REDIS_SENTINEL_USER:+--user "$ORDERSHOP_REDIS_SENTINEL_USER"} "$@"
}

# The URL and the password file for a service.
redis_url_of() {
  local user=$redis_user
  [ -z "$(redis_users)" ] || user=$1
  printf '%s://%s%s%s' "$redis_scheme" "${user:+$user@}" "$redis_places" "$redis_path"
}

redis_password_file_of() {
  if [ -n "$(redis_users)" ]; then
    printf '%s/%s.password' "$(redis_users)" "$1"
  else
    printf '%s' "${ORDERSHOP_REDIS_PASSWORD_FILE:-}"
  fi
}

# VARIABLE=VALUE for each that tells a service where Redis is, a line each. A service that reads all looks for others' streams,
# too, for which any of several Redises will do.
redis_variables() { # redis_variables SERVICE
  local owner
  if ! has_redis_each || [ "${read_by[$1]}" = all ]; then print_redis_variables ORDERSHOP_REDIS "$1"; fi
  ! has_prefix_each || printf 'ORDERSHOP_KEY_PREFIX=%s\n' "$(key_prefix)"
  has_log_each || return 0
  for owner in "${owners[@]}"; do
    ! uses_redis_of "$1" "$owner" || of_redis "$owner" print_own_variables "ORDERSHOP_${owner^^}" "$1"
  done
}

print_own_variables() { # print_own_variables PREFIX SERVICE
  if has_prefix_each; then
    printf '%s_KEY_PREFIX=%s\n' "$1" "$(key_prefix)"
  else
    print_redis_variables "${1}_REDIS" "$2"
  fi
}

print_redis_variables() { # print_redis_variables PREFIX SERVICE
  printf '%s_URL=%s\n' "$1" "$(redis_url_of "$2")"
  printf '%s_PASSWORD_FILE=%s\n' "$1" "$(redis_password_file_of "$2")"
}

# Asks the shop's Redis as a user of it; the password travels by environment, never as an argument. For no longer than
# `redis_seconds`, if that is set: redis-cli itself would wait for ever for one that is frozen.
redis_cli_as() { # redis_cli_as USER ARGUMENT...
  local user=$1 file password=
  shift
  file=$(redis_password_file_of "$user")
  [ -n "$(redis_users)" ] || user=$redis_user
  if [ -n "$file" ]; then IFS= read -r password 2>/dev/null <"$file" || [ -n "$password" ] || password=; fi
  find_redis
  [ "$redis_kind" != redis+cluster ] || find_redis_node
  ask_redis "$@"
}

ask_redis() { # as `user` with `password` of redis_cli_as
  env -u REDISCLI_AUTH ${password:+REDISCLI_AUTH="$password"} ${redis_seconds:+timeout "$redis_seconds"} \
    "$(redis_cli_program)" --no-auth-warning "${redis_tls[@]}" \
    -h "$redis_host" -p "$redis_at" -n "$redis_database" ${user:+--user "$user"} "$@"
}

# All keys with one prefix are in one slot: goes from any node to the one that has it.
find_redis_node() {
  local answer redis_seconds=${redis_seconds:-5}
  answer=$(ask_redis GET "$(key_prefix)$clock_key" 2>/dev/null </dev/null) || true
  if [[ $answer =~ ^MOVED\ [0-9]+\ (.*):([0-9]+) ]]; then redis_host=${BASH_REMATCH[1]} redis_at=${BASH_REMATCH[2]}; fi
}

# As one who may read and watch everything.
shop_redis_cli() { redis_cli_as operator "$@"; }

redis_answer() { redis_seconds=5 shop_redis_cli ping 2>&1 </dev/null || true; }

one_redis_answers() { [ "$(redis_answer)" = PONG ]; }

# Do all of them?
redis_answers() {
  local owner
  for owner in $(redis_owners); do of_redis "$owner" one_redis_answers || return 1; done
}

# One sentence for each that doesn't answer: why, and what to do.
explain_redis() {
  local owner
  for owner in $(redis_owners); do of_redis "$owner" explain_one_redis; done
}

explain_one_redis() {
  local answer where
  find_redis
  where="Redis at $redis_host:$redis_at"
  answer=$(redis_answer)
  case $answer in
  PONG) ;;
  *WRONGPASS* | *NOAUTH*)
    if redis_is_ours; then
      echo "$where does not know the users in $(redis_users): it was started before there were any, or is another" \
        "shop's. Stop it (down.sh) and start it again (up.sh), or choose another ORDERSHOP_REDIS_PORT"
    elif [[ $answer != *WRONGPASS* ]]; then
      echo "$where wants a password: set ORDERSHOP_REDIS_PASSWORD_FILE, or ORDERSHOP_REDIS_USERS"
    elif [ -n "$(redis_users)" ]; then
      echo "$where refuses user operator or its password: check that it has loaded $(redis_users)/users.acl (ACL LOAD)"
    else
      echo "$where refuses the user or the password: check ORDERSHOP_REDIS_URL and ORDERSHOP_REDIS_PASSWORD_FILE"
    fi
    ;;
  *NOPERM*) echo "$where does not let this user ask: load users.acl there (deploy/redis/README.md): $answer" ;;
  *LOADING*) echo "$where is still loading its data: try again in a while" ;;
  *)
    if redis_is_ours; then
      echo "$where does not answer; start it first: up.sh redis"
    else
      echo "$where, the address in ORDERSHOP_REDIS_URL, does not answer${answer:+: $answer}"
    fi
    ;;
  esac
}

# The files that must be there before anything is started.
check_redis_files() {
  local service file
  redis_cli_program >/dev/null ||
    fail "there is no redis-cli: install the package redis-tools or valkey-tools, or run up.sh without --no-install"
  if redis_is_ours; then
    redis_server_program >/dev/null ||
      fail "there is no redis-server: install the package redis-server or valkey-server, or run up.sh without --no-install"
    [ -r "$redis_conf" ] || fail "can't read Redis' configuration $redis_conf: the source tree isn't whole"
    return 0
  fi
  for service in operator "${wanted_services[@]}"; do
    file=$(redis_password_file_of "$service")
    [ -n "$file" ] || continue
    if [ ! -r "$file" ] || [ ! -s "$file" ]; then
      fail "can't read a password from $file: make it with deploy/redis/make_users.sh, or write the password into it"
    fi
  done
}
