# Makes or removes the Entra ID registration that people and programs sign in to the platform with.
#
#   entra.ps1 create        makes it, or brings it up to date, and notes its client id in the azd environment
#   entra.ps1 assign ROLE   gives whoever is signed in one of the roles reader, predictor, trainer, admin
#   entra.ps1 remove        removes it
#
# Run 'azd up' (or 'azd provision') after 'create' and 'remove'.
param(
  [Parameter(Mandatory)] [ValidateSet('create', 'assign', 'remove')] [string] $Action,
  [ValidateSet('reader', 'predictor', 'trainer', 'admin')] [string] $Role
)
$ErrorActionPreference = 'Stop'
$PSNativeCommandUseErrorActionPreference = $true

Set-Location (Join-Path $PSScriptRoot '..' '..')
$name = "aiaas-$(azd env get-value AZURE_ENV_NAME)"
$graph = 'https://graph.microsoft.com/v1.0'
# The Azure CLI, so that 'az account get-access-token' works without anyone's further consent.
$azureCli = '04b07795-8ddb-461a-bbee-02f9e1bf7b46'
$scope = '6f1b6b2a-5a0f-4b54-9f0e-2d1c1f1f7a00'

function Send([string] $Method, [string] $Path, [object] $Body) {
  $file = New-TemporaryFile
  try {
    $Body | ConvertTo-Json -Depth 10 | Set-Content $file
    az rest --method $Method --url "$graph/$Path" --headers 'Content-Type=application/json' --body "@$file" --output none
  } finally {
    Remove-Item $file
  }
}

$client = az ad app list --display-name $name --query "[?displayName=='$name'] | [0].appId" --output tsv
switch ($Action) {
  'create' {
    if (-not $client) {
      $client = az ad app create --display-name $name --sign-in-audience AzureADMyOrg --query appId --output tsv
    }
    $object = az ad app show --id $client --query id --output tsv
    # In two steps: a program can be trusted with a scope only once there is that scope.
    Send patch "applications/$object" @{
      identifierUris = @("api://$client")
      appRoles = @(Get-Content -Raw infra/scripts/app-roles.json | ConvertFrom-Json)
      api = @{
        requestedAccessTokenVersion = 2
        oauth2PermissionScopes = @(
          @{
            id = $scope
            value = 'access'
            type = 'User'
            isEnabled = $true
            adminConsentDisplayName = 'Use the AI platform'
            adminConsentDescription = 'Use the AI platform as the signed-in user, with the roles assigned to them.'
          }
        )
      }
    }
    Send patch "applications/$object" @{ api = @{ preAuthorizedApplications = @(@{ appId = $azureCli; delegatedPermissionIds = @($scope) }) } }
    if (-not (az ad sp list --filter "appId eq '$client'" --query '[0].id' --output tsv)) {
      az ad sp create --id $client --output none
    }
    azd env set AIAAS_AUTH_CLIENT_ID $client
    Write-Host "The registration '$name' has the client id $client. Now run 'azd provision', and give people roles with 'entra.ps1 assign ROLE' or in the portal."
  }
  'assign' {
    if (-not $Role) {
      throw 'Name a role: reader, predictor, trainer or admin.'
    }
    $roleId = az ad app show --id $client --query "appRoles[?value=='$Role'] | [0].id" --output tsv
    $principal = az ad sp show --id $client --query id --output tsv
    $me = az ad signed-in-user show --query id --output tsv
    Send post "servicePrincipals/$principal/appRoleAssignedTo" @{ principalId = $me; resourceId = $principal; appRoleId = $roleId }
    Write-Host "You are $Role. Get a token with: az account get-access-token --resource api://$client"
  }
  'remove' {
    if ($client) {
      $object = az ad app show --id $client --query id --output tsv
      az ad app delete --id $client
      # Deleted registrations are kept for thirty days unless they are deleted once more.
      az rest --method delete --url "$graph/directory/deletedItems/$object" --output none
      Write-Host "The registration '$name' is removed."
    } else {
      Write-Host "There is no registration '$name'."
    }
    azd env set AIAAS_AUTH_CLIENT_ID ''
  }
}
