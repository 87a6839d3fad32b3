#!/usr/bin/env bash
# Checks FILE against the policy eigenscope.yml. Exit status: 0 the gate is open, 1 it is closed, 2 wrong usage,
# 3 no answer, 4 no answer in time. Needs curl and jq.
#
#   EIGENSCOPE_URL=https://eigenscope.example EIGENSCOPE_TOKEN=… check.sh FILE [NAME] [BASELINE]
#
# NAME is the checkpoint's name (model@main, model@pr-12); BASELINE is the name of the checkpoint to compare with.
set -uo pipefail
file=${1:-} name=${2:-} baseline=${3:-}
policy=${EIGENSCOPE_POLICY:-eigenscope.yml} out=${EIGENSCOPE_OUT:-.} deadline=$((SECONDS + ${EIGENSCOPE_TIMEOUT:-3600}))
wrong() { echo "eigenscope: $1" >&2; exit 2; }
[ -n "${EIGENSCOPE_URL:-}" ] || wrong "EIGENSCOPE_URL is not set: the service's address"
[ -f "$file" ] && [ -r "$file" ] || wrong "FILE cannot be read: ${file:-none is given}"
[ -f "$policy" ] && [ -r "$policy" ] || wrong "the policy cannot be read: $policy"
url=${EIGENSCOPE_URL%/}/api/v1
random=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
key=$({ sha256sum "$file" "$policy"; printf '%s\n' "$name" "$baseline"; } | sha256sum | cut -c1-32)-${CI_RUN:-$random}
ask() { curl --silent --show-error --fail-with-body --retry 3 --retry-connrefused \
  ${EIGENSCOPE_TOKEN:+-H "Authorization: Bearer $EIGENSCOPE_TOKEN"} "$@"; }
lost() { echo "eigenscope: $1" >&2; exit 3; }
refused() { case $(jq -r .status <<<"$answer" 2>/dev/null) in 400 | 422) wrong "$1: $answer" ;; *) lost "$1: $answer" ;; esac; }
quoted() { jq -rn --arg text "$1" '$text | @uri'; }

answer=$(ask -X POST -T "$file" -H "Idempotency-Key: $key-upload" \
  "$url/checkpoints?filename=$(quoted "$(basename "$file")")&name=$(quoted "${name:-$(basename "$file")}")") \
  || refused "the upload failed"
request=$(jq -n --argjson id "$(jq .id <<<"$answer")" --rawfile policy "$policy" --arg baseline "$baseline" \
  '{checkpoints: [$id], $policy} + (if $baseline == "" then {} else {$baseline} end)')
answer=$(ask -H "Content-Type: application/json" -d "$request" -H "Idempotency-Key: $key-run" "$url/runs") \
  || refused "the run was refused"
run=$(jq .id <<<"$answer")

until answer=$(ask "$url/runs/$run/verdict?wait=30") || lost "no verdict: $answer"; [ "$(jq .state <<<"$answer")" = '"done"' ]; do
  [ $SECONDS -lt $deadline ] || { echo "eigenscope: run $run has not ended in time" >&2; exit 4; }
done
printf '%s\n' "$answer" > "$out/eigenscope.json"
ask "$url/runs/$run/verdict.xml" > "$out/eigenscope.xml" || lost "no JUnit file"
ask "$url/runs/$run/verdict.md" > "$out/eigenscope.md" || lost "no Markdown"
ended=$(jq -r '.ended // empty' "$out/eigenscope.json")
[ -z "$ended" ] || lost "$ended"
jq -r .headline "$out/eigenscope.json"
jq -e .passed "$out/eigenscope.json" > /dev/null
