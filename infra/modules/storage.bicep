metadata description = 'Three accounts that no key opens: one for the host, one for the platform\'s data, one that the Azure ML workspace demands.'

param location string
param tags object
param token string
param dataReplication string
param recoveryDays int
param quarantineDays int
param runDays int
param privateNetworking bool
param allowedIpRanges array

var containerNames = [
  'incoming'
  'datasets'
  'quarantine'
  'runs'
  'models'
  'predictions'
  'catalog'
  'trainer'
  'undelivered'
]
// Where nothing is allowed in from outside, the accounts have no public address at all.
var publicNetworkAccess = !privateNetworking || !empty(allowedIpRanges) ? 'Enabled' : 'Disabled'
// A range of one address is written without its length.
var ipRules = [for range in allowedIpRanges: {
  action: 'Allow'
  value: replace(range, '/32', '')
}]
var networkAcls = {
  bypass: 'AzureServices'
  defaultAction: privateNetworking ? 'Deny' : 'Allow'
  ipRules: privateNetworking ? ipRules : []
}

resource hostAccount 'Microsoft.Storage/storageAccounts@2026-04-01' = {
  name: 'sthost${token}'
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: 'Standard_LRS'
  }
  properties: {
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: publicNetworkAccess
    networkAcls: networkAcls
  }

  resource blobs 'blobServices' = {
    name: 'default'

    resource packages 'containers' = {
      name: 'app-packages'
      properties: {
        publicAccess: 'None'
      }
    }
  }
}

resource dataAccount 'Microsoft.Storage/storageAccounts@2026-04-01' = {
  name: 'stdata${token}'
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: dataReplication
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: publicNetworkAccess
    networkAcls: networkAcls
  }
}

resource dataBlobs 'Microsoft.Storage/storageAccounts/blobServices@2026-04-01' = {
  parent: dataAccount
  name: 'default'
  properties: {
    isVersioningEnabled: true
    deleteRetentionPolicy: {
      enabled: true
      days: recoveryDays
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: recoveryDays
    }
  }
}

resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-04-01' = [for name in containerNames: {
  parent: dataBlobs
  name: name
  properties: {
    publicAccess: 'None'
  }
}]

resource dataQueues 'Microsoft.Storage/storageAccounts/queueServices@2026-04-01' = {
  parent: dataAccount
  name: 'default'
}

// Where the blob trigger puts what it gave up. Made here, so that the app needs no right to make queues.
resource poisonQueue 'Microsoft.Storage/storageAccounts/queueServices/queues@2026-04-01' = {
  parent: dataQueues
  name: 'webjobs-blobtrigger-poison'
}

resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2026-04-01' = {
  parent: dataAccount
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'replaced-versions'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: {
              blobTypes: [
                'blockBlob'
              ]
            }
            actions: {
              version: {
                delete: {
                  daysAfterCreationGreaterThan: recoveryDays
                }
              }
            }
          }
        }
        {
          name: 'quarantine'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: {
              blobTypes: [
                'blockBlob'
              ]
              prefixMatch: [
                'quarantine/'
                'undelivered/'
              ]
            }
            actions: {
              baseBlob: {
                delete: {
                  daysAfterModificationGreaterThan: quarantineDays
                }
              }
            }
          }
        }
        {
          name: 'run-logs'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: {
              blobTypes: [
                'blockBlob'
                'appendBlob'
              ]
              prefixMatch: [
                'runs/'
              ]
            }
            actions: {
              baseBlob: {
                delete: {
                  daysAfterModificationGreaterThan: runDays
                }
              }
            }
          }
        }
      ]
    }
  }
  dependsOn: [
    dataBlobs
  ]
}

resource workspaceAccount 'Microsoft.Storage/storageAccounts@2026-04-01' = {
  name: 'stml${token}'
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: 'Standard_LRS'
  }
  properties: {
    allowBlobPublicAccess: false
    allowSharedKeyAccess: false
    allowCrossTenantReplication: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: publicNetworkAccess
    networkAcls: networkAcls
  }
}

resource workspaceLifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2026-04-01' = {
  parent: workspaceAccount
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'job-logs'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: {
              blobTypes: [
                'blockBlob'
                'appendBlob'
              ]
              prefixMatch: [
                'azureml/ExperimentRun/'
              ]
            }
            actions: {
              baseBlob: {
                delete: {
                  daysAfterModificationGreaterThan: runDays
                }
              }
            }
          }
        }
      ]
    }
  }
}

output hostAccountId string = hostAccount.id
output hostAccountName string = hostAccount.name
output packageContainerName string = hostAccount::blobs::packages.name
output dataAccountId string = dataAccount.id
output dataAccountName string = dataAccount.name
output workspaceAccountId string = workspaceAccount.id
output workspaceAccountName string = workspaceAccount.name
output incomingContainerName string = containers[0].name
output undeliveredContainerName string = containers[8].name
