using AIaaS.Functions.Datasets;
using AIaaS.Platform.Problems;
using Microsoft.AspNetCore.Http;

namespace AIaaS.Functions.Tests.Datasets;

public sealed class UploadedFileTests
{
    [Theory]
    [InlineData(null, "data.csv")]
    [InlineData("text/csv; charset=utf-8", "data.csv")]
    [InlineData("application/octet-stream", "data.csv")]
    [InlineData("no media type", "data.csv")]
    [InlineData("Application/JSON; charset=utf-8", "data.json")]
    [InlineData("application/x-ndjson", "data.jsonl")]
    [InlineData("application/jsonl", "data.jsonl")]
    [InlineData("text/tab-separated-values", "data.tsv")]
    [InlineData("application/vnd.apache.parquet", "data.parquet")]
    public void A_body_without_a_name_is_named_by_its_content_type(string? contentType, string name)
    {
        Assert.Equal(name, UploadedFile.NameOf(Request(contentType, query: "")));
    }

    [Fact]
    public void A_given_name_counts_more_than_the_content_type()
    {
        Assert.Equal("my rows (2).csv", UploadedFile.NameOf(Request("application/json", "?file=my%20rows%20(2).csv")));
    }

    [Theory]
    [InlineData("?file=..%2Fkeys.json")]
    [InlineData("?file=.hidden")]
    [InlineData("?file=rows.csv.part")]
    [InlineData("?file=a.csv&file=b.csv")]
    public void A_name_that_is_no_file_name_is_refused(string query)
    {
        var refusal = Assert.Throws<ProblemException>(() => UploadedFile.NameOf(Request("text/csv", query)));

        Assert.Equal((Problem.InvalidName, "file"), (refusal.Problem, refusal.Field));
    }

    [Fact]
    public void A_name_longer_than_file_systems_hold_is_refused()
    {
        var name = new string('数', 200);

        Assert.Throws<ProblemException>(() => UploadedFile.NameOf(Request("text/csv", "?file=" + Uri.EscapeDataString(name))));
    }

    private static HttpRequest Request(string? contentType, string query)
    {
        var request = new DefaultHttpContext().Request;
        request.ContentType = contentType;
        request.QueryString = new QueryString(query);
        return request;
    }
}
