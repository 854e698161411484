#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# Makes what Redis needs to know its users: a password for each, and the files for the setting `aclfile`.
#
#   make_users.sh FOLDER [--prefix PREFIX] [--clock KEY] [--waitaof] [--of NAME] [--apart]
#                 [--each PATTERN] [--archive]
#                 [--service NAME [--owns ENTITY,...] [--reads ENTITY,...]]
#
#   FOLDER/<user>.password   random; for the service of that name (ORDERSHOP_REDIS_PASSWORD_FILE), for people (operator)
#                            and for replicas (replica). What is there already is kept: write your own, or remove one
#                            and run this again to change it
#   FOLDER/users.acl         the rules of users.acl beside this script, with the passwords' SHA-256
#   FOLDER/sentinels.acl     the same of sentinels.acl, for sentinels, where the users have the same passwords
#   FOLDER/replication.conf  masteruser and masterauth, for a Redis that follows another, be it only after a failover:
#                            what its place includes (README.md)
#   PREFIX                   the shop's ORDERSHOP_KEY_PREFIX (default: none)
#   KEY                      the clock's key of a brand of your own (default: ordershop_clock). FOLDER/keys.txt remembers
#                            PREFIX and KEY, which are the defaults of further runs. All services of a Redis share the
#                            clock: a further run refuses another KEY
#   --waitaof                services may ask what replicas have on their disks (WAITAOF), which Redis knows since 7.2: an
#                            earlier one does not start with such a file. FOLDER/keys.txt remembers it, too
#   --of NAME                this is the Redis of that service alone (ORDERSHOP_<NAME>_REDIS_URL): of the services only it may
#                            write here, and those that follow it may read its streams. FOLDER/keys.txt remembers it
#   --apart                  other services have Redises of their own (--of): the event service reads them all as one log, for
#                            which it moves the clock of one that is idle on, here, too. FOLDER/keys.txt remembers it
#   --each PATTERN           each service of ../services.txt that owns something has a key prefix of its own
#                            (ORDERSHOP_<NAME>_KEY_PREFIX): PATTERN with its name for <service>, as in '{<service>}:'. It may write
#                            behind that only, and those that follow it may read its streams there. PREFIX remains that of
#                            all others. FOLDER/keys.txt remembers it
#   --archive                the event service takes old events out of Redis (`ordershop archive`): it may trim streams.
#                            FOLDER/keys.txt remembers it
#   --service NAME           a service of your own, beside those of ../services.txt: it may write the keys and streams of
#                            the entities that it owns (default: the one of its name; "-" for none), and read the streams
#                            of those that it reads. FOLDER/services.txt remembers it for further runs: edit that to
#                            change or remove it
#
# A Redis that runs reads a changed file at `ACL LOAD` (as user operator). Only their owner can read the passwords; the
# hashes in users.acl say nothing about passwords as long as these.
# Exit status: 0 done; 1 not, and said why; 2 misuse.

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

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source-path=SCRIPTDIR source=../services.sh
. "$here/../services.sh"

fail() {
  printf 'make_users.sh: %s\n' "$*" >&2
  exit 1
}

misuse() {
  printf 'make_users.sh: %s; see make_users.sh --help\n' "$*" >&2
  exit 2
}

# One line a user, without comments.
list_rules() { # list_rules RULES
  local disks='/^ *waitaof:/d' several='/^ *apart:/d' old='/^ *archive:/d'
  [ "$waitaof" = no ] || disks='s/^ *waitaof: /  /'
  [ -z "$of$each" ] && [ "$apart" = no ] || several='s/^ *apart: /  /'
  [ "$archive" = no ] || old='s/^ *archive: /  /'
  sed "s/^#.*//; /^[[:space:]]*\$/d; $disks; $several; $old" "$1" | awk '
    /^[[:space:]]/ { sub(/^[[:space:]]+/, ""); line = line " " ($1 == "reading:" ? reading($0) : $0); next }
    { if (line != "") print line; line = $0 }
    END { print line }

    # Each word of the line keeps the mark.
    function reading(words,   n, i, parts, text) {
      n = split(words, parts, " ")
      for (i = 2; i <= n; i++) text = text " reading:" parts[i]
      return substr(text, 2)
    }'
}

# On standard input the rules, in which `user <service>` becomes a line for each row of the file SERVICES, and `user
# <observer>` one for each that reads all; or, in the Redis of one service, `user <service>` that one, and `user <reader>` one
# for each that reads its streams. Where services have prefixes of their own, <prefix> becomes <prefix of NAME> where it is
# NAME's, and the rights of a reader are among those of the service that reads.
name_services() { # name_services SERVICES
  awk -v of="$of" -v each="$each" -v shop=" $(service_names | tr '\n' ' ')" '
    FNR == NR { name[++services] = $1; owned[services] = $3; read[services] = $4; if ($1 == of) own = $3; next }
    { line[++lines] = $0; if ($2 == "<reader>") reader = $0 }
    END { for (i = 1; i <= lines; i++) print_users(line[i]) }

    function print_users(rules,   i) {
      $0 = rules
      if ($2 !~ /^<(service|observer|reader)>$/) { print; return }
      for (i = 1; i <= services; i++) {
        if (!is_meant($2, i)) continue
        print rules_of(rules, 1, i, has_prefix(i) ? i : 0, read[i]) rules_elsewhere(rules, i)
        $0 = rules
      }
    }

    function is_meant(user, service) {
      if (user == "<observer>" || read[service] == "all") return user == "<observer>" && read[service] == "all"
      if (user == "<service>") return of == "" || name[service] == of
      if (of == "" || name[service] == of) return 0
      read[service] = common(read[service], own)
      return read[service] != ""
    }

    function has_prefix(service) {
      return each != "" && owned[service] != "-" && index(shop, " " name[service] " ")
    }

    # What is in both lists.
    function common(one, other,   count, entities, i, both) {
      count = split(one, entities, ",")
      for (i = 1; i <= count; i++) {
        if (index("," other ",", "," entities[i] ",")) both = both (both == "" ? "" : ",") entities[i]
      }
      return both
    }

    # Behind the prefixes of others: an observer sees there what it sees elsewhere.
    function rules_elsewhere(rules, service,   i, entities, begun, text) {
      for (i = 1; i <= services; i++) {
        if (i == service || !has_prefix(i)) continue
        if (read[service] == "all") text = text " " rules_of(rules, first_selector(rules), service, i, "-")
        entities = read[service] == "all" ? "" : common(read[service], owned[i])
        if (entities == "") continue
        text = text " " rules_of(reader, begun ? first_selector(reader) : 5, service, i, entities)
        begun = 1
      }
      return text
    }

    function first_selector(rules,   i) {
      $0 = rules
      i = 1
      while (i <= NF && $i !~ /^\(/) i++
      return i
    }

    # The words of `rules` from number `first` on, for that service; `owner`: whose prefix it is, or 0.
    function rules_of(rules, first, service, owner, reads,   text, i, word) {
      $0 = rules
      for (i = first; i <= NF; i++) {
        word = $i
        if (sub(/^reading:/, "", word) && reads == "-") continue
        gsub(/<service>|<observer>|<reader>/, name[service], word)
        if (owner) gsub(/<prefix>/, "<prefix of " name[owner] ">", word)
        word = once_for_each(once_for_each(word, "<owned>", owned[service]), "<read>", reads)
        text = text (word == ")" || i == first ? "" : " ") word
      }
      return text
    }

    # A bracket that closes stays behind the last.
    function once_for_each(word, mark, list,   bracket, count, entities, i, one, text) {
      if (!index(word, mark)) return word
      bracket = sub(/\)$/, "", word) ? ")" : ""
      count = list == "-" ? 0 : split(list, entities, ",")
      for (i = 1; i <= count; i++) {
        one = word
        gsub(mark, entities[i], one)
        text = text (i > 1 ? " " : "") one
      }
      return text bracket
    }' "$1" -
}

# The prefix as part of a pattern, where some characters mean something, and of sed's command.
prefix_pattern() {
  printf '%s' "$1" | sed 's/[][*?\\]/\\&/g' | sed 's/[\\&|]/\\&/g'
}

# Commands of sed that put the prefixes and the clock's key in.
key_substitutions() {
  local name
  while read -r name; do
    printf 's|<prefix of %s>|%s|g\n' "$name" "$(prefix_pattern "${each//<service>/"$name"}")"
  done < <(service_names)
  printf 's|<prefix>|%s|g\ns|<clock>|%s|g\n' "$(prefix_pattern "$prefix")" "$clock_key"
}

make_password() { # make_password FILE
  [ ! -e "$1" ] || return 0
  (
    umask 077
    od -An -v -N32 -tx1 /dev/urandom | tr -d ' \n' >"$1.new"
    printf '\n' >>"$1.new"
  )
  mv "$1.new" "$1"
}

# The rule that a user's password is: its hash.
password_rule() { # password_rule FILE
  local password=
  IFS= read -r password 2>/dev/null <"$1" || [ -n "$password" ] ||
    fail "$1 holds no password: write one into its first line, or remove it to have one made"
  printf '#%s' "$(printf '%s' "$password" | sha256sum | cut -d ' ' -f 1)"
}

print_users() { # print_users FOLDER SERVICES RULES
  local word user rest password
  list_rules "$3" | name_services "$2" | sed "$(key_substitutions)" | while read -r word user rest; do
    password=
    if [ "$user" != default ] && [[ $rest != *nopass* ]]; then
      make_password "$1/$user.password"
      password=$(password_rule "$1/$user.password")
    fi
    printf '%s %s %s\n' "$word" "$user" "${password:+$password }$rest"
  done
}

print_replication() { # print_replication FOLDER
  local password=
  IFS= read -r password <"$1/replica.password" || [ -n "$password" ]
  printf 'masteruser replica\nmasterauth "%s"\n' "$(printf '%s' "$password" | sed 's/["\\]/\\&/g')"
}

# The file SERVICES with that row in place of the one of the same name, or behind the others.
with_service() { # with_service SERVICES NAME OWNS READS
  {
    if [ -e "$1" ]; then
      awk -v name="$2" '$1 != name' "$1"
    else
      printf '# Services of your own in this Redis, as in ordershop/services.txt; make_users.sh reads it again.\n# %s\n' \
        'name  port  owns  reads  calls'
    fi
    printf '%s  -  %s  %s  -\n' "$2" "$3" "$4"
  }
}

# remembered WORD DEFAULT: what FOLDER/keys.txt has behind that word
remembered() {
  local word value
  while read -r word value; do
    [ "$word" != "$1" ] || { printf '%s' "$value" && return; }
  done < <(cat "$folder/keys.txt" 2>/dev/null)
  printf '%s' "$2"
}

# All services of a Redis share its clock: another one would take it from those that are there.
require_same_clock() {
  [ ! -e "$folder/users.acl" ] || [ "$clock_before" = "$clock_key" ] ||
    fail "the clock of this Redis is $clock_before, and $clock_key would take it from its services: give your brand that clock, or change $folder/keys.txt"
}

print_keys() {
  printf '# What make_users.sh was told of this Redis, and takes for told when it runs again.\nprefix %s\nclock %s\nwaitaof %s\nof %s\napart %s\neach %s\narchive %s\n' \
    "$prefix" "$clock_key" "$waitaof" "$of" "$apart" "$each" "$archive"
}

unset prefix # until it is told: it may be empty
folder='' clock='' waitaof='' of='' apart='' each='' archive='' service='' owns='' reads=''
while [ $# -gt 0 ]; do
  case $1 in
  -h | --help)
    sed -n '3,/^$/ s/^# \{0,1\}//p' -- "$0"
    exit 0
    ;;
  --prefix)
    [ $# -ge 2 ] || misuse "--prefix needs a value"
    prefix=$2
    shift
    ;;
  --clock)
    [[ ${2:-} =~ ^[a-z0-9_]+$ ]] || misuse "--clock needs a key of small letters, digits and _"
    clock=$2
    shift
    ;;
  --waitaof) waitaof=yes ;;
  --apart) apart=yes ;;
  --archive) archive=yes ;;
  --each)
    [[ ${2:-} == *'<service>'* && $2 != *[[:space:]]* ]] || misuse "--each needs a prefix with <service> in it, without blanks"
    each=$2
    shift
    ;;
  --of)
    [[ ${2:-} =~ ^[a-z0-9-]+$ ]] || misuse "--of needs the name of a service"
    of=$2
    shift
    ;;
  --service | --owns | --reads)
    [ -n "${2:-}" ] || misuse "$1 needs a value"
    [[ $2 != *[[:space:]]* ]] || misuse "$1 takes names separated by commas, without blanks"
    case $1 in
    --service)
      [ -z "$service" ] || misuse "one --service at a time, not also '$2'"
      service=$2
      ;;
    --owns) owns=$2 ;;
    --reads) reads=$2 ;;
    esac
    shift
    ;;
  -*) misuse "unknown option '$1'" ;;
  *)
    [ -z "$folder" ] || misuse "one folder only, not also '$1'"
    folder=$1
    ;;
  esac
  shift
done
[ -n "$folder" ] || misuse "which folder?"
[ -n "$service" ] || [ -z "$owns$reads" ] || misuse "--owns and --reads say more of a --service"
clock_before=$(remembered clock "$clock_key")
prefix=${prefix-$(remembered prefix '')} clock_key=${clock:-$clock_before}
waitaof=${waitaof:-$(remembered waitaof no)} of=${of:-$(remembered of '')} apart=${apart:-$(remembered apart no)}
each=${each:-$(remembered each '')} archive=${archive:-$(remembered archive no)}
[ -z "$of" ] || [ -z "$each" ] || fail "a Redis is that of one service (--of $of), or has the prefixes of all (--each $each)"
[[ $prefix != *[[:space:]]* ]] || fail "the prefix '$prefix' has blanks, which Redis' rules can't express: choose another"
for rules in "$here/users.acl" "$here/sentinels.acl"; do
  [ -r "$rules" ] || fail "can't read the rules in $rules"
done
(umask 077 && mkdir -p "$folder") 2>/dev/null || fail "can't make the folder $folder"
[ -w "$folder" ] || fail "can't write to the folder $folder"

umask 077 # replication.conf has a password in it
scratch=$(mktemp -d "$folder/.making.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
lists=("$services_list")
if [ -n "$service" ]; then
  ! grep -qxF -- "$service" <(service_names) || fail "$service is a service of the shop: its rights follow $services_list"
  with_service "$folder/services.txt" "$service" "${owns:-$service}" "${reads:--}" >"$scratch/services.txt"
  lists+=("$scratch/services.txt")
elif [ -e "$folder/services.txt" ]; then
  lists+=("$folder/services.txt")
fi
service_rows "${lists[@]}" >"$scratch/rows" || fail "nothing is changed"
[ -z "$of" ] || awk '{ print $1 }' "$scratch/rows" | grep -xF -- "$of" >/dev/null || fail "there is no service $of"
require_same_clock
print_users "$folder" "$scratch/rows" "$here/users.acl" >"$scratch/users.acl"
print_users "$folder" "$scratch/rows" "$here/sentinels.acl" >"$scratch/sentinels.acl"
print_replication "$folder" >"$scratch/replication.conf"
print_keys >"$scratch/keys.txt"
chmod 644 "$scratch/users.acl" "$scratch/sentinels.acl" "$scratch/keys.txt"
[ -z "$service" ] || chmod 644 "$scratch/services.txt"
[ -z "$service" ] || mv "$scratch/services.txt" "$folder/services.txt"
mv "$scratch/keys.txt" "$folder/keys.txt"
mv "$scratch/replication.conf" "$folder/replication.conf"
mv "$scratch/sentinels.acl" "$folder/sentinels.acl"
mv "$scratch/users.acl" "$folder/users.acl"
