# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # what begins with shop_ is of shop.sh
# A private shop (shop.sh, which is sourced before) with a Redis for each service that owns something, at the ports from the
# tenth of the shop's twenty on.

readonly apart_first_port=10

apart_port() { # apart_port OWNER
  local i
  for i in "${!shop_owners[@]}"; do
    [ "${shop_owners[i]}" != "$1" ] || echo $((shop_port_base + apart_first_port + i))
  done
}

apart_redis() { redis-cli -h 127.0.0.1 -p "$(apart_port "$1")" "${@:2}"; } # apart_redis OWNER ARGUMENT...

apart_answers() { [ "$(apart_redis "$1" ping 2>/dev/null </dev/null)" = PONG ]; }

# apart_redis_start OWNER: on the folder redis-OWNER, which may have data. The only user that may do everything is the test's
# own.
apart_redis_start() {
  local users=$shop_folder/users-$1
  "$ORDERSHOP_SOURCE/deploy/redis/make_users.sh" "$users" --of "$1" "${shop_users_arguments[@]}"
  sed -i 's/^user default .*/user default on nopass ~* \&* +@all/' "$users/users.acl"
  mkdir -p "$shop_folder/redis-$1"
  launch "redis-$1" redis-server "$ORDERSHOP_SOURCE/deploy/redis/transactional.conf" --bind 127.0.0.1 \
    --port "$(apart_port "$1")" --dir "$shop_folder/redis-$1" --aclfile "$users/users.acl"
  wait_until 60 apart_answers "$1"
}

# apart_service_start NAME: with the URLs of all Redises that have a user for it
apart_service_start() {
  local owner variables=()
  for owner in "${shop_owners[@]}"; do
    [ -e "$shop_folder/users-$owner/$1.password" ] || continue
    variables+=("ORDERSHOP_${owner^^}_REDIS_URL=redis://$1@127.0.0.1:$(apart_port "$owner")/0"
      "ORDERSHOP_${owner^^}_REDIS_PASSWORD_FILE=$shop_folder/users-$owner/$1.password")
  done
  service_start "$1" "${variables[@]}"
}
