#!/bin/sh
# A worker in shell: registers, claims, runs, reports, leaves. Counts the words of jobs of the type `count-words`.
#
#   sh worker.sh [JOBS]        ends after so many jobs; without a number it goes on until it is interrupted
#
# WINDLASS_SERVER (default http://127.0.0.1:8080) says where, WINDLASS_API_KEY with which key, if one is needed.
set -eu

api=${WINDLASS_SERVER:-http://127.0.0.1:8080}/api/v1
left=${1:--1}

# A key does not belong into arguments, which everybody on the machine can read.
headers=$(umask 077 && mktemp)
[ -z "${WINDLASS_API_KEY:-}" ] || printf 'Authorization: Bearer %s\n' "$WINDLASS_API_KEY" > "$headers"
call() { curl -sS --fail-with-body --max-time 90 -H @"$headers" "$@"; }

# The first text member of this name.
member() { sed "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/"; }

worker=$(call "$api/workers" -d '{"name": "counter", "types": ["count-words"], "concurrency": 1}' | member worker_id)
# Whatever it still holds goes back at once, uncounted.
trap 'call -X DELETE "$api/workers/$worker"; rm -f "$headers"' EXIT
trap 'exit 0' INT TERM

while [ "$left" -ne 0 ]; do
    # The claim waits, and renews the lease while it does.
    claimed=$(call "$api/workers/$worker/claim" -d '{"limit": 1, "wait": "20s"}')
    case $claimed in *'"jobs":[]'*) continue ;; esac
    id=$(printf '%s' "$claimed" | sed 's/.*"jobs":\[{"id":"\([0-9]*\)".*/\1/')
    token=$(printf '%s' "$claimed" | member token)

    # The work. One that takes longer than the lease (30 s) has to send heartbeats meanwhile: docs/workers.md.
    words=$(printf '%s' "$claimed" | member text | wc -w)

    outcome="{\"id\": \"$id\", \"token\": \"$token\", \"outcome\": \"complete\", \"result\": {\"words\": $words}}"
    # A report may be repeated: it changes nothing twice.
    call --retry 5 --retry-connrefused "$api/workers/$worker/settle" -d "{\"items\": [$outcome]}" > /dev/null
    left=$((left - 1))
done
