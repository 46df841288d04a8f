#!/bin/sh
# Removes everything: the Azure ML workspace for good (else it is kept for two weeks), all resources, and the Entra ID
# registration. Asks once. Data and models are gone afterwards.
set -eu

cd "$(dirname "$0")/../.."
environment=$(azd env get-value AZURE_ENV_NAME)
if [ "${1:-}" != --yes ]; then
  printf "This deletes all data and models of '%s'. Type its name to go on: " "$environment"
  read -r answer
  if [ "$answer" != "$environment" ]; then
    echo "Nothing was removed."
    exit 1
  fi
fi

group="/subscriptions/$(azd env get-value AZURE_SUBSCRIPTION_ID)/resourceGroups/$(azd env get-value AZURE_RESOURCE_GROUP)"
workspace="$group/providers/Microsoft.MachineLearningServices/workspaces/$(azd env get-value AIAAS_MACHINE_LEARNING_WORKSPACE)?api-version=2025-12-01"
if az rest --method get --url "$workspace" --output none 2> /dev/null; then
  az rest --method delete --url "$workspace" --url-parameters forceToPurge=true --output none
  echo "Waiting for the Azure ML workspace to go ..."
  left=60
  while az rest --method get --url "$workspace" --output none 2> /dev/null; do
    left=$((left - 1))
    if [ "$left" -le 0 ]; then
      echo "The Azure ML workspace is still there after ten minutes. Run this again later." >&2
      exit 1
    fi
    sleep 10
  done
fi

azd down --purge --force
sh infra/scripts/entra.sh remove
rm -f ".azure/$environment/admin.key"
azd env set AIAAS_BOOTSTRAP_KEY_SHA256 ''
azd env set AIAAS_BUDGET_START ''
