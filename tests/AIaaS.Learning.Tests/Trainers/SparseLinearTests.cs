using AIaaS.Formats;
using AIaaS.Learning.Features;
using AIaaS.Learning.Trainers;
using AIaaS.Learning.Training;
using AIaaS.Learning.Training.Optimizers;

namespace AIaaS.Learning.Tests.Trainers;

public sealed class SparseLinearTests : IDisposable
{
    private const int Rows = 2_000;
    private const int Width = 600;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Products_are_those_of_the_dense_matrix(int scores)
    {
        var dense = Terms(0);
        var sparse = SparseMatrix.Of(dense, Rows, Width)!;
        var weights = Enumerable.Range(0, Width * scores).Select(i => (float)TableBuilder.Wave(i, 3)).ToArray();
        var intercept = Enumerable.Range(0, scores).Select(i => i + 0.5f).ToArray();
        var product = new float[Rows * scores];
        var (back, sums) = (new float[Width * scores], new float[scores]);

        sparse.Multiply(weights, intercept, product, threads: 1);
        sparse.MultiplyTransposed(product, back, sums, threads: 2);

        for (var score = 0; score < scores; score++)
        {
            foreach (var row in new[] { 0, 17, Rows - 1 })
                Assert.Equal(intercept[score] + Enumerable.Range(0, Width).Sum(c => (double)dense[(row * Width) + c] * weights[(c * scores) + score]), product[(row * scores) + score], 1e-4);
            foreach (var column in new[] { 0, 255, Width - 1 })
                Assert.Equal(Enumerable.Range(0, Rows).Sum(r => (double)dense[(r * Width) + column] * product[(r * scores) + score]), back[(column * scores) + score], 1e-2);
            Assert.Equal(Enumerable.Range(0, Rows).Sum(r => (double)product[(r * scores) + score]), sums[score], 1e-2);
        }
    }

    [Fact]
    public void A_matrix_with_few_zeros_stays_dense() => Assert.Null(SparseMatrix.Of([.. Enumerable.Repeat(1f, 1000)], 10, 100));

    [Theory]
    [InlineData(2, "l2", 1)]
    [InlineData(2, "elastic-net", 0.5)]
    [InlineData(3, "l2", 1)]
    [InlineData(0, "l2", 3)]
    public void A_model_of_sparse_features_is_that_of_the_same_features_as_dense_ones(int classes, string penalty, double strength)
    {
        // Numbers that are nearly 0 are not left out, and change nothing else.
        var (sparse, dense) = (Fit(0, "sparse"), Fit(1e-12f, "dense"));

        Assert.NotNull(SparseMatrix.Of(Terms(0), Rows, Width));
        Assert.Null(SparseMatrix.Of(Terms(1e-12f), Rows, Width));
        Assert.Equal(dense.Weights, sparse.Weights, (a, b) => Math.Abs(a - b) < 2e-3);
        Assert.Equal(dense.Intercept, sparse.Intercept, (a, b) => Math.Abs(a - b) < 2e-3);

        LinearSolution Fit(float zero, string name)
        {
            var features = Terms(zero);
            var target = Target(features, classes);
            var input = new TrainerInput
            {
                Features = features,
                Rows = Rows,
                Width = Width,
                Slots = [.. Enumerable.Range(0, Width).Select(i => new FeatureSlot($"{i}", $"{i}"))],
                Target = target,
                Weights = [.. Enumerable.Range(0, Rows).Select(row => row % 2 == 0 ? 0.5f : 1.5f)],
                Seed = 1,
                Threads = 2,
                CheckpointFolder = _folder[name],
                Report = (_, _) => { },
            };
            var objective = target is ClassTarget some ? LinearObjective.Likelihood(some) : LinearObjective.Squares((NumberTarget)target, TargetScale.Of((NumberTarget)target, null));
            return new LinearFit(TimeProvider.System, "linear", new ConvergenceOptions { Tolerance = 1e-5 }).Run(
                input, objective, new LinearPenalty(penalty, penalty == "l2" ? 0 : strength, strength), (_, _) => { }, CancellationToken.None);
        }
    }

    [Fact]
    public void A_training_goes_on_from_its_states()
    {
        var features = Terms(0);
        var objective = LinearObjective.Likelihood((ClassTarget)Target(features, 2));
        using var whole = new SparseLinearState(SparseMatrix.Of(features, Rows, Width)!, objective, null, 0, 1e-3, 1);
        using var resumed = new SparseLinearState(SparseMatrix.Of(features, Rows, Width)!, objective, null, 0, 1e-3, 1);
        for (var i = 0; i < 10; i++)
            whole.Step();
        resumed.Write(whole.ReadAll());

        for (var i = 0; i < 10; i++)
        {
            whole.Step();
            resumed.Step();
        }

        Assert.Equal(whole.ReadAll()[AcceleratedGradient.IterateOf(LinearFit.Weights)], resumed.Weights, (a, b) => Math.Abs(a - b) < 1e-6);
    }

    /// <summary>Twelve terms a row, the early ones in more rows.</summary>
    private static float[] Terms(float zero)
    {
        var features = new float[Rows * Width];
        Array.Fill(features, zero);
        for (var row = 0; row < Rows; row++)
        {
            for (var term = 0; term < 12; term++)
                features[(row * Width) + (int)(Math.Pow(Math.Abs(TableBuilder.Wave(row, term)), 2) * Width * 0.999)] = 0.3f;
        }

        return features;
    }

    private static TrainerTarget Target(float[] features, int classes)
    {
        double Score(int row, int of) => Enumerable.Range(0, Width).Sum(c => features[(row * Width) + c] * TableBuilder.Wave(c, 5 + of)) + (0.3 * TableBuilder.Wave(row, 9 + of));
        return classes == 0
            ? new NumberTarget([.. Enumerable.Range(0, Rows).Select(row => Score(row, 0))])
            : new ClassTarget([.. Enumerable.Range(0, Rows).Select(row => Enumerable.Range(0, classes).MaxBy(c => Score(row, c)))], classes);
    }
}
