namespace AIaaS.Infra.Tests.Bicep;

public sealed class SyntaxTests
{
    [Fact]
    public async Task Every_file_parses()
    {
        var files = await Infrastructure.ParseAsync(Repository.Files("infra", "*.bicep"));

        Assert.True(files.Count > 10);
        Assert.Empty(files.SelectMany(file => ErrorsOf(file.Path, file.Root)));
    }

    [Theory]
    [InlineData("param name string\nvar x = {\n", 2)]
    [InlineData("resource a 'Microsoft.Storage/storageAccounts@2026-04-01' {\n  name: 'a'\n}\n", 1)]
    [InlineData("module m 'm.bicep' = {\n  params: {\n    a: [1, 2\n  }\n}\n", 3)]
    public async Task A_mistake_is_told_with_its_line(string text, int line)
    {
        using var folder = new TemporaryFolder();
        var path = folder.Write("broken.bicep", text);

        var file = Assert.Single(await Infrastructure.ParseAsync([path]));

        Assert.Contains(ErrorsOf("broken.bicep", file.Root), error => error.StartsWith($"broken.bicep({line}): ", StringComparison.Ordinal));
    }

    private static IEnumerable<string> ErrorsOf(string path, BicepNode root)
        => root.Descend().Where(node => node.Broken).Select(node => $"{path}({node.Line}): cannot be read: {node.Type} {node.Text.Split('\n')[0]}");
}
