using System.Text.Json;
using AIaaS.Learning.Evaluation;
using AIaaS.Learning.Trainers;

namespace AIaaS.Learning.Tests.Trees;

/// <summary>
/// Held against scikit-learn 1.2.1 and XGBoost 1.7.4 with the same settings on the same rows (<c>tests/oracles/trees/figures.py</c>). Implementations
/// differ in bins and in the order of equal splits, so it is the quality on other rows that must be theirs.
/// </summary>
public sealed class TreeOracleTests : IDisposable
{
    private static readonly Dictionary<string, Dictionary<string, double>> Figures =
        JsonSerializer.Deserialize<Dictionary<string, Dictionary<string, double>>>(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "oracles", "trees", "figures.json")))!;

    private static readonly (string, object)[] Boosting = [("iterations", 60), ("leaves", 15), ("learning-rate", 0.1), ("min-rows-of-leaf", 10), ("l2", 1), ("column-share", 1)];

    private readonly TreeRows _rows = new();

    public void Dispose() => _rows.Dispose();

    [Fact]
    public void Boosting_of_two_classes_ranks_as_well()
    {
        var p = Train(new GradientBoostingTrainer(TimeProvider.System), TreeRows.Two(test: false), 2, Boosting);

        Assert.True(Auc(p) >= Figures["two"].Values.Max() - 0.002, $"{Auc(p)}");
    }

    [Fact]
    public void Boosting_of_three_classes_is_as_likely()
    {
        var p = Train(new GradientBoostingTrainer(TimeProvider.System), TreeRows.Three(test: false), 3, Boosting);

        var loss = ClassificationMetrics.Compute(TreeRows.Three(test: true).Rows, p, 3).Values[Metrics.LogLoss];
        Assert.True(loss <= Figures["three"]["sklearn"] * 1.05, $"{loss}");
    }

    [Fact]
    public void Boosting_of_numbers_is_as_close()
    {
        var values = Train(new GradientBoostingTrainer(TimeProvider.System), TreeRows.Numbers(test: false), 1, Boosting);

        Assert.True(Rmse(values) <= Figures["number"].Values.Min() * 1.02, $"{Rmse(values)}");
    }

    [Fact]
    public void Boosting_of_absolute_errors_is_as_close()
    {
        var values = Train(new GradientBoostingTrainer(TimeProvider.System), TreeRows.Numbers(test: false), 1, [.. Boosting, ("loss", "absolute")]);

        var error = RegressionMetrics.Compute(TreeRows.Numbers(test: true).Rows, values)[Metrics.Mae];
        Assert.True(error <= Figures["absolute"]["sklearn"] * 1.05, $"{error}");
    }

    [Fact]
    public void A_forest_of_two_classes_ranks_as_well()
    {
        var p = Train(new RandomForestTrainer(TimeProvider.System), TreeRows.Two(test: false), 2, ("trees", 100), ("column-share-of-node", 0.35));

        Assert.True(Auc(p) >= Figures["forest-two"]["sklearn"] - 0.002, $"{Auc(p)}");
    }

    [Fact]
    public void A_forest_of_numbers_is_as_close()
    {
        var values = Train(new RandomForestTrainer(TimeProvider.System), TreeRows.Numbers(test: false), 1, ("trees", 100), ("column-share-of-node", 0.35));

        Assert.True(Rmse(values) <= Figures["forest-number"]["sklearn"] * 1.05, $"{Rmse(values)}");
    }

    [Fact]
    public void A_forest_of_three_classes_is_as_likely()
    {
        var p = Train(new RandomForestTrainer(TimeProvider.System), TreeRows.Three(test: false), 3, ("trees", 100), ("column-share-of-node", 0.35));

        var loss = ClassificationMetrics.Compute(TreeRows.Three(test: true).Rows, p, 3).Values[Metrics.LogLoss];
        Assert.True(loss <= Figures["forest-three"]["sklearn"] * 1.1, $"{loss}");
    }

    [Fact]
    public void A_tree_is_as_good()
    {
        var p = Train(new DecisionTreeTrainer(TimeProvider.System), TreeRows.Two(test: false), 2, ("leaves", 16), ("min-rows-of-leaf", 10));
        var values = Train(new DecisionTreeTrainer(TimeProvider.System), TreeRows.Numbers(test: false), 1, ("leaves", 16), ("min-rows-of-leaf", 10));

        Assert.True(Auc(p) >= Figures["tree-two"]["sklearn"] - 0.01, $"{Auc(p)}");
        Assert.True(Rmse(values) <= Figures["tree-number"]["sklearn"] * 1.02, $"{Rmse(values)}");
    }

    private float[] Train(ITrainer trainer, TrainerTarget target, int outputs, params (string, object)[] hyperparameters) =>
        TreeRows.Predict(trainer.Train(_rows.Input(target, hyperparameters), CancellationToken.None), TreeRows.Matrix(test: true), TreeRows.Features, outputs);

    private static double Auc(float[] p) => ClassificationMetrics.Auc(Array.ConvertAll(TreeRows.Two(test: true).Rows, c => c == 1), ClassificationMetrics.Column(p, 2, 1))!.Value;

    private static double Rmse(float[] values) => RegressionMetrics.Compute(TreeRows.Numbers(test: true).Rows, values)[Metrics.Rmse];
}
