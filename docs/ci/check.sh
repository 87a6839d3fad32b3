#!/usr/bin/env bash
# Checks FILE against the policy eigenscope.yml. Exit status: 0 the gate is open, 1 it is closed, 2 wrong usage,
# 3 no answer, 4 no answer in time. Needs bash, jq, sha256sum and curl 7.76 or later.
#
#   EIGENSCOPE_URL=https://eigenscope.example EIGENSCOPE_TOKEN=… check.sh FILE [NAME] [BASELINE]
#
# FILE is a file, a folder with shards or an adapter, or a pattern in quotes ('out/model-*.safetensors').
# NAME is the checkpoint's name (model@main, model@pr-12); BASELINE is the name of the checkpoint to compare with.
# EIGENSCOPE_BASE is the base of an adapter or a fine-tune, as FILE is. EIGENSCOPE_OUT is the folder for the results.
set -uo pipefail
shopt -s nullglob
file=${1:-} name=${2:-} baseline=${3:-} base=${EIGENSCOPE_BASE:-}
policy=${EIGENSCOPE_POLICY:-eigenscope.yml} out=${EIGENSCOPE_OUT:-.} deadline=$((SECONDS + ${EIGENSCOPE_TIMEOUT:-3600}))
wrong() { echo "eigenscope: $1" >&2; exit 2; }
lost() { echo "eigenscope: $1" >&2; exit 3; }
late() { echo "eigenscope: ${run:+run $run }has not ended in time" >&2; exit 4; }
refused() { case $(jq -r .status <<<"$answer" 2>/dev/null) in 400 | 422) wrong "$1: $answer" ;; *) lost "$1: $answer" ;; esac; }
quoted() { jq -rn --arg text "$1" '$text | @uri'; }
ask() { curl --silent --show-error --fail-with-body --retry 3 --retry-connrefused --connect-timeout 20 \
  ${EIGENSCOPE_TOKEN:+-H "Authorization: Bearer $EIGENSCOPE_TOKEN"} "$@"; }
post() { ask -H "Content-Type: application/json" -H "Idempotency-Key: $key-$1" --data-binary @- "$url/$2" <<<"$3"; }

# The files of a checkpoint, one a line: of a folder its weights with what describes them.
files_of() {
  local IFS= found=()
  if [ -d "$1" ]; then
    found=("${1%/}"/*.safetensors)
    [ ${#found[@]} -gt 0 ] || found=("${1%/}"/*.bin "${1%/}"/*.pt "${1%/}"/*.pth "${1%/}"/*.ckpt)
    [ ${#found[@]} -eq 0 ] || found+=("${1%/}"/*.index.json "${1%/}"/{,adapter_}config.json)
  elif [ -e "$1" ]; then
    found=("$1")
  else
    # shellcheck disable=SC2206
    found=($1)
  fi
  for each in "${found[@]}"; do [ -f "$each" ] && printf '%s\n' "$each"; done
}

# send FILES NAME STEP: a checkpoint of these files. Bytes that the service has are not sent again.
send() {
  local listed=[] path sum
  while IFS= read -r path; do
    sum=$(sha256sum "$path" | cut -c-64)
    if ! ask --head "$url/blobs/$sum" > /dev/null 2>&1; then
      answer=$(ask -T "$path" "$url/blobs/$sum?filename=$(quoted "$(basename "$path")")") || refused "the upload failed"
    fi
    listed=$(jq -c --arg name "$(basename "$path")" --arg sum "$sum" '. + [{$name, sha256: $sum}]' <<<"$listed")
  done <<<"$1"
  answer=$(post "$3" checkpoints "$(jq -n --arg name "$2" --argjson files "$listed" '{$name, $files}')") \
    || refused "the checkpoint was refused"
}

[ -n "${EIGENSCOPE_URL:-}" ] || wrong "EIGENSCOPE_URL is not set: the service's address"
[ -f "$policy" ] && [ -r "$policy" ] || wrong "the policy cannot be read: $policy"
files=$(files_of "$file") bases=$([ -z "$base" ] || files_of "$base")
[ -n "$files" ] || wrong "FILE cannot be read: ${file:-none is given}"
[ -z "$base" ] || [ -n "$bases" ] || wrong "EIGENSCOPE_BASE cannot be read: $base"
mkdir -p "$out" && rm -f "$out"/eigenscope.{json,xml,md} || wrong "EIGENSCOPE_OUT cannot be written: $out"
address=${EIGENSCOPE_URL%/}
url=${address%/api/v1}/api/v1
random=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
key=$({ xargs -d '\n' sha256sum <<<"$files${bases:+$'\n'$bases}"; sha256sum "$policy"; printf '%s\n' "$name" "$baseline"; } \
  | sha256sum | cut -c1-32)-${CI_RUN:-$random}

ids=[]
if [ -n "$bases" ]; then
  send "$bases" "$(basename "$base")" base
  ids=$(jq -c "[$(jq .id <<<"$answer")]" <<<null)
fi
send "$files" "${name:-$(basename "$file")}" upload
ids=$(jq -c ". + [$(jq .id <<<"$answer")]" <<<"$ids")
request=$(jq -n --argjson ids "$ids" --rawfile policy "$policy" --arg baseline "$baseline" \
  '{checkpoints: $ids, $policy} + (if $baseline == "" then {} else {$baseline} end)')
answer=$(post run runs "$request") || refused "the run was refused"
run=$(jq .id <<<"$answer")

while :; do
  left=$((deadline - SECONDS))
  [ $left -gt 0 ] || late
  answer=$(ask -m $((left + 30)) "$url/runs/$run/verdict?wait=$((left < 30 ? left : 30))") || lost "no verdict: $answer"
  [ "$(jq -r .state <<<"$answer")" != done ] || break
done
printf '%s\n' "$answer" > "$out/eigenscope.json"
ask "$url/runs/$run/verdict.xml" > "$out/eigenscope.xml" || lost "no JUnit file"
ask "$url/runs/$run/verdict.md" > "$out/eigenscope.md" || lost "no Markdown"
ended=$(jq -r '.ended // empty' "$out/eigenscope.json")
[ -z "$ended" ] || lost "$ended"
jq -r .headline "$out/eigenscope.json"
jq -e .passed "$out/eigenscope.json" > /dev/null
