using System.Text.RegularExpressions;
using YamlDotNet.RepresentationModel;

namespace AIaaS.Infra.Tests;

/// <summary>azure.yaml and the workflows.</summary>
public sealed partial class PipelineFileTests
{
    public static TheoryData<string> Workflows => [.. Repository.Files(".github/workflows", "*.yml")];

    [Fact]
    public void Every_hook_of_azd_is_there_for_both_shells()
    {
        var hooks = Map(Load("azure.yaml"), "hooks");

        Assert.All(hooks.Children.Values.Cast<YamlMappingNode>(), hook =>
        {
            Assert.Equal("sh", Text(Map(hook, "posix"), "shell"));
            Assert.Equal("pwsh", Text(Map(hook, "windows"), "shell"));
            Assert.EndsWith(".sh", Text(Map(hook, "posix"), "run"), StringComparison.Ordinal);
            Assert.Equal(Path.ChangeExtension(Text(Map(hook, "posix"), "run"), ".ps1"), Text(Map(hook, "windows"), "run"));
            Assert.True(File.Exists(Repository.PathOf(Text(Map(hook, "posix"), "run"))), Text(Map(hook, "posix"), "run"));
            Assert.True(File.Exists(Repository.PathOf(Text(Map(hook, "windows"), "run"))), Text(Map(hook, "windows"), "run"));
        });
    }

    [Fact]
    public void The_service_of_azd_is_the_function_app()
    {
        var service = Map(Map(Load("azure.yaml"), "services"), "app");

        Assert.Equal("function", Text(service, "host"));
        Assert.True(File.Exists(Repository.PathOf(Text(service, "project") + "/AIaaS.Functions.csproj")));
    }

    [Theory]
    [MemberData(nameof(Workflows))]
    public void Every_action_is_pinned_to_a_commit_whose_version_is_told(string workflow)
        => Assert.All(
            Repository.Read(workflow).Split('\n').Where(line => line.TrimStart(' ', '-').StartsWith("uses:", StringComparison.Ordinal)),
            line => Assert.Matches(PinnedAction(), line.Trim()));

    [Theory]
    [MemberData(nameof(Workflows))]
    public void A_workflow_may_read_the_code_and_a_job_no_more_than_it_needs(string workflow)
    {
        var root = Load(workflow);
        var permissions = Map(root, "permissions");

        Assert.Equal(["contents: read"], permissions.Children.Select(permission => $"{permission.Key}: {permission.Value}"));
        foreach (var job in Map(root, "jobs").Children.Values.Cast<YamlMappingNode>())
        {
            Assert.True(job.Children.ContainsKey(new YamlScalarNode("timeout-minutes")), "A job without a limit may hang for hours.");
            if (job.Children.TryGetValue(new YamlScalarNode("permissions"), out var own))
            {
                Assert.All(
                    ((YamlMappingNode)own).Children.Select(permission => $"{permission.Key}: {permission.Value}"),
                    permission => Assert.Contains(permission, (string[])["contents: read", "id-token: write"]));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Workflows))]
    public void What_others_write_is_not_run(string workflow)
    {
        // Titles, branch names and inputs come from others; in a script they would be code.
        Assert.DoesNotContain("pull_request_target", Repository.Read(workflow), StringComparison.Ordinal);
        Assert.All(
            Map(Load(workflow), "jobs").Children.Values.Cast<YamlMappingNode>()
                .SelectMany(job => ((YamlSequenceNode)job["steps"]).Cast<YamlMappingNode>())
                .Where(step => step.Children.ContainsKey(new YamlScalarNode("run"))),
            step => Assert.DoesNotContain("${{", Text(step, "run"), StringComparison.Ordinal));
    }

    [Fact]
    public void The_tools_of_the_editor_are_there_for_both_hosts()
    {
        var tasks = Json(".vscode/tasks.json").GetProperty("tasks").EnumerateArray().Select(task => task.GetProperty("label").GetString()).ToHashSet();
        var launches = Json(".vscode/launch.json").GetProperty("configurations").EnumerateArray().ToList();

        Assert.Contains(launches, launch => launch.GetProperty("name").GetString() == "Local host");
        Assert.Contains(launches, launch => launch.GetProperty("name").GetString() == "Functions host (attach)");
        Assert.All(
            launches.Where(launch => launch.TryGetProperty("preLaunchTask", out _)),
            launch => Assert.Contains(launch.GetProperty("preLaunchTask").GetString(), tasks));
    }

    [Fact]
    public void The_dev_container_is_for_amd64()
        => Assert.Contains(
            Json(".devcontainer/devcontainer.json").GetProperty("runArgs").EnumerateArray(), argument => argument.GetString() == "--platform=linux/amd64");

    private static System.Text.Json.JsonElement Json(string path)
    {
        using var document = System.Text.Json.JsonDocument.Parse(
            Repository.Read(path), new System.Text.Json.JsonDocumentOptions { CommentHandling = System.Text.Json.JsonCommentHandling.Skip });
        return document.RootElement.Clone();
    }

    private static YamlMappingNode Load(string path)
    {
        using var reader = new StringReader(Repository.Read(path));
        var yaml = new YamlStream();
        yaml.Load(reader);
        return (YamlMappingNode)yaml.Documents[0].RootNode;
    }

    private static YamlMappingNode Map(YamlMappingNode node, string key) => (YamlMappingNode)node[key];

    private static string Text(YamlMappingNode node, string key) => ((YamlScalarNode)node[key]).Value!;

    [GeneratedRegex(@"^-? ?uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*$")]
    private static partial Regex PinnedAction();
}
