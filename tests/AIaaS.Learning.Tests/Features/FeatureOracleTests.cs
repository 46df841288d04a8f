using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Learning.Features;
using AIaaS.Learning.Trainers;

namespace AIaaS.Learning.Tests.Features;

/// <summary>Features beside those of scikit-learn 1.2.1, pandas and Python's calendar; the figures are by <c>tests/oracles/features/figures.py</c>.</summary>
public sealed class FeatureOracleTests
{
    private static readonly JsonElement Figures = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "oracles", "features", "figures.json"))).RootElement;

    [Theory]
    [InlineData(FeatureEncoding.Standard, "standard")]
    [InlineData(FeatureEncoding.MinMax, "min-max")]
    [InlineData(FeatureEncoding.Robust, "robust")]
    [InlineData(FeatureEncoding.Quantile, "quantile")]
    [InlineData(FeatureEncoding.Log, "log")]
    public void Numbers_have_the_scale_that_scikit_learn_gives_them(FeatureEncoding scaling, string name)
    {
        var numbers = Figures.GetProperty("numbers");
        var raw = numbers.GetProperty("raw").EnumerateArray().Select(v => v.ValueKind is JsonValueKind.Null ? float.NaN : v.GetSingle()).ToArray();
        var expected = numbers.GetProperty(name).EnumerateArray().Select(v => v.GetDouble()).ToArray();

        var (_, rows) = FitTransform(new NumberColumn("x", ColumnKind.Number, raw), new NumberEncoder(scaling));

        for (var row = 0; row < raw.Length; row++)
        {
            Assert.Equal(expected[row], rows[2 * row], 2e-5);
            Assert.Equal(float.IsNaN(raw[row]) ? 1 : 0, rows[(2 * row) + 1]);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Texts_have_the_terms_and_frequencies_that_scikit_learn_finds(int longest)
    {
        var texts = Figures.GetProperty("texts").Deserialize<string[]>()!;
        var expected = Figures.GetProperty("tf-idf").GetProperty($"{longest}");

        var (pipeline, rows) = FitTransform(new TextColumn("t", ColumnKind.Text, texts), new TextEncoder { TermWords = longest });

        var terms = pipeline.Slots.Select(slot => slot.Name["t has '".Length..^1]).ToArray();
        Assert.Equal(expected.GetProperty("terms").Deserialize<string[]>()!.Order(StringComparer.Ordinal), terms.Order(StringComparer.Ordinal));
        for (var row = 0; row < texts.Length; row++)
        {
            var frequencies = expected.GetProperty("rows").GetProperty($"{row}").Deserialize<Dictionary<string, double>>()!;
            for (var i = 0; i < terms.Length; i++)
                Assert.Equal(frequencies.GetValueOrDefault(terms[i]), rows[(row * terms.Length) + i], 2e-6);
        }
    }

    [Fact]
    public void Components_are_scikit_learn_s_but_for_their_sign()
    {
        var expected = Figures.GetProperty("pca");
        var (pipeline, rows) = FitTransform(Waves(), [new NumberEncoder()], components: 6);

        Assert.Equal(6, pipeline.Width);
        foreach (var (row, components) in expected.GetProperty("rows").Deserialize<double[][]>()!.Index())
        {
            for (var i = 0; i < 6; i++)
                Assert.Equal(Math.Abs(components[i]), Math.Abs(rows[(row * 6) + i]), 2e-5);
        }
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(0.8)]
    [InlineData(0.999)]
    public void As_many_components_are_kept_as_the_share_of_variance_asks_for(double share)
    {
        var kept = Figures.GetProperty("pca").GetProperty("kept").Deserialize<double[]>()!;

        Assert.Equal(kept.TakeWhile(k => k < share).Count() + 1, FitTransform(Waves(), [new NumberEncoder()], share).Pipeline.Width);
    }

    [Fact]
    public void Categories_fall_into_the_bucket_of_scikit_learn_s_murmur_hash()
    {
        var buckets = Figures.GetProperty("buckets").Deserialize<Dictionary<string, int>>()!;
        var (_, rows) = FitTransform(new TextColumn("c", ColumnKind.Category, [.. buckets.Keys]), new HashEncoder(256));

        Assert.Equal(buckets.Values, rows.Chunk(256).Select(row => row.IndexOf(1)));
        Assert.Equal(buckets.Count, rows.Sum());
    }

    [Fact]
    public void Times_have_the_parts_that_the_calendar_gives_them()
    {
        var times = Figures.GetProperty("times").EnumerateArray().ToArray();
        float Of(JsonElement time, string part) => time.GetProperty(part).GetSingle();

        var (pipeline, rows) = FitTransform(new NumberColumn("t", ColumnKind.Datetime, [.. times.Select(t => Of(t, "seconds"))]), new DateEncoder(cyclic: false));

        Assert.Equal(["t", "t: year", "t: month", "t: day", "t: weekday", "t: hour"], pipeline.Slots.Select(slot => slot.Name));
        Assert.Equal(
            times.Select(t => new[] { Of(t, "seconds"), Of(t, "year"), Of(t, "month"), Of(t, "day"), Of(t, "weekday"), Of(t, "hour") }),
            rows.Chunk(6));
    }

    [Fact]
    public void Categories_are_the_average_of_their_target_as_far_as_that_is_credible()
    {
        var averages = Figures.GetProperty("averages").Deserialize<Dictionary<string, double>>()!;
        var categories = Enumerable.Range(0, 200).Select(r => FormattableString.Invariant($"c{(int)(Math.Pow(Math.Abs(TableBuilder.Wave(r, 4)), 3) * 40)}")).ToArray();
        var target = Enumerable.Range(0, 200).Select(r => TableBuilder.Wave(r, 5) + (0.1 * (int)(Math.Pow(Math.Abs(TableBuilder.Wave(r, 4)), 3) * 40))).ToArray();
        var names = averages.Keys.ToArray();

        var codes = Array.ConvertAll(categories, c => Array.IndexOf(names, c));
        var values = CategoryAverages.Of(codes, target, names.Length, _ => true).Values;

        Assert.Equal(averages.Values, values.SkipLast(1), (a, b) => Math.Abs(a - b) < 1e-9);
        Assert.Equal(Figures.GetProperty("unseen").GetDouble(), values[^1], 9);
    }

    private static FeatureTable Waves()
    {
        var table = new TableBuilder(200);
        for (var column = 0; column < 6; column++)
        {
            var c = column;
            table.With($"x{c}", ColumnKind.Number, row => (float)(TableBuilder.Wave(row, c) + (c > 2 ? 0.8 * TableBuilder.Wave(row, 0) : 0)));
        }

        return table.Build();
    }

    private static (FeaturePipeline Pipeline, float[] Rows) FitTransform(FeatureColumn column, IFeatureEncoder encoder) =>
        FitTransform(new FeatureTable(column.Rows, [column]), [encoder], components: null);

    private static (FeaturePipeline Pipeline, float[] Features) FitTransform(FeatureTable table, IReadOnlyList<IFeatureEncoder> encoders, double? components) =>
        FeaturePipeline.FitTransform(
            table, FeatureInput.For(table), encoders, new(new NumberTarget(new double[table.Rows]), Seed: 1), components, CancellationToken.None);
}
