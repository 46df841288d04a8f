using System.Net;
using System.Net.Http.Headers;

namespace AIaaS.EndToEnd.Tests;

[Collection(HostCollection.Name)]
public sealed class OpenApiTests(HostFixture host)
{
    [Fact]
    public async Task The_host_describes_itself_in_OpenAPI()
    {
        var document = await host.Admin.GetAsync("/openapi.json");

        Assert.StartsWith("3.1.", document.GetProperty("openapi").GetString(), StringComparison.Ordinal);
        Assert.True(document.GetProperty("paths").TryGetProperty("/api/v1/endpoints/{endpoint}/predictions", out _));
    }

    [Fact]
    public async Task Whoever_has_the_description_is_not_sent_it_again()
    {
        using var first = await host.Admin.Http.GetAsync("/openapi.json");
        using var again = new HttpRequestMessage(HttpMethod.Get, "/openapi.json") { Headers = { IfNoneMatch = { EntityTagHeaderValue.Parse(first.Headers.ETag!.Tag) } } };
        using var second = await host.Admin.Http.SendAsync(again);

        Assert.Equal(HttpStatusCode.NotModified, second.StatusCode);
    }

    [Fact]
    public async Task The_description_is_for_those_with_a_key()
    {
        using var nobody = host.Anonymous();
        using var answer = await nobody.Http.GetAsync("/openapi.json");

        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Theory]
    [InlineData("/api/v1/datasets")]
    [InlineData("/api/v1/datasets/{0}")]
    [InlineData("/api/v1/datasets/{0}/versions/1")]
    [InlineData("/api/v1/datasets/{0}/profile")]
    [InlineData("/api/v1/datasets/{0}/quality")]
    [InlineData("/api/v1/pipelines")]
    [InlineData("/api/v1/pipelines/{0}")]
    [InlineData("/api/v1/runs")]
    [InlineData("/api/v1/runs?status=succeeded&limit=1")]
    [InlineData("/api/v1/models")]
    [InlineData("/api/v1/models/{0}")]
    [InlineData("/api/v1/models/{0}/versions/1")]
    [InlineData("/api/v1/models/{0}/versions/1/card")]
    [InlineData("/api/v1/models/{0}/versions/1/metrics")]
    [InlineData("/api/v1/models/{0}/versions/1/signature")]
    [InlineData("/api/v1/endpoints")]
    [InlineData("/api/v1/endpoints/{0}")]
    [InlineData("/api/v1/keys")]
    [InlineData("/v2")]
    [InlineData("/v2/health/live")]
    [InlineData("/v2/health/ready")]
    [InlineData("/v2/models/stats")]
    [InlineData("/v2/models/{0}")]
    [InlineData("/v2/models/{0}/ready")]
    [InlineData("/v2/models/{0}/config")]
    [InlineData("/v2/models/{0}/stats")]
    [InlineData("/v2/models/{0}/versions/1")]
    [InlineData("/v2/models/{0}/versions/1/ready")]
    [InlineData("/v2/models/{0}/versions/1/config")]
    [InlineData("/v2/models/{0}/versions/1/stats")]
    [InlineData("/health/live")]
    [InlineData("/health/ready")]
    public async Task What_is_answered_is_what_is_described(string path)
    {
        var penguins = await host.PenguinsEndpointAsync();

        // The client refuses whatever the description does not cover.
        var answer = await host.Admin.GetAsync(string.Format(System.Globalization.CultureInfo.InvariantCulture, path, penguins));

        Assert.NotEqual(System.Text.Json.JsonValueKind.Undefined, answer.ValueKind);
    }

    [Fact]
    public async Task An_answer_that_is_not_described_fails_its_test()
    {
        var document = System.Text.Json.Nodes.JsonNode.Parse((await host.Admin.GetAsync("/openapi.json")).GetRawText())!.AsObject();
        document["components"]!["schemas"]!["Health"]!["properties"]!.AsObject().Remove("status");
        using var client = host.WithContract(document);

        var refusal = await Assert.ThrowsAsync<InvalidOperationException>(() => client.GetAsync("/health/live"));

        Assert.Contains("'status'", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_that_is_taken_and_not_described_fails_its_test()
    {
        var document = System.Text.Json.Nodes.JsonNode.Parse((await host.Admin.GetAsync("/openapi.json")).GetRawText())!.AsObject();
        document["components"]!["schemas"]!["KeyRequest"]!["properties"]!.AsObject().Remove("role");
        using var client = host.WithContract(document);

        var refusal = await Assert.ThrowsAsync<InvalidOperationException>(() => client.PostAsync("/api/v1/keys", new { role = "reader" }, HttpStatusCode.Created));

        Assert.Contains("'role'", refusal.Message, StringComparison.Ordinal);
    }
}
