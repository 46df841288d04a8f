using System.Buffers;
using System.Text;
using System.Text.Json;
using AIaaS.Formats;
using AIaaS.Serving.Predictions;

namespace AIaaS.Serving.Tests;

public class FuzzTests
{
    private static readonly string[] Seeds =
    [
        "{\"rows\":[{\"float32\":1.5,\"float64\":@time,\"int32\":7,\"int64\":-9,\"bool\":true,\"string\":\"caf\\u00e9\",\"uint8\":200}]}",
        "{\"rows\":[[1,@time,3,4,false,\"x\",0],{\"int32\":0,\"int64\":0,\"bool\":false,\"uint8\":0,\"string\":null}]}",
        "{ \"rows\" : [ {\"uint8\": 1, \"bool\": true, \"int64\": 1e3, \"int32\": -0, \"string\": \"\\ud83d\\ude00\\\"\", \"float64\": @time, \"float32\": 0.1} ] }",
    ];

    private static readonly (RowFormat Format, string Body)[] OtherSeeds =
    [
        (RowFormat.Json, "{\"columns\":[\"string\",\"uint8\",\"int32\",\"int64\",\"bool\",\"float32\"],\"rows\":[[\"a\",1,2,3,true,\"NaN\"],[\"b\",4,5,6,false,null]]}"),
        (RowFormat.Csv, "float32,float64,int32,int64,bool,string,uint8\r\n1.5,2,7,-9,TRUE,\"a \"\"quoted\"\" one\",200\r\ninf,,+8,0,0,,1\n"),
        (RowFormat.Csv, "uint8,bool,int64,int32\n1,true,3,4\n\n\n5,false,7,8"),
    ];

    private static readonly string[] Fragments =
    [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "null", "true", "false", "1e999", "-", "-0", "0x1", "NaN", "9223372036854775808", "1e400", "\\ud800",
        "\\u0000", "\"rows\":", "\"float32\":", "\"string\":\"", "[[[[[[[[", "{\"a\":{\"a\":", "\u0000", "\ufeff", "//", "/**/", " \n\t", "\"int32\":1.0",
        "\"columns\":", "\"\"", "\r\n", ",,,,,,,,", "\n\n", "\"int32\",", "+inf", "0x",
    ];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task A_mutated_request_is_answered_or_refused_with_a_reason(int seed)
    {
        var cases = Environment.GetEnvironmentVariable("AIAAS_LONG") == "1" ? 50_000 : 10_000;
        var random = new Random(seed);
        var takesTimes = seed % 2 == 0;
        var requests = Seeds.Select(s => Encoding.UTF8.GetBytes(s.Replace("@time", takesTimes ? "\"2024-05-31T08:00:00.5+02:00\"" : "-2e-3", StringComparison.Ordinal))).ToArray();
        await using var client = await PredictionClient.StartAsync(TestModels.EchoWith(
            TestModels.Feature("float64", takesTimes ? ColumnKind.Datetime : ColumnKind.Number, TensorType.Float64)));
        var response = new ArrayBufferWriter<byte>();
        var (answered, refused) = (0, 0);
        for (var i = 0; i < cases; i++)
        {
            var body = Mutate(requests[random.Next(requests.Length)], random);
            response.ResetWrittenCount();
            try
            {
                var summary = await client.PredictAsync(
                    random.Next(2) == 0 ? new(body) : Pieces.Of(body, 1 + random.Next(7)), response, (UnknownFeaturePolicy)random.Next(2), maxRows: 50);
                using var answer = JsonDocument.Parse(response.WrittenMemory);
                Assert.Equal(summary.Rows, answer.RootElement.GetProperty("predictions").GetArrayLength());
                answered++;
            }
            catch (PredictionRequestException e)
            {
                Assert.NotEmpty(e.Message);
                Assert.Equal(0, response.WrittenCount);
                refused++;
            }
        }

        // A mutation that leaves the request valid is rarer than one that does not, but both must have been tried.
        Assert.True(answered > cases / 50 && refused > cases / 4, $"{answered} answered, {refused} refused");
    }

    [Theory]
    [InlineData(11)]
    [InlineData(12)]
    public async Task Mutated_tables_are_answered_or_refused_with_a_reason(int seed)
    {
        var cases = Environment.GetEnvironmentVariable("AIAAS_LONG") == "1" ? 60_000 : 10_000;
        var random = new Random(seed);
        await using var client = await PredictionClient.StartAsync(TestModels.Echo);
        var (answered, refused) = (0, 0);
        for (var i = 0; i < cases; i++)
        {
            var (format, valid) = OtherSeeds[random.Next(OtherSeeds.Length)];
            var body = Mutate(Encoding.UTF8.GetBytes(valid), random);
            try
            {
                await client.AnswerAsync(body, c => c with
                {
                    Format = format,
                    MaxRows = 50,
                    NonFinite = (NonFinitePolicy)random.Next(2),
                    UnknownFeatures = (UnknownFeaturePolicy)random.Next(2),
                });
                answered++;
            }
            catch (PredictionRequestException e)
            {
                Assert.NotEmpty(e.Message);
                refused++;
            }
        }

        Assert.True(answered > cases / 50 && refused > cases / 4, $"{answered} answered, {refused} refused");
    }

    private static byte[] Mutate(byte[] valid, Random random)
    {
        var bytes = valid.ToList();
        for (var edits = 1 + random.Next(3); edits > 0 && bytes.Count > 0; edits--)
        {
            var at = random.Next(bytes.Count);
            switch (random.Next(6))
            {
                case 0:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 1:
                    bytes.RemoveRange(at, random.Next(Math.Min(12, bytes.Count - at) + 1));
                    break;
                case 2:
                    bytes.InsertRange(at, Encoding.UTF8.GetBytes(Fragments[random.Next(Fragments.Length)]));
                    break;
                case 3:
                    bytes.InsertRange(at, bytes.GetRange(at, random.Next(Math.Min(40, bytes.Count - at) + 1)));
                    break;
                case 4:
                    bytes[at] = (byte)('0' + random.Next(10));
                    break;
                default:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
            }
        }

        return [.. bytes];
    }
}
