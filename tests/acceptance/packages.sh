#!/usr/bin/env bash
# The Debian packages on a bare Debian with systemd: install, run the shop by its units, play the demo, build a service
# of one's own against the library, remove. As root; needs debootstrap, dpkg-dev and the package sources of this machine.
# suite-seconds: 900
# shellcheck disable=SC2016 # commands for the machine expand there
[ "${ORDERSHOP_TEST_SLOWNESS:-1}" = 1 ] || {
  echo "not applicable: packages are built without sanitizers"
  exit 77
}
. "$ORDERSHOP_SOURCE/tests/lib/shop.sh"

sources=/etc/apt/sources.list.d/debian.sources
[ "$(id -u)" = 0 ] || skip "a bare Debian is made by root"
for tool in debootstrap dpkg-shlibdeps file unshare nsenter; do
  command -v $tool >/dev/null || skip "there is no $tool here"
done
[ -f $sources ] || skip "there is no $sources to take packages from"
cgroup=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
if [ -z "$cgroup" ] || ! mkdir "$cgroup/ordershop-packages-$$" 2>/dev/null; then
  skip "systemd can't be booted here: no cgroup2 to write to"
fi
cgroup=$cgroup/ordershop-packages-$$
debs=$shop_folder/debs root=$shop_folder/root init=

# systemd has made groups below it; a group can go when its last process has ended.
remove_cgroup() { find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null; }

end_machine() {
  local status=$?
  [ -z "$init" ] || kill -KILL "$init" 2>/dev/null || true
  [ -z "$init" ] || wait "$init" 2>/dev/null || true
  wait_until 10 remove_cgroup || true
  rm -rf --one-file-system "$root"
  return "$status"
}
trap 'end_machine; shop_end' EXIT

# --- The machine ---

make_root() {
  local suite mirror
  # shellcheck source=/dev/null
  suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
  mirror=$(awk '/^URIs:/ { print $2; exit }' $sources)
  debootstrap --variant=minbase --include=ca-certificates,dbus,systemd "$suite" "$root" "$mirror"
  rm -f "$root/etc/apt/sources.list"
  cp $sources "$root/etc/apt/sources.list.d/"
  cp -r /etc/apt/auth.conf.d/. "$root/etc/apt/auth.conf.d/" 2>/dev/null || true
  cp /etc/apt/apt.conf.d/99* "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
  cp /etc/resolv.conf /etc/hosts "$root/etc/"
  cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
  cp -r "$debs" "$ORDERSHOP_SOURCE/tests/packages/outside" "$root/root/"
}

# Runs a command in the root, which is not booted; with this machine's network.
in_root() {
  unshare --mount --pid --fork --kill-child --root="$root" --wd=/root -- /bin/bash -euc \
    "mount -t proc proc /proc; export DEBIAN_FRONTEND=noninteractive; $1"
}

# Runs a command on the booted machine.
on_machine() { nsenter -t "$(pgrep -P "$init" | head -n 1)" -a env -i PATH="$PATH" HOME=/root /bin/bash -euc "cd; $1"; }

machine_is_up() { [ "$(on_machine 'systemctl is-system-running || true' 2>/dev/null)" = running ]; }

boot_machine() {
  (
    echo "$BASHPID" >"$cgroup/cgroup.procs"
    exec unshare --mount --pid --uts --ipc --net --cgroup --fork --kill-child bash \
      "$ORDERSHOP_SOURCE/tests/packages/boot.sh" "$root"
  ) >"$(log_of machine)" 2>&1 </dev/null 5>&- &
  init=$!
  wait_until 60 machine_is_up
}

list_files() {
  (cd "$root" && find . -xdev \( -path ./var/cache -o -path ./var/lib/apt -o -path ./var/lib/dpkg -o -path ./var/log \
    -o -path ./var/lib/systemd -o -path ./var/tmp -o -path ./tmp -o -path ./root -o -path ./run \) -prune -o -print | LC_ALL=C sort)
}

# --- What is expected ---

# documented TAG: the commands of the operators' guide
documented() { "$ORDERSHOP_SOURCE/tests/lib/documented_commands.py" print "$1" "$ORDERSHOP_SOURCE/docs/operating.md"; }

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

demo_holds() { on_machine 'ordershop demo | tail -n 20' | tee /dev/stderr | grep -qx 'All of it held.'; }
mails_lie_in_the_folder() { on_machine 'ls /var/lib/ordershop/mail | grep -c .'; }
services_are_not_root() {
  ! on_machine 'for service in customer mail; do cat /proc/$(systemctl show -p MainPID --value ordershop@$service)/status; done' |
    grep -E '^Uid:[[:space:]]+0|^CapEff:.*[1-9a-f]|^NoNewPrivs:[[:space:]]+0'
}
others_passwords_are_hidden() {
  ! on_machine 'pid=$(systemctl show -p MainPID --value ordershop@crm)
    nsenter -t $pid -m -S $(stat -c %u /proc/$pid) cat /etc/ordershop/redis/crm.password'
}
killed_service_comes_back() {
  on_machine 'systemctl kill -s KILL ordershop@order'
  wait_until 20 on_machine 'ordershop health >/dev/null 2>&1'
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
  on_machine "redis-server --port 7000 --save '' --daemonize yes >/dev/null
    export ORDERSHOP_REDIS_URL=redis://127.0.0.1:7000/0
    $1/ordershop-note >note.log 2>&1 & service=\$!
    trap 'kill \$service; wait \$service; redis-cli -p 7000 shutdown nosave' EXIT
    [ \"\$($1/ordershop-note_client 127.0.0.1:50058 hello)\" = 'hello 1' ]
    for try in \$(seq 200); do [ \"\$(redis-cli -p 7000 hexists note_counts hello)\" = 1 ] && exit 0; sleep 0.05; done
    cat note.log; exit 1"
}

removing_stops_all() {
  on_machine "$(documented packages-remove)"
  ! on_machine 'pgrep -l ^ordershop- || systemctl is-active redis-server@ordershop'
}
purge_leaves_only_data() {
  list_files >"$shop_folder/files.after"
  ! LC_ALL=C comm -13 "$shop_folder/files.before" "$shop_folder/files.after" | grep -vE \
    '^\./(etc/ordershop(/redis(/[a-z]+\.password|/users\.acl)?)?|var/lib/(private|private/ordershop/.*|private/ordershop|ordershop|ordershop/mail|redis-ordershop.*))$' ||
    return 1
  [ -z "$(LC_ALL=C comm -23 "$shop_folder/files.before" "$shop_folder/files.after")" ]
}

expect "packages are built" build_packages
rm -rf "$debs/build"
make_root >"$(log_of debootstrap)" 2>&1 || fail "can't make a bare Debian"
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
expect "a service does not see the passwords of others" others_passwords_are_hidden
expect "the demo holds" demo_holds
expect "mails lie in the folder" mails_lie_in_the_folder
expect "a killed service comes back" killed_service_comes_back
expect "a wrong setting fails the start and is named in the journal" wrong_setting_fails_the_start_and_is_named
expect "every installed header compiles alone" headers_stand_alone
expect "a service outside the tree builds by pkg-config and by CMake" outside_service_builds
expect "it serves and reacts to its events, built by make" outside_service_works /root/by-make
expect "it serves and reacts to its events, built by CMake" outside_service_works /root/by-cmake
expect "the documented removal stops all" removing_stops_all
expect "and leaves only data" purge_leaves_only_data
shop_done
