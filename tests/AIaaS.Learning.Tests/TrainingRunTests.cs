using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Features;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Protos;
using AIaaS.Learning.Trainers;
using AIaaS.Learning.Training;

namespace AIaaS.Learning.Tests;

public sealed class TrainingRunTests : IDisposable
{
    private const int Rows = 300;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_classifier_goes_from_raw_features_to_a_named_class()
    {
        var metrics = Run(Request(Kinds()));
        var (model, signature) = Read();

        Assert.True(metrics.Holdout["accuracy"] > 0.95, $"accuracy {metrics.Holdout["accuracy"]}");
        Assert.Equal((240, 60), (metrics.TrainingRows, metrics.HoldoutRows));
        Assert.Equal(metrics.HoldoutRows, metrics.ConfusionMatrix!.Sum(r => r.Sum()));
        Assert.Equal(["größe (mm)", "island.name", "is adult", "seen", "label"], signature.Inputs.Select(i => i.Name));
        Assert.Equal("feature_label", signature.Inputs[4].Input);
        Assert.Equal(["Dream", "Ærø", "Żółw 🐢"], signature.Inputs[1].Categories!);
        Assert.Equal(["eins", "zwei 🐧"], signature.Target!.Classes!.Select(e => e.GetString()!));

        var table = Features();
        var results = Predict(model, signature, table);
        var labels = (string[])results[0];
        var probabilities = (float[])results[1];
        Assert.Equal(Rows, labels.Length);
        Assert.All(Enumerable.Range(0, Rows), row =>
        {
            Assert.Equal(1, probabilities[2 * row] + probabilities[(2 * row) + 1], 1e-5f);
            Assert.Equal(probabilities[2 * row] >= probabilities[(2 * row) + 1] ? "eins" : "zwei 🐧", labels[row]);
        });
    }

    [Fact]
    public void The_graph_predicts_what_its_weights_say()
    {
        // The parts of times have tests of their own.
        var table = new FeatureTable(Rows, [.. Features().Columns.Where(column => column.Kind is not ColumnKind.Datetime)]);
        Run(Request(Kinds()) with { Features = table, Schema = Schema(table) });
        var (model, signature) = Read();
        // What training never saw comes too.
        ((NumberColumn)table.Columns[0]).Values[0] = float.NaN;
        ((NumberColumn)table.Columns[0]).Values[1] = float.PositiveInfinity;
        ((TextColumn)table.Columns[1]).Values[2] = "never seen";
        ((TextColumn)table.Columns[1]).Values[3] = "";
        foreach (var column in table.Columns)
        {
            if (column is NumberColumn numbers)
                numbers.Values[4] = float.NaN;
            else
                ((TextColumn)column).Values[4] = "";
        }

        var actual = (float[])Predict(model, signature, table)[1];
        var expected = new IndependentEvaluation(model).Probabilities(table, signature);

        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), p => Assert.Equal(p.First, p.Second, 1e-5));
    }

    [Fact]
    public void Missing_and_unknown_values_are_answered_with_numbers()
    {
        Run(Request(Kinds()));
        var (model, signature) = Read();

        var results = GraphRunner.Run(
            model,
            signature.Inputs.ToDictionary(i => i.Input, i => i.Type == TensorType.String ? (Array)new[] { "", "unheard of" } : new[] { float.NaN, float.NaN }),
            "label",
            "probabilities");

        Assert.All((float[])results[1], p => Assert.InRange(p, 0f, 1f));
    }

    [Fact]
    public void Extreme_values_are_answered_with_numbers()
    {
        Run(Request(Kinds()));
        var (model, signature) = Read();

        var results = GraphRunner.Run(
            model,
            signature.Inputs.ToDictionary(i => i.Input, i => i.Type == TensorType.String ? (Array)new[] { "Dream", "Dream" } : new[] { float.MinValue, float.MaxValue }),
            "label",
            "probabilities");

        Assert.All((float[])results[1], p => Assert.InRange(p, 0f, 1f));
    }

    [Fact]
    public void The_same_seed_gives_the_same_model_bit_for_bit()
    {
        Run(Request(Kinds()));
        var first = File.ReadAllBytes(_folder["outputs/model.onnx"]);
        Run(Request(Kinds()));

        Assert.Equal(first, File.ReadAllBytes(_folder["outputs/model.onnx"]));
    }

    [Fact]
    public void Another_seed_holds_out_other_rows()
    {
        Run(Request(Kinds()));
        var first = File.ReadAllBytes(_folder["outputs/model.onnx"]);
        Run(Request(Kinds()) with { Parameters = Parameters(LearningTask.Classification) with { Seed = 43 } });

        Assert.NotEqual(first, File.ReadAllBytes(_folder["outputs/model.onnx"]));
    }

    [Theory]
    [InlineData(ColumnKind.Boolean, "true", "false", "[false,true]", TensorType.Bool)]
    [InlineData(ColumnKind.Integer, "12", "9007199254740993", "[12,9007199254740993]", TensorType.Int64)]
    [InlineData(ColumnKind.Number, "10", "-0.5", "[-0.5,10]", TensorType.Float64)]
    [InlineData(ColumnKind.Category, "b", "a", "[\"a\",\"b\"]", TensorType.String)]
    public void A_label_has_the_type_of_the_target(ColumnKind kind, string one, string other, string classes, TensorType type)
    {
        var target = new ClassTargetColumn("target", kind, [.. Kinds().Values.Select(v => v == "eins" ? one : other)]);

        Run(Request(target));
        var (model, signature) = Read();
        var labels = (Array)Predict(model, signature, Features())[0];

        Assert.Equal(classes, JsonSerializer.Serialize(signature.Target!.Classes));
        Assert.Equal(type, signature.Outputs.Single(o => o.Role == OutputRole.Label).Type);
        var right = labels.Cast<object>().Zip(target.Values).Count(p => string.Equals(Convert.ToString(p.First, System.Globalization.CultureInfo.InvariantCulture), p.Second, StringComparison.OrdinalIgnoreCase));
        Assert.True(right > 0.95 * Rows, $"{right} right");
    }

    [Fact]
    public void A_regression_gives_values_in_the_target_s_own_units()
    {
        var target = new NumberTargetColumn("mass", ColumnKind.Number, [.. Enumerable.Range(0, Rows).Select(row => 4000 + (500 * (row % 2)) + (2 * row) + (10 * TableBuilder.Wave(row, 9)))]);

        var metrics = Run(Request(target) with { Parameters = Parameters(LearningTask.Regression) with { Target = "mass" } });
        var (model, signature) = Read();
        var results = GraphRunner.Run(model, Inputs(signature, Features()), "value");

        Assert.InRange(metrics.Holdout["rmse"], 1, 20);
        Assert.True(metrics.Holdout["r2"] > 0.99);
        Assert.Null(metrics.ConfusionMatrix);
        Assert.Equal(new ModelOutput("value", OutputRole.Value, TensorType.Float32, [-1]) with { Shape = signature.Outputs[0].Shape }, signature.Outputs.Single());
        Assert.All(target.Values.Zip((float[])results[0]), p => Assert.Equal(p.First, p.Second, 60.0));
    }

    [Fact]
    public void Rows_without_a_target_and_useless_columns_are_left_out_with_a_note()
    {
        var values = Kinds().Values.ToArray();
        values[0] = null;
        values[1] = "";
        var table = new FeatureTable(Rows, [.. Features().Columns, new NumberColumn("empty", ColumnKind.Number, [.. Enumerable.Repeat(float.NaN, Rows)])]);
        var request = Request(new ClassTargetColumn("target", ColumnKind.Category, values)) with
        {
            Features = table,
            Schema = Schema(table, new("key", ColumnKind.Identifier, "BIGINT", false), new("nested", ColumnKind.Json, "JSON", true), new("one", ColumnKind.Constant, "VARCHAR", false)),
        };

        var metrics = Run(request);
        var card = JsonSerializer.Deserialize<ModelCard>(File.ReadAllBytes(_folder["outputs/card.json"]), JsonDefaults.Options)!;

        Assert.Equal(Rows - 2, metrics.TrainingRows + metrics.HoldoutRows);
        Assert.Equal(5, Read().Signature.Inputs.Count);
        foreach (var expected in new[] { "'key'", "'nested'", "'one'", "'empty'", "2 rows" })
            Assert.Contains(card.Notes, n => n.Contains(expected, StringComparison.Ordinal));
        Assert.Equal(metrics.Holdout["accuracy"], card.Metrics["accuracy"]);
    }

    [Fact]
    public void A_target_of_one_class_is_refused_with_the_reason() =>
        AssertRefused(Request(new ClassTargetColumn("target", ColumnKind.Category, [.. Enumerable.Repeat("same", Rows)])), "'same' in every row");

    [Fact]
    public void A_target_that_differs_in_every_row_is_refused_with_the_reason() =>
        AssertRefused(Request(new ClassTargetColumn("target", ColumnKind.Category, [.. Enumerable.Range(0, Rows).Select(row => $"row {row}")])), "300 different values");

    [Fact]
    public void A_single_row_is_refused_with_the_reason() =>
        AssertRefused(
            Request(new ClassTargetColumn("target", ColumnKind.Category, ["a"])) with { Features = new FeatureTable(1, [new NumberColumn("x", ColumnKind.Number, [1])]) },
            "at least 10");

    [Fact]
    public void A_regression_on_texts_is_refused_with_the_reason() =>
        AssertRefused(Request(Kinds()) with { Parameters = Parameters(LearningTask.Regression) }, "a regression predicts numbers");

    [Fact]
    public void An_unknown_trainer_is_refused_with_those_there_are() =>
        AssertRefused(Request(Kinds()) with { Parameters = Parameters(LearningTask.Classification) with { Trainers = ["magic"] } }, "Choose from: linear");

    [Fact]
    public void A_table_without_usable_columns_is_refused_with_the_reason() =>
        AssertRefused(Request(Kinds()) with { Schema = new DataSchema { Columns = [new("größe (mm)", ColumnKind.Identifier, "DOUBLE", false)] } }, "identifies rows");

    [Fact]
    public void Of_several_trainers_the_better_model_is_kept()
    {
        var worse = new LinearTrainer(TimeProvider.System) { L2 = 1e3 };
        var run = new TrainingRun(TimeProvider.System, [new Renamed("worse", worse), new LinearTrainer(TimeProvider.System)]);

        run.Execute(
            Request(Kinds()) with { Parameters = Parameters(LearningTask.Classification) with { Trainers = ["linear", "worse"] } },
            new ProgressList(),
            CancellationToken.None);

        Assert.Contains("\"trainer\": \"linear\"", File.ReadAllText(_folder["outputs/card.json"]), StringComparison.Ordinal);
    }

    [Fact]
    public void A_support_vector_machine_answers_with_probabilities()
    {
        var request = Request(Kinds()) with { Parameters = Parameters(LearningTask.Classification) with { Trainers = ["linear-svm"], Calibrate = Calibration.Temperature } };

        var metrics = new TrainingRun(TimeProvider.System).Execute(request, new ProgressList(), CancellationToken.None)!;
        var (model, signature) = Read();
        var results = Predict(model, signature, Features());

        Assert.True(metrics.Holdout["auc"] > 0.98, $"{metrics.Holdout["auc"]}");
        Assert.Equal(((float[])results[1]).Chunk(2).Select(p => p[1] > p[0] ? "zwei 🐧" : "eins"), (string[])results[0]);
        Assert.All(((float[])results[1]).Chunk(2), p => Assert.Equal(1, p.Sum(), 1e-5));
    }

    [Fact]
    public void Progress_rises_to_the_end_and_tells_the_trial_s_metrics()
    {
        var progress = new ProgressList();

        new TrainingRun(TimeProvider.System, [new LinearTrainer(TimeProvider.System)]).Execute(Request(Kinds()), progress, CancellationToken.None);

        Assert.Equal(progress.Reports.Select(r => r.Percent!.Value).Order(), progress.Reports.Select(r => r.Percent!.Value));
        Assert.Equal(100, progress.Reports[^1].Percent);
        Assert.Equal([1, 2], progress.Reports.Where(r => r.Kind == JobProgressKind.Trial && r.Values!.ContainsKey("accuracy")).Select(r => r.Trial!.Value).Order());
    }

    private static FeatureTable Features() => new TableBuilder(Rows)
        .With("größe (mm)", ColumnKind.Number, row => row % 29 == 0 ? float.NaN : (float)(190 + (20 * TableBuilder.Wave(row, 0))))
        .With("island.name", ColumnKind.Category, row => row % 31 == 0 ? "" : (row % 3) switch { 0 => "Dream", 1 => "Ærø", _ => "Żółw 🐢" })
        .With("is adult", ColumnKind.Boolean, row => row % 2)
        .With("seen", ColumnKind.Datetime, row => 1.6e9f + (row * 86400f))
        .With("label", ColumnKind.Integer, row => row % 7)
        .Build();

    /// <summary>Decided by size and island, with a margin.</summary>
    private static ClassTargetColumn Kinds() => new(
        "target",
        ColumnKind.Category,
        [.. Enumerable.Range(0, Rows).Select(row => TableBuilder.Wave(row, 0) + (row % 3 == 0 ? 0.4 : 0) > 0.1 || row % 29 == 0 ? "eins" : "zwei 🐧")]);

    private static TrainParameters Parameters(LearningTask task) => new() { Model = "penguins", Target = "target", Task = task, Sweep = new SweepPlan { MaxTrials = 2 } };

    private static DataSchema Schema(FeatureTable table, params DataColumn[] more) => new()
    {
        Columns = [.. table.Columns.Select(c => new DataColumn(c.Name, c.Kind, "", true)), new("target", ColumnKind.Category, "VARCHAR", false), .. more],
    };

    private TrainingRequest Request(TargetColumn target) => new()
    {
        Parameters = Parameters(target is NumberTargetColumn ? LearningTask.Regression : LearningTask.Classification),
        Features = Features(),
        Target = target,
        Schema = Schema(Features()),
        OutputFolder = _folder["outputs"],
        CheckpointFolder = _folder["checkpoints"],
    };

    private static ModelMetrics Run(TrainingRequest request) => new TrainingRun(TimeProvider.System, [new LinearTrainer(TimeProvider.System)]).Execute(request, new ProgressList(), CancellationToken.None)!;

    private static void AssertRefused(TrainingRequest request, string reason) =>
        Assert.Contains(reason, Assert.Throws<TrainingException>(() => Run(request)).Message, StringComparison.Ordinal);

    private (ModelProto Model, ModelSignature Signature) Read() => (
        ModelProto.Parser.ParseFrom(File.ReadAllBytes(_folder["outputs/model.onnx"])),
        JsonSerializer.Deserialize<ModelSignature>(File.ReadAllBytes(_folder["outputs/signature.json"]), JsonDefaults.Options)!);

    private static IReadOnlyList<object> Predict(ModelProto model, ModelSignature signature, FeatureTable table) =>
        GraphRunner.Run(model, Inputs(signature, table), "label", "probabilities");

    private static Dictionary<string, Array> Inputs(ModelSignature signature, FeatureTable table) => signature.Inputs.ToDictionary(
        i => i.Input,
        i => table.Columns.Single(c => c.Name == i.Name) switch
        {
            NumberColumn numbers => (Array)numbers.Values,
            TextColumn texts => texts.Values,
            _ => throw new InvalidOperationException(),
        });

    private sealed class ProgressList : IProgress<JobProgress>
    {
        public List<JobProgress> Reports { get; } = [];

        public void Report(JobProgress value) => Reports.Add(value);
    }

    private sealed class Renamed(string name, ITrainer trainer) : ITrainer
    {
        public string Name => name;

        public IReadOnlyDictionary<string, HyperparameterRange> Space(LearningTask task, int rows) => trainer.Space(task, rows);

        public IReadOnlyList<IFeatureEncoder> Encoders(Hyperparameters hyperparameters) => trainer.Encoders(hyperparameters);

        public bool Supports(LearningTask task) => trainer.Supports(task);

        public TrainedModel Train(TrainerInput input, CancellationToken cancellationToken) => trainer.Train(input, cancellationToken);
    }

    /// <summary>Evaluates a linear classifier from the numbers in its file, in double precision and without a runtime.</summary>
    private sealed class IndependentEvaluation(ModelProto model)
    {
        public double[] Probabilities(FeatureTable table, ModelSignature signature)
        {
            var (weights, intercept) = (Floats("weights"), Floats("intercept"));
            var classes = intercept.Length;
            var result = new List<double>();
            for (var row = 0; row < table.Rows; row++)
            {
                var features = Transform(table, signature, row);
                Assert.Equal(weights.Length, features.Count * classes);
                var scores = Enumerable.Range(0, classes).Select(c => intercept[c] + features.Select((f, i) => f * weights[(i * classes) + c]).Sum()).ToArray();
                var highest = scores.Max();
                var sum = scores.Sum(s => Math.Exp(s - highest));
                result.AddRange(scores.Select(s => Math.Exp(s - highest) / sum));
            }

            return [.. result];
        }

        private List<double> Transform(FeatureTable table, ModelSignature signature, int row)
        {
            var (fills, centers, scales) = (Floats("fills"), Floats("centers"), Floats("scales"));
            var numbers = table.Columns.OfType<NumberColumn>().Select(c => c.Values[row]).ToArray();
            var features = numbers.Select((v, i) => ((float.IsFinite(v) ? v : fills[i]) - centers[i]) * scales[i]).ToList();
            features.AddRange(Tensors.Read<long>(Initializer("columns_with_indicator")).Select(i => float.IsFinite(numbers[i]) ? 0.0 : 1.0));
            foreach (var column in table.Columns.OfType<TextColumn>())
            {
                var categories = signature.Inputs.Single(i => i.Name == column.Name).Categories!;
                var value = column.Values[row];
                features.AddRange(categories.Select(c => c == value ? 1.0 : 0.0));
                features.Add(value.Length > 0 && !categories.Contains(value) ? 1 : 0);
                features.Add(value.Length == 0 ? 1 : 0);
            }

            return features;
        }

        private double[] Floats(string name) => Array.ConvertAll(Tensors.Read<float>(Initializer(name)), v => (double)v);

        private TensorProto Initializer(string name) => model.Graph.Initializer.Single(i => i.Name == name);
    }
}
