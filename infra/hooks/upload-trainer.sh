#!/bin/sh
# Uploads the trainer that build-trainer packed to trainer/{build id}/ of the storage account, its build.json last: the function
# app takes that file for the sign of a complete upload. Does nothing where it is there already. Needs 'az login' and the role
# Storage Blob Data Contributor on the container.
#
#   AZURE_STORAGE_ACCOUNT_NAME   the storage account; azd sets it from the outputs of the infrastructure
#   AIAAS_RETRY_SECONDS          how long to wait before another try, 30 unless set
set -eu

pause=${AIAAS_RETRY_SECONDS:-30}
account=${AZURE_STORAGE_ACCOUNT_NAME:?"is not set: run 'azd provision' first, or name the storage account"}
cd "$(dirname "$0")/../.."
build=artifacts/trainer

if [ ! -f "$build/build.json" ]; then
  echo "There is no trainer in $build; run infra/hooks/build-trainer.sh first." >&2
  exit 1
fi
id=$(sed -n 's/^  "id": "\([0-9a-f]*\)",$/\1/p' "$build/build.json")
if [ -z "$id" ]; then
  echo "$build/build.json names no build; run infra/hooks/build-trainer.sh again." >&2
  exit 1
fi

# A role that was assigned just now takes effect within minutes only.
retry() {
  tries=1
  until "$@"; do
    if [ "$tries" -ge 10 ]; then
      return 1
    fi
    tries=$((tries + 1))
    echo "Not yet; trying again in $pause s ($tries of 10)." >&2
    sleep "$pause"
  done
}

exists() {
  az storage blob exists --auth-mode login --account-name "$account" --container-name trainer --name "$id/build.json" \
    --query exists --output tsv --only-show-errors
}

upload() {
  az storage blob upload --auth-mode login --account-name "$account" --container-name trainer --name "$id/$1" \
    --file "$build/$1" --overwrite true --no-progress --only-show-errors --output none
}

found=$(retry exists)
if [ "$found" = true ]; then
  echo "Trainer build $id is in the storage account already."
  exit 0
fi
for archive in "$build"/*.tar.gz; do
  retry upload "$(basename "$archive")"
done
retry upload build.json
echo "Uploaded trainer build $id."
