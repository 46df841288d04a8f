metadata description = 'A private address in our network for each service, and the names that lead to it.'

param location string
param tags object
param subnetId string
param networkId string
param hostAccountId string
param dataAccountId string
param workspaceAccountId string
param serviceBusId string
param keyVaultId string
param workspaceId string
param functionAppId string

var zoneNames = [
  'privatelink.blob.${environment().suffixes.storage}'
  'privatelink.queue.${environment().suffixes.storage}'
  'privatelink.table.${environment().suffixes.storage}'
  'privatelink.file.${environment().suffixes.storage}'
  'privatelink.servicebus.windows.net'
  'privatelink.vaultcore.azure.net'
  'privatelink.azurewebsites.net'
  'privatelink.api.azureml.ms'
  'privatelink.notebooks.azure.net'
]

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [for zone in zoneNames: {
  name: zone
  location: 'global'
  tags: tags
}]

resource links 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [for (zone, index) in zoneNames: {
  parent: zones[index]
  name: 'network'
  location: 'global'
  tags: tags
  properties: {
    registrationEnabled: false
    virtualNetwork: {
      id: networkId
    }
  }
}]

module endpoints 'private-endpoint.bicep' = [for item in [
  {
    name: 'host-blob'
    target: hostAccountId
    subresource: 'blob'
    zones: [
      zoneNames[0]
    ]
  }
  {
    name: 'host-queue'
    target: hostAccountId
    subresource: 'queue'
    zones: [
      zoneNames[1]
    ]
  }
  {
    name: 'host-table'
    target: hostAccountId
    subresource: 'table'
    zones: [
      zoneNames[2]
    ]
  }
  {
    name: 'data-blob'
    target: dataAccountId
    subresource: 'blob'
    zones: [
      zoneNames[0]
    ]
  }
  {
    name: 'data-queue'
    target: dataAccountId
    subresource: 'queue'
    zones: [
      zoneNames[1]
    ]
  }
  {
    name: 'workspace-blob'
    target: workspaceAccountId
    subresource: 'blob'
    zones: [
      zoneNames[0]
    ]
  }
  {
    name: 'workspace-file'
    target: workspaceAccountId
    subresource: 'file'
    zones: [
      zoneNames[3]
    ]
  }
  {
    name: 'service-bus'
    target: serviceBusId
    subresource: 'namespace'
    zones: [
      zoneNames[4]
    ]
  }
  {
    name: 'key-vault'
    target: keyVaultId
    subresource: 'vault'
    zones: [
      zoneNames[5]
    ]
  }
  {
    name: 'function-app'
    target: functionAppId
    subresource: 'sites'
    zones: [
      zoneNames[6]
    ]
  }
  {
    name: 'machine-learning'
    target: workspaceId
    subresource: 'amlworkspace'
    zones: [
      zoneNames[7]
      zoneNames[8]
    ]
  }
]: {
  name: 'endpoint-${item.name}'
  params: {
    location: location
    tags: tags
    name: item.name
    subnetId: subnetId
    target: item.target
    subresource: item.subresource
    zoneNames: item.zones
  }
  dependsOn: [
    zones
  ]
}]
