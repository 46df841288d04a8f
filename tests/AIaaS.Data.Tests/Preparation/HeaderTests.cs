using AIaaS.Data.Preparation;

namespace AIaaS.Data.Tests.Preparation;

public sealed class HeaderTests : PreparationTest
{
    [Fact]
    public void A_file_of_texts_only_has_its_header()
    {
        PrepareText("name,color\nann,red\nbob,blue\neve,red\n");
        Assert.Equal(["ann", "bob", "eve"], Texts("name"));
    }

    [Fact]
    public void Years_over_measurements_are_a_header()
    {
        PrepareText("2019,2020,2021\n1.5,2.5,3.5\n4.5,5.5,6.5\n");
        Assert.Equal([1.5f, 4.5f], Numbers("2019"));
    }

    [Fact]
    public void Numbers_like_those_below_them_are_data()
    {
        PreparationResult result = PrepareText("5.1,3.5,1\n4.9,3.0,2\n6.2,2.9,3\n");
        Assert.Equal(["column1", "column2", "column3"], result.Schema.Columns.Select(column => column.Name));
        Assert.Equal(3, result.Profile.Rows);
        Assert.Contains(result.Quality.Findings, finding => finding.Detail.Contains("first row looks like data", StringComparison.Ordinal));
    }

    [Fact]
    public void Texts_that_come_again_below_are_data()
    {
        PreparationResult result = PrepareText("red,small\nblue,large\nred,large\n");
        Assert.Equal(3, result.Profile.Rows);
    }

    [Fact]
    public void Names_that_are_empty_or_repeated_get_usable_ones_and_are_reported()
    {
        PreparationResult result = PrepareText(",a,A,a, b \n1,2,3,4,5\n6,7,8,9,10\n");
        Assert.Equal(["column1", "a", "A_2", "a_3", "b"], result.Schema.Columns.Select(column => column.Name));
        Assert.Equal(3, result.Quality.Findings.Count(finding => finding.Detail.Contains("is called", StringComparison.Ordinal)));
        Assert.Equal([4f, 9f], Numbers("a_3"));
    }

    [Fact]
    public void Names_survive_whatever_they_hold()
    {
        string[] names = ["größe", "😀", "order by", "a.b", "x\"y", "c0", "rowid", "two\nlines"];
        PreparationResult result = PrepareText(
            string.Join(',', names.Select(name => $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"")) + "\n1,2,3,4,5,6,7,8\n9,10,11,12,13,14,15,16\n");
        Assert.Equal([.. names[..^1], "two lines"], result.Schema.Columns.Select(column => column.Name));
        for (int i = 0; i < names.Length; i++)
            Assert.Equal([1f + i, 9f + i], Numbers(result.Schema.Columns[i].Name));
    }

    [Fact]
    public void A_title_above_the_table_is_skipped_and_reported()
    {
        PreparationResult result = PrepareText("Report of 2020\n\na,b\n1,x\n2,y\n3,z\n");
        Assert.Equal(["a", "b"], result.Schema.Columns.Select(column => column.Name));
        Assert.Equal(["x", "y", "z"], Texts("b"));
        Assert.Contains(result.Quality.Findings, finding => finding.Detail.Contains("skipped", StringComparison.Ordinal));
    }

    [Fact]
    public void A_header_without_a_name_for_the_row_names_is_understood()
    {
        PreparationResult result = PrepareText("size,color\nfirst,1,red\nsecond,2,blue\n");
        Assert.Equal(["column1", "size", "color"], result.Schema.Columns.Select(column => column.Name));
        Assert.Equal([1f, 2f], Numbers("size"));
    }

    [Fact]
    public void One_column_is_a_table()
    {
        PrepareText("value\n1\n2\n4\n");
        Assert.Equal([1f, 2f, 4f], Numbers("value"));
    }
}
