using System.Text.Json;
using AIaaS.Formats;

namespace AIaaS.Learning.Training;

/// <summary>Tells progress from several threads; percent never falls.</summary>
internal sealed class ProgressReporter(IProgress<JobProgress> progress, TimeProvider timeProvider)
{
    private readonly Lock _lock = new();
    private double _percent;

    public void Report(
        double percent, string stage, int? trial = null, IReadOnlyDictionary<string, JsonElement>? values = null, JobProgressKind kind = JobProgressKind.Progress)
    {
        lock (_lock)
        {
            _percent = Math.Max(_percent, percent);
            progress.Report(new JobProgress
            {
                Time = timeProvider.GetUtcNow(),
                Kind = kind,
                Percent = _percent,
                Trial = trial,
                Values = new Dictionary<string, JsonElement>(values ?? new Dictionary<string, JsonElement>()) { ["stage"] = Json(stage) },
            });
        }
    }

    /// <summary>Tells of a trial whose sweep takes this part of the whole.</summary>
    public void Report(double from, double to, TrialProgress trial)
    {
        var values = new Dictionary<string, JsonElement>(trial.Values ?? new Dictionary<string, JsonElement>()) { ["trainer"] = Json(trial.Trial.Trainer) };
        if (trial.Result is { } result)
        {
            values["status"] = Json(result.Status);
            foreach (var (name, value) in result.Metrics)
                values[name] = Json(value);
            if (result.Error is { } error)
                values["error"] = Json(error.Title);
        }

        Report(from + ((to - from) * trial.Percent / 100), "train", trial.Trial.Trial, values, trial.Result is null ? JobProgressKind.Progress : JobProgressKind.Trial);
    }

    private static JsonElement Json<T>(T value) => JsonSerializer.SerializeToElement(value, JsonDefaults.Options);
}
