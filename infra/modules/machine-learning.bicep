metadata description = 'The Azure ML workspace: clusters that are empty until a job comes, and the data they mount as their own identity.'

param location string
param tags object
param token string
param applicationInsightsId string
param keyVaultId string
param workspaceStorageId string
param dataAccountName string
param trainingIdentityId string
param cpuClusterSize string
param cpuClusterMaximum int
param cpuClusterPriority string
param gpuClusterSize string
param gpuClusterMaximum int
param gpuClusterPriority string
param nodeIdleTime string
param privateNetworking bool
param trainingSubnetId string

var datastoreContainers = [
  'datasets'
  'runs'
  'trainer'
]

// No container registry: jobs run on public images.
resource workspace 'Microsoft.MachineLearningServices/workspaces@2026-05-01' = {
  name: 'mlw-${token}'
  location: location
  tags: tags
  kind: 'Default'
  sku: {
    name: 'Basic'
    tier: 'Basic'
  }
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    friendlyName: 'AI platform'
    storageAccount: workspaceStorageId
    keyVault: keyVaultId
    applicationInsights: applicationInsightsId
    systemDatastoresAuthMode: 'Identity'
    publicNetworkAccess: privateNetworking ? 'Disabled' : 'Enabled'
  }
}

resource datastores 'Microsoft.MachineLearningServices/workspaces/datastores@2026-05-01' = [for container in datastoreContainers: {
  parent: workspace
  name: 'aiaas_${container}'
  properties: {
    datastoreType: 'AzureBlob'
    accountName: dataAccountName
    containerName: container
    endpoint: environment().suffixes.storage
    protocol: 'https'
    resourceGroup: resourceGroup().name
    subscriptionId: subscription().subscriptionId
    credentials: {
      credentialsType: 'None'
    }
  }
}]

resource cpuCluster 'Microsoft.MachineLearningServices/workspaces/computes@2026-05-01' = {
  parent: workspace
  name: 'cpu'
  location: location
  tags: tags
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${trainingIdentityId}': {}
    }
  }
  properties: {
    computeType: 'AmlCompute'
    disableLocalAuth: true
    properties: {
      osType: 'Linux'
      vmSize: cpuClusterSize
      vmPriority: cpuClusterPriority
      scaleSettings: {
        minNodeCount: 0
        maxNodeCount: cpuClusterMaximum
        nodeIdleTimeBeforeScaleDown: nodeIdleTime
      }
      remoteLoginPortPublicAccess: 'Disabled'
      enableNodePublicIp: !privateNetworking
      subnet: privateNetworking ? {
        id: trainingSubnetId
      } : null
    }
  }
}

resource gpuCluster 'Microsoft.MachineLearningServices/workspaces/computes@2026-05-01' = if (gpuClusterMaximum > 0) {
  parent: workspace
  name: 'gpu'
  location: location
  tags: tags
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${trainingIdentityId}': {}
    }
  }
  properties: {
    computeType: 'AmlCompute'
    disableLocalAuth: true
    properties: {
      osType: 'Linux'
      vmSize: gpuClusterSize
      vmPriority: gpuClusterPriority
      scaleSettings: {
        minNodeCount: 0
        maxNodeCount: gpuClusterMaximum
        nodeIdleTimeBeforeScaleDown: nodeIdleTime
      }
      remoteLoginPortPublicAccess: 'Disabled'
      enableNodePublicIp: !privateNetworking
      subnet: privateNetworking ? {
        id: trainingSubnetId
      } : null
    }
  }
}

output workspaceId string = workspace.id
output workspaceName string = workspace.name
