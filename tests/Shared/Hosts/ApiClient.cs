using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace AIaaS.Tests;

/// <summary>What an application would write to use the product over HTTP.</summary>
internal sealed class ApiClient : IDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(4);
    private readonly HttpClient _http;

    /// <param name="url">The host.</param>
    /// <param name="key">Null to send none.</param>
    /// <param name="handler">What requests go through; null for nothing.</param>
    public ApiClient(Uri url, string? key, HttpMessageHandler? handler = null)
    {
        _http = new HttpClient(handler ?? new HttpClientHandler()) { BaseAddress = url, Timeout = Patience };
        if (key is not null)
        {
            _http.DefaultRequestHeaders.Add("x-api-key", key);
        }
    }

    public HttpClient Http => _http;

    public void Dispose() => _http.Dispose();

    public async Task<JsonElement> GetAsync(string path)
    {
        using var answer = await _http.GetAsync(path);
        return await ReadAsync(answer, HttpStatusCode.OK);
    }

    public async Task<JsonElement> PostAsync(string path, object body, HttpStatusCode expected)
    {
        using var answer = await _http.PostAsJsonAsync(path, body);
        return await ReadAsync(answer, expected);
    }

    public async Task<JsonElement> PutAsync(string path, HttpContent body, HttpStatusCode expected)
    {
        using var answer = await _http.PutAsync(path, body);
        return await ReadAsync(answer, expected);
    }

    /// <summary>Defines a pipeline that tries one model only, for runs whose model matters little.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="definition">The rest of it, as lines of YAML.</param>
    public Task PutSmallPipelineAsync(string name, string definition)
        => PutAsync($"/api/v1/pipelines/{name}", Text($"{definition}\ntrainers: linear\nsweep: {{ maxTrials: 1, folds: 1 }}\n", "application/yaml"), HttpStatusCode.Created);

    /// <summary>Uploads a table; gives the id of the run it starts.</summary>
    public async Task<string> PutDatasetAsync(string dataset, string csv, string query = "")
        => (await PutAsync($"/api/v1/datasets/{dataset}{query}", Text(csv, "text/csv"), HttpStatusCode.Accepted)).GetProperty("run").GetString()!;

    /// <summary>Waits until a run has ended, however it did.</summary>
    public async Task<JsonElement> AwaitRunAsync(string run)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (true)
        {
            var seen = await GetAsync($"/api/v1/runs/{run}");
            if (seen.GetProperty("status").GetString() is "succeeded" or "failed" or "cancelled")
            {
                return seen;
            }

            await Task.Delay(250, patience.Token);
        }
    }

    /// <summary>Waits until a pipeline has a run, and that has ended.</summary>
    public async Task<JsonElement> AwaitRunOfAsync(string pipeline)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (true)
        {
            var items = (await GetAsync($"/api/v1/runs?pipeline={pipeline}")).GetProperty("items");
            if (items.GetArrayLength() > 0)
            {
                return await AwaitRunAsync(items[0].GetProperty("id").GetString()!);
            }

            await Task.Delay(250, patience.Token);
        }
    }

    public async Task<JsonElement> PredictAsync(string endpoint, string rows)
    {
        using var answer = await _http.PostAsync($"/api/v1/endpoints/{endpoint}/predictions", Text(rows, "application/json"));
        return (await ReadAsync(answer, HttpStatusCode.OK)).GetProperty("predictions");
    }

    public static StringContent Text(string text, string type) => new(text, Encoding.UTF8, new MediaTypeHeaderValue(type));

    public static async Task<JsonElement> ReadAsync(HttpResponseMessage answer, HttpStatusCode expected)
    {
        var text = await answer.Content.ReadAsStringAsync();
        if (answer.StatusCode != expected)
        {
            throw new InvalidOperationException(
                $"{answer.RequestMessage!.Method} {answer.RequestMessage.RequestUri} answered {(int)answer.StatusCode}, not {(int)expected}: {text}");
        }

        return text.Length == 0 ? default : JsonDocument.Parse(text).RootElement;
    }
}
