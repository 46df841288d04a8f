# Tells Event Grid to call the function app for each file dropped into storage. It can only be done once the function is
# deployed, and may be done again: the subscription is then updated.
$ErrorActionPreference = 'Stop'

if (-not (Get-Command az -ErrorAction SilentlyContinue)) {
  throw "The Azure CLI (az) is needed to subscribe to dropped files, and was not found. Install it, run 'az login', then 'azd hooks run postdeploy'."
}

$group = "/subscriptions/$env:AZURE_SUBSCRIPTION_ID/resourceGroups/$env:AZURE_RESOURCE_GROUP"
$app = "$group/providers/Microsoft.Web/sites/$env:AIAAS_FUNCTION_APP_NAME"
$topic = "$group/providers/Microsoft.EventGrid/systemTopics/$env:AIAAS_DROP_TOPIC"
$account = "$group/providers/Microsoft.Storage/storageAccounts/$env:AZURE_STORAGE_ACCOUNT_NAME"
$subscription = "$topic/eventSubscriptions/drops?api-version=2025-02-15"

# The host makes this key when it first loads the function, which may take a while after the deployment.
Write-Host 'Waiting for the function app to load its functions ...'
$key = $null
for ($attempt = 0; -not $key; $attempt++) {
  if ($attempt -ge 30) {
    throw "The function app has not loaded its blob function after five minutes. See its log stream, then run 'azd hooks run postdeploy'."
  }
  if ($attempt -gt 0) {
    Start-Sleep -Seconds 10
  }
  $key = az rest --method post --url "$app/host/default/listKeys?api-version=2025-03-01" --query 'systemKeys.blobs_extension' --output tsv 2> $null
  if ($key -eq 'None') {
    $key = $null
  }
}

# The key goes by a file, as the arguments of a program can be seen by others.
$body = New-TemporaryFile
try {
  @{
    properties = @{
      destination = @{
        endpointType = 'WebHook'
        properties = @{
          endpointUrl = "$env:AIAAS_URL/runtime/webhooks/blobs?functionName=Host.Functions.FileDropped&code=$key"
          maxEventsPerBatch = 1
        }
      }
      filter = @{
        subjectBeginsWith = "/blobServices/default/containers/$env:AIAAS_INCOMING_CONTAINER/"
        includedEventTypes = @('Microsoft.Storage.BlobCreated')
      }
      eventDeliverySchema = 'EventGridSchema'
      retryPolicy = @{ maxDeliveryAttempts = 30; eventTimeToLiveInMinutes = 1440 }
      deadLetterWithResourceIdentity = @{
        identity = @{ type = 'SystemAssigned' }
        deadLetterDestination = @{
          endpointType = 'StorageBlob'
          properties = @{ resourceId = $account; blobContainerName = $env:AIAAS_UNDELIVERED_CONTAINER }
        }
      }
    }
  } | ConvertTo-Json -Depth 10 | Set-Content $body
  az rest --method put --url $subscription --body "@$body" --output none
  if ($LASTEXITCODE -ne 0) {
    throw 'Event Grid refused the subscription; its reason is above.'
  }
} finally {
  Remove-Item $body
}

for ($attempt = 0; $attempt -lt 30; $attempt++) {
  $state = az rest --method get --url $subscription --query 'properties.provisioningState' --output tsv
  if ($state -eq 'Succeeded') {
    Write-Host "Event Grid tells the function app of files dropped into '$env:AIAAS_INCOMING_CONTAINER'."
    return
  }
  if ($state -in 'Failed', 'Canceled') {
    throw "Event Grid could not subscribe the function app: $state. The app must answer its first call; see its log stream, then run 'azd hooks run postdeploy'."
  }
  Start-Sleep -Seconds 10
}
throw "Event Grid has not subscribed the function app after five minutes (state $state). Run 'azd hooks run postdeploy' to try again."
