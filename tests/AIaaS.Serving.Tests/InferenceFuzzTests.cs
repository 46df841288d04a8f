using System.Buffers;
using System.Text;
using System.Text.RegularExpressions;
using AIaaS.Serving.Inference;

namespace AIaaS.Serving.Tests;

/// <summary>Requests that are damaged at random, from fixed seeds: bytes, numbers, sizes and the length of the JSON object.</summary>
public partial class InferenceFuzzTests
{
    private static readonly (string Model, string Json, byte[] Binary)[] Seeds =
    [
        ("sum-difference",
            """{"id":"1","inputs":[{"name":"INPUT0","shape":[1,16],"datatype":"INT32","data":[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]},{"name":"INPUT1","shape":[1,16],"datatype":"INT32","data":[[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]]}],"outputs":[{"name":"OUTPUT1","parameters":{"classification":3}}]}""",
            []),
        ("sum-difference",
            """{"inputs":[{"name":"INPUT0","shape":[1,16],"datatype":"INT32","parameters":{"binary_data_size":64}},{"name":"INPUT1","shape":[1,16],"datatype":"INT32","parameters":{"binary_data_size":64}}],"outputs":[{"name":"OUTPUT0","parameters":{"binary_data":true}},{"name":"OUTPUT1"}]}""",
            Wire.Integers([.. Enumerable.Range(0, 32)])),
        ("identity-bytes",
            """{"parameters":{"binary_data_output":true},"inputs":[{"name":"x","shape":[2,1],"datatype":"BYTES","parameters":{"binary_data_size":13}}]}""",
            Wire.Texts("ab"u8.ToArray(), "cde"u8.ToArray())),
        ("identity-bytes", """{"inputs":[{"shape":[1,2],"data":["caf\u00e9",["\ud83d\ude00"]],"name":"x","datatype":"BYTES"}]}""", []),
        ("identity-fp32", """{"inputs":[{"name":"x","shape":[2,2],"datatype":"FP32","data":[[0.5,-1e3],[null,"NaN"]]}],"outputs":[{"name":"y"}]}""", []),
        ("identity-fp16", """{"inputs":[{"name":"x","shape":[2,2],"datatype":"FP16","data":[1,2,3,4]}],"outputs":[{"name":"y","parameters":{"binary_data":true}}]}""", []),
        ("identity-bool", """{"inputs":[{"name":"x","shape":[3,1],"datatype":"BOOL","parameters":{"binary_data_size":3}}]}""", [0, 1, 1]),
        ("identity-uint64", """{"inputs":[{"name":"x","shape":[1,1],"datatype":"UINT64","data":[18446744073709551615]}]}""", []),
        ("matrix", "", Wire.Floats([.. Enumerable.Range(0, 20)])),
    ];

    private static readonly string[] Numbers =
        ["-1", "0", "1", "2", "15", "17", "2147483647", "2147483648", "4294967295", "4294967296", "4611686018427387904", "9223372036854775807", "18446744073709551616", "1e9", "0.5"];

    private static readonly string[] Fragments =
    [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "null", "true", "1e999", "\\ud800", "\\u0000", "[[[[[[[[[[", new('[', 100), "{\"a\":{\"a\":", "\u0000", "\ufeff",
        "\"name\":\"x\",", "\"shape\":[0],", "\"shape\":[],", "\"datatype\":\"FP64\",", "\"data\":[],", "\"parameters\":{\"binary_data_size\":1},", "\"inputs\":[],", "\"id\":\"\",",
        "\"shape\":[2147483647,2147483647,2147483647],", "\"shape\":[0,2147483647,2147483647],",
    ];

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task A_damaged_request_is_answered_or_refused_with_a_reason_and_bounded_memory(int seed)
    {
        var cases = Environment.GetEnvironmentVariable("AIAAS_LONG") == "1" ? 50_000 : 8_000;
        var random = new Random(seed);
        var clients = new Dictionary<string, InferenceClient>();
        foreach (var model in Seeds.Select(s => s.Model).Distinct())
            clients[model] = await InferenceClient.StartAsync(model);
        var (answered, refused) = (0, 0);
        for (var i = 0; i < cases; i++)
        {
            var (model, json, binary) = Seeds[random.Next(Seeds.Length)];
            var damagedJson = json.Length == 0 ? [] : Damage(random.Next(3) == 0 ? ReplaceNumber(json, random) : json, random);
            byte[] body = [.. damagedJson, .. random.Next(3) == 0 ? Damage(binary, random) : binary];
            long? header = binary.Length == 0 && random.Next(10) > 0 ? null : random.Next(12) switch
            {
                0 => random.Next(-2, body.Length + 3),
                1 => random.NextInt64(),
                2 => null,
                _ => damagedJson.Length,
            };
            var before = GC.GetTotalAllocatedBytes();
            try
            {
                await clients[model].InferAsync(random.Next(2) == 0 ? new(body) : Pieces.Of(body, 1 + random.Next(9)), header);
                answered++;
            }
            catch (InferenceRequestException e)
            {
                Assert.NotEmpty(e.Message);
                refused++;
            }

            // Other tests allocate at the same time, so only what no honest request comes near is told from them.
            Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 512L << 20);
        }

        foreach (var client in clients.Values)
            await client.DisposeAsync();
        Assert.True(answered > cases / 50 && refused > cases / 4, $"{answered} answered, {refused} refused");
    }

    private static string ReplaceNumber(string json, Random random)
    {
        var numbers = NumberPattern().Matches(json);
        var chosen = numbers[random.Next(numbers.Count)];
        return string.Concat(json.AsSpan(0, chosen.Index), Numbers[random.Next(Numbers.Length)], json.AsSpan(chosen.Index + chosen.Length));
    }

    private static byte[] Damage(string json, Random random) => Damage(Encoding.UTF8.GetBytes(json), random);

    private static byte[] Damage(byte[] valid, Random random)
    {
        var bytes = valid.ToList();
        for (var edits = random.Next(3); edits > 0 && bytes.Count > 0; edits--)
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

    [GeneratedRegex(@"(?<![\w.])\d+(?![\w.])")]
    private static partial Regex NumberPattern();
}
