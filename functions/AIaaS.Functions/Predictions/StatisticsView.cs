using System.Globalization;
using System.Text.Json.Serialization;
using AIaaS.Platform.Predictions;
using AIaaS.Serving.Inference;

namespace AIaaS.Functions.Predictions;

/// <summary>The answer of the statistics extension, in its own names.</summary>
/// <param name="Models">One for each version.</param>
internal sealed record StatisticsView([property: JsonPropertyName("model_stats")] IReadOnlyList<StatisticsView.Model> Models)
{
    public static StatisticsView Of(IReadOnlyList<ModelActivity> activities) => new([.. activities.Select(Model.Of)]);

    /// <param name="Name">The name that was asked for; of all models, the model's.</param>
    /// <param name="Version">The version.</param>
    /// <param name="LastInference">When it last ran, in milliseconds since 1970; 0 for never.</param>
    /// <param name="InferenceCount">Rows that were inferred, without those answered from the response cache.</param>
    /// <param name="ExecutionCount">Runs of the model; requests may share one, and a large one takes several.</param>
    /// <param name="InferenceStatistics">Times of its requests.</param>
    /// <param name="ResponseStatistics">Empty: a request has one response.</param>
    /// <param name="BatchStatistics">Times of its runs by their number of rows.</param>
    /// <param name="MemoryUsage">What it takes while it is loaded.</param>
    internal sealed record Model(
        string Name,
        string Version,
        [property: JsonPropertyName("last_inference")] long LastInference,
        [property: JsonPropertyName("inference_count")] long InferenceCount,
        [property: JsonPropertyName("execution_count")] long ExecutionCount,
        [property: JsonPropertyName("inference_stats")] Inferences InferenceStatistics,
        [property: JsonPropertyName("response_stats")] IReadOnlyDictionary<string, object> ResponseStatistics,
        [property: JsonPropertyName("batch_stats")] IReadOnlyList<Batch> BatchStatistics,
        [property: JsonPropertyName("memory_usage")] IReadOnlyList<Memory> MemoryUsage)
    {
        public static Model Of(ModelActivity activity)
        {
            var statistics = activity.Statistics;
            return new Model(
                activity.Name,
                activity.Version.ToString(CultureInfo.InvariantCulture),
                statistics.Success.Count + statistics.Failure.Count == 0 ? 0 : statistics.LastInference.ToUnixTimeMilliseconds(),
                statistics.Inferences,
                statistics.Executions,
                Inferences.Of(statistics),
                // One response per request: what would be told of each is told above.
                new Dictionary<string, object>(),
                [.. statistics.Batches.Select(batch => new Batch(batch.Size, Duration.Of(batch.Input), Duration.Of(batch.Run), Duration.Of(batch.Output)))],
                activity.LoadedBytes is { } bytes ? [new Memory("CPU", 0, bytes)] : []);
        }
    }

    /// <param name="Success">Requests that were answered.</param>
    /// <param name="Fail">Requests that were not.</param>
    /// <param name="Queue">Waiting for the model.</param>
    /// <param name="Input">Reading of requests.</param>
    /// <param name="Run">Running the model, for each request with the rows of others where they shared a run.</param>
    /// <param name="Output">Writing of answers.</param>
    /// <param name="CacheHit">Answers from the response cache.</param>
    /// <param name="CacheMiss">Requests that the response cache lacked an answer to.</param>
    internal sealed record Inferences(
        Duration Success,
        Duration Fail,
        Duration Queue,
        [property: JsonPropertyName("compute_input")] Duration Input,
        [property: JsonPropertyName("compute_infer")] Duration Run,
        [property: JsonPropertyName("compute_output")] Duration Output,
        [property: JsonPropertyName("cache_hit")] Duration CacheHit,
        [property: JsonPropertyName("cache_miss")] Duration CacheMiss)
    {
        public static Inferences Of(ModelStatistics statistics) => new(
            Duration.Of(statistics.Success),
            Duration.Of(statistics.Failure),
            Duration.Of(statistics.Queue),
            Duration.Of(statistics.Input),
            Duration.Of(statistics.Run),
            Duration.Of(statistics.Output),
            Duration.Of(statistics.CacheHit),
            Duration.Of(statistics.CacheMiss));
    }

    /// <param name="Size">Rows of a run.</param>
    /// <param name="Input">Reading of the requests in them.</param>
    /// <param name="Run">Runs of the model.</param>
    /// <param name="Output">Writing of the answers to those requests.</param>
    internal sealed record Batch(
        [property: JsonPropertyName("batch_size")] int Size,
        [property: JsonPropertyName("compute_input")] Duration Input,
        [property: JsonPropertyName("compute_infer")] Duration Run,
        [property: JsonPropertyName("compute_output")] Duration Output);

    /// <param name="Type">Where: <c>CPU</c>.</param>
    /// <param name="Id">Which one of them.</param>
    /// <param name="Bytes">How much, in bytes.</param>
    internal sealed record Memory(string Type, long Id, [property: JsonPropertyName("byte_size")] long Bytes);

    /// <param name="Count">How often.</param>
    /// <param name="Nanoseconds">How long in all, in nanoseconds.</param>
    internal readonly record struct Duration(long Count, [property: JsonPropertyName("ns")] long Nanoseconds)
    {
        public static Duration Of(DurationStatistic statistic) => new(statistic.Count, statistic.Nanoseconds);
    }
}
