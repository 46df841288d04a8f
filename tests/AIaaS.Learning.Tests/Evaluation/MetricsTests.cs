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
}
