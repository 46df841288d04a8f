using AIaaS.Functions.OpenApi;
using AIaaS.Functions.Requests;
using AIaaS.Platform.Problems;

namespace AIaaS.Functions.Tests.Predictions;

public sealed class PredictionDeadlineTests : IAsyncDisposable
{
    private readonly SteppedTime _time = new();
    private readonly PredictionAdmissionWorld _world;

    public PredictionDeadlineTests() => _world = new PredictionAdmissionWorld(_time);

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Theory]
    [InlineData("predictions", "", "")]
    [InlineData("predictions", "?explain", "")]
    [InlineData("predictions", "", "respond-async")]
    [InlineData("explanations", "", "")]
    [InlineData("infer", "", "")]
    public async Task A_body_that_is_sent_too_slowly_is_told_that_the_deadline_has_passed(string call, string query, string prefer)
    {
        var request = await PredictionCalls.BeginAsync(query, prefer);
        request.Headers[RequestDeadline.Header] = "250";

        var answering = PredictionCalls.AnswerAsync(call, request, _world.Admission, _time);
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
}
