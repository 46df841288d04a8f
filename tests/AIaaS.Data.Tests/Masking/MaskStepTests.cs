using System.Security.Cryptography;
using System.Text;
using AIaaS.Data.Preparation;
using AIaaS.Data.Tests.Cleaning;
using AIaaS.Formats;

namespace AIaaS.Data.Tests.Masking;

public sealed class MaskStepTests : CleaningTest
{
    private static readonly string Salt = Convert.ToBase64String("0123456789abcdef"u8);

    [Fact]
    public void Personal_data_is_reported_where_nothing_is_asked_for()
    {
        PreparationResult result = Clean(new(), "mail,n\nann@example.com,1\nbob@example.com,2\nnone,3\n");

        Assert.Equal(new SensitiveColumn("mail", SensitiveKind.Email, 2, null), Assert.Single(result.Quality.Sensitive));
        Assert.Contains(result.Quality.Findings, finding => finding.Column == "mail" && finding.Detail.Contains("email addresses (2 rows)", StringComparison.Ordinal));
        Assert.Equal("ann@example.com", Texts("mail")[0]);
    }

    [Fact]
    public void Redacted_values_are_nowhere_in_the_files()
    {
        string csv = "mail,phone,n\nann@example.com,5551234567,1\n,,2\nsee bob@example.com,5559876543,3\n" + string.Concat(Enumerable.Range(0, 100).Select(i => $",,{i + 4}\n"))
            + "carl@example.com,5551111111,4,too many\nann@example.com,5551234567,broken\n";

        PreparationResult result = Clean(new() { Mask = new() { Kinds = [SensitiveKind.Email, SensitiveKind.Phone] } }, csv);

        Assert.Equal(["[email]", "", "see [email]"], Texts("mail").Take(3));
        Assert.Equal(["[phone]", "", "[phone]"], Texts("phone").Take(3));
        Assert.Equal([(SensitiveKind.Email, 2L, MaskAction.Redact), (SensitiveKind.Phone, 2L, MaskAction.Redact)], result.Quality.Sensitive.Select(found => (found.Kind, found.Rows, found.Action!.Value)));
        Assert.Equal("Redacted 4 values found in mail, phone.", Step(result, "mask").Detail);
        Assert.Equal(2, Quarantined().Count);
        foreach (string file in Directory.EnumerateFiles(Output).Where(file => !file.EndsWith(".parquet", StringComparison.Ordinal)))
        {
            string text = File.ReadAllText(file);
            Assert.DoesNotContain("@example.com", text, StringComparison.Ordinal);
            Assert.DoesNotContain("555", text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Hashes_are_those_of_the_salt_and_equal_for_equal_values()
    {
        Clean(new() { Mask = new() { Kinds = [SensitiveKind.Email], Action = MaskAction.Hash } }, "mail,n\nann@example.com,1\nbob@example.com,2\nann@example.com,3\n", salt: Salt);

        string expected = Convert.ToHexStringLower(HMACSHA256.HashData("0123456789abcdef"u8, "ann@example.com"u8))[..16];
        Assert.Equal([expected, expected], [Texts("mail")[0], Texts("mail")[2]]);
        Assert.NotEqual(expected, Texts("mail")[1]);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("not base64!")]
    [InlineData("c2hvcnQ=")]
    public void Hashes_without_a_salt_are_refused(string? salt)
    {
        DatasetException refused = RefusedBy(new() { Mask = new() { Kinds = [SensitiveKind.Email], Action = MaskAction.Hash } }, "mail,n\nann@example.com,1\n", salt: salt);

        Assert.Equal(DatasetReasons.UnusableStep, refused.Reason);
        Assert.Contains("maskSalt", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Columns_with_personal_data_are_dropped()
    {
        PreparationResult result = Clean(new() { Mask = new() { Kinds = [SensitiveKind.Email], Action = MaskAction.Drop } }, "mail,n,t\nann@example.com,1,x\nnone,2,y\n");

        Assert.Equal(["n", "t"], Names(result));
    }

    [Fact]
    public void Whole_columns_are_hidden_whatever_they_hold()
    {
        PreparationResult result = Clean(new() { Mask = new() { Columns = ["name", "age"] } }, "name,age,x\nAnn,31,1\nBob,,2\n,5,3\n" + "Carl,32,broken\n" + string.Concat(Enumerable.Range(0, 200).Select(i => $",,{i}\n")));

        Assert.Equal(["[masked]", "[masked]", ""], Texts("name").Take(3));
        Assert.Equal(["[masked]", "", "[masked]"], Texts("age").Take(3));
        Assert.Equal("Hid name, age whole.", Step(result, "mask").Detail);
        Assert.DoesNotContain("Carl", File.ReadAllText(Path.Combine(Output, QuarantinedRow.FileName)), StringComparison.Ordinal);
    }

    [Fact]
    public void The_target_is_not_hidden() =>
        Assert.Contains("is the target", RefusedBy(new() { Mask = new() { Columns = ["y"] } }, "x,y\n1,a\n2,b\n", target: "y").Message, StringComparison.Ordinal);

    [Fact]
    public void A_rejected_row_of_masked_data_is_masked_once()
    {
        string csv = "mail,v\n" + string.Concat(Enumerable.Range(0, 20).Select(i => $"p{i}@example.com,{i}\n")) + "far@example.com,5000\n";

        Clean(new() { Mask = new() { Kinds = [SensitiveKind.Email], Columns = [] }, Outliers = new() { Method = OutlierMethod.Iqr } }, csv);

        QuarantinedRow row = Assert.Single(Quarantined());
        Assert.Equal("outlier", row.Reason);
        Assert.Contains("[email]", row.Raw, StringComparison.Ordinal);
        Assert.DoesNotContain("example.com", row.Raw, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_block_of_a_large_table_is_looked_into()
    {
        var csv = new StringBuilder("note,n\n");
        for (int i = 0; i < 60_000; i++)
            csv.Append(i >= 54_000 ? $"p{i}@example.com,{i}\n" : $"nothing {i % 50},{i}\n");

        PreparationResult result = Clean(new(), csv.ToString());

        // Found in a sample, and then counted in all rows.
        Assert.Equal(6_000, Assert.Single(result.Quality.Sensitive).Rows);
    }
}
