using AIaaS.Data.Tests.Preparation;

namespace AIaaS.Data.Tests;

public sealed class PreparedDatasetTests : PreparationTest
{
    [Fact]
    public void Batches_hold_the_rows_in_order()
    {
        PrepareText("n,t\n" + string.Concat(Enumerable.Range(0, 10_000).Select(i => $"{i},t{i % 13}\n")));
        using PreparedDataset data = PreparedDataset.Open(Output);
        int next = 0;
        foreach (DataBatch batch in data.ReadBatches(["n"], ["t", "n"]))
        {
            for (int row = 0; row < batch.Rows; row++, next++)
            {
                Assert.Equal(next, batch.Numbers(0)[row]);
                Assert.Equal($"t{next % 13}", batch.Texts(0)[row]);
                Assert.Equal($"{next}", batch.Texts(1)[row]);
            }
        }
        Assert.Equal(10_000, next);
        Assert.Equal(10_000, data.Rows);
    }

    [Fact]
    public void A_number_beyond_single_precision_is_infinite()
    {
        PrepareText("n,t\n1e300,x\n-1e300,y\n1.5,z\n");
        Assert.Equal([float.PositiveInfinity, float.NegativeInfinity, 1.5f], Numbers("n"));
    }

    [Fact]
    public void A_column_that_is_not_there_or_holds_texts_is_refused()
    {
        PrepareText("n,t\n1,x\n2,y\n");
        using PreparedDataset data = PreparedDataset.Open(Output);
        Assert.Contains("n, t", Assert.Throws<ArgumentException>(() => data.ReadNumbers("q")).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => data.ReadNumbers("t"));
    }

    [Fact]
    public void A_damaged_data_set_is_refused()
    {
        PrepareText("n,t\n1,x\n2,y\n");
        File.WriteAllText(Path.Combine(Output, PreparedDataset.DataFileName), "nothing");
        Assert.Equal(DatasetReasons.Unreadable, Assert.Throws<DatasetException>(() => PreparedDataset.Open(Output)).Reason);
    }
}
