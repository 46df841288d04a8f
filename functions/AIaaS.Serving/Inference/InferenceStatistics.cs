using System.Collections.Concurrent;
using AIaaS.Serving.Models;
using AIaaS.Serving.Predictions;

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
/// <param name="Size">Rows of a run.</param>
/// <param name="Input">Reading the requests that took part in them.</param>
/// <param name="Run">The runs.</param>
/// <param name="Output">Writing the answers to those requests.</param>
public readonly record struct BatchStatistics(int Size, DurationStatistic Input, DurationStatistic Run, DurationStatistic Output);

/// <summary>What a model version has done since the process started.</summary>
public sealed record ModelStatistics
{
    /// <summary>When it was last asked.</summary>
    public DateTimeOffset LastInference { get; init; }

    /// <summary>Rows that were answered, without those of repeated answers.</summary>
    public long Inferences { get; init; }

    /// <summary>Runs of the graph; requests may share one, and one request may take several.</summary>
    public long Executions { get; init; }

    /// <summary>Requests that were answered, by repeated answers too.</summary>
    public DurationStatistic Success { get; init; }

    public DurationStatistic Failure { get; init; }

    /// <summary>Waiting for the model, of all that were answered.</summary>
    public DurationStatistic Queue { get; init; }

    /// <summary>Reading requests into tensors.</summary>
    public DurationStatistic Input { get; init; }

    /// <summary>Running the model, for each request with the rows of others where they shared a run.</summary>
    public DurationStatistic Run { get; init; }

    /// <summary>Writing answers.</summary>
    public DurationStatistic Output { get; init; }

    /// <summary>Answers that were repeated.</summary>
    public DurationStatistic CacheHit { get; init; }

    /// <summary>Requests whose answer might have been repeated and was not there; looking for it and keeping it.</summary>
    public DurationStatistic CacheMiss { get; init; }

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
    /// <param name="summary">What it took.</param>
    public void Succeeded(ModelReference model, in PredictionSummary summary)
    {
        if (Find(model) is { } counters)
            counters.Succeeded(timeProvider.GetUtcNow(), summary);
    }

    /// <summary>Counts a run of the graph.</summary>
    public void Ran(ModelReference model, int rows, TimeSpan duration)
    {
        if (Find(model) is { } counters)
            counters.Ran(rows, duration);
    }

    /// <summary>Counts an answer that was repeated.</summary>
    public void Repeated(ModelReference model, TimeSpan duration)
    {
        if (Find(model) is { } counters)
            counters.Repeated(timeProvider.GetUtcNow(), duration);
    }

    /// <summary>Counts looking for an answer that was not there to be repeated, and keeping the one that was made.</summary>
    public void Missed(ModelReference model, TimeSpan duration)
    {
        if (Find(model) is { } counters)
            counters.Missed(duration);
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

        public void Succeeded(DateTimeOffset now, in PredictionSummary summary)
        {
            var (rows, parse, queue, run, write) = summary;
            lock (_lock)
            {
                _totals = _totals with
                {
                    LastInference = now,
                    Inferences = _totals.Inferences + rows,
                    Success = _totals.Success.Add(parse + queue + run + write),
                    Queue = _totals.Queue.Add(queue),
                    Input = _totals.Input.Add(parse),
                    Run = _totals.Run.Add(run),
                    Output = _totals.Output.Add(write),
                };
                if (TryFind(summary.RunRows, out var batch))
                    _batches[batch.Size] = batch with { Input = batch.Input.Add(parse), Output = batch.Output.Add(write) };
            }
        }

        public void Ran(int rows, TimeSpan duration)
        {
            lock (_lock)
            {
                _totals = _totals with { Executions = _totals.Executions + 1 };
                if (TryFind(rows, out var batch))
                    _batches[rows] = batch with { Run = batch.Run.Add(duration) };
            }
        }

        public void Repeated(DateTimeOffset now, TimeSpan duration)
        {
            lock (_lock)
            {
                _totals = _totals with
                {
                    LastInference = now,
                    Success = _totals.Success.Add(duration),
                    Queue = _totals.Queue.Add(TimeSpan.Zero),
                    CacheHit = _totals.CacheHit.Add(duration),
                };
            }
        }

        public void Missed(TimeSpan duration)
        {
            lock (_lock)
                _totals = _totals with { CacheMiss = _totals.CacheMiss.Add(duration) };
        }

        public void Failed(DateTimeOffset now, TimeSpan duration)
        {
            lock (_lock)
                _totals = _totals with { LastInference = now, Failure = _totals.Failure.Add(duration) };
        }

        /// <returns>False where there are sizes enough already.</returns>
        private bool TryFind(int size, out BatchStatistics batch)
        {
            if (_batches.TryGetValue(size, out batch))
                return true;
            batch = new() { Size = size };
            return _batches.Count < MaxSizes;
        }

        public ModelStatistics Read()
        {
            lock (_lock)
                return _totals with { Batches = [.. _batches.Values] };
        }
    }
}
