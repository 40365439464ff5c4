#!/usr/bin/env bash
# Every check that needs no running part. All of them run; the exit code tells whether all passed.
set -uo pipefail
cd "$(dirname "$0")/../.."
export PATH="$PWD/.venv/bin:$PATH"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# check NAME COMMAND...: its output only when it fails.
check() {
  local name=$1 before=$SECONDS output
  shift
  output=$(mktemp -p "$scratch")
  if "$@" >"$output" 2>&1; then
    printf '  ok      %-34s %3d s\n' "$name" $((SECONDS - before))
  else
    printf '  FAILED  %-34s %3d s\n' "$name" $((SECONDS - before))
    tail -n 60 "$output" | sed 's/^/          /'
    touch "$scratch/failed"
  fi
}

generated_is_current() {
  deploy/local/generate_proto.sh "$scratch/generated" && diff -r -x __pycache__ proto/generated "$scratch/generated"
}

letters_are_current() {
  node services/notifier/build_letters.mjs "$scratch/letters" &&
    for letter in services/notifier/templates/*/; do
      diff "$letter/body.html" "$scratch/letters/$(basename "$letter")/body.html" || return 1
    done
}

# A changed or removed element breaks a client or an event of yesterday; only additions pass.
no_breaking_change() { (cd proto && buf breaking --against baseline.binpb); }
buf_lint() { (cd proto && buf lint); }

events_are_asyncapi() { node deploy/events/judge.mjs docs/asyncapi.json; }
planted_mistakes_are_found() {
  local mistake planted=()
  for mistake in 's/"channels": {/"chanels": {/' 's/uint32 partition/uint33 partition/' 's|#/channels/otp.events.v1|#/channels/opt.events.v1|'; do
    sed "$mistake" docs/asyncapi.json >"$scratch/planted-${#planted[@]}.json"
    planted+=("$scratch/planted-${#planted[@]}.json")
  done
  node deploy/events/judge.mjs --each-wrong "${planted[@]}"
}

# Lock files, scripts and documents work from any registry and any folder.
no_registry_hosts() {
  ! git grep -nIE 'registry\.npmjs|pypi\.org|pythonhosted\.org|repo1?\.maven\.|deb\.debian\.org|proxy\.golang|"resolved": "http' -- . ':!deploy/local/check.sh'
}
no_machine_paths() { ! git grep -nIE '(^|[^.[:alnum:]])/(work|home|root|Users)/[a-z]' -- . ':!deploy/local/check.sh' ':!deploy/Dockerfile' ':!deploy/k8s'; }

# Samples and the documents made of them are held by a contract test to what made-up facts give.
no_secrets() {
  git ls-files -z |
    grep -zvE '\.lock$|package-lock.json|\.secrets.baseline|^proto/generated/|^docs/(samples/events/|asyncapi.json|events.md)' |
    xargs -0 detect-secrets-hook --baseline .secrets.baseline
}
# A scan that finds nothing proves something only when it finds what was planted.
planted_secret_is_found() {
  # Long enough that chance never makes it look harmless.
  printf 'password = "%s"\n' "$(head -c 96 /dev/urandom | base64 -w 0)" >"$scratch/planted.py"
  ! detect-secrets-hook --baseline .secrets.baseline "$scratch/planted.py"
}

# Two lines of checks side by side: the types alone take about as long as all the others.
{
  check "types (mypy --strict)" mypy
  check "who imports whom (import-linter)" lint-imports
  check "generated code is current" generated_is_current
} >"$scratch/beside" 2>&1 &
check "style (ruff)" ruff check .
check "format (ruff)" ruff format --check .
check "contracts (buf lint)" buf_lint
check "no breaking change (buf breaking)" no_breaking_change
check "letters are made of their MJML" letters_are_current
check "events (AsyncAPI's parser)" events_are_asyncapi
check "planted mistakes in it are found" planted_mistakes_are_found
check "no registry hosts" no_registry_hosts
check "no paths of one machine" no_machine_paths
check "no secrets" no_secrets
check "a planted secret is found" planted_secret_is_found
wait
cat "$scratch/beside"
[ ! -e "$scratch/failed" ]
