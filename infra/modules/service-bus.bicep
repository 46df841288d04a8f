metadata description = 'Queues between the functions. Basic, except that only Premium has private endpoints.'

param location string
param tags object
param token string
param privateNetworking bool

var queueNames = [
  'run-start'
  'job-ended'
  'batch-predictions'
  'batch-webhooks'
  'azure-ml-events'
]

resource bus 'Microsoft.ServiceBus/namespaces@2026-01-01' = {
  name: 'sb-${token}'
  location: location
  tags: tags
  sku: privateNetworking ? {
    name: 'Premium'
    tier: 'Premium'
    capacity: 1
  } : {
    name: 'Basic'
    tier: 'Basic'
  }
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    publicNetworkAccess: 'Enabled'
  }
}

// Event Grid is a trusted service: it comes in though nobody else does.
resource rules 'Microsoft.ServiceBus/namespaces/networkRuleSets@2026-01-01' = if (privateNetworking) {
  parent: bus
  name: 'default'
  properties: {
    publicNetworkAccess: 'Enabled'
    defaultAction: 'Deny'
    trustedServiceAccessEnabled: true
    ipRules: []
    virtualNetworkRules: []
  }
}

resource queues 'Microsoft.ServiceBus/namespaces/queues@2026-01-01' = [for name in queueNames: {
  parent: bus
  name: name
  properties: {
    lockDuration: 'PT5M'
    maxDeliveryCount: 10
    defaultMessageTimeToLive: 'P14D'
    deadLetteringOnMessageExpiration: true
  }
}]

output id string = bus.id
output name string = bus.name
