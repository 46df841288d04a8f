using System.Text;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Serving.Predictions;

namespace AIaaS.Serving.Tests;

/// <summary>Rows as objects, however their JSON is written; System.Text.Json says what it means.</summary>
public sealed class JsonRowTests : IAsyncLifetime
{
    private const string Plain = """{"float32":0.5,"float64":1,"int32":2,"int64":3,"bool":true,"string":"a","uint8":4}""";

    private static readonly string[] Names = ["float32", "float64", "int32", "int64", "bool", "string", "uint8"];

    private PredictionClient _echo = null!;

    public async Task InitializeAsync() => _echo = await PredictionClient.StartAsync(TestModels.Echo);

    public async Task DisposeAsync() => await _echo.DisposeAsync();

    [Theory]
    [InlineData("""{"float32":-0.25,"float64":0.12345678901234567,"int32":-7,"int64":9007199254740993,"bool":false,"string":"b c","uint8":255}""")]
    [InlineData("""{"uint8":1,"string":"","bool":true,"int64":3,"int32":2,"float64":1e-3,"float32":2E2}""")]
    [InlineData("""{"float32":null,"int32":2,"int64":3,"bool":true,"uint8":4,"string":null}""")]
    [InlineData("{\n \"float32\" : 1 ,\t\"float64\":\r\n2, \"int32\":3 ,\"int64\": 4,\"bool\" :true , \"string\": \" \" ,\"uint8\":5 }")]
    [InlineData("""{"flo\u0061t32":1,"float64":2,"int32":3.0,"int64":-4e0,"bool":true,"string":"caf\u00e9 \"\\ \n","uint8":5}""")]
    [InlineData("""{"int32":3,"int64":4,"bool":true,"string":"日本 €","uint8":5}""")]
    [InlineData("""[0.5,1,2,3,false,"x",6]""")]
    [InlineData(""" [ null , 1.50 , 2 , 3 , true , "x\ty" , 6 ] """)]
    public async Task A_row_gives_its_values_however_it_is_written_and_whatever_stands_beside_it(string row)
    {
        foreach (var rows in new[] { row, $"{Plain},{row}", $"{row},{Plain}", $"{Plain} , {row}\n,{Plain},{row}" })
            await CheckAsync($$"""{"rows":[{{rows}}]}""");
    }

    [Fact]
    public async Task A_row_that_is_left_to_the_general_reader_does_not_count_what_was_read_of_it()
    {
        var answer = await _echo.PredictAsync(
            $$"""{"rows":[{{Plain}},{"float32":9,"string":"b","other":[1,{"float32":2}],"int32":5,"int64":6,"bool":false,"uint8":7},{{Plain}}]}""",
            UnknownFeaturePolicy.Ignore);

        Assert.Equal(
            ["0.5 a 2", "9 b 5", "0.5 a 2"],
            answer.GetProperty("predictions").EnumerateArray().Select(p => $"{p.GetProperty("float32_out")} {p.GetProperty("string_out")} {p.GetProperty("int32_out")}"));
    }

    [Theory]
    [InlineData("[@,]")]
    [InlineData("[,@]")]
    [InlineData("[@,,@]")]
    [InlineData("[@ @]")]
    [InlineData("[@,@")]
    [InlineData("[@}")]
    [InlineData("""[@,{"float32":01}]""")]
    [InlineData("""[@,{"float32":1.}]""")]
    [InlineData("""[@,{"float32":.5}]""")]
    [InlineData("""[@,{"float32":+1}]""")]
    [InlineData("""[@,{"float32":1e}]""")]
    [InlineData("""[@,{"float32":1x}]""")]
    [InlineData("""[@,{"float32":nul}]""")]
    [InlineData("""[@,{"float32":nullx}]""")]
    [InlineData("""[@,{"float32" 1}]""")]
    [InlineData("""[@,{"float32":1,}]""")]
    [InlineData("""[@,{,"float32":1}]""")]
    [InlineData("""[@,{"float32":1 "float64":2}]""")]
    [InlineData("""[@,{"float32":1]""")]
    [InlineData("""[@,{float32:1}]""")]
    [InlineData("""[@,{"float32:1}]""")]
    [InlineData("""[@,{"string":"a\x"}]""")]
    [InlineData("""[@,{"string":"a\"}]""")]
    [InlineData("[@,{\"string\":\"a\nb\"}]")]
    [InlineData("[@,[1,2,3,4,true,\"x\",6,]]")]
    [InlineData("[@,[1,2,3,4,true,\"x\",6}]")]
    [InlineData("[@,[1 2]]")]
    [InlineData("""[@,{"string":1x}]""")]
    [InlineData("""[@,{"bool":0rue}]""")]
    [InlineData("""[@,{"float32":1e39x}]""")]
    public async Task What_is_not_JSON_is_refused_with_the_place(string rows)
    {
        var body = $$"""{"rows":{{rows.Replace("@", Plain, StringComparison.Ordinal)}}}""";

        var refusal = await _echo.RefuseAsync(body);

        Assert.Equal(
            (PredictionError.MalformedRequest, $"The body is not valid JSON: {PlaceOfFault(body)}."),
            (refusal.Error, refusal.Message));
    }

    [Theory]
    [InlineData("""{"float32":"x"}""", PredictionError.WrongType)]
    [InlineData("""{"float32":[1]}""", PredictionError.WrongType)]
    [InlineData("""{"float32":1e39}""", PredictionError.OutOfRange)]
    [InlineData("""{"float32":1,"float32":2}""", PredictionError.DuplicateFeature)]
    [InlineData("""{"float32":"NaN"}""", PredictionError.NonFinite)]
    [InlineData("""{"other":1}""", PredictionError.UnknownFeature)]
    [InlineData("""{"float32":1}""", PredictionError.MissingFeature)]
    [InlineData("5", PredictionError.MalformedRequest)]
    [InlineData("[1,2]", PredictionError.MalformedRequest)]
    public async Task A_row_at_fault_behind_others_is_told_by_its_number(string row, object error)
    {
        var refusal = await _echo.RefuseAsync($$"""{"rows":[{{Plain}},{{Plain}},{{row}}]}""");

        Assert.Equal((error, true), (refusal.Error, refusal.Row == 2 || refusal.Message.Contains("rows[2]", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Rows_that_are_too_many_are_refused_as_such_only_where_they_are_rows()
    {
        var tooMany = await _echo.RefuseAsync($$"""{"rows":[{{Plain}},{{Plain}}]}""", maxRows: 1);
        var malformed = await _echo.RefuseAsync($$"""{"rows":[{{Plain}}{{Plain}}]}""", maxRows: 1);

        Assert.Equal((PredictionError.TooManyRows, PredictionError.MalformedRequest), (tooMany.Error, malformed.Error));
    }

    [Fact]
    public async Task Rows_that_are_all_written_oddly_are_read_by_the_general_reader_alone()
        => await CheckAsync($$"""{"rows":[{{string.Join(',', Enumerable.Repeat("""{"float32":1,"int32":3,"int64":-4,"bool":true,"uint8":5}""", 12))}},{{Plain}}]}""");

    [Fact]
    public async Task A_feature_whose_name_JSON_escapes_is_found()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.EchoWith(TestModels.Feature("float32", ColumnKind.Number, TensorType.Float32) with { Name = "a\"b\\" }));

        var answer = await client.PredictAsync("""{"rows":[{"a\"b\\":0.5,"int32":2,"int64":3,"bool":true,"uint8":4}]}""");
        var refusal = await client.RefuseAsync("""{"rows":[{"a"b\":0.5,"int32":2,"int64":3,"bool":true,"uint8":4}]}""");

        Assert.Equal(0.5, answer.GetProperty("predictions")[0].GetProperty("float32_out").GetDouble());
        Assert.Equal(PredictionError.MalformedRequest, refusal.Error);
    }

    [Fact]
    public async Task Whatever_is_answered_is_valid_JSON_and_gives_its_values()
    {
        const string Bytes = "{}[],:\"\\ \n01.-eEntfu2x\u0001";
        var random = new Random(3);
        var seed = $$"""{"rows":[{{Plain}},{"string":"b","uint8":1,"bool":true,"int64":3,"int32":2,"float64":10.5},[0.5,1,2,3,false,"x",6]]}""";
        var cases = Environment.GetEnvironmentVariable("AIAAS_LONG") == "1" ? 100_000 : 10_000;
        var answered = 0;
        for (var i = 0; i < cases; i++)
        {
            var body = new StringBuilder(seed);
            for (var edits = random.Next(1, 3); edits > 0; edits--)
            {
                var at = random.Next(body.Length);
                _ = random.Next(3) switch
                {
                    0 => body.Remove(at, 1),
                    1 => body.Insert(at, Bytes[random.Next(Bytes.Length)]),
                    _ => body.Replace(body[at], Bytes[random.Next(Bytes.Length)], at, 1),
                };
            }

            try
            {
                await CheckAsync(body.ToString());
                answered++;
            }
            catch (PredictionRequestException refusal)
            {
                // What JSON it is has its own tests; that it is none must be true.
                if (refusal.Message.StartsWith("The body is not valid JSON", StringComparison.Ordinal))
                    Assert.ThrowsAny<JsonException>(() => JsonDocument.Parse(body.ToString()));
            }
        }

        Assert.InRange(answered, cases / 50, cases / 2);
    }

    private static string PlaceOfFault(string body)
    {
        var fault = Assert.ThrowsAny<JsonException>(() => JsonDocument.Parse(body));
        return $"line {fault.LineNumber + 1}, byte {fault.BytePositionInLine + 1}";
    }

    /// <exception cref="PredictionRequestException">The body is refused.</exception>
    private async Task CheckAsync(string body)
    {
        var answers = (await _echo.PredictAsync(body)).GetProperty("predictions").EnumerateArray().ToArray();

        var rows = JsonDocument.Parse(body).RootElement.GetProperty("rows").EnumerateArray().ToArray();
        Assert.Equal(rows.Length, answers.Length);
        foreach (var (row, answer) in rows.Zip(answers))
        {
            for (var i = 0; i < Names.Length; i++)
            {
                var given = row.ValueKind == JsonValueKind.Array ? row[i] : row.TryGetProperty(Names[i], out var value) ? value : default;
                var got = answer.GetProperty(Names[i] + "_out");
                Assert.True(IsSame(given, got, Names[i]), $"{body}: {Names[i]} is {got.GetRawText()}");
            }
        }
    }

    private static bool IsSame(JsonElement given, JsonElement got, string name) => given.ValueKind switch
    {
        JsonValueKind.Undefined or JsonValueKind.Null => got.ValueKind == JsonValueKind.Null || got.ValueEquals(""),
        JsonValueKind.String => got.ValueEquals(given.GetString()),
        JsonValueKind.Number when name == "int64" && given.TryGetInt64(out var integer) => got.GetInt64() == integer,
        JsonValueKind.Number when name == "float32" => (float)given.GetDouble() == got.GetSingle(),
        JsonValueKind.Number => given.GetDouble().Equals(got.GetDouble()) || (given.GetDouble() == 0 && got.GetDouble() == 0),
        _ => given.ValueKind == got.ValueKind,
    };
}
