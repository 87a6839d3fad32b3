#!/usr/bin/env bash
# Holds FILE to the policy eigenscope.yml and ends with 0 where the gate is open, 1 where it is closed, 3 where there is
# no answer, 4 where there is none in time. Needs curl and jq.
#
#   EIGENSCOPE_URL=https://eigenscope.example EIGENSCOPE_TOKEN=… check.sh FILE [NAME] [BASELINE]
#
# NAME is what to call the checkpoint (model@main, model@pr-12); BASELINE the name whose last report it is compared with.
set -uo pipefail
file=$1 name=${2:-} baseline=${3:-}
policy=${EIGENSCOPE_POLICY:-eigenscope.yml} out=${EIGENSCOPE_OUT:-.} deadline=$((SECONDS + ${EIGENSCOPE_TIMEOUT:-3600}))
url=${EIGENSCOPE_URL%/}/api/v1
key=$(sha256sum "$file" "$policy" | sha256sum | cut -c1-32)-${CI_RUN:-$$}
ask() { curl --silent --show-error --fail-with-body --retry 3 --retry-connrefused \
  ${EIGENSCOPE_TOKEN:+-H "Authorization: Bearer $EIGENSCOPE_TOKEN"} "$@"; }
lost() { echo "eigenscope: $1" >&2; exit 3; }
quoted() { jq -rn --arg text "$1" '$text | @uri'; }

answer=$(ask -X POST -T "$file" -H "Idempotency-Key: $key-upload" \
  "$url/checkpoints?filename=$(quoted "$(basename "$file")")&name=$(quoted "${name:-$(basename "$file")}")") \
  || lost "the upload failed: $answer"
request=$(jq -n --argjson id "$(jq .id <<<"$answer")" --rawfile policy "$policy" --arg baseline "$baseline" \
  '{checkpoints: [$id], $policy} + (if $baseline == "" then {} else {$baseline} end)')
answer=$(ask --json "$request" -H "Idempotency-Key: $key-run" "$url/runs")
if [ $? -ne 0 ]; then
  # The first time there is nothing to compare with yet.
  if [ -n "$baseline" ] && [ "$(jq -r .code <<<"$answer" 2>/dev/null)" = not-found ]; then
    answer=$(ask --json "$(jq 'del(.baseline)' <<<"$request")" -H "Idempotency-Key: $key-first" "$url/runs") \
      || lost "the run was refused: $answer"
  else
    lost "the run was refused: $answer"
  fi
fi
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
