using System.Text.RegularExpressions;

namespace AIaaS.Infra.Tests.Bicep;

public sealed partial class SecurityTests(Infrastructure infrastructure) : IClassFixture<Infrastructure>
{
    private static readonly Dictionary<string, string> RoleNames = new()
    {
        ["ba92f5b4-2d11-453d-a403-e96b0029c9fe"] = "Storage Blob Data Contributor",
        ["b7e6dc6d-f1e8-4753-8033-0f276bb0955b"] = "Storage Blob Data Owner",
        ["2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"] = "Storage Blob Data Reader",
        ["db58b8e5-c6ad-4a2a-8342-4190687cbf4a"] = "Storage Blob Delegator",
        ["0ad04412-c4d5-4796-b79c-f76d14c8d402"] = "Durable Task Data Contributor",
        ["3913510d-42f4-4e42-8a64-420c390055eb"] = "Monitoring Metrics Publisher",
        ["974c5e8b-45b9-4653-ba55-5f855dd0fb88"] = "Storage Queue Data Contributor",
        ["4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0"] = "Azure Service Bus Data Receiver",
        ["69a216fc-b8fb-44d8-bc22-1f3c2cd27a39"] = "Azure Service Bus Data Sender",
        ["0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3"] = "Storage Table Data Contributor",
        ["f6c7c914-8db3-469d-8ca1-694a8f32e121"] = "AzureML Data Scientist",
    };

    [Fact]
    public void Nobody_may_do_more_than_is_listed_here()
        => Assert.Equal(
            [
                "appPrincipalId: Azure Service Bus Data Receiver on appQueueScopes azure-ml-events",
                "appPrincipalId: Azure Service Bus Data Receiver on appQueueScopes batch-predictions",
                "appPrincipalId: Azure Service Bus Data Receiver on appQueueScopes batch-webhooks",
                "appPrincipalId: Azure Service Bus Data Receiver on appQueueScopes job-ended",
                "appPrincipalId: Azure Service Bus Data Receiver on appQueueScopes run-start",
                "appPrincipalId: Azure Service Bus Data Sender on appQueueScopes batch-predictions",
                "appPrincipalId: Azure Service Bus Data Sender on appQueueScopes batch-webhooks",
                "appPrincipalId: Azure Service Bus Data Sender on appQueueScopes job-ended",
                "appPrincipalId: Azure Service Bus Data Sender on appQueueScopes run-start",
                "appPrincipalId: AzureML Data Scientist on workspace",
                "appPrincipalId: Durable Task Data Contributor on taskHub",
                "appPrincipalId: Monitoring Metrics Publisher on applicationInsights",
                "appPrincipalId: Storage Blob Data Contributor on appContainerScopes catalog",
                "appPrincipalId: Storage Blob Data Contributor on appContainerScopes datasets",
                "appPrincipalId: Storage Blob Data Contributor on appContainerScopes incoming",
                "appPrincipalId: Storage Blob Data Contributor on appContainerScopes models",
                "appPrincipalId: Storage Blob Data Contributor on appContainerScopes predictions",
                "appPrincipalId: Storage Blob Data Contributor on appContainerScopes quarantine",
                "appPrincipalId: Storage Blob Data Contributor on appContainerScopes runs",
                "appPrincipalId: Storage Blob Data Owner on hostAccount",
                "appPrincipalId: Storage Blob Data Reader on appContainerScopes trainer",
                "appPrincipalId: Storage Blob Delegator on dataAccount",
                "appPrincipalId: Storage Queue Data Contributor on hostAccount",
                "appPrincipalId: Storage Queue Data Contributor on poisonQueue",
                "appPrincipalId: Storage Table Data Contributor on hostAccount",
                "deployerPrincipalId: Storage Blob Data Contributor on trainerContainer",
                "drops.identity.principalId: Storage Blob Data Contributor on undelivered",
                "jobs.identity.principalId: Azure Service Bus Data Sender on jobQueue",
                "trainingPrincipalId: Storage Blob Data Contributor on trainingContainerScopes runs",
                "trainingPrincipalId: Storage Blob Data Contributor on workspaceAccount",
                "trainingPrincipalId: Storage Blob Data Reader on trainingContainerScopes datasets",
                "trainingPrincipalId: Storage Blob Data Reader on trainingContainerScopes trainer",
            ],
            infrastructure.Files.SelectMany(Grants).Order(StringComparer.Ordinal));

    [Fact]
    public void No_other_role_is_named_anywhere()
        => Assert.All(
            infrastructure.Files.SelectMany(file => Identifier().Matches(file.Root.Text).Select(match => match.Value)),
            id => Assert.Contains(id, RoleNames.Keys));

    [Fact]
    public void No_storage_account_opens_to_keys_or_to_the_public()
    {
        var accounts = Made("Microsoft.Storage/storageAccounts").ToList();

        Assert.Equal(3, accounts.Count);
        Assert.All(accounts, account =>
        {
            Assert.Equal("false", account.Body.Find("properties", "allowSharedKeyAccess")?.Text);
            Assert.Equal("false", account.Body.Find("properties", "allowBlobPublicAccess")?.Text);
            Assert.Equal("true", account.Body.Find("properties", "supportsHttpsTrafficOnly")?.Text);
            Assert.Equal("'TLS1_2'", account.Body.Find("properties", "minimumTlsVersion")?.Text);
        });
        Assert.All(
            Made("Microsoft.Storage/storageAccounts/blobServices/containers"),
            container => Assert.Equal("'None'", container.Body.Find("properties", "publicAccess")?.Text));
    }

    [Fact]
    public void Deleted_and_replaced_data_can_be_brought_back()
    {
        var service = Assert.Single(Made("Microsoft.Storage/storageAccounts/blobServices"), service => service.Symbol == "dataBlobs");

        Assert.Equal("true", service.Body.Find("properties", "isVersioningEnabled")?.Text);
        Assert.Equal("true", service.Body.Find("properties", "deleteRetentionPolicy", "enabled")?.Text);
        Assert.Equal("true", service.Body.Find("properties", "containerDeleteRetentionPolicy", "enabled")?.Text);
    }

    [Theory]
    [InlineData("Microsoft.ServiceBus/namespaces", "properties.disableLocalAuth")]
    [InlineData("Microsoft.Insights/components", "properties.DisableLocalAuth")]
    [InlineData("Microsoft.OperationalInsights/workspaces", "properties.features.disableLocalAuth")]
    [InlineData("Microsoft.MachineLearningServices/workspaces/computes", "properties.disableLocalAuth")]
    [InlineData("Microsoft.KeyVault/vaults", "properties.enableRbacAuthorization")]
    [InlineData("Microsoft.Web/sites", "properties.httpsOnly")]
    public void Only_identities_are_let_in(string type, string property)
    {
        var resources = Made(type).ToList();

        Assert.NotEmpty(resources);
        Assert.All(resources, resource => Assert.Equal("true", resource.Body.Find(property.Split('.'))?.Text));
    }

    [Fact]
    public void Nobody_publishes_with_a_password()
    {
        var policies = Made("Microsoft.Web/sites/basicPublishingCredentialsPolicies").ToList();

        Assert.Equal(["'ftp'", "'scm'"], policies.Select(policy => policy.Body.Find("name")!.Text).Order(StringComparer.Ordinal));
        Assert.All(policies, policy => Assert.Equal("false", policy.Body.Find("properties", "allow")?.Text));
    }

    [Fact]
    public void The_datastores_hold_no_credentials()
        => Assert.All(
            Made("Microsoft.MachineLearningServices/workspaces/datastores"),
            datastore => Assert.Equal("'None'", datastore.Body.Find("properties", "credentials", "credentialsType")?.Text));

    [Fact]
    public void Requests_without_a_token_reach_our_own_keys()
    {
        var settings = Assert.Single(Made("Microsoft.Web/sites/config"), config => config.Body.Find("name")?.Literal == "authsettingsV2");

        Assert.Equal("(!empty(authClientId))", settings.Condition?.Text);
        Assert.Equal("'AllowAnonymous'", settings.Body.Find("properties", "globalValidation", "unauthenticatedClientAction")?.Text);
        Assert.Null(settings.Body.Find("properties", "identityProviders", "azureActiveDirectory", "registration", "clientSecretSettingName"));
    }

    [Fact]
    public void Event_Grid_gets_into_a_private_function_app()
    {
        var rules = infrastructure.Module("function-app").Variables["inboundRules"];

        Assert.Contains(rules.Descend(), node => node.Type == "object"
            && node.Find("tag")?.Literal == "ServiceTag" && node.Find("ipAddress")?.Literal == "AzureEventGrid" && node.Find("action")?.Literal == "Allow");
    }

    [Fact]
    public void No_secret_is_asked_for_or_told()
        => Assert.All(infrastructure.Files, file =>
        {
            Assert.DoesNotContain(file.Root.Descend(), node => node.Type is "call_expression" or "member_expression" && SecretFunction().IsMatch(node.Text.Split('(')[0]));
            Assert.All(file.Outputs, output => Assert.DoesNotMatch(SecretName(), output.Key + " " + output.Value.Value.Text));
        });

    private IEnumerable<BicepResource> Made(string type)
        => infrastructure.Files.SelectMany(file => file.Resources).Where(resource => resource.TypeName == type && !resource.Existing);

    private static IEnumerable<string> Grants(BicepFile file)
    {
        foreach (var grant in file.Resources.Where(resource => resource.TypeName == "Microsoft.Authorization/roleAssignments"))
        {
            var scope = grant.Body.Find("scope")?.Text ?? "the resource group";
            var principal = grant.Body.Find("properties", "principalId")!.Text;
            var role = grant.Body.Find("properties", "roleDefinitionId")!.Parts[^1].Parts[^1].Text;
            if (grant.Over is null)
            {
                yield return $"{principal}: {NameOf(role)} on {scope}";
                continue;
            }

            Assert.Equal("item.role", role);
            Assert.EndsWith("[index]", scope, StringComparison.Ordinal);
            foreach (var item in file.Variables[grant.Over.Text].Parts)
            {
                yield return $"{principal}: {NameOf(item.Find("role")!.Text)} on {scope[..^"[index]".Length]} {item.Find("name")!.Literal}";
            }
        }

        string NameOf(string expression)
            => expression.StartsWith("roles.", StringComparison.Ordinal) && file.Variables["roles"].Find(expression["roles.".Length..])?.Literal is { } id
                ? RoleNames.GetValueOrDefault(id, id)
                : expression;
    }

    [GeneratedRegex("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", RegexOptions.IgnoreCase)]
    private static partial Regex Identifier();

    [GeneratedRegex(@"(^|\.)list[A-Z]\w*$")]
    private static partial Regex SecretFunction();

    [GeneratedRegex("password|secret|sas|connectionString|instrumentationKey|primaryKey|accountKey|apiKey", RegexOptions.IgnoreCase)]
    private static partial Regex SecretName();
}
