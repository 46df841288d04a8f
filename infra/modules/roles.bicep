metadata description = 'Who may do what, each on the narrowest scope there is. docs/azure.md explains every row.'

param appPrincipalId string
param trainingPrincipalId string
param deployerPrincipalId string
param deployerPrincipalType string
param hostAccountName string
param dataAccountName string
param workspaceAccountName string
param serviceBusName string
param applicationInsightsName string
param schedulerName string
param taskHubName string
param durableOnStorage bool

var roles = {
  blobDataContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  blobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  blobDataReader: '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'
  blobDelegator: 'db58b8e5-c6ad-4a2a-8342-4190687cbf4a'
  durableTaskDataContributor: '0ad04412-c4d5-4796-b79c-f76d14c8d402'
  monitoringMetricsPublisher: '3913510d-42f4-4e42-8a64-420c390055eb'
  queueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  serviceBusDataReceiver: '4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0'
  serviceBusDataSender: '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39'
  tableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
}

var appContainers = [
  {
    name: 'incoming'
    role: roles.blobDataContributor
  }
  {
    name: 'datasets'
    role: roles.blobDataContributor
  }
  {
    name: 'quarantine'
    role: roles.blobDataContributor
  }
  {
    name: 'runs'
    role: roles.blobDataContributor
  }
  {
    name: 'models'
    role: roles.blobDataContributor
  }
  {
    name: 'predictions'
    role: roles.blobDataContributor
  }
  {
    name: 'catalog'
    role: roles.blobDataContributor
  }
  {
    name: 'trainer'
    role: roles.blobDataReader
  }
]

var trainingContainers = [
  {
    name: 'datasets'
    role: roles.blobDataReader
  }
  {
    name: 'runs'
    role: roles.blobDataContributor
  }
  {
    name: 'trainer'
    role: roles.blobDataReader
  }
]

var appQueues = [
  {
    name: 'run-start'
    role: roles.serviceBusDataSender
  }
  {
    name: 'run-start'
    role: roles.serviceBusDataReceiver
  }
  {
    name: 'job-ended'
    role: roles.serviceBusDataSender
  }
  {
    name: 'job-ended'
    role: roles.serviceBusDataReceiver
  }
  {
    name: 'batch-predictions'
    role: roles.serviceBusDataSender
  }
  {
    name: 'batch-predictions'
    role: roles.serviceBusDataReceiver
  }
  {
    name: 'batch-webhooks'
    role: roles.serviceBusDataSender
  }
  {
    name: 'batch-webhooks'
    role: roles.serviceBusDataReceiver
  }
  {
    name: 'azure-ml-events'
    role: roles.serviceBusDataReceiver
  }
]

resource hostAccount 'Microsoft.Storage/storageAccounts@2026-04-01' existing = {
  name: hostAccountName
}

resource dataAccount 'Microsoft.Storage/storageAccounts@2026-04-01' existing = {
  name: dataAccountName
}

resource dataBlobs 'Microsoft.Storage/storageAccounts/blobServices@2026-04-01' existing = {
  parent: dataAccount
  name: 'default'
}

resource dataQueues 'Microsoft.Storage/storageAccounts/queueServices@2026-04-01' existing = {
  parent: dataAccount
  name: 'default'
}

resource poisonQueue 'Microsoft.Storage/storageAccounts/queueServices/queues@2026-04-01' existing = {
  parent: dataQueues
  name: 'webjobs-blobtrigger-poison'
}

resource workspaceAccount 'Microsoft.Storage/storageAccounts@2026-04-01' existing = {
  name: workspaceAccountName
}

resource bus 'Microsoft.ServiceBus/namespaces@2026-01-01' existing = {
  name: serviceBusName
}

resource applicationInsights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: applicationInsightsName
}

resource scheduler 'Microsoft.DurableTask/schedulers@2026-02-01' existing = if (!durableOnStorage) {
  name: schedulerName
}

resource taskHub 'Microsoft.DurableTask/schedulers/taskHubs@2026-02-01' existing = if (!durableOnStorage) {
  parent: scheduler
  name: taskHubName
}

// The host's own account: its package, its locks, its function keys, the blob trigger's work queue.

resource hostBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hostAccount.id, appPrincipalId, roles.blobDataOwner)
  scope: hostAccount
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobDataOwner)
  }
}

resource hostQueues 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(hostAccount.id, appPrincipalId, roles.queueDataContributor)
  scope: hostAccount
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.queueDataContributor)
  }
}

resource hostTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (durableOnStorage) {
  name: guid(hostAccount.id, appPrincipalId, roles.tableDataContributor)
  scope: hostAccount
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.tableDataContributor)
  }
}

// The platform's data, container by container.

resource appContainerScopes 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-04-01' existing = [for item in appContainers: {
  parent: dataBlobs
  name: item.name
}]

resource appContainerRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (item, index) in appContainers: {
  name: guid(dataAccount.id, item.name, appPrincipalId, item.role)
  scope: appContainerScopes[index]
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', item.role)
  }
}]

// Signs upload addresses. What they open is bounded by the roles above.
resource appDelegator 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(dataAccount.id, appPrincipalId, roles.blobDelegator)
  scope: dataAccount
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobDelegator)
  }
}

resource appPoison 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(poisonQueue.id, appPrincipalId, roles.queueDataContributor)
  scope: poisonQueue
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.queueDataContributor)
  }
}

resource trainingContainerScopes 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-04-01' existing = [for item in trainingContainers: {
  parent: dataBlobs
  name: item.name
}]

resource trainingContainerRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (item, index) in trainingContainers: {
  name: guid(dataAccount.id, item.name, trainingPrincipalId, item.role)
  scope: trainingContainerScopes[index]
  properties: {
    principalId: trainingPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', item.role)
  }
}]

// The workspace names its containers itself, so what a job leaves there needs the account.
resource trainingWorkspace 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(workspaceAccount.id, trainingPrincipalId, roles.blobDataContributor)
  scope: workspaceAccount
  properties: {
    principalId: trainingPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobDataContributor)
  }
}

resource trainerContainer 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-04-01' existing = {
  parent: dataBlobs
  name: 'trainer'
}

resource deployerTrainer 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!empty(deployerPrincipalId)) {
  name: guid(trainerContainer.id, deployerPrincipalId, roles.blobDataContributor)
  scope: trainerContainer
  properties: {
    principalId: deployerPrincipalId
    principalType: deployerPrincipalType
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobDataContributor)
  }
}

// Queues, orchestrations, telemetry.

resource appQueueScopes 'Microsoft.ServiceBus/namespaces/queues@2026-01-01' existing = [for item in appQueues: {
  parent: bus
  name: item.name
}]

resource appQueueRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [for (item, index) in appQueues: {
  name: guid(bus.id, item.name, appPrincipalId, item.role)
  scope: appQueueScopes[index]
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', item.role)
  }
}]

resource appTaskHub 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (!durableOnStorage) {
  name: guid(taskHub.id, appPrincipalId, roles.durableTaskDataContributor)
  scope: taskHub
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.durableTaskDataContributor)
  }
}

resource appTelemetry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(applicationInsights.id, appPrincipalId, roles.monitoringMetricsPublisher)
  scope: applicationInsights
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.monitoringMetricsPublisher)
  }
}
