using System.Text.Json;
using AIaaS.Data.Exchange;
using AIaaS.Formats;
using AIaaS.Platform.Predictions.Batches;
using AIaaS.Platform.Runs;

namespace AIaaS.Functions.Predictions;

/// <summary>Rows to predict in the background: name an endpoint or a model, and give rows or a data set.</summary>
public sealed record BatchPredictionRequest
{
    /// <summary>The endpoint that predicts, by the version with most of its traffic; or give `model`.</summary>
    public string? Endpoint { get; init; }

    /// <summary>The model that predicts; or give `endpoint`.</summary>
    public BatchModel? Model { get; init; }

    /// <summary>The rows, each an object by feature name or an array in feature order; or give `dataset`.</summary>
    public IReadOnlyList<JsonElement>? Rows { get; init; }

    /// <summary>The feature of each value where rows are arrays; the signature's order without it.</summary>
    public IReadOnlyList<string>? Columns { get; init; }

    /// <summary>The data set whose rows are predicted; or give `rows`.</summary>
    public string? Dataset { get; init; }

    /// <summary>The version of the data set; its newest without it.</summary>
    public int? Version { get; init; }

    /// <summary>How the results are written; JSON Lines without it.</summary>
    public TableFormat Format { get; init; }

    /// <summary>Who is told when the batch has ended.</summary>
    public WebhookRequest? Webhook { get; init; }
}

/// <summary>A model, and perhaps which version of it.</summary>
/// <param name="Name">The model.</param>
/// <param name="Version">Its champion without it, else its highest.</param>
public sealed record BatchModel(string Name, int? Version = null);

/// <param name="Url">Takes a POST; https, and on the public internet unless the host is a local one.</param>
public sealed record WebhookRequest(string Url);

/// <summary>A batch prediction as callers see it.</summary>
public sealed record BatchPredictionView
{
    public required string Id { get; init; }

    public required BatchStatus Status { get; init; }

    public string? Endpoint { get; init; }

    /// <summary>What predicts all rows.</summary>
    public required ModelReference Model { get; init; }

    public required BatchInput Input { get; init; }

    /// <summary>How the results are written.</summary>
    public required TableFormat Format { get; init; }

    /// <summary>Rows to predict; absent until they are counted.</summary>
    public long? Rows { get; init; }

    /// <summary>Rows that were worked on.</summary>
    public required long RowsDone { get; init; }

    /// <summary>Of those, the ones that have an error in place of a prediction.</summary>
    public required long RowsFailed { get; init; }

    public required double Percent { get; init; }

    public ErrorDetail? Error { get; init; }

    /// <summary>Who is told when the batch has ended.</summary>
    public WebhookView? Webhook { get; init; }

    /// <summary>Where the predictions are; absent until the batch has succeeded.</summary>
    public string? Results { get; init; }

    /// <summary>Where the rows without a prediction are, with the reasons; absent until the batch has succeeded.</summary>
    public string? Errors { get; init; }

    public required DateTimeOffset Created { get; init; }

    public DateTimeOffset? Started { get; init; }

    public DateTimeOffset? Ended { get; init; }

    internal static BatchPredictionView Of(BatchPrediction batch, bool tellSecret = false) => new()
    {
        Id = batch.Id,
        Status = batch.Status,
        Endpoint = batch.Endpoint,
        Model = new ModelReference(batch.Model, batch.ModelVersion),
        Input = batch.Input,
        Format = batch.Format,
        Rows = batch.Rows,
        RowsDone = batch.RowsDone,
        RowsFailed = batch.RowsFailed,
        Percent = batch switch
        {
            { Status: BatchStatus.Succeeded } => 100,
            { Rows: > 0 } => Math.Round(100.0 * batch.RowsDone / batch.Rows.Value, 1),
            _ => 0,
        },
        Error = batch.Error,
        Webhook = batch.Webhook is { } webhook
            ? new WebhookView(webhook.Url, webhook.Status, webhook.Attempts, webhook.Detail, tellSecret ? webhook.Secret : null)
            : null,
        Results = batch.Status is BatchStatus.Succeeded ? $"{LocationOf(batch)}/results" : null,
        Errors = batch.Status is BatchStatus.Succeeded ? $"{LocationOf(batch)}/errors" : null,
        Created = batch.Created,
        Started = batch.Started,
        Ended = batch.Ended,
    };

    internal static string LocationOf(BatchPrediction batch) => $"/api/v1/batch-predictions/{batch.Id}";
}

/// <summary>A webhook as callers see it.</summary>
/// <param name="Url">What is called.</param>
/// <param name="Status">Whether it was.</param>
/// <param name="Attempts">How often.</param>
/// <param name="Detail">What became of the last call, for people.</param>
/// <param name="Secret">The key of its signatures in base64, told to whoever made the batch and not again.</param>
public sealed record WebhookView(Uri Url, WebhookStatus Status, int Attempts, string? Detail, string? Secret);
