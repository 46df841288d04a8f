using AIaaS.Formats;
using AIaaS.Learning.Features;
using AIaaS.Learning.Trainers;

namespace AIaaS.Learning.Tests.Features;

public sealed class FeaturePipelineTests
{
    [Fact]
    public void Numbers_are_imputed_by_the_median_and_standardized()
    {
        var rows = Transform(Table(new NumberColumn("x", ColumnKind.Number, [1, 3, float.NaN, 8])));

        // Median 3; of 1, 3, 3, 8 the mean is 3.75 and the deviation 2.58602; the second number tells of missing.
        Assert.Equal([-1.063410f, 0, -0.290021f, 0, -0.290021f, 1, 1.643451f, 0], rows, (a, b) => Math.Abs(a - b) < 1e-4);
    }

    [Fact]
    public void Infinity_counts_as_missing()
    {
        var pipeline = Fit(Table(new NumberColumn("x", ColumnKind.Number, [1, 3, 8, 5])));

        var rows = pipeline.Transform(Table(new NumberColumn("x", ColumnKind.Number, [float.NegativeInfinity, float.NaN, 4])), CancellationToken.None);

        Assert.Equal([rows[2], rows[2], rows[2]], rows);
    }

    [Fact]
    public void A_column_that_is_constant_among_the_training_rows_becomes_zero()
    {
        var pipeline = Fit(Table(new NumberColumn("x", ColumnKind.Number, [1e9f, 1e9f, 1e9f])));

        Assert.Equal([0f, 0f], pipeline.Transform(Table(new NumberColumn("x", ColumnKind.Number, [1e9f, 2e9f])), CancellationToken.None));
    }

    [Fact]
    public void Categories_have_a_place_each_and_one_for_unknown_and_one_for_missing()
    {
        var pipeline = Fit(Table(new TextColumn("c", ColumnKind.Category, ["b", "a", "", "a"])));

        var rows = pipeline.Transform(Table(new TextColumn("c", ColumnKind.Category, ["a", "b", "new", ""])), CancellationToken.None);

        Assert.Equal(["c=a", "c=b", "c is another value", "c is missing"], pipeline.Slots.Select(slot => slot.Name));
        Assert.Equal([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1], rows);
    }

    [Fact]
    public void Missing_counts_as_unknown_where_training_had_none_missing()
    {
        var pipeline = Fit(Table(new TextColumn("c", ColumnKind.Category, ["b", "a"])));

        Assert.Equal([0, 0, 1], pipeline.Transform(Table(new TextColumn("c", ColumnKind.Category, [""])), CancellationToken.None));
    }

    [Fact]
    public void Rare_categories_count_as_one_beyond_a_number()
    {
        var table = Table(new TextColumn("c", ColumnKind.Category, ["b", "b", "a", "a", "z", "y"]));
        var pipeline = FeaturePipeline.Fit(table, FeatureInput.For(table), [new CategoryEncoder(maximumCategories: 2)], AnyTarget(table));

        Assert.Equal(["c=a", "c=b", "c is another value"], pipeline.Slots.Select(slot => slot.Name));
        Assert.Contains("4 values", pipeline.Notes.Single(), StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_beyond_one_chunk_are_transformed_in_order()
    {
        var values = Enumerable.Range(0, 40_000).Select(i => (float)i).ToArray();
        var rows = Transform(Table(new NumberColumn("x", ColumnKind.Number, values)));

        Assert.Equal(rows.Order(), rows);
        Assert.Equal(values.Length, rows.Distinct().Count());
    }

    [Fact]
    public void An_input_has_the_feature_s_name_unless_a_graph_could_not_have_it()
    {
        var table = Table(
            new NumberColumn("value", ColumnKind.Number, [1]),
            new NumberColumn("feature_value", ColumnKind.Number, [1]),
            new NumberColumn("a\0b", ColumnKind.Number, [1]),
            new NumberColumn("", ColumnKind.Number, [1]),
            new NumberColumn(" price, in €.", ColumnKind.Number, [1]));

        var inputs = FeatureInput.For(table);

        Assert.Equal(["feature_value_2", "feature_value", "feature_ab", "feature_", " price, in €."], inputs.Select(i => i.Input));
        Assert.Equal(5, FeaturePipeline.Fit(table, inputs, [new NumberEncoder()], AnyTarget(table)).Transform(table, CancellationToken.None).Length);
    }

    private static FeatureTable Table(params FeatureColumn[] columns) => new(columns[0].Rows, columns);

    private static FeaturePipeline Fit(FeatureTable table) =>
        FeaturePipeline.Fit(table, FeatureInput.For(table), [new NumberEncoder(), new CategoryEncoder()], AnyTarget(table));

    private static EncoderContext AnyTarget(FeatureTable table) => new(new NumberTarget(new double[table.Rows]), Seed: 1);

    private static float[] Transform(FeatureTable table) => Fit(table).Transform(table, CancellationToken.None);
}
