using System.Net;

namespace AIaaS.EndToEnd.Tests;

/// <summary>Bad requests get a problem that names the field and the remedy.</summary>
[Collection(HostCollection.Name)]
public sealed class BadRequestTests(HostFixture host)
{
    [Theory]
    [InlineData("PUT", "/api/v1/endpoints/e", "{", 400, "malformed-body", null)]
    [InlineData("PUT", "/api/v1/endpoints/e", """{"model":5}""", 400, "malformed-body", "model")]
    [InlineData("PUT", "/api/v1/endpoints/e", """{"model":"m","colour":"red"}""", 400, "malformed-body", "colour")]
    [InlineData("PUT", "/api/v1/endpoints/Bad_Name", """{"model":"m"}""", 400, "invalid-name", "endpoint")]
    [InlineData("PUT", "/api/v1/datasets/Bad_Name", "a,b", 400, "invalid-name", "dataset")]
    [InlineData("PUT", "/api/v1/pipelines/p", "target: [", 400, "malformed-body", null)]
    [InlineData("PUT", "/api/v1/pipelines/p", "trainers: [magic]", 400, "invalid-value", "trainers")]
    [InlineData("PUT", "/api/v1/pipelines/p", "split: { holdout: 2 }", 400, "invalid-value", "split.holdout")]
    [InlineData("PUT", "/api/v1/pipelines/p", "colour: red", 400, "invalid-value", "colour")]
    [InlineData("POST", "/api/v1/endpoints/nobody-made-this/predictions", """{"rows":[]}""", 404, "not-found", null)]
    [InlineData("GET", "/api/v1/runs/nobody-made-this", null, 404, "not-found", null)]
    [InlineData("GET", "/api/v1/runs?status=great", null, 400, "invalid-value", "status")]
    [InlineData("GET", "/api/v1/datasets?limit=0", null, 400, "invalid-value", "limit")]
    [InlineData("POST", "/api/v1/pipelines/nobody-made-this/runs", "{}", 404, "not-found", null)]
    [InlineData("POST", "/api/v1/datasets/d/uploads", """{"file":"../../x.csv"}""", 400, "invalid-name", "file")]
    [InlineData("POST", "/api/v1/keys", """{"role":"emperor"}""", 400, "malformed-body", "role")]
    public async Task Mistakes_are_explained(string method, string path, string? body, int status, string type, string? field)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (body is not null)
        {
            request.Content = ApiClient.Text(body, path.Contains("pipelines/p", StringComparison.Ordinal) ? "application/yaml" : "application/json");
        }

        using var answer = await host.Admin.Http.SendAsync(request);

        var problem = await ReadProblemAsync(answer, status);
        Assert.EndsWith(type, problem.GetProperty("type").GetString(), StringComparison.Ordinal);
        Assert.NotEqual("", problem.GetProperty("detail").GetString());
        Assert.Equal(field, problem.TryGetProperty("field", out var named) ? named.GetString() : null);
    }

    [Theory]
    [InlineData("/api/v1/runs", null)]
    [InlineData("/api/v1/runs", "aiaas_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("/api/v1/keys", "not even a key")]
    public async Task A_missing_or_wrong_key_is_refused(string path, string? key)
    {
        using var client = key is null ? host.Anonymous() : host.WithKey(key);

        using var answer = await client.Http.GetAsync(path);

        var problem = await ReadProblemAsync(answer, 401);
        Assert.Contains("key", problem.GetProperty("detail").GetString(), StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task A_body_over_the_limit_of_its_route_is_refused()
    {
        using var body = new ByteArrayContent(new byte[100_000]);

        using var answer = await host.Admin.Http.PutAsync("/api/v1/pipelines/large", body);

        await ReadProblemAsync(answer, 413);
    }

    [Fact]
    public async Task A_chunked_body_over_the_limit_of_its_route_is_refused()
    {
        using var body = new StreamContent(new EndlessStream(200_000));

        using var answer = await host.Admin.Http.PutAsync("/api/v1/pipelines/large", body);

        await ReadProblemAsync(answer, 413);
    }

    [Theory]
    [InlineData("GET", "/api/v1/nothing-is-here")]
    [InlineData("GET", "/nothing/at/all")]
    [InlineData("PATCH", "/api/v1/datasets/d")]
    public async Task An_unknown_path_or_method_is_a_bare_404(string method, string path)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);

        using var answer = await host.Admin.Http.SendAsync(request);

        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
        Assert.Empty(await answer.Content.ReadAsByteArrayAsync());
    }

    [Theory]
    [InlineData("{", "malformed-body", null)]
    [InlineData("""{"rows":[{"bill_length_mm":"long"}]}""", "invalid-value", "bill_length_mm")]
    [InlineData("""{"rows":[{"bil_length_mm":40}]}""", "invalid-value", "bil_length_mm")]
    [InlineData("""{"rows":[{"bill_length_mm":1e999}]}""", "invalid-value", "bill_length_mm")]
    [InlineData("""{"rows":7}""", "malformed-body", null)]
    [InlineData("[]", "malformed-body", null)]
    public async Task Mistakes_in_rows_are_explained(string body, string type, string? field)
    {
        var name = await host.PenguinsEndpointAsync();

        using var answer = await host.Admin.Http.PostAsync($"/api/v1/endpoints/{name}/predictions", ApiClient.Text(body, "application/json"));

        var problem = await ReadProblemAsync(answer, 400);
        Assert.EndsWith(type, problem.GetProperty("type").GetString(), StringComparison.Ordinal);
        Assert.Equal(field, problem.TryGetProperty("field", out var named) ? named.GetString() : null);
    }

    [Fact]
    public async Task A_tampered_upload_url_is_refused()
    {
        var upload = await host.Admin.PostAsync("/api/v1/datasets/tampered/uploads", new { file = "a.csv" }, HttpStatusCode.Created);
        var url = upload.GetProperty("url").GetString()!.Replace("a.csv", "b.csv", StringComparison.Ordinal);
        using var anyone = new HttpClient();
        using var put = new HttpRequestMessage(HttpMethod.Put, url) { Content = ApiClient.Text("a,b\n1,2\n", "text/csv") };
        foreach (var header in upload.GetProperty("headers").EnumerateObject())
        {
            put.Headers.TryAddWithoutValidation(header.Name, header.Value.GetString());
        }

        using var answer = await anyone.SendAsync(put);

        Assert.InRange((int)answer.StatusCode, 401, 403);
    }

    [Fact]
    public async Task Health_is_told_to_anyone_and_reveals_nothing()
    {
        using var anyone = host.Anonymous();

        using var live = await anyone.Http.GetAsync("/health/live");
        using var ready = await anyone.Http.GetAsync("/health/ready");

        Assert.Equal(HttpStatusCode.OK, live.StatusCode);
        Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
        Assert.InRange((await ready.Content.ReadAsStringAsync()).Length, 0, 40);
    }

    private static async Task<System.Text.Json.JsonElement> ReadProblemAsync(HttpResponseMessage answer, int status)
    {
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        return await ApiClient.ReadAsync(answer, (HttpStatusCode)status);
    }

    private sealed class EndlessStream(long length) : Stream
    {
        private long _left = length;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override int Read(byte[] buffer, int offset, int count)
        {
            var read = (int)Math.Min(count, _left);
            buffer.AsSpan(offset, read).Fill((byte)' ');
            _left -= read;
            return read;
        }

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
