# Removes everything: the Azure ML workspace for good (else it is kept for two weeks), all resources, and the Entra ID
# registration. Asks once. Data and models are gone afterwards.
param([switch] $Yes)
$ErrorActionPreference = 'Stop'

Set-Location (Join-Path $PSScriptRoot '..' '..')
$environment = azd env get-value AZURE_ENV_NAME
if (-not $Yes -and (Read-Host "This deletes all data and models of '$environment'. Type its name to go on") -ne $environment) {
  Write-Host 'Nothing was removed.'
  exit 1
}

$group = "/subscriptions/$(azd env get-value AZURE_SUBSCRIPTION_ID)/resourceGroups/$(azd env get-value AZURE_RESOURCE_GROUP)"
$workspace = "$group/providers/Microsoft.MachineLearningServices/workspaces/$(azd env get-value AIAAS_MACHINE_LEARNING_WORKSPACE)?api-version=2025-12-01"
az rest --method get --url $workspace --output none 2> $null
if ($LASTEXITCODE -eq 0) {
  az rest --method delete --url $workspace --url-parameters forceToPurge=true --output none
  if ($LASTEXITCODE -ne 0) {
    throw 'The Azure ML workspace could not be deleted; the reason is above.'
  }
  Write-Host 'Waiting for the Azure ML workspace to go ...'
  for ($left = 60; $LASTEXITCODE -eq 0; $left--) {
    if ($left -le 0) {
      throw 'The Azure ML workspace is still there after ten minutes. Run this again later.'
    }
    Start-Sleep -Seconds 10
    az rest --method get --url $workspace --output none 2> $null
  }
}

azd down --purge --force
if ($LASTEXITCODE -ne 0) {
  throw 'Not everything was removed; the reason is above.'
}
& ./infra/scripts/entra.ps1 remove
Remove-Item -ErrorAction SilentlyContinue (Join-Path '.azure' $environment 'admin.key')
azd env set AIAAS_BOOTSTRAP_KEY_SHA256 ''
azd env set AIAAS_BUDGET_START ''
