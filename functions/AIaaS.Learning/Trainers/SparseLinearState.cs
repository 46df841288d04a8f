using AIaaS.Learning.Differentiation;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using AIaaS.Learning.Runtime;
using AIaaS.Learning.Training;
using AIaaS.Learning.Training.Optimizers;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Trainers;

/// <summary>
/// A linear model over features that are mostly 0, such as the terms of texts: a thousandth of the work of the dense product. Losses and
/// their gradients by the scores are a graph as elsewhere; products and the step of <see cref="AcceleratedGradient"/> are here, since the
/// runtime has no sparse ones that it could be taken back through.
/// </summary>
internal sealed class SparseLinearState : ITrainingState, IDisposable
{
    private const string Scores = "scores";
    private const string Targets = "targets";
    private const string RowWeights = "row_weights";
    private const string Loss = "loss";
    private const string Slope = "slope";
    private const string Age = "age";

    private readonly SparseMatrix _features;
    private readonly int _threads;
    private readonly double _stepSize;
    private readonly double _l2;
    private readonly Parameter _weights;
    private readonly Parameter _intercept;
    private readonly float[] _scores;
    private readonly float[] _slopes;
    private readonly float[] _loss = new float[1];
    private readonly InferenceSession _session;
    private readonly OrtIoBinding _binding;
    private readonly RunOptions _options = new();
    private readonly List<OrtValue> _owned = [];
    private double _age = 1;

    /// <param name="features">The rows.</param>
    /// <param name="objective">What scores are to be like.</param>
    /// <param name="rowWeights">How much each row counts; null for 1.</param>
    /// <param name="l1">Strength of the absolute values, beside the mean loss.</param>
    /// <param name="l2">Strength of the squares, beside the mean loss.</param>
    /// <param name="threads">Threads it may use.</param>
    public SparseLinearState(SparseMatrix features, LinearObjective objective, float[]? rowWeights, double l1, double l2, int threads)
    {
        (_features, _threads, _l2) = (features, threads, l2);
        _stepSize = 1 / ((objective.Curvature * Curvature.Largest(features, threads, rowWeights)) + l2);
        _weights = new(features.Columns * objective.Width, l1);
        _intercept = new(objective.Width, 0);
        _scores = new float[features.Rows * objective.Width];
        _slopes = new float[_scores.Length];

        var graph = new GraphBuilder("losses");
        var scores = graph.Input(Scores, TensorElementType.Float, ["rows", objective.Width]);
        var losses = objective.Losses(scores, graph.Input(Targets, TensorElementType.Float, ["rows", objective.TargetWidth]));
        if (rowWeights is not null)
            losses *= graph.Input(RowWeights, TensorElementType.Float, ["rows"]);
        var loss = losses.ReduceMean();
        graph.Output(Slope, Gradients.Of(loss, [scores])[0]);
        graph.Output(Loss, loss);
        _session = Sessions.Create(graph.ToModel(), threads);
        _binding = _session.CreateIoBinding();
        _binding.BindInput(Scores, Own(_scores, features.Rows, objective.Width));
        _binding.BindInput(Targets, Own(objective.Targets, features.Rows, objective.TargetWidth));
        if (rowWeights is not null)
            _binding.BindInput(RowWeights, Own(rowWeights, features.Rows));
        _binding.BindOutput(Slope, Own(_slopes, features.Rows, objective.Width));
        _binding.BindOutput(Loss, Own(_loss));
    }

    /// <summary>The best weights so far, feature after feature.</summary>
    public float[] Weights => _weights.Iterate;

    public float[] Intercept => _intercept.Iterate;

    public StepResult Step()
    {
        _features.Multiply(_weights.Current, _intercept.Current, _scores, _threads);
        _session.RunWithBinding(_options, _binding);
        _features.MultiplyTransposed(_slopes, _weights.Gradient, _intercept.Gradient, _threads);
        var squares = 0.0;
        for (var i = 0; i < _weights.Current.Length; i++)
        {
            squares += (double)_weights.Current[i] * _weights.Current[i];
            _weights.Gradient[i] += (float)(_l2 * _weights.Current[i]);
        }

        var (uphill, steepest) = _weights.Move(_stepSize);
        var (uphillToo, steepestToo) = _intercept.Move(_stepSize);
        var older = (Math.Sqrt((4 * _age * _age) + 1) + 1) / 2;
        var turns = uphill + uphillToo > 0;
        var share = turns ? 0 : (_age - 1) / older;
        _age = turns ? 1 : older;
        _weights.Advance(share);
        _intercept.Advance(share);
        return new((float)(_loss[0] + (_l2 / 2 * squares)), Math.Max(steepest, steepestToo));
    }

    public Dictionary<string, float[]> ReadAll() => new()
    {
        [LinearFit.Weights] = [.. _weights.Current],
        [LinearFit.Intercept] = [.. _intercept.Current],
        [AcceleratedGradient.IterateOf(LinearFit.Weights)] = [.. _weights.Iterate],
        [AcceleratedGradient.IterateOf(LinearFit.Intercept)] = [.. _intercept.Iterate],
        [Age] = [(float)_age],
    };

    public void Write(IReadOnlyDictionary<string, float[]> states)
    {
        states[LinearFit.Weights].CopyTo(_weights.Current, 0);
        states[LinearFit.Intercept].CopyTo(_intercept.Current, 0);
        states[AcceleratedGradient.IterateOf(LinearFit.Weights)].CopyTo(_weights.Iterate, 0);
        states[AcceleratedGradient.IterateOf(LinearFit.Intercept)].CopyTo(_intercept.Iterate, 0);
        _age = states[Age][0];
    }

    public void Dispose()
    {
        _binding.Dispose();
        _owned.ForEach(value => value.Dispose());
        _session.Dispose();
        _options.Dispose();
    }

    private OrtValue Own(float[] elements, params long[] dimensions)
    {
        var value = OrtValue.CreateTensorValueFromMemory(elements, dimensions);
        _owned.Add(value);
        return value;
    }

    /// <summary>See <see cref="AcceleratedGradient"/>, whose step this is.</summary>
    private sealed class Parameter(int length, double l1)
    {
        private readonly float[] _momentum = new float[length];

        /// <summary>Where the next gradient is taken.</summary>
        public float[] Current { get; } = new float[length];

        public float[] Iterate { get; } = new float[length];

        public float[] Gradient { get; } = new float[length];

        public (double Uphill, float Steepest) Move(double stepSize)
        {
            var (uphill, steepest) = (0.0, 0f);
            for (var i = 0; i < length; i++)
            {
                double gradient = Gradient[i];
                var moved = Current[i] - (gradient * stepSize);
                var slope = gradient;
                if (l1 > 0)
                {
                    slope += Math.Clamp((Current[i] / stepSize) - gradient, -l1, l1);
                    moved -= Math.Clamp(moved, -l1 * stepSize, l1 * stepSize);
                }

                _momentum[i] = (float)(moved - Iterate[i]);
                Iterate[i] = (float)moved;
                uphill += slope * _momentum[i];
                steepest = Math.Max(steepest, (float)Math.Abs(slope));
            }

            return (uphill, steepest);
        }

        public void Advance(double share)
        {
            for (var i = 0; i < length; i++)
                Current[i] = (float)(Iterate[i] + (share * _momentum[i]));
        }
    }
}
