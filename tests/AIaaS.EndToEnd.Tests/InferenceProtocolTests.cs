using System.Buffers.Binary;
using System.IO.Compression;
using System.Net;
using System.Text;
using System.Text.Json;

namespace AIaaS.EndToEnd.Tests;

/// <summary>The Open Inference Protocol over HTTP, as any client of it would use a trained model.</summary>
[Collection(HostCollection.Name)]
public sealed class InferenceProtocolTests(HostFixture host)
{
    private static readonly (string Name, string Datatype, string First, string Second)[] Features =
    [
        ("island", "BYTES", "\"Biscoe\"", "\"Dream\""),
        ("bill_length_mm", "FP32", "46.1", "39"),
        ("bill_depth_mm", "FP32", "13.2", "18.7"),
        ("flipper_length_mm", "FP32", "211", "181"),
        ("body_mass_g", "FP32", "4500", "3750"),
        ("sex", "BYTES", "\"female\"", "\"male\""),
        ("year", "FP32", "2007", "2007"),
    ];

    private static string Request(string more = "") =>
        $"{{\"id\":\"42\"{more},\"inputs\":[{string.Join(',', Features.Select(f => $"{{\"name\":\"{f.Name}\",\"shape\":[2,1],\"datatype\":\"{f.Datatype}\",\"data\":[{f.First},{f.Second}]}}"))}]}}";

    [Fact]
    public async Task A_model_tells_what_it_takes_and_gives()
    {
        var name = await host.PenguinsEndpointAsync();

        var model = await host.Admin.GetAsync($"/v2/models/{name}");

        Assert.Equal(name, model.GetProperty("name").GetString());
        Assert.Equal("[\"1\"]", model.GetProperty("versions").GetRawText());
        Assert.Equal("onnx_onnxv1", model.GetProperty("platform").GetString());
        Assert.Equal(
            Features.Select(f => $"{f.Name} {f.Datatype} [-1,1]").Order(),
            model.GetProperty("inputs").EnumerateArray().Select(i => $"{i.GetProperty("name")} {i.GetProperty("datatype")} {i.GetProperty("shape").GetRawText()}").Order());
        Assert.Contains(model.GetProperty("outputs").EnumerateArray(), o => o.GetRawText() == """{"name":"probabilities","datatype":"FP32","shape":[-1,3]}""");
        Assert.Equal(model.GetRawText(), (await host.Admin.GetAsync($"/v2/models/{name}/versions/1")).GetRawText());
    }

    [Fact]
    public async Task A_model_tells_its_configuration()
    {
        var name = await host.PenguinsEndpointAsync();

        var configuration = await host.Admin.GetAsync($"/v2/models/{name}/config");

        Assert.Equal(
            (name, "onnxruntime", 0, "[1]"),
            (configuration.GetProperty("name").GetString(), configuration.GetProperty("backend").GetString(), configuration.GetProperty("max_batch_size").GetInt32(),
                configuration.GetProperty("version_policy").GetProperty("specific").GetProperty("versions").GetRawText()));
        Assert.Equal(
            Features.Select(f => $"{f.Name} TYPE_{(f.Datatype == "BYTES" ? "STRING" : f.Datatype)} [-1,1]").Order(),
            configuration.GetProperty("input").EnumerateArray().Select(i => $"{i.GetProperty("name")} {i.GetProperty("data_type")} {i.GetProperty("dims").GetRawText()}").Order());
        Assert.Contains(configuration.GetProperty("output").EnumerateArray(), o => o.GetRawText() == """{"name":"probabilities","data_type":"TYPE_FP32","dims":[-1,3]}""");
        Assert.Equal(configuration.GetRawText(), (await host.Admin.GetAsync($"/v2/models/{name}/versions/1/config")).GetRawText());
    }

    [Fact]
    public async Task Statistics_are_told_under_the_name_that_was_asked_for()
    {
        var model = await host.PenguinsEndpointAsync();
        var endpoint = HostFixture.NewName("other");
        await host.Admin.PutAsync($"/api/v1/endpoints/{endpoint}", ApiClient.Text($$"""{"model":"{{model}}"}""", "application/json"), HttpStatusCode.Created);

        var statistics = await host.Admin.GetAsync($"/v2/models/{endpoint}/stats");

        Assert.Equal([endpoint], statistics.GetProperty("model_stats").EnumerateArray().Select(s => s.GetProperty("name").GetString()));
    }

    [Fact]
    public async Task The_server_tells_its_extensions()
    {
        var server = await host.Admin.GetAsync("/v2");

        Assert.NotEqual("", server.GetProperty("name").GetString());
        Assert.NotEqual("", server.GetProperty("version").GetString());
        Assert.Equal(["binary_tensor_data", "classification", "model_configuration", "model_repository", "statistics"], server.GetProperty("extensions").EnumerateArray().Select(e => e.GetString()));
        Assert.Equal(server.GetRawText(), (await host.Admin.GetAsync("/v2/")).GetRawText());
    }

    [Theory]
    [InlineData("")]
    [InlineData("/versions/1")]
    public async Task Tensors_in_json_are_answered_in_json(string version)
    {
        var name = await host.PenguinsEndpointAsync();
        using var body = new ByteArrayContent(Encoding.UTF8.GetBytes(Request()));

        using var answer = await host.Admin.Http.PostAsync($"/v2/models/{name}{version}/infer?unknown=query&x", body);

        Assert.Equal("application/json", answer.Content.Headers.ContentType?.MediaType);
        Assert.Matches("^parse;dur=.*, queue;dur=.*, run;dur=.*, write;dur=.*$", answer.Headers.GetValues("Server-Timing").Single());
        var read = await ApiClient.ReadAsync(answer, HttpStatusCode.OK);
        Assert.Equal(name, read.GetProperty("model_name").GetString());
        Assert.Equal("1", read.GetProperty("model_version").GetString());
        Assert.Equal("42", read.GetProperty("id").GetString());
        Assert.Equal("[\"Gentoo\",\"Adelie\"]", Output(read, "label").GetProperty("data").GetRawText());
        Assert.Equal(6, Output(read, "probabilities").GetProperty("data").GetArrayLength());
    }

    [Fact]
    public async Task The_protocol_and_the_prediction_api_give_the_same_probabilities()
    {
        var name = await host.PenguinsEndpointAsync();
        var row = $"{{\"rows\":[{{{string.Join(',', Features.Select(f => $"\"{f.Name}\":{f.First}"))}}}]}}";

        var prediction = (await host.Admin.PredictAsync(name, row))[0].GetProperty("probabilities").EnumerateObject().Select(p => p.Value.GetRawText()).ToArray();
        using var body = ApiClient.Text(Request(), "application/json");
        using var answer = await host.Admin.Http.PostAsync($"/v2/models/{name}/infer", body);
        var tensor = Output(await ApiClient.ReadAsync(answer, HttpStatusCode.OK), "probabilities").GetProperty("data");

        Assert.Equal(prediction, tensor.EnumerateArray().Take(3).Select(p => p.GetRawText()));
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData("gzip", null)]
    [InlineData("deflate", null)]
    [InlineData(null, "gzip")]
    [InlineData(null, "br, deflate;q=0.5")]
    [InlineData("gzip", "gzip;q=0.5, deflate")]
    public async Task Binary_tensors_go_both_ways_compressed_or_not(string? coding, string? accepted)
    {
        var name = await host.PenguinsEndpointAsync();
        var (json, binary) = Binary();
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/v2/models/{name}/infer") { Content = new ByteArrayContent(Compress([.. json, .. binary], coding)) };
        request.Headers.Add("Inference-Header-Content-Length", $"{json.Length}");
        if (coding is not null)
            request.Content.Headers.ContentEncoding.Add(coding);
        if (accepted is not null)
            request.Headers.TryAddWithoutValidation("Accept-Encoding", accepted);

        using var answer = await host.Admin.Http.SendAsync(request);

        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("application/octet-stream", answer.Content.Headers.ContentType?.MediaType);
        var body = Decompress(await answer.Content.ReadAsByteArrayAsync(), answer.Content.Headers.ContentEncoding.SingleOrDefault());
        Assert.Equal(accepted is null ? null : accepted.Contains("deflate", StringComparison.Ordinal) ? "deflate" : "gzip", answer.Content.Headers.ContentEncoding.SingleOrDefault());
        var header = int.Parse(answer.Headers.GetValues("Inference-Header-Content-Length").Single(), System.Globalization.CultureInfo.InvariantCulture);
        var outputs = JsonDocument.Parse(body.AsMemory(0, header)).RootElement;
        Assert.Equal(24, Output(outputs, "probabilities").GetProperty("parameters").GetProperty("binary_data_size").GetInt32());
        Assert.Equal("[\"Gentoo\",\"Adelie\"]", Output(outputs, "label").GetProperty("data").GetRawText());
        Assert.Equal(header + 24, body.Length);
        Assert.InRange(BinaryPrimitives.ReadSingleLittleEndian(body.AsSpan(header + 8)), 0.9f, 1f);
    }

    [Fact]
    public async Task Classes_come_with_their_labels()
    {
        var name = await host.PenguinsEndpointAsync();
        using var body = ApiClient.Text(Request(",\"outputs\":[{\"name\":\"probabilities\",\"parameters\":{\"classification\":1}}]"), "application/json");

        using var answer = await host.Admin.Http.PostAsync($"/v2/models/{name}/infer", body);

        var classes = Output(await ApiClient.ReadAsync(answer, HttpStatusCode.OK), "probabilities");
        Assert.Equal("[2,1]", classes.GetProperty("shape").GetRawText());
        Assert.Equal(["2:Gentoo", "0:Adelie"], classes.GetProperty("data").EnumerateArray().Select(c => c.GetString()!.Split(':', 2)[1]));
    }

    [Fact]
    public async Task Health_is_told_to_anyone_and_nothing_else_is()
    {
        using var anyone = host.Anonymous();

        Assert.True((await anyone.GetAsync("/v2/health/live")).GetProperty("live").GetBoolean());
        Assert.True((await anyone.GetAsync("/v2/health/ready")).GetProperty("live").GetBoolean());
        using var server = await anyone.Http.GetAsync("/v2");
        await AssertErrorAsync(server, 401, "x-api-key");
    }

    [Theory]
    [InlineData("/v2/models/nobody-made-this", "unknown model")]
    [InlineData("/v2/models/nobody-made-this/ready", "unknown model")]
    [InlineData("/v2/models/nobody-made-this/stats", "unknown model")]
    [InlineData("/v2/models/nobody-made-this/config", "unknown model")]
    [InlineData("/v2/models/Not%20A%20Name", "unknown model")]
    [InlineData("/v2/models/{0}/versions/9", "version 9")]
    [InlineData("/v2/models/{0}/versions/latest/ready", "version latest")]
    [InlineData("/v2/models/{0}/versions/99999999999999999999/stats", "is not found")]
    public async Task What_does_not_exist_is_told_as_the_protocol_has_it(string path, string reason)
    {
        var name = await host.PenguinsEndpointAsync();

        using var answer = await host.Admin.Http.GetAsync(path.Replace("{0}", name, StringComparison.Ordinal));

        await AssertErrorAsync(answer, 404, reason);
    }

    [Theory]
    [InlineData("{", null, null, 400, "valid JSON")]
    [InlineData("{\"inputs\":[]}", null, null, 400, "is not given")]
    [InlineData("{\"inputs\":[]}", "9", null, 400, "Inference-Header-Content-Length")]
    [InlineData("{\"inputs\":[]}", "100", null, 400, "Inference-Header-Content-Length")]
    [InlineData("{\"inputs\":[]}", "-1", null, 400, "Inference-Header-Content-Length")]
    [InlineData("{\"inputs\":[]}", "x", null, 400, "Inference-Header-Content-Length")]
    [InlineData("{\"inputs\":[]}", "0", null, 400, "takes 7 inputs")]
    [InlineData("{\"inputs\":[]}", null, "gzip", 400, "Content-Encoding")]
    [InlineData("{\"inputs\":[]}", null, "br", 415, "gzip, deflate")]
    public async Task Mistakes_are_explained_as_the_protocol_has_it(string body, string? headerLength, string? coding, int status, string reason)
    {
        var name = await host.PenguinsEndpointAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/v2/models/{name}/infer") { Content = new ByteArrayContent(Encoding.UTF8.GetBytes(body)) };
        if (headerLength is not null)
            request.Headers.TryAddWithoutValidation("Inference-Header-Content-Length", headerLength);
        if (coding is not null)
            request.Content.Headers.ContentEncoding.Add(coding);

        using var answer = await host.Admin.Http.SendAsync(request);

        await AssertErrorAsync(answer, status, reason == "Inference-Header-Content-Length" && headerLength == "9" ? "valid JSON" : reason);
    }

    [Fact]
    public async Task A_body_that_is_small_only_while_compressed_is_refused()
    {
        var name = await host.PenguinsEndpointAsync();
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/v2/models/{name}/infer") { Content = new ByteArrayContent(Compress(new byte[70 << 20], "gzip")) };
        request.Content.Headers.ContentEncoding.Add("gzip");

        using var answer = await host.Admin.Http.SendAsync(request);

        await AssertErrorAsync(answer, 413, "not compressed");
    }

    [Fact]
    public async Task A_body_over_the_limit_is_refused_as_the_protocol_has_it()
    {
        using var body = new ByteArrayContent(new byte[2 << 20]);

        using var answer = await host.Admin.Http.PostAsync("/v2/repository/index", body);

        await AssertErrorAsync(answer, 413, "at most");
    }

    [Theory]
    [InlineData("reader", "POST", "/v2/models/x/infer", 403)]
    [InlineData("reader", "POST", "/v2/repository/index", 200)]
    [InlineData("predictor", "POST", "/v2/repository/models/x/load", 403)]
    [InlineData("predictor", "POST", "/v2/repository/models/x/unload", 403)]
    [InlineData("predictor", "POST", "/v2/models/x/infer", 404)]
    [InlineData("reader", "GET", "/v2/models/stats", 200)]
    public async Task Roles_hold_under_the_protocol(string role, string method, string path, int status)
    {
        using var client = await host.NewClientAsync(role);
        using var request = new HttpRequestMessage(new HttpMethod(method), path);

        using var answer = await client.Http.SendAsync(request);

        Assert.Equal(status, (int)answer.StatusCode);
        if (status != 200)
            await AssertErrorAsync(answer, status, " ");
    }

    [Fact]
    public async Task A_tenant_reaches_no_model_of_another()
    {
        var name = await host.PenguinsEndpointAsync();
        using var stranger = await host.NewClientAsync("admin", HostFixture.NewName("tenant"));

        using var asked = await stranger.Http.PostAsync($"/v2/models/{name}/infer", ApiClient.Text(Request(), "application/json"));

        await AssertErrorAsync(asked, 404, "unknown model");
        Assert.Equal("[]", (await stranger.PostAsync("/v2/repository/index", new { }, HttpStatusCode.OK)).GetRawText());
        Assert.Equal("[]", (await stranger.GetAsync("/v2/models/stats")).GetProperty("model_stats").GetRawText());
    }

    [Fact]
    public async Task A_model_is_unloaded_and_loaded_and_its_first_request_loads_it_too()
    {
        // A tenant of its own: other tests ask the shared model at the same time.
        using var trainer = await host.NewClientAsync("trainer", HostFixture.NewName("tenant"));
        await trainer.PutSmallPipelineAsync("penguins", "target: species");
        var run = await trainer.AwaitRunAsync(await trainer.PutDatasetAsync("penguins", HostFixture.Penguins));
        Assert.Equal("succeeded", run.GetProperty("status").GetString());

        await trainer.PostAsync("/v2/repository/models/penguins/load", new { parameters = new { } }, HttpStatusCode.OK);
        Assert.Equal("READY", (await IndexAsync()).GetProperty("state").GetString());
        Assert.True((await trainer.GetAsync("/v2/models/penguins/ready")).GetProperty("ready").GetBoolean());

        using (var unloaded = await trainer.Http.PostAsync("/v2/repository/models/penguins/unload", content: null))
            Assert.Equal(HttpStatusCode.OK, unloaded.StatusCode);
        var entry = await IndexAsync();
        Assert.Equal(("penguins", "1", "UNAVAILABLE", "unloaded"), (
            entry.GetProperty("name").GetString(), entry.GetProperty("version").GetString(), entry.GetProperty("state").GetString(), entry.GetProperty("reason").GetString()));
        Assert.Equal("[]", (await trainer.PostAsync("/v2/repository/index", new { ready = true }, HttpStatusCode.OK)).GetRawText());
        using (var ready = await trainer.Http.GetAsync("/v2/models/penguins/ready"))
            await AssertErrorAsync(ready, 503, "unloaded");

        using (var answer = await trainer.Http.PostAsync("/v2/models/penguins/infer", ApiClient.Text(Request(), "application/json")))
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.True((await trainer.GetAsync("/v2/models/penguins/ready")).GetProperty("ready").GetBoolean());

        var statistics = (await trainer.GetAsync("/v2/models/penguins/versions/1/stats")).GetProperty("model_stats")[0];
        Assert.Equal(2, statistics.GetProperty("inference_count").GetInt64());
        Assert.Equal(1, statistics.GetProperty("execution_count").GetInt64());
        Assert.Equal(1, statistics.GetProperty("inference_stats").GetProperty("success").GetProperty("count").GetInt64());
        Assert.Equal(2, statistics.GetProperty("batch_stats")[0].GetProperty("batch_size").GetInt32());
        Assert.True(statistics.GetProperty("memory_usage")[0].GetProperty("byte_size").GetInt64() > 0);

        async Task<JsonElement> IndexAsync() => (await trainer.PostAsync("/v2/repository/index", new { }, HttpStatusCode.OK))[0];
    }

    [Theory]
    [InlineData("{}", 404)]
    [InlineData("{\"parameters\":{\"config\":\"{}\"}}", 400)]
    [InlineData("[]", 400)]
    [InlineData("{", 400)]
    public async Task A_load_that_cannot_be_is_refused(string body, int status)
    {
        using var answer = await host.Admin.Http.PostAsync("/v2/repository/models/nobody-made-this/load", ApiClient.Text(body, "application/json"));

        await AssertErrorAsync(answer, status, body.StartsWith('{') && body.Length > 1 ? "failed to load 'nobody-made-this'" : " ");
    }

    private static (byte[] Json, byte[] Binary) Binary()
    {
        var inputs = new List<string>();
        var binary = new List<byte>();
        foreach (var (name, datatype, first, second) in Features)
        {
            byte[] bytes = datatype == "FP32"
                ? [.. BitConverter.GetBytes(Number(first)), .. BitConverter.GetBytes(Number(second))]
                : [.. Text(first), .. Text(second)];
            inputs.Add($"{{\"name\":\"{name}\",\"shape\":[2,1],\"datatype\":\"{datatype}\",\"parameters\":{{\"binary_data_size\":{bytes.Length}}}}}");
            binary.AddRange(bytes);
        }

        var json = $"{{\"inputs\":[{string.Join(',', inputs)}],\"outputs\":[{{\"name\":\"probabilities\",\"parameters\":{{\"binary_data\":true}}}},{{\"name\":\"label\"}}]}}";
        return (Encoding.UTF8.GetBytes(json), [.. binary]);

        static float Number(string text) => float.Parse(text, System.Globalization.CultureInfo.InvariantCulture);

        static byte[] Text(string quoted)
        {
            var text = Encoding.UTF8.GetBytes(quoted.Trim('"'));
            return [.. BitConverter.GetBytes(text.Length), .. text];
        }
    }

    private static byte[] Compress(byte[] body, string? coding)
    {
        if (coding is null)
            return body;
        using var compressed = new MemoryStream();
        using (Stream stream = coding == "gzip" ? new GZipStream(compressed, CompressionLevel.Fastest) : new ZLibStream(compressed, CompressionLevel.Fastest))
            stream.Write(body);
        return compressed.ToArray();
    }

    private static byte[] Decompress(byte[] body, string? coding)
    {
        if (coding is null)
            return body;
        using Stream stream = coding == "gzip" ? new GZipStream(new MemoryStream(body), CompressionMode.Decompress) : new ZLibStream(new MemoryStream(body), CompressionMode.Decompress);
        using var whole = new MemoryStream();
        stream.CopyTo(whole);
        return whole.ToArray();
    }

    private static JsonElement Output(JsonElement answer, string name)
        => answer.GetProperty("outputs").EnumerateArray().Single(output => output.GetProperty("name").GetString() == name);

    private static async Task AssertErrorAsync(HttpResponseMessage answer, int status, string reason)
    {
        Assert.Equal("application/json", answer.Content.Headers.ContentType?.MediaType);
        var error = Assert.Single((await ApiClient.ReadAsync(answer, (HttpStatusCode)status)).EnumerateObject());
        Assert.Equal("error", error.Name);
        Assert.Contains(reason, error.Value.GetString(), StringComparison.Ordinal);
    }
}
