# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# Reads services.txt beside it, the list of the shop's services, and lists of the same form. Sourced by scripts.

services_list=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)/services.txt

# The key of the log's clock in a shop; make_users.sh has another one for a brand of one's own.
clock_key=ordershop_clock

# service_rows [LIST [FILE...]]: the rows of the shop's list, or of LIST in its place, and of FILEs, which have services
# from outside the tree: these have any port, or "-". A row is "name port owns reads calls does", with one blank between
# them. Nothing and status 1 if something in them is wrong, which standard error says then.
service_rows() {
  [ $# -gt 0 ] || set -- "$services_list"
  awk -v clock="$clock_key" '
    BEGIN {
      split("default operator replica sentinel member probe users redis client ca common runtime template gateway", taken, " ")
      for (i in taken) reserved[taken[i]] = 1
      owner["ordershop"] = "the log" # what a shop has no service for
      owner["all"] = "every service" # as a word of the column reads
    }
    function mistake(what) { printf "%s: line %d: %s\n", FILENAME, FNR, what >"/dev/stderr"; wrong = 1 }
    function is_name(word) { return word ~ /^[a-z][a-z0-9]*$/ && length(word) <= 32 }
    function are_entities(list,   parts, n, i) {
      if (list == "-") return 1
      n = split(list, parts, ",")
      for (i = 1; i <= n; i++) if (parts[i] !~ /^[a-z][a-z0-9]*(_[a-z0-9]+)*$/) return 0
      return 1
    }
    # The keys of a service begin with its name or an entity, and "_": one must not be the beginning of another.
    function claim(word, service,   other) {
      if (index(clock, word "_") == 1) mistake(service " could write the clock of the log, " clock ", as a key of its " word)
      for (other in owner) {
        if (owner[other] == service) continue
        if (word == other || index(word, other "_") == 1 || index(other, word "_") == 1)
          mistake(word " of " service " and " other " of " owner[other] " would share keys in Redis")
      }
      owner[word] = service
    }
    /^[ \t]*(#|$)/ { next }
    {
      if (NF < 5) { mistake("there are not five columns: name port owns reads calls"); next }
      if (!is_name($1)) mistake("\"" $1 "\" is no name of a service: small letters and digits, a letter first, 32 at most")
      if ($1 in reserved) mistake("\"" $1 "\" means something else to scripts, Redis or the build: choose another name")
      if (FNR == NR && ($2 !~ /^50[01][0-9][0-9]$/ || $2 < 50051)) mistake("\"" $2 "\" is no port from 50051 to 50199")
      else if ($2 != "-" && ($2 !~ /^[0-9]+$/ || $2 < 1 || $2 > 65535)) mistake("\"" $2 "\" is no port")
      if ($2 != "-" && ($2 in ports)) mistake("port " $2 " is that of " ports[$2])
      if (!are_entities($3)) mistake("\"" $3 "\" is no list of entities: small letters, digits and _, separated by commas")
      if (!are_entities($4)) mistake("\"" $4 "\" is no list of entities: small letters, digits and _, separated by commas")
      if ($1 in services) mistake("the service " $1 " stands here twice")
      services[$1] = 1
      ports[$2] = $1
      if ($4 != "-" && $4 != "all") readers[$4] = $1
      if ($4 == "all" && $3 != "-") mistake($1 " reads all, so it may own nothing: \"-\", not \"" $3 "\"")
      if ($5 != "-") callers[$5] = $1
      claim($1, $1)
      if ($3 != "-") { count = split($3, parts, ","); for (i = 1; i <= count; i++) claim(parts[i], $1) }
      $1 = $1
      rows = rows $0 "\n"
    }
    # Whoever is read or called is in the list, too.
    function check_known(lists, known, what,   list, parts, i) {
      for (list in lists) {
        split(list, parts, ",")
        for (i in parts)
          if (!(parts[i] in known)) mistake(lists[list] ": there is no " what " \"" parts[i] "\" in the list")
      }
    }
    END {
      check_known(readers, owner, "entity")
      check_known(callers, services, "service")
      if (wrong) exit 1
      printf "%s", rows
    }' "$@"
}

# The names of all services, a line each.
service_names() { service_rows | cut -d ' ' -f 1; }

# What the list says of a service in a column: 2 port, 3 owns, 4 reads, 5 calls. Lists are separated by blanks.
service_column() { # service_column NAME COLUMN
  service_rows | awk -v name="$1" -v column="$2" '
    $1 == name { value = $column == "-" ? "" : $column; gsub(/,/, " ", value); print value }'
}
