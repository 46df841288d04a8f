using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;

namespace AIaaS.EndToEnd.Tests;

/// <summary>Models that were made elsewhere.</summary>
[Collection(HostCollection.Name)]
public sealed class ModelImportTests(HostFixture host)
{
    private const string Signature = """
        {"task":"regression","inputs":[{"name":"Length of bill","kind":"number","input":"length","type":"float32","required":true},
        {"name":"Mass","kind":"number","input":"mass","type":"float32"}],"outputs":[{"name":"value","role":"value","type":"float32","shape":[-1]}]}
        """;

    [Fact]
    public async Task An_imported_model_is_served_and_given_back_as_it_came()
    {
        var model = HostFixture.NewName("imported");
        var version = await ApiClient.ReadAsync(await ImportAsync(model, Read("regression")), HttpStatusCode.Created);
        await host.Admin.PutAsync($"/api/v1/endpoints/{model}", ApiClient.Text($$"""{"model":"{{model}}"}""", "application/json"), HttpStatusCode.Created);

        var predictions = await host.Admin.PredictAsync(model, """{"rows":[{"length":1,"mass":2}]}""");

        Assert.Equal(1, version.GetProperty("version").GetInt32());
        Assert.Equal(JsonValueKind.Number, predictions[0].GetProperty("value").ValueKind);
        Assert.Equal(Read("regression"), await host.Admin.Http.GetByteArrayAsync($"/api/v1/models/{model}/versions/1/content"));
    }

    [Fact]
    public async Task A_file_that_curl_calls_a_form_is_a_file_all_the_same()
    {
        var imported = await ImportAsync(HostFixture.NewName("imported"), Read("regression"), contentType: "application/x-www-form-urlencoded");

        await ApiClient.ReadAsync(imported, HttpStatusCode.Created);
    }

    [Fact]
    public async Task A_model_of_half_precision_is_asked_by_tensors()
    {
        var model = HostFixture.NewName("imported");
        await ApiClient.ReadAsync(await ImportAsync(model, Read("identity-fp16")), HttpStatusCode.Created);

        var described = await host.Admin.GetAsync($"/v2/models/{model}");
        using var answer = await host.Admin.Http.PostAsync(
            $"/v2/models/{model}/infer", ApiClient.Text("""{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP16","data":[0.5,-2]}]}""", "application/json"));

        Assert.Equal("FP16", described.GetProperty("outputs")[0].GetProperty("datatype").GetString());
        Assert.Equal("[0.5,-2]", (await ApiClient.ReadAsync(answer, HttpStatusCode.OK)).GetProperty("outputs")[0].GetProperty("data").GetRawText());
    }

    [Fact]
    public async Task A_signature_sent_beside_a_model_names_its_features()
    {
        var model = HostFixture.NewName("imported");
        using var form = new MultipartFormDataContent
        {
            { new ByteArrayContent(Read("regression")), "model", "model.onnx" },
            { new StringContent(Signature), "signature" },
        };
        using var imported = await host.Admin.Http.PostAsync($"/api/v1/models/{model}/versions", form);
        await ApiClient.ReadAsync(imported, HttpStatusCode.Created);

        var signature = await host.Admin.GetAsync($"/api/v1/models/{model}/versions/1/signature");

        Assert.Equal("Length of bill", signature.GetProperty("inputs")[0].GetProperty("name").GetString());
    }

    [Fact]
    public async Task An_import_repeated_with_its_key_makes_one_version()
    {
        var model = HostFixture.NewName("imported");
        using var first = await ImportAsync(model, Read("mean"), idempotencyKey: "once");
        using var second = await ImportAsync(model, Read("mean"), idempotencyKey: "once");
        using var other = await ImportAsync(model, Read("regression"), idempotencyKey: "once");

        Assert.Equal(first.Headers.Location, second.Headers.Location);
        Assert.Equal(HttpStatusCode.Created, second.StatusCode);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, other.StatusCode);
    }

    [Fact]
    public async Task What_cannot_be_served_is_refused_with_the_reason()
    {
        var model = HostFixture.NewName("imported");

        using var answer = await ImportAsync(model, [.. "this is no model"u8]);

        Assert.Equal(HttpStatusCode.UnprocessableEntity, answer.StatusCode);
        var problem = JsonDocument.Parse(await answer.Content.ReadAsStringAsync()).RootElement;
        Assert.Equal("urn:aiaas:problem:unusable-model", problem.GetProperty("type").GetString());
        Assert.Contains("not an ONNX file", problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
        using var nothing = await host.Admin.Http.GetAsync($"/api/v1/models/{model}");
        Assert.Equal(HttpStatusCode.NotFound, nothing.StatusCode);
    }

    [Fact]
    public async Task An_alias_points_to_a_version_that_exists()
    {
        var model = HostFixture.NewName("imported");
        foreach (var file in new[] { "mean", "regression" })
        {
            (await ImportAsync(model, Read(file))).Dispose();
        }

        var made = await PutAliasAsync(model, "champion", 1, HttpStatusCode.Created);
        var moved = await PutAliasAsync(model, "champion", 2, HttpStatusCode.OK);
        await PutAliasAsync(model, "champion", 3, HttpStatusCode.BadRequest);

        Assert.Equal(1, made.GetProperty("aliases").GetProperty("champion").GetInt32());
        Assert.Equal(2, moved.GetProperty("aliases").GetProperty("champion").GetInt32());
    }

    private static byte[] Read(string model) => File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "Models", model + ".onnx"));

    private Task<JsonElement> PutAliasAsync(string model, string alias, int version, HttpStatusCode expected)
        => host.Admin.PutAsync($"/api/v1/models/{model}/aliases/{alias}", ApiClient.Text($$"""{"version":{{version}}}""", "application/json"), expected);

    private async Task<HttpResponseMessage> ImportAsync(string model, byte[] file, string? idempotencyKey = null, string contentType = "application/octet-stream")
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/api/v1/models/{model}/versions") { Content = new ByteArrayContent(file) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue(contentType);
        if (idempotencyKey is not null)
        {
            request.Headers.Add("Idempotency-Key", idempotencyKey);
        }

        return await host.Admin.Http.SendAsync(request);
    }
}
