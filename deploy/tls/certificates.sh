#!/bin/bash -p
# SPDX-License-Identifier: Apache-2.0
# A private certificate authority (CA) for a shop: certificates of its services, and of people and programs that call it.
#
#   certificates.sh FOLDER ca                        makes the CA: ca.crt, which all trust, and ca.key, which signs
#   certificates.sh FOLDER issue NAME [HOST ...]     NAME.crt and NAME.key, signed by the CA
#   certificates.sh FOLDER issue-all [HOST ...]      those of all services of services.txt, under all names that they go by
#   certificates.sh FOLDER renew [NAME ...]          anew, for the hosts they had: the named ones, or those near their end
#   certificates.sh FOLDER list                      identities, ends and hosts
#   certificates.sh FOLDER next-ca                   puts a new CA first in ca.crt, the old ones stay trusted
#   certificates.sh FOLDER drop-old-ca               only the newest CA stays trusted
#
#   --life N[d|h|m|s]   how long a certificate is valid: days, hours, minutes, seconds   (default 90d)
#   --within N[d|...]   renew: near its end is what ends within that time   (default 30d)
#
# NAME is a service (customer ...) or client/SOMEBODY. The certificate says who that is: spiffe://ordershop/NAME, which
# services go by. A service's is valid for the given HOSTs (DNS names and IP addresses), localhost, 127.0.0.1 and ::1;
# `issue-all` adds <service>, <service>.ordershop, ....svc and ....svc.cluster.local, as in compose and Kubernetes.
#
# Files appear whole or not at all, and a program that uses them reads them again by itself. Keys are for their owner alone (mode
# 0600). ca.key is needed to sign only: keep it where no service runs. Needs openssl.
#
# The CA is exchanged in three steps, none of which breaks a connection as long as everybody has read the files of the
# step before: `next-ca` and hand out ca.crt; `renew` all by name and hand them out; `drop-old-ca` and hand out ca.crt.
#
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

# shellcheck source-path=SCRIPTDIR source=../services.sh
. "$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)/services.sh"
readonly ca_days=3650 skew_seconds=3600

fail() {
  printf 'certificates.sh: %s\n' "$*" >&2
  exit 1
}
misuse() {
  printf 'certificates.sh: %s; see certificates.sh --help\n' "$*" >&2
  exit 2
}

scratch=
end_run() { [ -z "$scratch" ] || rm -rf "$scratch"; }
trap end_run EXIT

# In the scratch folder, whose name its configuration needn't tell then: it would take a $ in it for a variable. What
# openssl says goes to a file; the end of it is shown when it fails.
run_openssl() { # run_openssl WHAT ARGUMENT...
  local what=$1
  shift
  (cd -- "$scratch" && openssl "$@") >"$scratch/openssl" 2>&1 || {
    tail -n 5 "$scratch/openssl" | sed 's/^/  /' >&2
    fail "openssl could not make $what"
  }
}

# seconds_of 90d
seconds_of() {
  [[ $1 =~ ^([0-9]{1,9})([dhms]?)$ ]] || misuse "'$1' is no length of time: 90d, 12h, 30m and 600s are"
  case ${BASH_REMATCH[2]} in
  h) echo $((10#${BASH_REMATCH[1]} * 3600)) ;;
  m) echo $((10#${BASH_REMATCH[1]} * 60)) ;;
  s) echo $((10#${BASH_REMATCH[1]})) ;;
  *) echo $((10#${BASH_REMATCH[1]} * 86400)) ;;
  esac
}

check_name() {
  if ! [[ $1 =~ ^(client/)?[a-z0-9]([a-z0-9_-]{0,61}[a-z0-9])?$ ]] || [ "$1" = ca ]; then
    misuse "'$1' is no name: a service, or client/SOMEBODY, of small letters, digits and -"
  fi
}

# --- The CA ---

need_ca() {
  [ -f "$folder/ca.crt" ] || fail "there is no CA in $folder; make one: certificates.sh $folder ca"
  [ -f "$folder/ca.key" ] || fail "$folder/ca.key is missing: certificates can be issued only where the CA's key is"
  openssl x509 -in "$folder/ca.crt" -noout -pubkey >"$scratch/public" 2>/dev/null || fail "$folder/ca.crt is no certificate"
  openssl pkey -in "$folder/ca.key" -pubout 2>/dev/null | cmp -s - "$scratch/public" ||
    fail "$folder/ca.key is not the key of $folder/ca.crt, or can't be read"
  openssl x509 -in "$folder/ca.crt" -noout -checkend 0 >/dev/null ||
    fail "the CA in $folder has expired; make another: certificates.sh $folder next-ca"
}

# Into scratch: ca.crt and ca.key. The number in the name tells CAs apart where there are two.
make_ca() {
  run_openssl "a CA" req -x509 -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days $ca_days \
    -keyout "$scratch/ca.key" -out "$scratch/ca.crt" -subj "/O=OrderShop/CN=OrderShop CA $(openssl rand -hex 4)" \
    -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign
}

new_ca() {
  if [ -e "$folder/ca.crt" ] || [ -e "$folder/ca.key" ]; then
    fail "$folder has a CA already, which others may trust: it is not overwritten (next-ca adds another)"
  fi
  make_ca
  put ca.key
  put ca.crt
}

next_ca() {
  [ -f "$folder/ca.crt" ] || fail "there is no CA in $folder; make one: certificates.sh $folder ca"
  make_ca
  cat "$folder/ca.crt" >>"$scratch/ca.crt"
  put ca.key
  put ca.crt
}

drop_old_ca() {
  local name
  need_ca
  openssl x509 -in "$folder/ca.crt" -out "$scratch/ca.crt"
  while read -r name; do
    openssl verify -CAfile "$scratch/ca.crt" "$folder/$name.crt" >/dev/null 2>&1 ||
      fail "$name.crt is still of an old CA, or has expired: first certificates.sh $folder renew $name"
  done < <(issued_names)
  put ca.crt
}

# --- Certificates ---

# Moves a file from scratch to its place, in one step: scratch lies in the folder.
put() { # put FILE
  (umask 022 && mkdir -p "$(dirname "$folder/$1")")
  if [[ $1 == *.key ]]; then chmod 600 "$scratch/$1"; else chmod 644 "$scratch/$1"; fi
  mv -f "$scratch/$1" "$folder/$1"
}

san_of_host() {
  if [[ $1 =~ ^[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$ || $1 == *:* ]]; then
    printf 'IP:%s' "$1"
  elif [[ $1 =~ ^(\*\.)?[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$ ]]; then
    printf 'DNS:%s' "$1"
  else
    misuse "'$1' is neither a DNS name nor an IP address"
  fi
}

# The subject's alternative names of NAME at HOST...
sans_of() { # sans_of NAME HOST...
  local name=$1 host sans="URI:spiffe://ordershop/$1" san
  shift
  [[ $name == client/* ]] || set -- localhost 127.0.0.1 ::1 "$@"
  while read -r host; do
    [ -n "$host" ] || continue
    san=$(san_of_host "$host") || exit
    sans+=,$san
  done < <(printf '%s\n' "$@" | awk '!seen[$0]++')
  printf '%s' "$sans"
}

# Clients call, services call and are called.
uses_of() { if [[ $1 == client/* ]]; then echo clientAuth; else echo serverAuth,clientAuth; fi; }

write_configuration() { # write_configuration NAME SANS
  cat >"$scratch/openssl.cnf" <<END
[ca]
default_ca = shop
[shop]
database = database
new_certs_dir = .
rand_serial = yes
unique_subject = no
default_md = sha256
policy = policy
[policy]
organizationName = optional
commonName = supplied
[extensions]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = $(uses_of "$1")
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = $2
END
  : >"$scratch/database"
}

time_in() { date -u -d "@$(($(date +%s) + $1))" +%Y%m%d%H%M%SZ; }

issue() { # issue NAME HOST...
  local name=$1 sans
  sans=$(sans_of "$@") || exit
  mkdir -p "$(dirname "$scratch/$name")"
  write_configuration "$name" "$sans"
  run_openssl "a key for $name" req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc \
    -keyout "$scratch/$name.key" -out "$scratch/request" -subj "/O=OrderShop/CN=${name#client/}"
  run_openssl "a certificate for $name" ca -batch -notext -config "$scratch/openssl.cnf" -extensions extensions \
    -cert "$folder/ca.crt" -keyfile "$folder/ca.key" -in "$scratch/request" -out "$scratch/$name.crt" \
    -startdate "$(time_in -$skew_seconds)" -enddate "$(time_in "$life")"
  put "$name.key"
  put "$name.crt"
  printf '%s: until %s\n' "$name" "$(end_of "$name")"
}

issue_all() {
  local service services
  services=$(service_names) || fail "the list of services can't be read"
  for service in $services; do
    issue "$service" "$service" "$service.ordershop" "$service.ordershop.svc" "$service.ordershop.svc.cluster.local" "$@"
  done
}

issued_names() {
  local file name
  for file in "$folder"/*.crt "$folder"/client/*.crt; do
    name=${file#"$folder/"}
    if [ -f "$file" ] && [ "$name" != ca.crt ]; then printf '%s\n' "${name%.crt}"; fi
  done
}

end_of() {
  local end
  end=$(openssl x509 -in "$folder/$1.crt" -noout -enddate) || fail "$folder/$1.crt is no certificate"
  date -u -d "${end#notAfter=}" +%Y-%m-%dT%H:%M:%SZ
}

hosts_of() {
  openssl x509 -in "$folder/$1.crt" -noout -ext subjectAltName | tail -n +2 | tr ',' '\n' |
    sed -n 's/^ *DNS://p; s/^ *IP Address://p'
}

renew() { # renew [NAME...]
  local name hosts names=("$@")
  if [ $# -eq 0 ]; then
    while read -r name; do
      openssl x509 -in "$folder/$name.crt" -noout -checkend "$within" >/dev/null || names+=("$name")
    done < <(issued_names)
  fi
  [ ${#names[@]} -gt 0 ] || printf 'nothing ends within %s: nothing is renewed\n' "$within_text" >&2
  for name in "${names[@]}"; do
    check_name "$name"
    [ -f "$folder/$name.crt" ] || fail "there is no $folder/$name.crt; issue it: certificates.sh $folder issue $name"
  done
  for name in "${names[@]}"; do
    mapfile -t hosts < <(hosts_of "$name")
    issue "$name" "${hosts[@]}"
  done
}

list() {
  local name state
  while read -r name; do
    state=until
    openssl x509 -in "$folder/$name.crt" -noout -checkend 0 >/dev/null || state="EXPIRED at"
    printf '%-20s %s %s  %s\n' "$name" "$state" "$(end_of "$name")" "$(hosts_of "$name" | paste -sd ' ')"
  done < <(issued_names)
}

# --- Main ---

life=$(seconds_of 90d) within_text=30d within=$(seconds_of 30d)
words=()
while [ $# -gt 0 ]; do
  case $1 in
  -h | --help)
    sed -n '3,/^$/ s/^# \{0,1\}//p' -- "$0"
    exit 0
    ;;
  --life | --within)
    [ $# -ge 2 ] || misuse "$1 needs a length of time"
    value=$(seconds_of "$2") || exit
    if [ "$1" = --life ]; then life=$value; else within=$value within_text=$2; fi
    shift
    ;;
  -*) misuse "unknown option '$1'" ;;
  *) words+=("$1") ;;
  esac
  shift
done
[ ${#words[@]} -ge 2 ] || misuse "a folder and a command are needed"
folder=${words[0]} command=${words[1]}
arguments=("${words[@]:2}")
case $command in
ca | next-ca | drop-old-ca | list) [ ${#arguments[@]} -eq 0 ] || misuse "$command takes no ${arguments[0]}" ;;
issue)
  [ ${#arguments[@]} -gt 0 ] || misuse "issue needs a name"
  check_name "${arguments[0]}"
  ;;
issue-all | renew) ;;
*) misuse "there is no command '$command'" ;;
esac
command -v openssl >/dev/null || fail "openssl is not installed; on Debian: apt-get install openssl"

umask 077
if ! (umask 022 && mkdir -p "$folder") 2>/dev/null || [ ! -w "$folder" ]; then
  fail "can't write to the folder $folder"
fi
folder=$(cd -- "$folder" && pwd -P)
exec 9>"$folder/.lock"
flock 9
scratch=$(mktemp -d "$folder/.making.XXXXXX")

case $command in
ca) new_ca ;;
next-ca) next_ca ;;
drop-old-ca) drop_old_ca ;;
list) list ;;
*)
  need_ca
  case $command in
  issue) issue "${arguments[@]}" ;;
  issue-all) issue_all "${arguments[@]}" ;;
  renew) renew "${arguments[@]}" ;;
  esac
  ;;
esac
