using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using AIaaS.Infra.Tests.Bicep;

namespace AIaaS.Infra.Tests;

/// <summary>What azd runs around a deployment, and the scripts beside it. Those that need Azure run against stand-ins for its tools.</summary>
public sealed partial class HookTests(Infrastructure infrastructure) : IClassFixture<Infrastructure>
{
    /// <summary>Given by azd, by the machine, or by whoever runs a hook by hand, who is told of it in the hook or in docs/azure.md.</summary>
    private static readonly string[] GivenOtherwise =
    [
        "AIAAS_KEY", "AIAAS_RETRY_SECONDS", "AIAAS_SMOKE_TRAIN", "AIAAS_TRAINER_DEVICES", "AZURE_ENV_NAME", "AZURE_SUBSCRIPTION_ID", "CI", "USERNAME",
    ];

    public static TheoryData<string> ShellScripts => [.. Repository.Files("infra", "*.sh").Concat(Repository.Files(".devcontainer", "*.sh"))];

    [Theory]
    [MemberData(nameof(ShellScripts))]
    public async Task A_shell_script_is_well_formed(string script)
    {
        if (await FindAsync("bash") is not { } bash)
        {
            return;
        }

        var (exitCode, _, error) = await Repository.RunAsync(bash, ["-n", script]);

        Assert.True(exitCode == 0, error);
        Assert.StartsWith("#!/bin/sh\n", Repository.Read(script), StringComparison.Ordinal);
        Assert.Contains("\nset -eu\n", Repository.Read(script), StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(ShellScripts))]
    public async Task A_shell_script_has_no_known_flaw(string script)
    {
        // Not part of what a build needs; where it is installed, it is asked.
        if (await FindAsync("shellcheck") is not { } shellcheck)
        {
            return;
        }

        var (exitCode, output, error) = await Repository.RunAsync(shellcheck, [script]);

        Assert.True(exitCode == 0, output + error);
    }

    [Fact]
    public void Every_shell_script_has_a_PowerShell_twin()
        => Assert.Equal(
            Repository.Files("infra", "*.sh").Select(path => Path.ChangeExtension(path, null)),
            Repository.Files("infra", "*.ps1").Select(path => Path.ChangeExtension(path, null)));

    [Fact]
    public void Hooks_read_only_what_the_infrastructure_tells()
    {
        var known = infrastructure.Main.Outputs.Keys
            .Concat(Variable().Matches(Repository.Read("infra/main.parameters.json")).Select(match => match.Groups["name"].Value))
            .Concat(GivenOtherwise)
            .ToHashSet();

        Assert.All(
            Repository.Files("infra", "*.sh").Concat(Repository.Files("infra", "*.ps1"))
                .SelectMany(path => Environment().Matches(Repository.Read(path)).Select(match => (path, match.Groups["name"].Value))),
            use => Assert.Contains(use.Value, known));
    }

    [Fact]
    public void A_twin_reads_the_same_variables()
        => Assert.All(
            Repository.Files("infra", "*.sh"),
            path => Assert.Equal(VariablesOf(path), VariablesOf(Path.ChangeExtension(path, ".ps1"))));

    [Fact]
    public async Task The_first_key_is_made_once_and_only_its_hash_is_told()
    {
        if (await FindAsync("sh") is not { } shell)
        {
            return;
        }

        using var folder = new TemporaryFolder();
        var tools = StandIn(folder, "azd", "printf '%s\\n' \"$*\" >> azd.log");
        var environment = new Dictionary<string, string?> { ["PATH"] = tools, ["AZURE_ENV_NAME"] = "test", ["CI"] = null };

        var (exitCode, output, error) = await Repository.RunAsync(shell, [Repository.PathOf("infra/hooks/preprovision.sh")], folder.Path, environment);

        Assert.True(exitCode == 0, error);
        var key = (await File.ReadAllTextAsync(folder[".azure", "test", "admin.key"])).Trim();
        Assert.Matches("^aiaas_[A-Za-z0-9_-]{43}$", key);
        Assert.DoesNotContain(key, output, StringComparison.Ordinal);
        var told = await File.ReadAllLinesAsync(folder["azd.log"]);
        Assert.Matches("^env set AIAAS_BUDGET_START 20[0-9]{2}-[01][0-9]-01$", told[0]);
        Assert.Equal($"env set AIAAS_BOOTSTRAP_KEY_SHA256 {Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(key)))}", told[1]);
        if (!OperatingSystem.IsWindows())
        {
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(folder[".azure", "test", "admin.key"]));
        }

        await Repository.RunAsync(shell, [Repository.PathOf("infra/hooks/preprovision.sh")], folder.Path, environment);
        Assert.Equal(key, (await File.ReadAllTextAsync(folder[".azure", "test", "admin.key"])).Trim());
    }

    [Theory]
    [InlineData("CI", "true")]
    [InlineData("AIAAS_AUTH_CLIENT_ID", "an-id")]
    [InlineData("AIAAS_BOOTSTRAP_KEY_SHA256", "a-hash")]
    public async Task No_key_is_made_where_there_is_another_way_in(string variable, string value)
    {
        if (await FindAsync("sh") is not { } shell)
        {
            return;
        }

        using var folder = new TemporaryFolder();
        var environment = new Dictionary<string, string?>
        {
            ["PATH"] = StandIn(folder, "azd", "true"),
            ["AZURE_ENV_NAME"] = "test",
            ["CI"] = null,
            ["AIAAS_BUDGET_START"] = "2026-11-01",
            [variable] = value,
        };

        var (exitCode, _, error) = await Repository.RunAsync(shell, [Repository.PathOf("infra/hooks/preprovision.sh")], folder.Path, environment);

        Assert.True(exitCode == 0, error);
        Assert.False(Directory.Exists(folder[".azure"]));
    }

    [Fact]
    public async Task The_subscription_to_drops_is_put_without_showing_the_key()
    {
        if (await FindAsync("sh") is not { } shell)
        {
            return;
        }

        using var folder = new TemporaryFolder();
        var tools = StandIn(folder, "az", """
            printf '%s\n' "$*" >> az.log
            for argument in "$@"; do
              case "$argument" in
                @*) cat "${argument#@}" > body.json ;;
              esac
            done
            case "$*" in
              *listKeys*) echo the-system-key ;;
              *"--method get"*) echo Succeeded ;;
            esac
            """);

        var (exitCode, _, error) = await Repository.RunAsync(shell, [Repository.PathOf("infra/hooks/subscribe-drops.sh")], folder.Path, new Dictionary<string, string?>
        {
            ["PATH"] = tools,
            ["AZURE_SUBSCRIPTION_ID"] = "the-subscription",
            ["AZURE_RESOURCE_GROUP"] = "the-group",
            ["AZURE_STORAGE_ACCOUNT_NAME"] = "thedata",
            ["AIAAS_FUNCTION_APP_NAME"] = "the-app",
            ["AIAAS_URL"] = "https://the-app.example",
            ["AIAAS_DROP_TOPIC"] = "the-topic",
            ["AIAAS_INCOMING_CONTAINER"] = "incoming",
            ["AIAAS_UNDELIVERED_CONTAINER"] = "undelivered",
        });

        Assert.True(exitCode == 0, error);
        var calls = await File.ReadAllTextAsync(folder["az.log"]);
        Assert.DoesNotContain("the-system-key", calls, StringComparison.Ordinal);
        Assert.Contains("rest --method put --url /subscriptions/the-subscription/resourceGroups/the-group/providers/Microsoft.EventGrid/systemTopics/the-topic/eventSubscriptions/drops?", calls, StringComparison.Ordinal);
        using var body = JsonDocument.Parse(await File.ReadAllTextAsync(folder["body.json"]));
        var properties = body.RootElement.GetProperty("properties");
        Assert.Equal(
            "https://the-app.example/runtime/webhooks/blobs?functionName=Host.Functions.FileDropped&code=the-system-key",
            properties.GetProperty("destination").GetProperty("properties").GetProperty("endpointUrl").GetString());
        Assert.Equal("/blobServices/default/containers/incoming/", properties.GetProperty("filter").GetProperty("subjectBeginsWith").GetString());
        Assert.Equal(
            "/subscriptions/the-subscription/resourceGroups/the-group/providers/Microsoft.Storage/storageAccounts/thedata",
            properties.GetProperty("deadLetterWithResourceIdentity").GetProperty("deadLetterDestination").GetProperty("properties").GetProperty("resourceId").GetString());
    }

    // A tool of that name before all others on the path.
    private static string StandIn(TemporaryFolder folder, string name, string script)
    {
        var tools = Directory.CreateDirectory(folder["tools"]).FullName;
        var tool = Path.Combine(tools, name);
        File.WriteAllText(tool, $"#!/bin/sh\n{script.ReplaceLineEndings("\n")}\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(tool, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        return tools + Path.PathSeparator + System.Environment.GetEnvironmentVariable("PATH");
    }

    // Windows has no shell of its own: what needs one is tested elsewhere.
    private static Task<string?> FindAsync(string program)
        => Task.FromResult(OperatingSystem.IsWindows() ? null : (System.Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator)
            .Select(folder => Path.Combine(folder, program)).FirstOrDefault(File.Exists));

    private static string[] VariablesOf(string path)
        => [.. Environment().Matches(Repository.Read(path)).Select(match => match.Groups["name"].Value).Where(name => name is not ("USERNAME" or "AIAAS_RETRY_SECONDS")).Distinct().Order(StringComparer.Ordinal)];

    [GeneratedRegex(@"\$\{?(env:)?(?<name>(AIAAS|AZURE)_[A-Z0-9_]+|CI\b|USERNAME)")]
    private static partial Regex Environment();

    [GeneratedRegex(@"\$\{(?<name>[A-Z0-9_]+)")]
    private static partial Regex Variable();
}
