using System.Diagnostics;
using System.Diagnostics.Metrics;
using AIaaS.Serving.Inference;
using AIaaS.Serving.Models;
using AIaaS.Serving.Predictions;

namespace AIaaS.Serving.Telemetry;

/// <summary>What serving measures of itself, in the meter and activity source <see cref="Name"/>; listed in <c>docs/serving.md</c>.</summary>
public sealed class ServingMetrics : IDisposable
{
    public const string Name = "AIaaS.Serving";

    private static readonly InstrumentAdvice<double> Durations = new()
    {
        HistogramBucketBoundaries = [0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    };

    private static readonly InstrumentAdvice<int> Counts = new()
    {
        HistogramBucketBoundaries = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 4096, 16384],
    };

    private static readonly KeyValuePair<string, object?> Parse = new("stage", "parse");
    private static readonly KeyValuePair<string, object?> Queue = new("stage", "queue");
    private static readonly KeyValuePair<string, object?> Run = new("stage", "run");
    private static readonly KeyValuePair<string, object?> Write = new("stage", "write");

    private readonly ActivitySource _activities = new(Name);
    private readonly Counter<long> _requests;
    private readonly Counter<long> _rows;
    private readonly Counter<long> _errors;
    private readonly Counter<long> _refusals;
    private readonly Counter<long> _repeated;
    private readonly Histogram<double> _duration;
    private readonly Histogram<int> _runRows;
    private readonly Histogram<int> _runRequests;
    private readonly Counter<long> _loads;
    private readonly Counter<long> _loadFailures;
    private readonly Histogram<double> _loadDuration;
    private readonly Counter<long> _evictions;
    private readonly UpDownCounter<long> _models;
    private readonly UpDownCounter<long> _memory;

    public ServingMetrics(IMeterFactory meters)
    {
        var meter = meters.Create(Name);
        _requests = meter.CreateCounter<long>("aiaas.predictions.requests", "{request}", "Requests answered.");
        _rows = meter.CreateCounter<long>("aiaas.predictions.rows", "{row}", "Rows predicted.");
        _errors = meter.CreateCounter<long>("aiaas.predictions.errors", "{request}", "Requests that ended in an error, by its kind.");
        _refusals = meter.CreateCounter<long>("aiaas.predictions.refusals", "{request}", "Requests refused because of load, by the bound they met.");
        _repeated = meter.CreateCounter<long>("aiaas.predictions.repeated", "{request}", "Requests answered from the response cache; they are not among those answered.");
        _duration = meter.CreateHistogram("aiaas.predictions.duration", "s", "Time of a request in each stage.", advice: Durations);
        _runRows = meter.CreateHistogram("aiaas.runs.rows", "{row}", "Rows of a run.", advice: Counts);
        _runRequests = meter.CreateHistogram("aiaas.runs.requests", "{request}", "Requests that shared a run.", advice: Counts);
        _loads = meter.CreateCounter<long>("aiaas.models.loads", "{model}", "Models loaded, by where their file came from.");
        _loadFailures = meter.CreateCounter<long>("aiaas.models.load_failures", "{model}", "Models that could not be loaded.");
        _loadDuration = meter.CreateHistogram("aiaas.models.load.duration", "s", "Time of a load.", advice: Durations);
        _evictions = meter.CreateCounter<long>("aiaas.models.evictions", "{model}", "Models that made room for others.");
        _models = meter.CreateUpDownCounter<long>("aiaas.models.loaded", "{model}", "Models in memory.");
        _memory = meter.CreateUpDownCounter<long>("aiaas.models.memory", "By", "What they count against the memory for models.");
    }

    public void Dispose() => _activities.Dispose();

    /// <summary>Counts a request that was refused because of load.</summary>
    /// <param name="bound">Which bound it met, one of a few words.</param>
    public void AddRefusal(string bound) => _refusals.Add(1, new KeyValuePair<string, object?>("bound", bound));

    /// <summary>Counts an answer that was repeated.</summary>
    public void AddRepeated(ModelReference model) =>
        _repeated.Add(1, new KeyValuePair<string, object?>("model", model.Id), new KeyValuePair<string, object?>("version", model.Version));

    /// <returns>Null where nobody listens.</returns>
    internal Activity? StartPrediction(LoadedModel model) => Start("predict", model);

    /// <returns>Null where nobody listens.</returns>
    internal Activity? StartInference(LoadedModel model) => Start("infer", model);

    internal void AddPrediction(LoadedModel model, in PredictionSummary summary)
    {
        if (!_requests.Enabled && !_duration.Enabled)
            return;
        _requests.Add(1, model.Tags);
        _rows.Add(summary.Rows, model.Tags);
        var tag = model.Tags[0];
        _duration.Record(summary.Parse.TotalSeconds, tag, Parse);
        _duration.Record(summary.Queue.TotalSeconds, tag, Queue);
        _duration.Record(summary.Run.TotalSeconds, tag, Run);
        _duration.Record(summary.Write.TotalSeconds, tag, Write);
    }

    internal void AddError(LoadedModel model, Exception exception)
    {
        if (!_errors.Enabled)
            return;
        _errors.Add(1, model.Tags[0], new KeyValuePair<string, object?>("error", exception switch
        {
            PredictionRequestException or InferenceRequestException => "request",
            PredictionFailedException => "model",
            Batching.PredictionOverloadException => "overload",
            ModelBrokenException => "circuit",
            OperationCanceledException => "cancelled",
            _ => "other",
        }));
    }

    internal void AddRun(LoadedModel model, int requests, int rows)
    {
        if (!_runRows.Enabled)
            return;
        _runRows.Record(rows, model.Tags[0]);
        _runRequests.Record(requests, model.Tags[0]);
    }

    internal void AddLoad(LoadedModel model, TimeSpan duration)
    {
        var from = new KeyValuePair<string, object?>("from", model.Origin switch
        {
            ModelOrigin.Store => "store",
            ModelOrigin.Disk => "disk",
            _ => "optimized",
        });
        _loads.Add(1, model.Tags[0], from);
        _loadDuration.Record(duration.TotalSeconds, from);
        _models.Add(1);
        _memory.Add(model.Bytes);
    }

    internal void AddLoadFailure(ModelReference reference) => _loadFailures.Add(1, new KeyValuePair<string, object?>("model", reference.Id));

    internal void AddUnload(LoadedModel model, bool evicted)
    {
        _models.Add(-1);
        _memory.Add(-model.Bytes);
        if (evicted)
            _evictions.Add(1, model.Tags[0]);
    }

    private Activity? Start(string name, LoadedModel model)
    {
        if (!_activities.HasListeners())
            return null;
        var activity = _activities.StartActivity(name);
        activity?.SetTag("model", model.Reference.Id);
        activity?.SetTag("version", model.Reference.Version);
        return activity;
    }
}
