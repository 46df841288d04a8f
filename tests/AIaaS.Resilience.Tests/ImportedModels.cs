using System.Net;
using System.Text.Json;

namespace AIaaS.Resilience.Tests;

/// <summary>Models that were made elsewhere, each behind an endpoint of its name.</summary>
internal static class ImportedModels
{
    public static async Task ImportAsync(ApiClient admin, string model, string file, int versions)
    {
        for (var version = 0; version < versions; version++)
        {
            using var content = new ByteArrayContent(await File.ReadAllBytesAsync(Path.Combine(AppContext.BaseDirectory, "models", file + ".onnx")));
            content.Headers.ContentType = new("application/octet-stream");
            using var imported = await admin.Http.PostAsync($"/api/v1/models/{model}/versions", content);
            await ApiClient.ReadAsync(imported, HttpStatusCode.Created);
        }

        await PutEndpointAsync(admin, model, 1, HttpStatusCode.Created);
    }

    public static Task<JsonElement> PutEndpointAsync(ApiClient admin, string model, int version, HttpStatusCode expected) => admin.PutAsync(
        $"/api/v1/endpoints/{model}", ApiClient.Text($$"""{"model":"{{model}}","traffic":[{"version":{{version}},"percent":100}]}""", "application/json"), expected);
}
