metadata description = 'Event Grid: what happens in storage and in the workspace. The subscription that calls the function app is made by the postdeploy hook, once there is a function to call.'

param location string
param tags object
param token string
param dataAccountName string
param workspaceName string
param serviceBusName string

var roles = {
  blobDataContributor: 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
  serviceBusDataSender: '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39'
}

resource dataAccount 'Microsoft.Storage/storageAccounts@2026-04-01' existing = {
  name: dataAccountName
}

resource dataBlobs 'Microsoft.Storage/storageAccounts/blobServices@2026-04-01' existing = {
  parent: dataAccount
  name: 'default'
}

resource undelivered 'Microsoft.Storage/storageAccounts/blobServices/containers@2026-04-01' existing = {
  parent: dataBlobs
  name: 'undelivered'
}

resource workspace 'Microsoft.MachineLearningServices/workspaces@2026-05-01' existing = {
  name: workspaceName
}

resource bus 'Microsoft.ServiceBus/namespaces@2026-01-01' existing = {
  name: serviceBusName
}

resource jobQueue 'Microsoft.ServiceBus/namespaces/queues@2026-01-01' existing = {
  parent: bus
  name: 'azure-ml-events'
}

resource drops 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: 'evgt-drops-${token}'
  location: location
  tags: tags
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    source: dataAccount.id
    topicType: 'Microsoft.Storage.StorageAccounts'
  }
}

// What the function app could not be told within a day is kept there.
resource dropsUndelivered 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(undelivered.id, drops.id, roles.blobDataContributor)
  scope: undelivered
  properties: {
    principalId: drops.identity.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.blobDataContributor)
  }
}

resource jobs 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: 'evgt-jobs-${token}'
  location: location
  tags: tags
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    source: workspace.id
    topicType: 'Microsoft.MachineLearningServices.Workspaces'
  }
}

resource jobsSender 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(jobQueue.id, jobs.id, roles.serviceBusDataSender)
  scope: jobQueue
  properties: {
    principalId: jobs.identity.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.serviceBusDataSender)
  }
}

resource jobsEnded 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: jobs
  name: 'jobs-ended'
  properties: {
    eventDeliverySchema: 'EventGridSchema'
    filter: {
      includedEventTypes: [
        'Microsoft.MachineLearningServices.RunCompleted'
        'Microsoft.MachineLearningServices.RunStatusChanged'
      ]
    }
    deliveryWithResourceIdentity: {
      identity: {
        type: 'SystemAssigned'
      }
      destination: {
        endpointType: 'ServiceBusQueue'
        properties: {
          resourceId: jobQueue.id
        }
      }
    }
    retryPolicy: {
      maxDeliveryAttempts: 30
      eventTimeToLiveInMinutes: 1440
    }
  }
  dependsOn: [
    jobsSender
  ]
}

output dropTopicId string = drops.id
output dropTopicName string = drops.name
