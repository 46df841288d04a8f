using System.Globalization;
using System.IO.Compression;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Evaluation;
using AIaaS.Learning.Features;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Protos;
using AIaaS.Learning.Trainers;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Tests.Trainers;

/// <summary>
/// Tables and scikit-learn 1.2.1's figures for them are recorded by <c>tests/oracles/neural_network/tables.py</c>: means over five seeds
/// of MLPClassifier and MLPRegressor.
/// </summary>
public sealed class NeuralNetworkTrainerTests : IDisposable
{
    private const int Rows = 400;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("breast_cancer")]
    [InlineData("digits")]
    [InlineData("wine")]
    public void A_classifier_is_about_as_good_as_scikit_learn_s(string name)
    {
        var (table, figures) = Oracle.Read(name);
        var metrics = Enumerable.Range(0, 3).Select(seed => ClassificationMetrics.Compute(
            table.Test.Classes, Predict(Train(table.Train, seed: seed), table.Test), figures.Classes).Values).ToArray();

        Assert.InRange(metrics.Average(m => m["log-loss"]), 0, 1.15 * figures.LogLoss);
        Assert.InRange(metrics.Average(m => m["auc"]), figures.Auc - 0.002, 1);
    }

    [Fact]
    public void A_regression_is_about_as_good_as_scikit_learn_s()
    {
        var (table, figures) = Oracle.Read("housing");
        var errors = Enumerable.Range(0, 3).Select(seed => Error(Predict(Train(table.Train, seed: seed), table.Test), table.Test.Numbers));

        Assert.InRange(errors.Average(), 0, 1.02 * figures.Error);
    }

    [Theory]
    [InlineData("activation", "relu")]
    [InlineData("activation", "gelu")]
    [InlineData("activation", "tanh")]
    [InlineData("normalization", "none")]
    [InlineData("normalization", "layer")]
    [InlineData("normalization", "batch")]
    [InlineData("residual", "true")]
    [InlineData("layers", "4")]
    [InlineData("loss", "huber")]
    [InlineData("schedule", "plateau")]
    [InlineData("schedule", "constant")]
    [InlineData("l1", "0.0001")]
    [InlineData("gradient-value", "0.05")]
    public void Every_kind_of_network_learns_a_curve(string name, string value)
    {
        var problem = Curve();
        var trained = Train(problem, With(name, value));

        // The values go from about 75 to 125 with a standard deviation of 14.
        Assert.InRange(Error(Predict(trained, problem), problem.Numbers), 0, 6);
    }

    [Theory]
    [InlineData("adam", "0.003")]
    [InlineData("sgd", "0.5")]
    [InlineData("momentum", "0.05")]
    [InlineData("nesterov", "0.05")]
    [InlineData("adagrad", "0.03")]
    [InlineData("rmsprop", "0.003")]
    public void Every_optimizer_learns_a_curve(string optimizer, string rate)
    {
        var problem = Curve();
        var trained = Train(problem, With("optimizer", optimizer, "learning-rate", rate, "weight-decay", "0.0001"));

        Assert.InRange(Error(Predict(trained, problem), problem.Numbers), 0, 6);
    }

    [Fact]
    public void What_serves_is_what_was_judged_on_the_way()
    {
        var problem = Curve();
        var losses = new List<double>();
        var trained = Train(
            problem,
            With("normalization", "batch", "dropout", "0.3", "residual", "true"),
            input => input with { Validation = problem.AsValidation(), OnEvaluation = point => { losses.Add(point.Value); return true; } });

        Assert.Equal(losses.Min(), Error(Predict(trained, problem), problem.Numbers), 1e-4);
    }

    [Fact]
    public void A_category_is_told_apart_by_its_embedding()
    {
        var problem = Categories(known: 40);
        var said = Predict(Train(problem), problem);

        Assert.InRange(Error(said, problem.Numbers), 0, 1.5);
    }

    [Fact]
    public void A_category_that_training_never_had_is_answered_like_an_average_one()
    {
        var problem = Categories(known: 40);
        var unseen = problem with { Features = [.. Enumerable.Repeat(41f, Rows)] };

        Assert.Equal(problem.Numbers.Average(), Predict(Train(problem), unseen)[0], 10.0);
    }

    [Fact]
    public void Rows_count_as_much_as_their_weights_say()
    {
        // One feature that says nothing, and classes one by one: their shares are the weights'.
        var problem = new Problem
        {
            Width = 1,
            Features = new float[Rows],
            Classes = [.. Enumerable.Range(0, Rows).Select(row => row % 2)],
        };
        var weights = Enumerable.Range(0, Rows).Select(row => row % 2 == 0 ? 0.4f : 1.6f).ToArray();

        Assert.Equal(0.5, Predict(Train(problem), problem)[1], 0.03);
        Assert.Equal(0.8, Predict(Train(problem, configure: input => input with { Weights = weights }), problem)[1], 0.03);
    }

    [Fact]
    public void The_huber_loss_is_led_less_far_by_outliers()
    {
        var problem = Curve();
        var spoilt = problem with { Numbers = [.. problem.Numbers.Select((v, row) => row % 20 == 3 ? v + 400 : v)] };

        var squared = Error(Predict(Train(spoilt), problem), problem.Numbers);
        var huber = Error(Predict(Train(spoilt, With("loss", "huber")), problem), problem.Numbers);

        Assert.InRange(huber, 0, 0.7 * squared);
    }

    [Fact]
    public void Extreme_features_and_targets_give_numbers()
    {
        var problem = Curve();
        var extreme = problem with
        {
            Features = [.. problem.Features.Select((v, i) => i % 97 == 0 ? 1e6f : i % 89 == 0 ? -1e6f : v)],
            Numbers = [.. problem.Numbers.Select((v, row) => row == 0 ? 1e30 : v)],
        };

        Assert.All(Predict(Train(extreme), extreme), v => Assert.True(float.IsFinite(v)));
    }

    [Fact]
    public void The_same_seed_gives_the_same_weights_bit_for_bit()
    {
        var problem = Curve();
        Assert.Equal(Predict(Train(problem), problem), Predict(Train(problem), problem));
        Assert.NotEqual(Predict(Train(problem), problem), Predict(Train(problem, seed: 2), problem));
    }

    [Fact]
    public void A_killed_training_resumes_to_the_same_model_bit_for_bit()
    {
        var problem = Categories(known: 12);
        var hyperparameters = With("normalization", "batch", "dropout", "0.2");
        var whole = Train(problem, hyperparameters, Judged);
        Assert.Throws<InvalidOperationException>(() => Train(problem, hyperparameters, input => Judged(input) with { Report = (percent, _) => DieAt(percent, 55) }, killed: true));
        Assert.NotEmpty(Directory.GetFiles(_folder["killed"]));

        var resumed = Train(problem, hyperparameters, Judged, killed: true);

        Assert.Equal(Predict(whole, problem), Predict(resumed, problem));
        Assert.Equal(whole.Refit, resumed.Refit);

        TrainerInput Judged(TrainerInput input) => input with { Validation = problem.AsValidation() };

        static void DieAt(double percent, double at)
        {
            if (percent >= at)
                throw new InvalidOperationException("killed");
        }
    }

    [Fact]
    public void Validation_rows_say_how_many_epochs_a_refit_takes()
    {
        // The opposite of what is learned: the less the better.
        var opposite = Curve() with { Numbers = [.. Curve().Numbers.Select(v => 200 - v)] };

        var refit = Train(Curve(), configure: input => input with { Validation = opposite.AsValidation() }).Refit;

        Assert.Equal(1, refit["epochs"]);
        Assert.Empty(Train(Curve(), With("epochs", "3")).Refit);
    }

    [Fact]
    public void A_share_of_the_effort_is_a_share_of_the_epochs()
    {
        var points = new List<TrialPoint>();

        Train(Curve(), With("epochs", "40"), input => input with { Budget = 0.25, Validation = Curve().AsValidation(), OnEvaluation = point => { points.Add(point); return true; } });

        Assert.Equal(10, points.Count);
        Assert.Equal(0.025, points[0].Share, 1e-9);
        Assert.Equal(0.25, points[^1].Share, 1e-9);
        Assert.True(points[^1].Value < points[0].Value);
    }

    [Fact]
    public void A_trial_that_promises_little_can_be_ended()
    {
        var points = 0;

        Train(Curve(), configure: input => input with { Validation = Curve().AsValidation(), OnEvaluation = _ => ++points < 4 });

        Assert.Equal(4, points);
    }

    [Theory]
    [InlineData("dropout", "1")]
    [InlineData("layers", "0")]
    [InlineData("learning-rate", "-1")]
    [InlineData("activation", "swish")]
    [InlineData("batch-size", "0")]
    public void A_hyperparameter_out_of_range_is_refused_with_what_is_allowed(string name, string value)
    {
        var refusal = Assert.Throws<TrainingException>(() => Train(Curve(), With(name, value)));

        Assert.Contains($"'{name}'", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(60)]
    [InlineData(3_000)]
    [InlineData(1_000_000)]
    public void The_defaults_are_within_the_ranges_of_a_sweep(int rows)
    {
        var space = new NeuralNetworkTrainer(TimeProvider.System).Space(LearningTask.Regression, rows);

        Assert.All(space.Values.Where(r => r.Choices is null), r => Assert.InRange(r.Default!.Value.GetDouble(), r.Minimum!.Value, r.Maximum!.Value));
        Assert.Contains("learning-rate", space.Keys);
    }

    [Fact]
    public void The_hyperparameters_as_used_are_told()
    {
        var used = Train(Curve(), With("width", "17", "epochs", "2")).Hyperparameters;

        Assert.Equal((17, 2, "relu"), (used["width"].GetInt32(), used["epochs"].GetInt32(), used["activation"].GetString()));
    }

    [Fact]
    public void A_wish_for_a_GPU_that_is_not_there_is_noted()
    {
        var trained = Train(Curve(), With("epochs", "1"), device: "cuda");

        Assert.Contains(trained.Notes, note => note.Contains("GPU", StringComparison.Ordinal));
    }

    [Fact]
    public void A_run_goes_from_raw_columns_to_a_graph_that_answers_what_training_never_had()
    {
        var table = new TableBuilder(Rows)
            .With("size", ColumnKind.Number, row => row % 11 == 0 ? float.NaN : (float)TableBuilder.Wave(row, 1))
            .With("island", ColumnKind.Category, row => row % 13 == 0 ? "" : $"island {row % 5}")
            .Build();
        new TrainingRun(TimeProvider.System, [new NeuralNetworkTrainer(TimeProvider.System)]).Execute(
            new TrainingRequest
            {
                Parameters = new TrainParameters { Model = "m", Dataset = "d", Target = "kind", Task = LearningTask.Classification, Trainers = ["neural-network"] },
                Features = table,
                Target = new ClassTargetColumn("kind", ColumnKind.Category, [.. Enumerable.Range(0, Rows).Select(row => row % 5 < 2 ? "low" : "high")]),
                Schema = new DataSchema { Columns = [new("size", ColumnKind.Number, "DOUBLE", true), new("island", ColumnKind.Category, "VARCHAR", true), new("kind", ColumnKind.Category, "VARCHAR", false)] },
                OutputFolder = _folder["outputs"],
                CheckpointFolder = _folder["checkpoints"],
                Threads = 1,
            },
            new Progress<JobProgress>(),
            CancellationToken.None);

        var results = GraphRunner.Run(
            ModelProto.Parser.ParseFrom(File.ReadAllBytes(_folder["outputs/model.onnx"])),
            new Dictionary<string, Array> { ["size"] = new[] { 0.1f, 0.2f, float.NaN, float.PositiveInfinity }, ["island"] = new[] { "island 1", "island 4", "", "unheard of" } },
            "label",
            "probabilities");

        Assert.Equal(["low", "high"], ((string[])results[0])[..2]);
        Assert.All((float[])results[1], p => Assert.InRange(p, 0f, 1f));
    }

    private static Dictionary<string, JsonElement> With(params string[] namesAndValues) => namesAndValues.Chunk(2).ToDictionary(
        pair => pair[0],
        pair => JsonSerializer.Deserialize<JsonElement>(char.IsLetter(pair[1][0]) && pair[1] is not "true" ? $"\"{pair[1]}\"" : pair[1]));

    private static double Error(float[] said, double[] actual) => Math.Sqrt(said.Zip(actual, (a, b) => (a - b) * (a - b)).Average());

    /// <summary>A curved surface over two numbers.</summary>
    private static Problem Curve()
    {
        var features = Enumerable.Range(0, Rows * 2).Select(i => (float)(1.4 * TableBuilder.Wave(i / 2, i % 2))).ToArray();
        return new()
        {
            Width = 2,
            Features = features,
            Numbers = [.. Enumerable.Range(0, Rows).Select(row => 100 + (20 * Math.Sin(2 * features[2 * row])) + (5 * features[2 * row] * features[(2 * row) + 1]))],
        };
    }

    /// <summary>A column of codes 0 to known - 1, and two more that no row has; values jump from one code to the next.</summary>
    private static Problem Categories(int known) => new()
    {
        Width = 1,
        Features = [.. Enumerable.Range(0, Rows).Select(row => (float)(row % known))],
        Categories = known + 2,
        Numbers = [.. Enumerable.Range(0, Rows).Select(row => 100 + (20 * TableBuilder.Wave(row % known * 7, 4)) + (0.5 * TableBuilder.Wave(row, 2)))],
    };

    private TrainedModel Train(
        Problem problem,
        Dictionary<string, JsonElement>? hyperparameters = null,
        Func<TrainerInput, TrainerInput>? configure = null,
        int seed = 1,
        bool killed = false,
        string device = "cpu")
    {
        var input = new TrainerInput
        {
            Features = problem.Features,
            Rows = problem.Rows,
            Width = problem.Width,
            Slots = [.. Enumerable.Range(0, problem.Width).Select(i => new FeatureSlot($"x{i}", $"x{i}", problem.Categories))],
            Target = problem.Target,
            Hyperparameters = new(hyperparameters ?? []),
            Seed = seed,
            Threads = 1,
            CheckpointFolder = _folder[killed ? "killed" : Guid.NewGuid().ToString("N")],
            Report = (_, _) => { },
        };
        var trainer = new NeuralNetworkTrainer(TimeProvider.System)
        {
            CheckpointEvery = killed ? TimeSpan.Zero : TimeSpan.FromHours(1),
            ReportEvery = TimeSpan.Zero,
            Device = device,
        };
        return trainer.Train(configure?.Invoke(input) ?? input, CancellationToken.None);
    }

    private static float[] Predict(TrainedModel trained, Problem problem)
    {
        var graph = new GraphBuilder("test");
        graph.Output("result", trained.Build(graph.Input("x", TensorElementType.Float, ["rows", problem.Width])));
        return GraphRunner.Run<float>(graph, "result", (problem.Features, [problem.Rows, problem.Width]));
    }

    private sealed record Problem
    {
        public required int Width { get; init; }

        public required float[] Features { get; init; }

        /// <summary>Codes of each column; null for numbers.</summary>
        public int? Categories { get; init; }

        public int[] Classes { get; init; } = [];

        public double[] Numbers { get; init; } = [];

        public int Rows => Features.Length / Width;

        public TrainerTarget Target => Classes.Length > 0 ? new ClassTarget(Classes, Classes.Max() + 1) : new NumberTarget(Numbers);

        public TrainerRows AsValidation() => new() { Features = Features, Rows = Rows, Target = Target };
    }

    private static class Oracle
    {
        private static string Folder => Path.Combine(AppContext.BaseDirectory, "oracles", "neural_network");

        public static ((Problem Train, Problem Test) Table, Figures Figures) Read(string name)
        {
            var figures = File.ReadLines(Path.Combine(Folder, "figures.csv")).Select(line => line.Split(',')).Single(fields => fields[0] == name);
            var numbers = figures.Skip(1).Select(f => double.Parse(f, CultureInfo.InvariantCulture)).ToArray();
            var (rows, classes) = ((int)numbers[0], (int)numbers[1]);

            using var reader = new StreamReader(new GZipStream(File.OpenRead(Path.Combine(Folder, name + ".csv.gz")), CompressionMode.Decompress));
            var table = reader.ReadToEnd().Trim().Split('\n').Select(line => Array.ConvertAll(line.Split(','), f => float.Parse(f, CultureInfo.InvariantCulture))).ToArray();
            var width = table[0].Length - 1;
            var columns = new FeatureTable(table.Length, [.. Enumerable.Range(0, width).Select(c => new NumberColumn($"x{c}", ColumnKind.Number, [.. table.Select(row => row[c])]))]);
            var training = columns.Select([.. Enumerable.Range(0, rows)]);
            var pipeline = FeaturePipeline.Fit(training, FeatureInput.For(columns), [new NumberEncoder()], new(new NumberTarget([]), 1));
            var features = pipeline.Transform(columns, CancellationToken.None);
            return ((Part(0, rows), Part(rows, table.Length)), new Figures(classes, Math.Min(numbers[2], numbers[classes > 0 ? 4 : 3]), classes > 0 ? Math.Max(numbers[3], numbers[5]) : double.NaN));

            Problem Part(int from, int to)
            {
                var targets = table[from..to].Select(row => row[width]);
                return new()
                {
                    Width = pipeline.Width,
                    Features = features[(from * pipeline.Width)..(to * pipeline.Width)],
                    Classes = classes > 0 ? [.. targets.Select(v => (int)v)] : [],
                    Numbers = classes > 0 ? [] : [.. targets.Select(v => (double)v)],
                };
            }
        }
    }

    /// <param name="LogLoss">The better of two networks'; for a regression, the error.</param>
    private sealed record Figures(int Classes, double LogLoss, double Auc)
    {
        public double Error => LogLoss;
    }
}
