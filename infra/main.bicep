targetScope = 'subscription'

metadata description = 'A serverless AI platform: what it needs in a subscription, in one resource group.'

@description('Name of the azd environment. The resource group is named after it, and every other name derived from it.')
@minLength(1)
@maxLength(64)
param environmentName string

@description('Region of everything.')
@metadata({
  azd: {
    type: 'location'
  }
})
param location string

@description('Object id of who deploys: may upload the trainer. Empty: nobody may, and the upload must be done by someone else.')
param principalId string = ''

@description('Kind of that principal.')
@allowed([
  'User'
  'ServicePrincipal'
  'Group'
])
param principalType string = 'User'

// The function app

@description('Memory of an instance, in MB. A model is held in it whole: 4096 for models beyond some 300 MB.')
@allowed([
  512
  2048
  4096
])
param instanceMemoryMB int = 2048

@description('Instances kept for HTTP at all times. Each costs money while nothing runs; zero does not.')
@minValue(0)
param alwaysReadyInstances int = 0

@description('Instances there may be at once, over all functions.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 100

@description('Requests that one HTTP instance takes at once. A prediction is mostly CPU: many more only queue.')
@minValue(1)
@maxValue(1000)
param httpConcurrency int = 16

@description('Starts the worker from the prewarmed .NET process. Faster, but see docs/azure.md about .NET 10.')
param usePlaceholder bool = false

@description('Lower-case hex SHA-256 of a first admin key. Empty: none.')
param bootstrapKeySha256 string = ''

@description('Client id of the Entra ID registration that people sign in with. Empty: API keys only.')
param authClientId string = ''

@description('Claim that names a person\'s tenant. Empty: everyone belongs to the default tenant.')
param tenantClaim string = ''

@description('Settings of the app beyond those that are set here, by name.')
param extraSettings object = {}

@description('Who keeps orchestrations: the Durable Task Scheduler (consumption), or tables and queues of Azure Storage. Private networking always uses the latter.')
@allowed([
  'scheduler'
  'storage'
])
param durableBackend string = 'scheduler'

// Training

@description('Size of a node without GPU.')
param cpuClusterSize string = 'Standard_F8s_v2'

@description('Nodes without GPU at most.')
@minValue(1)
param cpuClusterMaximum int = 4

@description('LowPriority costs a fifth and may be interrupted; training then goes on from its checkpoint.')
@allowed([
  'Dedicated'
  'LowPriority'
])
param cpuClusterPriority string = 'LowPriority'

@description('Size of a node with GPU.')
param gpuClusterSize string = 'Standard_NC4as_T4_v3'

@description('Nodes with GPU at most. Zero: no GPU cluster, for subscriptions without quota.')
@minValue(0)
param gpuClusterMaximum int = 1

@description('As for the CPU cluster.')
@allowed([
  'Dedicated'
  'LowPriority'
])
param gpuClusterPriority string = 'LowPriority'

@description('How long a node may be idle before it is given back, as an ISO 8601 duration.')
param nodeIdleTime string = 'PT2M'

// Storage

@description('Replication of the account that holds data and models.')
@allowed([
  'Standard_LRS'
  'Standard_ZRS'
  'Standard_GRS'
  'Standard_GZRS'
])
param dataReplication string = 'Standard_LRS'

@description('Days that deleted blobs and replaced versions can be brought back.')
@minValue(1)
@maxValue(365)
param recoveryDays int = 14

@description('Days that quarantined rows are kept.')
@minValue(1)
param quarantineDays int = 90

@description('Days that the logs, checkpoints and trials of runs are kept.')
@minValue(1)
param runDays int = 180

// Operation

@description('Whether alert rules are made. See docs/operations.md for each and docs/azure.md for their prices.')
param alertsEnabled bool = true

@description('Who is told of alerts and of the budget. Empty: alerts are shown in the portal only, and there is no budget.')
param alertEmail string = ''

@description('Days that logs are kept; 30 are free.')
@minValue(30)
@maxValue(730)
param logDays int = 30

@description('Gigabytes of logs a day at most; the rest of that day is lost. -1: no limit.')
param logDailyCapGB int = 1

@description('Monthly budget, in the currency of the subscription. Zero: none.')
@minValue(0)
param budgetAmount int = 50

@description('First day of the month in which the budget was made. It must not change afterwards; the preprovision hook sets it once.')
param budgetStartDate string = ''

// Networking

@description('Private endpoints for everything, and a function app that only its network, Event Grid and allowedIpRanges reach. It costs money while nothing runs: see docs/azure.md.')
param privateNetworking bool = false

@description('IPv4 ranges (CIDR, with commas between them) that reach the function app and its data from outside the private network, such as an office or whoever deploys.')
param allowedIpRanges string = ''

@description('Address space of the network, a /16.')
param networkPrefix string = '10.40.0.0/16'

var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = {
  'azd-env-name': environmentName
}
var functionAppName = 'func-${token}'
var schedulerName = 'dts-${token}'
var taskHubName = 'aiaas'
var durableOnStorage = durableBackend == 'storage' || privateNetworking
var inboundRanges = empty(allowedIpRanges) ? [] : split(replace(allowedIpRanges, ' ', ''), ',')
var withGpu = gpuClusterMaximum > 0
var withBudget = budgetAmount > 0 && !empty(budgetStartDate) && !empty(alertEmail)

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    logDays: logDays
    logDailyCapGB: logDailyCapGB
  }
}

module network 'modules/network.bicep' = if (privateNetworking) {
  name: 'network'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    networkPrefix: networkPrefix
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    dataReplication: dataReplication
    recoveryDays: recoveryDays
    quarantineDays: quarantineDays
    runDays: runDays
    privateNetworking: privateNetworking
    allowedIpRanges: inboundRanges
  }
}

module serviceBus 'modules/service-bus.bicep' = {
  name: 'service-bus'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    privateNetworking: privateNetworking
  }
}

module durable 'modules/durable.bicep' = if (!durableOnStorage) {
  name: 'durable'
  scope: group
  params: {
    location: location
    tags: tags
    schedulerName: schedulerName
    taskHubName: taskHubName
  }
}

module keyVault 'modules/key-vault.bicep' = {
  name: 'key-vault'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    privateNetworking: privateNetworking
  }
}

module machineLearning 'modules/machine-learning.bicep' = {
  name: 'machine-learning'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    applicationInsightsId: monitoring.outputs.applicationInsightsId
    keyVaultId: keyVault.outputs.id
    workspaceStorageId: storage.outputs.workspaceAccountId
    dataAccountName: storage.outputs.dataAccountName
    trainingIdentityId: identity.outputs.trainingId
    cpuClusterSize: cpuClusterSize
    cpuClusterMaximum: cpuClusterMaximum
    cpuClusterPriority: cpuClusterPriority
    gpuClusterSize: gpuClusterSize
    gpuClusterMaximum: gpuClusterMaximum
    gpuClusterPriority: gpuClusterPriority
    nodeIdleTime: nodeIdleTime
    privateNetworking: privateNetworking
    trainingSubnetId: privateNetworking ? network!.outputs.trainingSubnetId : ''
  }
  dependsOn: [
    roles
  ]
}

module roles 'modules/roles.bicep' = {
  name: 'roles'
  scope: group
  params: {
    appPrincipalId: identity.outputs.appPrincipalId
    trainingPrincipalId: identity.outputs.trainingPrincipalId
    deployerPrincipalId: principalId
    deployerPrincipalType: principalType
    hostAccountName: storage.outputs.hostAccountName
    dataAccountName: storage.outputs.dataAccountName
    workspaceAccountName: storage.outputs.workspaceAccountName
    serviceBusName: serviceBus.outputs.name
    applicationInsightsName: monitoring.outputs.applicationInsightsName
    schedulerName: schedulerName
    taskHubName: taskHubName
    durableOnStorage: durableOnStorage
  }
  dependsOn: [
    durable
  ]
}

module workspaceRoles 'modules/workspace-roles.bicep' = {
  name: 'workspace-roles'
  scope: group
  params: {
    appPrincipalId: identity.outputs.appPrincipalId
    workspaceName: machineLearning.outputs.workspaceName
  }
}

module functionApp 'modules/function-app.bicep' = {
  name: 'function-app'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    name: functionAppName
    identityId: identity.outputs.appId
    identityClientId: identity.outputs.appClientId
    trainingClientId: identity.outputs.trainingClientId
    applicationInsightsName: monitoring.outputs.applicationInsightsName
    hostAccountName: storage.outputs.hostAccountName
    packageContainerName: storage.outputs.packageContainerName
    dataAccountName: storage.outputs.dataAccountName
    serviceBusName: serviceBus.outputs.name
    schedulerEndpoint: durableOnStorage ? '' : durable!.outputs.endpoint
    taskHubName: taskHubName
    durableOnStorage: durableOnStorage
    workspaceId: machineLearning.outputs.workspaceId
    withGpu: withGpu
    instanceMemoryMB: instanceMemoryMB
    alwaysReadyInstances: alwaysReadyInstances
    maximumInstanceCount: maximumInstanceCount
    httpConcurrency: httpConcurrency
    usePlaceholder: usePlaceholder
    bootstrapKeySha256: bootstrapKeySha256
    authClientId: authClientId
    tenantClaim: tenantClaim
    extraSettings: extraSettings
    privateNetworking: privateNetworking
    allowedIpRanges: inboundRanges
    appSubnetId: privateNetworking ? network!.outputs.appSubnetId : ''
  }
  dependsOn: [
    roles
    workspaceRoles
  ]
}

module events 'modules/events.bicep' = {
  name: 'events'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    dataAccountName: storage.outputs.dataAccountName
    workspaceName: machineLearning.outputs.workspaceName
    serviceBusName: serviceBus.outputs.name
  }
}

module privateEndpoints 'modules/private-endpoints.bicep' = if (privateNetworking) {
  name: 'private-endpoints'
  scope: group
  params: {
    location: location
    tags: tags
    subnetId: network!.outputs.endpointSubnetId
    networkId: network!.outputs.networkId
    hostAccountId: storage.outputs.hostAccountId
    dataAccountId: storage.outputs.dataAccountId
    workspaceAccountId: storage.outputs.workspaceAccountId
    serviceBusId: serviceBus.outputs.id
    keyVaultId: keyVault.outputs.id
    workspaceId: machineLearning.outputs.workspaceId
    functionAppId: functionApp.outputs.id
  }
}

module alerts 'modules/alerts.bicep' = if (alertsEnabled) {
  name: 'alerts'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    alertEmail: alertEmail
    applicationInsightsId: monitoring.outputs.applicationInsightsId
    serviceBusId: serviceBus.outputs.id
    dropTopicId: events.outputs.dropTopicId
    functionAppId: functionApp.outputs.id
  }
}

module budget 'modules/budget.bicep' = if (withBudget) {
  name: 'budget'
  scope: group
  params: {
    amount: budgetAmount
    startDate: budgetStartDate
    email: alertEmail
  }
}

output AZURE_LOCATION string = location
output AZURE_TENANT_ID string = tenant().tenantId
output AZURE_RESOURCE_GROUP string = group.name
output AIAAS_FUNCTION_APP_NAME string = functionApp.outputs.name
output AIAAS_URL string = functionApp.outputs.url
output AIAAS_HOST_STORAGE_ACCOUNT string = storage.outputs.hostAccountName
output AZURE_STORAGE_ACCOUNT_NAME string = storage.outputs.dataAccountName
output AIAAS_INCOMING_CONTAINER string = storage.outputs.incomingContainerName
output AIAAS_UNDELIVERED_CONTAINER string = storage.outputs.undeliveredContainerName
output AIAAS_DROP_TOPIC string = events.outputs.dropTopicName
output AIAAS_SERVICE_BUS string = serviceBus.outputs.name
output AIAAS_MACHINE_LEARNING_WORKSPACE string = machineLearning.outputs.workspaceName
output AIAAS_KEY_VAULT string = keyVault.outputs.name
output AIAAS_PRIVATE_NETWORKING bool = privateNetworking
