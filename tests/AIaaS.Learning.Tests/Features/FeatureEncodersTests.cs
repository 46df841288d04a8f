using AIaaS.Formats;
using AIaaS.Learning.Features;
using AIaaS.Learning.Onnx;
using AIaaS.Learning.Trainers;

namespace AIaaS.Learning.Tests.Features;

public sealed class FeatureEncodersTests
{
    private static readonly ITrainer Trees = new GradientBoostingTrainer(TimeProvider.System);
    private static readonly ITrainer Linear = new LinearTrainer(TimeProvider.System);

    private static readonly FeatureTable Table = new TableBuilder(40)
        .With("amount", ColumnKind.Number, row => row % 7 == 0 ? float.NaN : row)
        .With("size", ColumnKind.Integer, row => row * row)
        .With("member", ColumnKind.Boolean, row => row % 2)
        .With("city", ColumnKind.Category, row => $"city {row % 3}")
        .With("since", ColumnKind.Datetime, row => 1_700_000_000 + (row * 1_000_000f))
        .With("note", ColumnKind.Text, row => $"the {(row % 2 == 0 ? "even" : "odd")} row")
        .Build();

    [Fact]
    public void Trees_get_values_as_they_are_and_the_parts_of_times()
    {
        Assert.Equal(
            ["since", "since: year", "since: month", "since: day", "since: weekday", "since: hour", "amount", "size", "member", "city"],
            Slots(new(), Trees).Where(slot => !slot.StartsWith("note", StringComparison.Ordinal)));
    }

    [Fact]
    public void Linear_models_get_indicators_and_cycles()
    {
        var slots = Slots(new(), Linear);

        Assert.Contains("amount is missing", slots);
        Assert.Contains("city=city 1", slots);
        Assert.Contains("since: weekday, cosine", slots);
        Assert.Contains("note has 'the even'", slots);
    }

    [Fact]
    public void A_pipeline_chooses_the_encoding_of_all_columns_of_a_kind()
    {
        var slots = Slots(new() { Categories = FeatureEncoding.Target, Dates = FeatureEncoding.Standard, TermWords = 1 }, Linear);

        Assert.Contains("mean by city", slots);
        Assert.DoesNotContain(slots, slot => slot.StartsWith("since:", StringComparison.Ordinal));
        Assert.DoesNotContain("note has 'the even'", slots);
    }

    [Fact]
    public void A_pipeline_chooses_the_encoding_of_one_column()
    {
        var slots = Slots(new() { Categories = FeatureEncoding.Target, Columns = new Dictionary<string, FeatureEncoding> { ["city"] = FeatureEncoding.OneHot } }, Trees);

        Assert.Contains("city=city 0", slots);
        Assert.DoesNotContain("mean by city", slots);
    }

    [Fact]
    public void Components_take_the_place_of_quantities_and_leave_codes()
    {
        var slots = Slots(new() { Components = 3, Texts = FeatureEncoding.Drop }, Trees, Table);

        Assert.Equal(["component 1", "component 2", "component 3", "city"], slots);
    }

    [Fact]
    public void Zero_takes_the_place_of_missing_numbers_where_the_pipeline_says_so()
    {
        var rows = FitTransform(new() { Missing = Imputation.Zero, Numbers = FeatureEncoding.MinMax }, Trees, Only("amount")).Rows;

        Assert.Equal(0, rows[0]);
        Assert.Equal(1, rows[2 * 39]);
    }

    [Fact]
    public void A_category_does_not_tell_its_own_rows_target()
    {
        // Every row has a category of its own: only a leak could tell the target from it.
        var table = new TableBuilder(100).With("id", ColumnKind.Category, row => $"{row}").Build();
        var target = Enumerable.Range(0, 100).Select(row => TableBuilder.Wave(row, 3)).ToArray();
        var (_, rows) = FeaturePipeline.FitTransform(table, FeatureInput.For(table), [new TargetEncoder()], new(new NumberTarget(target), 7), null, CancellationToken.None);

        // What is left is the mean of the other folds, one value for each fold.
        Assert.True(rows.Distinct().Count() <= 5);
    }

    [Fact]
    public void A_category_tells_its_average_to_rows_that_were_not_trained_on()
    {
        var table = new TableBuilder(100).With("c", ColumnKind.Category, row => row % 2 == 0 ? "low" : "high").Build();
        var target = new NumberTarget([.. Enumerable.Range(0, 100).Select(row => (row % 2 * 10) + TableBuilder.Wave(row, 2))]);
        var pipeline = FeaturePipeline.Fit(table, FeatureInput.For(table), [new TargetEncoder()], new(target, 7));

        var rows = pipeline.Transform(new TableBuilder(4).With("c", ColumnKind.Category, row => new[] { "low", "high", "new", "" }[row]).Build(), CancellationToken.None);

        Assert.True(rows[0] < -0.9 && rows[1] > 0.9);
        Assert.Equal([0f, 0f], rows[2..], (a, b) => Math.Abs(a - b) < 0.1);
    }

    [Fact]
    public void Cycles_bring_december_next_to_january()
    {
        float Seconds(int year, int month, int day) => (float)(new DateTime(year, month, day) - DateTime.UnixEpoch).TotalSeconds;
        var table = new FeatureTable(4, [new NumberColumn("t", ColumnKind.Datetime, [Seconds(2023, 12, 31), Seconds(2024, 1, 2), Seconds(2024, 7, 1), float.NaN])]);
        var (pipeline, rows) = FeaturePipeline.FitTransform(
            table, FeatureInput.For(table), [new DateEncoder(cyclic: true)], new(new NumberTarget(new double[4]), 1), null, CancellationToken.None);

        var sine = pipeline.Slots.Select(slot => slot.Name).ToList().IndexOf("t: time of year, sine");
        float[] At(int row) => rows[((row * pipeline.Width) + sine)..((row * pipeline.Width) + sine + 2)];
        Assert.Equal(At(0), At(1), (a, b) => Math.Abs(a - b) < 0.05);
        Assert.True(At(2)[1] < -0.9);
        Assert.Equal([0f, 0f], At(3));
    }

    [Theory]
    [InlineData("")]
    [InlineData("?!")]
    public void Texts_without_words_are_zero(string text)
    {
        var table = new FeatureTable(3, [new TextColumn("t", ColumnKind.Text, [text, text, text])]);
        var rows = FeaturePipeline.FitTransform(
            table, FeatureInput.For(table), [new TextEncoder()], new(new NumberTarget(new double[3]), 1), null, CancellationToken.None).Features;

        Assert.Equal([0f, 0f, 0f], rows);
    }

    [Fact]
    public void New_texts_without_words_are_zero_though_training_had_words()
    {
        var table = new FeatureTable(3, [new TextColumn("t", ColumnKind.Text, ["good food", "good wine", "bad food"])]);
        var pipeline = FeaturePipeline.Fit(table, FeatureInput.For(table), [new TextEncoder()], new(new NumberTarget(new double[3]), 1));

        Assert.All(pipeline.Transform(new FeatureTable(2, [new TextColumn("t", ColumnKind.Text, ["", "?"])]), CancellationToken.None), value => Assert.Equal(0, value));
    }

    [Fact]
    public void Terms_that_tell_the_target_are_kept_where_few_can_be()
    {
        var table = new TableBuilder(60).With("t", ColumnKind.Text, row => $"the same words in every row {(row % 3 == 0 ? "awful" : "lovely")} {row % 20}").Build();
        var target = new ClassTarget([.. Enumerable.Range(0, 60).Select(row => row % 3 == 0 ? 0 : 1)], 2);

        var pipeline = FeaturePipeline.Fit(table, FeatureInput.For(table), [new TextEncoder { MostTerms = 20, ByTarget = true, TermWords = 1 }], new(target, 1));

        Assert.Contains(pipeline.Slots, slot => slot.Name == "t has 'awful'");
        Assert.Contains(pipeline.Slots, slot => slot.Name == "t has 'lovely'");
    }

    [Fact]
    public void Of_more_terms_than_fit_at_once_the_frequent_ones_are_found()
    {
        var texts = Enumerable.Range(0, 500).Select(row => $"common words {(row % 5 == 0 ? "now and then" : "mostly")} unique{row} single{row}").ToArray();

        var counts = TermCounts.Of(texts, longest: 1, most: 100);

        Assert.True(counts.Terms.Count <= 102);
        Assert.Equal([500, 500, 400, 100, 100, 100], counts.Terms.Where(term => term.Rows > 20).Select(term => term.Rows).OrderDescending());
    }

    [Fact]
    public void Texts_are_cut_into_words_row_by_row_so_that_none_is_padded_to_the_length_of_another()
    {
        var table = new FeatureTable(2, [new TextColumn("t", ColumnKind.Text, ["good food", "good wine"])]);
        var inputs = FeatureInput.For(table);
        var graph = new GraphBuilder("features");
        graph.Output("features", FeaturePipeline.Fit(table, inputs, [new TextEncoder()], new(new NumberTarget(new double[2]), 1)).Build(FeaturePipeline.AddInputs(graph, inputs)));

        Assert.Contains(graph.Nodes, node => node.Operator == "Scan");
        Assert.DoesNotContain(graph.Nodes, node => node.Operator == "Tokenizer");
    }

    [Fact]
    public void What_a_column_cannot_be_is_refused_with_what_it_can()
    {
        var schema = new DataSchema { Columns = [Column("city", ColumnKind.Category), Column("y", ColumnKind.Number)] };

        var refused = Assert.Throws<TrainingException>(() => FeatureSelection.From(
            schema, "y", new EncodingPlan { Columns = new Dictionary<string, FeatureEncoding> { ["city"] = FeatureEncoding.Log } }));

        Assert.Contains("one-hot", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_column_that_is_not_there_is_named()
    {
        var schema = new DataSchema { Columns = [Column("city", ColumnKind.Category), Column("y", ColumnKind.Number)] };

        var refused = Assert.Throws<TrainingException>(() => FeatureSelection.From(
            schema, "y", new EncodingPlan { Columns = new Dictionary<string, FeatureEncoding> { ["town"] = FeatureEncoding.Drop } }));

        Assert.Contains("'town'", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Dropped_columns_are_left_out_and_said_so()
    {
        var schema = new DataSchema { Columns = [Column("city", ColumnKind.Category), Column("note", ColumnKind.Text), Column("y", ColumnKind.Number)] };

        var selection = FeatureSelection.From(
            schema, "y", new EncodingPlan { Texts = FeatureEncoding.Drop, Columns = new Dictionary<string, FeatureEncoding> { ["city"] = FeatureEncoding.Drop } });

        Assert.Empty(selection.Names);
        Assert.Equal(2, selection.Notes.Count);
    }

    private static DataColumn Column(string name, ColumnKind kind) => new(name, kind, "VARCHAR", Nullable: true);

    private static FeatureTable Only(string name) => new(Table.Rows, [Table.Columns.Single(column => column.Name == name)]);

    private static IReadOnlyList<string> Slots(EncodingPlan plan, ITrainer trainer, FeatureTable? table = null) =>
        [.. FitTransform(plan, trainer, table ?? Table).Pipeline.Slots.Select(slot => slot.Name)];

    private static (FeaturePipeline Pipeline, float[] Rows) FitTransform(EncodingPlan plan, ITrainer trainer, FeatureTable table)
    {
        if (plan.Texts is FeatureEncoding.Drop)
            table = new(table.Rows, [.. table.Columns.Where(column => column.Kind is not ColumnKind.Text)]);
        var target = new NumberTarget([.. Enumerable.Range(0, table.Rows).Select(row => (double)row)]);
        return FeaturePipeline.FitTransform(
            table, FeatureInput.For(table), FeatureEncoders.For(plan, trainer, Hyperparameters.None), new(target, 1), plan.Components, CancellationToken.None);
    }
}
