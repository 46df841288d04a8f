using AIaaS.Platform.Problems;

namespace AIaaS.Functions.Tests.Predictions;

public sealed class PredictionRoomTests : IAsyncDisposable
{
    private readonly SteppedTime _time = new();
    private readonly PredictionAdmissionWorld _world;

    public PredictionRoomTests() => _world = new PredictionAdmissionWorld(_time);

    public ValueTask DisposeAsync() => _world.DisposeAsync();

    [Theory]
    [InlineData("predictions", "", null)]
    [InlineData("predictions", "?explain", null)]
    [InlineData("explanations", "", null)]
    [InlineData("infer", "", null)]
    [InlineData("infer", "", "gzip")]
    public async Task A_request_without_room_is_refused_before_its_body_is_there(string call, string query, string? coding)
    {
        using var other = _world.Admission.Enter("other");
        var request = await PredictionCalls.BeginAsync(query);
        request.Headers.ContentEncoding = coding;

        var answering = PredictionCalls.AnswerAsync(call, request, _world.Admission, _time);

        var refusal = await Assert.ThrowsAsync<ProblemException>(() => answering.WaitAsync(TimeSpan.FromSeconds(30)));
        Assert.Equal(Problem.Unavailable, refusal.Problem);
        Assert.NotNull(refusal.RetryAfter);
    }
}
