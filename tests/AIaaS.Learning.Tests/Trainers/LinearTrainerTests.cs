using AIaaS.Learning.Features;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Trainers;
using AIaaS.Learning.Training;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Tests.Trainers;

/// <summary>
/// The expected figures are scikit-learn 1.2.1's on the same 200 rows of <see cref="TableBuilder.Wave"/>: LogisticRegression (lbfgs,
/// tol 1e-12) with C = 1 and multi_class = "multinomial", for two classes with C = 2 (a softmax over two scores shares the penalty
/// of a sigmoid's one), and Ridge with alpha = 1.
/// </summary>
public sealed class LinearTrainerTests : IDisposable
{
    private const int Rows = 200;
    private const int Width = 4;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Multinomial_logistic_regression_finds_the_optimum()
    {
        var (weights, intercept, results) = Evaluate(new LinearTrainer(TimeProvider.System).Train(Input(ThreeClasses()), CancellationToken.None));

        AssertClose([-3.067620490, -0.188697924, 3.256318414, 1.838285673, 0.416529791, -2.254815463, -0.928028002, 0.641544204, 0.286483798, -0.374482299, 0.028144993, 0.346337306], weights, 1e-3);
        AssertClose([0.055435827, 0.784556575, -0.839992403], intercept, 1e-3);
        AssertClose([0.2165989419, 0.6241107732, 0.1592902848, 6.360852360e-05, 3.371257401e-02, 0.9662238175], results[..6], 1e-4);
    }

    [Fact]
    public void Binary_logistic_regression_finds_the_optimum()
    {
        var (weights, intercept, results) = Evaluate(new LinearTrainer(TimeProvider.System).Train(Input(TwoClasses()), CancellationToken.None));

        AssertClose([4.570813815, -3.017037218, 1.268406968, -1.277020085], [.. Enumerable.Range(0, Width).Select(i => weights[(2 * i) + 1] - weights[2 * i])], 1e-3);
        AssertClose([-1.494742104], [intercept[1] - intercept[0]], 1e-3);
        AssertClose([0.483368996, 0.516631004, 0.007346730, 0.992653270], results[..4], 1e-4);
    }

    [Fact]
    public void Ridge_regression_finds_the_optimum()
    {
        var (_, _, results) = Evaluate(new LinearTrainer(TimeProvider.System).Train(Input(Numbers()), CancellationToken.None));

        AssertClose([113.754055581, 114.235784596, 121.380500826], results[..3], 1e-3);
    }

    [Fact]
    public void A_convex_problem_converges_in_a_few_hundred_steps()
    {
        var trained = new LinearTrainer(TimeProvider.System).Train(Input(ThreeClasses()), CancellationToken.None);

        Assert.InRange(trained.Hyperparameters["steps"].GetDouble(), 10, 1500);
        Assert.Empty(trained.Notes);
    }

    [Fact]
    public void A_training_that_was_stopped_too_early_says_so()
    {
        var trainer = new LinearTrainer(TimeProvider.System) { Convergence = new ConvergenceOptions { MaximumSteps = 3 } };

        Assert.Contains("3 steps", trainer.Train(Input(ThreeClasses()), CancellationToken.None).Notes.Single(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_cancelled_training_resumes_to_the_same_weights()
    {
        var whole = Evaluate(new LinearTrainer(TimeProvider.System).Train(Input(ThreeClasses()), CancellationToken.None));
        using var cancellation = new CancellationTokenSource();
        var trainer = new LinearTrainer(TimeProvider.System) { Convergence = new ConvergenceOptions { ReportEvery = TimeSpan.Zero } };
        var reports = 0;

        Assert.ThrowsAny<OperationCanceledException>(() => trainer.Train(
            Input(ThreeClasses()) with { Report = (_, _) => CancelAt(37) },
            cancellation.Token));
        Assert.EndsWith("-0000000037.checkpoint", Directory.GetFiles(_folder.Path).Single(), StringComparison.Ordinal);
        var resumed = 0;
        var trained = trainer.Train(Input(ThreeClasses()) with { Report = (_, _) => resumed++ }, CancellationToken.None);

        Assert.Equal(whole.Weights, Evaluate(trained).Weights);
        Assert.Equal(trained.Hyperparameters["steps"].GetInt32(), resumed + 37);

        void CancelAt(int step)
        {
            if (++reports == step)
                cancellation.Cancel();
        }
    }

    [Fact]
    public void A_killed_training_resumes_from_its_last_checkpoint_to_the_same_weights()
    {
        var whole = Evaluate(new LinearTrainer(TimeProvider.System).Train(Input(ThreeClasses()), CancellationToken.None));
        KillAfter(20);

        var resumed = Evaluate(new LinearTrainer(TimeProvider.System).Train(Input(ThreeClasses()), CancellationToken.None));

        Assert.Equal(2, Directory.GetFiles(_folder.Path).Length);
        Assert.Equal(whole.Weights, resumed.Weights);
        Assert.Equal(whole.Intercept, resumed.Intercept);
    }

    [Fact]
    public void A_corrupt_checkpoint_gives_way_to_the_one_before()
    {
        var whole = Evaluate(new LinearTrainer(TimeProvider.System).Train(Input(ThreeClasses()), CancellationToken.None));
        KillAfter(20);
        var latest = Directory.GetFiles(_folder.Path).Max()!;
        var bytes = File.ReadAllBytes(latest);
        bytes[bytes.Length / 2] ^= 1;
        File.WriteAllBytes(latest, bytes);
        var steps = 0;

        var trained = new LinearTrainer(TimeProvider.System) { Convergence = new ConvergenceOptions { ReportEvery = TimeSpan.Zero } }
            .Train(Input(ThreeClasses()) with { Report = (_, _) => steps++ }, CancellationToken.None);

        Assert.Equal(whole.Weights, Evaluate(trained).Weights);
        Assert.Equal(trained.Hyperparameters["steps"].GetInt32() - 19, steps);
    }

    [Fact]
    public void A_checkpoint_of_other_data_is_passed_over()
    {
        KillAfter(20);
        var steps = 0;

        var trained = new LinearTrainer(TimeProvider.System) { Convergence = new ConvergenceOptions { ReportEvery = TimeSpan.Zero } }
            .Train(Input(TwoClasses()) with { Report = (_, _) => steps++ }, CancellationToken.None);

        Assert.Equal(trained.Hyperparameters["steps"].GetInt32(), steps);
    }

    private void KillAfter(int steps)
    {
        var done = 0;
        var trainer = new LinearTrainer(TimeProvider.System) { Convergence = new ConvergenceOptions { ReportEvery = TimeSpan.Zero, CheckpointEvery = TimeSpan.Zero } };
        Assert.Throws<InvalidOperationException>(() => trainer.Train(
            Input(ThreeClasses()) with { Report = (_, _) => Die() },
            CancellationToken.None));

        void Die()
        {
            if (++done == steps)
                throw new InvalidOperationException("killed");
        }
    }

    private TrainerInput Input(TrainerTarget target) => new()
    {
        Features = [.. Enumerable.Range(0, Rows * Width).Select(i => (float)TableBuilder.Wave(i / Width, i % Width))],
        Rows = Rows,
        Width = Width,
        Slots = [.. Enumerable.Range(0, Width).Select(i => new FeatureSlot($"x{i}", $"x{i}"))],
        Target = target,
        Seed = 1,
        Threads = 1,
        CheckpointFolder = _folder.Path,
        Report = (_, _) => { },
    };

    private static double Score(int row) =>
        (1.5 * (float)TableBuilder.Wave(row, 0)) - (float)TableBuilder.Wave(row, 1) + (0.5 * TableBuilder.Wave(row, 11));

    private static ClassTarget ThreeClasses() => new([.. Enumerable.Range(0, Rows).Select(row => Score(row) < -0.6 ? 0 : Score(row) < 0.6 ? 1 : 2)], 3);

    private static ClassTarget TwoClasses() => new([.. Enumerable.Range(0, Rows).Select(row => Score(row) > 0 ? 1 : 0)], 2);

    private static NumberTarget Numbers() => new([.. Enumerable.Range(0, Rows).Select(row =>
        100 + (20 * (double)(float)TableBuilder.Wave(row, 0)) - (7 * (float)TableBuilder.Wave(row, 2)) + (3 * TableBuilder.Wave(row, 11)))]);

    private (float[] Weights, float[] Intercept, float[] Results) Evaluate(TrainedModel trained)
    {
        var graph = new GraphBuilder("test");
        graph.Output("result", trained.Build(graph.Input("x", TensorElementType.Float, ["rows", Width])));
        var initializers = graph.ToModel().Graph.Initializer.ToDictionary(i => i.Name);
        return (
            Tensors.Read<float>(initializers["weights"]),
            Tensors.Read<float>(initializers["intercept"]),
            GraphRunner.Run<float>(graph, "result", (Input(Numbers()).Features, [Rows, Width])));
    }

    private static void AssertClose(double[] expected, float[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), p => Assert.Equal(p.First, p.Second, tolerance));
    }
}
