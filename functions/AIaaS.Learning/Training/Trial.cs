using System.Runtime.InteropServices;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Features;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Runtime;
using AIaaS.Learning.Trainers;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Training;

/// <summary>What surrounds a trial.</summary>
internal sealed record TrialContext
{
    public required TrainingData Data { get; init; }

    public required ITrainer Trainer { get; init; }

    public required TrainParameters Parameters { get; init; }

    /// <summary>The metric that decides.</summary>
    public required string Objective { get; init; }

    /// <summary>The trial's own; gone once the trial has ended.</summary>
    public required string CheckpointFolder { get; init; }

    public required int Threads { get; init; }

    public required TimeProvider TimeProvider { get; init; }

    /// <summary>Is told percent of this trial and values such as the loss.</summary>
    public required Action<double, IReadOnlyDictionary<string, JsonElement>> Report { get; init; }

    /// <summary>Whether a trial with this curve so far may go on; null where none is given up.</summary>
    public Func<IReadOnlyList<TrialPoint>, bool>? MayGoOn { get; init; }
}

/// <summary>Tries one configuration: trains on each fold's rows and predicts the others. A fold that was done is not done again after a crash.</summary>
internal sealed class Trial(TrialContext context, TrialSpec spec)
{
    private const double StoppingShare = 0.15;
    private const long RowsStream = 0x726F7773; // "rows"

    private readonly Hyperparameters _hyperparameters = new(spec.Hyperparameters);
    private readonly List<TrialPoint> _curve = [];
    private bool _isPruned;

    /// <returns>How it went, and what it predicted for the validation rows, fold after fold; null where it failed.</returns>
    /// <exception cref="OperationCanceledException">The whole job is to leave.</exception>
    public (TrialResult Result, float[]? Predictions) Run(CancellationToken cancellationToken)
    {
        var started = context.TimeProvider.GetTimestamp();
        using var timeout = context.Parameters.Sweep.TrialTimeout is { } limit ? new CancellationTokenSource(limit, context.TimeProvider) : new CancellationTokenSource();
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            var (rows, predictions, folds) = RunFolds(either.Token);
            var metrics = context.Data.Target.Judge(rows, predictions).Metrics;
            if (!metrics.TryGetValue(context.Objective, out var objective) || !double.IsFinite(objective))
                return (Failed("The objective cannot be computed", $"On the validation rows there is no '{context.Objective}'; it has {string.Join(", ", metrics.Keys)}."), null);
            return (new TrialResult
            {
                Spec = spec,
                Status = _isPruned ? TrialStatus.Pruned : TrialStatus.Succeeded,
                Objective = objective,
                Metrics = metrics,
                Curve = _curve,
                Refit = Refit(folds),
                Seconds = Seconds(),
                Notes = [.. folds.SelectMany(fold => fold.Notes).Distinct()],
            }, _isPruned ? null : predictions);
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return (Failed("The trial timed out", $"It was not done after {DurationConverter.Format(context.Parameters.Sweep.TrialTimeout!.Value)}. Allow a trial more time, or give it less to do."), null);
        }
        catch (TrainingException impossible)
        {
            return (Failed(impossible.Title, impossible.Message), null);
        }
        catch (OutOfMemoryException)
        {
            return (Failed("The trial ran out of memory", "Give the job a higher memory limit, or sample the rows."), null);
        }
#pragma warning disable CA1031 // One trial never sinks the others; what the disk refuses would sink them all.
        catch (Exception unknown) when (unknown is not (OperationCanceledException or IOException or UnauthorizedAccessException))
#pragma warning restore CA1031
        {
            return (Failed("The trial failed unexpectedly", $"This is a fault of the trainer '{spec.Trainer}', not of your data: {unknown.Message.Split('\n')[0]}"), null);
        }

        TrialResult Failed(string title, string detail) => new()
        {
            Spec = spec,
            Status = TrialStatus.Failed,
            Curve = _curve,
            Seconds = Seconds(),
            Error = new ErrorDetail(title, detail),
        };

        double Seconds() => Math.Round(context.TimeProvider.GetElapsedTime(started).TotalSeconds, 3);
    }

    private (int[] Rows, float[] Predictions, List<FoldResult> Folds) RunFolds(CancellationToken cancellationToken)
    {
        var rows = new List<int>();
        var predictions = new List<float>();
        var results = new List<FoldResult>();
        foreach (var (number, fold) in context.Data.Folds.Index())
        {
            var (result, predicted) = Load(number) ?? Save(number, RunFold(number, fold, cancellationToken));
            rows.AddRange(fold.Validation);
            predictions.AddRange(predicted);
            results.Add(result);
            if (_isPruned)
                break;
        }

        return ([.. rows], [.. predictions], results);
    }

    private (FoldResult Result, float[] Predictions) RunFold(int number, Fold fold, CancellationToken cancellationToken)
    {
        var data = context.Data;
        var (from, share) = (100.0 * number / data.Folds.Count, 1.0 / data.Folds.Count);
        var (used, stopping) = RowsOf(fold);
        var target = data.Target.ForTrainer(used);
        var (pipeline, features) = FeaturePipeline.FitTransform(
            data.Table.Select(used),
            data.Inputs,
            FeatureEncoders.For(context.Parameters.Features, context.Trainer, _hyperparameters),
            new(target, context.Parameters.Seed),
            context.Parameters.Features.Components,
            cancellationToken);
        var trained = context.Trainer.Train(
            new TrainerInput
            {
                Features = features,
                Rows = used.Length,
                Width = pipeline.Width,
                Slots = pipeline.Slots,
                Target = target,
                Weights = data.WeightsOf(used),
                Validation = stopping is null ? null : Encode(stopping),
                Hyperparameters = _hyperparameters,
                Budget = spec.Budget,
                Seed = context.Parameters.Seed,
                Threads = context.Threads,
                CheckpointFolder = Path.Combine(context.CheckpointFolder, $"fold-{number + 1}"),
                Report = (percent, values) => context.Report(from + (share * percent), values),
                // The first fold tells enough of a configuration to give it up; later ones are judged whole.
                OnEvaluation = number == 0 ? MayGoOn : null,
            },
            cancellationToken);
        return (new FoldResult { Refit = trained.Refit, Notes = trained.Notes, Curve = _curve, IsPruned = _isPruned }, Predict(trained, pipeline.Width, Encode(fold.Validation)));

        TrainerRows Encode(int[] some) => new()
        {
            Features = pipeline.Transform(data.Table.Select(some), cancellationToken),
            Rows = some.Length,
            Target = data.Target.ForTrainer(some),
        };
    }

    /// <summary>The rows to learn from, and those that tell a trainer that learns in steps when to stop.</summary>
    private (int[] Used, int[]? Stopping) RowsOf(Fold fold)
    {
        var training = fold.Training;
        if (context.Trainer.LearnsInSteps)
        {
            // Not the rows that the fold is judged by: a model that stops where it does best on them looks better than it is.
            var split = HoldoutSplit.Create([.. training.Select(row => context.Data.Target.Groups[row])], StoppingShare, context.Parameters.Seed);
            return (Array.ConvertAll(split.Training, at => training[at]), Array.ConvertAll(split.Holdout, at => training[at]));
        }

        // A trainer without steps has a small effort only by learning from fewer rows.
        if (spec.Budget >= 1)
            return (training, null);
        var rows = Math.Clamp((int)(training.Length * spec.Budget), Math.Min(training.Length, 100), training.Length);
        return ([.. new CounterGenerator(context.Parameters.Seed, RowsStream).Permutation(training.Length).Take(rows).Order().Select(at => training[at])], null);
    }

    private bool MayGoOn(TrialPoint point)
    {
        _curve.Add(point);
        _isPruned = context.MayGoOn?.Invoke(_curve) == false;
        return !_isPruned;
    }

    private float[] Predict(TrainedModel trained, int width, TrainerRows rows)
    {
        var graph = new GraphBuilder("trial");
        graph.Output("result", trained.Build(graph.Input("features", TensorElementType.Float, ["rows", width])));
        using var session = Sessions.Create(graph.ToModel(), context.Threads);
        return MatrixFeed.Run(session, "features", rows.Features, rows.Rows, width, "result", context.Data.Width);
    }

    private static Dictionary<string, JsonElement> Refit(List<FoldResult> folds) => folds
        .SelectMany(fold => fold.Refit)
        .GroupBy(value => value.Key)
        .ToDictionary(group => group.Key, group =>
        {
            var mean = group.Average(value => value.Value);
            return group.All(value => double.IsInteger(value.Value))
                ? JsonSerializer.SerializeToElement((long)Math.Round(mean), JsonDefaults.Options)
                : JsonSerializer.SerializeToElement(mean, JsonDefaults.Options);
        });

    private (FoldResult Result, float[] Predictions) Save(int number, (FoldResult Result, float[] Predictions) done)
    {
        Directory.CreateDirectory(context.CheckpointFolder);
        AtomicFile.Write(FoldPath(number, "predictions"), file => file.Write(MemoryMarshal.AsBytes<float>(done.Predictions)));
        AtomicFile.Write(FoldPath(number, "json"), done.Result, JsonDefaults.Options);
        return done;
    }

    private (FoldResult Result, float[] Predictions)? Load(int number)
    {
        try
        {
            var result = JsonSerializer.Deserialize<FoldResult>(File.ReadAllBytes(FoldPath(number, "json")), JsonDefaults.Options)!;
            var predictions = MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(FoldPath(number, "predictions"))).ToArray();
            if (predictions.Length != context.Data.Folds[number].Validation.Length * context.Data.Width)
                return null;
            if (number == 0)
            {
                _curve.AddRange(result.Curve);
                _isPruned = result.IsPruned;
            }

            return (result, predictions);
        }
        catch (Exception unusable) when (unusable is FileNotFoundException or DirectoryNotFoundException or JsonException)
        {
            return null;
        }
    }

    private string FoldPath(int number, string extension) => Path.Combine(context.CheckpointFolder, $"fold-{number + 1}.{extension}");

    private sealed record FoldResult
    {
        public IReadOnlyDictionary<string, double> Refit { get; init; } = new Dictionary<string, double>();

        public IReadOnlyList<string> Notes { get; init; } = [];

        public IReadOnlyList<TrialPoint> Curve { get; init; } = [];

        public bool IsPruned { get; init; }
    }
}
