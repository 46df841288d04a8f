using AIaaS.Learning.Features;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Tests.Trees;
using AIaaS.Learning.Trainers;
using AIaaS.Learning.Training;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Tests.Trainers;

/// <summary>How a linear model is trained; that it finds the optimum is what <see cref="LinearOracleTests"/> say.</summary>
public sealed class LinearTrainerTests : IDisposable
{
    private const int Rows = 200;
    private const int Width = 4;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

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

    [Fact]
    public void A_checkpoint_of_other_row_weights_is_passed_over()
    {
        KillAfter(20);
        var steps = 0;

        var trained = new LinearTrainer(TimeProvider.System) { Convergence = new ConvergenceOptions { ReportEvery = TimeSpan.Zero } }
            .Train(Input(ThreeClasses()) with { Weights = Weights(1.5f), Report = (_, _) => steps++ }, CancellationToken.None);

        Assert.Equal(trained.Hyperparameters["steps"].GetInt32(), steps);
    }

    [Fact]
    public void A_row_that_counts_twice_is_as_good_as_two()
    {
        var target = ThreeClasses();
        int[] twice = [.. Enumerable.Range(0, Rows), .. Enumerable.Range(0, Rows / 2)];
        var input = Input(target);

        // The penalty is on the sum of losses, and weights have a mean of 1: with 300 rows it is a share of 200 / 300 as strong.
        var weighted = Evaluate(Train(input with { Weights = Weights(2f) }, ("l2", 2.0 / 3)));
        var repeated = Evaluate(Train(
            input with
            {
                Features = [.. twice.SelectMany(row => input.Features.Skip(row * Width).Take(Width))],
                Rows = twice.Length,
                Target = new ClassTarget(Array.ConvertAll(twice, row => target.Rows[row]), 3),
            },
            ("l2", 1)));

        Assert.All(weighted.Weights.Zip(repeated.Weights), pair => Assert.Equal(pair.First, pair.Second, 1e-3));
    }

    [Fact]
    public void A_killed_lasso_resumes_to_the_same_weights()
    {
        (string, object)[] lasso = [("penalty", "l1"), ("l1", 3)];
        var whole = Evaluate(Train(Input(ThreeClasses()), lasso));
        KillAfter(20, lasso);

        var resumed = Evaluate(Train(Input(ThreeClasses()), lasso));

        Assert.Equal(whole.Weights, resumed.Weights);
        Assert.Contains(0f, resumed.Weights);
    }

    [Fact]
    public void Whatever_the_penalty_only_what_it_goes_by_is_told()
    {
        Assert.Equal(["penalty", "l2", "steps"], Train(Input(Numbers())).Hyperparameters.Keys);
        Assert.Equal(["penalty", "l1", "steps"], Train(Input(Numbers()), ("penalty", "l1"), ("l2", 7)).Hyperparameters.Keys);
        Assert.Equal(["penalty", "l2", "l1", "steps"], Train(Input(Numbers()), ("penalty", "elastic-net")).Hyperparameters.Keys);
    }

    [Theory]
    [InlineData("penalty", "l3", "'penalty' must be one of l2, l1, elastic-net, not l3.")]
    [InlineData("l2", -0.5, "'l2' must be 0 or more, not -0.5.")]
    public void A_penalty_that_cannot_be_is_refused_by_name(string name, object value, string reason) =>
        Assert.Equal(reason, Assert.Throws<TrainingException>(() => Train(Input(Numbers()), (name, value))).Message);

    private static TrainedModel Train(TrainerInput input, params (string Name, object Value)[] hyperparameters) =>
        new LinearTrainer(TimeProvider.System).Train(input with { Hyperparameters = TreeRows.With(hyperparameters) }, CancellationToken.None);

    /// <summary>The first half of the rows counts so many times as much as the others.</summary>
    private static float[] Weights(float first)
    {
        var mean = (first + 1) / 2;
        return [.. Enumerable.Range(0, Rows).Select(row => (row < Rows / 2 ? first : 1) / mean)];
    }

    private void KillAfter(int steps, params (string Name, object Value)[] hyperparameters)
    {
        var done = 0;
        var trainer = new LinearTrainer(TimeProvider.System) { Convergence = new ConvergenceOptions { ReportEvery = TimeSpan.Zero, CheckpointEvery = TimeSpan.Zero } };
        Assert.Throws<InvalidOperationException>(() => trainer.Train(
            Input(ThreeClasses()) with { Hyperparameters = TreeRows.With(hyperparameters), Report = (_, _) => Die() },
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
