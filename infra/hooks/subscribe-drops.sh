#!/bin/sh
# Tells Event Grid to call the function app for each file dropped into storage. It can only be done once the function is
# deployed, and may be done again: the subscription is then updated.
set -eu

if ! command -v az > /dev/null; then
  echo "The Azure CLI (az) is needed to subscribe to dropped files, and was not found. Install it, run 'az login', then 'azd hooks run postdeploy'." >&2
  exit 1
fi

group="/subscriptions/${AZURE_SUBSCRIPTION_ID:?}/resourceGroups/${AZURE_RESOURCE_GROUP:?}"
app="$group/providers/Microsoft.Web/sites/${AIAAS_FUNCTION_APP_NAME:?}"
topic="$group/providers/Microsoft.EventGrid/systemTopics/${AIAAS_DROP_TOPIC:?}"
account="$group/providers/Microsoft.Storage/storageAccounts/${AZURE_STORAGE_ACCOUNT_NAME:?}"
subscription="$topic/eventSubscriptions/drops?api-version=2025-02-15"

# The host makes this key when it first loads the function, which may take a while after the deployment.
echo "Waiting for the function app to load its functions ..."
key=
attempt=0
while [ -z "$key" ]; do
  key=$(az rest --method post --url "$app/host/default/listKeys?api-version=2025-03-01" --query 'systemKeys.blobs_extension' --output tsv 2> /dev/null || true)
  if [ "$key" = None ]; then
    key=
  fi
  attempt=$((attempt + 1))
  if [ -z "$key" ] && [ "$attempt" -ge 30 ]; then
    echo "The function app has not loaded its blob function after five minutes. See its log stream, then run 'azd hooks run postdeploy'." >&2
    exit 1
  fi
  if [ -z "$key" ]; then
    sleep 10
  fi
done

# The key goes by a file that only we can read, as the arguments of a program can be seen by others.
umask 077
body=$(mktemp)
trap 'rm -f "$body"' EXIT
cat > "$body" << JSON
{
  "properties": {
    "destination": {
      "endpointType": "WebHook",
      "properties": {
        "endpointUrl": "${AIAAS_URL:?}/runtime/webhooks/blobs?functionName=Host.Functions.FileDropped&code=$key",
        "maxEventsPerBatch": 1
      }
    },
    "filter": {
      "subjectBeginsWith": "/blobServices/default/containers/${AIAAS_INCOMING_CONTAINER:?}/",
      "includedEventTypes": [ "Microsoft.Storage.BlobCreated" ]
    },
    "eventDeliverySchema": "EventGridSchema",
    "retryPolicy": { "maxDeliveryAttempts": 30, "eventTimeToLiveInMinutes": 1440 },
    "deadLetterWithResourceIdentity": {
      "identity": { "type": "SystemAssigned" },
      "deadLetterDestination": {
        "endpointType": "StorageBlob",
        "properties": { "resourceId": "$account", "blobContainerName": "${AIAAS_UNDELIVERED_CONTAINER:?}" }
      }
    }
  }
}
JSON
az rest --method put --url "$subscription" --body "@$body" --output none

attempt=0
while true; do
  state=$(az rest --method get --url "$subscription" --query 'properties.provisioningState' --output tsv)
  case "$state" in
    Succeeded)
      echo "Event Grid tells the function app of files dropped into '${AIAAS_INCOMING_CONTAINER}'."
      exit 0
      ;;
    Failed | Canceled)
      echo "Event Grid could not subscribe the function app: $state. The app must answer its first call; see its log stream, then run 'azd hooks run postdeploy'." >&2
      exit 1
      ;;
  esac
  attempt=$((attempt + 1))
  if [ "$attempt" -ge 30 ]; then
    echo "Event Grid has not subscribed the function app after five minutes (state $state). Run 'azd hooks run postdeploy' to try again." >&2
    exit 1
  fi
  sleep 10
done
