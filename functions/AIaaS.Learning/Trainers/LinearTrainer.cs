using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Features;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using AIaaS.Learning.Training;
using AIaaS.Learning.Training.Optimizers;

namespace AIaaS.Learning.Trainers;

/// <summary>
/// Softmax (multinomial logistic) regression for classes, ridge regression for numbers. Minimizes the mean loss plus
/// <c>l2 / (2 · rows) · |weights|²</c> (the intercept is free), which is scikit-learn's objective for C = 1 / l2 and alpha = l2,
/// over the whole data until the gradient vanishes.
/// </summary>
internal sealed class LinearTrainer(TimeProvider timeProvider) : ITrainer
{
    private const string Weights = "weights";
    private const string Intercept = "intercept";
    private const string Features = "features";
    private const string Targets = "targets";

    /// <summary>Below this many numbers, threads cost more than they give.</summary>
    private const long SmallData = 1_000_000;

    public string Name => "linear";


    /// <summary>Strength of the L2 penalty where a trial gives none.</summary>
    public double L2 { get; init; } = 1;

    public ConvergenceOptions Convergence { get; init; } = new();

    public bool Supports(LearningTask task) => task is LearningTask.Classification or LearningTask.Regression;

    public IReadOnlyDictionary<string, HyperparameterRange> Space(LearningTask task, int rows) =>
        new Dictionary<string, HyperparameterRange> { ["l2"] = HyperparameterRange.LogUniform(1e-3, 1e3, L2) };

    public IReadOnlyList<IFeatureEncoder> Encoders(Hyperparameters hyperparameters) =>
        [new DateEncoder(cyclic: true), new NumberEncoder(), new TargetEncoder(CategoryEncoder.MostCategories), new CategoryEncoder(), new TextEncoder()];

    public TrainedModel Train(TrainerInput input, CancellationToken cancellationToken)
    {
        var threads = (long)input.Rows * input.Width < SmallData ? 1 : input.Threads;
        var curvature = Curvature.Largest(input.Features, input.Rows, input.Width, threads);
        var l2 = input.Hyperparameters.Number("l2", L2);
        var penalty = l2 / input.Rows;
        var objective = input.Target switch
        {
            ClassTarget classes => Objective.Softmax(classes),
            NumberTarget numbers => Objective.Squares(numbers),
            _ => throw new ArgumentException($"The trainer {Name} cannot learn a {input.Target.GetType().Name}.", nameof(input)),
        };

        var step = new TrainingStep(Name);
        var features = step.Data(Features, ["rows", input.Width]);
        var targets = step.Data(Targets, ["rows", objective.Width]);
        var weights = step.Parameter(Weights, new float[input.Width * objective.Width], input.Width, objective.Width);
        var intercept = step.Parameter(Intercept, new float[objective.Width], objective.Width);
        var loss = objective.Loss(features.Gemm(weights, intercept), targets) + (weights * weights).ReduceSum() * (penalty / 2);
        step.Minimize(loss, new AcceleratedGradient(1 / ((objective.Curvature * curvature) + penalty)));

        using var session = new TrainingSession(
            step,
            new Dictionary<string, (float[], long[])>
            {
                [Features] = (input.Features, [input.Rows, input.Width]),
                [Targets] = (objective.Targets, [input.Rows, objective.Width]),
            },
            threads);
        var checkpoints = new CheckpointStore(input.CheckpointFolder, Name, Fingerprint(input, objective.Targets, l2));
        var result = new ConvergenceLoop(timeProvider, checkpoints, Convergence).Run(
            session,
            (percent, at) => input.Report(percent, new Dictionary<string, JsonElement> { ["loss"] = Json(at.Loss), ["gradient"] = Json(at.GradientNorm) }),
            cancellationToken);

        var (learnedWeights, learnedIntercept) = (session.Read(Weights), session.Read(Intercept));
        return new TrainedModel
        {
            Build = raw => objective.Decide(raw.Gemm(
                raw.Graph.Constant(Weights, learnedWeights, input.Width, objective.Width),
                raw.Graph.Constant(Intercept, learnedIntercept, objective.Width))),
            Hyperparameters = new Dictionary<string, JsonElement> { ["l2"] = Json(l2), ["steps"] = Json(result.Steps) },
            Notes = result.Converged || result.Last.GradientNorm < 1e-4f
                ? []
                : [string.Create(CultureInfo.InvariantCulture, $"Training stopped after {result.Steps} steps, with a gradient of {result.Last.GradientNorm:G2}, before it had converged.")],
        };
    }

    private string Fingerprint(TrainerInput input, float[] targets, double l2)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(MemoryMarshal.AsBytes<float>(input.Features));
        hash.AppendData(MemoryMarshal.AsBytes<float>(targets));
        hash.AppendData(MemoryMarshal.AsBytes<double>([l2, input.Rows, input.Width, Convergence.Tolerance, Convergence.MaximumSteps, Convergence.Patience]));
        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 16));
    }

    private static JsonElement Json(double value) => JsonSerializer.SerializeToElement(value, JsonDefaults.Options);

    /// <param name="Width">Scores a row.</param>
    /// <param name="Targets">Row after row.</param>
    /// <param name="Curvature">Bounds the loss's second derivative by the scores.</param>
    /// <param name="Loss">From scores and targets to the mean loss.</param>
    /// <param name="Decide">From scores to the model's result.</param>
    private sealed record Objective(int Width, float[] Targets, double Curvature, Func<Value, Value, Value> Loss, Func<Value, Value> Decide)
    {
        public static Objective Softmax(ClassTarget target)
        {
            var oneHot = new float[target.Rows.Length * target.Count];
            for (var row = 0; row < target.Rows.Length; row++)
                oneHot[(row * target.Count) + target.Rows[row]] = 1;

            // 1/2 is Böhning's bound for any number of classes (1992).
            return new(
                target.Count,
                oneHot,
                0.5,
                (scores, targets) => -(targets * scores.LogSoftmax()).ReduceSum([1]).ReduceMean(),
                scores => scores.Softmax());
        }

        public static Objective Squares(NumberTarget target)
        {
            var mean = target.Rows.Average();
            var deviation = Math.Sqrt(target.Rows.Average(v => (v - mean) * (v - mean)));
            var scale = deviation > 0 ? deviation : 1;
            return new(
                1,
                Array.ConvertAll(target.Rows, v => (float)((v - mean) / scale)),
                1,
                (scores, targets) => ((scores - targets) * (scores - targets)).ReduceMean() * 0.5,
                scores => (scores * scale + mean).Reshape([scores.Shape[0]]));
        }
    }
}
