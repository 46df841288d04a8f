using System.Globalization;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Features;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Trainers;
using Google.Protobuf;

namespace AIaaS.Serving.Tests;

/// <summary>Trees that were trained on made-up rows of numbers, some of them missing, and of categories; served as they are exported.</summary>
internal sealed class TrainedTrees
{
    private const int Rows = 300;

    private static readonly string[] Colours = ["red", "green", "blue", "grey"];

    private readonly int _numbers;
    private readonly FeatureTable _table;

    /// <param name="numbers">Features that are numbers; two more are categories.</param>
    public TrainedTrees(int numbers)
    {
        _numbers = numbers;
        _table = new(Rows, [
            .. Enumerable.Range(0, numbers).Select(column => new NumberColumn($"x{column}", ColumnKind.Number, [.. Enumerable.Range(0, Rows).Select(row => Number(row, column))])),
            .. Enumerable.Range(0, 2).Select(column => new TextColumn($"c{column}", ColumnKind.Category, [.. Enumerable.Range(0, Rows).Select(row => Colour(row, column))]))]);
    }

    /// <summary>A row as JSON values, in the order of the features.</summary>
    public string[] Row(int row) =>
    [
        .. Enumerable.Range(0, _numbers).Select(column => Number(row, column) is var number && float.IsNaN(number) ? "null" : number.ToString("R", CultureInfo.InvariantCulture)),
        .. Enumerable.Range(0, 2).Select(column => Colour(row, column) is { Length: > 0 } colour ? $"\"{colour}\"" : "null"),
    ];

    /// <param name="trainer">Who grows the trees.</param>
    /// <param name="classes">How many there are; 0 for a regression.</param>
    /// <param name="encoders">Other encoders than the trainer's own.</param>
    /// <param name="after">What the graph does to the trainer's result.</param>
    /// <param name="hyperparameters">Of the trainer.</param>
    public TestModel Train(ITrainer trainer, int classes, IFeatureEncoder[]? encoders, Func<Value, Value>? after, params (string Name, double Value)[] hyperparameters) =>
        Join([Fit(trainer, classes, encoders, hyperparameters)], classes, after ?? (value => value));

    /// <summary>A forest and boosted trees, mixed half and half.</summary>
    public TestModel Ensemble(int classes) => Join(
        [Fit(new RandomForestTrainer(TimeProvider.System), classes, null, [("trees", 5)]), Fit(new GradientBoostingTrainer(TimeProvider.System), classes, null, [("iterations", 5)])],
        classes,
        value => value);

    private TestModel Join(Func<IReadOnlyList<Value>, Value>[] parts, int classes, Func<Value, Value> after)
    {
        var inputs = FeatureInput.For(_table);
        var graph = new GraphBuilder("trees");
        var raw = FeaturePipeline.AddInputs(graph, inputs);
        var result = after(parts.Length == 1 ? parts[0](raw) : parts.Select(part => part(raw) * (1.0 / parts.Length)).Aggregate((one, other) => one + other));
        graph.Output("result", result);
        return new(graph.ToModel().ToByteArray(), new()
        {
            Task = classes > 0 ? LearningTask.Classification : LearningTask.Regression,
            Inputs = [.. inputs.Select(i => TestModels.Feature(i.Name, i.Kind, i.IsText ? TensorType.String : TensorType.Float32))],
            Outputs = [classes > 0 ? new("result", OutputRole.Probabilities, TensorType.Float32, [-1, classes]) : new("result", OutputRole.Value, TensorType.Float32, [-1])],
            Target = classes > 0 ? new("target", ColumnKind.Category, [.. Enumerable.Range(0, classes).Select(c => TestModels.Json($"\"k{c}\""))]) : null,
        });
    }

    private Func<IReadOnlyList<Value>, Value> Fit(ITrainer trainer, int classes, IFeatureEncoder[]? encoders, (string Name, double Value)[] hyperparameters)
    {
        var given = new Hyperparameters(hyperparameters.ToDictionary(h => h.Name, h => JsonSerializer.SerializeToElement(h.Value)));
        TrainerTarget target = classes > 0
            ? new ClassTarget([.. Enumerable.Range(0, Rows).Select(row => (int)(Truth(row) * 0.999 * classes))], classes)
            : new NumberTarget([.. Enumerable.Range(0, Rows).Select(row => 40 + (10 * Truth(row)))]);
        var (pipeline, features) = FeaturePipeline.FitTransform(
            _table, FeatureInput.For(_table), encoders ?? trainer.Encoders(given), new EncoderContext(target, 1), components: null, CancellationToken.None);
        using var folder = new TemporaryFolder();
        var trained = trainer.Train(
            new TrainerInput
            {
                Features = features,
                Rows = Rows,
                Width = pipeline.Width,
                Slots = pipeline.Slots,
                Target = target,
                Hyperparameters = given,
                Seed = 3,
                Threads = 1,
                CheckpointFolder = folder.Path,
                Report = (_, _) => { },
            },
            CancellationToken.None);
        return raw => trained.Build(pipeline.Build(raw));
    }

    /// <summary>From 0 to 1, by products of the features so that their order matters.</summary>
    private double Truth(int row)
    {
        var numbers = Enumerable.Range(0, _numbers).Select(column => Number(row, column)).Select(x => float.IsNaN(x) ? 0.3 : x).ToArray();
        var sum = numbers.Zip(numbers.Skip(1), (one, other) => one * other).Sum() + (Colour(row, 0) is "red" or "" ? numbers[0] : 0.4) + (Colour(row, 1) == "blue" ? 0.5 : 0);
        return (Math.Sin(3 * sum) + 1) / 2;
    }

    private static float Number(int row, int column) =>
        ((row * 7) + column) % 11 == 0 ? float.NaN : (float)Math.Round(Math.Sin(((row + 1) * (column + 1) * 0.7) + (column * column)), 3);

    private static string Colour(int row, int column) => ((row * 5) + column) % 13 == 0 ? "" : Colours[((row * 3) + (row / 7) + column) % 4];
}
