namespace AIaaS.Infra.Tests.Bicep;

/// <summary>Nothing costs money while nothing runs, unless somebody asks for it.</summary>
public sealed class CostTests(Infrastructure infrastructure) : IClassFixture<Infrastructure>
{
    [Fact]
    public void Clusters_are_empty_while_nothing_trains()
    {
        var clusters = infrastructure.Module("machine-learning").Resources.Where(resource => resource.TypeName.EndsWith("/computes", StringComparison.Ordinal)).ToList();

        Assert.Equal(["cpu", "gpu"], clusters.Select(cluster => cluster.Body.Find("name")!.Literal).Order(StringComparer.Ordinal));
        Assert.All(clusters, cluster =>
        {
            var scale = cluster.Body.Find("properties", "properties", "scaleSettings")!;
            Assert.Equal("0", scale.Find("minNodeCount")?.Text);
            Assert.Equal("nodeIdleTime", scale.Find("nodeIdleTimeBeforeScaleDown")?.Text);
        });
    }

    [Theory]
    [InlineData("alwaysReadyInstances", "0")]
    [InlineData("privateNetworking", "false")]
    [InlineData("cpuClusterPriority", "'LowPriority'")]
    [InlineData("durableBackend", "'scheduler'")]
    public void What_costs_money_while_idle_must_be_asked_for(string parameter, string otherwise)
        => Assert.Equal(otherwise, infrastructure.Main.Parameters[parameter].Default?.Text);

    [Theory]
    [InlineData("network", "privateNetworking")]
    [InlineData("privateEndpoints", "privateNetworking")]
    [InlineData("alerts", "alertsEnabled")]
    public void Some_modules_are_made_on_request_only(string module, string condition)
        => Assert.Equal($"({condition})", infrastructure.Main.Modules.Single(item => item.Symbol == module).Condition?.Text);

    [Fact]
    public void The_plan_is_Flex_Consumption_and_the_scheduler_is_paid_by_use()
    {
        Assert.Equal("FC1", infrastructure.Module("function-app").Resources.Single(resource => resource.Symbol == "plan").Body.Find("sku", "name")?.Literal);
        Assert.Equal("Consumption", infrastructure.Module("durable").Resources.Single(resource => resource.Symbol == "scheduler").Body.Find("properties", "sku", "name")?.Literal);
    }

    [Fact]
    public void The_message_bus_is_Basic_unless_the_network_is_private()
    {
        var sku = infrastructure.Module("service-bus").Resources.Single(resource => resource.Symbol == "bus").Body.Find("sku")!;

        Assert.Equal("privateNetworking", sku.Parts[0].Text);
        Assert.Equal("Premium", sku.Parts[1].Find("name")?.Literal);
        Assert.Equal("Basic", sku.Parts[2].Find("name")?.Literal);
    }

    [Theory]
    [InlineData("Microsoft.ContainerRegistry/registries")]
    [InlineData("Microsoft.Insights/webtests")]
    [InlineData("Microsoft.MachineLearningServices/workspaces/onlineEndpoints")]
    public void Nothing_is_made_that_is_paid_by_the_hour(string type)
        => Assert.DoesNotContain(infrastructure.Files.SelectMany(file => file.Resources), resource => resource.TypeName == type);

    [Fact]
    public void The_start_of_the_budget_is_given_and_never_computed()
    {
        Assert.Equal("startDate", infrastructure.Module("budget").Resources.Single().Body.Find("properties", "timePeriod", "startDate")?.Text);
        Assert.DoesNotContain(infrastructure.Files.SelectMany(file => file.Root.Descend()), node => node.Type == "call_expression" && node.Text.StartsWith("utcNow", StringComparison.Ordinal));
    }

    [Fact]
    public void Everything_carries_the_tag_of_its_environment()
    {
        string[] untaggable = ["Microsoft.Authorization/", "Microsoft.Consumption/"];
        Assert.Equal("environmentName", infrastructure.Main.Variables["tags"].Find("azd-env-name")?.Text);
        Assert.All(
            infrastructure.Files.SelectMany(file => file.Resources).Where(resource => !resource.Existing && resource.TypeName.Count(letter => letter == '/') == 1),
            resource => Assert.True(
                untaggable.Any(prefix => resource.TypeName.StartsWith(prefix, StringComparison.Ordinal))
                    || (resource.Body.Find("tags")?.Text.StartsWith("tags", StringComparison.Ordinal) ?? false)
                    || (resource.Body.Find("tags")?.Text.StartsWith("union(tags", StringComparison.Ordinal) ?? false),
                $"'{resource.Symbol}' ({resource.TypeName}) has no tags"));
        Assert.Contains(infrastructure.Module("function-app").Root.Descend(), node => node.Type == "object" && node.Find("azd-service-name")?.Literal == "app");
    }
}
