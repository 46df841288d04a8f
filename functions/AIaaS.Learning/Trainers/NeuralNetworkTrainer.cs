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

    /// <summary>Multiplications a step, below which threads cost more than they give.</summary>
    private const long WorthwhileForThreads = 20_000_000;

    public string Name => "neural-network";

    /// <summary>How often a checkpoint is saved.</summary>
    public TimeSpan CheckpointEvery { get; init; } = TimeSpan.FromSeconds(10);

    public TimeSpan ReportEvery { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>A value of <see cref="ComputeDevices.Variable"/>.</summary>
    public string? Device { get; init; } = Environment.GetEnvironmentVariable(ComputeDevices.Variable);

    public bool LearnsInSteps => true;

    public bool Supports(LearningTask task) => task is LearningTask.Classification or LearningTask.Regression;

    public IReadOnlyDictionary<string, HyperparameterRange> Space(LearningTask task, int rows)
    {
        var initial = NeuralNetworkSettings.Default(rows);
        var space = new Dictionary<string, HyperparameterRange>
        {
            ["learning-rate"] = HyperparameterRange.LogUniform(3e-4, 3e-2, initial.LearningRate),
            ["width"] = HyperparameterRange.Integers(16, rows < 20_000 ? 256 : 512, initial.Width, RangeScale.Log),
            ["layers"] = HyperparameterRange.Integers(1, 4, initial.Layers),
            ["dropout"] = HyperparameterRange.Uniform(0, 0.5, initial.Dropout),
            ["weight-decay"] = HyperparameterRange.LogUniform(1e-3, 3, initial.WeightDecay),
            ["activation"] = HyperparameterRange.OneOf("relu", "gelu", "tanh"),
            ["normalization"] = HyperparameterRange.OneOf("none", "layer", "batch"),
            ["batch-size"] = HyperparameterRange.Integers(Math.Min(16, rows), Math.Min(rows, 4 * initial.BatchSize), Math.Min(rows, initial.BatchSize), RangeScale.Log),
            ["residual"] = HyperparameterRange.OneOf(false, true),
        };
        if (task == LearningTask.Regression)
            space["loss"] = HyperparameterRange.OneOf("squared", "huber");
        return space;
    }

    public IReadOnlyList<IFeatureEncoder> Encoders(Hyperparameters hyperparameters) =>
        [new DateEncoder(cyclic: true), new NumberEncoder(), new TargetEncoder(OrdinalEncoder.MostCategories), new OrdinalEncoder(), new TextEncoder { MostTerms = 300, ByTarget = true }];

    public TrainedModel Train(TrainerInput input, CancellationToken cancellationToken)
    {
        var settings = NeuralNetworkSettings.From(input.Hyperparameters, input.Rows);
        var objective = NeuralNetworkObjective.For(input, settings.Loss);
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
        step.Minimize(losses.ReduceMean(), settings.CreateOptimizer());

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
        var checkpoints = new CheckpointStore(input.CheckpointFolder, Name, Fingerprint(input, objective, settings));
        var result = new MinibatchLoop(timeProvider, checkpoints).Run(
            new MinibatchTraining
            {
                Session = session,
                Inputs = inputs,
                Batches = batches,
                Epochs = epochs,
                Schedule = settings.CreateSchedule(batches.StepsOf(epochs)),
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

    private static string Fingerprint(TrainerInput input, NeuralNetworkObjective objective, NeuralNetworkSettings settings)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(MemoryMarshal.AsBytes<float>(input.Features));
        hash.AppendData(MemoryMarshal.AsBytes<float>(input.Weights));
        hash.AppendData(MemoryMarshal.AsBytes<float>(input.Validation?.Features));
        NeuralNetworkObjective.AppendTo(hash, input.Target);
        if (input.Validation is not null)
            NeuralNetworkObjective.AppendTo(hash, input.Validation.Target);
        hash.AppendData(JsonSerializer.SerializeToUtf8Bytes(settings.ToJson(objective.IsRegression)));
        hash.AppendData(MemoryMarshal.AsBytes<double>([input.Rows, input.Width, input.Budget, input.Seed]));
        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 16));
    }

    private static JsonElement Json<T>(T value) => JsonSerializer.SerializeToElement(value, JsonDefaults.Options);
}
