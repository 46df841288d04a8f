using AIaaS.Learning.Onnx;
using AIaaS.Learning.Trainers;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Tests.Trainers;

/// <summary>
/// Linear models find the optimum that scikit-learn 1.2.1 finds in double precision: coefficients to 0.05 % of the largest, probabilities to 0.0001
/// and values to 0.0005 standard deviations of the target.
/// </summary>
public sealed class LinearOracleTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("ridge")]
    [InlineData("ridge-weighted")]
    [InlineData("ridge-diabetes")]
    [InlineData("lasso")]
    [InlineData("lasso-weighted")]
    [InlineData("lasso-diabetes")]
    [InlineData("elastic-net-diabetes")]
    [InlineData("elastic-net-diabetes-weighted")]
    public void A_regression_is_scikit_learn_s(string name)
    {
        var oracle = LinearOracle.Read(name);

        var trained = new LinearTrainer(TimeProvider.System).Train(oracle.Input(_folder.Path), CancellationToken.None);

        AssertClose(oracle.Results, Run(trained, oracle.Features, oracle.Width)[..oracle.Results.Length], 0.0005 * Deviation(oracle));
        AssertClose(oracle.Coefficients, CoefficientsOf(trained, oracle.Width), 0.0005 * oracle.Coefficients.Max(Math.Abs));
    }

    [Theory]
    [InlineData("logistic")]
    [InlineData("logistic-weighted")]
    [InlineData("logistic-breast-cancer")]
    [InlineData("logistic-breast-cancer-balanced")]
    [InlineData("logistic-lasso-breast-cancer")]
    [InlineData("logistic-elastic-net-breast-cancer")]
    [InlineData("softmax")]
    [InlineData("softmax-weighted")]
    [InlineData("softmax-wine")]
    [InlineData("softmax-lasso-wine")]
    [InlineData("softmax-elastic-net-wine")]
    public void A_classification_is_scikit_learn_s(string name)
    {
        var oracle = LinearOracle.Read(name);

        var trained = new LinearTrainer(TimeProvider.System).Train(oracle.Input(_folder.Path), CancellationToken.None);

        AssertClose(oracle.Results, Run(trained, oracle.Features, oracle.Width)[..oracle.Results.Length], 0.0001);
        var weights = Constant(trained, "weights", oracle.Width);
        var scores = oracle.Intercept.Length == 1 ? [.. weights.Where((_, i) => i % 2 == 1)] : weights;
        AssertClose(oracle.Coefficients, scores, 0.0005 * oracle.Coefficients.Max(Math.Abs));
    }

    [Theory]
    [InlineData("lasso")]
    [InlineData("lasso-diabetes")]
    [InlineData("logistic-lasso-breast-cancer")]
    public void An_L1_penalty_leaves_the_features_that_scikit_learn_s_leaves(string name)
    {
        var oracle = LinearOracle.Read(name);

        var trained = new LinearTrainer(TimeProvider.System).Train(oracle.Input(_folder.Path), CancellationToken.None);

        var weights = Constant(trained, "weights", oracle.Width);
        var width = weights.Length / oracle.Width;
        Assert.Equal(
            Enumerable.Range(0, oracle.Width).Where(feature => oracle.Coefficients[feature] == 0),
            Enumerable.Range(0, oracle.Width).Where(feature => weights[(feature * width) + width - 1] == 0));
    }

    private static double Deviation(LinearOracle oracle) => TargetScale.Of((NumberTarget)oracle.Target, null).Deviation;

    private static float[] Run(TrainedModel trained, float[] features, int width)
    {
        var graph = new GraphBuilder("test");
        graph.Output("result", trained.Build(graph.Input("x", TensorElementType.Float, ["rows", width])));
        return GraphRunner.Run<float>(graph, "result", (features, [features.Length / width, width]));
    }

    /// <summary>What each feature adds to a value.</summary>
    private static float[] CoefficientsOf(TrainedModel trained, int width)
    {
        var probes = new float[(width + 1) * width];
        for (var feature = 0; feature < width; feature++)
            probes[((feature + 1) * width) + feature] = 1;
        var values = Run(trained, probes, width);
        return [.. values.Skip(1).Select(value => value - values[0])];
    }

    private static float[] Constant(TrainedModel trained, string name, int width)
    {
        var graph = new GraphBuilder("test");
        graph.Output("result", trained.Build(graph.Input("x", TensorElementType.Float, ["rows", width])));
        return Tensors.Read<float>(graph.ToModel().Graph.Initializer.Single(i => i.Name == name));
    }

    private static void AssertClose(double[] expected, float[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), p => Assert.Equal(p.First, p.Second, tolerance));
    }
}
