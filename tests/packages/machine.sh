# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2154 # what begins with shop_ is of shop.sh
# A bare Debian with systemd, booted in namespaces of its own; as root. Sourced after tests/lib/shop.sh; ends with the
# test.
#
#   make_root                     # the Debian of this machine, minimal, in $root; in_root COMMANDS installs there
#   boot_machine                  # its systemd, without network
#   on_machine 'systemctl ...'    # COMMANDS there, by bash -eu

# shellcheck source-path=SCRIPTDIR source=../lib/debian_root.sh
. "$ORDERSHOP_SOURCE/tests/lib/debian_root.sh"

if obstacle=$(debian_root_obstacle); then skip "$obstacle"; fi
command -v nsenter >/dev/null || skip "there is no nsenter here"
cgroup=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
if [ -z "$cgroup" ] || ! mkdir "$cgroup/ordershop-packages-$$" 2>/dev/null; then
  skip "systemd can't be booted here: no cgroup2 to write to"
fi
cgroup=$cgroup/ordershop-packages-$$
root=$shop_folder/root init=

# systemd has made groups below it; a group can go when its last process has ended.
remove_cgroup() { find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null; }

end_machine() {
  [ -z "$init" ] || kill -KILL "$init" 2>/dev/null || true
  [ -z "$init" ] || wait "$init" 2>/dev/null || true
  wait_until 60 remove_cgroup || true
  rm -rf --one-file-system "$root"
}
shop_at_end+=(end_machine)

make_root() { debian_root_make "$root" "$(debian_release)" dbus systemd; }

# Runs a command in the root, which is not booted; with this machine's network.
in_root() { debian_root_run "$root" "$1"; }

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
