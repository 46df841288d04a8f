metadata description = 'The network of private networking: one subnet for the app, one for endpoints, one for training nodes.'

param location string
param tags object
param token string
param networkPrefix string

resource closed 'Microsoft.Network/networkSecurityGroups@2025-09-01' = {
  name: 'nsg-${token}'
  location: location
  tags: tags
  properties: {
    securityRules: [
      {
        name: 'no-inbound-from-internet'
        properties: {
          access: 'Deny'
          direction: 'Inbound'
          priority: 4000
          protocol: '*'
          sourceAddressPrefix: 'Internet'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: '*'
        }
      }
    ]
  }
}

// Training nodes have no public address, and must reach Azure ML and the registries of base images.
resource outboundAddress 'Microsoft.Network/publicIPAddresses@2025-09-01' = {
  name: 'pip-${token}'
  location: location
  tags: tags
  sku: {
    name: 'Standard'
  }
  properties: {
    publicIPAllocationMethod: 'Static'
  }
}

resource outbound 'Microsoft.Network/natGateways@2025-09-01' = {
  name: 'ng-${token}'
  location: location
  tags: tags
  sku: {
    name: 'Standard'
  }
  properties: {
    idleTimeoutInMinutes: 4
    publicIpAddresses: [
      {
        id: outboundAddress.id
      }
    ]
  }
}

resource network 'Microsoft.Network/virtualNetworks@2025-09-01' = {
  name: 'vnet-${token}'
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [
        networkPrefix
      ]
    }
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: cidrSubnet(networkPrefix, 24, 0)
          networkSecurityGroup: {
            id: closed.id
          }
          delegations: [
            {
              name: 'flex'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: cidrSubnet(networkPrefix, 24, 1)
          networkSecurityGroup: {
            id: closed.id
          }
        }
      }
      {
        name: 'training'
        properties: {
          addressPrefix: cidrSubnet(networkPrefix, 24, 2)
          networkSecurityGroup: {
            id: closed.id
          }
          natGateway: {
            id: outbound.id
          }
        }
      }
    ]
  }
}

output networkId string = network.id
output appSubnetId string = resourceId('Microsoft.Network/virtualNetworks/subnets', network.name, 'app')
output endpointSubnetId string = resourceId('Microsoft.Network/virtualNetworks/subnets', network.name, 'endpoints')
output trainingSubnetId string = resourceId('Microsoft.Network/virtualNetworks/subnets', network.name, 'training')
