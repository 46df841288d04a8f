using System.Text;
using System.Text.Json;
using AIaaS.Serving.Inference;
using AIaaS.Serving.Models;
using AIaaS.Serving.Predictions;

namespace AIaaS.Serving.Tests;

/// <summary>The Open Inference Protocol as bytes on the wire.</summary>
public class InferenceTests
{
    private const string Sixteen = "[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]";

    [Theory]
    [InlineData("bool", "[true,false,1,0]", "[true,false,true,false]")]
    [InlineData("uint8", "[0,255,1.0,2e1]", "[0,255,1,20]")]
    [InlineData("uint16", "[0,65535,1,2]", "[0,65535,1,2]")]
    [InlineData("uint32", "[0,4294967295,1,2]", "[0,4294967295,1,2]")]
    [InlineData("uint64", "[0,18446744073709551615,9223372036854775808,2]", "[0,18446744073709551615,9223372036854775808,2]")]
    [InlineData("int8", "[-128,127,-1,2]", "[-128,127,-1,2]")]
    [InlineData("int16", "[-32768,32767,-1,2]", "[-32768,32767,-1,2]")]
    [InlineData("int32", "[-2147483648,2147483647,-1,2]", "[-2147483648,2147483647,-1,2]")]
    [InlineData("int64", "[-9223372036854775808,9223372036854775807,-1,2]", "[-9223372036854775808,9223372036854775807,-1,2]")]
    [InlineData("fp16", "[0.5,65504,-2,null]", "[0.5,65504,-2,null]")]
    [InlineData("fp32", "[0.1,3.4028235e38,-0.25,null]", "[0.1,3.4028235E+38,-0.25,null]")]
    [InlineData("fp64", "[0.1,1.7976931348623157e308,\"NaN\",\"-Infinity\"]", "[0.1,1.7976931348623157E+308,null,null]")]
    [InlineData("bf16", "[0.5,1.0078125,1.01171875,-256]", "[0.5,1.0078125,1.015625,-256]")]
    [InlineData("bytes", "[\"a\",\"\",\"caf\\u00e9 \\ud83d\\ude00\",null]", "[\"a\",\"\",\"café \\uD83D\\uDE00\",\"\"]")]
    public async Task Each_datatype_goes_in_and_out_as_json(string datatype, string data, string expected)
    {
        await using var client = await InferenceClient.StartAsync($"identity-{datatype}");
        var input = $$"""{"name":"x","shape":[2,2],"datatype":"{{datatype.ToUpperInvariant()}}","data":{{data}}}""";

        var answer = await client.InferAsync($$"""{"inputs":[{{input}}]}""");

        Assert.Equal(datatype.ToUpperInvariant(), answer.Output("y").GetProperty("datatype").GetString());
        Assert.Equal("[2,2]", answer.Output("y").GetProperty("shape").GetRawText());
        Assert.True(JsonElement.DeepEquals(TestModels.Json(expected), TestModels.Json(answer.Data("y"))), answer.Data("y"));
        Assert.Null(answer.HeaderLength);
    }

    [Theory]
    [InlineData("bool", 1)]
    [InlineData("uint8", 1)]
    [InlineData("uint16", 2)]
    [InlineData("uint32", 4)]
    [InlineData("uint64", 8)]
    [InlineData("int8", 1)]
    [InlineData("int16", 2)]
    [InlineData("int32", 4)]
    [InlineData("int64", 8)]
    [InlineData("fp16", 2)]
    [InlineData("fp32", 4)]
    [InlineData("fp64", 8)]
    [InlineData("bf16", 2)]
    public async Task Each_datatype_goes_in_and_out_as_the_same_bytes(string datatype, int size)
    {
        await using var client = await InferenceClient.StartAsync($"identity-{datatype}");
        var bytes = new byte[3 * 2 * size];
        new Random(7).NextBytes(bytes);
        if (datatype == "bool")
            bytes = [0, 1, 1, 0, 1, 0];
        var input = $$$"""{"name":"x","shape":[3,2],"datatype":"{{{datatype.ToUpperInvariant()}}}","parameters":{"binary_data_size":{{{bytes.Length}}}}}""";

        var answer = await client.InferAsync($$$"""{"inputs":[{{{input}}}],"outputs":[{"name":"y","parameters":{"binary_data":true}}]}""", bytes);

        Assert.Equal(bytes, answer.Binary);
        Assert.Equal(bytes.Length, answer.Output("y").GetProperty("parameters").GetProperty("binary_data_size").GetInt32());
        Assert.False(answer.Output("y").TryGetProperty("data", out _));
        Assert.NotNull(answer.HeaderLength);
    }

    [Fact]
    public async Task Byte_strings_of_any_content_go_in_and_out_as_binary_data()
    {
        await using var client = await InferenceClient.StartAsync("identity-bytes");
        var texts = Wire.Texts([0xff, 0, 0xfe], [], Encoding.UTF8.GetBytes(new string('x', 10_000)));

        var answer = await client.InferAsync(
            $$$"""{"parameters":{"binary_data_output":true},"inputs":[{"name":"x","shape":[1,3],"datatype":"BYTES","parameters":{"binary_data_size":{{{texts.Length}}}}}]}""", texts);

        Assert.Equal(texts, answer.Binary);
    }

    [Fact]
    public async Task Byte_strings_that_json_cannot_hold_are_not_sent_as_json()
    {
        await using var client = await InferenceClient.StartAsync("identity-bytes");
        var texts = Wire.Texts([0xff]);

        var refusal = await client.RefuseAsync($$$"""{"inputs":[{"name":"x","shape":[1,1],"datatype":"BYTES","parameters":{"binary_data_size":{{{texts.Length}}}}}]}""", texts);

        Assert.Contains("'binary_data'", refusal, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_answer_names_model_version_and_id()
    {
        await using var client = await InferenceClient.StartAsync("scalar");

        var answer = await client.InferAsync("""{"id":"4\u0032","inputs":[{"name":"x","shape":[],"datatype":"FP32","data":[7]}]}""");

        Assert.Equal("some-model", answer.Json.GetProperty("model_name").GetString());
        Assert.Equal("3", answer.Json.GetProperty("model_version").GetString());
        Assert.Equal("42", answer.Json.GetProperty("id").GetString());
        Assert.Equal("[]", answer.Output("y").GetProperty("shape").GetRawText());
        Assert.Equal("[7]", answer.Data("y"));
    }

    [Fact]
    public async Task No_id_is_given_back_where_none_was_sent()
    {
        await using var client = await InferenceClient.StartAsync("scalar");

        var answer = await client.InferAsync("""{"inputs":[{"name":"x","shape":[],"datatype":"FP32","data":[7]}]}""");

        Assert.False(answer.Json.TryGetProperty("id", out _));
    }

    [Theory]
    [InlineData("[1,2,3,4,5,6]")]
    [InlineData("[[1,2,3],[4,5,6]]")]
    [InlineData(" [ [1 , 2,3 ] ,\n[4,5,6]]")]
    public async Task Data_is_flat_or_nested_as_its_shape(string data)
    {
        await using var client = await InferenceClient.StartAsync("fixed");

        var answer = await client.InferAsync($$"""{"inputs":[{"name":"x","shape":[2,3],"datatype":"FP32","data":{{data}} }]}""");

        Assert.Equal("[1,2,3,4,5,6]", answer.Data("y"));
    }

    [Theory]
    [InlineData("""{"data":[1,2,3,4,5,6],"datatype":"FP32","shape":[2,3],"name":"x"}""")]
    [InlineData("""{"name":"x","data":[[1,2,3],[4,5,6]],"shape":[2,3],"colour":{"red":[1,{}]},"datatype":"FP32"}""")]
    [InlineData("""{"\u006eame":"\u0078","shape":[2,3],"datatype":"FP3\u0032","parameters":{"note":"n","weight":0.5,"fast":true},"data":[1,2,3,4,5,6]}""")]
    public async Task The_order_of_properties_does_not_matter_and_unknown_ones_are_ignored(string input)
    {
        await using var client = await InferenceClient.StartAsync("fixed");

        var answer = await client.InferAsync($$"""{"model_name":"x","outputs":[],"inputs":[{{input}}],"extra":[[]]}""");

        Assert.Equal("[1,2,3,4,5,6]", answer.Data("y"));
    }

    [Fact]
    public async Task Binary_and_json_mix_both_ways_in_the_order_of_the_request()
    {
        await using var client = await InferenceClient.StartAsync("sum-difference");
        var second = Wire.Integers([.. Enumerable.Repeat(10, 16)]);

        var answer = await client.InferAsync(
            $$$"""
            {"inputs":[{"name":"INPUT1","shape":[1,16],"datatype":"INT32","parameters":{"binary_data_size":64}},
                       {"name":"INPUT0","shape":[1,16],"datatype":"INT32","data":{{{Sixteen}}}}],
             "outputs":[{"name":"OUTPUT1","parameters":{"binary_data":true}},{"name":"OUTPUT0","parameters":{"binary_data":false}}],
             "parameters":{"binary_data_output":true}}
            """,
            second);

        Assert.Equal(["OUTPUT1", "OUTPUT0"], answer.Json.GetProperty("outputs").EnumerateArray().Select(o => o.GetProperty("name").GetString()));
        Assert.Equal(Wire.Integers([.. Enumerable.Range(0, 16).Select(i => i - 10)]), answer.Binary);
        Assert.Equal("[10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25]", answer.Data("OUTPUT0"));
    }

    [Fact]
    public async Task Two_binary_inputs_follow_in_the_order_of_the_request()
    {
        await using var client = await InferenceClient.StartAsync("sum-difference");
        var bytes = Wire.Integers([.. Enumerable.Repeat(1, 32), .. Enumerable.Repeat(5, 32)]);

        var answer = await client.InferAsync(
            """
            {"inputs":[{"name":"INPUT1","shape":[2,16],"datatype":"INT32","parameters":{"binary_data_size":128}},
                       {"name":"INPUT0","shape":[2,16],"datatype":"INT32","parameters":{"binary_data_size":128}}],
             "outputs":[{"name":"OUTPUT1"}]}
            """,
            bytes);

        Assert.Equal($"[{string.Join(",", Enumerable.Repeat(4, 32))}]", answer.Data("OUTPUT1"));
    }

    [Fact]
    public async Task A_request_in_pieces_is_read_as_one()
    {
        await using var client = await InferenceClient.StartAsync("identity-bytes");
        var json = """{"inputs":[{"name":"x","shape":[1,2],"datatype":"BYTES","parameters":{"binary_data_size":13}}]}""";
        byte[] body = [.. Encoding.UTF8.GetBytes(json), .. Wire.Texts("ab"u8.ToArray(), "cde"u8.ToArray())];

        var answer = await client.InferAsync(Pieces.Of(body, 3), json.Length);

        Assert.Equal("[\"ab\",\"cde\"]", answer.Data("y"));
    }

    [Fact]
    public async Task An_empty_tensor_gives_an_empty_tensor()
    {
        await using var client = await InferenceClient.StartAsync("identity-fp32");

        var answer = await client.InferAsync("""{"inputs":[{"name":"x","shape":[0,4],"datatype":"FP32","data":[]}]}""");

        Assert.Equal("[0,4]", answer.Output("y").GetProperty("shape").GetRawText());
        Assert.Equal("[]", answer.Data("y"));
    }

    [Theory]
    [InlineData("fixed", "[2,3]", 6)]
    [InlineData("matrix", "[1,2]", 10)]
    [InlineData("matrix", "[4,2]", 40)]
    [InlineData("identity-fp32", "[1,3]", 3)]
    [InlineData("scalar", "[]", 1)]
    public async Task A_raw_request_is_the_only_input_and_its_shape_follows(string model, string shape, int floats)
    {
        await using var client = await InferenceClient.StartAsync(model);
        var bytes = Wire.Floats([.. Enumerable.Range(0, floats)]);

        var answer = await client.InferAsync(bytes, headerLength: 0);

        Assert.Equal(shape, answer.Output("y").GetProperty("shape").GetRawText());
        Assert.NotNull(answer.HeaderLength);
        Assert.Equal(answer.Output("y").GetProperty("parameters").GetProperty("binary_data_size").GetInt32(), answer.Binary.Length);
    }

    [Fact]
    public async Task A_raw_text_is_the_whole_body()
    {
        await using var client = await InferenceClient.StartAsync("text");

        var answer = await client.InferAsync("four words of text"u8.ToArray(), headerLength: 0);

        Assert.Equal(Wire.Texts("four words of text"u8.ToArray()), answer.Binary);
    }

    [Theory]
    [InlineData("fixed", 20)]
    [InlineData("matrix", 44)]
    [InlineData("sum-difference", 64)]
    public async Task A_raw_request_that_fits_no_shape_is_refused(string model, int bytes)
    {
        await using var client = await InferenceClient.StartAsync(model);

        await Assert.ThrowsAsync<InferenceRequestException>(() => client.InferAsync(new byte[bytes], headerLength: 0));
    }

    [Fact]
    public async Task Classification_gives_the_highest_values_with_index_and_label()
    {
        await using var client = await InferenceClient.StartAsync(TestModels.StringLabel);

        var answer = await client.InferAsync(
            """
            {"inputs":[{"name":"length","shape":[2,1],"datatype":"FP32","data":[30,50]},{"name":"mass","shape":[2,1],"datatype":"FP32","data":[3,6]},
                       {"name":"island","shape":[2,1],"datatype":"BYTES","data":["Torgersen","Biscoe"]}],
             "outputs":[{"name":"probabilities","parameters":{"classification":2}},{"name":"label"}]}
            """);

        var classes = answer.Output("probabilities");
        Assert.Equal("BYTES", classes.GetProperty("datatype").GetString());
        Assert.Equal("[2,2]", classes.GetProperty("shape").GetRawText());
        var texts = classes.GetProperty("data").EnumerateArray().Select(t => t.GetString()!.Split(':')).ToArray();
        Assert.All(texts, t => Assert.Equal(3, t.Length));
        var labels = answer.Output("label").GetProperty("data").EnumerateArray().Select(l => l.GetString()).ToArray();
        Assert.Equal<string?[]>([texts[0][2], texts[2][2]], labels);
        Assert.True(float.Parse(texts[0][0], System.Globalization.CultureInfo.InvariantCulture) >= float.Parse(texts[1][0], System.Globalization.CultureInfo.InvariantCulture));
    }

    [Theory]
    [InlineData("int32", "[1,5,10,4]", 2, "[\"10:2\",\"5:1\"]")]
    [InlineData("fp32", "[3,null,3,9]", 9, "[\"9:3\",\"3:0\",\"3:2\",\"NaN:1\"]")]
    [InlineData("uint64", "[18446744073709551615,0,1,2]", 1, "[\"18446744073709551615:0\"]")]
    [InlineData("bf16", "[-1,-2,-0.5,-8]", 2, "[\"-0.5:2\",\"-1:0\"]")]
    public async Task Classification_ranks_by_the_outputs_own_datatype(string datatype, string data, int classes, string expected)
    {
        await using var client = await InferenceClient.StartAsync($"identity-{datatype}");

        var answer = await client.InferAsync(
            $$$"""{"inputs":[{"name":"x","shape":[1,4],"datatype":"{{{datatype.ToUpperInvariant()}}}","data":{{{data}}}}],"outputs":[{"name":"y","parameters":{"classification":{{{classes}}}}}]}""");

        Assert.Equal(expected, answer.Data("y"));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(2_000)]
    [InlineData(200_000)]
    public async Task Classification_ranks_any_number_of_values(int classes)
    {
        const int Count = 200_000;
        await using var client = await InferenceClient.StartAsync("identity-int32");
        // They rise, so that the order of the request is the worst for whoever keeps the highest, and each comes twice.
        int[] values = [.. Enumerable.Range(0, Count).Select(i => i / 2)];

        var answer = await client.InferAsync(
            $$$"""{"inputs":[{"name":"x","shape":[1,{{{Count}}}],"datatype":"INT32","parameters":{"binary_data_size":{{{4 * Count}}}}}],"outputs":[{"name":"y","parameters":{"classification":{{{classes}}}}}]}""",
            Wire.Integers(values));

        var expected = values.Select((value, index) => (value, index)).OrderByDescending(v => v.value).ThenBy(v => v.index).Take(classes).Select(v => $"{v.value}:{v.index}");
        Assert.Equal(expected, answer.Output("y").GetProperty("data").EnumerateArray().Select(t => t.GetString()));
    }

    [Fact]
    public async Task Classes_are_given_as_binary_data_too()
    {
        await using var client = await InferenceClient.StartAsync("identity-int8");

        var answer = await client.InferAsync(
            """{"inputs":[{"name":"x","shape":[2,2],"datatype":"INT8","data":[1,2,9,8]}],"outputs":[{"name":"y","parameters":{"classification":1,"binary_data":true}}]}""");

        Assert.Equal(Wire.Texts("2:1"u8.ToArray(), "9:0"u8.ToArray()), answer.Binary);
        Assert.Equal("[2,1]", answer.Output("y").GetProperty("shape").GetRawText());
    }

    [Fact]
    public async Task A_model_describes_its_tensors()
    {
        await using var client = await InferenceClient.StartAsync("sum-difference");

        var signature = InferenceEngine.Describe(client.Lease);

        Assert.Equal([("INPUT0", "INT32"), ("INPUT1", "INT32")], signature.Inputs.Select(i => (i.Name, i.Datatype)));
        Assert.All([.. signature.Inputs, .. signature.Outputs], t => Assert.Equal([-1, 16], t.Shape));
    }

    [Theory]
    [InlineData("", "is empty")]
    [InlineData("[]", "not an object")]
    [InlineData("{}", "no 'inputs'")]
    [InlineData("{\"inputs\":7}", "'inputs' is not an array")]
    [InlineData("{\"inputs\":[7]}", "not an object")]
    [InlineData("{\"inputs\":[]}", "'x' is not given")]
    [InlineData("{\"inputs\":[],\"inputs\":[]}", "twice")]
    [InlineData("{\"id\":7,\"inputs\":[]}", "'id' is not a string")]
    [InlineData("{\"parameters\":[],\"inputs\":[]}", "'parameters' of the request is not an object")]
    [InlineData("{\"parameters\":{\"a\":null},\"inputs\":[]}", "no string, number or boolean")]
    [InlineData("{\"inputs\":[{}]}", "no 'name'")]
    [InlineData("{\"inputs\":[{\"name\":\"nope\"}]}", "no input 'nope'")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"datatype\":\"FP32\",\"data\":[]}]}", "no 'shape'")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[1,1],\"data\":[1]}]}", "no 'datatype'")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[1,1],\"datatype\":\"FP32\"}]}", "either 'data' or")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[1,1],\"datatype\":\"FP99\",\"data\":[1]}]}", "none of BOOL")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[1,1],\"datatype\":\"INT32\",\"data\":[1]}]}", "takes FP32")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[1],\"datatype\":\"FP32\",\"data\":[1]}]}", "takes [-1,-1]")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[1,-1],\"datatype\":\"FP32\",\"data\":[1]}]}", "no whole number from 0")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[1,1.5],\"datatype\":\"FP32\",\"data\":[1]}]}", "no whole number from 0")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[1,9223372036854775808],\"datatype\":\"FP32\",\"data\":[1]}]}", "no whole number from 0")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[2147483647,2147483647],\"datatype\":\"FP32\",\"data\":[1]}]}", "more than one request")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[0,2147483647],\"datatype\":\"FP32\",\"data\":[1]}]}", "more than one request")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[1,100000000],\"datatype\":\"FP32\",\"data\":[1]}]}", "more than its 'data' can hold")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[1,2],\"datatype\":\"FP32\",\"data\":[1]}]}", "1 elements instead of the 2")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[1,1],\"datatype\":\"FP32\",\"data\":[1,2]}]}", "more than the 1 elements")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[2,2],\"datatype\":\"FP32\",\"data\":[[1,2],3,4]}]}", "side by side")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[2,2],\"datatype\":\"FP32\",\"data\":[[1,2],[3]]}]}", "less than 2 in dimension 1")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[2,2],\"datatype\":\"FP32\",\"data\":[[1,2],[3,4],[5,6]]}]}", "more than 2 in dimension 0")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[1,2],\"datatype\":\"FP32\",\"data\":[[[1]],[[2]]]}]}", "more than 1 in dimension 0|no value of FP32")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[1,1],\"datatype\":\"FP32\",\"data\":[1e39]}]}", "Element 0 of the input 'x' is 1e39")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[1,1],\"datatype\":\"FP32\",\"data\":[\"1\"]}]}", "the string \"1\"")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[1,1],\"datatype\":\"FP32\",\"data\":{\"0\":1}}]}", "is not an array")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[1,1],\"datatype\":\"FP32\",\"data\":[1],\"data\":[1]}]}", "'data' of the input 'x' is given twice")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[1,1],\"datatype\":\"FP32\",\"data\":[1]},{\"name\":\"x\",\"shape\":[1,1],\"datatype\":\"FP32\",\"data\":[1]}]}", "'x' is given twice")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[1,1],\"datatype\":\"FP32\",\"data\":[1],\"parameters\":{\"binary_data_size\":4}}]}", "either 'data' or")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[1,1],\"datatype\":\"FP32\",\"parameters\":{\"binary_data_size\":-4}}]}", "no whole number of bytes")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[1,1],\"datatype\":\"FP32\",\"parameters\":{\"binary_data_size\":8}}]}", "has 8 bytes of binary data")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[1,1],\"datatype\":\"FP32\",\"parameters\":{\"binary_data_size\":4}}]}", "Inference-Header-Content-Length")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[1,1],\"datatype\":\"FP32\",\"parameters\":{\"shared_memory_region\":\"r\"}}]}", "Shared memory")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[1,1],\"datatype\":\"FP32\",\"data\":[1]}],\"outputs\":[{\"name\":\"z\"}]}", "no output 'z'")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[1,1],\"datatype\":\"FP32\",\"data\":[1]}],\"outputs\":[{\"name\":\"y\"},{\"name\":\"y\"}]}", "requested twice")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[1,1],\"datatype\":\"FP32\",\"data\":[1]}],\"outputs\":[{\"name\":\"y\",\"parameters\":{\"classification\":0}}]}", "number of classes from 1")]
    [InlineData("{\"inputs\":[{\"name\":\"x\",\"shape\":[1,1],\"datatype\":\"FP32\",\"data\":[1]}]}{", "valid JSON")]
    [InlineData("{\"inputs\":[{\"name\":\"\\ud800\"}]}", "not valid UTF-8")]
    public async Task A_mistake_is_refused_in_words_that_name_it(string request, string reasons)
    {
        await using var client = await InferenceClient.StartAsync("identity-fp32");

        var refusal = await client.RefuseAsync(request);

        Assert.Contains(reasons.Split('|'), reason => refusal.Contains(reason, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Binary_data_without_the_length_of_the_json_before_it_is_refused_with_the_header()
    {
        await using var client = await InferenceClient.StartAsync("identity-fp32");
        var json = """{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","parameters":{"binary_data_size":4}}]}""";

        var refusal = await Assert.ThrowsAsync<InferenceRequestException>(() => client.InferAsync([.. Encoding.UTF8.GetBytes(json), 0, 0, 128, 63], headerLength: null));

        Assert.Contains("Inference-Header-Content-Length", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Null_is_taken_for_what_may_be_left_out()
    {
        await using var client = await InferenceClient.StartAsync("identity-fp32");

        var answer = await client.InferAsync(
            """{"id":null,"parameters":null,"outputs":null,"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","parameters":null,"data":[1]}]}""");

        Assert.Equal("[1]", answer.Data("y"));
    }

    [Theory]
    [InlineData("fp16")]
    [InlineData("fp32")]
    [InlineData("fp64")]
    [InlineData("bf16")]
    public async Task The_sign_of_zero_is_written_so_that_readers_of_json_keep_it(string datatype)
    {
        await using var client = await InferenceClient.StartAsync($"identity-{datatype}");

        var answer = await client.InferAsync($$"""{"inputs":[{"name":"x","shape":[1,2],"datatype":"{{datatype.ToUpperInvariant()}}","data":[-0.0,0]}]}""");

        Assert.Equal("[-0.0,0]", answer.Data("y"));
    }

    [Theory]
    [InlineData("identity-bytes", "BYTES", new byte[] { 5, 0, 0, 0, 1 }, "has a length of 5 bytes, and 1 are left")]
    [InlineData("identity-bytes", "BYTES", new byte[] { 255, 255, 255, 255, 1 }, "has a length of 4294967295 bytes")]
    [InlineData("identity-bytes", "BYTES", new byte[] { 0, 0, 0, 0, 1 }, "1 bytes more than its 1 elements")]
    [InlineData("identity-bytes", "BYTES", new byte[] { 0, 0 }, "at least 4")]
    [InlineData("identity-bool", "BOOL", new byte[] { 2 }, "a byte of 0 or 1")]
    public async Task Binary_data_that_lies_is_refused(string model, string datatype, byte[] binary, string reason)
    {
        await using var client = await InferenceClient.StartAsync(model);

        var refusal = await client.RefuseAsync(
            $$$"""{"inputs":[{"name":"x","shape":[1,1],"datatype":"{{{datatype}}}","parameters":{"binary_data_size":{{{binary.Length}}}}}]}""", binary);

        Assert.Contains(reason, refusal, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bytes_that_belong_to_no_input_are_refused()
    {
        await using var client = await InferenceClient.StartAsync("identity-fp32");

        var refusal = await client.RefuseAsync("""{"inputs":[{"name":"x","shape":[1,1],"datatype":"FP32","data":[1]}]}""", 1, 2, 3);

        Assert.Contains("3 bytes more", refusal, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1000)]
    [InlineData(long.MaxValue)]
    public async Task A_header_length_outside_the_body_is_refused(long length)
    {
        await using var client = await InferenceClient.StartAsync("identity-fp32");

        var refusal = await Assert.ThrowsAsync<InferenceRequestException>(() => client.InferAsync("{}"u8.ToArray(), length));

        Assert.Contains("Inference-Header-Content-Length", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rows_that_differ_between_inputs_are_refused()
    {
        await using var client = await InferenceClient.StartAsync(TestModels.Regression);

        var refusal = await client.RefuseAsync(
            """{"inputs":[{"name":"length","shape":[2,1],"datatype":"FP32","data":[1,2]},{"name":"mass","shape":[3,1],"datatype":"FP32","data":[1,2,3]}]}""");

        Assert.Contains("another input has 2", refusal, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Inputs_beyond_the_memory_of_one_request_are_refused()
    {
        await using var client = await InferenceClient.StartAsync(TestModels.Tensors("identity-fp64"), new InferenceOptions { MaxTensorBytes = 63 });

        var refusal = await client.RefuseAsync("""{"inputs":[{"name":"x","shape":[8,1],"datatype":"FP64","data":[1,2,3,4,5,6,7,8]}]}""");

        Assert.Contains("more memory than one request", refusal, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_model_that_fails_is_told_apart_from_a_bad_request()
    {
        await using var client = await InferenceClient.StartAsync("zeros");

        await Assert.ThrowsAsync<PredictionFailedException>(() => client.InferAsync("""{"inputs":[{"name":"x","shape":[1],"datatype":"INT64","data":[1000000000000000]}]}"""));

        Assert.Equal("[0,0]", (await client.InferAsync("""{"inputs":[{"name":"x","shape":[1],"datatype":"INT64","data":[2]}]}""")).Data("y"));
    }

    [Theory]
    [InlineData("add", "[2,3]", "[2,2]", "Attempting to broadcast an axis by a dimension other than 1. 2 by 3")]
    [InlineData("concat", "[2,2]", "[3,1]", "Non concat axis dimensions must match: Axis 0 has mismatched dimensions of 3 and 2")]
    [InlineData("product", "[2,2]", "[3,1]", "MatMul dimension mismatch")]
    public async Task Tensors_that_do_not_fit_together_are_refused_with_the_reason(string model, string first, string second, string reason)
    {
        await using var client = await InferenceClient.StartAsync(model);

        var refusal = await client.RefuseAsync($$"""{"inputs":[{{Ones("a", first)}},{{Ones("b", second)}}]}""");

        Assert.Equal($"The model cannot be run on these tensors: {reason}. Change their shapes or values.", refusal);

        static string Ones(string name, string shape)
        {
            var count = JsonSerializer.Deserialize<int[]>(shape)!.Aggregate(1, (product, length) => product * length);
            return $$"""{"name":"{{name}}","shape":{{shape}},"datatype":"FP32","data":[{{string.Join(',', Enumerable.Repeat(1, count))}}]}""";
        }
    }

    [Fact]
    public async Task Tensors_of_a_shape_that_the_graph_cannot_change_as_it_wants_are_refused_with_the_reason()
    {
        await using var client = await InferenceClient.StartAsync("threes");

        var refusal = await client.RefuseAsync("""{"inputs":[{"name":"x","shape":[2,2],"datatype":"FP32","data":[1,2,3,4]}]}""");

        Assert.Contains("The input tensor cannot be reshaped to the requested shape. Input shape:{2,2}, requested shape:{-1,3}", refusal, StringComparison.Ordinal);
        Assert.DoesNotContain("reshape_helper", refusal, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tensors_that_the_graph_does_not_take_do_not_make_the_model_rest()
    {
        await using var client = await InferenceClient.StartAsync(TestModels.Failing);

        for (var i = 0; i < 2 * CircuitBreaker.Failures; i++)
            Assert.Contains("out of data bounds, idx=9", await client.RefuseAsync("""{"inputs":[{"name":"index","shape":[1,1],"datatype":"INT64","data":[9]}]}"""), StringComparison.Ordinal);

        Assert.Equal("[7]", (await client.InferAsync("""{"inputs":[{"name":"index","shape":[1,1],"datatype":"INT64","data":[1]}]}""")).Data("value"));
    }

    [Fact]
    public async Task Many_requests_at_once_get_their_own_answers()
    {
        await using var client = await InferenceClient.StartAsync("identity-int32");

        var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(i => Task.Run(() => client.InferAsync(
            $$"""{"id":"{{i}}","inputs":[{"name":"x","shape":[1,3],"datatype":"INT32","data":[{{i}},{{i}},{{-i}}]}]}"""))));

        for (var i = 0; i < answers.Length; i++)
        {
            Assert.Equal($"[{i},{i},{-i}]", answers[i].Data("y"));
            Assert.Equal($"{i}", answers[i].Json.GetProperty("id").GetString());
        }
    }
}
