# shellcheck shell=bash
# shellcheck disable=SC2154 # what begins with shop_ is of shop.sh
# A bare Debian with systemd, booted in namespaces of its own; as root. Sourced after tests/lib/shop.sh; ends with the
# test.
#
#   make_root                     # the Debian of this machine, minimal, in $root; in_root COMMANDS installs there
#   boot_machine                  # its systemd, without network
#   on_machine 'systemctl ...'    # COMMANDS there, by bash -eu

sources=/etc/apt/sources.list.d/debian.sources
[ "$(id -u)" = 0 ] || skip "a bare Debian is made by root"
for tool in debootstrap unshare nsenter; do
  command -v $tool >/dev/null || skip "there is no $tool here"
done
[ -f $sources ] || skip "there is no $sources to take packages from"
cgroup=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
if [ -z "$cgroup" ] || ! mkdir "$cgroup/ordershop-packages-$$" 2>/dev/null; then
  skip "systemd can't be booted here: no cgroup2 to write to"
fi
cgroup=$cgroup/ordershop-packages-$$
root=$shop_folder/root init=

# systemd has made groups below it; a group can go when its last process has ended.
remove_cgroup() { find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null; }

end_machine() {
  local status=$?
  [ -z "$init" ] || kill -KILL "$init" 2>/dev/null || true
  [ -z "$init" ] || wait "$init" 2>/dev/null || true
  wait_until 60 remove_cgroup || true
  rm -rf --one-file-system "$root"
  return "$status"
}
trap 'end_machine; shop_end' EXIT

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
