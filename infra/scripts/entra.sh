#!/bin/sh
# Makes or removes the Entra ID registration that people and programs sign in to the platform with.
#
#   entra.sh create        makes it, or brings it up to date, and notes its client id in the azd environment
#   entra.sh assign ROLE   gives whoever is signed in one of the roles reader, predictor, trainer, admin
#   entra.sh remove        removes it
#
# Run 'azd up' (or 'azd provision') after 'create' and 'remove'.
set -eu

cd "$(dirname "$0")/../.."
name="aiaas-$(azd env get-value AZURE_ENV_NAME)"
graph=https://graph.microsoft.com/v1.0
# The Azure CLI, so that 'az account get-access-token' works without anyone's further consent.
azure_cli=04b07795-8ddb-461a-bbee-02f9e1bf7b46
scope=6f1b6b2a-5a0f-4b54-9f0e-2d1c1f1f7a00

# find PROPERTY: of our registration; nothing where there is none.
find() {
  az ad app list --display-name "$name" --query "[?displayName=='$name'] | [0].$1" --output tsv
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

case "${1:-}" in
  create)
    client=$(find appId)
    if [ -z "$client" ]; then
      client=$(az ad app create --display-name "$name" --sign-in-audience AzureADMyOrg --query appId --output tsv)
    fi
    object=$(az ad app show --id "$client" --query id --output tsv)
    # In two steps: a program can be trusted with a scope only once there is that scope.
    cat > "$work/scope.json" << JSON
{
  "identifierUris": [ "api://$client" ],
  "appRoles": $(cat infra/scripts/app-roles.json),
  "api": {
    "requestedAccessTokenVersion": 2,
    "oauth2PermissionScopes": [
      {
        "id": "$scope",
        "value": "access",
        "type": "User",
        "isEnabled": true,
        "adminConsentDisplayName": "Use the AI platform",
        "adminConsentDescription": "Use the AI platform as the signed-in user, with the roles assigned to them."
      }
    ]
  }
}
JSON
    cat > "$work/trust.json" << JSON
{ "api": { "preAuthorizedApplications": [ { "appId": "$azure_cli", "delegatedPermissionIds": [ "$scope" ] } ] } }
JSON
    az rest --method patch --url "$graph/applications/$object" --headers 'Content-Type=application/json' --body "@$work/scope.json" --output none
    az rest --method patch --url "$graph/applications/$object" --headers 'Content-Type=application/json' --body "@$work/trust.json" --output none
    az ad sp show --id "$client" --output none 2> /dev/null || az ad sp create --id "$client" --output none
    azd env set AIAAS_AUTH_CLIENT_ID "$client"
    echo "The registration '$name' has the client id $client. Now run 'azd provision', and give people roles with '$0 assign ROLE' or in the portal."
    ;;
  assign)
    client=$(find appId)
    role=$(az ad app show --id "$client" --query "appRoles[?value=='${2:?must be a role}'] | [0].id" --output tsv)
    if [ -z "$role" ]; then
      echo "There is no role '$2'. The roles are reader, predictor, trainer and admin." >&2
      exit 1
    fi
    principal=$(az ad sp show --id "$client" --query id --output tsv)
    me=$(az ad signed-in-user show --query id --output tsv)
    printf '{ "principalId": "%s", "resourceId": "%s", "appRoleId": "%s" }' "$me" "$principal" "$role" > "$work/assignment.json"
    az rest --method post --url "$graph/servicePrincipals/$principal/appRoleAssignedTo" --headers 'Content-Type=application/json' --body "@$work/assignment.json" --output none
    echo "You are $2. Get a token with: az account get-access-token --resource api://$client"
    ;;
  remove)
    client=$(find appId)
    if [ -z "$client" ]; then
      echo "There is no registration '$name'."
    else
      object=$(az ad app show --id "$client" --query id --output tsv)
      az ad app delete --id "$client"
      # Deleted registrations are kept for thirty days unless they are deleted once more.
      az rest --method delete --url "$graph/directory/deletedItems/$object" --output none
      echo "The registration '$name' is removed."
    fi
    azd env set AIAAS_AUTH_CLIENT_ID ''
    ;;
  *)
    echo "Usage: $0 create | assign ROLE | remove" >&2
    exit 2
    ;;
esac
