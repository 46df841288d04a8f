using System.Buffers;
using System.Globalization;
using System.Text.Json;
using AIaaS.Data;
using AIaaS.Data.Exchange;
using AIaaS.Data.Preparation;
using AIaaS.Formats;
using AIaaS.Platform.Datasets;
using AIaaS.Platform.Documents;
using AIaaS.Platform.Messaging;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Storage;
using AIaaS.Serving.Batching;
using AIaaS.Serving.Models;
using AIaaS.Serving.Predictions;
using Microsoft.Extensions.Logging;
using PreparedSource = AIaaS.Data.Preparation.DatasetSource;

namespace AIaaS.Platform.Predictions.Batches;

/// <summary>How a <see cref="BatchPredictionRunner"/> works.</summary>
public sealed record BatchOptions
{
    /// <summary>Rows that are predicted at once, and written as one object.</summary>
    public int ChunkRows { get; init; } = 1000;

    /// <summary>After how long another message takes the work on; short enough for any host's limit on one function.</summary>
    public TimeSpan TimePerMessage { get; init; } = TimeSpan.FromMinutes(3);

    /// <summary>How long the file of a batch waits for other preparations in this process before its message comes again.</summary>
    public TimeSpan TimeForTurn { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>How often work is begun that finishes no chunk before what it stumbles on is passed over.</summary>
    public int MaximumAttempts { get; init; } = 4;

    /// <summary>How often a chunk waits for a model that is busy.</summary>
    public int MaximumPauses { get; init; } = 6;

    /// <summary>On how many rows of a chunk the model may fail before it has predicted one of them, until the batch is given up.</summary>
    public int HopelessRows { get; init; } = 100;

    /// <summary>How often it may fail by something else than its rows, a store that is away for instance, before it is given up; fewer than a message is delivered.</summary>
    public int MaximumFailures { get; init; } = 8;
}

/// <summary>Works on batch predictions, chunk by chunk.</summary>
/// <remarks>
/// The rows of a batch lie in an order that does not change. A chunk's predictions and errors are objects that are written once;
/// so whoever takes a batch up again after a crash finds what is done and goes on behind it, and two who work at once do no harm.
/// They go once the batch has ended, which is written before: who finds one missing before that has it predicted again, and nobody takes it for empty.
/// A row that the model refuses or fails on does not concern the others of its chunk, nor a chunk that ends the process the others of its batch.
/// </remarks>
public sealed partial class BatchPredictionRunner(
    Catalog catalog,
    IObjectStore store,
    IMessageQueue messages,
    DatasetService datasets,
    ModelHost models,
    Predictor predictor,
    PreparationTurns turns,
    PlatformOptions platform,
    BatchOptions options,
    TimeProvider time,
    ILogger<BatchPredictionRunner> logger)
{
    private const string RowsFile = "rows.jsonl";
    private const string ChunksFolder = "chunks/";
    private const string UnreadableFile = $"{ChunksFolder}unreadable.jsonl";
    private const string ResultsSuffix = ".results.jsonl";
    private const string ErrorsSuffix = ".errors.jsonl";
    private const string RowsKey = "rows";
    private const string FailedKey = "failed";

    /// <summary>Works on a batch until it has ended or its time is over; then a message takes it on. Safe to repeat.</summary>
    public async Task RunAsync(BatchReference reference, CancellationToken cancellationToken)
    {
        var found = await catalog.FindAsync(BatchPrediction.Kind, reference.Tenant, reference.Batch, cancellationToken);
        if (found is null)
        {
            // Its maker died before there was one; whoever asked has had no answer.
            return;
        }

        if (reference.Late && found.Value.Status is not BatchStatus.Queued)
        {
            return;
        }

        var batch = await ChangeAsync(
            reference,
            current => current.HasEnded ? current : current with
            {
                Status = BatchStatus.Running,
                Started = current.Started ?? time.GetUtcNow(),
                Attempts = current.Attempts + 1,
            },
            cancellationToken);
        if (!batch.HasEnded)
        {
            try
            {
                if (batch.Attempts > options.MaximumAttempts && batch.Rows is null)
                {
                    throw new ProblemException(Problem.UnusableData, "Its rows could not be read, however often it was tried.");
                }

                batch = await WorkAsync(reference, batch, cancellationToken);
            }
            catch (Exception failure) when (Explain(failure) is { } detail)
            {
                LogFailed(failure, reference.Tenant, reference.Batch);
                batch = await EndAsync(reference, BatchStatus.Failed, new ErrorDetail("The batch could not be predicted", detail), cancellationToken);
            }
            catch (Exception failure)
            {
                // This process lives, so it was no row that ended it; and a host that stops is nobody's failure.
                var stopping = cancellationToken.IsCancellationRequested;
                batch = await ChangeAsync(
                    reference,
                    current => current.HasEnded ? current : current with { Attempts = current.Attempts - 1, Failures = current.Failures + (stopping ? 0 : 1) },
                    CancellationToken.None);
                if (stopping || (!batch.HasEnded && batch.Failures < options.MaximumFailures))
                {
                    throw;
                }

                // Where another has ended the batch meanwhile, what was still to be read for it is rightly gone.
                if (!batch.HasEnded)
                {
                    LogFailed(failure, reference.Tenant, reference.Batch);
                    var lost = new ErrorDetail("The batch could not be predicted", "It failed again and again, and not by your fault. Make it again later; if it stays so, tell whoever runs the host.");
                    batch = await EndAsync(reference, BatchStatus.Failed, lost, cancellationToken);
                }
            }
        }

        if (!batch.HasEnded)
        {
            await SendAsync(BatchQueues.Work, reference, cancellationToken);
            return;
        }

        if (batch.Webhook is { Status: WebhookStatus.Pending })
        {
            await SendAsync(BatchQueues.Webhooks, reference, cancellationToken);
        }

        await store.DeleteAllAsync(BatchPrediction.FileOf(reference.Tenant, reference.Batch, ChunksFolder), cancellationToken);
    }

    private Task SendAsync(string queue, BatchReference reference, CancellationToken cancellationToken)
        => messages.SendAsync(
            queue, BinaryData.FromObjectAsJson(reference with { Late = false }, JsonDefaults.Options), new SendOptions(reference.Batch), cancellationToken);

    /// <returns>The batch as it then is; not ended where its time was over.</returns>
    private async Task<BatchPrediction> WorkAsync(BatchReference reference, BatchPrediction batch, CancellationToken cancellationToken)
    {
        using var folder = platform.NewWorkFolder();
        using var lease = await models.AcquireAsync(reference.Tenant, batch.Model, batch.ModelVersion, cancellationToken);
        var rows = Path.Combine(folder.Path, RowsFile);
        if (await StageAsync(reference, batch, lease.Signature, folder.Path, rows, cancellationToken) is not { } unreadable)
        {
            return await ChangeAsync(reference, current => current.HasEnded ? current : current with { Attempts = current.Attempts - 1 }, cancellationToken);
        }

        var total = CountLines(rows);
        var chunks = await ListChunksAsync(reference, cancellationToken);
        var (done, failed) = (unreadable + chunks.Values.Sum(chunk => chunk.Rows), unreadable + chunks.Values.Sum(chunk => chunk.Failed));
        batch = await ChangeAsync(
            reference, current => current.HasEnded ? current : current with { Rows = total + unreadable, RowsDone = done, RowsFailed = failed }, cancellationToken);

        var poison = batch.Attempts > options.MaximumAttempts;
        // Counted from here, and each message finishes a chunk at least, however long the rows took to lay out.
        var begun = time.GetTimestamp();
        var worked = false;
        using var reader = new StreamReader(rows);
        for (var chunk = 0; (long)chunk * options.ChunkRows < total && !batch.HasEnded; chunk++)
        {
            var lines = ReadLines(reader, options.ChunkRows);
            if (chunks.ContainsKey(chunk))
            {
                continue;
            }

            if (worked && time.GetElapsedTime(begun) > options.TimePerMessage)
            {
                return batch;
            }

            worked = true;

            var outcome = poison
                ? PassOver(lines)
                : await PredictAsync(lease, batch, lines, cancellationToken);
            poison = false;
            await WriteChunkAsync(reference, chunk, outcome, (long)chunk * options.ChunkRows, cancellationToken);
            done += lines.Count;
            failed += outcome.Count(row => row.Error is not null);
            var (nowDone, nowFailed) = (done, failed);
            batch = await ChangeAsync(
                reference, current => current.HasEnded ? current : current with { RowsDone = nowDone, RowsFailed = nowFailed, Attempts = 0, Failures = 0 }, cancellationToken);
        }

        return batch.HasEnded ? batch : await CompleteAsync(reference, batch, unreadable, folder.Path, cancellationToken);
    }

    /// <summary>Lays the rows of a batch out as JSON Lines, always the same way.</summary>
    /// <returns>How many rows of a file could not be read; they have no place among the others. Null where those before it take long, or it has ended meanwhile.</returns>
    private async Task<long?> StageAsync(
        BatchReference reference, BatchPrediction batch, ModelSignature signature, string folder, string rows, CancellationToken cancellationToken)
    {
        if (batch.Input.Kind is BatchInputKind.Dataset)
        {
            var data = Path.Combine(folder, PreparedDataset.DataFileName);
            await DownloadAsync(
                DatasetVersion.FileOf(reference.Tenant, batch.Input.Dataset!, batch.Input.Version!.Value, PreparedDataset.DataFileName), data, cancellationToken);
            var version = (await datasets.GetVersionAsync(reference.Tenant, batch.Input.Dataset!, batch.Input.Version!.Value, cancellationToken)).Value;
            RowExchange.WriteFeatures(data, new DataSchema { Columns = version.Columns }, signature.Inputs, rows, cancellationToken);
            return 0;
        }

        var input = BatchPredictionService.InputOf(reference.Tenant, batch);
        var local = Path.Combine(folder, "input");
        var mayBeLines = batch.Input.Kind is BatchInputKind.Rows || IsNamedAsLines(batch.Input.File!);
        if (!mayBeLines && await store.GetPropertiesAsync(input, cancellationToken) is { } stored)
        {
            RequireReadable(batch, stored.Length);
        }

        await DownloadAsync(input, local, cancellationToken);
        if (mayBeLines && (batch.Input.Kind is BatchInputKind.Rows || !IsCompressed(local)))
        {
            // As they are: a line that is no row is told of as the row that it would have been.
            CopyLines(local, rows);
            return 0;
        }

        RequireReadable(batch, new FileInfo(local).Length);

        var prepared = Path.Combine(folder, "prepared");
        using (var turn = await turns.EnterAsync(options.TimeForTurn, cancellationToken))
        {
            if (turn is null || (await ChangeAsync(reference, current => current, cancellationToken)).HasEnded)
            {
                return null;
            }

            var result = Prepare(batch, local, folder, prepared, cancellationToken);
            RowExchange.WriteFeatures(Path.Combine(prepared, PreparedDataset.DataFileName), result.Schema, signature.Inputs, rows, cancellationToken);
        }

        return await WriteUnreadableAsync(reference, Path.Combine(prepared, QuarantinedRow.FileName), cancellationToken);
    }

    private PreparationResult Prepare(BatchPrediction batch, string local, string folder, string prepared, CancellationToken cancellationToken)
    {
        var kept = new PrepareParameters { Clean = new CleaningPlan { Duplicates = new DuplicatePlan { Action = DuplicateHandling.Keep } } };
        var preparation = new DatasetPreparation(new PreparationOptions
        {
            TempFolder = folder,
            MemoryLimit = platform.PrepareMemoryBytes,
            MaximumUnpackedBytes = platform.PrepareInFunctionMaxBytes,
        });
        try
        {
            return preparation.Prepare([new PreparedSource(local, batch.Input.File)], kept, prepared, cancellationToken: cancellationToken);
        }
        catch (SourcesTooLargeException)
        {
            throw TooLarge(batch, string.Create(CultureInfo.InvariantCulture, $"has more than {platform.PrepareInFunctionMaxBytes} bytes when it is unpacked"));
        }
        catch (DatasetException exception) when (exception.Reason == DatasetReasons.NoRoom)
        {
            throw TooLarge(batch, "has more columns or rows than there is memory for");
        }
    }

    private void RequireReadable(BatchPrediction batch, long length)
    {
        if (length > platform.PrepareInFunctionMaxBytes)
        {
            throw TooLarge(batch, string.Create(CultureInfo.InvariantCulture, $"has {length} bytes, and at most {platform.PrepareInFunctionMaxBytes} are read of a file like this"));
        }
    }

    private static ProblemException TooLarge(BatchPrediction batch, string why)
        => new(Problem.UnusableData, $"The file '{batch.Input.File}' {why}. Send it in smaller parts, or as JSON Lines (.jsonl), which may be of any size.");

    private async Task<List<RowOutcome>> PredictAsync(ModelLease lease, BatchPrediction batch, List<string> lines, CancellationToken cancellationToken)
    {
        var outcomes = new RowOutcome[lines.Count];
        var sound = new List<int>(lines.Count);
        for (var i = 0; i < lines.Count; i++)
        {
            if (WhyNoRow(lines[i]) is { } reason)
            {
                outcomes[i] = new RowOutcome(null, reason);
            }
            else
            {
                sound.Add(i);
            }
        }

        await PredictAsync(lease, batch, lines, sound, outcomes, new ChunkState(options.MaximumPauses), cancellationToken);
        return [.. outcomes];
    }

    /// <summary>Predicts rows together; where that fails, each half by itself, down to the rows at fault.</summary>
    private async Task PredictAsync(
        ModelLease lease, BatchPrediction batch, List<string> lines, List<int> rows, RowOutcome[] outcomes, ChunkState state, CancellationToken cancellationToken)
    {
        if (rows.Count == 0)
        {
            return;
        }

        string failure;
        try
        {
            await AnswerAsync(lease, batch, lines, rows, outcomes, state, cancellationToken);
            state.Predicted = true;
            return;
        }
        catch (PredictionRequestException refusal)
        {
            failure = rows.Count == 1 && refusal.Row is not null ? WithoutRow(refusal.Message) : refusal.Message;
        }
        catch (PredictionFailedException)
        {
            failure = "The model failed on this row.";
            state.Failed += rows.Count == 1 ? 1 : 0;
            if (!state.Predicted && state.Failed >= options.HopelessRows)
            {
                throw new ProblemException(
                    Problem.UnusableData, $"The model failed on each of {options.HopelessRows} rows in turn, so that it was not tried on more. Try one of them as a prediction, and check that they are what the model was made for.");
            }
        }

        if (rows.Count == 1)
        {
            outcomes[rows[0]] = new RowOutcome(null, failure);
            return;
        }

        var half = rows.Count / 2;
        await PredictAsync(lease, batch, lines, rows[..half], outcomes, state, cancellationToken);
        await PredictAsync(lease, batch, lines, rows[half..], outcomes, state, cancellationToken);
    }

    /// <summary>Predicts rows together, once others leave it room: requests come before batches.</summary>
    private async Task AnswerAsync(
        ModelLease lease, BatchPrediction batch, List<string> lines, List<int> rows, RowOutcome[] outcomes, ChunkState state, CancellationToken cancellationToken)
    {
        while (true)
        {
            TimeSpan pause;
            try
            {
                var answer = new ArrayBufferWriter<byte>();
                var policy = batch.Input.Kind is BatchInputKind.Rows ? batch.UnknownFeatures.ToPolicy() : UnknownFeaturePolicy.Ignore;
                var context = new PredictionContext(batch.Id, batch.Model, batch.ModelVersion, policy, BypassCircuit: true)
                {
                    NonFinite = batch.NonFinite.ToPolicy(),
                };
                await predictor.PredictAsync(lease, BodyOf(batch.Columns, lines, rows), answer, context, cancellationToken);
                ReadPredictions(answer.WrittenSpan, rows, outcomes);
                return;
            }
            catch (PredictionOverloadException overload) when (state.TryWait())
            {
                pause = overload.RetryAfter;
            }

            await Task.Delay(pause, time, cancellationToken);
        }
    }

    private static List<RowOutcome> PassOver(List<string> lines)
        => [.. lines.Select(_ => new RowOutcome(null, "The host ended again and again while it predicted this row and those beside it; they were passed over."))];

    private static ReadOnlySequence<byte> BodyOf(IReadOnlyList<string>? columns, List<string> lines, List<int> rows)
    {
        var body = new ArrayBufferWriter<byte>();
        body.Write("{"u8);
        if (columns is not null)
        {
            body.Write("\"columns\":"u8);
            body.Write(JsonSerializer.SerializeToUtf8Bytes(columns));
            body.Write(","u8);
        }

        body.Write("\"rows\":["u8);
        for (var i = 0; i < rows.Count; i++)
        {
            if (i > 0)
            {
                body.Write(","u8);
            }

            body.Write(System.Text.Encoding.UTF8.GetBytes(lines[rows[i]]));
        }

        body.Write("]}"u8);
        return new ReadOnlySequence<byte>(body.WrittenMemory);
    }

    private static void ReadPredictions(ReadOnlySpan<byte> answer, List<int> rows, RowOutcome[] outcomes)
    {
        using var document = JsonDocument.Parse(answer.ToArray());
        var i = 0;
        foreach (var prediction in document.RootElement.GetProperty("predictions").EnumerateArray())
        {
            outcomes[rows[i++]] = new RowOutcome(prediction.Clone(), null);
        }
    }

    /// <returns>Null where the line is an object or an array; what a row holds is for the predictor to judge.</returns>
    private static string? WhyNoRow(string line)
    {
        try
        {
            using var document = JsonDocument.Parse(line);
            return document.RootElement.ValueKind is JsonValueKind.Object or JsonValueKind.Array ? null : "A row is an object by feature name, or an array in feature order.";
        }
        catch (JsonException)
        {
            return "The line is not valid JSON.";
        }
    }

    // The row's number in the request is ours and not the caller's.
    private static string WithoutRow(string message)
        => message.StartsWith("rows[", StringComparison.Ordinal) && message.IndexOf("], ", StringComparison.Ordinal) is var end and > 0 ? message[(end + 3)..] : message;

    private async Task WriteChunkAsync(BatchReference reference, int chunk, List<RowOutcome> outcomes, long first, CancellationToken cancellationToken)
    {
        using var results = new MemoryStream();
        using var errors = new MemoryStream();
        for (var i = 0; i < outcomes.Count; i++)
        {
            var (target, outcome) = (outcomes[i].Error is null ? results : errors, outcomes[i]);
            using (var writer = new Utf8JsonWriter(target, new JsonWriterOptions { Encoder = JsonDefaults.Options.Encoder }))
            {
                writer.WriteStartObject();
                writer.WriteNumber("row", first + i);
                if (outcome.Error is { } reason)
                {
                    writer.WriteString("reason", reason);
                }
                else
                {
                    foreach (var member in outcome.Prediction!.Value.EnumerateObject())
                    {
                        member.WriteTo(writer);
                    }
                }

                writer.WriteEndObject();
            }

            target.WriteByte((byte)'\n');
        }

        // The errors first: a chunk is done once its results are there.
        (results.Position, errors.Position) = (0, 0);
        await WriteOnceAsync(ChunkOf(reference, chunk, ErrorsSuffix), errors, metadata: null, cancellationToken);
        var counts = new Dictionary<string, string>
        {
            [RowsKey] = outcomes.Count.ToString(CultureInfo.InvariantCulture),
            [FailedKey] = outcomes.Count(outcome => outcome.Error is not null).ToString(CultureInfo.InvariantCulture),
        };
        await WriteOnceAsync(ChunkOf(reference, chunk, ResultsSuffix), results, counts, cancellationToken);
    }

    private async Task<long> WriteUnreadableAsync(BatchReference reference, string quarantine, CancellationToken cancellationToken)
    {
        using var lines = new MemoryStream();
        long count = 0;
        await foreach (var text in File.ReadLinesAsync(quarantine, cancellationToken))
        {
            var row = JsonSerializer.Deserialize<QuarantinedRow>(text, JsonDefaults.Options)!;
            using (var writer = new Utf8JsonWriter(lines, new JsonWriterOptions { Encoder = JsonDefaults.Options.Encoder }))
            {
                JsonSerializer.Serialize(writer, new UnreadableRow(row.Line, row.Column is null ? row.Reason : $"{row.Column}: {row.Reason}", row.Raw), JsonDefaults.Options);
            }

            lines.WriteByte((byte)'\n');
            count++;
        }

        lines.Position = 0;
        await WriteOnceAsync(BatchPrediction.FileOf(reference.Tenant, reference.Batch, UnreadableFile), lines, metadata: null, cancellationToken);
        return count;
    }

    private async Task WriteOnceAsync(ObjectPath path, Stream content, IReadOnlyDictionary<string, string>? metadata, CancellationToken cancellationToken)
    {
        try
        {
            await store.WriteAsync(path, content, new WriteOptions { IfAbsent = true, Metadata = metadata }, cancellationToken);
        }
        catch (PreconditionFailedException)
        {
            // Written before a crash, or by another at work on the same rows; it says the same.
        }
    }

    private async Task<Dictionary<int, (long Rows, long Failed)>> ListChunksAsync(BatchReference reference, CancellationToken cancellationToken)
    {
        var chunks = new Dictionary<int, (long, long)>();
        var folder = BatchPrediction.FileOf(reference.Tenant, reference.Batch, ChunksFolder);
        await foreach (var item in store.ListAllAsync(folder, cancellationToken))
        {
            if (item.Path.Name.EndsWith(ResultsSuffix, StringComparison.Ordinal))
            {
                var number = int.Parse(item.Path.Name.AsSpan(folder.Name.Length, item.Path.Name.Length - folder.Name.Length - ResultsSuffix.Length), CultureInfo.InvariantCulture);
                chunks[number] = (long.Parse(item.Metadata[RowsKey], CultureInfo.InvariantCulture), long.Parse(item.Metadata[FailedKey], CultureInfo.InvariantCulture));
            }
        }

        return chunks;
    }

    private async Task<BatchPrediction> CompleteAsync(BatchReference reference, BatchPrediction batch, long unreadable, string folder, CancellationToken cancellationToken)
    {
        var chunks = (int)((CountLines(Path.Combine(folder, RowsFile)) + options.ChunkRows - 1) / options.ChunkRows);
        var errors = Path.Combine(folder, BatchPrediction.ErrorsFile);
        await using (var file = File.Create(errors))
        {
            if (unreadable > 0)
            {
                await AppendAsync(BatchPrediction.FileOf(reference.Tenant, reference.Batch, UnreadableFile), file, cancellationToken);
            }

            for (var chunk = 0; chunk < chunks; chunk++)
            {
                await AppendAsync(ChunkOf(reference, chunk, ErrorsSuffix), file, cancellationToken);
            }
        }

        var lines = Path.Combine(folder, BatchPrediction.ResultsFile(TableFormat.Jsonl));
        await using (var file = File.Create(lines))
        {
            for (var chunk = 0; chunk < chunks; chunk++)
            {
                await AppendAsync(ChunkOf(reference, chunk, ResultsSuffix), file, cancellationToken);
            }
        }

        var results = Path.Combine(folder, BatchPrediction.ResultsFile(batch.Format));
        if (batch.Format is not TableFormat.Jsonl)
        {
            var flat = Path.Combine(folder, "flat.jsonl");
            RowExchange.WriteTable(flat, await FlatPredictions.WriteAsync(lines, flat, cancellationToken), batch.Format, results, cancellationToken);
        }

        await UploadAsync(errors, BatchPrediction.FileOf(reference.Tenant, reference.Batch, BatchPrediction.ErrorsFile), cancellationToken);
        await UploadAsync(results, BatchPrediction.FileOf(reference.Tenant, reference.Batch, BatchPrediction.ResultsFile(batch.Format)), cancellationToken);
        return await EndAsync(reference, BatchStatus.Succeeded, error: null, cancellationToken);
    }

    private async Task<BatchPrediction> EndAsync(BatchReference reference, BatchStatus status, ErrorDetail? error, CancellationToken cancellationToken)
    {
        var ended = await ChangeAsync(
            reference, current => current.HasEnded ? current : current with { Status = status, Error = error, Ended = time.GetUtcNow(), Attempts = 0 }, cancellationToken);
        LogEnded(reference.Tenant, reference.Batch, ended.Status, ended.RowsDone, ended.RowsFailed);
        return ended;
    }

    // Deleted meanwhile, it has ended: that is what whoever is at work on it must know.
    private async Task<BatchPrediction> ChangeAsync(BatchReference reference, Func<BatchPrediction, BatchPrediction> change, CancellationToken cancellationToken)
        => (await catalog.UpdateAnyAsync(BatchPrediction.Kind, reference.Tenant, reference.Batch, change, cancellationToken)).Value;

    /// <returns>What to tell of a failure that a repetition does not mend; null for others.</returns>
    private static string? Explain(Exception failure) => failure switch
    {
        ProblemException { Problem.Status: < 500 } refusal => refusal.Message,
        DatasetException data => data.Message,
        _ => null,
    };

    private static ObjectPath ChunkOf(BatchReference reference, int chunk, string suffix)
        => BatchPrediction.FileOf(reference.Tenant, reference.Batch, string.Create(CultureInfo.InvariantCulture, $"{ChunksFolder}{chunk:D8}{suffix}"));

    private static bool IsNamedAsLines(string name) => Path.GetExtension(name).ToLowerInvariant() is ".jsonl" or ".ndjson";

    private static bool IsCompressed(string path)
    {
        using var file = File.OpenRead(path);
        return file.ReadByte() is 0x1F or 0x28;
    }

    private static void CopyLines(string from, string to)
    {
        using var writer = new StreamWriter(to) { NewLine = "\n" };
        foreach (var line in File.ReadLines(from).Where(line => !string.IsNullOrWhiteSpace(line)))
        {
            writer.WriteLine(line);
        }
    }

    private static long CountLines(string path) => File.ReadLines(path).LongCount();

    private static List<string> ReadLines(StreamReader reader, int count)
    {
        var lines = new List<string>(count);
        while (lines.Count < count && reader.ReadLine() is { } line)
        {
            lines.Add(line);
        }

        return lines;
    }

    private async Task DownloadAsync(ObjectPath path, string file, CancellationToken cancellationToken)
    {
        await using var content = await store.OpenReadAsync(path, range: null, cancellationToken)
            ?? throw new ProblemException(Problem.NotFound, "The rows are no longer there.");
        await using var local = File.Create(file);
        await content.Stream.CopyToAsync(local, cancellationToken);
    }

    private async Task AppendAsync(ObjectPath path, Stream to, CancellationToken cancellationToken)
    {
        await using var content = await store.OpenReadAsync(path, range: null, cancellationToken) ?? throw new InvalidDataException($"'{path}' is missing.");
        await content.Stream.CopyToAsync(to, cancellationToken);
    }

    private async Task UploadAsync(string file, ObjectPath path, CancellationToken cancellationToken)
    {
        await using var content = File.OpenRead(file);
        await store.WriteAsync(path, content, options: null, cancellationToken);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "The batch prediction {Tenant}/{Batch} ended as {Status} after {Rows} rows, {Failed} of them failed.")]
    private partial void LogEnded(string tenant, string batch, BatchStatus status, long rows, long failed);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The batch prediction {Tenant}/{Batch} could not be made.")]
    private partial void LogFailed(Exception failure, string tenant, string batch);

    /// <summary>How the model does on one chunk, and how often that still waits for it.</summary>
    private sealed class ChunkState(int pauses)
    {
        private int _left = pauses;

        /// <summary>Whether it has predicted a row.</summary>
        public bool Predicted { get; set; }

        /// <summary>Rows that it failed on by themselves.</summary>
        public int Failed { get; set; }

        public bool TryWait() => _left-- > 0;
    }

    private readonly record struct RowOutcome(JsonElement? Prediction, string? Error);

    private sealed record UnreadableRow(long? Line, string Reason, string? Raw);
}
