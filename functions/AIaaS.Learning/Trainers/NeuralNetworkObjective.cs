using System.Runtime.InteropServices;
using System.Security.Cryptography;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using AIaaS.Learning.Training;

namespace AIaaS.Learning.Trainers;

/// <summary>What is to be learned: classes, or a number.</summary>
internal sealed class NeuralNetworkObjective
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

    public static NeuralNetworkObjective For(TrainerInput input, NetworkLoss loss) => input.Target switch
    {
        ClassTarget classes => Softmax(classes, input.Weights),
        NumberTarget numbers => Number(numbers, loss),
        _ => throw new ArgumentException($"A neural network cannot learn a {input.Target.GetType().Name}.", nameof(input)),
    };

    public static void AppendTo(IncrementalHash hash, TrainerTarget target)
    {
        if (target is ClassTarget classes)
            hash.AppendData(MemoryMarshal.AsBytes<int>([.. classes.Rows, classes.Count]));
        else
            hash.AppendData(MemoryMarshal.AsBytes<double>(((NumberTarget)target).Rows));
    }

    private static NeuralNetworkObjective Softmax(ClassTarget target, float[]? weights)
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

    private static NeuralNetworkObjective Number(NumberTarget target, NetworkLoss loss)
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
                if (loss == NetworkLoss.Squared)
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
