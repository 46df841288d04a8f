#!/bin/sh
# Before azd provisions: what must be decided once and then stay, kept in the azd environment.
set -eu

# A budget's start must not change once it is made, so it is not computed at each deployment.
if [ -z "${AIAAS_BUDGET_START:-}" ]; then
  azd env set AIAAS_BUDGET_START "$(date -u +%Y-%m-01)"
fi

# A first admin key, as the local host makes one. Azure is told its hash only. A pipeline brings its own, or none.
if [ -z "${AIAAS_BOOTSTRAP_KEY_SHA256:-}" ] && [ -z "${AIAAS_AUTH_CLIENT_ID:-}" ] && [ -z "${CI:-}" ]; then
  file=".azure/${AZURE_ENV_NAME:?is set by azd}/admin.key"
  umask 077
  if [ ! -s "$file" ]; then
    mkdir -p "$(dirname "$file")"
    printf 'aiaas_%s\n' "$(openssl rand -base64 32 | tr '+/' '-_' | tr -d '=\n')" > "$file"
  fi
  azd env set AIAAS_BOOTSTRAP_KEY_SHA256 "$(tr -d '\n' < "$file" | openssl dgst -sha256 -r | cut -d ' ' -f 1)"
  echo "The first admin key is in $file, which only you can read."
fi
