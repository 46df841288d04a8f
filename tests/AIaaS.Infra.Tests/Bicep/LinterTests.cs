using System.Text.Json;

namespace AIaaS.Infra.Tests.Bicep;

public sealed class LinterTests(Infrastructure infrastructure) : IClassFixture<Infrastructure>
{
    [Fact]
    public void Every_name_is_declared_and_every_module_gets_what_it_needs() => Assert.Empty(Linter.Check(infrastructure.Files));

    [Theory]
    [InlineData("var a = b\noutput c string = a", "nothing declares 'b'")]
    [InlineData("param a string", "'a' is never used")]
    [InlineData("param a string\nvar a = 1\noutput c string = a", "'a' is declared twice")]
    [InlineData("output c string = tolower('A')", "there is no function 'tolower'")]
    [InlineData("output c string = 5", "the output 'c' is a string and is given a int")]
    [InlineData("module m 'other.bicep' = {\n  params: {\n    needed: 'x'\n    wrong: 1\n  }\n}", "'other.bicep' has no parameter 'wrong'")]
    [InlineData("module m 'other.bicep' = {\n  params: {}\n}", "'other.bicep' needs the parameter 'needed'")]
    [InlineData("module m 'other.bicep' = {\n  params: {\n    needed: true\n  }\n}", "the parameter 'needed' of 'other.bicep' is a string and is given a bool")]
    [InlineData("module m 'other.bicep' = {\n  params: {\n    needed: 'x'\n  }\n}\noutput c string = m.outputs.missing", "the module 'm' has no output 'missing'")]
    [InlineData("module m 'nowhere.bicep' = {\n}", "there is no file 'nowhere.bicep'")]
    [InlineData("module a 'other.bicep' = {\n  params: {\n    needed: b.outputs.made\n  }\n}\nmodule b 'other.bicep' = {\n  params: {\n    needed: a!.outputs.made\n  }\n}", "'a' depends on itself")]
    [InlineData("resource a 'A/b@1' existing = {\n  name: 'a'\n}", "the existing resource 'a' is never used")]
    public async Task A_mistake_is_found(string text, string finding)
    {
        using var folder = new TemporaryFolder();
        var parsed = await Infrastructure.ParseAsync(
            [folder.Write("main.bicep", text), folder.Write("other.bicep", "param needed string\noutput made string = needed\n")]);
        var files = parsed.Select(tree => new BicepFile(Path.GetRelativePath(Repository.Root, tree.Path).Replace('\\', '/'), tree.Root)).ToList();

        Assert.Contains(Linter.Check(files), found => found.EndsWith(finding, StringComparison.Ordinal) || found.Contains(finding + ";", StringComparison.Ordinal));
    }

    [Fact]
    public void The_parameter_file_names_each_parameter_and_no_other()
    {
        using var file = JsonDocument.Parse(Repository.Read("infra/main.parameters.json"));

        var names = file.RootElement.GetProperty("parameters").EnumerateObject().Select(parameter => parameter.Name);

        Assert.Equal(infrastructure.Main.Parameters.Keys.Order(StringComparer.Ordinal), names.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_default_is_the_same_in_the_parameter_file()
    {
        using var file = JsonDocument.Parse(Repository.Read("infra/main.parameters.json"));
        foreach (var parameter in file.RootElement.GetProperty("parameters").EnumerateObject())
        {
            if (parameter.Value.GetProperty("value") is { ValueKind: JsonValueKind.String } value
                && infrastructure.Main.Parameters[parameter.Name].Default is { } otherwise)
            {
                var text = value.GetString()!.TrimEnd('}');
                Assert.Equal(otherwise.Text.Trim('\''), text.Contains('=', StringComparison.Ordinal) ? text[(text.IndexOf('=', StringComparison.Ordinal) + 1)..] : "");
            }
        }
    }
}
