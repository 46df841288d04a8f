using System.Numerics;

namespace AIaaS.Serving.Explanations;

/// <summary>How attributions were found.</summary>
public enum ExplanationMethod
{
    /// <summary>All coalitions of features were tried against all background rows.</summary>
    Exact,

    /// <summary>The prediction is a sum over the features, as far as was tried; their order then makes no difference.</summary>
    Additive,

    /// <summary>Averaged over random orders of the features.</summary>
    Sampled,

    /// <summary>Read off the model's trees: what all coalitions give.</summary>
    Trees,
}

/// <param name="Method">How they were found.</param>
/// <param name="Base">Mean output over the background rows that were used, for each output.</param>
/// <param name="Prediction">Output of the explained row; <see cref="Base"/> and all attributions together.</param>
/// <param name="Attributions">By feature and output.</param>
/// <param name="Permutations">Orders that were tried; 0 where the order makes no difference.</param>
internal sealed record Attribution(ExplanationMethod Method, double[] Base, double[] Prediction, double[,] Attributions, int Permutations);

/// <summary>
/// Shapley values of the features of one prediction, absent features taking a background row's values (interventional):
/// Lundberg and Lee 2017, sampled in antithetic pairs of permutations after Mitchell, Cooper, Frank and Holmes 2022.
/// </summary>
/// <param name="evaluate">
/// Runs the model on rows given as (background row, whether each feature is the explained row's), and gives outputs row by row.
/// </param>
internal sealed class ShapleyValues(Func<IReadOnlyList<(int Background, bool[] IsOurs)>, ValueTask<double[]>> evaluate, int features, int outputs, int backgroundRows)
{
    private const int RowsOfRun = 2048;
    private const double AdditiveTolerance = 1e-4;

    public ValueTask<Attribution> ExplainAsync(int maxEvaluations, long seed) =>
        features <= 16 && (1L << features) * backgroundRows <= maxEvaluations ? EnumerateAsync() : SampleAsync(maxEvaluations, seed);

    private async ValueTask<Attribution> EnumerateAsync()
    {
        var coalitions = 1 << features;
        var values = new double[coalitions, outputs];
        var rows = new List<(int, bool[])>();
        for (var coalition = 0; coalition < coalitions; coalition++)
        {
            var isOurs = new bool[features];
            for (var i = 0; i < features; i++)
                isOurs[i] = (coalition >> i & 1) != 0;
            for (var b = 0; b < backgroundRows; b++)
                rows.Add((b, isOurs));
        }

        var results = await EvaluateAsync(rows);
        for (var i = 0; i < results.Length; i++)
            values[i / outputs / backgroundRows, i % outputs] += results[i] / backgroundRows;

        var attributions = new double[features, outputs];
        var weights = Weights();
        for (var coalition = 0; coalition < coalitions; coalition++)
        {
            for (var i = 0; i < features; i++)
            {
                if ((coalition >> i & 1) != 0)
                    continue;
                var weight = weights[BitOperations.PopCount((uint)coalition)];
                for (var k = 0; k < outputs; k++)
                    attributions[i, k] += weight * (values[coalition | (1 << i), k] - values[coalition, k]);
            }
        }

        return new(ExplanationMethod.Exact, RowOf(values, 0), RowOf(values, coalitions - 1), attributions, 0);
    }

    private async ValueTask<Attribution> SampleAsync(int maxEvaluations, long seed)
    {
        // A pair walks from a background row to ours in one order and back in it: each of them features + 1 rows, the ends shared.
        var pairs = Math.Max(1, maxEvaluations / (2 * features));
        // Each background row as often as any other, so that the base value is their mean.
        pairs = pairs >= backgroundRows ? pairs / backgroundRows * backgroundRows : pairs;
        var random = new Random(HashCode(seed));
        var backgrounds = Enumerable.Range(0, backgroundRows).ToArray();
        random.Shuffle(backgrounds);

        var attributions = new double[features, outputs];
        var (prediction, mean) = (new double[outputs], new double[outputs]);
        var isAdditive = true;
        var order = Enumerable.Range(0, features).ToArray();
        for (var done = 0; done < pairs;)
        {
            var count = Math.Min(pairs - done, Math.Max(1, RowsOfRun / (2 * features)));
            var orders = new int[count][];
            var rows = new List<(int, bool[])>(count * 2 * features);
            for (var pair = 0; pair < count; pair++)
            {
                random.Shuffle(order);
                orders[pair] = [.. order];
                AddWalk(rows, backgrounds[(done + pair) % backgroundRows], orders[pair]);
            }

            var results = await EvaluateAsync(rows);
            for (var pair = 0; pair < count; pair++)
                isAdditive &= AddPair(results.AsSpan(pair * 2 * features * outputs, 2 * features * outputs), orders[pair], attributions, mean, prediction);
            done += count;
        }

        Scale(attributions, 1.0 / (2 * pairs));
        for (var k = 0; k < outputs; k++)
            (mean[k], prediction[k]) = (mean[k] / pairs, prediction[k] / pairs);
        return new(isAdditive ? ExplanationMethod.Additive : ExplanationMethod.Sampled, mean, prediction, attributions, 2 * pairs);
    }

    /// <summary>Adds the background row, the steps forward, ours, and the steps in the opposite order.</summary>
    private void AddWalk(List<(int, bool[])> rows, int background, int[] order)
    {
        for (var steps = 0; steps <= features; steps++)
            rows.Add((background, Mask(order.AsSpan(0, steps))));
        for (var steps = 1; steps < features; steps++)
            rows.Add((background, Mask(order.AsSpan(features - steps))));
    }

    private bool[] Mask(ReadOnlySpan<int> ours)
    {
        var mask = new bool[features];
        foreach (var feature in ours)
            mask[feature] = true;
        return mask;
    }

    /// <returns>Whether both orders gave each feature the same.</returns>
    private bool AddPair(ReadOnlySpan<double> values, int[] order, double[,] attributions, double[] mean, double[] prediction)
    {
        var isAdditive = true;
        for (var k = 0; k < outputs; k++)
        {
            var (first, last) = (values[k], values[(features * outputs) + k]);
            mean[k] += first;
            prediction[k] += last;
            for (var step = 0; step < features; step++)
            {
                var forward = values[((step + 1) * outputs) + k] - values[(step * outputs) + k];
                // Backward the features come from the end of the order: with `joined` of them in, this one comes next.
                var joined = features - 1 - step;
                var backward = Backward(values, joined + 1, k) - Backward(values, joined, k);
                attributions[order[step], k] += forward + backward;
                isAdditive &= Math.Abs(forward - backward) <= AdditiveTolerance * Math.Max(1e-3, Math.Max(Math.Abs(first), Math.Abs(last)));
            }
        }

        return isAdditive;
    }

    private double Backward(ReadOnlySpan<double> values, int joined, int output) =>
        values[((joined == 0 ? 0 : joined == features ? features : features + joined) * outputs) + output];

    private async ValueTask<double[]> EvaluateAsync(List<(int, bool[])> rows)
    {
        var results = new double[rows.Count * outputs];
        for (var from = 0; from < rows.Count; from += RowsOfRun)
            (await evaluate(rows.GetRange(from, Math.Min(RowsOfRun, rows.Count - from)))).CopyTo(results, from * outputs);
        return results;
    }

    /// <summary>s! (n - s - 1)! / n! by size s of the coalition.</summary>
    private double[] Weights()
    {
        var weights = new double[features];
        weights[0] = 1.0 / features;
        for (var size = 1; size < features; size++)
            weights[size] = weights[size - 1] * size / (features - size);
        return weights;
    }

    private double[] RowOf(double[,] values, int row) => [.. Enumerable.Range(0, outputs).Select(k => values[row, k])];

    private static void Scale(double[,] values, double factor)
    {
        for (var i = 0; i < values.GetLength(0); i++)
        {
            for (var k = 0; k < values.GetLength(1); k++)
                values[i, k] *= factor;
        }
    }

    private static int HashCode(long seed) => (int)(seed ^ (seed >> 32));
}
