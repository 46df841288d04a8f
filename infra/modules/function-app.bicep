metadata description = 'The function app on Flex Consumption, and every setting it reads.'

param location string
param tags object
param token string
param name string
param identityId string
param identityClientId string
param trainingClientId string
param applicationInsightsName string
param hostAccountName string
param packageContainerName string
param dataAccountName string
param serviceBusName string
param schedulerEndpoint string
param taskHubName string
param durableOnStorage bool
param workspaceId string
param withGpu bool
param instanceMemoryMB int
param alwaysReadyInstances int
param maximumInstanceCount int
param httpConcurrency int
param usePlaceholder bool
param bootstrapKeySha256 string
param authClientId string
param tenantClaim string
param extraSettings object
param privateNetworking bool
param allowedIpRanges array
param appSubnetId string

resource hostAccount 'Microsoft.Storage/storageAccounts@2026-04-01' existing = {
  name: hostAccountName
}

resource dataAccount 'Microsoft.Storage/storageAccounts@2026-04-01' existing = {
  name: dataAccountName
}

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
}

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: 'plan-${token}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
  }
}

var allowedRanges = [for (range, index) in allowedIpRanges: {
  name: 'range-${index}'
  action: 'Allow'
  priority: 200 + index
  ipAddress: contains(range, '/') ? range : '${range}/32'
}]
// Event Grid tells of dropped files from outside the network, and must always get in.
var inboundRules = concat([
  {
    name: 'event-grid'
    action: 'Allow'
    priority: 100
    tag: 'ServiceTag'
    ipAddress: 'AzureEventGrid'
  }
], allowedRanges)

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  tags: union(tags, {
    'azd-service-name': 'app'
  })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    publicNetworkAccess: 'Enabled'
    virtualNetworkSubnetId: privateNetworking ? appSubnetId : null
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      http20Enabled: true
      ipSecurityRestrictions: privateNetworking ? inboundRules : []
      ipSecurityRestrictionsDefaultAction: privateNetworking ? 'Deny' : 'Allow'
      // Who may not call the app may not deploy it either.
      scmIpSecurityRestrictionsUseMain: privateNetworking
    }
    functionAppConfig: {
      runtime: {
        name: 'dotnet-isolated'
        version: '10.0'
      }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${hostAccount.properties.primaryEndpoints.blob}${packageContainerName}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReadyInstances > 0 ? [
          {
            name: 'http'
            instanceCount: alwaysReadyInstances
          }
        ] : []
        triggers: {
          http: {
            perInstanceConcurrency: httpConcurrency
          }
        }
      }
    }
  }

  resource ftp 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: {
      allow: false
    }
  }

  resource scm 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: {
      allow: false
    }
  }
}

var settings = {
  AZURE_CLIENT_ID: identityClientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: applicationInsights.properties.ConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  AzureWebJobsStorage__blobServiceUri: hostAccount.properties.primaryEndpoints.blob
  AzureWebJobsStorage__queueServiceUri: hostAccount.properties.primaryEndpoints.queue
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  Storage__blobServiceUri: dataAccount.properties.primaryEndpoints.blob
  Storage__queueServiceUri: dataAccount.properties.primaryEndpoints.queue
  Storage__credential: 'managedidentity'
  Storage__clientId: identityClientId
  ServiceBus__fullyQualifiedNamespace: '${serviceBusName}.servicebus.windows.net'
  ServiceBus__credential: 'managedidentity'
  ServiceBus__clientId: identityClientId
  AIaaS__ObjectStore: 'blob'
  AIaaS__MessageQueue: 'service-bus'
  AIaaS__TrainingCluster: 'azure-ml'
  AIaaS__AzureMl__WorkspaceId: workspaceId
  AIaaS__AzureMl__DefaultCluster: 'cpu'
  AIaaS__AzureMl__GpuClusters: withGpu ? 'gpu' : ''
  AIaaS__AzureMl__IdentityClientId: trainingClientId
  AIaaS__BootstrapKeySha256: bootstrapKeySha256
  AIaaS__TenantClaim: tenantClaim
  WEBSITE_USE_PLACEHOLDER_DOTNETISOLATED: usePlaceholder ? '1' : '0'
}
var storageBackend = {
  AzureWebJobsStorage__tableServiceUri: hostAccount.properties.primaryEndpoints.table
}
var schedulerBackend = {
  AzureFunctionsJobHost__extensions__durableTask__storageProvider__type: 'azureManaged'
  AzureFunctionsJobHost__extensions__durableTask__storageProvider__connectionStringName: 'DURABLE_TASK_SCHEDULER_CONNECTION_STRING'
  AzureFunctionsJobHost__extensions__durableTask__hubName: taskHubName
  DURABLE_TASK_SCHEDULER_CONNECTION_STRING: 'Endpoint=${schedulerEndpoint};Authentication=ManagedIdentity;ClientID=${identityClientId}'
}

resource appSettings 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: app
  name: 'appsettings'
  properties: union(settings, durableOnStorage ? storageBackend : schedulerBackend, extraSettings)
}

// Validates Entra ID tokens and passes on who sent them; requests without one go through to our own keys.
resource authentication 'Microsoft.Web/sites/config@2025-03-01' = if (!empty(authClientId)) {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: {
      enabled: true
      runtimeVersion: '~1'
    }
    globalValidation: {
      requireAuthentication: false
      unauthenticatedClientAction: 'AllowAnonymous'
    }
    httpSettings: {
      requireHttps: true
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: authClientId
          openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
        }
        validation: {
          allowedAudiences: [
            authClientId
            'api://${authClientId}'
          ]
        }
      }
    }
    login: {
      tokenStore: {
        enabled: false
      }
    }
  }
  dependsOn: [
    appSettings
  ]
}

output id string = app.id
output name string = app.name
output url string = 'https://${app.properties.defaultHostName}'
