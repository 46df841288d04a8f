using System.Buffers;
using System.Text;
using System.Text.Json;
using AIaaS.Data.Exchange;
using AIaaS.Formats;
using AIaaS.Platform.Datasets;
using AIaaS.Platform.Endpoints;
using AIaaS.Platform.Predictions;
using AIaaS.Platform.Predictions.Batches;
using AIaaS.Platform.Storage;
using AIaaS.Platform.Tests.Models;
using AIaaS.Serving.Models;
using AIaaS.Serving.Predictions;
using AIaaS.Serving.Tests;
using Microsoft.Extensions.Logging.Abstractions;
using static AIaaS.Platform.Tests.Runs.RunWorld;

namespace AIaaS.Platform.Tests.Predictions.Batches;

/// <summary>Batch predictions without a host: messages are handed over by the tests, and the process dies where they say.</summary>
internal sealed class BatchWorld : IAsyncDisposable
{
    private readonly TemporaryFolder _home = new();
    private readonly ModelServer _server;
    private readonly ModelHost _models;
    private readonly Predictor _predictor = new(TimeProvider.System);
    private readonly EndpointDirectory _directory;

    public BatchWorld(int chunkRows = 3, TimeSpan? timePerMessage = null, long? prepareInFunctionMaxBytes = null)
    {
        var options = new PlatformOptions { Home = _home.Path };
        Turns = new PreparationTurns(World.Runs.Time);
        _directory = new EndpointDirectory(World.Runs.Catalog, World.Runs.Time, NullLogger<EndpointDirectory>.Instance);
        Endpoints = new EndpointService(World.Runs.Catalog, World.Registry, _directory, World.Runs.Time);
        _server = new ModelServer(new RegistryModelSource(World.Registry), new ModelServerOptions(), TimeProvider.System);
        _models = new ModelHost(World.Registry, _server);
        Housekeeping = new BatchHousekeeping(World.Runs.Catalog, World.Runs.Store, World.Runs.Time, NullLogger<BatchHousekeeping>.Instance);
        Service = new BatchPredictionService(
            World.Runs.Catalog,
            World.Runs.Store,
            World.Runs.Queue,
            _directory,
            World.Registry,
            World.Runs.Datasets,
            Housekeeping,
            new WebhookGuard(new WebhookOptions()),
            World.Runs.Time);
        Runner = new BatchPredictionRunner(
            World.Runs.Catalog,
            World.Runs.Store,
            World.Runs.Queue,
            World.Runs.Datasets,
            _models,
            _predictor,
            Turns,
            options with { PrepareInFunctionMaxBytes = prepareInFunctionMaxBytes ?? options.PrepareInFunctionMaxBytes },
            new BatchOptions { ChunkRows = chunkRows, TimePerMessage = timePerMessage ?? TimeSpan.FromHours(1) },
            World.Runs.Time,
            NullLogger<BatchPredictionRunner>.Instance);
    }

    public RegistryWorld World { get; } = new();

    public EndpointService Endpoints { get; }

    public BatchPredictionService Service { get; }

    public BatchPredictionRunner Runner { get; }

    public BatchHousekeeping Housekeeping { get; }

    public PreparationTurns Turns { get; }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        Turns.Dispose();
        _directory.Dispose();
        World.Dispose();
        _home.Dispose();
    }

    /// <summary>Registers a model and puts an endpoint of the same name before it.</summary>
    public async Task<BatchWorld> WithAsync(string model, TestModel served, UnknownFeatures unknown = UnknownFeatures.Refuse)
    {
        await World.RegisterAsync(model, served);
        await Endpoints.PutAsync(Tenant, model, new EndpointDefinition { Model = model, UnknownFeatures = unknown }, default, default);
        return this;
    }

    public Task<BatchPrediction> CreateAsync(string rows, string endpoint = "m", TableFormat format = TableFormat.Jsonl, string id = "b", Uri? webhook = null)
    {
        var batch = new NewBatch { Id = id, Endpoint = endpoint, Input = new BatchInput { Kind = BatchInputKind.Rows }, Format = format, Webhook = webhook };
        return Service.CreateAsync(Tenant, batch, [.. JsonDocument.Parse(rows).RootElement.EnumerateArray()], default);
    }

    public Task<BatchPrediction> CreateOfFileAsync(string file, string content, string endpoint = "m", TableFormat format = TableFormat.Jsonl)
        => CreateOfFileAsync(file, Encoding.UTF8.GetBytes(content), endpoint, format);

    public Task<BatchPrediction> CreateOfFileAsync(string file, byte[] content, string endpoint = "m", TableFormat format = TableFormat.Jsonl)
    {
        var batch = new NewBatch { Id = "b", Endpoint = endpoint, Input = new BatchInput { Kind = BatchInputKind.File, File = file }, Format = format };
        return Service.CreateAsync(Tenant, batch, new MemoryStream(content), default);
    }

    public async Task<BatchPrediction> RunAsync(string id = "b")
    {
        await Runner.RunAsync(new BatchReference(Tenant, id), default);
        return await GetAsync(id);
    }

    /// <summary>Predicts as requests do, by the same server and its model in memory.</summary>
    public async Task<PredictionSummary> PredictAsync(string model, string body)
    {
        using var lease = await _models.AcquireAsync(Tenant, model, 1, default);
        return await _predictor.PredictAsync(
            lease, new ReadOnlySequence<byte>(Encoding.UTF8.GetBytes(body)), new ArrayBufferWriter<byte>(), new PredictionContext("r", model, 1), default);
    }

    public async Task<BatchPrediction> GetAsync(string id = "b") => (await Service.GetAsync(Tenant, id, default)).Value;

    /// <summary>What lies in a folder of the store, by name.</summary>
    public async Task<string[]> FilesAsync(string container, string folder)
        => [.. (await World.Runs.Store.ListAsync(container, folder, 100, null, default)).Items.Select(item => item.Path.Name[folder.Length..])];

    public async Task<JsonElement[]> ResultsAsync(string id = "b")
    {
        var (_, content) = await Service.OpenResultsAsync(Tenant, id, default);
        return await LinesAsync(content);
    }

    public async Task<JsonElement[]> ErrorsAsync(string id = "b") => await LinesAsync(await Service.OpenErrorsAsync(Tenant, id, default));

    public static async Task<string> TextAsync(ObjectContent content)
    {
        await using (content)
        {
            using var reader = new StreamReader(content.Stream);
            return await reader.ReadToEndAsync();
        }
    }

    /// <summary>Checks which rows lines are of, in their order.</summary>
    public static void AssertRows(IEnumerable<JsonElement> lines, params long[] rows)
        => Assert.Equal(rows, lines.Select(line => line.GetProperty("row").GetInt64()));

    private static async Task<JsonElement[]> LinesAsync(ObjectContent content)
        => [.. (await TextAsync(content)).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
}
