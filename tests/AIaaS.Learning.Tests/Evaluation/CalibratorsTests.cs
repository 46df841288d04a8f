using AIaaS.Formats;
using AIaaS.Learning.Evaluation;
using AIaaS.Learning.Onnx;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace AIaaS.Learning.Tests.Evaluation;

/// <summary>Expected figures are scikit-learn 1.2.1's (IsotonicRegression, and the sigmoid of CalibratedClassifierCV over log-odds).</summary>
public sealed class CalibratorsTests
{
    [Theory]
    [InlineData(Calibration.Isotonic, "isotonic", 1e-5)]
    [InlineData(Calibration.Sigmoid, "sigmoid", 1e-4)]
    public void The_graph_calibrates_as_scikit_learn_does(Calibration kind, string figures, double tolerance)
    {
        var (truth, probabilities) = EvaluationFigures.Classes(2);
        var asked = EvaluationFigures.Calibration("asked");

        var calibrated = Calibrate(Calibrators.Fit(kind, probabilities, truth, 2), [.. asked.SelectMany(p => new[] { 1 - p, p })], 2);

        Assert.All(EvaluationFigures.Calibration(figures).Index(), figure => Assert.Equal(figure.Item, calibrated[(2 * figure.Index) + 1], tolerance));
    }

    [Theory]
    [InlineData(Calibration.Temperature, 2)]
    [InlineData(Calibration.Temperature, 4)]
    [InlineData(Calibration.Sigmoid, 4)]
    [InlineData(Calibration.Isotonic, 4)]
    public void What_was_too_sure_becomes_likelier_and_stays_a_distribution(Calibration kind, int classes)
    {
        var (truth, probabilities) = EvaluationFigures.Classes(classes);
        var sure = Sharpen(probabilities, classes);

        var calibrated = Calibrate(Calibrators.Fit(kind, sure, truth, classes), sure, classes);

        Assert.True(Loss(truth, calibrated, classes) < 0.9 * Loss(truth, sure, classes));
        Assert.All(calibrated.Chunk(classes), row => Assert.Equal(1, row.Sum(), 1e-5));
        Assert.All(calibrated, p => Assert.InRange(p, 0f, 1f));
    }

    [Fact]
    public void A_temperature_finds_the_scale_that_was_taken_away()
    {
        var (truth, probabilities) = EvaluationFigures.Classes(3);
        var own = Calibrators.FitTemperature(probabilities, truth, 3);

        Assert.Equal(own / 3, Calibrators.FitTemperature(Sharpen(probabilities, 3), truth, 3), 1e-3);
    }

    [Theory]
    [InlineData(Calibration.Temperature)]
    [InlineData(Calibration.Sigmoid)]
    [InlineData(Calibration.Isotonic)]
    public void Predictions_that_are_always_right_are_left_with_numbers(Calibration kind)
    {
        var calibrated = Calibrate(Calibrators.Fit(kind, [1, 0, 0, 1, 1, 0, 0, 1], [0, 1, 0, 1], 2), [1, 0, 0.5f, 0.5f, 0, 1], 2);

        Assert.All(calibrated, p => Assert.InRange(p, 0f, 1f));
        Assert.True(calibrated[0] > 0.5 && calibrated[5] > 0.5);
    }

    private static float[] Sharpen(float[] probabilities, int classes) => [.. probabilities.Chunk(classes).SelectMany(row =>
    {
        var cubes = row.Select(p => Math.Pow(p, 3)).ToArray();
        return cubes.Select(p => (float)(p / cubes.Sum()));
    })];

    private static double Loss(int[] truth, float[] probabilities, int classes) => ClassificationMetrics.Compute(truth, probabilities, classes).Values[Metrics.LogLoss];

    private static float[] Calibrate(ICalibrator calibrator, float[] probabilities, int classes)
    {
        var graph = new GraphBuilder("calibration");
        graph.Output("calibrated", calibrator.Build(graph.Input("p", TensorElementType.Float, ["rows", classes])));
        return GraphRunner.Run<float>(graph, "calibrated", (probabilities, [probabilities.Length / classes, classes]));
    }
}
