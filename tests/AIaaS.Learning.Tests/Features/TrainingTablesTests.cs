using System.Globalization;
using AIaaS.Data;
using AIaaS.Data.Preparation;
using AIaaS.Formats;
using AIaaS.Learning.Features;

namespace AIaaS.Learning.Tests.Features;

/// <summary>From a CSV file, prepared as the product does, to a judged model.</summary>
public sealed class TrainingTablesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_prepared_file_becomes_raw_features_and_a_target()
    {
        using var dataset = Prepare();

        var (features, target) = TrainingTables.Read(dataset, Parameters("kind", LearningTask.Classification), CancellationToken.None);

        Assert.Equal(["colour", "weight", "ripe", "picked"], features.Columns.Select(c => c.Name));
        Assert.Equal(["red", "green", "", "red"], ((TextColumn)features.Columns[0]).Values[..4]);
        Assert.Equal([float.NaN, 101.5f, 103f, 104.5f], ((NumberColumn)features.Columns[1]).Values[..4]);
        Assert.Equal([1f, 0f, 1f, 0f], ((NumberColumn)features.Columns[2]).Values[..4]);
        Assert.Equal(1704067200f, ((NumberColumn)features.Columns[3]).Values[0]);
        Assert.Equal(["apple", "pear", "apple", "pear"], ((ClassTargetColumn)target).Values.Take(4)!);
    }

    [Fact]
    public void A_column_that_is_not_there_is_named()
    {
        using var dataset = Prepare();

        var error = Assert.Throws<TrainingException>(() => TrainingTables.Read(dataset, Parameters("nothing", LearningTask.Classification), CancellationToken.None));

        Assert.Contains("'nothing'", error.Message, StringComparison.Ordinal);
        Assert.Contains("colour", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void More_columns_than_one_query_reads_keep_their_order_and_their_values()
    {
        const int width = 1100;
        // Every seventh column is of texts; several batches of rows, each value told by its place.
        var header = string.Join(',', Enumerable.Range(0, width).Select(c => $"c{c}"));
        var rows = Enumerable.Range(0, 2100).Select(r => string.Join(',', Enumerable.Range(0, width).Select(c => Value(r, c))) + (r % 2 == 0 ? ",a" : ",b"));
        using var dataset = Prepare($"{header},kind\n{string.Join('\n', rows)}\n");

        var (features, _) = TrainingTables.Read(dataset, Parameters("kind", LearningTask.Classification), CancellationToken.None);

        Assert.Equal(width, features.Columns.Count);
        foreach (var (c, column) in features.Columns.Index())
        {
            Assert.Equal($"c{c}", column.Name);
            if (c % 7 == 0)
                Assert.Equal(Value(2099, c), ((TextColumn)column).Values[2099]);
            else
                Assert.Equal(float.Parse(Value(2099, c), CultureInfo.InvariantCulture), ((NumberColumn)column).Values[2099]);
        }

        static string Value(int row, int column) => column % 7 == 0
            ? $"t{(row + column) % 5}"
            : string.Create(CultureInfo.InvariantCulture, $"{row}.{column}");
    }

    [Theory]
    [InlineData("kind", LearningTask.Classification, "accuracy", 1)]
    [InlineData("ripe", LearningTask.Classification, "accuracy", 1)]
    [InlineData("weight", LearningTask.Regression, "r2", 0.9)]
    public void A_model_is_trained_from_a_prepared_file(string column, LearningTask task, string metric, double atLeast)
    {
        using var dataset = Prepare();
        var parameters = Parameters(column, task);
        var (features, target) = TrainingTables.Read(dataset, parameters, CancellationToken.None);

        var metrics = new TrainingRun(TimeProvider.System).Execute(
            new TrainingRequest
            {
                Parameters = parameters,
                Features = features,
                Target = target,
                Schema = dataset.Schema,
                OutputFolder = _folder["outputs"],
                CheckpointFolder = _folder["checkpoints"],
            },
            new Progress<JobProgress>(),
            CancellationToken.None)!;

        Assert.True(metrics.Holdout[metric] >= atLeast, $"{metric} {metrics.Holdout[metric]}");
        Assert.Contains("'number_id' was left out", File.ReadAllText(_folder["outputs/card.json"]), StringComparison.Ordinal);
    }

    private static TrainParameters Parameters(string target, LearningTask task) => new() { Model = "fruit", Target = target, Task = task };

    private PreparedDataset Prepare()
    {
        var lines = Enumerable.Range(0, 120).Select(row => string.Create(
            CultureInfo.InvariantCulture,
            $"{row},{(row % 3 == 2 ? "" : row % 3 == 1 ? "green" : "red")},{(row % 50 == 0 ? "" : (100 + (1.5 * row)).ToString(CultureInfo.InvariantCulture))},{(row % 2 == 0 ? "true" : "false")},{new DateOnly(2024, 1, 1).AddDays(row):yyyy-MM-dd},{(row % 2 == 0 ? "apple" : "pear")}"));
        return Prepare(string.Join('\n', ["number_id,colour,weight,ripe,picked,kind", .. lines, ""]));
    }

    private PreparedDataset Prepare(string csv)
    {
        File.WriteAllText(_folder["fruit.csv"], csv);
        new DatasetPreparation().Prepare([new DatasetSource(_folder["fruit.csv"])], new PrepareParameters(), _folder["prepared"]);
        return PreparedDataset.Open(_folder["prepared"]);
    }
}
