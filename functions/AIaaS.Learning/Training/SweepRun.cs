using System.Runtime.ExceptionServices;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Sweeps;
using AIaaS.Learning.Trainers;

namespace AIaaS.Learning.Training;

/// <summary>Runs trials in this process, several at a time; what was finished before a crash is not done again.</summary>
internal sealed class SweepRun(
    TrainingData data, TrainingRequest request, Objective objective, IReadOnlyList<ITrainer> trainers, TimeProvider timeProvider, Action<TrialProgress> report)
{
    // A wave ends before the next is planned, and its size is not the machine's: so the same seed tries the same on any machine.
    private const int WaveSize = 4;

    /// <summary>Below this many numbers, threads cost more than they give.</summary>
    private const long SmallData = 2_000_000;

    private const int MostThreadsOfTrial = 4;

    private readonly TrialFiles _checkpoints = new(Path.Combine(request.CheckpointFolder, TrialResult.Folder));
    private readonly TrialFiles _outputs = new(Path.Combine(request.OutputFolder, TrialResult.Folder));
    private readonly Lock _lock = new();
    private readonly Dictionary<int, TrialResult> _finished = [];
    private readonly Dictionary<int, double> _underWay = [];
    private int _expected = 1;

    private TrainParameters Parameters => request.Parameters;

    private string WavePath => Path.Combine(request.CheckpointFolder, "wave.json");

    /// <summary>Where the finished trials are, their predictions with them.</summary>
    public TrialFiles Files => _checkpoints;

    /// <summary>Threads that a trial is given of those that the job has, null for all of the machine.</summary>
    public static int ThreadsOfTrial(TrainingData data, int? threads) =>
        (long)data.Table.Rows * data.Table.Columns.Count < SmallData ? 1 : Math.Min(threads ?? Environment.ProcessorCount, MostThreadsOfTrial);

    /// <summary>Does these trials and no others.</summary>
    public IReadOnlyList<TrialResult> Run(IReadOnlyList<TrialSpec> trials, CancellationToken cancellationToken)
    {
        Resume();
        _expected = trials.Count;
        RunWave(trials, cancellationToken);
        return Finished();
    }

    /// <summary>Does all that a planner asks for, until it is content or the sweep's time is over.</summary>
    public IReadOnlyList<TrialResult> Run(SweepPlanner planner, CancellationToken cancellationToken)
    {
        Resume();
        _expected = planner.MaxTrials;
        var end = Parameters.Sweep.Timeout is { } timeout ? Started() + timeout : DateTimeOffset.MaxValue;
        // What was planned is done as it was planned: half of it known, the planner would plan otherwise.
        RunWave(LoadWave(), cancellationToken);
        // One trial at least: without any there is no model.
        while (_finished.Count == 0 || timeProvider.GetUtcNow() < end)
        {
            var wave = planner.Next(Finished(), [], WaveSize);
            if (wave.Count == 0)
                break;
            AtomicFile.Write(WavePath, wave, JsonDefaults.Options);
            RunWave(wave, cancellationToken);
        }

        return Finished();
    }

    private List<TrialResult> Finished()
    {
        lock (_lock)
            return [.. _finished.Values.OrderBy(result => result.Spec.Trial)];
    }

    private void Resume()
    {
        Directory.CreateDirectory(request.CheckpointFolder);
        foreach (var result in _checkpoints.Load())
        {
            _finished[result.Spec.Trial] = result;
            Publish(result, PredictionsOf(result));
        }
    }

    // Predictions are for the job that makes the model, where that is another one.
    private void Publish(TrialResult result, float[]? predictions) => _outputs.Save(result, Parameters.Trials is null ? null : predictions);

    private float[]? PredictionsOf(TrialResult result) =>
        _checkpoints.LoadPredictions(result.Spec.Trial, (long)data.ValidationRows.Length * data.Width);

    private void RunWave(IReadOnlyList<TrialSpec> trials, CancellationToken cancellationToken)
    {
        var wave = trials.Where(spec => !_finished.ContainsKey(spec.Trial)).ToArray();
        if (wave.Length == 0)
            return;
        var each = ThreadsOfTrial(data, request.Threads);
        var atOnce = Math.Clamp((request.Threads ?? Environment.ProcessorCount) / each, 1, wave.Length);
        var known = Finished();
        try
        {
            Parallel.ForEach(
                wave,
                new ParallelOptions { MaxDegreeOfParallelism = atOnce, CancellationToken = cancellationToken },
                spec => RunTrial(spec, each, known, cancellationToken));
        }
        catch (AggregateException several)
        {
            // A full disk tells more than the trials that were told to leave for it.
            ExceptionDispatchInfo.Throw(several.InnerExceptions.FirstOrDefault(e => e is not OperationCanceledException) ?? several.InnerExceptions[0]);
        }
    }

    private void RunTrial(TrialSpec spec, int threads, IReadOnlyList<TrialResult> known, CancellationToken cancellationToken)
    {
        var folder = Path.Combine(request.CheckpointFolder, $"trial-{spec.Trial:D4}");
        var trial = new Trial(
            new TrialContext
            {
                Data = data,
                Trainer = trainers.First(trainer => trainer.Name == spec.Trainer),
                Parameters = Parameters,
                Objective = objective.Name,
                CheckpointFolder = folder,
                Threads = threads,
                TimeProvider = timeProvider,
                Report = (percent, values) => Tell(spec, percent, values),
                MayGoOn = Parameters.Sweep.EarlyTermination is EarlyTermination.Median ? curve => MayGoOn(spec, curve, known) : null,
            },
            spec);
        var (result, predictions) = trial.Run(cancellationToken);
        _checkpoints.Save(result, predictions);
        Publish(result, predictions);
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
        lock (_lock)
        {
            _finished[spec.Trial] = result;
            _underWay.Remove(spec.Trial);
        }

        report(new TrialProgress(Percent(), spec, result, null));
    }

    private void Tell(TrialSpec spec, double percent, IReadOnlyDictionary<string, JsonElement> values)
    {
        lock (_lock)
            _underWay[spec.Trial] = percent;
        report(new TrialProgress(Percent(), spec, null, values));
    }

    private double Percent()
    {
        lock (_lock)
            return Math.Min(100, (100.0 * _finished.Count + _underWay.Values.Sum()) / Math.Max(_expected, _finished.Count + _underWay.Count));
    }

    // Losses of another trainer may be on another scale.
    private static bool MayGoOn(TrialSpec spec, IReadOnlyList<TrialPoint> curve, IReadOnlyList<TrialResult> known) => !MedianStopping.ShouldStop(
        curve[^1],
        curve,
        [.. known.Where(other => other.Spec.Trainer == spec.Trainer && other.Curve.Count > 0).Select(other => other.Curve)],
        higherIsBetter: false);

    private TrialSpec[] LoadWave() => Read<TrialSpec[]>(WavePath) ?? [];

    /// <returns>Null where there is no such file, or a damaged one: what it was for is then done anew.</returns>
    private static T? Read<T>(string path)
    {
        try
        {
            return File.Exists(path) ? JsonSerializer.Deserialize<T>(File.ReadAllBytes(path), JsonDefaults.Options) : default;
        }
        catch (JsonException)
        {
            return default;
        }
    }

    /// <summary>When the sweep began, an attempt that was interrupted counting too.</summary>
    private DateTimeOffset Started()
    {
        var path = Path.Combine(request.CheckpointFolder, "sweep.json");
        if (Read<DateTimeOffset?>(path) is { } began)
            return began;
        var now = timeProvider.GetUtcNow();
        AtomicFile.Write(path, now, JsonDefaults.Options);
        return now;
    }
}

/// <param name="Percent">0 to 100 over the sweep.</param>
/// <param name="Trial">Which trial tells.</param>
/// <param name="Result">Where it has ended.</param>
/// <param name="Values">Where it is under way.</param>
internal sealed record TrialProgress(double Percent, TrialSpec Trial, TrialResult? Result, IReadOnlyDictionary<string, JsonElement>? Values);
