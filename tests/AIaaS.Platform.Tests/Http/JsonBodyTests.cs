using System.Text;
using AIaaS.Platform.Http;
using AIaaS.Platform.Problems;
using Microsoft.AspNetCore.Http;

namespace AIaaS.Platform.Tests.Http;

public sealed class JsonBodyTests
{
    private enum Color
    {
        DeepBlue,
        Red,
    }

    [Fact]
    public async Task A_body_is_read()
    {
        var order = await ReadAsync("""{"name":"x","count":2,"color":"deep-blue","lines":[{"price":1.5}]}""");

        Assert.Equal(("x", 2, Color.DeepBlue, 1.5), (order.Name, order.Count, order.Color, order.Lines![0].Price));
    }

    [Fact]
    public async Task A_byte_order_mark_is_passed_over()
        => Assert.Equal("x", (await ReadAsync("\uFEFF{\"name\":\"x\"}")).Name);

    [Fact]
    public async Task A_body_longer_than_the_buffer_is_read_whole()
    {
        var name = new string('n', 100_000);

        Assert.Equal(name, (await ReadAsync($$"""{"name":"{{name}}"}""", announce: false)).Name);
    }

    [Theory]
    [InlineData("""{"name":"x","colour":"red"}""", "colour", "is not known; known here are 'name', 'count', 'color', 'lines', 'tags', 'when'")]
    [InlineData("""{"name":"x","lines":[{"price":1},{"prise":1}]}""", "lines[1].prise", "is not known; known here are 'price'")]
    [InlineData("""{"name":"x","lines":[{}]}""", "lines[0].price", "is needed")]
    [InlineData("""{"count":1}""", "name", "is needed")]
    [InlineData("""{"name":null}""", "name", "must be a string and not null")]
    [InlineData("""{"name":"x","count":"5"}""", "count", "must be a whole number from -2147483648 to 2147483647")]
    [InlineData("""{"name":"x","count":99999999999}""", "count", "must be a whole number from -2147483648 to 2147483647")]
    [InlineData("""{"name":"x","color":"green"}""", "color", "must be one of 'deep-blue', 'red' and not 'green'")]
    [InlineData("""{"name":"x","color":1}""", "color", "must be one of 'deep-blue', 'red'")]
    [InlineData("""{"name":"x","lines":{}}""", "lines", "must be an array")]
    [InlineData("""{"name":"x","lines":[1]}""", "lines[0]", "must be an object")]
    [InlineData("""{"name":"x","tags":{"a":1}}""", "tags.a", "must be a string")]
    [InlineData("""{"name":"x","when":"soon"}""", "when", "must be a time such as \"2026-01-31T08:00:00Z\"")]
    [InlineData("""{"name":"x","name":"y"}""", "name", "is given twice")]
    public async Task A_mistake_is_named_with_what_belongs_there(string body, string field, string complaint)
    {
        var refusal = await Assert.ThrowsAsync<ProblemException>(() => ReadAsync(body));

        Assert.Equal((Problem.MalformedBody, field, $"'{field}' {complaint}."), (refusal.Problem, refusal.Field, refusal.Message));
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("null", "null")]
    [InlineData("[]", "must be an object")]
    [InlineData("{\"name\":\n  oops}", "at line 2, byte 3")]
    [InlineData("{\"name\":\"x\"", "not valid JSON")]
    public async Task A_body_that_is_no_object_is_refused_with_its_place(string body, string part)
    {
        var refusal = await Assert.ThrowsAsync<ProblemException>(() => ReadAsync(body));

        Assert.Equal(Problem.MalformedBody, refusal.Problem);
        Assert.Contains(part, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_of_our_types_is_told()
    {
        var refusal = await Assert.ThrowsAsync<ProblemException>(() => ReadAsync("""{"name":5}"""));

        Assert.DoesNotContain("System.", refusal.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(nameof(Order), refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_content_type_is_refused()
    {
        var refusal = await Assert.ThrowsAsync<ProblemException>(() => ReadAsync("{}", contentType: "text/csv"));

        Assert.Equal(Problem.UnsupportedMediaType, refusal.Problem);
    }

    [Fact]
    public async Task Equal_bodies_have_equal_digests_and_others_do_not()
    {
        async Task<string> DigestAsync(string body) => (await Request(body).ReadJsonWithDigestAsync<Order>(default)).Digest;

        Assert.Equal(await DigestAsync("""{"name":"x"}"""), await DigestAsync("""{"name":"x"}"""));
        Assert.NotEqual(await DigestAsync("""{"name":"x"}"""), await DigestAsync("""{"name":"y"}"""));
    }

    private static async Task<Order> ReadAsync(string body, string contentType = "application/json; charset=utf-8", bool announce = true)
        => await Request(body, contentType, announce).ReadJsonAsync<Order>(default);

    private static HttpRequest Request(string body, string contentType = "application/json", bool announce = true)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        var request = new DefaultHttpContext().Request;
        request.Body = new MemoryStream(bytes);
        request.ContentType = contentType;
        request.ContentLength = announce ? bytes.Length : null;
        return request;
    }

    private sealed record Order(
        string Name, int Count = 1, Color Color = Color.Red, IReadOnlyList<Line>? Lines = null, Dictionary<string, string>? Tags = null, DateTimeOffset? When = null);

    private sealed record Line
    {
        public required double Price { get; init; }
    }
}
