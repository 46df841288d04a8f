using System.Text;
using AIaaS.Data.Preparation;
using AIaaS.Formats;

namespace AIaaS.Data.Tests.Preparation;

public sealed class DelimitedFileTests : PreparationTest
{
    private const string Penguins = """
        species,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,year
        Adelie,Torgersen,39.1,18.7,181,3750,male,2007
        Adelie,Torgersen,39.5,17.4,186,3800,female,2007
        Adelie,Torgersen,NA,NA,NA,NA,NA,2007
        Gentoo,Biscoe,46.1,13.2,211,4500,female,2008
        Chinstrap,Dream,46.5,17.9,192,3500,female,2009

        """;

    [Fact]
    public void A_table_with_missing_values_keeps_its_rows_types_and_gaps()
    {
        PreparationResult result = PrepareText(Penguins);

        Assert.Equal(
            ["species VARCHAR", "island VARCHAR", "bill_length_mm DOUBLE", "bill_depth_mm DOUBLE", "flipper_length_mm BIGINT", "body_mass_g BIGINT", "sex VARCHAR", "year BIGINT"],
            result.Schema.Columns.Select(column => $"{column.Name} {column.Type}"));
        Assert.Equal(5, result.Profile.Rows);
        Assert.Equal([39.1f, 39.5f, float.NaN, 46.1f, 46.5f], Numbers("bill_length_mm"));
        Assert.Equal(["male", "female", "", "female", "female"], Texts("sex"));
        Assert.Equal(["181", "186", "", "211", "192"], Texts("flipper_length_mm"));
        Assert.Equal(1, result.Profile.Columns[6].Missing);
        Assert.Empty(Quarantined());
    }

    [Fact]
    public void Rows_that_do_not_fit_are_quarantined_with_line_and_reason()
    {
        PreparationResult result = PrepareText("""
            name,size
            "two
            lines",1
            a,1,extra
            b
            c,2
            d,"x"y
            e,3

            """);

        Assert.Equal(["two\nlines", "c", "e"], Texts("name"));
        Assert.Equal(
            [("too-many-fields", 4, "a,1,extra"), ("too-few-fields", 5, "b"), ("bad-quotes", 7, "d,\"x\"y")],
            Quarantined().Select(row => (row.Reason, row.Line ?? 0, row.Raw!.Trim())));
        Assert.Equal((6, 3, 3), (result.Quality.RowsRead, result.Quality.RowsKept, result.Quality.RowsQuarantined));
        Assert.Equal(["too-few-fields 1", "too-many-fields 1"], result.Quality.QuarantineReasons.Where(reason => reason.Value.StartsWith("too", StringComparison.Ordinal)).Select(reason => $"{reason.Value} {reason.Count}").Order());
    }
}
