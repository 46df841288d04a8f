using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using AIaaS.Data.Exchange;
using AIaaS.Formats;
using AIaaS.Platform.Datasets;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Endpoints;
using AIaaS.Platform.Http;
using AIaaS.Platform.Messaging;
using AIaaS.Platform.Models;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Storage;

namespace AIaaS.Platform.Predictions.Batches;

/// <summary>What a batch is to be made of.</summary>
public sealed record NewBatch
{
    /// <summary>Made by <see cref="BatchPredictionService.NewId"/>; the same id asks for the same batch again.</summary>
    public required string Id { get; init; }

    /// <summary>The endpoint; null where <see cref="Model"/> is given.</summary>
    public string? Endpoint { get; init; }

    public string? Model { get; init; }

    /// <summary>Null for the version that serves by default.</summary>
    public int? ModelVersion { get; init; }

    public required BatchInput Input { get; init; }

    /// <summary>The feature of each value where rows are arrays; null for the order of the signature.</summary>
    public IReadOnlyList<string>? Columns { get; init; }

    public TableFormat Format { get; init; }

    /// <summary>Null for nobody.</summary>
    public Uri? Webhook { get; init; }
}

/// <summary>Makes, shows, cancels and deletes batch predictions; <see cref="BatchPredictionRunner"/> works on them.</summary>
/// <remarks>A batch's message is sent late once before it is written and at once after, so that whatever instant its maker dies at it is begun.</remarks>
public sealed class BatchPredictionService(
    Catalog catalog,
    IObjectStore store,
    IMessageQueue messages,
    EndpointDirectory endpoints,
    ModelRegistry registry,
    DatasetService datasets,
    BatchHousekeeping housekeeping,
    WebhookGuard webhooks,
    TimeProvider time)
{
    private const string InputFolder = "input";
    private const string RowsFile = "rows.jsonl";
    private const string DropFolder = "predictions";
    private const string DropPrefix = "drop-";
    private const int SecretBytes = 32;
    private static readonly TimeSpan LateAfter = TimeSpan.FromMinutes(1);

    public string NewId() => Guid.CreateVersion7(time.GetUtcNow()).ToString();

    public Task<Document<BatchPrediction>> GetAsync(string tenant, string batch, CancellationToken cancellationToken)
        => catalog.GetAsync(BatchPrediction.Kind, tenant, batch, cancellationToken);

    public Task<DocumentPage<BatchPrediction>> ListAsync(
        string tenant, BatchStatus? status, int limit, string? continuation, CancellationToken cancellationToken)
        => catalog.ListAsync(
            BatchPrediction.Kind,
            tenant,
            new DocumentQuery
            {
                Limit = limit,
                Continuation = continuation,
                Where = header => header.Metadata.GetValueOrDefault(BatchPrediction.StatusKey) is var text
                    && (status is null ? text != BatchPrediction.RemovedText : text == BatchPrediction.StatusText(status.Value)),
            },
            cancellationToken);

    /// <summary>Makes a batch of rows.</summary>
    /// <param name="tenant">Whose it is.</param>
    /// <param name="batch">What it is made of.</param>
    /// <param name="rows">Each an object or an array, as in a prediction.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="ProblemException">It is not acceptable; a field is named.</exception>
    public async Task<BatchPrediction> CreateAsync(string tenant, NewBatch batch, IReadOnlyList<JsonElement> rows, CancellationToken cancellationToken)
    {
        if (rows.Count == 0)
        {
            throw new ProblemException(Problem.InvalidValue, "'rows' is empty. Send at least one row.") { Field = "rows" };
        }

        var settled = await SettleAsync(tenant, batch, cancellationToken);
        using var content = new MemoryStream();
        foreach (var row in rows)
        {
            // One line each, however the caller wrote them.
            using (var writer = new Utf8JsonWriter(content))
            {
                row.WriteTo(writer);
            }

            content.WriteByte((byte)'\n');
        }

        content.Position = 0;
        await WriteInputAsync(InputOf(tenant, settled), content, cancellationToken);
        return await EnqueueAsync(tenant, settled, cancellationToken);
    }

    /// <summary>Makes a batch of a file, which is read once and not held in memory.</summary>
    /// <inheritdoc cref="CreateAsync(string, NewBatch, IReadOnlyList{JsonElement}, CancellationToken)"/>
    public async Task<BatchPrediction> CreateAsync(string tenant, NewBatch batch, Stream file, CancellationToken cancellationToken)
    {
        var settled = await SettleAsync(tenant, batch, cancellationToken);
        var path = InputOf(tenant, settled);
        if (await WriteInputAsync(path, file, cancellationToken) == 0)
        {
            await store.DeleteAsync(path, ifMatch: null, cancellationToken);
            throw new ProblemException(Problem.UnusableData, "The body is empty; send the file's bytes as the body, for instance with 'curl --data-binary @file.csv'.");
        }

        return await EnqueueAsync(tenant, settled, cancellationToken);
    }

    /// <summary>Makes a batch of a data set's version.</summary>
    /// <inheritdoc cref="CreateAsync(string, NewBatch, IReadOnlyList{JsonElement}, CancellationToken)"/>
    public async Task<BatchPrediction> CreateAsync(string tenant, NewBatch batch, CancellationToken cancellationToken)
    {
        var (dataset, version) = (batch.Input.Dataset!, batch.Input.Version);
        version ??= (await datasets.GetAsync(tenant, dataset, cancellationToken)).Value.Version
            ?? throw new ProblemException(Problem.Conflict, $"The data set '{dataset}' has no version yet; its first run has not prepared it.");
        await datasets.GetVersionAsync(tenant, dataset, version.Value, cancellationToken);
        var settled = await SettleAsync(tenant, batch with { Input = batch.Input with { Version = version } }, cancellationToken);
        return await EnqueueAsync(tenant, settled, cancellationToken);
    }

    /// <summary>Whether a path below the drop zone is <c>{tenant}/{endpoint}/predictions/{file}</c>, which asks for a batch and trains nothing.</summary>
    public static bool IsDrop(string path) => path.Split('/') is [var tenant, var endpoint, DropFolder, var file]
        && Names.IsName(tenant) && Names.IsName(endpoint) && Names.IsFileName(file);

    /// <summary>Makes a batch of a dropped file, with results in the format of the file. Safe to repeat: one version of a file is one batch, until it is cleared away with that and dropped again.</summary>
    /// <param name="path">One that <see cref="IsDrop"/> knows.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <returns>Null where the file is gone, or about to go with its batch, which was deleted.</returns>
    /// <exception cref="ProblemException">There is no such endpoint.</exception>
    public async Task<BatchPrediction?> AcceptDropAsync(string path, CancellationToken cancellationToken)
    {
        var parts = path.Split('/');
        var (tenant, endpoint, file) = (parts[0], parts[1], parts[3]);
        var content = await store.OpenReadAsync(new ObjectPath(Containers.Incoming, path), range: null, cancellationToken);
        if (content is null)
        {
            return null;
        }

        await using (content)
        {
            var (drop, etag) = (content.Properties.Path, content.Properties.ETag);
            var id = await LastOfDropAsync(tenant, DropId(drop, etag, generation: 0), cancellationToken);
            if (await catalog.FindAnyAsync(BatchPrediction.Kind, tenant, id, cancellationToken) is { Value.Status: not BatchStatus.Queued } begun)
            {
                if (!begun.Value.Removed)
                {
                    return begun.Value;
                }

                // What was opened may be the file that was cleared; one that is still there was dropped after that.
                if (!begun.Value.DropCleared || (await store.GetPropertiesAsync(drop, cancellationToken))?.ETag != etag)
                {
                    return null;
                }

                id = DropId(drop, etag, GenerationOf(id) + 1);
            }

            var format = Path.GetExtension(file).ToLowerInvariant() switch
            {
                ".csv" or ".tsv" => TableFormat.Csv,
                ".parquet" => TableFormat.Parquet,
                _ => TableFormat.Jsonl,
            };
            var batch = new NewBatch { Id = id, Endpoint = endpoint, Input = new BatchInput { Kind = BatchInputKind.File, File = file }, Format = format };
            return await CreateAsync(tenant, batch, content.Stream, cancellationToken);
        }
    }

    /// <summary>Stops a batch; what it has done by then is not kept.</summary>
    /// <exception cref="ProblemException">There is none, or it has ended otherwise.</exception>
    public async Task<BatchPrediction> CancelAsync(string tenant, string batch, CancellationToken cancellationToken)
    {
        var changed = await catalog.UpdateAsync(
            BatchPrediction.Kind,
            tenant,
            batch,
            current => current.HasEnded ? current : current with { Status = BatchStatus.Cancelled, Ended = time.GetUtcNow() },
            cancellationToken);
        if (changed.Value.Status is not BatchStatus.Cancelled)
        {
            throw new ProblemException(Problem.Conflict, $"The batch prediction '{batch}' has ended already: {BatchPrediction.StatusText(changed.Value.Status)}.");
        }

        await SendAsync(tenant, batch, cancellationToken);
        return changed.Value;
    }

    /// <summary>Deletes a batch that has ended, with its rows, its results, and the dropped file that it was made of.</summary>
    /// <exception cref="ProblemException">There is none, a condition does not hold, or it has not ended.</exception>
    public async Task DeleteAsync(string tenant, string batch, WriteConditions conditions, CancellationToken cancellationToken)
    {
        RequireEnded((await GetAsync(tenant, batch, cancellationToken)).Value);
        await catalog.DemandAsync(BatchPrediction.Kind, tenant, batch, conditions, cancellationToken);

        // From one write to the next all of it is gone for everyone; what is left of it is cleared away after that, now or by housekeeping.
        await housekeeping.MarkAsync(tenant, batch, cancellationToken);
        await catalog.PutAsync(
            BatchPrediction.Kind, tenant, batch, current => RequireEnded(current!).AsRemoved(), conditions with { MustExist = conditions.IfMatch is null }, cancellationToken);
        await housekeeping.CleanAsync(tenant, batch, cancellationToken);
    }

    /// <summary>Opens the predictions of a batch that succeeded.</summary>
    /// <exception cref="ProblemException">There is none, or it has not succeeded.</exception>
    public async Task<(BatchPrediction Batch, ObjectContent Content)> OpenResultsAsync(string tenant, string batch, CancellationToken cancellationToken)
    {
        var found = (await GetAsync(tenant, batch, cancellationToken)).Value;
        return (found, await OpenAsync(tenant, found, BatchPrediction.ResultsFile(found.Format), cancellationToken));
    }

    /// <summary>Opens the rows of a batch that have no prediction, with the reasons: JSON Lines <c>{"row","reason"}</c>, or <c>{"line","reason"}</c> where a file's line was no row.</summary>
    /// <inheritdoc cref="OpenResultsAsync"/>
    public async Task<ObjectContent> OpenErrorsAsync(string tenant, string batch, CancellationToken cancellationToken)
        => await OpenAsync(tenant, (await GetAsync(tenant, batch, cancellationToken)).Value, BatchPrediction.ErrorsFile, cancellationToken);

    internal static ObjectPath InputOf(string tenant, BatchPrediction batch)
        => BatchPrediction.FileOf(tenant, batch.Id, $"{InputFolder}/{batch.Input.File ?? RowsFile}");

    /// <summary>Whether a batch was made of this version of a dropped file.</summary>
    internal static bool IsOfDrop(BatchPrediction batch, ObjectPath drop, string etag)
        => batch.Id == DropId(drop, etag, GenerationOf(batch.Id));

    /// <summary>The id of the batch that one version of a dropped file makes.</summary>
    /// <param name="drop">Where the file was dropped.</param>
    /// <param name="etag">Its version; a copy that keeps its time has that of the file it was made of.</param>
    /// <param name="generation">How often it was cleared away with its batch and dropped again.</param>
    private static string DropId(ObjectPath drop, string etag, int generation)
    {
        var id = DropPrefix + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{drop.Name}\n{etag}")))[..40];
        return generation == 0 ? id : string.Create(CultureInfo.InvariantCulture, $"{id}-{generation}");
    }

    private static int GenerationOf(string id) => id.Split('-') is [_, _, var generation] ? int.Parse(generation, CultureInfo.InvariantCulture) : 0;

    /// <returns>Where the file was dropped that a batch is made of, which may be another by now; null where none was.</returns>
    internal static ObjectPath? DropOf(string tenant, BatchPrediction batch)
        => batch.Id.StartsWith(DropPrefix, StringComparison.Ordinal)
            ? new ObjectPath(Containers.Incoming, $"{tenant}/{batch.Endpoint}/{DropFolder}/{batch.Input.File}")
            : null;

    // The documents of earlier generations go after a while, so it takes a look at all there are to know the last.
    private async Task<string> LastOfDropAsync(string tenant, string first, CancellationToken cancellationToken)
        => (await catalog.ListHeadersAsync(BatchPrediction.Kind, tenant, first, cancellationToken)).MaxBy(header => GenerationOf(header.Name))?.Name ?? first;

    private static BatchPrediction RequireEnded(BatchPrediction batch)
        => batch.HasEnded
            ? batch
            : throw new ProblemException(
                Problem.Conflict, $"The batch prediction '{batch.Id}' is {BatchPrediction.StatusText(batch.Status)}. Wait for its end, or cancel it with POST /api/v1/batch-predictions/{batch.Id}/cancel; then delete it.");

    /// <summary>Writes a batch's input once; a repetition finds what it has written.</summary>
    /// <returns>Its length.</returns>
    /// <exception cref="ProblemException">There is another under the batch's id.</exception>
    private async Task<long> WriteInputAsync(ObjectPath path, Stream input, CancellationToken cancellationToken)
    {
        using var hash = SHA256.Create();
        await using var hashed = new CryptoStream(input, hash, CryptoStreamMode.Read, leaveOpen: true);
        try
        {
            return (await store.WriteAsync(path, hashed, new WriteOptions { IfAbsent = true }, cancellationToken)).Length;
        }
        catch (PreconditionFailedException)
        {
            // How much of it the store has read by now is its own affair.
            await hashed.CopyToAsync(Stream.Null, cancellationToken);
        }

        var written = await store.OpenReadAsync(path, range: null, cancellationToken)
            ?? throw new ProblemException(Problem.Conflict, "The batch prediction's input was removed meanwhile. Send it again.");
        await using (written)
        {
            return (await SHA256.HashDataAsync(written.Stream, cancellationToken)).AsSpan().SequenceEqual(hash.Hash)
                ? written.Properties.Length
                : throw IdempotencyKeys.Reused();
        }
    }

    private async Task<ObjectContent> OpenAsync(string tenant, BatchPrediction batch, string file, CancellationToken cancellationToken)
        => batch.Status is not BatchStatus.Succeeded
            ? throw new ProblemException(
                Problem.Conflict, $"The batch prediction '{batch.Id}' has no results: it is {BatchPrediction.StatusText(batch.Status)}.{(batch.HasEnded ? "" : " Ask again once it has succeeded.")}")
            : await store.OpenReadAsync(BatchPrediction.FileOf(tenant, batch.Id, file), range: null, cancellationToken)
                ?? throw new ProblemException(Problem.NotFound, $"The files of the batch prediction '{batch.Id}' are no longer there.");

    private async Task<BatchPrediction> SettleAsync(string tenant, NewBatch batch, CancellationToken cancellationToken)
    {
        if (await catalog.FindAnyAsync(BatchPrediction.Kind, tenant, batch.Id, cancellationToken) is { Value.Removed: true })
        {
            throw new ProblemException(Problem.Conflict, "The batch prediction that this key made before was deleted. To make it again, send a new key.") { Field = IdempotencyKeys.Header };
        }

        if (batch.Webhook is { } url)
        {
            webhooks.Demand(url, "webhook.url");
        }

        var (model, version, unknown, nonFinite) = batch.Endpoint is { } endpoint
            ? await OfEndpointAsync(tenant, endpoint, cancellationToken)
            : (batch.Model!, batch.ModelVersion ?? await registry.DefaultVersionAsync(tenant, batch.Model!, cancellationToken), UnknownFeatures.Refuse, NonFinite.Refuse);
        await registry.GetVersionAsync(tenant, model, version, cancellationToken);
        return new BatchPrediction
        {
            Id = batch.Id,
            Status = BatchStatus.Queued,
            Endpoint = batch.Endpoint,
            Model = model,
            ModelVersion = version,
            UnknownFeatures = unknown,
            NonFinite = nonFinite,
            Columns = batch.Columns,
            Input = batch.Input,
            Format = batch.Format,
            Webhook = batch.Webhook is null ? null : new BatchWebhook { Url = batch.Webhook, Secret = Convert.ToBase64String(RandomNumberGenerator.GetBytes(SecretBytes)) },
            Created = time.GetUtcNow(),
        };
    }

    // One batch is answered by one version, so that its results can be compared with one another: the one with most of the traffic.
    private async Task<(string Model, int Version, UnknownFeatures Unknown, NonFinite NonFinite)> OfEndpointAsync(
        string tenant, string name, CancellationToken cancellationToken)
    {
        var endpoint = await endpoints.FindAsync(tenant, name, cancellationToken) ?? throw new ProblemException(Problem.NotFound, $"There is no endpoint '{name}'.");
        return (endpoint.Model, endpoint.Traffic.MaxBy(share => share.Percent)!.Version, endpoint.UnknownFeatures, endpoint.NonFinite);
    }

    private async Task<BatchPrediction> EnqueueAsync(string tenant, BatchPrediction batch, CancellationToken cancellationToken)
    {
        var late = BinaryData.FromObjectAsJson(new BatchReference(tenant, batch.Id, Late: true), JsonDefaults.Options);
        await messages.SendAsync(BatchQueues.Work, late, new SendOptions(batch.Id, LateAfter), cancellationToken);
        var made = await catalog.TryCreateAsync(BatchPrediction.Kind, tenant, batch.Id, batch, cancellationToken)
            ?? await catalog.GetAsync(BatchPrediction.Kind, tenant, batch.Id, cancellationToken);
        if (made.Value.Status is BatchStatus.Queued)
        {
            await SendAsync(tenant, batch.Id, cancellationToken);
        }

        return made.Value;
    }

    private Task SendAsync(string tenant, string batch, CancellationToken cancellationToken)
        => messages.SendAsync(
            BatchQueues.Work, BinaryData.FromObjectAsJson(new BatchReference(tenant, batch), JsonDefaults.Options), new SendOptions(batch), cancellationToken);
}
