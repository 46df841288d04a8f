using System.Globalization;
using System.Text.Json;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Tests.Validation;

public sealed class ContractTests : VersionsTest
{
    private static readonly string Orders = Csv("order_id,amount,quantity,channel,paid,day,note", 200,
        i => FormattableString.Invariant($"k{i:000},{10 + i * 0.4:0.0},{i % 9 + 1},{(i % 4 == 0 ? "web" : "shop")},{(i % 3 == 0 ? "true" : "false")},2024-03-{i % 28 + 1:00},{(i % 2 == 0 ? $"note {i} in some words" : "")}"));

    [Fact]
    public void A_first_version_teaches_what_the_next_should_keep()
    {
        DataContract contract = First(Orders).Contract;
        ColumnContract Column(string name) => contract.Columns.Single(column => column.Name == name);
        Assert.False(contract.Closed);
        Assert.All(contract.Columns, column => Assert.True(column.Required));
        Assert.True(Column("order_id").Unique);
        Assert.Equal((0, 129.4), (Column("amount").Minimum!.Value.GetDouble(), Column("amount").Maximum!.Value.GetDouble()));
        Assert.Equal((0, 13), (Column("quantity").Minimum!.Value.GetDouble(), Column("quantity").Maximum!.Value.GetDouble()));
        Assert.Equal(["shop", "web"], Column("channel").AllowedValues);
        Assert.Equal((ColumnKind.Boolean, 0.02), (Column("paid").Kind, Column("paid").MaximumMissing));
        Assert.Null(Column("day").Maximum);
        Assert.Equal(0.63, Column("note").MaximumMissing);
    }

    [Fact]
    public void What_few_rows_cannot_tell_is_not_promised()
    {
        DataContract contract = First("a,b,c\n1,x,\n2,y,\n3,x,\n").Contract;
        Assert.Null(contract.Columns[1].AllowedValues);
        Assert.Equal(1, contract.Columns[0].MaximumMissing);
        Assert.Null(contract.Columns[2].Kind);
        Assert.Null(contract.Columns[2].MaximumMissing);
    }

    [Fact]
    public void The_contract_is_written_beside_the_data_and_reads_back()
    {
        PreparationResult result = First(Orders);
        var read = JsonSerializer.Deserialize<DataContract>(File.ReadAllBytes(Path.Combine(FirstFolder, DataContract.FileName)), JsonDefaults.Options)!;
        Assert.Equal(JsonSerializer.Serialize(result.Contract, JsonDefaults.Options), JsonSerializer.Serialize(read, JsonDefaults.Options));
    }

    [Fact]
    public void The_data_that_taught_a_contract_keeps_it()
    {
        First(Orders);
        PreparationResult result = Second(Orders, With(new() { Contract = CheckAction.Reject }));
        Assert.Empty(result.Quality.Violations);
        Assert.Null(result.Quality.Rejected);
    }

    [Fact]
    public void Rows_beyond_a_range_are_counted_with_examples()
    {
        First(Orders);
        ContractViolation violation = Assert.Single(Second(Orders.Replace("k003,11.2,", "k003,-4.5,", StringComparison.Ordinal).Replace("k100,50.0,", "k100,9999,", StringComparison.Ordinal)).Quality.Violations);
        Assert.Equal((ContractBreach.OutOfRange, Severity.Error, "amount", 2), (violation.Breach, violation.Severity, violation.Column, violation.Rows));
        Assert.Equal("2 values are outside 0 to 129.4, such as -4.5, 9999.0.", violation.Detail);
    }

    [Fact]
    public void Values_that_are_not_allowed_are_counted_the_most_frequent_first()
    {
        First(Orders);
        string text = Orders.Replace(",web,", ",phone,", StringComparison.Ordinal).Replace("k001,10.4,2,shop", "k001,10.4,2,O'Brien's", StringComparison.Ordinal);
        ContractViolation violation = Assert.Single(Second(text).Quality.Violations);
        Assert.Equal((ContractBreach.NotAllowed, "channel", 51), (violation.Breach, violation.Column, violation.Rows));
        Assert.Equal("51 values are not allowed, such as phone, O'Brien's.", violation.Detail);
    }

    [Fact]
    public void Repeated_keys_are_counted()
    {
        First(Orders);
        ContractViolation violation = Assert.Single(Second(Orders.Replace("k007", "k008", StringComparison.Ordinal).Replace("k009", "k008", StringComparison.Ordinal)).Quality.Violations);
        Assert.Equal((ContractBreach.NotUnique, "order_id", 2, "2 rows repeat an earlier row's order_id, such as k008."), (violation.Breach, violation.Column, violation.Rows, violation.Detail));
    }

    [Fact]
    public void A_key_of_several_columns_is_checked_over_the_rows_where_all_are_present()
    {
        var contract = new DataContract { Columns = [], UniqueKey = ["Shop", "n"] };
        ContractViolation violation = Assert.Single(Check("shop,n,v\na,1,1\na,2,2\nb,1,3\na,1,4\n,1,5\n,1,6\n", contract));
        Assert.Equal((ContractBreach.NotUnique, null, 1, "1 row repeats an earlier row's shop, n, such as a / 1."), (violation.Breach, violation.Column, violation.Rows, violation.Detail));
    }

    [Fact]
    public void Missing_values_beyond_the_tolerated_share_are_a_breach()
    {
        First(Orders);
        ContractViolation violation = Assert.Single(Second(Orders.Replace(",true,", ",,", StringComparison.Ordinal)).Quality.Violations);
        Assert.Equal((ContractBreach.ValuesMissing, "paid", 67), (violation.Breach, violation.Column, violation.Rows));
    }

    [Fact]
    public void Columns_missing_and_where_the_contract_is_closed_added_are_breaches()
    {
        First(Orders);
        DataContract contract = new() { Columns = [new() { Name = "a" }, new() { Name = "b" }, new() { Name = "c", Required = false }], Closed = true };
        IReadOnlyList<ContractViolation> violations = Check("A,d\n1,2\n3,4\n", contract);
        Assert.Equal([(ContractBreach.ColumnMissing, "b"), (ContractBreach.ColumnAdded, "d")], violations.Select(violation => (violation.Breach, violation.Column)));
        Assert.Single(Check("a,d\n1,2\n3,4\n", contract with { Closed = false }));
    }

    [Theory]
    [InlineData(ColumnKind.Integer, "1.5\n2.5\n3", Severity.Warning)]
    [InlineData(ColumnKind.Number, "x\ny\nx", Severity.Error)]
    [InlineData(ColumnKind.Boolean, "1\n0\n1", Severity.Error)]
    [InlineData(ColumnKind.Category, "2024-01-01\n2024-01-02\n2024-01-03", Severity.Error)]
    public void Another_kind_is_a_breach_and_a_similar_one_worth_a_look(ColumnKind promised, string values, Severity severity)
    {
        ContractViolation violation = Assert.Single(Check($"a,b\n{string.Concat(values.Split('\n').Select(value => value + ",z\n"))}", new() { Columns = [new() { Name = "a", Kind = promised }] }));
        Assert.Equal((ContractBreach.KindChanged, severity), (violation.Breach, violation.Severity));
    }

    [Fact]
    public void Bounds_of_times_and_values_of_numbers_are_compared_as_what_they_are()
    {
        var contract = new DataContract
        {
            Columns =
            [
                new() { Name = "day", Minimum = JsonSerializer.SerializeToElement("2024-01-01T00:00:00Z"), Maximum = JsonSerializer.SerializeToElement("2024-12-31T00:00:00Z") },
                new() { Name = "rate", AllowedValues = ["1", "2.50"] },
                new() { Name = "ok", AllowedValues = ["true"] },
            ],
        };
        IReadOnlyList<ContractViolation> violations = Check("day,rate,ok\n2024-05-01,1.0,true\n2023-12-31,2.5,true\n2025-01-01,3,false\n", contract);
        Assert.Equal(
            ["day 2 values are outside 2024-01-01T00:00:00Z to 2024-12-31T00:00:00Z, such as 2023-12-31, 2025-01-01.", "rate 1 value is not allowed, such as 3.0.", "ok 1 value is not allowed, such as false."],
            violations.Select(violation => $"{violation.Column} {violation.Detail}"));
    }

    [Fact]
    public void A_bound_that_cannot_be_compared_is_said_and_breaks_nothing()
    {
        PreparationResult result = Prepare(
            Folder.Write("a.csv", "a,b\n1,x\n2,y\n"),
            new PrepareParameters { Contract = new() { Columns = [new() { Name = "a", Minimum = JsonSerializer.SerializeToElement("much") }] } }, SecondFolder, baseline: null);
        Assert.Empty(result.Quality.Violations);
        Assert.Contains(result.Quality.Findings, finding => finding.Column == "a" && finding.Detail.Contains("minimum", StringComparison.Ordinal));
    }

    [Fact]
    public void A_pipeline_that_rejects_refuses_with_the_reason_and_what_to_do()
    {
        First(Orders);
        PreparationResult result = Second(Orders.Replace(",web,", ",phone,", StringComparison.Ordinal), With(new() { Contract = CheckAction.Reject }));
        Assert.Equal("The data breaks a promise of its contract. channel: 50 values are not allowed, such as phone. Correct the data, or change the contract if the data is right.", result.Quality.Rejected);
        Assert.False(File.Exists(Path.Combine(SecondFolder, PreparedDataset.DataFileName)));
        Assert.Contains("not allowed, such as phone", File.ReadAllText(Path.Combine(SecondFolder, "quality.html")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_pipeline_that_rejects_lets_what_is_only_worth_a_look_pass()
    {
        PreparationResult result = Prepare(
            Folder.Write("a.csv", "a,b\n1.5,x\n2,y\n"),
            With(new() { Contract = CheckAction.Reject }) with { Contract = new() { Columns = [new() { Name = "a", Kind = ColumnKind.Integer }] } }, SecondFolder, baseline: null);
        Assert.Single(result.Quality.Violations);
        Assert.Null(result.Quality.Rejected);
    }

    [Fact]
    public void A_pipeline_that_does_not_ask_gets_no_check_and_the_contract_stays()
    {
        First(Orders);
        PreparationResult result = Second(Orders.Replace(",web,", ",phone,", StringComparison.Ordinal), With(new() { Contract = CheckAction.Off }));
        Assert.Empty(result.Quality.Violations);
        Assert.Equal(["shop", "web"], result.Contract.Columns[3].AllowedValues);
    }

    [Fact]
    public void Hundreds_of_broken_columns_are_counted_in_few_queries()
    {
        string header = string.Join(",", Enumerable.Range(0, 450).Select(i => string.Create(CultureInfo.InvariantCulture, $"c{i}")));
        string text = header + "\n" + string.Concat(Enumerable.Range(0, 3).Select(row => string.Join(",", Enumerable.Repeat(row, 450)) + "\n"));
        var contract = new DataContract { Columns = [.. header.Split(',').Select(name => new ColumnContract { Name = name, Maximum = JsonSerializer.SerializeToElement(1) })] };
        IReadOnlyList<ContractViolation> violations = Check(text, contract);
        Assert.Equal(450, violations.Count);
        Assert.All(violations, violation => Assert.Equal(1, violation.Rows));
    }

    private IReadOnlyList<ContractViolation> Check(string csv, DataContract contract) =>
        Prepare(Folder.Write("checked.csv", csv), new PrepareParameters { Contract = contract }, SecondFolder, baseline: null).Quality.Violations;
}
