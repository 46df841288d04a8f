using System.Numerics;
using System.Runtime.InteropServices;
using AIaaS.Learning.Training;

namespace AIaaS.Learning.Sweeps;

/// <summary>
/// Ensemble selection from libraries of models (Caruana, Niculescu-Mizil, Crew and Ksikes 2004): adds, one after the other and with
/// replacement, the model with which the mean of all so far is best.
/// </summary>
public static class GreedyEnsemble
{
    /// <summary>
    /// Rounds without gain after which the rest is not tried. More than one, since the second copy of a model changes nothing by
    /// itself, but lets a third one come in with less weight.
    /// </summary>
    private const int Patience = 5;

    /// <summary>Share of the models that each bag chooses from.</summary>
    private const double BagShare = 0.5;

    private const long Stream = 0x626167; // "bag"

    /// <param name="predictions">Of each candidate, row after row of <paramref name="width"/> numbers, on rows it was not trained on.</param>
    /// <param name="width">Numbers in a row: classes, or 1 for a regression.</param>
    /// <param name="score">How bad predictions are; lower is better, and what is no number is worst. It must not keep the array.</param>
    /// <param name="rounds">Models to be added at most, each as often as it helps.</param>
    /// <param name="bags">
    /// 1 chooses from all candidates. More choose as many times from a random half of them, and the weights are the means, which
    /// keeps many candidates from fitting few rows.
    /// </param>
    /// <param name="seed">Of the bags.</param>
    /// <returns>A weight for each candidate, 0 or above, together 1. Of equal candidates the earlier is taken.</returns>
    /// <exception cref="ArgumentException">There is no candidate, or their predictions are not of the same rows.</exception>
    public static double[] Select(IReadOnlyList<float[]> predictions, int width, Func<float[], double> score, int rounds, int bags = 1, long seed = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(rounds, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(bags, 1);
        if (predictions.Count == 0)
            throw new ArgumentException("There are no candidates.", nameof(predictions));
        if (predictions.Any(p => p.Length != predictions[0].Length) || predictions[0].Length % width != 0)
            throw new ArgumentException($"The predictions are not all of the same rows of {width} numbers.", nameof(predictions));

        var all = Enumerable.Range(0, predictions.Count).ToArray();
        if (bags == 1)
            return Select(predictions, all, score, rounds);

        var weights = new double[predictions.Count];
        for (var bag = 0; bag < bags; bag++)
        {
            var size = Math.Max(1, (int)Math.Round(predictions.Count * BagShare));
            int[] drawn = [.. new CounterGenerator(seed, Stream + bag).Permutation(predictions.Count).Take(size).Order()];
            foreach (var (candidate, weight) in Select(predictions, drawn, score, rounds).Index())
                weights[candidate] += weight / bags;
        }

        return weights;
    }

    private static double[] Select(IReadOnlyList<float[]> predictions, int[] candidates, Func<float[], double> score, int rounds)
    {
        var sums = new float[predictions[0].Length];
        var means = new float[sums.Length];
        var chosen = new List<int>();
        var (best, size) = (double.PositiveInfinity, 0);
        while (chosen.Count < rounds && chosen.Count - size < Patience)
        {
            var (next, lowest) = (candidates[0], double.PositiveInfinity);
            foreach (var candidate in candidates)
            {
                Average(sums, predictions[candidate], 1f / (chosen.Count + 1), means);
                if (score(means) is var value && value < lowest)
                    (next, lowest) = (candidate, value);
            }

            chosen.Add(next);
            Average(sums, predictions[next], 1, sums);
            if (lowest < best || size == 0)
                (best, size) = (lowest, chosen.Count);
        }

        var weights = new double[predictions.Count];
        foreach (var candidate in chosen.Take(size))
            weights[candidate] += 1.0 / size;
        return weights;
    }

    /// <summary>(a + b) · factor.</summary>
    private static void Average(float[] a, float[] b, float factor, float[] result)
    {
        var left = MemoryMarshal.Cast<float, Vector<float>>(a.AsSpan());
        var right = MemoryMarshal.Cast<float, Vector<float>>(b.AsSpan());
        var target = MemoryMarshal.Cast<float, Vector<float>>(result.AsSpan());
        for (var i = 0; i < target.Length; i++)
            target[i] = (left[i] + right[i]) * factor;
        for (var i = target.Length * Vector<float>.Count; i < result.Length; i++)
            result[i] = (a[i] + b[i]) * factor;
    }
}
