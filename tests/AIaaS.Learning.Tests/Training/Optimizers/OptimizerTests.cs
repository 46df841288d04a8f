using System.Globalization;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Onnx.Operators;
using AIaaS.Learning.Training;
using AIaaS.Learning.Training.Optimizers;

namespace AIaaS.Learning.Tests.Training.Optimizers;

/// <summary>
/// The expected trajectories are those of PyTorch 1.13 in double precision, recorded by <c>tests/oracles/optimizers/optimizers.py</c>,
/// which also says what the model is.
/// </summary>
public sealed class OptimizerTests
{
    private const int Steps = 100;
    private const double Tolerance = 1e-5;

    [Fact]
    public void Gradient_descent_goes_where_PyTorch_goes() => AssertTrajectory("sgd", new GradientDescent(), 0.1);

    [Fact]
    public void Momentum_goes_where_PyTorch_goes() => AssertTrajectory("momentum", new GradientDescent { Momentum = 0.9 }, 0.05);

    [Fact]
    public void Nesterov_s_momentum_goes_where_PyTorch_goes() =>
        AssertTrajectory("nesterov", new GradientDescent { Momentum = 0.9, Nesterov = true }, 0.05);

    [Fact]
    public void AdaGrad_goes_where_PyTorch_goes() => AssertTrajectory("adagrad", new AdaptiveGradient { Epsilon = 1e-10 }, 0.03);

    [Fact]
    public void RMSprop_goes_where_PyTorch_goes() => AssertTrajectory("rmsprop", new AdaptiveGradient { Decay = 0.99 }, 0.003);

    [Fact]
    public void Adam_goes_where_PyTorch_goes() => AssertTrajectory("adam", new Adam(), 0.02);

    [Fact]
    public void AdamW_goes_where_PyTorch_goes() => AssertTrajectory("adamw", new Adam { WeightDecay = 0.1 }, 0.02);

    [Fact]
    public void An_L2_penalty_goes_where_PyTorch_goes() =>
        AssertTrajectory("l2", new WeightPenalty(new GradientDescent { Momentum = 0.9 }) { L2 = 0.02 }, 0.05);

    [Fact]
    public void Adam_with_an_L2_penalty_goes_where_PyTorch_goes() => AssertTrajectory("adam-l2", new WeightPenalty(new Adam()) { L2 = 0.02 }, 0.02);

    [Fact]
    public void An_L1_penalty_goes_where_PyTorch_goes() => AssertTrajectory("l1", new WeightPenalty(new GradientDescent()) { L1 = 0.01 }, 0.1);

    [Fact]
    public void Clipping_by_norm_goes_where_PyTorch_goes() =>
        AssertTrajectory("clip-norm", new GradientClipping(new GradientDescent { Momentum = 0.9 }) { Norm = 0.3 }, 0.1);

    [Fact]
    public void Clipping_by_value_goes_where_PyTorch_goes() =>
        AssertTrajectory("clip-value", new GradientClipping(new GradientDescent { Momentum = 0.9 }) { Value = 0.05 }, 0.1);

    [Fact]
    public void A_cosine_goes_where_PyTorch_goes() =>
        AssertTrajectory("cosine", new GradientDescent(), LearningRateSchedule.Cosine(0.2, Steps, 0.01));

    [Fact]
    public void A_warm_up_before_a_cosine_goes_where_PyTorch_goes() =>
        AssertTrajectory("warm-up", new Adam(), LearningRateSchedule.WarmUp(20, LearningRateSchedule.Cosine(0.03, Steps - 20), 0.01));

    [Fact]
    public void Reducing_on_a_plateau_goes_where_PyTorch_goes() =>
        AssertTrajectory("plateau", new GradientDescent(), LearningRateSchedule.ReduceOnPlateau(0.6, 0.5, 3, 0.05));

    [Fact]
    public void What_is_not_to_decay_does_not()
    {
        var decaying = Trajectory(new Adam { WeightDecay = 1 }, LearningRateSchedule.Constant(0.02)).Weights;
        var matricesOnly = Trajectory(new Adam { WeightDecay = 1, Decays = p => p.Dimensions.Length > 1 }, LearningRateSchedule.Constant(0.02)).Weights;
        var none = Trajectory(new Adam(), LearningRateSchedule.Constant(0.02)).Weights;

        Assert.True(matricesOnly[..30].Sum(MathF.Abs) < none[..30].Sum(MathF.Abs));
        Assert.True(decaying[30..35].Sum(MathF.Abs) < matricesOnly[30..35].Sum(MathF.Abs));
    }

    private static void AssertTrajectory(string name, IOptimizer optimizer, double rate) =>
        AssertTrajectory(name, optimizer, LearningRateSchedule.Constant(rate));

    private static void AssertTrajectory(string name, IOptimizer optimizer, LearningRateSchedule schedule)
    {
        var expected = File.ReadLines(Path.Combine(AppContext.BaseDirectory, "oracles", "optimizers", "trajectories.csv"))
            .Select(line => line.Split(',')).Single(fields => fields[0] == name)
            .Skip(1).Select(field => double.Parse(field, CultureInfo.InvariantCulture)).ToArray();
        var (losses, weights) = Trajectory(optimizer, schedule);

        Assert.All(expected.Zip([.. losses, .. weights]), p => Assert.Equal(p.First, p.Second, Tolerance));
        Assert.Equal(expected.Length, losses.Length + weights.Length);
    }

    private static (float[] Losses, float[] Weights) Trajectory(IOptimizer optimizer, LearningRateSchedule schedule)
    {
        var step = new TrainingStep("test");
        var x = step.Data("x", [12, 6]);
        var y = step.Data("y", [12, 2]);
        string[] names = ["a", "b", "c"];
        var a = step.Parameter("a", Scattered(30, 3, 0.5f), 6, 5);
        var b = step.Parameter("b", Scattered(5, 5, 0.1f), 5);
        var c = step.Parameter("c", Scattered(10, 8, 0.5f), 5, 2);
        var error = x.Gemm(a, b).Tanh().MatMul(c) - y;
        step.Minimize((error * error).ReduceMean(), optimizer);
        using var session = new TrainingSession(
            step,
            new Dictionary<string, (float[], long[])>
            {
                ["x"] = (Scattered(72, 13, 1), [12, 6]),
                ["y"] = (Scattered(24, 21, 2), [12, 2]),
                [TrainingStep.LearningRateInput] = (new float[1], []),
            },
            threads: 1);

        var losses = new float[Steps];
        for (var i = 0; i < Steps; i++)
        {
            session.Rewrite(TrainingStep.LearningRateInput)[0] = (float)schedule.At(i);
            losses[i] = session.Step().Loss;
            schedule.Observe(losses[i]);
        }

        return (losses, [.. names.SelectMany(session.Read)]);
    }

    private static float[] Scattered(int count, int start, float scale) =>
        [.. Enumerable.Range(0, count).Select(i => (((i + 1) * (i + start) * 31 % 257 / 128f) - 1) * scale)];
}
