using System.IO.Pipelines;
using AIaaS.Functions.OpenApi;
using AIaaS.Functions.Predictions;
using AIaaS.Functions.Requests;
using AIaaS.Platform.Problems;
using AIaaS.Platform.Security;
using Microsoft.AspNetCore.Http;

namespace AIaaS.Functions.Tests.Predictions;

public sealed class PredictionDeadlineTests
{
    private readonly SteppedTime _time = new();

    [Theory]
    [InlineData("predictions", "", "")]
    [InlineData("predictions", "?explain", "")]
    [InlineData("predictions", "", "respond-async")]
    [InlineData("explanations", "", "")]
    [InlineData("infer", "", "")]
    public async Task A_body_that_is_sent_too_slowly_is_told_that_the_deadline_has_passed(string call, string query, string prefer)
    {
        var body = new Pipe();
        var http = new DefaultHttpContext();
        http.SetCaller(new Caller("t", Role.Predictor, "key:1"));
        http.Request.Body = body.Reader.AsStream();
        http.Request.ContentType = "application/json";
        http.Request.QueryString = new QueryString(query);
        http.Request.Headers["Prefer"] = prefer;
        http.Request.Headers[RequestDeadline.Header] = "250";
        await body.Writer.WriteAsync("{\"rows\":["u8.ToArray());

        var answering = AnswerAsync(call, http.Request);
        _time.Advance(TimeSpan.FromMilliseconds(250));

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => answering.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.Equal(Problem.Timeout, refusal.Problem);
        Assert.Contains("250 ms", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/api/v1/endpoints/{endpoint}/predictions")]
    [InlineData("/api/v1/endpoints/{endpoint}/explanations")]
    [InlineData("/v2/models/{model}/infer")]
    [InlineData("/v2/models/{model}/versions/{version}/infer")]
    public void The_deadline_is_part_of_what_the_API_says_of_itself(string path)
    {
        var parameters = new OpenApiGenerator().Describe(typeof(OpenApiGenerator).Assembly)["paths"]![path]!["post"]!["parameters"]!.AsArray();

        Assert.Contains(parameters, parameter => ((string?)parameter!["in"], (string?)parameter["name"]) == ("header", RequestDeadline.Header));
    }

    private Task<IResult> AnswerAsync(string call, HttpRequest request)
    {
        var predictions = new PredictionFunctions(null!, null!, _time);
        return call switch
        {
            "predictions" => predictions.PredictAsync(request, "e"),
            "explanations" => predictions.ExplainAsync(request, "e"),
            _ => new InferenceFunctions(null!, null!, _time).InferAsync(request, "m"),
        };
    }
}
