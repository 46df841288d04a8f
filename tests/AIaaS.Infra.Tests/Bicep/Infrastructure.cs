using System.Text.Json;

namespace AIaaS.Infra.Tests.Bicep;

/// <summary>All Bicep files, parsed once.</summary>
public sealed class Infrastructure : IAsyncLifetime
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { MaxDepth = 1024 };

    internal IReadOnlyList<BicepFile> Files { get; private set; } = [];

    internal BicepFile Main => Files.Single(file => file.Path == "infra/main.bicep");

    public async Task InitializeAsync() => Files = [.. (await ParseAsync(Repository.Files("infra", "*.bicep"))).Select(tree => new BicepFile(tree.Path, tree.Root))];

    public Task DisposeAsync() => Task.CompletedTask;

    internal BicepFile Module(string name) => Files.Single(file => file.Path == $"infra/modules/{name}.bicep");

    internal static async Task<IReadOnlyList<ParsedFile>> ParseAsync(IEnumerable<string> paths)
    {
        var (exitCode, output, error) = await Repository.RunAsync("node", [Repository.PathOf("tests/AIaaS.Infra.Tests/parse-bicep.mjs"), .. paths]);
        return exitCode == 0
            ? JsonSerializer.Deserialize<List<ParsedFile>>(output, Json)!
            : throw new InvalidOperationException($"The Bicep parser failed: {error}");
    }

    internal sealed record ParsedFile(string Path, BicepNode Root);
}
