using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Features;
using AIaaS.Learning.Networks;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using AIaaS.Learning.Runtime;
using AIaaS.Learning.Training;
using AIaaS.Learning.Training.Optimizers;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Trainers;

/// <summary>
/// A multilayer perceptron: standardized numbers and embeddings of categories, softmax for classes, one standardized value for
/// numbers; AdamW with a short warm-up and a cosine, the epoch that is best on validation rows.
/// </summary>
internal sealed class NeuralNetworkTrainer(TimeProvider timeProvider) : ITrainer
{
    private const string Features = "features";
    private const string Targets = "targets";
    private const string RowWeights = "row_weights";
    private const string Scores = "scores";

    private const double WarmUpShare = 0.05;
    private const double LargestGradient = 1;

    /// <summary>Multiplications a step, below which threads cost more than they give.</summary>
    private const long WorthwhileForThreads = 20_000_000;

    public string Name => "neural-network";

    /// <summary>How often a checkpoint is saved.</summary>
    public TimeSpan CheckpointEvery { get; init; } = TimeSpan.FromSeconds(10);

    public TimeSpan ReportEvery { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>A value of <see cref="ComputeDevices.Variable"/>.</summary>
    public string? Device { get; init; } = Environment.GetEnvironmentVariable(ComputeDevices.Variable);

    public bool Supports(LearningTask task) => task is LearningTask.Classification or LearningTask.Regression;

    public IReadOnlyDictionary<string, HyperparameterRange> Space(LearningTask task, int rows)
    {
        var initial = Settings.Default(rows);
        var space = new Dictionary<string, HyperparameterRange>
        {
            ["learning-rate"] = HyperparameterRange.LogUniform(3e-4, 3e-2, initial.LearningRate),
            ["width"] = HyperparameterRange.Integers(16, rows < 20_000 ? 256 : 512, initial.Width, RangeScale.Log),
            ["layers"] = HyperparameterRange.Integers(1, 4, initial.Layers),
            ["dropout"] = HyperparameterRange.Uniform(0, 0.5, initial.Dropout),
            ["weight-decay"] = HyperparameterRange.LogUniform(1e-4, 1, initial.WeightDecay),
            ["activation"] = HyperparameterRange.OneOf("relu", "gelu", "tanh"),
            ["normalization"] = HyperparameterRange.OneOf("none", "layer", "batch"),
            ["batch-size"] = HyperparameterRange.Integers(Math.Min(16, rows), Math.Min(rows, 4 * initial.BatchSize), Math.Min(rows, initial.BatchSize), RangeScale.Log),
            ["residual"] = HyperparameterRange.OneOf(false, true),
        };
        if (task == LearningTask.Regression)
            space["loss"] = HyperparameterRange.OneOf("squared", "huber");
        return space;
    }

    public IReadOnlyList<IFeatureEncoder> Encoders(Hyperparameters hyperparameters) => [new NumberEncoder(), new OrdinalEncoder()];

    public TrainedModel Train(TrainerInput input, CancellationToken cancellationToken)
    {
        var settings = Settings.From(input.Hyperparameters, input.Rows);
        var objective = Objective.For(input, settings);
        var epochs = Math.Max(1, (int)Math.Round(settings.Epochs * input.Budget));
        var batches = new Minibatches(input.Rows, settings.BatchSize, input.Seed);
        var network = new MultilayerPerceptron
        {
            Layers = settings.Layers,
            Width = settings.Width,
            Activation = settings.Activation,
            Normalization = settings.Normalization,
            Dropout = settings.Dropout,
            Residual = settings.Residual,
            Slots = input.Slots,
            Outputs = objective.Width,
            InitialBias = objective.InitialBias,
            Seed = input.Seed,
        };
        var multiplications = 3 * network.Multiplications * batches.Size;
        var threads = multiplications < WorthwhileForThreads ? 1 : input.Threads;
        var (device, deviceNote) = ComputeDevices.Choose(Device, multiplications);

        var step = new TrainingStep(Name) { MeasuresGradient = false };
        var graph = new TrainingGraph(step, batches.Size, input.Seed);
        var scores = network.Build(step.Data(Features, [batches.Size, input.Width]), graph);
        var losses = objective.Losses(scores, step.Data(Targets, [batches.Size, objective.Width]));
        if (input.Weights is not null)
            losses *= step.Data(RowWeights, [batches.Size]);
        step.Minimize(losses.ReduceMean(), new GradientClipping(new Adam
        {
            WeightDecay = settings.WeightDecay,
            Decays = parameter => parameter.Dimensions.Length > 1,
        })
        { Norm = LargestGradient });

        MinibatchInput[] inputs =
        [
            MinibatchInput.Rows(Features, input.Features, input.Width),
            objective.Targets(Targets),
            .. input.Weights is { } weights ? [MinibatchInput.Rows(RowWeights, weights)] : Array.Empty<MinibatchInput>(),
            .. graph.Masks,
        ];
        var data = inputs.ToDictionary(i => i.Name, i =>
        {
            long[] dimensions = [batches.Size, .. i.RowDimensions];
            return (new float[dimensions.Aggregate(1L, (product, d) => product * d)], dimensions);
        });
        data.Add(TrainingStep.LearningRateInput, (new float[1], []));

        using var session = new TrainingSession(step, data, threads, device);
        using var evaluation = input.Validation is null ? null : Evaluation(session, network, input.Width, threads);
        var steps = batches.StepsOf(epochs);
        var warmUp = (long)(steps * WarmUpShare);
        var checkpoints = new CheckpointStore(input.CheckpointFolder, Name, Fingerprint(input, objective, settings));
        var result = new MinibatchLoop(timeProvider, checkpoints).Run(
            new MinibatchTraining
            {
                Session = session,
                Inputs = inputs,
                Batches = batches,
                Epochs = epochs,
                Schedule = LearningRateSchedule.WarmUp(warmUp, LearningRateSchedule.Cosine(settings.LearningRate, steps - warmUp)),
                Kept = graph.Learned,
                Validate = evaluation is null ? null : () => objective.Judge(evaluation.Run(input.Validation!.Features, input.Validation.Rows), input.Validation.Target),
                Patience = settings.Patience,
                OnEvaluation = input.OnEvaluation is { } onEvaluation
                    ? (epoch, loss) => onEvaluation(new TrialPoint(Math.Min(1, (double)epoch / settings.Epochs), loss))
                    : null,
                Report = (percent, epoch, loss) => input.Report(percent, new Dictionary<string, JsonElement> { ["epoch"] = Json(epoch), ["loss"] = Json(loss) }),
                CheckpointEvery = CheckpointEvery,
                ReportEvery = ReportEvery,
            },
            cancellationToken);

        FillUnseen(result.States, input);
        return new TrainedModel
        {
            Build = features => objective.Decide(network.Build(features, new ServingGraph(features.Graph, result.States))),
            Hyperparameters = settings.ToJson(objective.IsRegression),
            Refit = input.Validation is null ? new Dictionary<string, double>() : new Dictionary<string, double> { ["epochs"] = result.BestEpoch },
            Notes =
            [
                .. deviceNote is null ? [] : new[] { deviceNote },
                .. result.Restarts == 0 ? [] : new[] { string.Create(CultureInfo.InvariantCulture, $"Training diverged; it was begun anew with {Math.Pow(0.1, result.Restarts):G2} of the learning rate.") },
            ],
        };
    }

    private static StateEvaluation Evaluation(TrainingSession session, MultilayerPerceptron network, int width, int threads)
    {
        var graph = new GraphBuilder("evaluation");
        graph.Output(Scores, network.Build(graph.Input(Features, TensorElementType.Float, ["rows", width]), new EvaluationGraph(graph)));
        return new StateEvaluation(session, graph, Features, threads);
    }

    /// <summary>Categories that no row had, so that nothing was learned of them, become the mean of those that were seen.</summary>
    private static void FillUnseen(IReadOnlyDictionary<string, float[]> states, TrainerInput input)
    {
        foreach (var (slot, description) in input.Slots.Index())
        {
            if (description.Categories is not { } categories)
                continue;
            var counts = new int[categories];
            for (var row = 0; row < input.Rows; row++)
                counts[(int)input.Features[(row * input.Width) + slot]]++;

            var table = states[MultilayerPerceptron.EmbeddingOf(slot)];
            var width = table.Length / categories;
            for (var i = 0; i < width; i++)
            {
                var mean = (float)(counts.Index().Sum(c => (double)c.Item * table[(c.Index * width) + i]) / input.Rows);
                foreach (var (category, _) in counts.Index().Where(c => c.Item == 0))
                    table[(category * width) + i] = mean;
            }
        }
    }

    private static string Fingerprint(TrainerInput input, Objective objective, Settings settings)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(MemoryMarshal.AsBytes<float>(input.Features));
        hash.AppendData(MemoryMarshal.AsBytes<float>(input.Weights));
        hash.AppendData(MemoryMarshal.AsBytes<float>(input.Validation?.Features));
        Objective.AppendTo(hash, input.Target);
        if (input.Validation is not null)
            Objective.AppendTo(hash, input.Validation.Target);
        hash.AppendData(JsonSerializer.SerializeToUtf8Bytes(settings.ToJson(objective.IsRegression)));
        hash.AppendData(MemoryMarshal.AsBytes<double>([input.Rows, input.Width, input.Budget, input.Seed]));
        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 16));
    }

    private static JsonElement Json<T>(T value) => JsonSerializer.SerializeToElement(value, JsonDefaults.Options);

    /// <summary>Hyperparameters as used.</summary>
    private sealed record Settings
    {
        public required int Layers { get; init; }

        public required int Width { get; init; }

        public required Activation Activation { get; init; }

        public required double Dropout { get; init; }

        public required Normalization Normalization { get; init; }

        public required bool Residual { get; init; }

        public required double LearningRate { get; init; }

        public required double WeightDecay { get; init; }

        public required int BatchSize { get; init; }

        public required int Epochs { get; init; }

        public required bool Huber { get; init; }

        public int Patience => Math.Max(10, Epochs / 4);

        public static Settings Default(int rows) => new()
        {
            Layers = 2,
            Width = rows < 2_000 ? 64 : rows < 20_000 ? 128 : 256,
            Activation = Activation.Relu,
            Dropout = 0.1,
            Normalization = Normalization.None,
            Residual = false,
            LearningRate = 3e-3,
            WeightDecay = rows < 1_000 ? 1 : rows < 5_000 ? 0.5 : rows < 50_000 ? 0.1 : 0.02,
            BatchSize = rows < 2_000 ? 32 : rows < 10_000 ? 64 : rows < 50_000 ? 128 : rows < 200_000 ? 256 : 512,
            Epochs = rows < 50_000 ? 50 : rows < 500_000 ? 30 : 10,
            Huber = false,
        };

        /// <exception cref="TrainingException">A value is out of range.</exception>
        public static Settings From(Hyperparameters given, int rows)
        {
            var initial = Default(rows);
            return new()
            {
                Layers = Within("layers", given.Integer("layers", initial.Layers), 1, 32),
                Width = Within("width", given.Integer("width", initial.Width), 1, 8192),
                Activation = Choice(given, "activation", initial.Activation),
                Dropout = Within("dropout", given.Number("dropout", initial.Dropout), 0, 0.95),
                Normalization = Choice(given, "normalization", initial.Normalization),
                Residual = given.Flag("residual", initial.Residual),
                LearningRate = Within("learning-rate", given.Number("learning-rate", initial.LearningRate), 1e-9, 1e3),
                WeightDecay = Within("weight-decay", given.Number("weight-decay", initial.WeightDecay), 0, 1e3),
                BatchSize = Within("batch-size", given.Integer("batch-size", initial.BatchSize), 1, 1 << 20),
                Epochs = Within("epochs", given.Integer("epochs", initial.Epochs), 1, 1_000_000),
                Huber = Choice(given, "loss", initial.Huber ? Loss.Huber : Loss.Squared) == Loss.Huber,
            };
        }

        public Dictionary<string, JsonElement> ToJson(bool isRegression)
        {
            var values = new Dictionary<string, JsonElement>
            {
                ["layers"] = Json(Layers),
                ["width"] = Json(Width),
                ["activation"] = Json(Activation),
                ["dropout"] = Json(Dropout),
                ["normalization"] = Json(Normalization),
                ["residual"] = Json(Residual),
                ["learning-rate"] = Json(LearningRate),
                ["weight-decay"] = Json(WeightDecay),
                ["batch-size"] = Json(BatchSize),
                ["epochs"] = Json(Epochs),
            };
            if (isRegression)
                values["loss"] = Json(Huber ? Loss.Huber : Loss.Squared);
            return values;
        }

        private static T Within<T>(string name, T value, T least, T most)
            where T : IComparable<T> =>
            value.CompareTo(least) >= 0 && value.CompareTo(most) <= 0
                ? value
                : throw new TrainingException("A hyperparameter is out of range", string.Create(
                    CultureInfo.InvariantCulture, $"The hyperparameter '{name}' is {value}; give a value from {least} to {most}."));

        private static T Choice<T>(Hyperparameters given, string name, T initial)
            where T : struct, Enum
        {
            var text = given.Text(name, NameOf(initial));
            foreach (var value in Enum.GetValues<T>())
            {
                if (NameOf(value) == text)
                    return value;
            }

            throw new TrainingException(
                "A hyperparameter is out of range",
                $"The hyperparameter '{name}' is '{text}'; choose one of {string.Join(", ", Enum.GetValues<T>().Select(NameOf))}.");
        }

        private static string NameOf<T>(T value)
            where T : struct, Enum => value.ToString().ToLowerInvariant();
    }

    private enum Loss
    {
        Squared,
        Huber,
    }

    /// <summary>What is to be learned: classes, or a number.</summary>
    private sealed class Objective
    {
        public required bool IsRegression { get; init; }

        /// <summary>Scores a row.</summary>
        public required int Width { get; init; }

        public required float[] InitialBias { get; init; }

        /// <summary>The targets as a data input of [rows, <see cref="Width"/>].</summary>
        public required Func<string, MinibatchInput> Targets { get; init; }

        /// <summary>From scores and targets to a loss for each row.</summary>
        public required Func<Value, Value, Value> Losses { get; init; }

        /// <summary>From scores to the model's result.</summary>
        public required Func<Value, Value> Decide { get; init; }

        /// <summary>From scores and targets of validation rows to log loss, or the root of the mean squared error in the target's own units.</summary>
        public required Func<float[], TrainerTarget, double> Judge { get; init; }

        public static Objective For(TrainerInput input, Settings settings) => input.Target switch
        {
            ClassTarget classes => Softmax(classes, input.Weights),
            NumberTarget numbers => Number(numbers, settings.Huber),
            _ => throw new ArgumentException($"A neural network cannot learn a {input.Target.GetType().Name}.", nameof(input)),
        };

        public static void AppendTo(IncrementalHash hash, TrainerTarget target)
        {
            if (target is ClassTarget classes)
                hash.AppendData(MemoryMarshal.AsBytes<int>([.. classes.Rows, classes.Count]));
            else
                hash.AppendData(MemoryMarshal.AsBytes<double>(((NumberTarget)target).Rows));
        }

        private static Objective Softmax(ClassTarget target, float[]? weights)
        {
            // Beginning with the shares of the classes spares the first epochs from learning these alone.
            var shares = new double[target.Count];
            foreach (var (row, label) in target.Rows.Index())
                shares[label] += weights?[row] ?? 1;
            return new()
            {
                IsRegression = false,
                Width = target.Count,
                InitialBias = [.. shares.Select(s => (float)Math.Log((s + 1) / (target.Rows.Length + target.Count)))],
                Targets = name => MinibatchInput.Classes(name, target.Rows, target.Count),
                Losses = (scores, targets) => -(targets * scores.LogSoftmax()).ReduceSum([1]),
                Decide = scores => scores.Softmax(),
                Judge = (scores, actual) => LogLoss(scores, (ClassTarget)actual),
            };
        }

        private static double LogLoss(float[] scores, ClassTarget target)
        {
            double sum = 0;
            for (var row = 0; row < target.Rows.Length; row++)
            {
                var of = scores.AsSpan(row * target.Count, target.Count);
                double highest = float.NegativeInfinity, total = 0;
                foreach (var score in of)
                    highest = Math.Max(highest, score);
                foreach (var score in of)
                    total += Math.Exp(score - highest);
                sum += Math.Log(total) + highest - of[target.Rows[row]];
            }

            return sum / target.Rows.Length;
        }

        private static Objective Number(NumberTarget target, bool huber)
        {
            var mean = target.Rows.Average();
            var deviation = Math.Sqrt(target.Rows.Average(v => (v - mean) * (v - mean)));
            var scale = deviation > 0 ? deviation : 1;
            return new()
            {
                IsRegression = true,
                Width = 1,
                InitialBias = [0],
                Targets = name => MinibatchInput.Rows(name, Array.ConvertAll(target.Rows, v => (float)((v - mean) / scale)), 1),
                Losses = (scores, targets) =>
                {
                    var error = (scores - targets).Reshape([scores.Shape[0]]);
                    if (!huber)
                        return error * error * 0.5;

                    // Squared up to one standard deviation and linear from there on: the squared error less that of what is beyond.
                    var (above, below) = ((error - 1).Relu(), (-error - 1).Relu());
                    return (error * error - above * above - below * below) * 0.5;
                },
                Decide = scores => (scores * scale + mean).Reshape([scores.Shape[0]]),
                Judge = (scores, actual) => Math.Sqrt(((NumberTarget)actual).Rows.Zip(scores, (value, score) =>
                {
                    var error = (score * scale) + mean - value;
                    return error * error;
                }).Average()),
            };
        }
    }
}
