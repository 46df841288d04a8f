using System.Buffers;
using System.Text;
using System.Text.Json;
using AIaaS.Serving.Batching;
using AIaaS.Serving.Models;
using AIaaS.Serving.Predictions;
using AIaaS.Serving.Telemetry;

namespace AIaaS.Serving.Tests;

/// <summary>A model that is served, and requests to it.</summary>
internal sealed class PredictionClient : IAsyncDisposable
{
    private static readonly PredictionContext Context = new("request-1", "penguins", 7);

    private readonly ModelServer _server;
    private readonly Predictor _predictor;

    private PredictionClient(ModelServer server, ModelLease lease, ServingMetrics? metrics) =>
        (_server, Lease, _predictor) = (server, lease, new(TimeProvider.System, metrics));

    public ModelLease Lease { get; }

    public static async Task<PredictionClient> StartAsync(TestModel model, BatchingOptions? batching = null, ServingMetrics? metrics = null)
    {
        var source = new FileModelSource();
        var server = new ModelServer(source, new() { Batching = batching ?? new() }, TimeProvider.System, metrics: metrics);
        return new(server, await server.AcquireAsync(source.Add(model), CancellationToken.None), metrics);
    }

    public async Task<JsonElement> PredictAsync(
        string body,
        UnknownFeaturePolicy unknown = UnknownFeaturePolicy.Refuse,
        int maxRows = 1000,
        TimeSpan? timeout = null,
        CancellationToken cancellationToken = default)
    {
        var response = new ArrayBufferWriter<byte>();
        await _predictor.PredictAsync(
            Lease,
            new(Encoding.UTF8.GetBytes(body)),
            response,
            Context with { UnknownFeatures = unknown, MaxRows = maxRows, Timeout = timeout },
            cancellationToken);
        return JsonDocument.Parse(response.WrittenMemory).RootElement;
    }

    public ValueTask<PredictionSummary> PredictAsync(
        ReadOnlySequence<byte> body, IBufferWriter<byte> response, UnknownFeaturePolicy unknown = UnknownFeaturePolicy.Refuse, int maxRows = 1000) =>
        _predictor.PredictAsync(Lease, body, response, Context with { UnknownFeatures = unknown, MaxRows = maxRows }, CancellationToken.None);

    /// <summary>Predicts under other settings than the usual ones.</summary>
    public Task<JsonElement> AnswerAsync(string body, Func<PredictionContext, PredictionContext> settings) =>
        AnswerAsync(Encoding.UTF8.GetBytes(body), settings);

    public async Task<JsonElement> AnswerAsync(byte[] body, Func<PredictionContext, PredictionContext> settings)
    {
        var response = new ArrayBufferWriter<byte>();
        await _predictor.PredictAsync(Lease, new(body), response, settings(Context), CancellationToken.None);
        return JsonDocument.Parse(response.WrittenMemory).RootElement;
    }

    /// <summary>The predictions alone.</summary>
    public async Task<JsonElement[]> PredictRowsAsync(string rows) =>
        [.. (await PredictAsync($"{{\"rows\":[{rows}]}}")).GetProperty("predictions").EnumerateArray()];

    public async Task<PredictionRequestException> RefuseAsync(string body, int maxRows = 1000) =>
        await Assert.ThrowsAsync<PredictionRequestException>(() => PredictAsync(body, maxRows: maxRows));

    public async ValueTask DisposeAsync()
    {
        Lease.Dispose();
        await _server.DisposeAsync();
    }
}
