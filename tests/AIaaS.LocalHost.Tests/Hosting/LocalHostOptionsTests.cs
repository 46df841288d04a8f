using AIaaS.LocalHost.Hosting;

namespace AIaaS.LocalHost.Tests.Hosting;

public sealed class LocalHostOptionsTests
{
    [Theory]
    [InlineData("""{"version":"2.0","extensions":{"http":{"routePrefix":""}}}""", "")]
    [InlineData("""{"version":"2.0", /* none */ "extensions":{"http":{"routePrefix":"v1",}}}""", "v1")]
    [InlineData("""{"version":"2.0"}""", "api")]
    public void The_route_prefix_comes_from_the_host_file(string hostJson, string expected)
    {
        var path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid()}.json");
        File.WriteAllText(path, hostJson);
        try
        {
            Assert.Equal(expected, new LocalHostOptions().ReadHostJson(path).RoutePrefix);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void An_assembly_gives_all_its_classes()
    {
        var options = new LocalHostOptions().AddFunctions(typeof(LocalHostOptionsTests).Assembly);

        Assert.Contains(typeof(LocalHostOptionsTests), options.FunctionTypes);
    }
}
