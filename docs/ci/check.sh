#!/usr/bin/env bash
# Checks FILE against the policy eigenscope.yml. Exit status: 0 the gate is open, 1 it is closed, 2 wrong usage,
# 3 no answer, 4 no answer in time. Needs bash, jq, curl, and sha256sum or shasum.
#
#   EIGENSCOPE_URL=https://eigenscope.example EIGENSCOPE_TOKEN=… check.sh FILE [NAME] [BASELINE]
#
# FILE is a file, a folder with shards or an adapter, or a pattern in quotes ('out/model-*.safetensors').
# NAME is the checkpoint's name (model@main, model@pr-12); BASELINE is the name of the checkpoint to compare with.
# EIGENSCOPE_BASE is the base of an adapter or a fine-tune, as FILE is. EIGENSCOPE_OUT is the folder for the results.
# EIGENSCOPE_TIMEOUT is the number of seconds for all of it.
set -uo pipefail
shopt -s nullglob
file=${1:-} name=${2:-} baseline=${3:-} base=${EIGENSCOPE_BASE:-}
policy=${EIGENSCOPE_POLICY:-eigenscope.yml} out=${EIGENSCOPE_OUT:-.} deadline=$((SECONDS + ${EIGENSCOPE_TIMEOUT:-3600}))
wrong() { echo "eigenscope: $1" >&2; exit 2; }
lost() { echo "eigenscope: $1" >&2; exit 3; }
late() { echo "eigenscope: no verdict in time${run:+ of run $run}" >&2; exit 4; }
refused() { case $(jq -r .status "$body" 2>/dev/null) in 400 | 422) wrong "$1: $(<"$body")" ;; *) lost "$1: $(<"$body")" ;; esac; }
digest() { if command -v sha256sum > /dev/null; then sha256sum; else shasum -a 256; fi | cut -c-64; }
quoted() { jq -rn --arg text "$1" '$text | @uri'; }

# ask CURL'S WORDS: the answer is in $body. What may pass is tried four times; versions of curl differ in when they do.
ask() {
  local left status code pause
  for pause in ${pauses:-1 2 4 0}; do
    left=$((deadline - SECONDS)) status=0
    [ $left -gt 0 ] || late
    : > "$body"
    code=$(curl --silent --show-error --globoff --connect-timeout 20 -m $left -o "$body" -w '%{http_code}' \
      ${EIGENSCOPE_TOKEN:+-H "Authorization: Bearer $EIGENSCOPE_TOKEN"} "$@") || status=$?
    [ $status -ne 28 ] || [ $SECONDS -lt $deadline ] || late
    case "$status:$code" in
      0:2??) return 0 ;;
      0:408 | 0:429 | 0:500 | 0:502 | 0:503 | 0:504) ;;
      0:*) return 1 ;;
    esac
    [ $pause -eq 0 ] || sleep $pause
  done
  return 1
}
post() {
  printf '%s' "$3" > "$body.json"
  ask -H "Content-Type: application/json" -H "Idempotency-Key: $key-$1" --data-binary "@$body.json" "$url/$2"
}
number() { jq -er '.id | numbers' "$body" 2>/dev/null || lost "this is no answer of Eigenscope: $(head -c 300 "$body")"; }

# Whether a training left the file next to the weights.
is_state() {
  case $(basename "$1" | tr '[:upper:]' '[:lower:]') in
    training_args.bin | optimizer* | expp_rank_*_optim_states.pt | distrib_optim.pt | scheduler*) ;;
    scaler.pt | sampler*.bin | rng_state* | random_states*) ;;
    *) return 1 ;;
  esac
}

# weights INDEXES -- FILES: those of the files that are weights. Where an index names some of them, only these.
weights() {
  local each named=() others=() indexes=()
  while [ "$1" != -- ]; do indexes+=("$1") && shift; done
  local listed=$(jq -r '.weight_map | objects[]' ${indexes[@]+"${indexes[@]}"} < /dev/null 2> /dev/null)
  shift
  for each in "$@"; do
    is_state "$each" && continue
    if printf '%s\n' "$listed" | grep -qxF -e "$(basename "$each")"; then named+=("$each"); else others+=("$each"); fi
  done
  if [ ${#named[@]} -gt 0 ]; then found=("${indexes[@]}" "${named[@]}"); else found=(${others[@]+"${others[@]}"}); fi
}

# The files of a checkpoint, one a line, each behind its digest: of a folder its weights with what describes them.
files_of() {
  local IFS= found=() folder=${1%/}
  if [ -d "$1" ]; then
    weights "$folder"/*.safetensors.index.json -- "$folder"/*.safetensors
    [ ${#found[@]} -gt 0 ] || [ ! -f "$folder/.metadata" ] || found=("$folder"/*.distcp "$folder/.metadata")
    [ ${#found[@]} -gt 0 ] || weights "$folder"/*.bin.index.json -- "$folder"/*.{bin,pt,pth,ckpt}
    [ ${#found[@]} -eq 0 ] || found+=("$folder"/{,adapter_}config.json)
  elif [ -e "$1" ]; then
    found=("$1")
  else
    # shellcheck disable=SC2206
    found=($1)
  fi
  for each in ${found[@]+"${found[@]}"}; do
    [ ! -f "$each" ] || [ ! -r "$each" ] || printf '%s %s\n' "$(digest < "$each")" "$each"
  done
}

# send FILES NAME STEP: a checkpoint of these files. Bytes that the service has are not sent again.
send() {
  local listed=[] line path sum
  while IFS= read -r line; do
    sum=${line%% *} path=${line#* }
    if ! pauses=0 ask --head "$url/blobs/$sum" 2> /dev/null; then
      ask -T "$path" "$url/blobs/$sum?filename=$(quoted "$(basename "$path")")" || refused "the upload failed"
    fi
    listed=$(jq -c --arg name "$(basename "$path")" --arg sum "$sum" '. + [{$name, sha256: $sum}]' <<<"$listed")
  done <<<"$1"
  post "$3" checkpoints "$(jq -n --arg name "$2" --argjson files "$listed" '{$name, $files}')" \
    || refused "the checkpoint was refused"
}

mkdir -p "$out" && rm -f "$out"/eigenscope.{json,xml,md} || wrong "EIGENSCOPE_OUT cannot be written: $out"
[ -n "${EIGENSCOPE_URL:-}" ] || wrong "EIGENSCOPE_URL is not set: the service's address"
[ -f "$policy" ] && [ -r "$policy" ] || wrong "the policy cannot be read: $policy"
files=$(files_of "$file") bases=$([ -z "$base" ] || files_of "$base")
[ -n "$files" ] || wrong "FILE cannot be read: ${file:-none is given}"
[ -z "$base" ] || [ -n "$bases" ] || wrong "EIGENSCOPE_BASE cannot be read: $base"
body=$(mktemp) && trap 'rm -f "$body" "$body.json"' EXIT
address=${EIGENSCOPE_URL%/}
url=${address%/api/v1}/api/v1

random=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
key=$(printf '%s\n' "$files" "$bases" "$(digest < "$policy")" "$name" "$baseline" | digest | cut -c-32)-${CI_RUN:-$random}

ids=[]
if [ -n "$bases" ]; then
  send "$bases" "$(basename "$base")" base
  id=$(number) || exit
  ids="[$id]"
fi
send "$files" "${name:-$(basename "$file")}" upload
id=$(number) || exit
ids=$(jq -c ". + [$id]" <<<"$ids")
request=$(jq -n --argjson ids "$ids" --rawfile policy "$policy" --arg baseline "$baseline" \
  '{checkpoints: $ids, $policy} + (if $baseline == "" then {} else {$baseline} end)')
post run runs "$request" || refused "the run was refused"
run=$(number) || exit

while :; do
  left=$((deadline - SECONDS))
  ask "$url/runs/$run/verdict?wait=$((left > 31 ? 30 : left > 1 ? left - 1 : 0))" || lost "no verdict: $(<"$body")"
  [ "$(jq -r .state "$body")" != done ] || break
  sleep 1
done
cp "$body" "$out/eigenscope.json"
ask "$url/runs/$run/verdict.xml" && cp "$body" "$out/eigenscope.xml" || lost "no JUnit file"
ask "$url/runs/$run/verdict.md" && cp "$body" "$out/eigenscope.md" || lost "no Markdown"
ended=$(jq -r '.ended // empty' "$out/eigenscope.json")
[ -z "$ended" ] || lost "$ended"
jq -r .headline "$out/eigenscope.json"
jq -e .passed "$out/eigenscope.json" > /dev/null
