# Runs a TypeScript entry under Bun:  /bin/sh launch.sh ENTRY [ARGUMENT…]
# Prints the path of Bun:             /bin/sh launch.sh --find-bun
#
# POSIX sh, because it runs before Bun is found, and because it replaces itself by Bun: a launcher that stays costs
# memory and stands between signals and the program.

minimum='1 4 5'

is_recent() { # VERSION
  set -- $(IFS=.-; echo $1)
  for least in $minimum; do
    number=${1:-0}
    case $number in *[!0-9]*) return 1 ;; esac
    [ "$number" -gt "$least" ] && return 0
    [ "$number" -lt "$least" ] && return 1
    [ $# -eq 0 ] || shift
  done
}

# What lies there may be npm's placeholder, a Bun for another processor, or an old one.
is_usable() { # PATH
  version=$("$1" --version 2>/dev/null) && is_recent "$version"
}

# npm's install script puts the binary into bun/bin; where scripts do not run it stays in the platform's package.
find_bun() {
  folder=$(CDPATH= cd -P -- "${0%/*}" && pwd) || return 1
  while :; do
    for bun in "$folder/node_modules/bun/bin/bun.exe" "$folder"/node_modules/@oven/bun-*/bin/bun; do
      [ -f "$bun" ] && is_usable "$bun" && return 0
    done
    [ -n "$folder" ] || break
    folder=${folder%/*}
  done
  bun=$(command -v bun) && is_usable "$bun"
}

if ! find_bun; then
  echo "Bun $(IFS=' '; set -- $minimum; echo "$1.$2.$3") or newer was not found: run \"npm install\" again with optional dependencies, or put bun on the PATH (https://bun.com)." >&2
  exit 1
fi
if [ "$1" = --find-bun ]; then
  printf '%s\n' "$bun"
  exit 0
fi

# Bun reads it once, at its start: see src/process/fetch-limit.ts.
[ "${BUN_CONFIG_MAX_HTTP_REQUESTS:-0}" -ge 65336 ] 2>/dev/null || BUN_CONFIG_MAX_HTTP_REQUESTS=65336
export BUN_CONFIG_MAX_HTTP_REQUESTS
# On a machine with 16 GiB or more, JavaScriptCore lets a small heap grow to three times what it holds before it collects
# garbage, on others to twice: 50 MB more after a burst of requests, and no less CPU (bench:gateway). So every machine
# is taken for one of 4 GiB; it limits nothing, and a program that we start may be a Bun too, which this does not harm.
: "${BUN_JSC_forceRAMSize:=4294967296}"
export BUN_JSC_forceRAMSize
# Memory that is free goes back to the system after a second and not after some milliseconds, in which the next request
# needs it again: 4 % of the CPU of a request. Milliseconds; the allocator reads it at its start.
: "${MIMALLOC_PURGE_DELAY:=1000}"
export MIMALLOC_PURGE_DELAY
# It prints every header of every call, tokens included.
unset BUN_CONFIG_VERBOSE_FETCH
# The folder that a user stands in is not ours: Bun would read its .env, run what its bunfig.toml preloads, and install
# what it believes missing.
set -- "$bun" --no-env-file --config=/dev/null --no-install "$@"

[ $$ -eq 1 ] || exec "$@"

# As the first process of a container this one stays: it passes signals on and reaps the processes that lost their
# parent, which the program below it does not know.
exec 9<&0
"$@" <&9 9<&- &
child=$!
for signal in TERM INT HUP QUIT; do
  trap "kill -$signal $child" $signal
done
while :; do
  wait $child
  code=$?
  # A signal ends the wait early.
  kill -0 $child 2>/dev/null || exit $code
done
