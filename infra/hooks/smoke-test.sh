#!/bin/sh
# Asks the deployed platform whether it works: its health, and with a key at hand its data and a prediction.
#
#   AIAAS_URL          where it is
#   AIAAS_KEY          a key of the role trainer or admin; else the one that the preprovision hook made is taken
#   AIAAS_SMOKE_TRAIN  "true" trains the sample first where it was not trained yet, which takes some minutes and cents
set -eu

url=${AIAAS_URL:?is the address of the function app}
key=${AIAAS_KEY:-}
file=".azure/${AZURE_ENV_NAME:-}/admin.key"
if [ -z "$key" ] && [ -s "$file" ]; then
  key=$(tr -d '\n' < "$file")
fi

umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# The key goes by a file that only we can read, as the arguments of a program can be seen by others.
printf 'header = "x-api-key: %s"\n' "$key" > "$work/key"

# Prints the status; the answer is in $work/answer.
ask() {
  curl --silent --max-time 60 --output "$work/answer" --write-out '%{http_code}' "$@" || true
}

# ask_until SECONDS-BETWEEN ATTEMPTS PATH: until it is answered with 200.
ask_until() {
  between=$1
  left=$2
  path=$3
  while true; do
    status=$(ask "$url$path")
    if [ "$status" = 200 ]; then
      echo "ok: $path"
      return 0
    fi
    left=$((left - 1))
    if [ "$left" -le 0 ]; then
      echo "failed: $url$path was answered with $status. See the log stream of the function app." >&2
      return 1
    fi
    sleep "$between"
  done
}

ask_until 10 30 /health/live
ask_until 10 12 /health/ready

if [ -z "$key" ]; then
  echo "No key at hand: set AIAAS_KEY to test more than health."
  exit 0
fi

status=$(ask --config "$work/key" "$url/api/v1/endpoints/penguins")
if [ "$status" = 404 ] && [ "${AIAAS_SMOKE_TRAIN:-}" = true ]; then
  status=$(ask --config "$work/key" -X PUT -H 'Content-Type: text/csv' --data-binary @samples/penguins/penguins.csv "$url/api/v1/datasets/penguins")
  if [ "$status" != 202 ]; then
    echo "failed: the sample was answered with $status: $(cat "$work/answer")" >&2
    exit 1
  fi
  run=$(sed 's/.*"run":"\([^"]*\)".*/\1/' "$work/answer")
  echo "The sample is being trained as run $run ..."
  left=120
  while true; do
    status=$(ask --config "$work/key" "$url/api/v1/runs/$run")
    # The run's own status comes before those of its stages.
    case "$(sed 's/"stages".*//' "$work/answer")" in
      *'"status":"failed"'* | *'"status":"cancelled"'*)
        echo "failed: the run ended without a model: $(cat "$work/answer")" >&2
        exit 1
        ;;
      *'"status":"succeeded"'*)
        break
        ;;
    esac
    left=$((left - 1))
    if [ "$left" -le 0 ]; then
      echo "failed: the run $run has not ended after half an hour." >&2
      exit 1
    fi
    sleep 15
  done
  status=200
fi

case "$status" in
  200)
    status=$(ask --config "$work/key" -H 'Content-Type: application/json' \
      --data '{"rows":[{"island":"Biscoe","bill_length_mm":46.1,"bill_depth_mm":13.2,"flipper_length_mm":211,"body_mass_g":4500}]}' \
      "$url/api/v1/endpoints/penguins/predictions")
    if [ "$status" != 200 ]; then
      echo "failed: a prediction was answered with $status: $(cat "$work/answer")" >&2
      exit 1
    fi
    echo "ok: a prediction: $(cat "$work/answer")"
    ;;
  404)
    echo "ok: the key is known. No endpoint 'penguins' yet: AIAAS_SMOKE_TRAIN=true trains the sample and asks it."
    ;;
  *)
    echo "failed: the endpoint 'penguins' was answered with $status: $(cat "$work/answer")" >&2
    exit 1
    ;;
esac
