#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# The Debian packages on a bare Debian with systemd: install, run the shop by its units, play the demo, build a service
# of one's own against the library, upgrade while it runs and go back, turn mutual TLS on and off, remove. As root; needs
# debootstrap, dpkg-dev and the package sources of this machine.
# suite-seconds: 2400
# shellcheck disable=SC2016 # commands for the machine expand there

# --- As in all scripts: what the caller's shell was told, or lacks, changes nothing here -----------------------------
[[ $- == *p* && -z ${POSIXLY_CORRECT+set} ]] || exec env -u POSIXLY_CORRECT bash -p -- "$0" "$@"
unset CDPATH BASH_ENV GLOBIGNORE
export -n SHELLOPTS BASHOPTS
export LC_ALL=C.UTF-8 HOME=${HOME:-~}
[[ ${TMPDIR:-/} == /* ]] || export TMPDIR=$PWD/$TMPDIR
[ -e /dev/fd/0 ] || exec </dev/null
[ -e /dev/fd/1 ] || exec >/dev/null
[ -e /dev/fd/2 ] || exec 2>/dev/null
set -euo pipefail

[ "${ORDERSHOP_TEST_SLOWNESS:-1}" = 1 ] || {
  echo "not applicable: packages are built without sanitizers"
  exit 77
}
. "$ORDERSHOP_SOURCE/tests/lib/shop.sh"
for tool in dpkg-shlibdeps file; do
  command -v $tool >/dev/null || skip "there is no $tool here"
done
. "$ORDERSHOP_SOURCE/tests/packages/machine.sh"

debs=$shop_folder/debs

list_files() {
  (cd "$root" && find . -xdev \( -path ./var/cache -o -path ./var/lib/apt -o -path ./var/lib/dpkg -o -path ./var/log \
    -o -path ./var/lib/systemd -o -path ./var/tmp -o -path ./tmp -o -path ./root -o -path ./run \) -prune -o -print | LC_ALL=C sort)
}

# --- What is expected ---

# documented TAG: the commands of the operators' guide, or of what it says of certificates
documented() {
  "$ORDERSHOP_SOURCE/tests/lib/documented_commands.py" print "$1" "$ORDERSHOP_SOURCE"/docs/{operating,certificates}.md
}

build_packages() { (cd "$ORDERSHOP_SOURCE" && eval "$(documented packages-build) $debs"); }

install_packages() {
  in_root "apt-get update -qq; ln -s debs build-packages; $(documented packages-install)
    apt-get install -y -qq --no-install-recommends gcc make cmake ninja-build pkg-config protobuf-compiler \
      protobuf-c-compiler libprotobuf-dev"
}

first_purge_leaves_nothing() {
  in_root 'dpkg --purge ordershop-services ordershop-client libordershop-dev'
  list_files >"$shop_folder/files.before"
  ! grep ordershop "$shop_folder/files.before"
}

installing_starts_nothing() {
  [ "$(on_machine "systemctl list-units 'ordershop*' 'redis-server@*' --no-legend --all --state=active")" = '' ] &&
    [ "$(on_machine 'systemctl is-enabled ordershop.target || true')" = disabled ]
}

without_passwords_systemd_names_the_file() {
  on_machine 'systemctl start ordershop.target' # as long as it is up, systemd remembers how starts of its parts failed
  ! on_machine 'systemctl start ordershop@customer' &&
    on_machine 'systemctl status --no-pager ordershop@customer || true' |
    grep -F 'AssertPathExists=/etc/ordershop/redis/customer.password was not met' &&
    on_machine 'systemctl stop ordershop.target'
}

documented_steps_start_the_shop() { on_machine "$(documented packages)"; }

services_are_exposed_little() { # at most 2.0 of 10
  on_machine 'for service in customer mail; do
    systemd-analyze security --offline=true --threshold=20 --no-pager ordershop@$service.service; done'
}

units_are_right() { on_machine 'systemd-analyze verify ordershop.target ordershop@customer.service ordershop@mail.service'; }

demo_holds() { on_machine 'ordershop demo | tail -n 20' | tee /dev/stderr | grep -x 'All of it held.'; }
mails_lie_in_the_folder() { on_machine 'ls /var/lib/ordershop/mail | grep -c .'; }
services_are_not_root() {
  ! on_machine 'for service in customer mail; do cat /proc/$(systemctl show -p MainPID --value ordershop@$service)/status; done' |
    grep -E '^Uid:[[:space:]]+0|^CapEff:.*[1-9a-f]|^NoNewPrivs:[[:space:]]+0'
}
seen_by_crm() { on_machine "ls -A /proc/\$(systemctl show -p MainPID --value ordershop@crm)/root$1"; }
passwords_are_hidden() {
  seen_by_crm /etc/ordershop | grep -x redis && [ "$(seen_by_crm /etc/ordershop/redis)" = '' ]
}
killed_service_comes_back() {
  on_machine 'systemctl kill -s KILL ordershop@order'
  wait_until 60 on_machine 'ordershop health >/dev/null 2>&1'
}
# As a power cut leaves it: a transaction that has only begun.
torn_log_is_mended_before_the_start() {
  on_machine 'systemctl stop redis-server@ordershop
    printf "*1\r\n\$5\r\nMULTI\r\n*3\r\n\$3\r\nSET\r\n\$1" >>/var/lib/redis-ordershop/appendonlydir/appendonly.aof.1.incr.aof
    systemctl start redis-server@ordershop; ordershop health --timeout 60; journalctl --sync
    stat -c "%U %a" /var/lib/redis-ordershop/appendonlydir/*.torn-* | diff - <(echo redis 600)
    journalctl -b -u redis-server@ordershop -o cat' | grep 'ended within a transaction.*its last 30 of'
}
damaged_log_is_not_started_on() {
  on_machine 'systemctl stop redis-server@ordershop
    cd /var/lib/redis-ordershop/appendonlydir; echo what >>appendonly.aof.1.incr.aof
    if systemctl start redis-server@ordershop; then echo it has started; fi
    truncate -s -5 appendonly.aof.1.incr.aof; systemctl reset-failed redis-server@ordershop
    systemctl start redis-server@ordershop; ordershop health --timeout 60; journalctl --sync
    journalctl -b -u redis-server@ordershop -o cat' >"$shop_folder/journal"
  ! grep 'it has started' "$shop_folder/journal" &&
    grep 'appendonly.aof.1.incr.aof is damaged at byte [0-9]*: no command begins here' "$shop_folder/journal"
}
# As after an upgrade from a version that made none.
redis_starts_without_replication_file() {
  on_machine 'cd /etc/ordershop/redis; mv replication.conf /root
    trap "mv /root/replication.conf ." EXIT
    systemctl restart redis-server@ordershop; ordershop health --timeout 60'
}
wrong_setting_fails_the_start_and_is_named() {
  on_machine 'echo ORDERSHOP_GRACE_SECONDS=soon >>/etc/ordershop/crm.env'
  ! on_machine 'systemctl restart ordershop@crm' || return 1
  on_machine 'journalctl -b -u ordershop@crm' | grep ORDERSHOP_GRACE_SECONDS || return 1
  on_machine 'sed -i /GRACE/d /etc/ordershop/crm.env; systemctl reset-failed ordershop@crm; systemctl restart ordershop@crm'
}

outside_service_builds() { # by make and pkg-config, by CMake
  on_machine 'cd outside; make OUT=/root/by-make; cmake -S . -B /root/by-cmake -G Ninja; cmake --build /root/by-cmake'
}
headers_stand_alone() {
  on_machine 'flags=$(pkg-config --cflags ordershop-client); cd /usr/include/ordershop/runtime; find . -name "*.h" | while read -r header; do
    echo "#include \"${header#./}\"" | gcc -x c -std=gnu11 -fsyntax-only $flags - || exit 1; done
    cd ..; for header in client/*.h; do
    echo "#include \"$header\"" | gcc -x c -std=gnu11 -fsyntax-only $flags - || exit 1; done'
}
outside_service_works() { # FOLDER
  on_machine "within_a_minute() { for try in \$(seq 1200); do \"\$@\" && return; sleep 0.05; done; return 1; }
    redis_answers() { [ \"\$(redis-cli -p 7000 ping 2>&1)\" = PONG ]; }
    service_is_ready() { $1/notebook-note --check-health >/dev/null 2>&1; }
    event_is_handled() { [ \"\$(redis-cli -p 7000 hexists note_counts hello)\" = 1 ]; }
    redis-server --port 7000 --save '' --daemonize yes >/dev/null
    within_a_minute redis_answers
    export NOTEBOOK_REDIS_URL=redis://127.0.0.1:7000/0
    $1/notebook-note >note.log 2>&1 & service=\$!
    trap 'kill \$service; wait \$service; redis-cli -p 7000 shutdown nosave' EXIT
    within_a_minute service_is_ready
    [ \"\$($1/notebook-note_client 127.0.0.1:50059 hello)\" = 'hello 1' ]
    within_a_minute event_is_handled || { cat note.log; exit 1; }"
}

# --- An upgrade ---

# The same packages once more, as a version of which product.env is another.
repack_as_newer() {
  local package content=$shop_folder/content
  mkdir -p "$root/root/newer"
  for package in "$debs"/*.deb; do
    dpkg-deb --raw-extract "$package" "$content" || return 1
    sed -i -E "/^Version:/ s/\$/+newer/; /^(Depends|Recommends):/ s/\(= ($version)\)/(= \1+newer)/g" "$content/DEBIAN/control"
    [ ! -e "$content/etc/ordershop/product.env" ] || echo '# newer' >>"$content/etc/ordershop/product.env"
    dpkg-deb --build -Zgzip --root-owner-group "$content" "$root/root/newer" || return 1
    rm -r "$content"
  done
}

# One customer has a welcome, thanks and a request for payment; another has nothing yet, because crm is stopped.
leave_a_shop_to_upgrade() {
  on_machine 'ada=$(ordershop customer create --name Ada --email ada@upgrade.example --quiet)
    kettle=$(ordershop product create --name Kettle --price 12.34 --quiet)
    ordershop stock create --product $kettle --amount 10 --quiet
    ordershop order create --customer $ada --product $kettle --quiet >order-before'
  wait_until 60 mails_are 3 ada@upgrade.example || return 1
  on_machine 'systemctl stop ordershop@crm
    ordershop customer create --name Grace --email grace@upgrade.example --quiet
    echo ORDERSHOP_LOG_FORMAT=json >>/etc/ordershop/common.env
    systemctl show -p MainPID --value "ordershop@*" >pids-before
    systemctl show -p MainPID --value redis-server@ordershop >redis-before
    date +%s >upgraded-at'
}

mails_are() { # mails_are COUNT ADDRESS
  [ "$(on_machine "ordershop mail list --to $2 --json" | grep -c '"id"')" = "$1" ]
}

# install_as_documented TAG FOLDER: with the packages of that folder of the machine
install_as_documented() { on_machine "ln -sfn $2 build-packages; $(documented "$1")"; }

versions_are() { # versions_are VERSION
  local versions
  versions=$(on_machine 'dpkg-query --show --showformat="\${Version} " ordershop-services ordershop-client libordershop-dev')
  echo "$versions" && [ "$versions" = "$1 $1 $1 " ]
}

# Each is another process than before, of the file that is installed now.
running_services_are_restarted() {
  on_machine 'for service in customer product inventory order billing mail; do
    pid=$(systemctl show -p MainPID --value ordershop@$service); echo $service $pid $(readlink /proc/$pid/exe)
    [ $(grep -cx $pid pids-before) = 0 ]; [ "$(readlink /proc/$pid/exe)" = /usr/bin/ordershop-$service ]; done
    ordershop health --timeout 60 customer product inventory order billing mail'
}

stopped_service_stays_stopped() { [ "$(on_machine 'systemctl is-active ordershop@crm || true')" = inactive ]; }
redis_runs_on() { on_machine 'systemctl show -p MainPID --value redis-server@ordershop | diff redis-before -'; }
order_is_there() { on_machine 'ordershop order get $(cat order-before)'; }

changed_settings_stay() { # and hold; an unchanged file is the newer package's
  on_machine 'grep -x ORDERSHOP_LOG_FORMAT=json /etc/ordershop/common.env; grep -x "# newer" /etc/ordershop/product.env
    [ -z "$(find /etc/ordershop -name "*.dpkg-*")" ]
    journalctl -b -u ordershop@order -o cat --since "@$(cat upgraded-at)" | grep "^{.*\"level\""'
}

mails_come_once() {
  on_machine 'systemctl start ordershop@crm'
  wait_until 60 mails_are 1 grace@upgrade.example && mails_are 3 ada@upgrade.example
}

going_back_works() {
  install_as_documented packages-downgrade debs && on_machine 'ordershop health --timeout 60' && order_is_there &&
    mails_are 3 ada@upgrade.example && mails_are 1 grace@upgrade.example
}

# --- Mutual TLS ---

tls_is_turned_on() {
  on_machine "$(documented packages-tls; documented packages-tls-hand-out; documented packages-tls-on)" |
    tee /dev/stderr | grep -x 'All of it held.'
}

others_keys_are_hidden() {
  [ "$(seen_by_crm /etc/ordershop/tls)" = crm ] &&
    ! on_machine 'setpriv --reuid=nobody --regid=nogroup --clear-groups cat /etc/ordershop/tls/crm/crm.key'
}

serves_its_new_certificate() {
  on_machine 'openssl s_client -connect 127.0.0.1:50051 -alpn h2 2>/dev/null </dev/null | openssl x509 -noout -serial |
    diff - <(openssl x509 -noout -serial -in /etc/ordershop/tls/customer/customer.crt)'
}
renewed_certificate_is_served_without_a_restart() {
  local before
  before=$(on_machine 'systemctl show -p MainPID --value ordershop@customer')
  on_machine "$(documented packages-tls | sed -n 1p)
    /usr/share/ordershop/tls/certificates.sh \$certificates renew customer
    $(documented packages-tls-hand-out)"
  wait_until 60 serves_its_new_certificate &&
    [ "$(on_machine 'systemctl show -p MainPID --value ordershop@customer')" = "$before" ]
}

# unfit_key_is_named BREAK SENTENCE: so the service does not start; with the key as it was it does
unfit_key_is_named() {
  on_machine "cd /etc/ordershop/tls/customer; cp -p customer.key /root/; $1
    if systemctl restart ordershop@customer; then echo 'it has started'; fi
    systemctl status --no-pager --full ordershop@customer >/root/status || true
    journalctl --sync; journalctl -b -u ordershop@customer -n 5 -o cat >>/root/status
    cp -p /root/customer.key customer.key
    systemctl reset-failed ordershop@customer; systemctl start ordershop@customer; cat /root/status" >"$shop_folder/status"
  cat "$shop_folder/status"
  grep -F "$2" "$shop_folder/status" && ! grep 'it has started' "$shop_folder/status"
}

tls_is_turned_off() { on_machine "$(documented packages-tls-off); ordershop health --timeout 60" && order_is_there; }

# --- Redis that fails over: three servers and three sentinels, of which the second and third are copies of the units ---

copy_of_unit() { # copy_of_unit UNIT PORT NUMBER
  on_machine "sed 's/%H:$2/127.0.0.1:$(($2 + $3 - 1))/; s,/var/lib/[a-z-]*,&-$3,; s,^StateDirectory=.*,&-$3,' \
    /usr/lib/systemd/system/$1.service >/etc/systemd/system/$1-$3.service"
}

several_take_over_from_the_single_redis() {
  local number
  for number in 1 2 3; do
    copy_of_unit ordershop-redis 6380 "$number"
    copy_of_unit ordershop-sentinel 26380 "$number"
  done
  on_machine 'systemctl disable --now redis-server@ordershop
    cat >>/etc/ordershop/redis/failover.env <<END
ORDERSHOP_FAILOVER_SERVERS=127.0.0.1:6380,127.0.0.1:6381,127.0.0.1:6382
ORDERSHOP_FAILOVER_SENTINELS=127.0.0.1:26380,127.0.0.1:26381,127.0.0.1:26382
END
    cp -a /var/lib/redis-ordershop /var/lib/redis-ordershop-1
    mkdir -p /etc/systemd/system/ordershop@.service.d
    cat >/etc/systemd/system/ordershop@.service.d/failover.conf <<END
[Service]
Environment=ORDERSHOP_REDIS_URL=redis+sentinel://%i@127.0.0.1:26380,127.0.0.1:26381,127.0.0.1:26382/shop
END
    systemctl daemon-reload
    systemctl start ordershop-redis-{1,2,3} ordershop-sentinel-{1,2,3}
    echo ORDERSHOP_REDIS_REPLICAS=1 >>/etc/ordershop/common.env
    systemctl restart "ordershop@*"
    ordershop health --timeout 90' && order_is_there
}
stopped_master_hands_over() { # the new master takes writes once its replica follows it; who serves may not know yet
  on_machine 'systemctl stop ordershop-redis-1; journalctl --sync
    if journalctl -b -u ordershop-redis-1 -o cat | grep "^hand_over.sh:"; then exit 1; fi
    ordershop health --timeout 60 || {
      journalctl -b -n 60 -u "ordershop-redis-*" -u "ordershop-sentinel-*" -o short-precise
      exit 1
    }
    until ordershop customer create --name "Grace Hopper" --email grace@example.com --quiet; do
      ((SECONDS < 180)) || exit 1
      sleep 1
    done
    ordershop --timeout 60 demo | tail -n 20' | tee /dev/stderr | grep -x 'All of it held.'
}
its_units_are_right() {
  on_machine 'systemd-analyze verify ordershop-redis.service ordershop-sentinel.service
    systemd-analyze security --offline=true --threshold=30 --no-pager ordershop-redis.service ordershop-sentinel.service'
}
copies_are_removed() {
  on_machine 'systemctl stop ordershop-sentinel-{1,2,3} ordershop-redis-{1,2,3}
    rm -r /etc/systemd/system/ordershop-{redis,sentinel}-[123].service /etc/systemd/system/ordershop@.service.d/failover.conf'
}

# --- The end ---

removing_stops_all() {
  on_machine "$(documented packages-remove)"
  ! on_machine 'pgrep -l ^ordershop- || systemctl is-active redis-server@ordershop ordershop-redis ordershop-sentinel'
}
purge_leaves_only_data() {
  list_files >"$shop_folder/files.after"
  ! LC_ALL=C comm -13 "$shop_folder/files.before" "$shop_folder/files.after" | grep -vE \
    '^\./(etc/ordershop(/redis(/[a-z]+\.password|/users\.acl|/sentinels\.acl|/replication\.conf|/keys\.txt)?|/tls(/[a-z]+(/[a-z]+\.(crt|key))?)?)?|etc/systemd/system/ordershop@\.service\.d|var/lib/(private|private/ordershop/.*|private/ordershop|ordershop|ordershop/(mail|event|archive)|redis-ordershop.*|ordershop-sentinel.*))$' ||
    return 1
  [ -z "$(LC_ALL=C comm -23 "$shop_folder/files.before" "$shop_folder/files.after")" ]
}

expect "packages are built" build_packages
rm -rf "$debs/build"
version=$(dpkg-deb --field "$debs"/ordershop-services_*.deb Version)
make_root >"$(log_of debootstrap)" 2>&1 || fail "can't make a bare Debian"
cp -r "$debs" "$ORDERSHOP_SOURCE/tests/packages/outside" "$root/root/"
expect "the packages install on a bare Debian with what they depend on" install_packages
expect "a purge at once leaves nothing of the shop" first_purge_leaves_nothing
expect "the packages install again" in_root 'dpkg -i debs/*.deb'
if command -v lintian >/dev/null; then
  expect "lintian finds no error in the packages" lintian --allow-root --fail-on error "$debs"/*.deb
fi
boot_machine || fail "systemd does not come up"
expect "installing starts and enables nothing" installing_starts_nothing
expect "a service without its password names the file" without_passwords_systemd_names_the_file
expect "the documented steps start the shop and play the demo" documented_steps_start_the_shop
expect "systemd finds no fault in the units" units_are_right
expect "systemd-analyze sees services exposed at most 2.0 of 10" services_are_exposed_little
expect "services run without root and capabilities" services_are_not_root
expect "a service sees no password but the copy that systemd gives it" passwords_are_hidden
expect "the demo holds" demo_holds
expect "mails lie in the folder" mails_lie_in_the_folder
expect "a killed service comes back" killed_service_comes_back
expect "what a power cut left half-written is mended before Redis starts" torn_log_is_mended_before_the_start
expect "Redis is not started on a log that is damaged otherwise" damaged_log_is_not_started_on
expect "Redis starts without the file that says as whom it follows another" redis_starts_without_replication_file
expect "a wrong setting fails the start and is named in the journal" wrong_setting_fails_the_start_and_is_named
expect "every installed header compiles alone" headers_stand_alone
expect "a service outside the tree builds by pkg-config and by CMake" outside_service_builds
expect "it serves and reacts to its events, built by make" outside_service_works /root/by-make
expect "it serves and reacts to its events, built by CMake" outside_service_works /root/by-cmake
expect "newer packages are made" repack_as_newer
expect "a shop with an order and events that wait is left to be upgraded" leave_a_shop_to_upgrade
expect "the documented upgrade installs them while the shop runs" install_as_documented packages-upgrade newer
expect "... all three" versions_are "$version+newer"
expect "services that ran are restarted from the new files, and serve" running_services_are_restarted
expect "a service that was stopped stays so" stopped_service_stays_stopped
expect "Redis runs on" redis_runs_on
expect "the order made before is there" order_is_there
expect "the operator's settings stay and hold, and other files are the newer ones" changed_settings_stay
expect "each mail is there once, also what came while crm was stopped" mails_come_once
expect "the documented way back works, with all data" going_back_works
expect "... to the versions before" versions_are "$version"
expect "the documented steps turn mutual TLS on, and the demo holds with a client's certificate" tls_is_turned_on
expect "who calls in plain text is told that TLS is spoken" \
  ends_with 3 'speaks TLS: set ORDERSHOP_TLS_CA_FILE' on_machine 'ordershop customer list'
expect "who shows no certificate is told that one is wanted" ends_with 3 'wants a certificate from its callers' \
  on_machine "$(documented packages-tls | sed -n 1p); ordershop --tls-ca-file \$certificates/ca.crt customer list"
expect "a service does not see the keys of others, nor others its own" others_keys_are_hidden
expect "a renewed certificate, handed out as documented, is served without a restart" \
  renewed_certificate_is_served_without_a_restart
expect "a key that is missing is named" unfit_key_is_named 'rm customer.key' \
  'AssertPathExists=/etc/ordershop/tls/customer/customer.key was not met'
expect "a key that the service may not read is named" unfit_key_is_named 'chgrp root customer.key' \
  "/etc/ordershop/tls/customer/customer.key: can't be read"
expect "the documented steps turn it off again" tls_is_turned_off
expect "systemd finds no fault in the units of a Redis that fails over" its_units_are_right
expect "several take over the data of the single Redis" several_take_over_from_the_single_redis
expect "a master that is stopped hands over" stopped_master_hands_over
copies_are_removed
expect "the documented removal stops all" removing_stops_all
expect "and leaves only data" purge_leaves_only_data
shop_done
