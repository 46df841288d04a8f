using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using AIaaS.Learning.Runtime;
using AIaaS.Learning.Training;
using AIaaS.Learning.Training.Optimizers;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Trainers;

/// <summary>
/// Finds the weights and the intercept with the least <c>mean(row weight · loss) + (l1 · |weights| + l2 / 2 · |weights|²) / rows</c>; the
/// intercept is free. Over the whole data at once, by accelerated proximal gradients, until what is left of the slope vanishes.
/// </summary>
/// <param name="timeProvider">For checkpoints and reports.</param>
/// <param name="name">Of the training, part of the checkpoints' file names.</param>
/// <param name="convergence">When it ends.</param>
internal sealed class LinearFit(TimeProvider timeProvider, string name, ConvergenceOptions convergence)
{
    public const string Weights = "weights";
    public const string Intercept = "intercept";
    private const string Features = "features";
    private const string Targets = "targets";
    private const string RowWeights = "row_weights";

    /// <summary>Below this many numbers, threads cost more than they give.</summary>
    private const long SmallData = 1_000_000;

    /// <param name="input">Features, row weights, threads and where checkpoints go; the rest is not looked at.</param>
    /// <param name="objective">What its scores are to be like.</param>
    /// <param name="penalty">What large weights cost.</param>
    /// <param name="report">Is told percent and state now and then.</param>
    /// <param name="cancellationToken">Saves a checkpoint before it leaves.</param>
    /// <exception cref="TrainingException">The loss is not a number any more.</exception>
    public LinearSolution Run(
        TrainerInput input, LinearObjective objective, LinearPenalty penalty, Action<double, StepResult> report, CancellationToken cancellationToken)
    {
        var (l1, l2) = (penalty.L1 / input.Rows, penalty.L2 / input.Rows);
        var isLarge = (long)input.Rows * input.Width >= SmallData;
        var loop = new ConvergenceLoop(timeProvider, new CheckpointStore(input.CheckpointFolder, name, Fingerprint(input, objective, penalty)), convergence);
        if (isLarge && SparseMatrix.Of(input.Features, input.Rows, input.Width) is { } sparse)
        {
            using var state = new SparseLinearState(sparse, objective, input.Weights, l1, l2, input.Threads);
            return Solution(loop.Run(state, report, cancellationToken), state.Weights, state.Intercept);
        }

        var threads = isLarge ? input.Threads : 1;
        using var session = Dense(input, objective, l1, l2, threads);
        var result = loop.Run(session, report, cancellationToken);
        return Solution(result, session.Read(AcceleratedGradient.IterateOf(Weights)), session.Read(AcceleratedGradient.IterateOf(Intercept)));

        LinearSolution Solution(ConvergenceResult end, float[] weights, float[] intercept) => new()
        {
            Inputs = input.Width,
            Weights = weights,
            Intercept = intercept,
            Steps = end.Steps,
            Note = end.Converged || end.Last.GradientNorm < 1e-4f
                ? null
                : string.Create(CultureInfo.InvariantCulture, $"Training stopped after {end.Steps} steps, with a gradient of {end.Last.GradientNorm:G2}, before it had converged."),
        };
    }

    private TrainingSession Dense(TrainerInput input, LinearObjective objective, double l1, double l2, int threads)
    {
        var curvature = Curvature.Largest(input.Features, input.Rows, input.Width, threads, input.Weights);
        var step = new TrainingStep(name);
        var features = step.Data(Features, ["rows", input.Width]);
        var targets = step.Data(Targets, ["rows", objective.TargetWidth]);
        var weights = step.Parameter(Weights, new float[input.Width * objective.Width], input.Width, objective.Width);
        var intercept = step.Parameter(Intercept, new float[objective.Width], objective.Width);
        var losses = objective.Losses(features.Gemm(weights, intercept), targets);
        var data = new Dictionary<string, (float[], long[])>
        {
            [Features] = (input.Features, [input.Rows, input.Width]),
            [Targets] = (objective.Targets, [input.Rows, objective.TargetWidth]),
        };
        if (input.Weights is { } rowWeights)
        {
            losses *= step.Data(RowWeights, ["rows"]);
            data.Add(RowWeights, (rowWeights, [input.Rows]));
        }

        step.Minimize(
            losses.ReduceMean() + (weights * weights).ReduceSum() * (l2 / 2),
            new AcceleratedGradient(1 / ((objective.Curvature * curvature) + l2)) { L1 = l1, Penalizes = parameter => parameter.Name == Weights });
        return new TrainingSession(step, data, threads);
    }

    private string Fingerprint(TrainerInput input, LinearObjective objective, LinearPenalty penalty)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(MemoryMarshal.AsBytes<float>(input.Features));
        hash.AppendData(MemoryMarshal.AsBytes<float>(objective.Targets));
        hash.AppendData(MemoryMarshal.AsBytes<float>(input.Weights));
        hash.AppendData(MemoryMarshal.AsBytes<double>(
            [penalty.L1, penalty.L2, objective.Setting, input.Rows, input.Width, convergence.Tolerance, convergence.MaximumSteps, convergence.Patience]));
        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 16));
    }
}

/// <summary>A linear model: scores are <c>features · weights + intercept</c>.</summary>
internal sealed record LinearSolution
{
    public required int Inputs { get; init; }

    /// <summary>Feature after feature, a number for each score.</summary>
    public required float[] Weights { get; init; }

    /// <summary>A number for each score.</summary>
    public required float[] Intercept { get; init; }

    /// <summary>Steps that it took.</summary>
    public required long Steps { get; init; }

    /// <summary>Where it had to end too early.</summary>
    public required string? Note { get; init; }

    public int Width => Intercept.Length;

    /// <summary>From features [rows, <see cref="Inputs"/>] to scores [rows, <see cref="Width"/>].</summary>
    public Value Scores(Value features) => features.Gemm(
        features.Graph.Constant(LinearFit.Weights, Weights, Inputs, Width),
        features.Graph.Constant(LinearFit.Intercept, Intercept, Width));

    /// <summary>The scores of some rows.</summary>
    /// <param name="features">Row after row.</param>
    /// <param name="rows">How many.</param>
    /// <param name="threads">Threads it may use.</param>
    public float[] Scores(float[] features, int rows, int threads)
    {
        var graph = new GraphBuilder("scores");
        graph.Output("scores", Scores(graph.Input("features", TensorElementType.Float, ["rows", Inputs])));
        using var session = Sessions.Create(graph.ToModel(), threads);
        return MatrixFeed.Run(session, "features", features, rows, Inputs, "scores", Width);
    }

    /// <summary>The same scores, each times a factor and with an offset.</summary>
    public LinearSolution Adjust(IReadOnlyList<(double Slope, double Offset)> changes) => this with
    {
        Weights = [.. Weights.Select((weight, i) => (float)(weight * changes[i % Width].Slope))],
        Intercept = [.. Intercept.Select((value, score) => (float)((value * changes[score].Slope) + changes[score].Offset))],
    };

    /// <summary>Two scores for the one of two classes, of which the first is always 0: their softmax is the sigmoid of the one.</summary>
    public LinearSolution WithFirstClass() => this with
    {
        Weights = [.. Weights.SelectMany(weight => new[] { 0, weight })],
        Intercept = [0, Intercept[0]],
    };
}
