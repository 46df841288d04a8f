using AIaaS.Learning.Evaluation;

namespace AIaaS.Learning.Tests.Evaluation;

/// <summary>Expected figures are scikit-learn 1.2.1's for the same rows.</summary>
public sealed class MetricsTests
{
    [Fact]
    public void Classification_equals_scikit_learn()
    {
        var metrics = ClassificationMetrics.Compute(
            [0, 1, 2, 2, 1, 0, 2, 1],
            [.7f, .2f, .1f, .3f, .4f, .3f, .2f, .2f, .6f, .5f, .3f, .2f, .1f, .8f, .1f, .4f, .35f, .25f, .3f, .3f, .4f, .45f, .1f, .45f],
            3);

        Assert.Equal([[2, 0, 0], [1, 2, 0], [1, 0, 2]], metrics.Confusion);
        Assert.Equal(0.75, metrics.Values["accuracy"], 1e-12);
        Assert.Equal(0.7555555555555555, metrics.Values["f1-macro"], 1e-12);
        Assert.Equal(0.968942415008693, metrics.Values["log-loss"], 1e-6);
        Assert.Equal(0.7444444444444445, metrics.Values["auc"], 1e-12);
    }

    [Fact]
    public void Ties_count_half_in_the_area_under_the_curve() =>
        Assert.Equal(0.888888888888889, ClassificationMetrics.Auc([false, true, true, false, true, false], [.1f, .4f, .4f, .4f, .9f, .3f])!.Value, 1e-12);

    [Fact]
    public void Where_one_class_occurs_there_is_no_area() =>
        Assert.DoesNotContain("auc", ClassificationMetrics.Compute([1, 1], [.5f, .5f, .2f, .8f], 2).Values.Keys);

    [Fact]
    public void Regression_equals_scikit_learn()
    {
        var values = RegressionMetrics.Compute([3.0, -0.5, 2.0, 7.0], [2.5f, 0.0f, 2.0f, 8.0f]);

        Assert.Equal(0.6123724356957945, values["rmse"], 1e-12);
        Assert.Equal(0.5, values["mae"], 1e-12);
        Assert.Equal(0.9486081370449679, values["r2"], 1e-12);
    }

    [Theory]
    [InlineData("two", 2, false)]
    [InlineData("two-weighted", 2, true)]
    [InlineData("four", 4, false)]
    [InlineData("four-weighted", 4, true)]
    public void Every_metric_of_classes_equals_scikit_learn(string figures, int classes, bool weighted)
    {
        var (truth, probabilities) = EvaluationFigures.Classes(classes);

        var values = ClassificationMetrics.Compute(truth, probabilities, classes, weighted ? EvaluationFigures.Weights : null).Values;

        Assert.All(EvaluationFigures.Of(figures), figure => Assert.Equal(figure.Value, values[figure.Key], 1e-6));
    }

    [Theory]
    [InlineData("regression", false)]
    [InlineData("regression-weighted", true)]
    public void Every_metric_of_numbers_equals_scikit_learn(string figures, bool weighted)
    {
        var (truth, predictions) = EvaluationFigures.Numbers();

        var values = new Dictionary<string, double>(RegressionMetrics.Compute(truth, predictions, weighted ? EvaluationFigures.Weights : null));
        if (!weighted)
            values["quantile-loss-0.9"] = RegressionMetrics.QuantileLoss(truth, predictions, 0.9);

        Assert.All(EvaluationFigures.Of(figures).Where(figure => !weighted || figure.Key != "quantile-loss-0.9"), figure => Assert.Equal(figure.Value, values[figure.Key], 1e-6));
    }

    [Fact]
    public void Every_metric_that_is_computed_is_in_the_catalogue()
    {
        var (truth, probabilities) = EvaluationFigures.Classes(2);
        var (numbers, predictions) = EvaluationFigures.Numbers();

        var computed = ClassificationMetrics.Compute(truth, probabilities, 2).Values.Keys.Concat(RegressionMetrics.Compute(numbers, predictions).Keys);

        Assert.Equal(Metrics.All.Select(metric => metric.Name).Order(StringComparer.Ordinal), computed.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Predictions_that_are_not_numbers_leave_out_what_they_make_undefined()
    {
        var values = ClassificationMetrics.Compute([0, 1, 1], [float.NaN, float.NaN, .2f, .8f, .4f, .6f], 2).Values;

        Assert.DoesNotContain(Metrics.Brier, values.Keys);
        Assert.Equal(1, values[Metrics.Accuracy], 1e-12);
    }

    [Fact]
    public void A_true_zero_leaves_out_the_percentage_error() =>
        Assert.DoesNotContain(Metrics.Mape, RegressionMetrics.Compute([0, 1], [0.5f, 1]).Keys);
}
