using System.Globalization;
using System.Text;
using AIaaS.Data.DuckDb;
using AIaaS.Data.Poisoning;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Tests.Poisoning;

/// <summary>A version before of 2,000 customers, and new versions that go on from it in honest and in other ways.</summary>
public sealed class PoisoningCheckTests : IDisposable
{
    private const int Before = 2_000;
    private const int Added = 1_000;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void More_rows_of_the_same_kind_are_not_suspicious(int seed)
    {
        PoisoningReport report = Check([.. Customers(seed, Before), .. Customers(seed + 100, Added)], Customers(seed, Before))!;

        Assert.Equal(Added, report.Rows);
        Assert.False(report.Suspicious);
        Assert.InRange(report.AnomalousShare, 0, 0.03);
        Assert.InRange(report.FlippedLabelShare!.Value, 0, 0.03);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Outliers_among_the_new_rows_are_found(int seed)
    {
        Customer[] added = Customers(seed + 100, Added);
        var random = new Random(seed);
        int[] poisoned = [.. Poison(added)];
        foreach (int row in poisoned)
            added[row] = added[row] with { Age = 300 + 100 * random.NextDouble(), Income = -50_000 * random.NextDouble(), Plan = $"plan {row}" };

        PoisoningReport report = Check([.. Customers(seed, Before), .. added], Customers(seed, Before))!;

        Assert.True(report.Suspicious);
        Assert.InRange(report.AnomalousShare, 0.13, 0.17);
        Assert.All(report.Examples.Take(10), example => Assert.Equal((PoisoningCheck.Anomalous, true), (example.Reason, poisoned.Contains((int)example.Row - Before))));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void An_outlier_in_a_single_column_is_found_too(int seed)
    {
        Customer[] added = Customers(seed + 100, Added);
        foreach (int row in Poison(added))
            added[row] = added[row] with { Age = 500 };

        PoisoningReport report = Check([.. Customers(seed, Before), .. added], Customers(seed, Before))!;

        Assert.True(report.Suspicious);
        Assert.InRange(report.AnomalousShare, 0.11, 0.17);
    }

    [Fact]
    public void Rows_that_are_odd_in_the_whole_only_are_found_too()
    {
        Customer[] added = Customers(101, Added);
        foreach (int row in Poison(added))
            added[row] = added[row] with { Age = 80 + row % 7, Income = 100_000 + row, Usage = 34 + row % 3, Plan = "pro" };

        PoisoningReport report = Check([.. Customers(1, Before), .. added], Customers(1, Before))!;

        Assert.True(report.Suspicious);
        Assert.InRange(report.AnomalousShare, 0.13, 0.17);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Flipped_labels_are_found(int seed)
    {
        Customer[] added = Customers(seed + 100, Added);
        foreach (int row in Poison(added))
            added[row] = added[row] with { Churned = added[row].Churned == "yes" ? "no" : "yes" };

        PoisoningReport report = Check([.. Customers(seed, Before), .. added], Customers(seed, Before))!;

        Assert.True(report.Suspicious);
        Assert.InRange(report.AnomalousShare, 0, 0.03);
        Assert.InRange(report.FlippedLabelShare!.Value, 0.1, 0.17);
        SuspiciousRow[] flips = [.. report.Examples.Where(example => example.Reason == PoisoningCheck.LabelFlip)];
        Assert.InRange(flips.Length, 10, 20);
        // Against what the customers really do: the honest noise in the labels looks the same.
        Assert.InRange(flips.Count(example => added[example.Row - Before] is var row && row.Leaves != (row.Churned == "yes")) / (double)flips.Length, 0.9, 1);
    }

    [Fact]
    public void Labels_flipped_on_rows_that_were_known_are_found()
    {
        Customer[] all = Customers(1, Before);
        foreach (int row in Poison(all))
            all[row] = all[row] with { Churned = all[row].Churned == "yes" ? "no" : "yes" };

        PoisoningReport report = Check(all, Customers(1, Before))!;

        Assert.Equal(Poison(all).Count(), report.Rows);
        Assert.True(report.Suspicious);
        Assert.InRange(report.FlippedLabelShare!.Value, 0.7, 1);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Drift_alone_is_not_poison(int seed)
    {
        PoisoningReport report = Check([.. Customers(seed, Before), .. Customers(seed + 100, Added, older: 6)], Customers(seed, Before))!;

        Assert.False(report.Suspicious);
        Assert.InRange(report.AnomalousShare, 0, 0.06);
        Assert.InRange(report.FlippedLabelShare!.Value, 0, 0.06);
    }

    [Fact]
    public void Numbers_far_from_those_of_their_neighbours_are_flips_of_a_regression()
    {
        Customer[] added = Customers(101, Added);
        int[] poisoned = [.. Poison(added)];
        var random = new Random(1);
        foreach (int row in poisoned)
            added[row] = added[row] with { Spend = added[row].Spend + (random.Next(2) == 0 ? 400 : -400) };
        var parameters = new PrepareParameters { Target = "spend" };

        PoisoningReport clean = Check([.. Customers(1, Before), .. Customers(101, Added)], Customers(1, Before), parameters)!;
        PoisoningReport report = Check([.. Customers(1, Before), .. added], Customers(1, Before), parameters)!;

        Assert.False(clean.Suspicious);
        Assert.True(report.Suspicious);
        Assert.InRange(report.FlippedLabelShare!.Value, 0.12, 0.17);
        Assert.All(report.Examples.Where(example => example.Reason == PoisoningCheck.LabelFlip), example => Assert.Contains((int)example.Row - Before, poisoned));
    }

    [Fact]
    public void Rows_that_were_there_before_are_not_looked_at_whatever_their_order()
    {
        PoisoningReport report = Check([.. Customers(1, Before).Reverse()], Customers(1, Before))!;

        Assert.Equal((0, 0, 0, false), (report.Rows, report.AnomalousShare, report.FlippedLabelShare, report.Suspicious));
        Assert.Empty(report.Examples);
    }

    [Fact]
    public void Columns_that_come_and_go_do_not_make_old_rows_new()
    {
        Customer[] added = Customers(101, Added);
        foreach (int row in Poison(added))
            added[row] = added[row] with { Age = 500, Income = -40_000 };
        string before = Csv(Customers(1, Before), spend: true).Replace("spend", "gone", StringComparison.Ordinal);

        PoisoningReport report = Check(Csv([.. Customers(1, Before), .. added], spend: true), before)!;

        Assert.Equal(Added, report.Rows);
        Assert.True(report.Suspicious);
    }

    [Fact]
    public void Numbers_that_became_fractions_are_the_same_rows()
    {
        string before = "n,c,churned\n" + string.Concat(Enumerable.Range(0, 300).Select(i => Invariant($"{i},{(char)('a' + i % 5)},{(i % 2 == 0 ? "yes" : "no")}\n")));

        PoisoningReport report = Check(before + "0.5,a,yes\n", before)!;

        Assert.Equal(1, report.Rows);
    }

    [Fact]
    public void Without_a_target_the_features_alone_are_held_against_each_other()
    {
        Customer[] added = Customers(101, Added);
        foreach (int row in Poison(added))
            added[row] = added[row] with { Age = 500, Income = -40_000 };

        PoisoningReport report = Check([.. Customers(1, Before), .. added], Customers(1, Before), new PrepareParameters { Target = "not there" })!;

        Assert.Null(report.FlippedLabelShare);
        Assert.True(report.Suspicious);
    }

    [Fact]
    public void A_class_that_nobody_had_before_is_no_flip_and_rows_without_a_label_are_none_either()
    {
        Customer[] added = Customers(101, Added);
        for (int row = 0; row < Added; row++)
            added[row] = added[row] with { Churned = row % 2 == 0 ? "maybe" : "" };

        PoisoningReport report = Check([.. Customers(1, Before), .. added], Customers(1, Before))!;

        Assert.Null(report.FlippedLabelShare);
        Assert.False(report.Suspicious);
    }

    [Fact]
    public void A_handful_of_new_rows_is_never_suspicious()
    {
        Customer[] added = [.. Customers(101, 5).Select(customer => customer with { Age = 500, Income = -40_000 })];

        PoisoningReport report = Check([.. Customers(1, Before), .. added], Customers(1, Before))!;

        Assert.Equal(5, report.Rows);
        Assert.InRange(report.AnomalousShare, 0.9, 1);
        Assert.False(report.Suspicious);
    }

    [Fact]
    public void The_share_that_is_tolerated_is_the_pipelines_own()
    {
        Customer[] added = Customers(101, Added);
        foreach (int row in Poison(added))
            added[row] = added[row] with { Age = 500, Income = -40_000 };

        PoisoningReport report = Check(
            [.. Customers(1, Before), .. added], Customers(1, Before), new PrepareParameters { Target = "churned", Validate = new() { SuspiciousShare = 0.3 } })!;

        Assert.False(report.Suspicious);
    }

    [Fact]
    public void The_same_versions_give_the_same_report()
    {
        Customer[] added = Customers(101, Added, older: 20);
        PoisoningReport Report() => Check([.. Customers(1, Before), .. added], Customers(1, Before))!;

        PoisoningReport first = Report();
        PoisoningReport second = Report();

        Assert.Equal(first.Examples, second.Examples);
        Assert.Equal(first with { Examples = [] }, second with { Examples = [] });
    }

    [Fact]
    public void Without_a_version_before_or_with_one_of_a_few_rows_there_is_no_report()
    {
        Assert.Null(Check(Csv(Customers(1, Before), spend: false), before: null));
        Assert.Null(Check(Customers(1, Before), Customers(2, 99)));
        Assert.Null(Check(Customers(1, Before), Customers(2, Before), new PrepareParameters { Validate = new() { Poisoning = CheckAction.Off } }));
    }

    /// <summary>15 rows of a hundred.</summary>
    private static IEnumerable<int> Poison(Customer[] rows) => Enumerable.Range(0, rows.Length).Where(row => row % 20 is 3 or 10 or 17);

    /// <summary>Customers who leave when they are young, pay much and have the plan for it; three labels in a hundred are noise.</summary>
    private static Customer[] Customers(int seed, int count, double older = 0)
    {
        var random = new Random(seed);
        double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        var customers = new Customer[count];
        for (int i = 0; i < count; i++)
        {
            double age = 45 + older + 12 * Normal();
            double income = Math.Exp(10.5 + 0.4 * Normal());
            double usage = 20 + 5 * Normal();
            string plan = random.NextDouble() switch { < 0.6 => "basic", < 0.9 => "plus", _ => "pro" };
            double leaving = (45 - age) / 12 + (usage - 20) / 5 + (plan == "basic" ? 0.5 : -0.7) + 0.15 * Normal();
            bool churned = leaving > 0 != random.NextDouble() < 0.03;
            customers[i] = new(
                random.Next(20) == 0 ? null : Math.Round(age, 1), Math.Round(income, 2), Math.Round(usage, 3), plan, random.Next(2) == 0,
                Math.Round(100 + 3 * age + 5 * usage + 10 * Normal(), 2), churned ? "yes" : "no", leaving > 0);
        }
        return customers;
    }

    private static string Csv(Customer[] customers, bool spend)
    {
        var text = new StringBuilder($"age,income,usage,plan,member,{(spend ? "spend," : "")}churned\n");
        foreach (Customer customer in customers)
        {
            text.Append(CultureInfo.InvariantCulture, $"{customer.Age},{customer.Income},{customer.Usage},{customer.Plan},{(customer.Member ? "true" : "false")},");
            if (spend)
                text.Append(CultureInfo.InvariantCulture, $"{customer.Spend},");
            text.Append(customer.Churned).Append('\n');
        }
        return text.ToString();
    }

    private PoisoningReport? Check(Customer[] now, Customer[] before, PrepareParameters? parameters = null)
    {
        bool spend = parameters?.Target == "spend";
        return Check(Csv(now, spend), Csv(before, spend), parameters);
    }

    /// <summary>Prepares both versions, and holds the prepared rows of the second against the files of the first.</summary>
    private PoisoningReport? Check(string now, string? before, PrepareParameters? parameters = null)
    {
        parameters ??= new() { Target = "churned" };
        PreparationBaseline? baseline = null;
        if (before is not null)
        {
            Prepare(before, "before");
            baseline = new(1, _folder["before", PreparedDataset.DataFileName], _folder["before", DataSchema.FileName], _folder["before", DataProfile.FileName]);
        }
        PreparationResult prepared = Prepare(now, "now");

        using DuckDbDatabase database = DuckDbDatabase.Open();
        using DuckDbConnection connection = database.Connect();
        using var quarantine = new Quarantine(new MemoryStream());
        string columns = string.Join(", ", prepared.Schema.Columns.Select((column, i) => Invariant($"{Sql.Identifier(column.Name)} AS c{i}")));
        connection.Execute($"CREATE TABLE data AS SELECT {columns} FROM read_parquet({Sql.Literal(_folder["now", PreparedDataset.DataFileName])})");
        return PoisoningCheck.Check(
            new()
            {
                Connection = connection,
                Parameters = parameters,
                Sources = [],
                Quarantine = quarantine,
                WorkFolder = _folder.Path,
                Baseline = baseline,
                CancellationToken = CancellationToken.None,
                Table = new("data", [.. prepared.Schema.Columns.Select(column => new PreparedColumn(column.Name, column.Type, IsJson: false))]),
            },
            prepared.Profile);
    }

    private PreparationResult Prepare(string csv, string folder) =>
        new DatasetPreparation().Prepare([new(_folder.Write($"{folder}.csv", csv))], new PrepareParameters(), _folder[folder]);

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private sealed record Customer(double? Age, double Income, double Usage, string Plan, bool Member, double Spend, string Churned, bool Leaves);
}
