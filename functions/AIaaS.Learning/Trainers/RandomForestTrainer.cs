using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Features;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using AIaaS.Learning.Trees;

namespace AIaaS.Learning.Trainers;

/// <summary>A forest of deep trees, each on rows drawn with replacement and few features at each split.</summary>
internal sealed class RandomForestTrainer(TimeProvider timeProvider) : ITrainer
{
    public string Name => "random-forest";

    public bool Supports(LearningTask task) => task is LearningTask.Classification or LearningTask.Regression;

    public IReadOnlyDictionary<string, HyperparameterRange> Space(LearningTask task, int rows) => new Dictionary<string, HyperparameterRange>
    {
        ["column-share-of-node"] = HyperparameterRange.Uniform(0.1, 1, 0.4),
        ["min-rows-of-leaf"] = HyperparameterRange.Integers(1, 50, 2, RangeScale.Log),
        ["trees"] = HyperparameterRange.OneOf(rows < 20_000 ? 200 : 100),
        ["l2"] = HyperparameterRange.OneOf(task == LearningTask.Classification ? 0.5 : 0),
        ["depth"] = HyperparameterRange.OneOf(0),
    };

    public IReadOnlyList<IFeatureEncoder> Encoders(Hyperparameters hyperparameters) => FeatureEncoders.OfTrees;

    public TrainedModel Train(TrainerInput input, CancellationToken cancellationToken)
    {
        var given = input.Hyperparameters;
        var trees = Math.Max(1, (int)Math.Round(given.Integer("trees", 200) * input.Budget));
        return TreeTraining.Train(
            Name,
            input,
            new ForestOptions
            {
                Growth = new GrowthOptions
                {
                    MaxLeaves = int.MaxValue,
                    MaxDepth = given.Integer("depth", 0),
                    MinRowsOfLeaf = given.Integer("min-rows-of-leaf", 2),
                    MinHessianOfLeaf = 1e-9,
                    L2 = given.Number("l2", input.Target is ClassTarget ? 0.5 : 0),
                    CategoryL2 = 0,
                    FeaturesOfNode = given.Number("column-share-of-node", 0.4),
                    Threads = input.Threads,
                },
                Trees = trees,
                Bootstrap = true,
                Seed = input.Seed,
            },
            timeProvider,
            cancellationToken);
    }
}

/// <summary>One tree, for those who want to read the model.</summary>
internal sealed class DecisionTreeTrainer(TimeProvider timeProvider) : ITrainer
{
    public string Name => "decision-tree";

    public bool Supports(LearningTask task) => task is LearningTask.Classification or LearningTask.Regression;

    public IReadOnlyDictionary<string, HyperparameterRange> Space(LearningTask task, int rows) => new Dictionary<string, HyperparameterRange>
    {
        ["leaves"] = HyperparameterRange.Integers(2, 128, 16, RangeScale.Log),
        ["min-rows-of-leaf"] = HyperparameterRange.Integers(1, 100, 10, RangeScale.Log),
        ["l2"] = HyperparameterRange.OneOf(task == LearningTask.Classification ? 0.5 : 0),
        ["depth"] = HyperparameterRange.OneOf(0),
    };

    public IReadOnlyList<IFeatureEncoder> Encoders(Hyperparameters hyperparameters) => FeatureEncoders.OfTrees;

    public TrainedModel Train(TrainerInput input, CancellationToken cancellationToken) => TreeTraining.Train(
        Name,
        input,
        new ForestOptions
        {
            Growth = new GrowthOptions
            {
                MaxLeaves = input.Hyperparameters.Integer("leaves", 16),
                MaxDepth = input.Hyperparameters.Integer("depth", 0),
                MinRowsOfLeaf = input.Hyperparameters.Integer("min-rows-of-leaf", 10),
                MinHessianOfLeaf = 1e-9,
                L2 = input.Hyperparameters.Number("l2", input.Target is ClassTarget ? 0.5 : 0),
                CategoryL2 = 0,
                Threads = input.Threads,
            },
            Trees = 1,
            Bootstrap = false,
            Seed = input.Seed,
        },
        timeProvider,
        cancellationToken);
}

/// <summary>What trainers of averaged trees have in common.</summary>
internal static class TreeTraining
{
    private const float LeastProbability = 1e-6f;

    public static TrainedModel Train(string name, TrainerInput input, ForestOptions options, TimeProvider timeProvider, CancellationToken cancellationToken)
    {
        var growth = options.Growth;
        if (growth.MaxLeaves < 2 || growth.MaxDepth < 0 || growth.MinRowsOfLeaf < 1 || growth.L2 < 0 || growth.FeaturesOfNode is not (> 0 and <= 1))
            throw new TrainingException("A hyperparameter is out of range", $"Of '{name}', leaves must be 2 or more, min-rows-of-leaf 1 or more, depth and l2 0 or more, column-share-of-node above 0 to 1.");
        var training = BinnedFeatures.Fit(input.Features, input.Rows, input.Slots, input.Threads);
        var wanted = input.Target switch
        {
            ClassTarget { Count: 2 } classes => [Array.ConvertAll(classes.Rows, c => (double)c)],
            ClassTarget classes => Enumerable.Range(0, classes.Count).Select(own => Array.ConvertAll(classes.Rows, c => c == own ? 1.0 : 0.0)).ToArray(),
            NumberTarget numbers => [numbers.Rows],
            _ => throw new ArgumentException($"The trainer {name} cannot learn a {input.Target.GetType().Name}.", nameof(input)),
        };
        var checkpoints = new TreeCheckpoints(input.CheckpointFolder, TreeFingerprint.Of(input, options with { Growth = growth with { Threads = 1 } }));
        var (trees, initial) = new RandomForest(options, timeProvider).Grow(
            training, wanted, input.Weights, checkpoints,
            grown => input.Report(100.0 * grown / options.Trees, new Dictionary<string, JsonElement> { ["trees"] = Json(grown) }),
            cancellationToken);

        var graph = new TreeEnsembleGraph(training.Features);
        foreach (var (number, tree) in trees.Index())
            graph.Add(tree, number % wanted.Length);
        return new TrainedModel
        {
            Build = raw => Decide(input.Target, graph.Build(raw, initial)),
            Hyperparameters = new Dictionary<string, JsonElement>
            {
                ["trees"] = Json(options.Trees),
                ["leaves"] = growth.MaxLeaves == int.MaxValue ? Json("any") : Json(growth.MaxLeaves),
                ["depth"] = Json(growth.MaxDepth),
                ["min-rows-of-leaf"] = Json(growth.MinRowsOfLeaf),
                ["l2"] = Json(growth.L2),
                ["column-share-of-node"] = Json(growth.FeaturesOfNode),
            },
        };
    }

    private static Value Decide(TrainerTarget target, Value means)
    {
        switch (target)
        {
            case NumberTarget:
                return means.Reshape([means.Shape[0]]);
            case ClassTarget { Count: 2 }:
                var second = means.Clip(LeastProbability, 1 - LeastProbability);
                return new[] { -second + 1, second }.Concat(axis: 1);
            default:
                var shares = means.Clip(LeastProbability, 1);
                return shares / shares.ReduceSum([1], keepDimensions: true);
        }
    }

    private static JsonElement Json<T>(T value) => JsonSerializer.SerializeToElement(value, JsonDefaults.Options);
}
