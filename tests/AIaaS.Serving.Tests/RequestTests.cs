using System.Globalization;
using AIaaS.Formats;
using AIaaS.Serving.Predictions;

namespace AIaaS.Serving.Tests;

/// <summary>What a value may be, seen through a model that gives its inputs back.</summary>
public class RequestTests
{
    private const string Numbers = "\"int32\":0,\"int64\":0,\"bool\":false,\"uint8\":0";

    [Theory]
    [InlineData("float32", "0.1", "0.1")]
    [InlineData("float32", "-3.5e10", "-3.5E+10")]
    [InlineData("float32", "1e-60", "0")]
    [InlineData("float64", "0.1234567890123456", "0.1234567890123456")]
    [InlineData("int32", "-2147483648", "-2147483648")]
    [InlineData("int64", "9223372036854775807", "9223372036854775807")]
    [InlineData("int64", "1e3", "1000")]
    [InlineData("int64", "-7.0", "-7")]
    [InlineData("uint8", "255", "255")]
    [InlineData("bool", "true", "true")]
    [InlineData("string", "\"caf\\u00e9 \\ud83d\\ude00\"", "\"café \\uD83D\\uDE00\"")]
    [InlineData("float32", "null", "null")]
    [InlineData("string", "null", "\"\"")]
    public async Task A_value_reaches_the_model_in_its_element_type(string feature, string value, string expected)
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Echo);
        var others = string.Join(",", Numbers.Split(',').Where(n => !n.StartsWith($"\"{feature}\"", StringComparison.Ordinal)));

        var row = (await client.PredictRowsAsync($"{{{others},\"{feature}\":{value}}}"))[0];

        var given = row.GetProperty(feature + "_out").GetRawText();
        if (feature == "string")
            Assert.Equal(TestModels.Json(expected).GetString(), TestModels.Json(given).GetString());
        else
            Assert.Equal(expected, given);
    }

    [Theory]
    [InlineData("float32", "\"5\"", PredictionError.WrongType, "expected a number, found the string \"5\"")]
    [InlineData("float32", "true", PredictionError.WrongType, "expected a number, found true")]
    [InlineData("float32", "{\"a\":1}", PredictionError.WrongType, "expected a number, found an object")]
    [InlineData("float32", "[1]", PredictionError.WrongType, "expected a number, found an array")]
    [InlineData("float32", "1e39", PredictionError.OutOfRange, "does not fit a 32-bit float")]
    [InlineData("float64", "1e400", PredictionError.OutOfRange, "does not fit a 64-bit float")]
    [InlineData("int32", "2147483648", PredictionError.OutOfRange, "does not fit -2147483648 to 2147483647")]
    [InlineData("int64", "9223372036854775808", PredictionError.OutOfRange, "does not fit")]
    [InlineData("int64", "1.5", PredictionError.WrongType, "expected an integer, found the number 1.5")]
    [InlineData("int64", "null", PredictionError.MissingFeature, "needs a value")]
    [InlineData("uint8", "-1", PredictionError.OutOfRange, "does not fit 0 to 255")]
    [InlineData("bool", "1", PredictionError.WrongType, "expected true or false, found the number 1")]
    [InlineData("bool", "null", PredictionError.MissingFeature, "needs a value")]
    [InlineData("string", "5", PredictionError.WrongType, "expected a string, found the number 5")]
    [InlineData("string", "false", PredictionError.WrongType, "expected a string, found false")]
    [InlineData("string", "\"\\ud83d\"", PredictionError.MalformedRequest, "not valid UTF-8")]
    public async Task A_value_of_another_kind_is_refused_by_row_and_feature(string feature, string value, PredictionError error, string detail)
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Echo);

        var refusal = await client.RefuseAsync($"{{\"rows\":[{{{Numbers}}},{{\"{feature}\":{value}}}]}}");

        Assert.Equal((error, 1, feature), (refusal.Error, refusal.Row, refusal.Feature));
        Assert.StartsWith($"rows[1], feature '{feature}': ", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(detail, refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"1970-01-02T00:00:00Z\"", 86400)]
    [InlineData("\"1970-01-01T02:00:00+01:00\"", 3600)]
    [InlineData("\"1970-01-01T00:00:01.5\"", 1.5)]
    [InlineData("\"1970-01-01 00:01:00\"", 60)]
    [InlineData("\"1970-01-01 01:01:00.25+01:00\"", 60.25)]
    [InlineData("\"1969-12-31\"", -86400)]
    public async Task A_time_becomes_seconds_since_1970(string value, double seconds)
    {
        await using var client = await PredictionClient.StartAsync(TestModels.EchoWith(
            TestModels.Feature("float64", ColumnKind.Datetime, TensorType.Float64)));

        var row = (await client.PredictRowsAsync($"{{{Numbers},\"float64\":{value}}}"))[0];

        Assert.Equal(seconds, row.GetProperty("float64_out").GetDouble());
    }

    [Theory]
    [InlineData("\"yesterday\"")]
    [InlineData("\"\"")]
    [InlineData("1700000000")]
    [InlineData("\"1970-13-01T00:00:00Z\"")]
    public async Task What_is_no_time_is_refused(string value)
    {
        await using var client = await PredictionClient.StartAsync(TestModels.EchoWith(
            TestModels.Feature("float64", ColumnKind.Datetime, TensorType.Float64)));

        var refusal = await client.RefuseAsync($"{{\"rows\":[{{\"float64\":{value}}}]}}");

        Assert.Equal(PredictionError.WrongType, refusal.Error);
        Assert.Contains("expected a time such as", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("true", 1)]
    [InlineData("false", 0)]
    public async Task A_boolean_feature_becomes_one_or_zero(string value, int expected)
    {
        await using var client = await PredictionClient.StartAsync(TestModels.EchoWith(TestModels.Feature("float32", ColumnKind.Boolean)));

        var row = (await client.PredictRowsAsync($"{{{Numbers},\"float32\":{value}}}"))[0];

        Assert.Equal(expected, row.GetProperty("float32_out").GetDouble());
    }

    [Fact]
    public async Task A_boolean_feature_takes_no_number()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.EchoWith(TestModels.Feature("float32", ColumnKind.Boolean)));

        Assert.Equal(PredictionError.WrongType, (await client.RefuseAsync("{\"rows\":[{\"float32\":1}]}")).Error);
    }

    [Theory]
    [InlineData("3", "3")]
    [InlineData("3.0", "3")]
    [InlineData("2.5", "2.50")]
    [InlineData("\"3\"", "3")]
    [InlineData("7", "7")]
    [InlineData("true", "True")]
    [InlineData("false", "false")]
    public async Task A_category_that_looks_like_a_number_or_boolean_may_be_written_as_one(string value, string category)
    {
        await using var client = await PredictionClient.StartAsync(TestModels.EchoWith(
            TestModels.Feature("string", ColumnKind.Category, TensorType.String) with { Categories = ["3", "2.50", "True"] }));

        var row = (await client.PredictRowsAsync($"{{{Numbers},\"string\":{value}}}"))[0];

        Assert.Equal(category, row.GetProperty("string_out").GetString());
    }

    [Theory]
    [InlineData("float32", TensorType.Float32, "")]
    [InlineData("float32", TensorType.Float32, ",\"float32\":null")]
    [InlineData("string", TensorType.String, "")]
    [InlineData("string", TensorType.String, ",\"string\":\"\"")]
    public async Task A_required_feature_must_be_given(string feature, TensorType type, string given)
    {
        await using var client = await PredictionClient.StartAsync(TestModels.EchoWith(
            TestModels.Feature(feature, ColumnKind.Category, type) with { Required = true }));

        var refusal = await client.RefuseAsync($"{{\"rows\":[{{{Numbers}{given}}}]}}");

        Assert.Equal((PredictionError.MissingFeature, feature), (refusal.Error, refusal.Feature));
    }

    [Theory]
    [InlineData("lenght", "Is 'length' meant?")]
    [InlineData("Length", "Is 'length' meant?")]
    [InlineData("colour", "Its features are 'length', 'mass', 'island'.")]
    [InlineData("species", "leave it out")]
    public async Task An_unknown_feature_is_refused_with_what_may_be_meant(string name, string remedy)
    {
        await using var client = await PredictionClient.StartAsync(TestModels.StringLabel);

        var refusal = await client.RefuseAsync($"{{\"rows\":[{{\"{name}\":1}}]}}");

        Assert.Equal((PredictionError.UnknownFeature, 0, name), (refusal.Error, refusal.Row, refusal.Feature));
        Assert.Contains(remedy, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_feature_is_ignored_where_the_endpoint_says_so()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Regression);

        var answer = await client.PredictAsync("{\"rows\":[{\"x\":{\"y\":[1,2]},\"length\":1,\"z\":null,\"mass\":2}]}", UnknownFeaturePolicy.Ignore);

        Assert.Equal(0.5, answer.GetProperty("predictions")[0].GetProperty("value").GetDouble());
    }

    [Fact]
    public async Task A_feature_given_twice_is_refused()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Regression);

        var refusal = await client.RefuseAsync("{\"rows\":[{\"length\":1,\"length\":2}]}");

        Assert.Equal((PredictionError.DuplicateFeature, "length"), (refusal.Error, refusal.Feature));
    }

    [Fact]
    public async Task Too_many_rows_are_refused()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Regression);

        var refusal = await client.RefuseAsync($"{{\"rows\":[{string.Join(",", Enumerable.Repeat("{}", 6))}]}}", maxRows: 5);

        Assert.Equal(PredictionError.TooManyRows, refusal.Error);
    }

    [Theory]
    [InlineData("", "line 1, byte 1")]
    [InlineData("{\"rows\":[{\"length\":1}\n,{\"length\":NaN}]}", "line 2, byte 12")]
    [InlineData("{\"rows\":[{}]} x", "line 1, byte 15")]
    [InlineData("{\"rows\":[{}],}", "line 1, byte 14")]
    [InlineData("[]", "not an object")]
    [InlineData("{}", "no 'rows'")]
    [InlineData("{\"row\":[]}", "unknown property 'row'")]
    [InlineData("{\"rows\":{}}", "'rows' is not an array")]
    [InlineData("{\"rows\":[],\"rows\":[]}", "'rows' twice")]
    [InlineData("{\"rows\":[1]}", "rows[0] is neither an object nor an array")]
    [InlineData("{\"rows\":[[1]]}", "rows[0] has 1 values for 2 features")]
    [InlineData("{\"rows\":[[1,2,3]]}", "rows[0] has more values than the model's 2 features")]
    [InlineData("{\"rows\":[{\"\\udc00\":1}]}", "not valid UTF-8")]
    [InlineData("{\"\\udc00\":1}", "not valid UTF-8")]
    public async Task A_malformed_body_is_refused_with_its_place(string body, string detail)
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Regression);

        var refusal = await client.RefuseAsync(body);

        Assert.Equal(PredictionError.MalformedRequest, refusal.Error);
        Assert.Contains(detail, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Long_texts_of_callers_are_shortened_in_messages()
    {
        await using var client = await PredictionClient.StartAsync(TestModels.Regression);
        var name = string.Create(CultureInfo.InvariantCulture, $"x{new string('y', 100_000)}");

        Assert.InRange((await client.RefuseAsync($"{{\"rows\":[{{\"{name}\":1}}]}}")).Message.Length, 1, 300);
        Assert.InRange((await client.RefuseAsync($"{{\"rows\":[{{\"length\":\"{name}\"}}]}}")).Message.Length, 1, 300);
    }
}
