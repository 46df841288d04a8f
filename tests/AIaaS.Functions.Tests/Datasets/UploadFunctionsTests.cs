using System.Text;
using AIaaS.Functions.Datasets;
using AIaaS.Functions.Tests.Requests;
using AIaaS.Platform.Security;
using AIaaS.Platform.Storage;
using Microsoft.AspNetCore.Http;

namespace AIaaS.Functions.Tests.Datasets;

public sealed class UploadFunctionsTests : IDisposable
{
    private readonly RequestHarness _harness = new();

    public void Dispose() => _harness.Dispose();

    [Fact]
    public async Task What_is_put_to_the_url_lies_in_the_tenants_drop_zone()
    {
        var created = await CreateAsync("""{"file":"my table.csv"}""");
        var url = new Uri(created.Json.GetProperty("url").GetString()!);

        var put = await PutAsync(url, "a,b\n1,2\n");

        Assert.Equal((201, "PUT", 201), (created.Status, created.Json.GetProperty("method").GetString(), put.Status));
        await using var content = await _harness.Store.OpenReadAsync(new ObjectPath("incoming", "acme/penguins/my table.csv"), null, default);
        using var reader = new StreamReader(content!.Stream);
        Assert.Equal("a,b\n1,2\n", await reader.ReadToEndAsync());
    }

    [Fact]
    public async Task A_url_of_another_file_is_refused()
    {
        var created = await CreateAsync("""{"file":"x.csv"}""");
        var url = new Uri(created.Json.GetProperty("url").GetString()!.Replace("x.csv", "y.csv", StringComparison.Ordinal));

        Assert.Equal((403, "urn:aiaas:problem:invalid-upload"), Summary(await PutAsync(url, "a")));
    }

    [Fact]
    public async Task An_expired_url_is_refused()
    {
        var created = await CreateAsync("""{"file":"x.csv"}""");
        _harness.Time.Advance(TimeSpan.FromHours(2));

        Assert.Equal((403, "urn:aiaas:problem:invalid-upload"), Summary(await PutAsync(new Uri(created.Json.GetProperty("url").GetString()!), "a")));
    }

    [Theory]
    [InlineData("penguins", """{"file":"../x.csv"}""", "file")]
    [InlineData("penguins", """{"file":".x.csv"}""", "file")]
    [InlineData("penguins", """{"file":"x.csv.part"}""", "file")]
    [InlineData("penguins", """{}""", "file")]
    [InlineData("Penguins", """{"file":"x.csv"}""", "dataset")]
    public async Task A_name_out_of_pattern_is_refused(string dataset, string body, string field)
    {
        var response = await CreateAsync(body, dataset);

        Assert.Equal((400, field), (response.Status, response.Json.GetProperty("field").GetString()));
    }

    private static (int Status, string Type) Summary(RequestHarness.Response response) => (response.Status, response.ProblemType);

    private async Task<RequestHarness.Response> CreateAsync(string body, string dataset = "penguins")
        => await _harness.SendAsync(
            (http, _) => new UploadFunctions(_harness.Store).Create(http.Request, dataset), "CreateUpload", await _harness.CreateKeyAsync("acme", Role.Trainer), body);

    private Task<RequestHarness.Response> PutAsync(Uri url, string content)
        => _harness.SendAsync(
            (http, _) => new UploadFunctions(_harness.Store).Put(http.Request, Uri.UnescapeDataString(url.AbsolutePath["/uploads/".Length..])),
            "PutUpload",
            key: null,
            configure: request =>
            {
                request.Method = "PUT";
                request.QueryString = new QueryString(url.Query);
                request.Body = new MemoryStream(Encoding.UTF8.GetBytes(content));
            });
}
