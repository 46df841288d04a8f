using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Trainers;
using AIaaS.Learning.Training;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Tests.Trainers;

/// <summary>
/// Held against scikit-learn 1.2.1's LinearSVC and LinearSVR (LIBLINEAR, squared losses), and its CalibratedClassifierCV on the same folds: coefficients
/// to 0.05 % of the largest, probabilities to 0.001 and values to 0.0005 standard deviations of the target.
/// </summary>
public sealed class LinearSvmTrainerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("svm-two")]
    [InlineData("svm-two-weighted")]
    [InlineData("svm-breast-cancer")]
    [InlineData("svm-wine")]
    public void Margins_are_scikit_learn_s(string name)
    {
        var oracle = LinearOracle.Read(name);

        var found = new LinearFit(TimeProvider.System, "margins", new ConvergenceOptions()).Run(
            oracle.Input(_folder.Path),
            LinearObjective.Margins((ClassTarget)oracle.Target),
            new LinearPenalty(LinearPenalty.Ridge, 0, oracle.Hyperparameters.Number("l2", double.NaN)),
            (_, _) => { },
            CancellationToken.None);

        AssertClose(oracle.Coefficients, found.Weights, 0.0005 * oracle.Coefficients.Max(Math.Abs));
        AssertClose(oracle.Intercept, found.Intercept, 0.0005 * oracle.Coefficients.Max(Math.Abs));
    }

    [Theory]
    [InlineData("svm-two")]
    [InlineData("svm-two-weighted")]
    [InlineData("svm-breast-cancer")]
    [InlineData("svm-wine")]
    public void Probabilities_are_those_of_scikit_learn_s_calibration(string name)
    {
        var oracle = LinearOracle.Read(name);

        var p = Run(Train(oracle.Input(_folder.Path)), oracle.Features, oracle.Width);

        AssertClose(oracle.Results, p[..oracle.Results.Length], 0.001);
    }

    [Theory]
    [InlineData("svm-number")]
    [InlineData("svm-diabetes")]
    [InlineData("svm-diabetes-weighted")]
    public void A_regression_is_scikit_learn_s(string name)
    {
        var oracle = LinearOracle.Read(name);

        var values = Run(Train(oracle.Input(_folder.Path)), oracle.Features, oracle.Width);

        AssertClose(oracle.Results, values[..oracle.Results.Length], 0.0005 * TargetScale.Of((NumberTarget)oracle.Target, null).Deviation);
    }

    [Fact]
    public void Probabilities_of_many_classes_add_up_to_1()
    {
        var oracle = LinearOracle.Read("svm-wine");

        var p = Run(Train(oracle.Input(_folder.Path)), [.. oracle.Features.Select(v => v * 1e4f)], oracle.Width);

        Assert.All(p.Chunk(3), row => Assert.Equal(1, row.Sum(), 1e-5));
    }

    [Fact]
    public void A_cancelled_training_resumes_to_the_same_model()
    {
        var oracle = LinearOracle.Read("svm-wine");
        var whole = Run(Train(oracle.Input(_folder["whole"])), oracle.Features, oracle.Width);
        var input = oracle.Input(_folder["cancelled"]);
        using var cancellation = new CancellationTokenSource();
        var trainer = new LinearSvmTrainer(TimeProvider.System) { Convergence = new ConvergenceOptions { ReportEvery = TimeSpan.Zero } };

        Assert.ThrowsAny<OperationCanceledException>(() => trainer.Train(
            input with
            {
                Report = (percent, _) =>
                {
                    // While the second of five folds is trained.
                    if (percent > 100.0 * 2 / 6)
                        cancellation.Cancel();
                },
            },
            cancellation.Token));

        Assert.Contains(Directory.GetFiles(_folder["cancelled"]), file => Path.GetFileName(file).StartsWith("linear-svm-2-", StringComparison.Ordinal));
        Assert.Equal(whole, Run(Train(input), oracle.Features, oracle.Width));
    }

    [Fact]
    public void A_class_of_a_single_row_is_learned_along()
    {
        var oracle = LinearOracle.Read("svm-two");
        var target = (ClassTarget)oracle.Target;

        var p = Run(Train(oracle.Input(_folder.Path) with { Target = new ClassTarget([.. target.Rows.Select((c, row) => row == 7 ? 2 : c)], 3) }), oracle.Features, oracle.Width);

        Assert.All(p, value => Assert.InRange(value, 0f, 1f));
    }

    [Fact]
    public void Progress_rises_over_all_folds()
    {
        var percents = new List<double>();
        var trainer = new LinearSvmTrainer(TimeProvider.System) { Convergence = new ConvergenceOptions { ReportEvery = TimeSpan.Zero } };

        trainer.Train(LinearOracle.Read("svm-two").Input(_folder.Path) with { Report = (percent, _) => percents.Add(percent) }, CancellationToken.None);

        Assert.Equal(percents.Order(), percents);
        Assert.InRange(percents[^1], 80, 100);
    }

    [Theory]
    [InlineData("svm-two", "l2")]
    [InlineData("svm-number", "epsilon")]
    public void A_strength_below_0_is_refused_by_name(string name, string hyperparameter)
    {
        var input = LinearOracle.Read(name).Input(_folder.Path) with
        {
            Hyperparameters = new(new Dictionary<string, JsonElement> { [hyperparameter] = JsonSerializer.SerializeToElement(-1.5, JsonDefaults.Options) }),
        };

        Assert.Equal($"'{hyperparameter}' must be 0 or more, not -1.5.", Assert.Throws<TrainingException>(() => Train(input)).Message);
    }

    private static TrainedModel Train(TrainerInput input) => new LinearSvmTrainer(TimeProvider.System).Train(input, CancellationToken.None);

    private static float[] Run(TrainedModel trained, float[] features, int width)
    {
        var graph = new GraphBuilder("test");
        graph.Output("result", trained.Build(graph.Input("x", TensorElementType.Float, ["rows", width])));
        return GraphRunner.Run<float>(graph, "result", (features, [features.Length / width, width]));
    }

    private static void AssertClose(double[] expected, float[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), p => Assert.Equal(p.First, p.Second, tolerance));
    }
}
