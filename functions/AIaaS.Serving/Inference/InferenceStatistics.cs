using System.Collections.Concurrent;
using AIaaS.Serving.Models;

namespace AIaaS.Serving.Inference;

/// <summary>How often something was done, and how long it took in all.</summary>
/// <param name="Count">How often.</param>
/// <param name="Nanoseconds">In all.</param>
public readonly record struct DurationStatistic(long Count, long Nanoseconds)
{
    /// <summary>One more.</summary>
    public DurationStatistic Add(TimeSpan duration) => new(Count + 1, Nanoseconds + (duration.Ticks * TimeSpan.NanosecondsPerTick));
}

/// <summary>What a model version has done for runs of one size.</summary>
public readonly record struct BatchStatistics(int Size, DurationStatistic Input, DurationStatistic Run, DurationStatistic Output);

/// <summary>What a model version has done since the process started.</summary>
public sealed record ModelStatistics
{
    /// <summary>When it was last asked.</summary>
    public DateTimeOffset LastInference { get; init; }

    /// <summary>Rows that were answered.</summary>
    public long Inferences { get; init; }

    public DurationStatistic Success { get; init; }

    public DurationStatistic Failure { get; init; }

    /// <summary>Reading requests into tensors.</summary>
    public DurationStatistic Input { get; init; }

    /// <summary>Running the model.</summary>
    public DurationStatistic Run { get; init; }

    /// <summary>Writing answers.</summary>
    public DurationStatistic Output { get; init; }

    /// <summary>By size, smallest first.</summary>
    public IReadOnlyList<BatchStatistics> Batches { get; init; } = [];
}

/// <summary>Counts what each model version does, for the statistics extension. Safe for concurrent use.</summary>
public sealed class InferenceStatistics(TimeProvider timeProvider)
{
    // Names and sizes come from callers: without bounds they would fill the memory.
    private const int MaxModels = 10_000;
    private const int MaxSizes = 100;

    private readonly ConcurrentDictionary<ModelReference, Counters> _models = new();

    /// <summary>Counts an answered request.</summary>
    /// <param name="model">Who answered.</param>
    /// <param name="rows">How many rows.</param>
    /// <param name="parse">Reading the request.</param>
    /// <param name="run">Running the model.</param>
    /// <param name="write">Writing the answer.</param>
    public void Succeeded(ModelReference model, int rows, TimeSpan parse, TimeSpan run, TimeSpan write)
    {
        if (Find(model) is { } counters)
            counters.Succeeded(timeProvider.GetUtcNow(), rows, parse, run, write);
    }

    /// <summary>Counts a request that was refused or failed.</summary>
    public void Failed(ModelReference model, TimeSpan duration)
    {
        if (Find(model) is { } counters)
            counters.Failed(timeProvider.GetUtcNow(), duration);
    }

    /// <summary>What a version has done; nothing yet where it was never asked.</summary>
    public ModelStatistics Get(ModelReference model) => _models.TryGetValue(model, out var counters) ? counters.Read() : new();

    private Counters? Find(ModelReference model)
    {
        if (_models.TryGetValue(model, out var counters))
            return counters;
        return _models.Count < MaxModels ? _models.GetOrAdd(model, static _ => new()) : null;
    }

    private sealed class Counters
    {
        private readonly Lock _lock = new();
        private readonly SortedDictionary<int, BatchStatistics> _batches = [];
        private ModelStatistics _totals = new();

        public void Succeeded(DateTimeOffset now, int rows, TimeSpan parse, TimeSpan run, TimeSpan write)
        {
            lock (_lock)
            {
                _totals = _totals with
                {
                    LastInference = now,
                    Inferences = _totals.Inferences + rows,
                    Success = _totals.Success.Add(parse + run + write),
                    Input = _totals.Input.Add(parse),
                    Run = _totals.Run.Add(run),
                    Output = _totals.Output.Add(write),
                };
                if (!_batches.TryGetValue(rows, out var batch) && _batches.Count == MaxSizes)
                    return;
                _batches[rows] = new(rows, batch.Input.Add(parse), batch.Run.Add(run), batch.Output.Add(write));
            }
        }

        public void Failed(DateTimeOffset now, TimeSpan duration)
        {
            lock (_lock)
                _totals = _totals with { LastInference = now, Failure = _totals.Failure.Add(duration) };
        }

        public ModelStatistics Read()
        {
            lock (_lock)
                return _totals with { Batches = [.. _batches.Values] };
        }
    }
}
