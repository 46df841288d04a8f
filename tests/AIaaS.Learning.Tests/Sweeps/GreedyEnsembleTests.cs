using AIaaS.Learning.Sweeps;

namespace AIaaS.Learning.Tests.Sweeps;

public sealed class GreedyEnsembleTests
{
    private const int Rows = 400;

    private static readonly float[] Truth = Noise(0, 1);

    [Fact]
    public void Errors_that_differ_are_averaged_out()
    {
        // The mean of two independent errors has half their variance; the third, five times as wide, is worth one part in 25.
        float[][] candidates = [Wrong(1, 1), Wrong(2, 1), Wrong(3, 5)];

        var weights = GreedyEnsemble.Select(candidates, 1, SquaredError, rounds: 50);

        Assert.Equal(1, weights.Sum(), 1e-12);
        Assert.InRange(weights[0], 0.35, 0.65);
        Assert.InRange(weights[1], 0.35, 0.65);
        Assert.InRange(weights[2], 0, 0.1);
        Assert.True(SquaredError(Mix(candidates, weights)) < 0.6 * candidates.Min(SquaredError));
    }

    [Fact]
    public void It_is_never_worse_than_its_best_candidate()
    {
        for (var seed = 10; seed < 30; seed++)
        {
            float[][] candidates = [Wrong(seed, 3), Wrong(100 + seed, 1), Wrong(200 + seed, 2)];

            Assert.True(SquaredError(Mix(candidates, GreedyEnsemble.Select(candidates, 1, SquaredError, rounds: 20))) <= candidates.Min(SquaredError) * (1 + 1e-6));
        }
    }

    [Fact]
    public void A_second_copy_lets_a_third_come_in_with_less_weight()
    {
        // Off by 1 and by -3.5: half of each is off by 1.25, two parts to one by 0.5.
        var weights = GreedyEnsemble.Select([[1], [-3.5f]], 1, p => Math.Abs(p[0]), rounds: 3);

        Assert.Equal([2.0 / 3, 1.0 / 3], weights);
    }

    [Fact]
    public void Of_equal_candidates_the_earlier_is_taken() =>
        Assert.Equal([0, 1, 0], GreedyEnsemble.Select([Wrong(1, 2), Truth, Truth], 1, SquaredError, rounds: 10));

    [Fact]
    public void Where_no_score_is_a_number_the_first_is_taken() =>
        Assert.Equal([1, 0], GreedyEnsemble.Select([Truth, Truth], 1, _ => double.NaN, rounds: 10));

    [Fact]
    public void Bags_spread_the_weight_and_repeat_by_seed()
    {
        float[][] candidates = [.. Enumerable.Range(1, 8).Select(i => Wrong(i, 1 + (i * 0.01f)))];

        var weights = GreedyEnsemble.Select(candidates, 1, SquaredError, rounds: 5, bags: 20, seed: 3);

        Assert.Equal(1, weights.Sum(), 1e-12);
        Assert.All(weights, w => Assert.True(w > 0));
        Assert.Equal(weights, GreedyEnsemble.Select(candidates, 1, SquaredError, rounds: 5, bags: 20, seed: 3));
    }

    [Fact]
    public void Predictions_of_other_rows_are_refused() =>
        Assert.Throws<ArgumentException>(() => GreedyEnsemble.Select([new float[6], new float[9]], 3, _ => 0, rounds: 1));

    private static double SquaredError(float[] predictions) => predictions.Zip(Truth, (p, t) => (double)(p - t) * (p - t)).Average();

    private static float[] Wrong(int seed, float deviation) => [.. Truth.Zip(Noise(seed, deviation), (t, e) => t + e)];

    private static float[] Noise(int seed, float deviation)
    {
        var draws = new Draws(seed, 0);
        var normal = new TruncatedNormal(0, deviation, -8 * deviation, 8 * deviation);
        return [.. Enumerable.Range(0, Rows).Select(_ => (float)normal.Draw(draws))];
    }

    private static float[] Mix(float[][] candidates, double[] weights) =>
        [.. Enumerable.Range(0, candidates[0].Length).Select(i => (float)candidates.Zip(weights, (c, w) => c[i] * w).Sum())];
}
