using System.Reflection;
using System.Text.RegularExpressions;
using AIaaS.Functions.Runs;
using AIaaS.Infra.Tests.Bicep;
using AIaaS.Platform;
using AIaaS.Platform.Predictions.Batches;
using AIaaS.Platform.Runs;
using AIaaS.Platform.Storage;
using AIaaS.Platform.Training;
using Microsoft.Azure.Functions.Worker;

namespace AIaaS.Infra.Tests;

/// <summary>The code and what it is deployed into call things by the same names.</summary>
public sealed partial class AgreementTests(Infrastructure infrastructure) : IClassFixture<Infrastructure>
{
    /// <summary>Set by the platform itself.</summary>
    private static readonly string[] SetByAzure = ["IDENTITY_ENDPOINT", "WEBSITE_AUTH_ENABLED"];

    [Fact]
    public void Every_container_is_made()
        => Assert.Equal(
            Constants(typeof(Containers)).Concat(["trainer", "undelivered"]).Order(StringComparer.Ordinal),
            Names("storage", "containerNames"));

    [Fact]
    public void Every_queue_is_made()
        => Assert.Equal(
            Constants(typeof(RunQueues)).Concat(Constants(typeof(TrainingQueues))).Concat(Constants(typeof(BatchQueues))).Concat(["azure-ml-events"]).Distinct().Order(StringComparer.Ordinal),
            Names("service-bus", "queueNames"));

    [Fact]
    public void Every_queue_that_a_function_waits_for_is_made()
        => Assert.All(
            Triggers<ServiceBusTriggerAttribute>().Select(trigger => trigger.QueueName!),
            queue => Assert.Contains(queue, Names("service-bus", "queueNames")));

    [Fact]
    public void Every_datastore_is_a_container()
        => Assert.All(Names("machine-learning", "datastoreContainers"), name => Assert.Contains(name, Names("storage", "containerNames")));

    [Fact]
    public void Every_connection_of_a_trigger_is_set_without_a_secret()
    {
        var settings = Settings();
        var connections = Triggers<ServiceBusTriggerAttribute>().Select(trigger => trigger.Connection)
            .Concat(Triggers<BlobTriggerAttribute>().Select(trigger => trigger.Connection))
            .Select(connection => string.IsNullOrEmpty(connection) ? "AzureWebJobsStorage" : connection)
            .Distinct();
        Assert.All(connections, connection =>
        {
            Assert.DoesNotContain(connection, settings);
            Assert.Contains($"{connection}__credential", settings);
            Assert.Contains($"{connection}__clientId", settings);
        });
    }

    [Fact]
    public void Every_setting_that_the_code_reads_is_set_or_documented()
    {
        var documented = Repository.Read("docs/azure.md");
        var settings = Settings();

        Assert.All(
            SettingsInCode().Except(SetByAzure),
            setting => Assert.True(
                settings.Contains(setting) || documented.Contains($"`{setting}`", StringComparison.Ordinal),
                $"'{setting}' is read, and neither set in function-app.bicep nor told of in docs/azure.md"));
    }

    [Fact]
    public void Every_setting_of_ours_that_is_set_is_read()
        => Assert.All(
            Settings().Where(setting => setting.StartsWith("AIaaS__", StringComparison.Ordinal) && !setting.StartsWith("AIaaS__AzureMl__", StringComparison.Ordinal)),
            setting => Assert.Contains(setting, SettingsInCode()));

    [Fact]
    public void Event_Grid_calls_the_function_that_takes_up_drops()
    {
        var (function, trigger) = Assert.Single(Functions(), item => item.Method.GetParameters().Any(parameter => parameter.GetCustomAttribute<BlobTriggerAttribute>() is not null));
        Assert.StartsWith(Containers.Incoming + "/", trigger.GetParameters().Select(parameter => parameter.GetCustomAttribute<BlobTriggerAttribute>()).Single(attribute => attribute is not null)!.BlobPath, StringComparison.Ordinal);
        Assert.All(
            ["infra/hooks/subscribe-drops.sh", "infra/hooks/subscribe-drops.ps1"],
            hook => Assert.Contains($"functionName=Host.Functions.{function}&", Repository.Read(hook), StringComparison.Ordinal));
    }

    [Fact]
    public void The_alert_on_failed_runs_looks_for_what_is_logged()
    {
        var logged = Repository.Read("functions/AIaaS.Functions/Runs/RunActivities.cs");
        Assert.Contains("Message = \"Run failed: {Tenant}", logged, StringComparison.Ordinal);
        Assert.Contains("Message = \"The orchestration of the run {Tenant}/{Run} ended as", Repository.Read("functions/AIaaS.Functions/Runs/RunTriggers.cs"), StringComparison.Ordinal);
        foreach (var reader in (string[])["infra/modules/alerts.bicep", "infra/modules/workbook.json"])
        {
            Assert.Contains("Run failed: ", Repository.Read(reader), StringComparison.Ordinal);
            Assert.Contains("The orchestration of the run", Repository.Read(reader), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_roles_of_the_registration_are_ours()
    {
        using var roles = System.Text.Json.JsonDocument.Parse(Repository.Read("infra/scripts/app-roles.json"));

        Assert.Equal(
            Enum.GetNames<Platform.Security.Role>().Select(role => role.ToLowerInvariant()),
            roles.RootElement.EnumerateArray().Select(role => role.GetProperty("value").GetString()));
    }

    [Fact]
    public void Every_alert_is_explained()
    {
        var explained = Repository.Read("docs/operations.md");
        Assert.All(
            infrastructure.Module("alerts").Resources.Where(resource => resource.TypeName.Contains("lert", StringComparison.Ordinal) || resource.TypeName.EndsWith("scheduledQueryRules", StringComparison.Ordinal)),
            rule => Assert.Contains($"`{rule.Body.Find("name")!.Literal}`", explained, StringComparison.Ordinal));
    }

    private string[] Names(string module, string variable)
        => [.. infrastructure.Module(module).Variables[variable].Parts.Select(item => item.Literal!).Order(StringComparer.Ordinal)];

    private HashSet<string> Settings()
    {
        var module = infrastructure.Module("function-app");
        return [.. ((string[])["settings", "storageBackend", "schedulerBackend"]).SelectMany(name => module.Variables[name].Properties.Keys)];
    }

    private static IEnumerable<string> Constants(Type type)
        => type.GetFields(BindingFlags.Public | BindingFlags.Static).Where(field => field is { IsLiteral: true }).Select(field => (string)field.GetRawConstantValue()!);

    private static IEnumerable<(string Name, MethodInfo Method)> Functions()
        => typeof(RunFunctions).Assembly.GetTypes()
            .SelectMany(type => type.GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.Static))
            .Where(method => method.GetCustomAttribute<FunctionAttribute>() is not null)
            .Select(method => (method.GetCustomAttribute<FunctionAttribute>()!.Name, method));

    private static IEnumerable<TTrigger> Triggers<TTrigger>()
        where TTrigger : Attribute
        => Functions().SelectMany(function => function.Method.GetParameters()).Select(parameter => parameter.GetCustomAttribute<TTrigger>()).OfType<TTrigger>();

    // By reflection where the options are a record that every build has, else by looking for how the code reads settings.
    private static HashSet<string> SettingsInCode()
    {
        var platform = typeof(PlatformOptions).GetProperties().Where(property => property.CanWrite && property.Name != nameof(PlatformOptions.Home))
            .Select(property => $"AIaaS__{property.Name}");
        var sources = Repository.Files("functions/AIaaS.Functions", "*.cs").Concat(Repository.Files("functions/AIaaS.Platform", "*.cs")).Select(Repository.Read).ToList();
        var named = sources.SelectMany(source => Configuration().Matches(source)).Select(match => match.Groups["name"].Value.Replace(":", "__", StringComparison.Ordinal));
        var training = sources.Where(source => source.Contains("GetSection(\"AIaaS:AzureMl\")", StringComparison.Ordinal))
            .SelectMany(source => Section().Matches(source)).Select(match => $"AIaaS__AzureMl__{match.Groups["name"].Value}");
        return [.. platform, .. named, .. training];
    }

    [GeneratedRegex("""[cC]onfiguration\["(?<name>[A-Za-z0-9_:]+)"\]""")]
    private static partial Regex Configuration();

    [GeneratedRegex(@"(settings\[|Given\()nameof\((?<name>\w+)\)")]
    private static partial Regex Section();
}
