using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Features;
using AIaaS.Learning.Trees;

namespace AIaaS.Learning.Trainers;

/// <summary>Gradient-boosted trees, grown from histograms; missing values and categories are split by as they are.</summary>
internal sealed class GradientBoostingTrainer(TimeProvider timeProvider) : ITrainer
{
    private const int SmallRows = 2_000;

    public string Name => "gradient-boosting";

    public bool LearnsInSteps => true;

    /// <summary>How often a checkpoint is saved.</summary>
    public TimeSpan CheckpointEvery { get; init; } = TimeSpan.FromSeconds(10);

    public bool Supports(LearningTask task) => task is LearningTask.Classification or LearningTask.Regression;

    public IReadOnlyDictionary<string, HyperparameterRange> Space(LearningTask task, int rows)
    {
        var initial = Default(rows);
        var space = new Dictionary<string, HyperparameterRange>
        {
            ["learning-rate"] = HyperparameterRange.LogUniform(0.02, 0.3, initial.LearningRate),
            ["leaves"] = HyperparameterRange.Integers(4, rows < SmallRows ? 32 : 128, initial.Growth.MaxLeaves, RangeScale.Log),
            ["min-rows-of-leaf"] = HyperparameterRange.Integers(2, rows < SmallRows ? 30 : 100, initial.Growth.MinRowsOfLeaf, RangeScale.Log),
            ["l2"] = HyperparameterRange.LogUniform(1e-3, 30, initial.Growth.L2),
            ["column-share"] = HyperparameterRange.Uniform(0.4, 1, initial.ColumnShare),
            ["row-share"] = HyperparameterRange.Uniform(0.5, 1, initial.RowShare),
            ["column-share-of-node"] = HyperparameterRange.OneOf(1.0),
            ["l1"] = HyperparameterRange.OneOf(0.0),
            ["depth"] = HyperparameterRange.OneOf(0),
            ["iterations"] = HyperparameterRange.OneOf(initial.Iterations),
            ["patience"] = HyperparameterRange.OneOf(initial.Patience),
            ["monotone"] = HyperparameterRange.OneOf(new Dictionary<string, int>()),
        };
        if (task == LearningTask.Regression)
        {
            space["loss"] = HyperparameterRange.OneOf("squared");
            space["quantile"] = HyperparameterRange.OneOf(0.5);
        }

        return space;
    }

    public IReadOnlyList<IFeatureEncoder> Encoders(Hyperparameters hyperparameters) => FeatureEncoders.OfTrees;

    public TrainedModel Train(TrainerInput input, CancellationToken cancellationToken)
    {
        var options = From(input);
        var lossName = input.Hyperparameters.Text("loss", "squared");
        var quantile = input.Hyperparameters.Number("quantile", 0.5);
        var loss = BoostingLoss.Of(input.Target, input.Weights, lossName, quantile);
        var training = BinnedFeatures.Fit(input.Features, input.Rows, input.Slots, input.Threads);
        (BinnedFeatures, TrainerTarget)? validation = input.Validation is { } rows
            ? (BinnedFeatures.Apply(training.Features, rows.Features, rows.Rows, input.Threads), rows.Target)
            : null;
        var reported = timeProvider.GetTimestamp();
        var boosted = new GradientBooster(options, loss, timeProvider).Train(
            training, validation, new TreeCheckpoints(
                input.CheckpointFolder,
                TreeFingerprint.Of(input, new { Options = options with { Growth = options.Growth with { Threads = 1 } }, lossName, quantile })), Evaluated, cancellationToken);

        var graph = new TreeEnsembleGraph(training.Features);
        foreach (var (number, tree) in boosted.Trees.Index())
            graph.Add(tree, number % loss.Width);
        var hyperparameters = new Dictionary<string, JsonElement>
        {
            ["learning-rate"] = Json(options.LearningRate),
            ["leaves"] = Json(options.Growth.MaxLeaves),
            ["min-rows-of-leaf"] = Json(options.Growth.MinRowsOfLeaf),
            ["l2"] = Json(options.Growth.L2),
            ["l1"] = Json(options.Growth.L1),
            ["depth"] = Json(options.Growth.MaxDepth),
            ["row-share"] = Json(options.RowShare),
            ["column-share"] = Json(options.ColumnShare),
            ["column-share-of-node"] = Json(options.Growth.FeaturesOfNode),
            ["iterations"] = Json(boosted.Iterations),
        };
        if (input.Target is NumberTarget)
            hyperparameters["loss"] = Json(lossName);
        return new TrainedModel
        {
            Build = raw => loss.Decide(graph.Build(raw, loss.Initial)),
            Hyperparameters = hyperparameters,
            Refit = new Dictionary<string, double> { ["iterations"] = Math.Max(1, boosted.Iterations) },
        };

        bool Evaluated(int iteration, double? value)
        {
            var share = (double)iteration / options.Iterations;
            if (timeProvider.GetElapsedTime(reported) >= TimeSpan.FromMilliseconds(500))
            {
                reported = timeProvider.GetTimestamp();
                var values = new Dictionary<string, JsonElement> { ["iteration"] = Json(iteration) };
                if (value is { } told)
                    values["loss"] = Json(told);
                input.Report(100 * share, values);
            }

            // The curve of a trial has some tens of points, not one for each tree.
            var isPoint = iteration % Math.Max(1, options.Iterations / 50) == 0;
            return value is not { } judged || !isPoint || input.OnEvaluation?.Invoke(new TrialPoint(share * input.Budget, judged)) != false;
        }
    }

    private static BoostingOptions Default(int rows) => new()
    {
        Growth = rows < SmallRows
            ? new GrowthOptions { MaxLeaves = 8, MinRowsOfLeaf = Math.Clamp(rows / 50, 3, 20), L2 = 1 }
            : new GrowthOptions { MaxLeaves = 31, MinRowsOfLeaf = 20, L2 = 0.1 },
        Iterations = rows < SmallRows ? 500 : 1000,
        LearningRate = rows < SmallRows ? 0.07 : 0.1,
        Patience = 30,
        RowShare = 1,
        ColumnShare = rows < SmallRows ? 0.7 : 1,
        Seed = 0,
    };

    private BoostingOptions From(TrainerInput input)
    {
        var (given, initial) = (input.Hyperparameters, Default(input.Rows));
        return new BoostingOptions
        {
            Growth = new GrowthOptions
            {
                MaxLeaves = Bounded("leaves", given.Integer("leaves", initial.Growth.MaxLeaves), 2, 100_000),
                MaxDepth = Bounded("depth", given.Integer("depth", 0), 0, 1000),
                MinRowsOfLeaf = Bounded("min-rows-of-leaf", given.Integer("min-rows-of-leaf", initial.Growth.MinRowsOfLeaf), 1, int.MaxValue),
                L2 = Bounded("l2", given.Number("l2", initial.Growth.L2), 0, double.MaxValue),
                L1 = Bounded("l1", given.Number("l1", 0), 0, double.MaxValue),
                FeaturesOfNode = Bounded("column-share-of-node", given.Number("column-share-of-node", 1), 0.001, 1),
                Monotone = Monotone(input),
                Threads = input.Threads,
            },
            Iterations = Math.Max(1, (int)Math.Round(Bounded("iterations", given.Integer("iterations", initial.Iterations), 1, 1_000_000) * input.Budget)),
            LearningRate = Bounded("learning-rate", given.Number("learning-rate", initial.LearningRate), 1e-6, 1),
            Patience = Bounded("patience", given.Integer("patience", initial.Patience), 1, int.MaxValue),
            RowShare = Bounded("row-share", given.Number("row-share", initial.RowShare), 0.001, 1),
            ColumnShare = Bounded("column-share", given.Number("column-share", initial.ColumnShare), 0.001, 1),
            Seed = input.Seed,
            CheckpointEvery = CheckpointEvery,
        };
    }

    private static sbyte[]? Monotone(TrainerInput input)
    {
        if (!input.Hyperparameters.Values.TryGetValue("monotone", out var given))
            return null;
        var constraints = new sbyte[input.Slots.Count];
        if (given.ValueKind != JsonValueKind.Object)
            throw Wrong("must be a mapping of features to 1 or -1");
        foreach (var constraint in given.EnumerateObject())
        {
            var slot = input.Slots.Index().FirstOrDefault(s => s.Item.Source == constraint.Name && s.Item.Categories is null);
            if (slot.Item is null)
                throw Wrong($"names '{constraint.Name}', which is no numeric feature");
            if (constraint.Value.ValueKind != JsonValueKind.Number || !constraint.Value.TryGetInt32(out var direction) || direction is not (1 or -1 or 0))
                throw Wrong($"must give 1 or -1 for '{constraint.Name}'");
            // A class's score rises where another's falls: only of two classes is it clear what rises.
            if (input.Target is ClassTarget { Count: > 2 })
                throw Wrong("is for regressions and for two classes");
            constraints[slot.Index] = (sbyte)direction;
        }

        return constraints.Any(c => c != 0) ? constraints : null;

        static TrainingException Wrong(string demand) => new("A constraint cannot be kept", $"'monotone' {demand}.");
    }

    private static T Bounded<T>(string name, T value, T least, T most)
        where T : IComparable<T> =>
        value.CompareTo(least) >= 0 && value.CompareTo(most) <= 0
            ? value
            : throw new TrainingException("A hyperparameter is out of range", FormattableString.Invariant($"'{name}' must be from {least} to {most}, not {value}."));

    private static JsonElement Json<T>(T value) => JsonSerializer.SerializeToElement(value, JsonDefaults.Options);
}
