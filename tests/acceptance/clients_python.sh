#!/usr/bin/env bash
# A Python client (grpcio, no generated code) calls every kind of method of a running shop: see python_client.py.
. "$ORDERSHOP_SOURCE/tests/lib/shop.sh"

/usr/bin/python3 -c 'import grpc, google.protobuf' 2>/dev/null || skip "no python3-grpcio or python3-protobuf here"

shop_start
export SHOP_INVENTORY_PID=${shop_pid[inventory]}
status=0
/usr/bin/python3 "$ORDERSHOP_SOURCE/tests/acceptance/python_client.py" >"$shop_folder/client" 2>&1 || status=$?
sed '$d' "$shop_folder/client"
[ $status -eq 0 ] || fail "$(tail -n 1 "$shop_folder/client")"
shop_stop
tail -n 1 "$shop_folder/client"
